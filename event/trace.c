/* SPDX-License-Identifier: Apache-2.0 */
#include "event/trace.h"

#include <string.h>

enum { VERSION_LEN = 2, FLAGS_LEN = 2, TRACE_AT = 3, SPAN_AT = 36, FLAGS_AT = 53 };

static char lower_hex(char c)
{
        if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'))
                return c;
        return c >= 'A' && c <= 'F' ? (char)(c - 'A' + 'a') : '\0';
}

static bool copy_hex(char *out, const char *p, size_t n)
{
        for (size_t i = 0; i < n; i++)
                if ((out[i] = lower_hex(p[i])) == '\0')
                        return false;
        return true;
}

/* Hex digits that are not all 0. */
static bool copy_id(char *out, const char *p, size_t n)
{
        bool zeros = true;

        for (size_t i = 0; i < n; i++)
                zeros &= p[i] == '0';
        return !zeros && copy_hex(out, p, n);
}

/* A later version may have more behind the flags, set off by a dash. */
static bool is_parent(char out[TRACE_PARENT_LEN], const char *p, size_t n)
{
        char span[SPAN_ID_LEN], id[TRACE_ID_LEN];

        if (n < TRACE_PARENT_LEN || p[2] != '-' || p[SPAN_AT - 1] != '-' || p[FLAGS_AT - 1] != '-')
                return false;
        memcpy(out, p, TRACE_PARENT_LEN);
        if (!copy_hex(out, p, VERSION_LEN) || memcmp(out, "ff", VERSION_LEN) == 0)
                return false;
        if (n > TRACE_PARENT_LEN && (memcmp(out, "00", VERSION_LEN) == 0 || p[TRACE_PARENT_LEN] != '-'))
                return false;
        if (!copy_id(id, p + TRACE_AT, TRACE_ID_LEN) || !copy_id(span, p + SPAN_AT, SPAN_ID_LEN))
                return false;
        memcpy(out + TRACE_AT, id, TRACE_ID_LEN);
        memcpy(out + SPAN_AT, span, SPAN_ID_LEN);
        return copy_hex(out + FLAGS_AT, p + FLAGS_AT, FLAGS_LEN);
}

bool trace_take_parent(struct trace_headers *h, const char *p, size_t n)
{
        char parent[TRACE_PARENT_LEN];

        if (!is_parent(parent, p, n))
                return false;
        memcpy(parent, "00", VERSION_LEN); /* of which only this much is known */
        memcpy(h->traceparent, parent, TRACE_PARENT_LEN);
        memcpy(h->trace_id, parent + TRACE_AT, TRACE_ID_LEN);
        memcpy(h->span_id, parent + SPAN_AT, SPAN_ID_LEN);
        h->traceparent_len = TRACE_PARENT_LEN;
        h->trace_id_len = TRACE_ID_LEN;
        h->span_id_len = SPAN_ID_LEN;
        return true;
}

bool trace_take_id(struct trace_headers *h, const char *p, size_t n)
{
        char id[TRACE_ID_LEN];

        if ((n != TRACE_ID_LEN && n != TRACE_B3_LEN) || !copy_id(id, p, n))
                return false;
        memcpy(h->trace_id, id, n);
        h->trace_id_len = n;
        return true;
}

bool trace_take_span(struct trace_headers *h, const char *p, size_t n)
{
        char id[SPAN_ID_LEN];

        if (n != SPAN_ID_LEN || !copy_id(id, p, n))
                return false;
        memcpy(h->span_id, id, n);
        h->span_id_len = n;
        return true;
}

bool trace_take_user(struct trace_headers *h, const char *p, size_t n)
{
        if (n == 0 || n > TRACE_USER_MAX)
                return false;
        for (size_t i = 0; i < n; i++)
                if ((unsigned char)p[i] < ' ' || (unsigned char)p[i] >= 0x7f)
                        return false;
        h->user_id = p;
        h->user_id_len = n;
        return true;
}

void trace_complete(struct trace_headers *h)
{
        char *p = h->traceparent;

        if (h->traceparent_len > 0 || h->trace_id_len != TRACE_ID_LEN || h->span_id_len != SPAN_ID_LEN)
                return;
        memcpy(p, "00-", 3);
        memcpy(p + TRACE_AT, h->trace_id, TRACE_ID_LEN);
        p[SPAN_AT - 1] = '-';
        memcpy(p + SPAN_AT, h->span_id, SPAN_ID_LEN);
        memcpy(p + FLAGS_AT - 1, "-00", 3);
        h->traceparent_len = TRACE_PARENT_LEN;
}
