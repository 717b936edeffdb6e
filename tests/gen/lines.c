/* SPDX-License-Identifier: Apache-2.0 */
/* A line is a template; %x in it is a piece, one function each (the table `pieces`).  Templates nest:
 * %m is a message from `messages`, %j the same as a JSON string. */
#include "tests/gen/lines.h"

#include <stdlib.h>
#include <time.h>

#include "base/json.h"
#include "base/mem.h"

struct lines {
        struct lines_config c;
        uint64_t random;
        uint64_t sequence;
        int64_t now_ms;
        unsigned frames_left; /* of the stack trace that is being written */
        unsigned causes_left;
        size_t begin;          /* where this line began in the caller's buffer */
        struct buf message;    /* scratch of %j */
        int64_t cached_second; /* the second that the texts below show */
        char iso[24], clf[32], syslog[20];
};

const char *const lines_kinds[] = { "access", "json", "java", "syslog", "mix", NULL };

enum { FRAME_ROOM = 300 }; /* what a template takes beside its filler */

/* --- chance ---------------------------------------------------------------------------------- */

static uint64_t next_random(struct lines *l) /* splitmix64 */
{
        uint64_t z = l->random += UINT64_C(0x9e3779b97f4a7c15);
        z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
        z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
        return z ^ (z >> 31);
}

static unsigned below(struct lines *l, size_t n)
{
        return (unsigned)(((next_random(l) >> 32) * n) >> 32);
}

#define PICK(l, table) ((table)[below((l), ARRAY_LEN(table))])

/* --- pieces ---------------------------------------------------------------------------------- */

static void expand(struct lines *l, struct buf *out, const char *template);

static void put_hex(struct lines *l, struct buf *out, unsigned digits)
{
        char *p = buf_reserve(out, digits);
        uint64_t bits = 0;
        for (unsigned i = 0; i < digits; i++, bits >>= 4) {
                if (i % 16 == 0)
                        bits = next_random(l);
                p[i] = "0123456789abcdef"[bits & 15];
        }
        out->len += digits;
}

static void piece_hex8(struct lines *l, struct buf *out)
{
        put_hex(l, out, 8);
}

static void piece_span(struct lines *l, struct buf *out)
{
        put_hex(l, out, 16);
}

static void piece_trace(struct lines *l, struct buf *out)
{
        put_hex(l, out, 32);
}

static void piece_uuid(struct lines *l, struct buf *out)
{
        static const unsigned groups[] = { 8, 4, 4, 4, 12 };
        for (size_t i = 0; i < ARRAY_LEN(groups); i++) {
                if (i)
                        buf_putc(out, '-');
                put_hex(l, out, groups[i]);
        }
}

/* Small numbers are common, large ones are not rare: up to 10, 100, ... 1,000,000 with equal chance. */
static void piece_number(struct lines *l, struct buf *out)
{
        static const unsigned limits[] = { 10, 100, 1000, 10000, 100000, 1000000 };
        buf_put_u64(out, below(l, PICK(l, limits)));
}

static void piece_two_digits(struct lines *l, struct buf *out)
{
        buf_put_u64(out, 10 + below(l, 90));
}

static void piece_ip(struct lines *l, struct buf *out)
{
        uint64_t bits = next_random(l);
        for (int i = 0; i < 4; i++, bits >>= 8) {
                if (i)
                        buf_putc(out, '.');
                buf_put_u64(out, 1 + (bits & 0xff) % 254);
        }
}

static void piece_tag(struct lines *l, struct buf *out)
{
        buf_put(out, "n=", 2);
        buf_puts(out, l->c.writer);
        buf_putc(out, '-');
        buf_put_u64(out, l->sequence++);
}

static void piece_iso(struct lines *l, struct buf *out)
{
        buf_puts(out, l->iso);
}

static void piece_clf(struct lines *l, struct buf *out)
{
        buf_puts(out, l->clf);
}

static void piece_syslog_time(struct lines *l, struct buf *out)
{
        buf_puts(out, l->syslog);
}

static void piece_millis(struct lines *l, struct buf *out)
{
        buf_put_u64(out, 1000 + (uint64_t)(l->now_ms % 1000));
        /* 1113 -> 113: the leading digit kept the zeros */
        memmove(out->data + out->len - 4, out->data + out->len - 3, 3);
        out->len--;
}

static void piece_epoch_ms(struct lines *l, struct buf *out)
{
        buf_put_u64(out, (uint64_t)l->now_ms);
}

static void piece_word(struct lines *l, struct buf *out)
{
        static const char *const words[] = {
                "cart",    "order",   "payment", "stock",   "invoice",  "parcel",  "refund", "voucher",
                "session", "catalog", "mailer",  "search",  "customer", "address", "price",  "shipment",
                "return",  "basket",  "label",   "account", "gateway",  "profile", "review", "loyalty",
        };
        buf_puts(out, PICK(l, words));
}

static void piece_class(struct lines *l, struct buf *out)
{
        static const char *const classes[] = {
                "OrderService",  "CartController", "PaymentClient", "StockRepository",
                "InvoiceJob",    "ParcelTracker",  "RefundHandler", "VoucherCache",
                "SessionFilter", "CatalogIndexer", "MailerQueue",   "PriceEngine",
        };
        buf_puts(out, PICK(l, classes));
}

static void piece_method(struct lines *l, struct buf *out)
{
        static const char *const methods[] = { "place",           "load",      "save", "charge",   "doFilter",
                                               "invoke",          "run",       "call", "validate", "publish",
                                               "lambda$submit$0", "access$300" };
        buf_puts(out, PICK(l, methods));
}

static void piece_user(struct lines *l, struct buf *out)
{
        static const char *const users[] = {
                "anna",   "ben", "zoë.müller", "josé",  "bob",   "o'brien",  "svetlana", "李雷", "fátima",
                "system", "eve", "çağla",      "batch", "admin", "guest-17", "søren",    "нина", "deploy",
        };
        buf_puts(out, PICK(l, users));
}

static void piece_user_ascii(struct lines *l, struct buf *out)
{
        static const char *const users[] = { "-", "-", "-", "-", "-", "anna", "ben", "kiosk", "api-client" };
        buf_puts(out, PICK(l, users));
}

static void piece_host(struct lines *l, struct buf *out)
{
        static const char *const hosts[] = { "web-1", "web-2",      "web-3",
                                             "db-1",  "cache-eu-1", "mx.shop.example" };
        buf_puts(out, PICK(l, hosts));
}

static void piece_level(struct lines *l, struct buf *out)
{
        static const char *const levels[] = { "INFO", "INFO", "INFO", "INFO",  "INFO",  "DEBUG",
                                              "INFO", "WARN", "WARN", "DEBUG", "TRACE", "ERROR" };
        buf_puts(out, PICK(l, levels));
}

static void piece_status(struct lines *l, struct buf *out)
{
        static const char *const codes[] = { "200", "200", "200", "200", "200", "201", "204", "301",
                                             "304", "400", "401", "404", "404", "429", "500", "503" };
        buf_puts(out, PICK(l, codes));
}

static void piece_verb(struct lines *l, struct buf *out)
{
        static const char *const verbs[] = { "GET", "GET", "GET", "GET", "POST", "PUT", "DELETE", "HEAD" };
        buf_puts(out, PICK(l, verbs));
}

static void piece_path(struct lines *l, struct buf *out)
{
        static const char *const paths[] = {
                "/",
                "/api/v1/%w/%d",
                "/api/v2/%ws",
                "/static/js/app.%h.js",
                "/%w/%d",
                "/health",
                "/img/%w-%d.webp",
                "/%w/%d/items/%d",
                "/search",
                "/login",
                "/%w/%U",
                "/caf%%C3%%A9/men%%C3%%BC",
                "/assets/%h%h.css",
                "/api/v1/%w/%d/%w",
                "/robots.txt",
        };
        expand(l, out, PICK(l, paths));
}

static void piece_agent(struct lines *l, struct buf *out)
{
        static const char *const agents[] = {
                "curl/7.88.1",
                "kube-probe/1.31",
                "Mozilla/5.0 (X11; Linux x86_64; rv:1%P.0) Gecko/20100101 Firefox/1%P.0",
                "Mozilla/5.0 (iPhone; CPU iPhone OS 18_2 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148",
                "shop-app/4.%P (Android 15; \\\"Pixel\\\")",
                "-",
                "python-requests/2.%P",
        };
        expand(l, out, PICK(l, agents));
}

static void piece_referrer(struct lines *l, struct buf *out)
{
        static const char *const referrers[] = { "-", "-", "-", "https://shop.example%p",
                                                 "https://www.example/%w" };
        expand(l, out, PICK(l, referrers));
}

/* Brings the line to long_bytes. Compressible: a run; else 6 random bits a byte. */
static void piece_filler(struct lines *l, struct buf *out)
{
        size_t so_far = out->len - (out == &l->message ? 0 : l->begin) + FRAME_ROOM;
        if (l->c.long_bytes <= so_far)
                return;
        size_t n = l->c.long_bytes - so_far;
        buf_puts(out, "&data=");
        char *p = buf_reserve(out, n);
        uint64_t bits = 0;
        for (size_t i = 0; i < n; i++, bits >>= 6) {
                if (i % 10 == 0)
                        bits = l->c.compressible ? 0 : next_random(l);
                p[i] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"[bits & 63];
        }
        out->len += n;
}

static void piece_message(struct lines *l, struct buf *out)
{
        static const char *const messages[] = {
                "%w %d accepted, total %P.%P EUR %n%f",
                "GET %p answered 200 in %d ms %n%f",
                "user %u logged in from %i %n%f",
                "user \"%u\" changed the %w of \"%u\" %n%f",
                "cache miss for key %w:%d, loading %n%f",
                "retrying %w %U in %P s (attempt %d) %n%f",
                "slow query (%d ms): SELECT * FROM %ws WHERE customer = '%u' AND total > %d ORDER BY created "
                "%n%f",
                "wrote C:\\export\\%w\\%h.csv, %d rows %n%f",
                "queue %w: depth=%d\toldest=%P s\tconsumers=%d %n%f",
                "%n started %w worker %d%f",
                "connection to %h.db.shop.example:5432 lost: \"server closed the connection unexpectedly\" "
                "%n%f",
                "größe der bestellung %d: %P.%P € für %u %n%f",
                "сессия %h истекла, пользователь %u %n%f",
                "注文 %d を受け付けました（%u） %n%f",
                "%w feed 🚚 %d parcels left the warehouse %n%f",
                "request {\"id\":\"%U\",\"%w\":{\"qty\":%d,\"note\":\"it's \\\"urgent\\\"\"}} %n%f",
                "%c: config reloaded, %d keys, checksum %h%h%h%h %n%f",
                "gc pause %P ms, heap %dM -> %dM %n%f",
                "%w %d: state NEW -> PAID -> PACKED by %u; carrier %w, track https://track.example/%U?%n%f",
                "done %n%f",
        };
        expand(l, out, PICK(l, messages));
}

static void piece_json_message(struct lines *l, struct buf *out)
{
        buf_reset(&l->message);
        piece_message(l, &l->message);
        json_string(out, l->message.data, l->message.len);
}

static void (*const pieces[128])(struct lines *, struct buf *) = {
        ['h'] = piece_hex8,         ['s'] = piece_span,        ['t'] = piece_trace,
        ['U'] = piece_uuid,         ['d'] = piece_number,      ['P'] = piece_two_digits,
        ['i'] = piece_ip,           ['n'] = piece_tag,         ['I'] = piece_iso,
        ['C'] = piece_clf,          ['Y'] = piece_syslog_time, ['M'] = piece_millis,
        ['E'] = piece_epoch_ms,     ['w'] = piece_word,        ['c'] = piece_class,
        ['x'] = piece_method,       ['u'] = piece_user,        ['a'] = piece_user_ascii,
        ['H'] = piece_host,         ['L'] = piece_level,       ['S'] = piece_status,
        ['V'] = piece_verb,         ['p'] = piece_path,        ['A'] = piece_agent,
        ['R'] = piece_referrer,     ['f'] = piece_filler,      ['m'] = piece_message,
        ['j'] = piece_json_message,
};

static void expand(struct lines *l, struct buf *out, const char *template)
{
        for (const char *p = template; *p;) {
                size_t plain = strcspn(p, "%");
                buf_put(out, p, plain);
                p += plain;
                if (!*p)
                        return;
                if (p[1] == '%') {
                        buf_putc(out, '%');
                } else {
                        CHECK(p[1] > 0 && pieces[(unsigned char)p[1]]);
                        pieces[(unsigned char)p[1]](l, out);
                }
                p += 2;
        }
}

/* --- kinds ----------------------------------------------------------------------------------- */

static void line_access(struct lines *l, struct buf *out)
{
        static const char *const templates[] = {
                "%i - %a [%C] \"%V %p?%n%f HTTP/1.1\" %S %d \"%R\" \"%A\"",
                "%i - - [%C] \"GET /health?%n%f HTTP/1.1\" 200 2 \"-\" \"kube-probe/1.31\"",
                "%i - %a [%C] \"%V %p?q=%w+%w&%n%f HTTP/2.0\" %S %d \"%R\" \"%A\"",
        };
        expand(l, out, PICK(l, templates));
}

static void line_json(struct lines *l, struct buf *out)
{
        static const char *const templates[] = {
                "{\"@timestamp\":\"%I.%MZ\",\"log.level\":\"%L\",\"message\":%j,\"trace.id\":\"%t\",\"span."
                "id\":\"%s\","
                "\"service.name\":\"%w\"}",
                "{\"level\":30,\"time\":%E,\"pid\":%d,\"hostname\":\"%H\",\"traceId\":\"%t\",\"spanId\":\"%"
                "s\","
                "\"req\":{\"method\":\"%V\",\"url\":\"%p\",\"headers\":{\"host\":\"%H\"}},\"msg\":%j}",
                "{\"level\":\"info\",\"ts\":\"%I.%MZ\",\"caller\":\"%w/"
                "handler.go:%d\",\"msg\":%j,\"trace_id\":\"%t\","
                "\"span_id\":\"%s\",\"user\":{\"id\":\"%u\",\"roles\":[\"buyer\",\"%w\"]}}",
                "{\"timestamp\":\"%I.%MZ\",\"severity\":\"%L\",\"trace\":{\"id\":\"%t\"},\"span\":{\"id\":\"%"
                "s\"},"
                "\"message\":%j,\"labels\":{\"%w\":\"%d\",\"region\":\"eu-%P\"}}",
                "{\"time\":\"%I.%MZ\",\"lvl\":\"%L\",\"traceparent\":\"00-%t-%s-01\",\"userId\":\"%u\","
                "\"message\":%j}",
                "{\"ts\":%E,\"logger\":\"com.shop.%w.%c\",\"level\":\"ERROR\",\"X-B3-TraceId\":\"%s\","
                "\"message\":%j,"
                "\"error\":{\"type\":\"java.lang.IllegalStateException\","
                "\"stack\":\"java.lang.IllegalStateException: %w %d\\n\\tat com.shop.%c.%x(%c.java:%P)\"}}",
                "{\"level\":\"%L\",\"msg\":%j}",
                "{\"date\":\"%I+00:00\",\"channel\":\"%w\",\"message\":%j,\"context\":{\"took\":0.%d,\"ok\":"
                "true,"
                "\"tags\":null},\"user_id\":%d}",
        };
        expand(l, out, PICK(l, templates));
}

static void begin_trace(struct lines *l)
{
        l->frames_left = 4 + below(l, 24);
        l->causes_left = below(l, 3);
}

static void line_java_trace(struct lines *l, struct buf *out)
{
        static const char *const frames[] = {
                "\tat com.shop.%w.%c.%x(%c.java:%P) ~[%w-2.%P.jar:%n]",
                "\tat com.shop.%w.%c.%x(%c.java:%P) [classes/:%n]",
                "\tat org.example.web.%c.%x(%c.java:%P) ~[web-6.1.%P.jar!/:%n]",
                "\tat java.base/java.util.concurrent.%c.%x(%c.java:%P) [%n]",
        };
        static const char *const causes[] = {
                "Caused by: java.net.SocketTimeoutException: %w did not answer within %d ms, %n",
                "Caused by: java.sql.SQLException: duplicate key \"%U\" (%n)",
                "Caused by: java.lang.NullPointerException: \"%w\" is null, cannot invoke %c.%x(), %n",
        };
        if (--l->frames_left > 0) {
                expand(l, out, PICK(l, frames));
        } else if (l->causes_left > 0) {
                l->causes_left--;
                l->frames_left = 3 + below(l, 9);
                expand(l, out, PICK(l, causes));
        } else {
                expand(l, out, "\t... %P common frames omitted, %n");
        }
}

static void line_java(struct lines *l, struct buf *out)
{
        static const char *const plain[] = {
                "%I,%M %L [http-nio-8080-exec-%P] c.shop.%w.%c - %m",
                "%I,%M %L [worker-%P] c.shop.%w.%c [trace_id=%t span_id=%s] - %m",
        };
        static const char *const failed[] = {
                "%I,%M ERROR [http-nio-8080-exec-%P] c.shop.%w.%c - java.lang.IllegalStateException: %w %d, "
                "%n%f",
                "%I,%M ERROR [main] c.shop.%w.%c - java.io.UncheckedIOException: cannot write "
                "\"%w\\%h.tmp\": %n%f",
        };
        if (l->frames_left > 0) {
                line_java_trace(l, out);
        } else if (below(l, 12) > 0) {
                expand(l, out, PICK(l, plain));
        } else {
                expand(l, out, PICK(l, failed));
                if (!l->c.long_bytes) /* frames are short */
                        begin_trace(l);
        }
}

static void line_syslog(struct lines *l, struct buf *out)
{
        static const char *const templates[] = {
                "<30>%Y %H systemd[1]: Started %w.service (%n%f).",
                "<86>%Y %H sshd[%d]: Accepted publickey for %a from %i port %d ssh2: ED25519 SHA256:%h%h "
                "%n%f",
                "<85>%Y %H sudo: %a : TTY=pts/1 ; PWD=/srv ; USER=root ; COMMAND=/usr/bin/touch %w %n%f",
                "<78>%Y %H CRON[%d]: (root) CMD (/usr/local/bin/%w --%n%f)",
                "<22>%Y %H postfix/smtp[%d]: %h: to=<%w@mail.example>, relay=none, delay=%P, status=deferred "
                "(%n%f)",
                "<4>%Y %H kernel: [%d.%d] net: %w0: link down, code %h %n%f",
                "<14>%Y %H %w[%d]: %m",
        };
        expand(l, out, PICK(l, templates));
}

static enum lines_kind mixed_kind(struct lines *l)
{
        static const enum lines_kind weights[] = { LINES_ACCESS, LINES_ACCESS, LINES_ACCESS,
                                                   LINES_SYSLOG, LINES_SYSLOG, LINES_SYSLOG,
                                                   LINES_JAVA,   LINES_JSON,   LINES_JSON };
        return PICK(l, weights);
}

/* --- the generator --------------------------------------------------------------------------- */

struct lines *lines_new(const struct lines_config *c)
{
        struct lines *l = xcalloc(1, sizeof(*l));
        l->c = *c;
        l->random = c->seed;
        l->sequence = c->first;
        l->now_ms = c->start_ms;
        l->cached_second = -1;
        return l;
}

void lines_free(struct lines *l)
{
        if (!l)
                return;
        buf_fini(&l->message);
        free(l);
}

/* Time goes on by 1 to 30 ms a line. The month's name is English whatever the locale: none is set. */
static void advance(struct lines *l)
{
        l->now_ms += 1 + below(l, 30);
        if (l->now_ms / 1000 == l->cached_second)
                return;
        l->cached_second = l->now_ms / 1000;
        time_t t = (time_t)l->cached_second;
        struct tm tm;
        gmtime_r(&t, &tm);
        strftime(l->iso, sizeof(l->iso), "%Y-%m-%dT%H:%M:%S", &tm);
        strftime(l->clf, sizeof(l->clf), "%d/%b/%Y:%H:%M:%S +0000", &tm);
        strftime(l->syslog, sizeof(l->syslog), "%b %e %H:%M:%S", &tm);
}

void lines_next(struct lines *l, struct buf *out)
{
        static void (*const writers[])(struct lines *, struct buf *) = {
                [LINES_ACCESS] = line_access,
                [LINES_JSON] = line_json,
                [LINES_JAVA] = line_java,
                [LINES_SYSLOG] = line_syslog,
        };
        advance(l);
        if (l->c.compressible)
                l->random = l->c.seed;
        l->begin = out->len;
        enum lines_kind kind = l->c.kind;
        if (kind == LINES_MIX)
                kind = l->frames_left > 0 ? LINES_JAVA : mixed_kind(l);
        writers[kind](l, out);
        buf_putc(out, '\n');
}
