/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fake/fake_es.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include <zlib.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/mem.h"

enum { MAX_RULES = 32, MAX_CONNECTIONS = 256, BUCKETS = 1 << 14, HEAD_MAX = 16384 };

struct doc {
        struct doc *next;
        char *index, *id;
        struct buf source;
};

struct doc_rule {
        struct fake_es_doc_rule rule;
        unsigned seen, hit, drawn;
};
struct request_rule {
        struct fake_es_request_rule rule;
        unsigned seen, hit;
};
struct reply {
        const char *method, *path, *body;
        unsigned status;
};

struct connection {
        struct fake_es *f;
        pthread_t thread;
        int fd; /* -1: closed by its thread */
        bool used;
};

struct fake_es {
        pthread_mutex_t lock; /* for all below but what never changes */
        pthread_t acceptor;
        int listener, wake[2];
        uint16_t port;
        char url[64];
        bool up;

        struct connection connections[MAX_CONNECTIONS];
        struct doc *docs[BUCKETS];
        struct doc_rule doc_rules[MAX_RULES];
        struct request_rule request_rules[MAX_RULES];
        struct reply replies[MAX_RULES];
        size_t ndoc_rules, nrequest_rules, nreplies, max_body;
        double pace, free_at_s; /* bytes a second; when the queue is empty */
        unsigned pace_base_ms, pace_patience_ms;
        struct fake_es_counts counts;
        unsigned at_once, made_up;
        char *last;
};

/* One request as read. */
struct request {
        char method[16], path[1024];
        struct buf head, raw, body; /* body: uncompressed */
        size_t length;
        bool gzip, close;
};

/* ---- documents --------------------------------------------------------------------------------- */

static size_t bucket_of(const char *index, const char *id)
{
        size_t h = 5381;

        for (const char *p = index; *p; p++)
                h = h * 33 + (unsigned char)*p;
        for (const char *p = id; *p; p++)
                h = h * 33 + (unsigned char)*p;
        return h % BUCKETS;
}

static struct doc *find_doc(struct fake_es *f, const char *index, const char *id)
{
        for (struct doc *d = f->docs[bucket_of(index, id)]; d; d = d->next)
                if (strcmp(d->index, index) == 0 && strcmp(d->id, id) == 0)
                        return d;
        return NULL;
}

static void add_doc(struct fake_es *f, const char *index, const char *id, const char *source, size_t n)
{
        struct doc *d = xcalloc(1, sizeof *d), **at = &f->docs[bucket_of(index, id)];

        d->index = xstrdup(index);
        d->id = xstrdup(id);
        buf_put(&d->source, source, n);
        d->next = *at;
        *at = d;
        f->counts.created++;
}

static void free_docs(struct fake_es *f)
{
        for (size_t i = 0; i < BUCKETS; i++) {
                for (struct doc *d = f->docs[i], *next; d; d = next) {
                        next = d->next;
                        free(d->index);
                        free(d->id);
                        buf_fini(&d->source);
                        free(d);
                }
        }
}

/* ---- rules --------------------------------------------------------------------------------------- */

static bool contains(const char *p, size_t n, const char *what)
{
        return !what || memmem(p, n, what, strlen(what)) != NULL;
}

/* Counts one that fits; true when the rule hits it. */
static bool rule_hits(unsigned *seen, unsigned *hit, unsigned skip, unsigned times)
{
        if ((*seen)++ < skip || (times > 0 && *hit >= times))
                return false;
        (*hit)++;
        return true;
}

/* Evenly: 30 of 100 are each third, about. */
static bool chosen(struct doc_rule *r)
{
        if (r->rule.percent == 0)
                return true;
        r->drawn += r->rule.percent;
        if (r->drawn < 100)
                return false;
        r->drawn -= 100;
        return true;
}

static const struct fake_es_doc_rule *doc_rule_for(struct fake_es *f, const char *index, const char *p,
                                                   size_t n)
{
        for (size_t i = 0; i < f->ndoc_rules; i++) {
                struct doc_rule *r = &f->doc_rules[i];

                if (contains(p, n, r->rule.contains) &&
                    (!r->rule.index || strcmp(r->rule.index, index) == 0) && chosen(r) &&
                    rule_hits(&r->seen, &r->hit, r->rule.skip, r->rule.times))
                        return &r->rule;
        }
        return NULL;
}

static bool request_fits(const struct fake_es_request_rule *rule, const struct request *q)
{
        const char *path = rule->path ? rule->path : "/_bulk";

        return strncmp(q->path, path, strlen(path)) == 0 && q->body.len >= rule->min_bytes &&
               contains(q->body.data, q->body.len, rule->contains);
}

static struct fake_es_request_rule request_rule_for(struct fake_es *f, const struct request *q)
{
        for (size_t i = 0; i < f->nrequest_rules; i++) {
                struct request_rule *r = &f->request_rules[i];

                if (request_fits(&r->rule, q) && rule_hits(&r->seen, &r->hit, r->rule.skip, r->rule.times))
                        return r->rule;
        }
        return (struct fake_es_request_rule){ 0 };
}

/* ---- a bulk -------------------------------------------------------------------------------------- */

/* The value of "key":"..." in an action line, unescaped as far as index names and ids need it. */
static bool take_string(const char *line, size_t n, const char *key, char *out, size_t size)
{
        const char *p = memmem(line, n, key, strlen(key)), *end = line + n;
        size_t len = 0;

        out[0] = '\0';
        if (!p)
                return false;
        for (p += strlen(key); p < end && *p != '"' && len + 1 < size; p++) {
                if (*p == '\\' && p + 1 < end)
                        p++;
                out[len++] = *p;
        }
        out[len] = '\0';
        return true;
}

static void put_item(struct buf *out, unsigned status, const char *type, const char *reason)
{
        if (out->data[out->len - 1] == '}')
                buf_putc(out, ',');
        buf_printf(out, "{\"create\":{\"status\":%u", status);
        if (type) {
                buf_puts(out, ",\"error\":{\"type\":");
                json_cstring(out, type);
                buf_puts(out, ",\"reason\":");
                json_cstring(out, reason ? reason : "");
                buf_putc(out, '}');
        }
        buf_puts(out, "}}");
}

/* Stores or refuses one document; true when its item is an error. */
static bool one_action(struct fake_es *f, const char *action, size_t an, const char *source, size_t sn,
                       struct buf *out)
{
        char index[512], id[1024], reason[2048];

        f->counts.actions++;
        take_string(action, an, "\"_index\":\"", index, sizeof index);
        if (!take_string(action, an, "\"_id\":\"", id, sizeof id))
                snprintf(id, sizeof id, "made-up-%u", f->made_up++);
        const struct fake_es_doc_rule *rule = doc_rule_for(f, index, source, sn);
        if (rule) {
                put_item(out, rule->status, rule->type, rule->reason);
                return rule->type != NULL;
        }
        if (find_doc(f, index, id)) {
                f->counts.conflicts++;
                snprintf(reason, sizeof reason,
                         "[%s]: version conflict, document already exists (current version [1])", id);
                put_item(out, 409, "version_conflict_engine_exception", reason);
                return true;
        }
        if (sn == 0 || source[0] != '{') {
                put_item(out, 500, "not_x_content_exception",
                         "Compressor detection can only be called on some xcontent bytes");
                return true;
        }
        add_doc(f, index, id, source, sn);
        put_item(out, 201, NULL, NULL);
        return false;
}

static unsigned bulk_error(struct buf *out, const char *reason)
{
        buf_reset(out);
        buf_puts(out, "{\"error\":{\"root_cause\":[],\"type\":\"illegal_argument_exception\",\"reason\":");
        json_cstring(out, reason);
        buf_puts(out, "},\"status\":400}");
        return 400;
}

/* One action and its document, each a line. */
struct pair {
        const char *action, *source, *end;
};

static bool next_pair(const char **p, const char *end, struct pair *ret)
{
        ret->action = *p;
        const char *action_end = *p < end ? memchr(*p, '\n', (size_t)(end - *p)) : NULL;
        if (!action_end)
                return false;
        ret->source = action_end + 1;
        ret->end = ret->source < end ? memchr(ret->source, '\n', (size_t)(end - ret->source)) : NULL;
        if (!ret->end)
                return false;
        *p = ret->end + 1;
        return true;
}

/* What makes the real one refuse the whole request; NULL: nothing. */
static const char *malformed(const char *p, const char *end)
{
        struct pair pair;

        if (p == end || end[-1] != '\n')
                return "The bulk request must be terminated by a newline [\\n]";
        while (p < end) {
                if (!next_pair(&p, end, &pair) || strncmp(pair.action, "{\"create\":{", 11) != 0)
                        return "Malformed action/metadata line, expected START_OBJECT";
                if (pair.end == pair.source)
                        return "Validation Failed: 1: source is missing;";
        }
        return NULL;
}

static unsigned do_bulk(struct fake_es *f, const struct request *q, struct buf *out)
{
        const char *p = q->body.data, *end = p + q->body.len, *fault = malformed(p, end);
        struct buf items = { 0 };
        struct pair pair;
        bool errors = false;
        size_t n = 0;

        if (fault)
                return bulk_error(out, fault);
        buf_puts(&items, "[");
        for (; next_pair(&p, end, &pair); n++)
                errors |= one_action(f, pair.action, (size_t)(pair.source - 1 - pair.action), pair.source,
                                     (size_t)(pair.end - pair.source), &items);
        if (n > f->counts.largest_actions)
                f->counts.largest_actions = n;
        buf_printf(out, "{\"errors\":%s,\"items\":", errors ? "true" : "false");
        buf_put(out, items.data, items.len);
        buf_puts(out, "]}");
        buf_fini(&items);
        return 200;
}

/* ---- reading a request ----------------------------------------------------------------------------- */

static bool read_some(int fd, struct buf *b)
{
        char *to = buf_reserve(b, 65536);
        ssize_t n = read(fd, to, 65536);

        if (n <= 0)
                return false;
        b->len += (size_t)n;
        return true;
}

static void parse_head(struct request *q)
{
        const char *head = buf_cstr(&q->head);

        sscanf(head, "%15s %1023s", q->method, q->path);
        for (const char *line = strchr(head, '\n'); line; line = strchr(line + 1, '\n')) {
                if (strncasecmp(line + 1, "content-length:", 15) == 0)
                        q->length = strtoul(line + 16, NULL, 10);
                if (strncasecmp(line + 1, "content-encoding: gzip", 22) == 0)
                        q->gzip = true;
                if (strncasecmp(line + 1, "connection: close", 17) == 0)
                        q->close = true;
        }
}

static bool inflate_body(struct request *q)
{
        z_stream z = { 0 };
        int r = Z_OK;

        if (inflateInit2(&z, 16 + MAX_WBITS) != Z_OK)
                return false;
        z.next_in = (Bytef *)q->raw.data;
        z.avail_in = (uInt)q->raw.len;
        while (r == Z_OK) {
                z.next_out = (Bytef *)buf_reserve(&q->body, 65536);
                z.avail_out = 65536;
                r = inflate(&z, Z_NO_FLUSH);
                q->body.len += 65536 - z.avail_out;
        }
        inflateEnd(&z);
        return r == Z_STREAM_END;
}

/* Reads head and body from what is buffered and the socket. False: the connection ended. */
static bool read_request(int fd, struct buf *in, struct request *q)
{
        const char *end;

        while (!(end = in->len ? memmem(in->data, in->len, "\r\n\r\n", 4) : NULL))
                if (in->len > HEAD_MAX || !read_some(fd, in))
                        return false;
        size_t head = (size_t)(end - in->data) + 4;
        buf_put(&q->head, in->data, head);
        parse_head(q);
        while (in->len < head + q->length)
                if (!read_some(fd, in))
                        return false;
        buf_put(&q->raw, in->data + head, q->length);
        memmove(in->data, in->data + head + q->length, in->len - head - q->length);
        in->len -= head + q->length;
        if (!q->gzip)
                buf_put(&q->body, q->raw.data, q->raw.len);
        return !q->gzip || inflate_body(q);
}

static void request_fini(struct request *q)
{
        buf_fini(&q->head);
        buf_fini(&q->raw);
        buf_fini(&q->body);
}

/* ---- answering -------------------------------------------------------------------------------------- */

static bool write_all(int fd, const char *p, size_t n)
{
        while (n > 0) {
                ssize_t w = send(fd, p, n, MSG_NOSIGNAL);
                if (w <= 0)
                        return false;
                p += w;
                n -= (size_t)w;
        }
        return true;
}

static bool write_answer(int fd, const struct request *q, unsigned status, const struct buf *body,
                         const struct fake_es_request_rule *rule)
{
        bool cut = rule->cut_after > 0 && rule->cut_after < body->len;
        size_t n = cut ? rule->cut_after : body->len;
        struct buf out = { 0 };

        buf_printf(&out, "HTTP/1.1 %u Status\r\nX-elastic-product: Elasticsearch\r\ncontent-type: %s\r\n",
                   status, rule->content_type ? rule->content_type : "application/json");
        buf_printf(&out, "content-length: %zu\r\n", cut && rule->cut_clean ? n : body->len);
        if (rule->retry_after_s)
                buf_printf(&out, "Retry-After: %u\r\n", rule->retry_after_s);
        if (rule->retry_after)
                buf_printf(&out, "Retry-After: %s\r\n", rule->retry_after);
        if (rule->location)
                buf_printf(&out, "Location: %s\r\n", rule->location);
        buf_puts(&out, "\r\n");
        if (strcmp(q->method, "HEAD") != 0)
                buf_put(&out, body->data, n);
        bool ok = write_all(fd, out.data, out.len);
        buf_fini(&out);
        return ok && (!cut || rule->cut_clean) && !q->close;
}

static unsigned other_reply(struct fake_es *f, const struct request *q, struct buf *out)
{
        for (size_t i = f->nreplies; i-- > 0;) {
                const struct reply *r = &f->replies[i];

                if (strcmp(r->method, q->method) == 0 && strncmp(r->path, q->path, strlen(r->path)) == 0) {
                        buf_puts(out, r->body);
                        return r->status;
                }
        }
        buf_puts(out, "{\"error\":\"no handler found\",\"status\":404}");
        return 404;
}

static unsigned error_reply(const struct fake_es_request_rule *rule, struct buf *out)
{
        if (rule->body) {
                buf_puts(out, rule->body);
                return rule->status;
        }
        buf_puts(out, "{\"error\":{\"root_cause\":[{\"type\":\"inner\",\"reason\":\"inner\"}],\"type\":");
        json_cstring(out, rule->type ? rule->type : "some_exception");
        buf_puts(out, ",\"reason\":");
        json_cstring(out, rule->reason ? rule->reason : "");
        buf_printf(out, "},\"status\":%u}", rule->status);
        return rule->status;
}

static double now_s(void)
{
        struct timespec t;

        clock_gettime(CLOCK_MONOTONIC, &t);
        return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Its place in the queue: sets how long it takes, or refuses. With the lock held. */
static bool queue_takes(struct fake_es *f, const struct request *q, unsigned *ret_delay_ms)
{
        double now = now_s(), start = f->free_at_s > now ? f->free_at_s : now;

        if (f->pace == 0)
                return true;
        if (f->pace_patience_ms > 0 && (start - now) * 1000 > f->pace_patience_ms)
                return false;
        f->free_at_s = start + (double)q->body.len / f->pace;
        *ret_delay_ms = (unsigned)((f->free_at_s - now) * 1000) + f->pace_base_ms;
        return true;
}

/* With the lock held. */
static unsigned decide(struct fake_es *f, const struct request *q, struct fake_es_request_rule *ret_rule,
                       struct buf *out)
{
        bool bulk = strncmp(q->path, "/_bulk", 6) == 0;

        *ret_rule = request_rule_for(f, q);
        f->counts.requests++;
        f->counts.bulks += bulk;
        free(f->last);
        f->last = xstrndup(q->head.data, q->head.len);
        if (ret_rule->hang_up || ret_rule->never)
                return 0;
        if (ret_rule->status)
                return error_reply(ret_rule, out);
        if (!bulk)
                return other_reply(f, q, out);
        if (f->max_body && q->body.len > f->max_body) {
                buf_puts(out, "<html>413 Request Entity Too Large</html>");
                return 413;
        }
        if (!queue_takes(f, q, &ret_rule->delay_ms)) {
                *ret_rule = (struct fake_es_request_rule){
                        .status = 429,
                        .type = "es_rejected_execution_exception",
                        .reason = "rejected execution of coordinating operation"
                };
                return error_reply(ret_rule, out);
        }
        return do_bulk(f, q, out);
}

/* Waits unless the fake goes down or the peer away. */
static bool pause_ms(int fd, int ms)
{
        struct pollfd p = { .fd = fd, .events = POLLRDHUP };
        return poll(&p, 1, ms) == 0;
}

static bool serve_one(struct fake_es *f, int fd, struct request *q)
{
        struct fake_es_request_rule rule;
        struct buf out = { 0 };

        pthread_mutex_lock(&f->lock);
        if (++f->at_once > f->counts.most_at_once)
                f->counts.most_at_once = f->at_once;
        unsigned status = decide(f, q, &rule, &out);
        pthread_mutex_unlock(&f->lock);

        bool keep = true;
        if (rule.never)
                keep = pause_ms(fd, -1);
        else if (rule.hang_up || rule.lose_answer)
                keep = false;
        else if (rule.delay_ms)
                keep = pause_ms(fd, (int)rule.delay_ms);
        pthread_mutex_lock(&f->lock);
        f->at_once--;
        pthread_mutex_unlock(&f->lock);
        if (keep)
                keep = write_answer(fd, q, status, &out, &rule);
        buf_fini(&out);
        return keep;
}

static void *serve(void *connection)
{
        struct connection *c = connection;
        struct buf in = { 0 };
        bool more = true;

        while (more) {
                struct request q = { 0 };
                more = read_request(c->fd, &in, &q) && serve_one(c->f, c->fd, &q);
                request_fini(&q);
        }
        buf_fini(&in);
        pthread_mutex_lock(&c->f->lock);
        close(c->fd);
        c->fd = -1;
        pthread_mutex_unlock(&c->f->lock);
        return NULL;
}

/* ---- connections -------------------------------------------------------------------------------------- */

static void take_connection(struct fake_es *f, int fd)
{
        int one = 1;

        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        for (size_t i = 0; i < MAX_CONNECTIONS; i++) {
                struct connection *c = &f->connections[i];

                pthread_mutex_lock(&f->lock);
                bool idle = !c->used || c->fd < 0;
                pthread_mutex_unlock(&f->lock);
                if (!idle)
                        continue;
                if (c->used)
                        pthread_join(c->thread, NULL);
                pthread_mutex_lock(&f->lock);
                *c = (struct connection){ .f = f, .fd = fd, .used = true };
                f->counts.connections++;
                pthread_mutex_unlock(&f->lock);
                int r = pthread_create(&c->thread, NULL, serve, c);
                CHECK(r == 0);
                return;
        }
        close(fd);
}

static void *accept_all(void *fake)
{
        struct fake_es *f = fake;

        for (;;) {
                struct pollfd p[] = { { .fd = f->listener, .events = POLLIN },
                                      { .fd = f->wake[0], .events = POLLIN } };

                poll(p, 2, -1);
                if (p[1].revents)
                        return NULL;
                int fd = accept4(f->listener, NULL, NULL, SOCK_CLOEXEC);
                if (fd >= 0)
                        take_connection(f, fd);
        }
}

void fake_es_up(struct fake_es *f)
{
        struct sockaddr_in a = { .sin_family = AF_INET,
                                 .sin_port = htons(f->port),
                                 .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        socklen_t len = sizeof a;
        int one = 1, r;

        f->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        CHECK(f->listener >= 0);
        setsockopt(f->listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
        r = bind(f->listener, (struct sockaddr *)&a, sizeof a);
        CHECK(r == 0);
        r = listen(f->listener, 128);
        CHECK(r == 0);
        getsockname(f->listener, (struct sockaddr *)&a, &len);
        f->port = ntohs(a.sin_port);
        snprintf(f->url, sizeof f->url, "http://127.0.0.1:%u", f->port);
        r = pipe(f->wake);
        CHECK(r == 0);
        f->up = true;
        r = pthread_create(&f->acceptor, NULL, accept_all, f);
        CHECK(r == 0);
}

void fake_es_down(struct fake_es *f)
{
        if (!f->up)
                return;
        f->up = false;
        close(f->wake[1]);
        pthread_join(f->acceptor, NULL);
        close(f->wake[0]);
        close(f->listener);
        for (size_t i = 0; i < MAX_CONNECTIONS; i++) {
                struct connection *c = &f->connections[i];

                if (!c->used)
                        continue;
                pthread_mutex_lock(&f->lock);
                if (c->fd >= 0)
                        shutdown(c->fd, SHUT_RDWR);
                pthread_mutex_unlock(&f->lock);
                pthread_join(c->thread, NULL);
                c->used = false;
        }
}

struct fake_es *fake_es_new(void)
{
        struct fake_es *f = xcalloc(1, sizeof *f);

        pthread_mutex_init(&f->lock, NULL);
        fake_es_up(f);
        return f;
}

void fake_es_free(struct fake_es *f)
{
        if (!f)
                return;
        fake_es_down(f);
        free_docs(f);
        free(f->last);
        pthread_mutex_destroy(&f->lock);
        free(f);
}

const char *fake_es_url(const struct fake_es *f)
{
        return f->url;
}

/* ---- orders and questions -------------------------------------------------------------------------------- */

void fake_es_doc_rule(struct fake_es *f, const struct fake_es_doc_rule *rule)
{
        pthread_mutex_lock(&f->lock);
        CHECK(f->ndoc_rules < MAX_RULES);
        f->doc_rules[f->ndoc_rules++] = (struct doc_rule){ .rule = *rule };
        pthread_mutex_unlock(&f->lock);
}

void fake_es_request_rule(struct fake_es *f, const struct fake_es_request_rule *rule)
{
        pthread_mutex_lock(&f->lock);
        CHECK(f->nrequest_rules < MAX_RULES);
        f->request_rules[f->nrequest_rules++] = (struct request_rule){ .rule = *rule };
        pthread_mutex_unlock(&f->lock);
}

void fake_es_max_body(struct fake_es *f, size_t bytes)
{
        pthread_mutex_lock(&f->lock);
        f->max_body = bytes;
        pthread_mutex_unlock(&f->lock);
}

void fake_es_pace(struct fake_es *f, double bytes_per_s, unsigned base_ms, unsigned patience_ms)
{
        pthread_mutex_lock(&f->lock);
        f->pace = bytes_per_s;
        f->pace_base_ms = base_ms;
        f->pace_patience_ms = patience_ms;
        pthread_mutex_unlock(&f->lock);
}

void fake_es_clear_rules(struct fake_es *f)
{
        pthread_mutex_lock(&f->lock);
        f->ndoc_rules = f->nrequest_rules = 0;
        f->max_body = 0;
        pthread_mutex_unlock(&f->lock);
}

void fake_es_reply(struct fake_es *f, const char *method, const char *path, unsigned status, const char *body)
{
        pthread_mutex_lock(&f->lock);
        CHECK(f->nreplies < MAX_RULES);
        f->replies[f->nreplies++] =
                (struct reply){ .method = method, .path = path, .status = status, .body = body };
        pthread_mutex_unlock(&f->lock);
}

size_t fake_es_docs(struct fake_es *f, const char *index)
{
        size_t n = 0;

        pthread_mutex_lock(&f->lock);
        for (size_t i = 0; i < BUCKETS; i++)
                for (const struct doc *d = f->docs[i]; d; d = d->next)
                        n += !index || strcmp(d->index, index) == 0;
        pthread_mutex_unlock(&f->lock);
        return n;
}

char *fake_es_doc(struct fake_es *f, const char *index, const char *id)
{
        pthread_mutex_lock(&f->lock);
        const struct doc *d = find_doc(f, index, id);
        char *copy = d ? xstrndup(d->source.data, d->source.len) : NULL;
        pthread_mutex_unlock(&f->lock);
        return copy;
}

struct fake_es_counts fake_es_counts(struct fake_es *f)
{
        pthread_mutex_lock(&f->lock);
        struct fake_es_counts counts = f->counts;
        pthread_mutex_unlock(&f->lock);
        return counts;
}

char *fake_es_last_request(struct fake_es *f)
{
        pthread_mutex_lock(&f->lock);
        char *copy = f->last ? xstrdup(f->last) : NULL;
        pthread_mutex_unlock(&f->lock);
        return copy;
}
