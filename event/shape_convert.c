/* SPDX-License-Identifier: Apache-2.0 */
#include "event/shape_convert.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "event/timestamp.h"

enum { ID_MAX = 128, NUMBER_MAX = 64 };

static bool is_digits(const char *p, size_t n)
{
        for (size_t i = 0; i < n; i++)
                if (p[i] < '0' || p[i] > '9')
                        return false;
        return n > 0;
}

static unsigned text_is(const char *p, size_t n)
{
        bool drive = n > 2 && p[1] == ':' && p[2] == '\\';
        unsigned is = V_TEXT;

        if (n > 0 && (*p == '/' || drive))
                is |= V_PATH;
        if (n > 0 && n <= ID_MAX && !memchr(p, ' ', n) && !memchr(p, '\\', n))
                is |= V_TOKEN;
        return is;
}

static const char *skip_space(const char *p, const char *end)
{
        while (p < end && (*p == ' ' || *p == '\t' || *p == '\n' || *p == '\r'))
                p++;
        return p;
}

unsigned shape_value_is(const struct scan_value *v)
{
        switch (v->type) {
        case SCAN_STRING:
                return text_is(v->p, v->len);
        case SCAN_NUMBER:
                return V_NUMBER;
        case SCAN_BOOL:
                return V_BOOL;
        case SCAN_OBJECT:
                return V_OBJECT;
        case SCAN_ARRAY: {
                const char *first = skip_space(v->p + 1, v->p + v->len);
                return *first == '{' || *first == ']' ? V_OBJECTS : V_LIST;
        }
        case SCAN_NULL:
                return V_NULL;
        case SCAN_ABSENT:
                break;
        }
        return 0;
}

void shape_put_raw(struct buf *b, const struct scan_value *v)
{
        bool quoted = v->type == SCAN_STRING;

        buf_put(b, v->p - quoted, v->len + 2 * (size_t)quoted);
}

/* --- text ----------------------------------------------------------------------------------- */

/* journald writes a message that is no UTF-8 as an array of its bytes. */
static bool put_bytes(struct buf *text, const struct scan_value *v)
{
        const char *p = v->p + 1, *end = v->p + v->len - 1;

        for (;; p++) {
                unsigned byte = 0;
                const char *start = p = skip_space(p, end);
                for (; p < end && *p >= '0' && *p <= '9' && byte <= 255; p++)
                        byte = byte * 10 + (unsigned)(*p - '0');
                if (p == start || byte > 255)
                        return false;
                buf_putc(text, (char)byte);
                p = skip_space(p, end);
                if (p == end)
                        return true;
                if (*p != ',')
                        return false;
        }
}

static bool put_line(struct buf *b, const struct scan_value *v)
{
        struct buf text = { 0 };
        bool ok = true;

        if (v->type == SCAN_STRING)
                scan_unescape(&text, v);
        else if (v->type == SCAN_ARRAY)
                ok = put_bytes(&text, v);
        else
                ok = false;
        for (size_t i = 0; i < 2; i++) /* "\n", and "\r\n" of a container with a terminal */
                if (text.len && text.data[text.len - 1] == "\n\r"[i])
                        text.len--;
        if (ok)
                json_string(b, buf_cstr(&text), text.len); /* data is NULL while it is empty */
        buf_fini(&text);
        return ok;
}

/* --- time ----------------------------------------------------------------------------------- */

/* Nanoseconds in a unit, by the size of the number: seconds reach the year 5138, a millisecond
 * count of today is beyond that, and so on. */
static int64_t unit_of(double n)
{
        return n < 1e11 ? 1000000000 : n < 1e14 ? 1000000 : n < 1e17 ? 1000 : 1;
}

/* Digits behind the point are worth ever less: exact where a double is not. */
static int64_t fraction_ns(const char *p, const char *end, int64_t unit)
{
        int64_t ns = 0;

        for (; p < end && *p >= '0' && *p <= '9'; p++) {
                unit /= 10;
                ns += (*p - '0') * unit;
        }
        return ns;
}

static bool epoch_ns(const char *p, size_t n, int64_t *ret_ns)
{
        char copy[NUMBER_MAX];
        char *point;

        if (n == 0 || n >= sizeof(copy))
                return false;
        memcpy(copy, p, n);
        copy[n] = '\0';
        double number = strtod(copy, &point);
        if (*point || !(number > 0 && number < 9.2e18))
                return false;
        int64_t unit = unit_of(number), ns;
        if (memchr(p, 'e', n) || memchr(p, 'E', n)) {
                double wide = number * (double)unit;
                if (wide < 9.2e18)
                        *ret_ns = (int64_t)wide;
                return wide < 9.2e18;
        }
        long long whole = strtoll(copy, &point, 10);
        if (__builtin_mul_overflow(whole, unit, &ns) ||
            __builtin_add_overflow(ns, *point == '.' ? fraction_ns(point + 1, copy + n, unit) : 0, &ns))
                return false;
        *ret_ns = ns;
        return true;
}

/* As many digits behind the second as there is to say: 3, 6 or 9. */
static void put_time(struct buf *b, int64_t ns)
{
        char text[TIMESTAMP_LEN];
        unsigned below_ms = (unsigned)(ns % 1000000);

        timestamp_format(ns, text);
        buf_putc(b, '"');
        buf_put(b, text, TIMESTAMP_LEN - 1);
        if (below_ms % 1000)
                buf_printf(b, "%06u", below_ms);
        else if (below_ms)
                buf_printf(b, "%03u", below_ms / 1000);
        buf_puts(b, "Z\"");
}

static bool put_timestamp(struct buf *b, const struct scan_value *v)
{
        int64_t ns;

        if (v->type == SCAN_STRING && timestamp_parse(v->p, v->len, &ns) == 0) {
                /* Elasticsearch wants a T, and Z in capitals. */
                if (v->p[10] == 'T' && v->p[v->len - 1] != 'z')
                        shape_put_raw(b, v);
                else if (ns >= 0)
                        put_time(b, ns);
                else
                        return false;
                return true;
        }
        if (v->type == SCAN_STRING && !is_digits(v->p, v->len))
                return false;
        if (!epoch_ns(v->p, v->len, &ns))
                return false;
        put_time(b, ns);
        return true;
}

/* --- numbers -------------------------------------------------------------------------------- */

static bool put_level(struct buf *b, const struct scan_value *v)
{
        static const char *const syslog[] = { "emergency", "alert",  "critical", "error",
                                              "warning",   "notice", "info",     "debug" };
        static const char *const bunyan[] = { "trace", "debug", "info", "warn", "error", "fatal" };

        if (!is_digits(v->p, v->len)) {
                if (v->type == SCAN_STRING)
                        shape_put_raw(b, v);
                return v->type == SCAN_STRING;
        }
        if (v->len == 1 && v->p[0] <= '7')
                json_cstring(b, syslog[v->p[0] - '0']);
        else if (v->len == 2 && v->p[1] == '0' && v->p[0] >= '1' && v->p[0] <= '6')
                json_cstring(b, bunyan[v->p[0] - '1']);
        else
                return false;
        return true;
}

static bool put_number(struct buf *b, const struct scan_value *v)
{
        bool zeros = v->len > 1 && v->p[0] == '0'; /* 007 is no number in JSON */

        if (v->len > 18 || zeros || !is_digits(v->p, v->len))
                return false;
        buf_put(b, v->p, v->len);
        return true;
}

bool shape_convert(struct buf *b, enum shape_convert how, const struct scan_value *v)
{
        switch (how) {
        case C_LINE:
                return put_line(b, v);
        case C_TIME:
                return put_timestamp(b, v);
        case C_LEVEL:
                return put_level(b, v);
        case C_NUMBER:
                return put_number(b, v);
        case C_TEXT:
                if (v->type != SCAN_STRING) {
                        json_string(b, v->p, v->len);
                        return true;
                }
                break;
        case C_AS_IS:
                break;
        }
        shape_put_raw(b, v);
        return true;
}
