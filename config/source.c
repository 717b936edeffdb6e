/* SPDX-License-Identifier: Apache-2.0 */
#include "config/source.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "config/slurp.h"

/* From this line of the text on, lines come from file, beginning with line file_line. */
struct source_part {
        unsigned line, file_line;
        char *file;    /* owned */
        bool numbered; /* false: file is a name for the whole */
};

/* One file being read; p moves through its content. */
struct scan {
        struct source *s;
        const char *file;
        const char *p, *end;
        bool line_start; /* only blanks since the last newline */
        unsigned depth;
        struct opt_errors *errors;
};

static void part_begin(struct source *s, const char *file, unsigned file_line, bool numbered)
{
        s->parts = xrealloc(s->parts, (s->nparts + 1) * sizeof(*s->parts));
        s->parts[s->nparts++] = (struct source_part){
                .line = s->lines + 1,
                .file_line = file_line,
                .file = xstrdup(file),
                .numbered = numbered,
        };
}

void source_where(const struct source *s, unsigned line, struct buf *out)
{
        const struct source_part *part = &s->parts[0];

        for (size_t i = 1; i < s->nparts && s->parts[i].line <= line; i++)
                part = &s->parts[i];
        buf_puts(out, part->file);
        if (part->numbered)
                buf_printf(out, ":%u", part->file_line + (line > part->line ? line - part->line : 0));
}

static void complain_here(struct scan *sc, const char *what)
{
        struct buf where;

        buf_init(&where, 0);
        source_where(sc->s, sc->s->lines + 1, &where);
        opt_complain(sc->errors, "%s: %s", buf_cstr(&where), what);
        buf_fini(&where);
}

/* --- the tokens of libconfig, as far as they can hide an @include or a number ------------------- */

static bool starts(const char *p, const char *end, const char *with)
{
        size_t n = strlen(with);

        return (size_t)(end - p) >= n && memcmp(p, with, n) == 0;
}

/* Behind the closing quote; NULL: there is none. */
static const char *string_end(const char *p, const char *end)
{
        for (p++; p < end && *p != '"'; p++)
                if (*p == '\\')
                        p++;
        return p < end ? p + 1 : NULL;
}

static const char *comment_end(const char *p, const char *end)
{
        const char *stop = memmem(p + 2, (size_t)(end - p) - 2, "*/", 2);

        return stop ? stop + 2 : NULL;
}

static const char *line_end(const char *p, const char *end)
{
        return memchr(p, '\n', (size_t)(end - p));
}

/* Letters, digits and what may stand within a name or a number. */
static size_t word_length(const char *p, const char *end)
{
        size_t n = 1;

        while (p + n < end && (isalnum((unsigned char)p[n]) || memchr("_-*.", p[n], 4)))
                n++;
        return n;
}

static bool is_number(const char *p, const char *end)
{
        if ((*p == '-' || *p == '+') && p + 1 < end)
                p++;
        return isdigit((unsigned char)*p);
}

static size_t token_length(const char *p, const char *end)
{
        const char *to;

        if (*p == '"')
                to = string_end(p, end);
        else if (*p == '#' || starts(p, end, "//"))
                to = line_end(p, end);
        else if (starts(p, end, "/*"))
                to = comment_end(p, end);
        else if (isalpha((unsigned char)*p) || *p == '*' || is_number(p, end))
                return word_length(p, end);
        else
                return 1;
        return (size_t)((to ? to : end) - p);
}

/* libconfig would wrap or clamp it without a word.  The number is not repeated: it may be half a password. */
static void check_number(struct scan *sc, const char *p, size_t n)
{
        char text[64], *end;

        if (n >= sizeof(text))
                return complain_here(sc, "a number of this length is not possible");
        memcpy(text, p, n);
        text[n] = '\0';
        errno = 0;
        long long value = strtoll(text, &end, strncasecmp(text, "0x", 2) == 0 ? 16 : 10);
        if (*end == '.' || *end == 'e' || *end == 'E')
                return;
        if (errno == ERANGE)
                complain_here(sc, "an integer beyond 64 bits is not possible");
        else if (*end != 'L' && (value > INT32_MAX || value < INT32_MIN))
                complain_here(sc, "an integer beyond 32 bits must end with L, as in 5000000000L");
}

/* libconfig takes a comment that never ends for the end of the file, and what it hides is lost in silence. Of a
 * string it would name the last line, not the one where it begins. */
static void check_closed(struct scan *sc)
{
        if (*sc->p == '"' && !string_end(sc->p, sc->end))
                complain_here(sc, "a string without its closing quote");
        else if (starts(sc->p, sc->end, "/*") && !comment_end(sc->p, sc->end))
                complain_here(sc, "a comment without its */");
}

static void take(struct scan *sc, size_t n)
{
        for (const char *p = sc->p; p < sc->p + n; p++)
                sc->s->lines += *p == '\n';
        buf_put(&sc->s->text, sc->p, n);
        sc->p += n;
}

static void take_token(struct scan *sc)
{
        char c = *sc->p;
        size_t n = token_length(sc->p, sc->end);

        if (is_number(sc->p, sc->end))
                check_number(sc, sc->p, n);
        check_closed(sc);
        take(sc, n);
        sc->line_start = c == '\n' || (sc->line_start && (c == ' ' || c == '\t'));
}

/* --- @include ----------------------------------------------------------------------------------- */

static int read_into(struct source *s, const char *path, unsigned depth, struct opt_errors *errors,
                     struct err *e);

/* `@include "path"` at p: its length with the path in *ret, else 0. */
static size_t include_length(const char *p, const char *end, char **ret)
{
        const char *q = p;

        if (!starts(q, end, "@include"))
                return 0;
        q += strlen("@include");
        while (q < end && (*q == ' ' || *q == '\t'))
                q++;
        if (q == end || *q != '"')
                return 0;
        const char *to = string_end(q, end);
        if (!to)
                return 0;
        *ret = xstrndup(q + 1, (size_t)(to - q) - 2);
        return (size_t)(to - p);
}

static char *path_beside(const char *file, const char *path)
{
        const char *slash = strrchr(file, '/');

        if (path[0] == '/' || !slash)
                return xstrdup(path);
        return xasprintf("%.*s/%s", (int)(slash - file), file, path);
}

static unsigned file_line_now(const struct scan *sc, const char *begin)
{
        unsigned line = 1;

        for (const char *p = begin; p < sc->p; p++)
                line += *p == '\n';
        return line;
}

static void include(struct scan *sc, const char *name, unsigned file_line)
{
        struct err e = { 0 };
        char *path = path_beside(sc->file, name);
        int r = 0;

        if (sc->depth == SOURCE_INCLUDE_DEPTH && !sc->s->refused) {
                sc->s->refused = true;
                r = err_set(&e, ELOOP, "includes go deeper than %d: a circle?", SOURCE_INCLUDE_DEPTH);
        }
        if (!sc->s->refused && buf_ok(&sc->s->text))
                r = read_into(sc->s, path, sc->depth + 1, sc->errors, &e);
        if (r < 0) {
                char *what = xasprintf("@include \"%s\": %s", name, e.msg);
                complain_here(sc, what);
                free(what);
        }
        /* What stands behind it gets a line of its own in the text, and its old one in the map. */
        buf_putc(&sc->s->text, '\n');
        sc->s->lines++;
        part_begin(sc->s, sc->file, file_line, true);
        free(path);
}

/* --- files -------------------------------------------------------------------------------------- */

static void scan_all(struct scan *sc)
{
        const char *begin = sc->p;
        char *name;

        while (sc->p < sc->end) {
                size_t n = sc->line_start ? include_length(sc->p, sc->end, &name) : 0;
                if (n > 0) {
                        unsigned line = file_line_now(sc, begin);
                        sc->p += n;
                        include(sc, name, line);
                        free(name);
                        sc->line_start = false;
                } else {
                        take_token(sc);
                }
        }
}

/* -errno with e set: this file cannot be read. Errors within it go to errors. */
static int read_into(struct source *s, const char *path, unsigned depth, struct opt_errors *errors,
                     struct err *e)
{
        struct buf content;

        buf_init(&content, SOURCE_MAX);
        int r = slurp(path, &content, e);
        if (r == 0) {
                if (depth > 0) {
                        buf_putc(&s->text, '\n');
                        s->lines++;
                }
                part_begin(s, path, 1, true);
                const char *begin = buf_cstr(&content);
                struct scan sc = { .s = s,
                                   .file = path,
                                   .p = begin,
                                   .end = begin + content.len,
                                   .line_start = true,
                                   .depth = depth,
                                   .errors = errors };
                scan_all(&sc);
        }
        buf_fini(&content);
        return r;
}

int source_read(struct source *s, const char *path, struct opt_errors *errors)
{
        struct err e = { 0 };
        unsigned before = errors->count;

        *s = (struct source){ .text = { .max = SOURCE_MAX } };
        int r = read_into(s, path, 0, errors, &e);
        if (r < 0) {
                opt_complain(errors, "%s: %s", path, e.msg);
                return r;
        }
        if (!buf_ok(&s->text))
                opt_complain(errors, "%s: larger than %d bytes with all that it includes", path, SOURCE_MAX);
        return errors->count == before ? 0 : -EINVAL;
}

int source_text(struct source *s, const char *text, const char *where, struct opt_errors *errors)
{
        unsigned before = errors->count;

        *s = (struct source){ .text = { .max = SOURCE_MAX } };
        part_begin(s, where, 1, false);
        struct scan sc = { .s = s, .file = where, .p = text, .end = text + strlen(text), .errors = errors };
        while (sc.p < sc.end)
                take_token(&sc);
        return errors->count == before ? 0 : -EINVAL;
}

void source_fini(struct source *s)
{
        for (size_t i = 0; i < s->nparts; i++)
                free(s->parts[i].file);
        free(s->parts);
        buf_fini(&s->text);
        *s = (struct source){ 0 };
}
