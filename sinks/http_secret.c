/* SPDX-License-Identifier: Apache-2.0 */
#include "sinks/http_secret.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "config/value.h"

#define FILE_PREFIX "file:"

static bool is_file(const char *source)
{
        return strncmp(source, FILE_PREFIX, strlen(FILE_PREFIX)) == 0;
}

/* True when it is not the file that was read. */
static bool note_change(struct http_secret *s)
{
        struct stat st;

        if (stat(s->source + strlen(FILE_PREFIX), &st) < 0)
                return false;
        int64_t mtime_ns = (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec;
        bool changed = s->inode != st.st_ino || s->mtime_ns != mtime_ns || s->size != st.st_size;
        s->inode = st.st_ino;
        s->mtime_ns = mtime_ns;
        s->size = st.st_size;
        return changed;
}

static void wipe(char *value)
{
        if (value)
                explicit_bzero(value, strlen(value));
        free(value);
}

int http_secret_init(struct http_secret *s, const char *source, struct err *e)
{
        *s = (struct http_secret){ 0 };
        if (!source || !*source)
                return 0;
        if (!is_file(source)) {
                s->value = xstrdup(source);
                return 0;
        }
        s->source = xstrdup(source);
        note_change(s); /* before it is read: what changes in between is seen */
        return value_secret(source, &s->value, e);
}

void http_secret_fini(struct http_secret *s)
{
        wipe(s->value);
        free(s->source);
        *s = (struct http_secret){ 0 };
}

bool http_secret_look(struct http_secret *s, int64_t now_ms)
{
        char *value = NULL;
        struct err e;

        if (!s->source || now_ms - s->looked_ms < HTTP_SECRET_LOOK_MS)
                return false;
        s->looked_ms = now_ms;
        if (!note_change(s) || value_secret(s->source, &value, &e) < 0)
                return false;
        bool other = strcmp(value, s->value) != 0;
        wipe(s->value);
        s->value = value;
        return other;
}
