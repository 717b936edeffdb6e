/* SPDX-License-Identifier: Apache-2.0 */
/* One frame of `top`: text made of two /status documents.  Pure. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yajl/yajl_tree.h>

#include "base/mem.h"
#include "collector/top.h"
#include "event/scan.h"

#define BOLD "\x1b[1m"
#define RED "\x1b[31m"
#define DIM "\x1b[2m"
#define PLAIN "\x1b[0m"
#define CLEAR_LINE "\x1b[K"

enum { BAR = 20, TROUBLE_LINES = 4 };

struct frame {
        const struct top_look *look;
        struct buf *out;
        struct buf line;
        int left;                       /* lines */
        yajl_val now, before;
};

/* --- JSON ------------------------------------------------------------------------------------- */

static yajl_val at(yajl_val v, const char *key)
{
        const char *path[] = { key, NULL };
        return v ? yajl_tree_get(v, path, yajl_t_any) : NULL;
}

static int64_t number(yajl_val v, const char *key)
{
        yajl_val n = at(v, key);
        return YAJL_IS_INTEGER(n) ? YAJL_GET_INTEGER(n) : 0;
}

static const char *string(yajl_val v, const char *key)
{
        yajl_val s = at(v, key);
        return YAJL_IS_STRING(s) ? YAJL_GET_STRING(s) : "";
}

static size_t length(yajl_val array)
{
        return YAJL_IS_ARRAY(array) ? YAJL_GET_ARRAY(array)->len : 0;
}

/* --- lines ------------------------------------------------------------------------------------ */

/* Columns are counted by characters, and what a terminal would obey is shown as '?'. */
static void put_cut(struct frame *f, const char *text, size_t n)
{
        int columns = 0;

        for (size_t i = 0; i < n; i++) {
                unsigned char c = (unsigned char)text[i];
                if ((c & 0xc0) != 0x80 && ++columns > f->look->width)
                        return;
                buf_putc(f->out, (char)(c < ' ' || c == 0x7f ? '?' : c));
        }
}

/* Ends the line that was gathered in f->line. */
static void end_line(struct frame *f, const char *attribute)
{
        bool colour = f->look->colour;

        if (f->left-- > 0) {
                if (colour)
                        buf_puts(f->out, attribute);
                put_cut(f, f->line.data ? f->line.data : "", f->line.len);
                if (colour)
                        buf_puts(f->out, PLAIN CLEAR_LINE);
                buf_putc(f->out, '\n');
        }
        buf_reset(&f->line);
}

/* 1234567 is "1,234,567". */
static const char *grouped(int64_t n, char out[32])
{
        char digits[24];
        int len = snprintf(digits, sizeof(digits), "%" PRId64, n < 0 ? -n : n), o = 0;

        if (n < 0)
                out[o++] = '-';
        for (int i = 0; i < len; i++) {
                if (i > 0 && (len - i) % 3 == 0)
                        out[o++] = ',';
                out[o++] = digits[i];
        }
        out[o] = '\0';
        return out;
}

static const char *bytes(int64_t n, char out[32])
{
        static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB" };
        double value = (double)n;
        size_t unit = 0;

        for (; value >= 1023.95 && unit + 1 < ARRAY_LEN(units); unit++)
                value /= 1024;
        snprintf(out, 32, unit ? "%.1f %s" : "%.0f %s", value, units[unit]);
        return out;
}

/* "-" without an earlier look, or when it counts from the beginning again. */
static const char *rate(const struct frame *f, int64_t now, yajl_val before, const char *key, char out[32])
{
        int64_t then = number(before, key);

        if (!at(before, key) || f->look->seconds <= 0 || now < then)
                return "-";
        return grouped((int64_t)((double)(now - then) / f->look->seconds + 0.5), out);
}

/* --- the upper part --------------------------------------------------------------------------- */

static void put_head(struct frame *f)
{
        yajl_val ready = at(f->now, "ready");

        buf_printf(&f->line, "%s %s  %s  ", string(f->now, "program"), string(f->now, "version"), f->look->url);
        buf_puts(&f->line, YAJL_IS_TRUE(ready) ? "ready" : "NOT READY");
        if (YAJL_IS_TRUE(at(f->now, "paused")))
                buf_puts(&f->line, ", paused");
        end_line(f, YAJL_IS_TRUE(ready) ? BOLD : BOLD RED);
}

/* The whole sentence, over a few lines. */
static void put_trouble(struct frame *f, const char *what, const char *text)
{
        int lines = 0;

        buf_printf(&f->line, "%s%s", what, text);
        while (lines++ < TROUBLE_LINES && (int)f->line.len > f->look->width) {
                char *rest = xstrndup(f->line.data + f->look->width, f->line.len - (size_t)f->look->width);
                f->line.len = (size_t)f->look->width;
                end_line(f, RED);
                buf_puts(&f->line, rest);
                free(rest);
        }
        end_line(f, RED);
}

static void put_troubles(struct frame *f)
{
        const char *trouble = string(f->now, "trouble"), *why = string(f->now, "why_not");

        if (f->look->fault)
                put_trouble(f, "no answer: ", f->look->fault);
        if (*trouble)
                put_trouble(f, "waiting: ", trouble);
        else if (*why)
                put_trouble(f, "not ready: ", why);
        end_line(f, "");
}

static void put_ledger(struct frame *f)
{
        yajl_val ledger = at(f->now, "ledger"), before = at(f->before, "ledger");
        char total[32], each[32];

        if (!YAJL_IS_OBJECT(ledger))
                return;
        buf_printf(&f->line, "%-24s %18s %14s", "", "TOTAL", "A SECOND");
        end_line(f, DIM);
        for (size_t i = 0; i < YAJL_GET_OBJECT(ledger)->len; i++) {
                const char *name = YAJL_GET_OBJECT(ledger)->keys[i];
                int64_t n = number(ledger, name);
                bool gauge = strstr(name, "in_flight") != NULL;
                buf_printf(&f->line, "%-24s %18s %14s", name, grouped(n, total), gauge ? "" : rate(f, n, before, name, each));
                end_line(f, "");
        }
}

static void put_memory(struct frame *f)
{
        int64_t held = number(f->now, "held_bytes"), budget = number(f->now, "budget_bytes");
        char a[32], b[32], bar[BAR + 1];
        int full = budget > 0 ? (int)(held * BAR / budget) : 0;

        for (int i = 0; i < BAR; i++)
                bar[i] = i < full ? '#' : '.';
        bar[BAR] = '\0';
        buf_printf(&f->line, "%-24s %18s of %s  %s", "held", bytes(held, a), bytes(budget, b), bar);
        end_line(f, "");
}

/* --- the list --------------------------------------------------------------------------------- */

/* What is listed: partitions of a collector, files of a shipper. */
struct kind {
        const char *list, *done;        /* the array; the member that moves on */
        bool in_bytes;
};

static int64_t lag_of(yajl_val row)
{
        return number(row, "lag");
}

static int by_lag(const void *a, const void *b)
{
        int64_t one = lag_of(*(const yajl_val *)a), other = lag_of(*(const yajl_val *)b);
        return one > other ? -1 : one < other;
}

static bool same_row(yajl_val a, yajl_val b)
{
        if (at(a, "path"))
                return strcmp(string(a, "path"), string(b, "path")) == 0 && number(a, "inode") == number(b, "inode");
        return strcmp(string(a, "topic"), string(b, "topic")) == 0 && number(a, "partition") == number(b, "partition");
}

/* Mostly it stands at the same place as before. */
static yajl_val earlier(yajl_val list, yajl_val row, size_t hint)
{
        size_t n = length(list);

        for (size_t i = 0; i < n; i++) {
                yajl_val other = YAJL_GET_ARRAY(list)->values[(hint + i) % n];
                if (same_row(row, other))
                        return other;
        }
        return NULL;
}

static const char *amount(const struct kind *k, int64_t n, char out[32])
{
        return k->in_bytes ? bytes(n, out) : grouped(n, out);
}

/* The end of a path tells more than its beginning. */
static void put_path(struct frame *f, const char *path)
{
        size_t room = f->look->width > (int)f->line.len ? (size_t)f->look->width - f->line.len : 0, n = strlen(path);

        if (n <= room || room <= 3)
                buf_puts(&f->line, path);
        else
                buf_printf(&f->line, "...%s", path + n - (room - 3));
}

static void put_row(struct frame *f, const struct kind *k, yajl_val row, size_t hint)
{
        yajl_val before = earlier(at(f->before, k->list), row, hint);
        int64_t done = number(row, k->done), then = number(before, k->done);
        char lag[32], each[32] = "-", where[32];

        if (before && f->look->seconds > 0 && done >= then)
                amount(k, (int64_t)((double)(done - then) / f->look->seconds + 0.5), each);
        buf_printf(&f->line, "%14s %14s %16s  ", lag_of(row) < 0 ? "-" : amount(k, lag_of(row), lag), each, amount(k, done, where));
        if (k->in_bytes)
                put_path(f, string(row, "path"));
        else
                buf_printf(&f->line, "%s %" PRId64, string(row, "topic"), number(row, "partition"));
        buf_printf(&f->line, "  (%s)", string(row, "state"));
        end_line(f, "");
}

static int64_t sum_of_lags(yajl_val list)
{
        int64_t sum = 0;

        for (size_t i = 0; i < length(list); i++)
                if (lag_of(YAJL_GET_ARRAY(list)->values[i]) > 0)
                        sum += lag_of(YAJL_GET_ARRAY(list)->values[i]);
        return sum;
}

static void put_lag(struct frame *f, const struct kind *k, yajl_val list)
{
        int64_t lag = sum_of_lags(list), then = sum_of_lags(at(f->before, k->list));
        char text[32];

        buf_printf(&f->line, "%-24s %18s", "lag", amount(k, lag, text));
        if (f->before && f->look->seconds > 0 && lag > 0) {
                if (then > lag)
                        buf_printf(&f->line, "  gone in about %.0f s", (double)lag * f->look->seconds / (double)(then - lag));
                else if (lag > then)
                        buf_puts(&f->line, "  growing");
        }
        end_line(f, "");
}

static void put_list(struct frame *f, const struct kind *k)
{
        yajl_val list = at(f->now, k->list);
        size_t n = length(list), shown = 0;
        yajl_val *rows = xcalloc(n + 1, sizeof(*rows));

        for (size_t i = 0; i < n; i++)
                rows[i] = YAJL_GET_ARRAY(list)->values[i];
        qsort(rows, n, sizeof(*rows), by_lag);
        put_lag(f, k, list);
        end_line(f, "");
        buf_printf(&f->line, "%14s %14s %16s  %s", "LAG", "A SECOND", k->in_bytes ? "ACKED" : "SETTLED",
                   k->in_bytes ? "FILE" : "PARTITION");
        end_line(f, DIM);
        for (; shown < n && f->left > (shown + 1 < n ? 1 : 0); shown++)
                put_row(f, k, rows[shown], shown);
        if (shown < n) {
                buf_printf(&f->line, "and %zu more with less lag", n - shown);
                end_line(f, DIM);
        }
        free(rows);
}

/* --- the frame -------------------------------------------------------------------------------- */

static void put_all(struct frame *f)
{
        static const struct kind partitions = { "partitions", "settled", false }, files = { "files", "acked", true };
        bool shipper = strcmp(string(f->now, "program"), "sluice-shipper") == 0;

        put_head(f);
        put_troubles(f);
        put_ledger(f);
        put_memory(f);
        put_list(f, shipper ? &files : &partitions);
}

/* NULL: it is no object.  yajl frees a tree by recursion, so a deep one would end the stack; the scan bounds the depth. */
static yajl_val parse(const char *text)
{
        bool object = text && scan_json(text, strlen(text), NULL, 0, NULL, NULL) == SCAN_IS_OBJECT;
        return object ? yajl_tree_parse(text, NULL, 0) : NULL;
}

void top_frame(const struct top_look *look, struct buf *ret)
{
        struct frame f = { .look = look, .out = ret, .left = look->height - 1 };

        f.now = parse(look->now);
        f.before = parse(look->before);
        if (f.now && strncmp(string(f.now, "program"), "sluice-", 7) == 0) {
                put_all(&f);
        } else if (look->fault) {
                put_trouble(&f, "no answer: ", look->fault);
        } else {
                put_trouble(&f, look->url, ": answers, but not as a collector or shipper does");
        }
        yajl_tree_free(f.now);
        yajl_tree_free(f.before);
        buf_fini(&f.line);
}
