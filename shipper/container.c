/* SPDX-License-Identifier: Apache-2.0 */
#include "shipper/container.h"

#include <string.h>

#include "event/scan.h"

const char *const container_format_names[] = { "none", "auto", "cri", "docker", NULL };
const char *const container_stream_names[] = { "stdout", "stderr", NULL };

static enum container_stream stream_of(const char *p, size_t n)
{
        for (int i = 0; i < CONTAINER_OTHER; i++)
                if (strlen(container_stream_names[i]) == n && memcmp(container_stream_names[i], p, n) == 0)
                        return (enum container_stream)i;
        return CONTAINER_OTHER;
}

/* --- CRI ------------------------------------------------------------------------------------- */

/* Up to the next blank, or to the end; *p moves behind the blank. */
static size_t word(const char **p, const char *end, const char **ret)
{
        const char *blank = memchr(*p, ' ', (size_t)(end - *p));

        *ret = *p;
        *p = blank ? blank + 1 : end;
        return (size_t)((blank ? blank : end) - *ret);
}

/* Tags are separated by colons; the first one is P or F. */
static bool read_cri(const char *p, size_t n, struct container_line *l)
{
        const char *end = p + n, *stream, *tags;

        if (n == 0 || *p < '0' || *p > '9')
                return false;
        l->time_len = word(&p, end, &l->time);
        size_t stream_len = word(&p, end, &stream);
        size_t tags_len = word(&p, end, &tags);
        l->stream = stream_of(stream, stream_len);
        if (l->stream == CONTAINER_OTHER || tags_len == 0 || (*tags != 'P' && *tags != 'F') ||
            (tags_len > 1 && tags[1] != ':') || !memchr(l->time, 'T', l->time_len))
                return false;
        l->partial = *tags == 'P';
        l->text = p;
        l->len = (size_t)(end - p);
        return true;
}

/* --- Docker ---------------------------------------------------------------------------------- */

/* Nearly every text has one escape: the newline at its end. */
static void take_log(struct container_line *l, const struct scan_value *log, struct buf *scratch)
{
        const char *escape = memchr(log->p, '\\', log->len);

        l->text = log->p;
        l->len = log->len;
        l->partial = true;
        if (!escape)
                return;
        if (log->len >= 2 && escape == log->p + log->len - 2 && escape[1] == 'n') {
                l->len -= 2;
                l->partial = false;
                return;
        }
        buf_reset(scratch);
        scan_unescape(scratch, log);
        l->text = buf_cstr(scratch);
        l->len = scratch->len;
        if (l->len > 0 && l->text[l->len - 1] == '\n') {
                l->len--;
                l->partial = false;
        }
}

static bool read_docker(const char *p, size_t n, struct buf *scratch, struct container_line *l)
{
        static const char *const paths[] = { "log", "stream", "time" };
        struct scan_value v[ARRAY_LEN(paths)];

        if (n == 0 || *p != '{' || scan_json(p, n, paths, ARRAY_LEN(paths), v, NULL) != SCAN_IS_OBJECT ||
            v[0].type != SCAN_STRING || v[1].type != SCAN_STRING || v[2].type != SCAN_STRING)
                return false;
        l->stream = stream_of(v[1].p, v[1].len);
        if (l->stream == CONTAINER_OTHER)
                return false;
        l->time = v[2].p;
        l->time_len = v[2].len;
        take_log(l, &v[0], scratch);
        return true;
}

void container_line(enum container_format format, const char *p, size_t n, struct buf *scratch,
                    struct container_line *ret)
{
        struct container_line l = { .stream = CONTAINER_OTHER };

        if ((format == CONTAINER_DOCKER || !read_cri(p, n, &l)) &&
            (format == CONTAINER_CRI || !read_docker(p, n, scratch, &l)))
                l = (struct container_line){ .stream = CONTAINER_OTHER, .text = p, .len = n };
        if (!l.partial && l.len > 0 && l.text[l.len - 1] == '\r')
                l.len--;
        *ret = l;
}
