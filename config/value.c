/* SPDX-License-Identifier: Apache-2.0 */
#include "config/value.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "config/near.h"
#include "config/slurp.h"
#include "config/units.h"

/* A password, a key, a token: a file beyond this is the wrong file. */
enum { SECRET_MAX = 64 << 10 };

/* --- ${NAME} ------------------------------------------------------------------------------------ */

static bool is_escape(const char *p)
{
        return p[0] == '$' && p[1] == '$' && p[2] == '{';
}

static bool is_reference(const char *p)
{
        return p[0] == '$' && p[1] == '{';
}

bool value_has_reference(const char *text)
{
        for (const char *p = text; *p; p++) {
                if (is_escape(p))
                        p += 2;
                else if (is_reference(p))
                        return true;
        }
        return false;
}

static size_t name_length(const char *p)
{
        size_t n = 0;

        if (isdigit((unsigned char)*p))
                return 0;
        while (isalnum((unsigned char)p[n]) || p[n] == '_')
                n++;
        return n;
}

static int put_variable(const char *name, const char *fallback, struct buf *out, struct err *e)
{
        const char *value = getenv(name);

        if (fallback && (!value || !*value))
                value = fallback;
        if (!value)
                return err_set(e, EINVAL,
                               "the environment variable %s is not set; ${%s:-text} gives a default", name,
                               name);
        buf_puts(out, value);
        return 0;
}

/* Expands the "${...}" at *p and moves *p behind it. */
static int take_reference(const char **p, struct buf *out, struct err *e)
{
        const char *begin = *p + 2, *end = strchr(begin, '}');
        size_t n = name_length(begin);

        if (!end)
                return err_set(e, EINVAL, "a ${ without its }; $${ is a literal ${");
        if (n == 0 || (begin + n != end && strncmp(begin + n, ":-", 2) != 0))
                return err_set(e, EINVAL, "${...} takes NAME or NAME:-text; $${ is a literal ${");
        char *name = xstrndup(begin, n);
        char *fallback = begin + n == end ? NULL : xstrndup(begin + n + 2, (size_t)(end - begin) - n - 2);
        int r;
        if (fallback && strstr(fallback, "${"))
                r = err_set(e, EINVAL, "a default in ${%s:-...} cannot hold another ${", name);
        else
                r = put_variable(name, fallback, out, e);
        free(name);
        free(fallback);
        *p = end + 1;
        return r;
}

int value_expand(const char *text, char **ret, struct err *e)
{
        struct buf out;
        int r = 0;

        buf_init(&out, 0);
        for (const char *p = text; r == 0 && *p;) {
                if (is_escape(p)) {
                        buf_puts(&out, "${");
                        p += 3;
                } else if (is_reference(p)) {
                        r = take_reference(&p, &out, e);
                } else {
                        buf_putc(&out, *p++);
                }
        }
        if (r == 0)
                *ret = xstrdup(buf_cstr(&out));
        buf_fini(&out);
        return r;
}

/* --- secrets ------------------------------------------------------------------------------------ */

/* One trailing newline, as editors and `echo` leave it; more would be part of the secret. */
static size_t without_newline(const char *p, size_t n)
{
        if (n > 0 && p[n - 1] == '\n')
                n--;
        if (n > 0 && p[n - 1] == '\r')
                n--;
        return n;
}

static int secret_from_file(const char *path, char **ret, struct err *e)
{
        struct buf content;

        buf_init(&content, SECRET_MAX);
        int r = slurp(path, &content, e);
        size_t n = without_newline(content.data, content.len);
        if (r < 0)
                err_prefix(e, "file:%s", path);
        else if (n == 0)
                r = err_set(e, EINVAL, "file:%s: empty", path);
        else
                *ret = xstrndup(content.data, n);
        if (content.data)
                explicit_bzero(content.data, content.cap);
        buf_fini(&content);
        return r < 0 ? -EINVAL : 0;
}

static int secret_from_env(const char *name, char **ret, struct err *e)
{
        const char *value = getenv(name);

        if (!value)
                return err_set(e, EINVAL, "env:%s: not set", name);
        *ret = xstrdup(value);
        return 0;
}

/* A lone ${NAME} names the place of the secret; anything else may be the secret itself, with a ${ in it by
 * chance, and is not repeated. */
static bool is_lone_reference(const char *text)
{
        const char *end = strchr(text, '}');

        return is_reference(text) && end && end[1] == '\0';
}

static int secret_from_text(const char *text, char **ret, struct err *e)
{
        int r = value_expand(text, ret, e);

        if (r < 0 && !is_lone_reference(text))
                return err_set(e, EINVAL, "a ${...} in it cannot be expanded; $${ is a literal ${");
        return r;
}

int value_secret(const char *text, char **ret, struct err *e)
{
        char *path;

        if (strncmp(text, "env:", 4) == 0)
                return secret_from_env(text + 4, ret, e);
        if (strncmp(text, "file:", 5) != 0)
                return secret_from_text(text, ret, e);
        if (value_expand(text + 5, &path, e) < 0)
                return -EINVAL;
        int r = secret_from_file(path, ret, e);
        free(path);
        return r;
}

/* --- numbers ------------------------------------------------------------------------------------ */

static int parse_int(const char *text, int64_t *ret, struct err *e)
{
        char *end;

        errno = 0;
        long long n = strtoll(text, &end, 10);
        if (end == text || *end != '\0')
                return err_set(e, EINVAL, "\"%s\" is not an integer", text);
        if (errno == ERANGE)
                return err_set(e, EINVAL, "\"%s\" is too large", text);
        *ret = n;
        return 0;
}

static int parse_bool(const char *text, int64_t *ret, struct err *e)
{
        bool yes = strcmp(text, "true") == 0;

        if (!yes && strcmp(text, "false") != 0)
                return err_set(e, EINVAL, "\"%s\" is neither true nor false", text);
        *ret = yes;
        return 0;
}

static int parse_choice(const struct opt *row, const char *text, int64_t *ret, struct err *e)
{
        struct buf names;
        struct near near;

        near_init(&near, text);
        buf_init(&names, 0);
        for (int64_t i = 0; row->choices[i]; i++) {
                if (strcmp(row->choices[i], text) == 0) {
                        *ret = i;
                        buf_fini(&names);
                        return 0;
                }
                near_offer(&near, row->choices[i]);
                buf_printf(&names, "%s%s", i ? ", " : "", row->choices[i]);
        }
        const char *best = near_best(&near);
        int r = err_set(e, EINVAL, "\"%s\" is none of %s%s%s%s", text, buf_cstr(&names),
                        best ? "; did you mean " : "", best ? best : "", best ? "?" : "");
        buf_fini(&names);
        return r;
}

int value_number(const struct opt *row, const char *text, int64_t *ret, struct err *e)
{
        int64_t n;
        int r;

        if (row->type == OPT_BOOL)
                return parse_bool(text, ret, e);
        if (row->type == OPT_CHOICE)
                return parse_choice(row, text, ret, e);
        if (row->type == OPT_SIZE)
                r = units_parse_size(text, &n, e);
        else if (row->type == OPT_DURATION)
                r = units_parse_duration(text, &n, e);
        else
                r = parse_int(text, &n, e);
        if (r < 0 || (r = value_in_range(row, n, e)) < 0)
                return r;
        *ret = n;
        return 0;
}

/* --- limits ------------------------------------------------------------------------------------- */

void value_put(const struct opt *row, int64_t n, struct buf *out)
{
        if (row->type == OPT_SIZE)
                units_put_size(out, n);
        else if (row->type == OPT_DURATION)
                units_put_duration(out, n);
        else
                buf_printf(out, "%" PRId64, n);
}

/* A row that gives a lower limit alone leaves max at 0. */
bool value_has_upper_limit(const struct opt *row)
{
        return row->max > row->min && row->max != INT64_MAX;
}

void value_put_range(const struct opt *row, struct buf *out)
{
        if (row->min == 0 && row->max == 0)
                return;
        if (!value_has_upper_limit(row))
                buf_puts(out, "at least ");
        value_put(row, row->min, out);
        if (value_has_upper_limit(row)) {
                buf_puts(out, " to ");
                value_put(row, row->max, out);
        }
}

int value_in_range(const struct opt *row, int64_t n, struct err *e)
{
        struct buf text;

        if (row->min == 0 && row->max == 0)
                return 0;
        if (n >= row->min && !(value_has_upper_limit(row) && n > row->max))
                return 0;
        buf_init(&text, 0);
        value_put(row, n, &text);
        buf_puts(&text, " is out of range: ");
        value_put_range(row, &text);
        int r = err_set(e, EINVAL, "%s", buf_cstr(&text));
        buf_fini(&text);
        return r;
}
