/* SPDX-License-Identifier: Apache-2.0 */
/* PCRE2's match limit counts anew from each place where a match could begin, so it does not bound a search: a
 * pattern may be quadratic in the length of the text without reaching it once.  Hence a long text is searched
 * in windows of places to begin at, and the clock is looked at between them. */
#include "event/pattern.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "base/mem.h"

enum {
        MATCH_LIMIT =
                20 * 1000,     /* backtracks from one place, and two more for each byte of the text: `.*?` */
        HEAP_LIMIT_KIB = 1024, /* without machine code; what it has then instead of a stack */
        WINDOW = 128,          /* places to begin at, between two looks at the clock */
        STACK_FIRST = 32 * 1024, /* of the machine code */
        STACK_MAX = 256 * 1024,
};

struct pattern {
        char *text;
        pcre2_code *code;
        pcre2_match_context *limits;
        pcre2_match_data *match;
        pcre2_jit_stack *stack; /* NULL: interpreted */
        struct pattern_name *names;
        uint32_t nnames, ngroups;
        bool anchored; /* no match can begin behind the first place */
        bool utf8;
        uint64_t gave_up;
};

static bool is_ascii(const char *text)
{
        for (; *text; text++)
                if ((unsigned char)*text >= 0x80)
                        return false;
        return true;
}

static int compile(struct pattern *p, struct err *e)
{
        uint32_t options =
                PCRE2_USE_OFFSET_LIMIT | PCRE2_NEVER_BACKSLASH_C | PCRE2_DUPNAMES | PCRE2_DOLLAR_ENDONLY;
        PCRE2_UCHAR why[128];
        PCRE2_SIZE at;
        int code;

        if (!is_ascii(p->text))
                options |= PCRE2_UTF | PCRE2_MATCH_INVALID_UTF;
        p->code = pcre2_compile((PCRE2_SPTR)p->text, PCRE2_ZERO_TERMINATED, options, &code, &at, NULL);
        if (p->code)
                return 0;
        pcre2_get_error_message(code, why, sizeof(why));
        return err_set(e, EINVAL, "pattern \"%s\": %s, at character %zu, after \"%.*s\"", p->text,
                       (const char *)why, at + 1, (int)at, p->text);
}

static uint32_t info(const struct pattern *p, uint32_t what)
{
        uint32_t n = 0;

        pcre2_pattern_info(p->code, what, &n);
        return n;
}

static int by_group(const void *a, const void *b)
{
        const struct pattern_name *x = a, *y = b;

        return (x->group > y->group) - (x->group < y->group);
}

/* PCRE2 has them by name: two bytes of number, then the name with its NUL. */
static void list_names(struct pattern *p)
{
        uint32_t size = info(p, PCRE2_INFO_NAMEENTRYSIZE);
        PCRE2_SPTR row = NULL;

        p->nnames = info(p, PCRE2_INFO_NAMECOUNT);
        if (p->nnames == 0)
                return;
        pcre2_pattern_info(p->code, PCRE2_INFO_NAMETABLE, &row);
        p->names = xcalloc(p->nnames, sizeof(*p->names));
        for (uint32_t i = 0; i < p->nnames; i++, row += size)
                p->names[i] = (struct pattern_name){ (const char *)row + 2, (unsigned)row[0] << 8 | row[1] };
        qsort(p->names, p->nnames, sizeof(*p->names), by_group);
}

/* Where the system allows no writable machine code the pattern is interpreted: slower, the same answers. */
static void speed_up(struct pattern *p)
{
        if (pcre2_jit_compile(p->code, PCRE2_JIT_COMPLETE) != 0)
                return;
        p->stack = pcre2_jit_stack_create(STACK_FIRST, STACK_MAX, NULL);
        pcre2_jit_stack_assign(p->limits, NULL, p->stack);
}

struct pattern *pattern_new(const char *text, struct err *e)
{
        struct pattern *p = xcalloc(1, sizeof(*p));

        p->text = xstrdup(text);
        if (compile(p, e) < 0) {
                pattern_free(p);
                return NULL;
        }
        p->limits = pcre2_match_context_create(NULL);
        p->match = pcre2_match_data_create_from_pattern(p->code, NULL);
        CHECK(p->limits && p->match);
        pcre2_set_heap_limit(p->limits, HEAP_LIMIT_KIB);
        p->ngroups = info(p, PCRE2_INFO_CAPTURECOUNT);
        p->anchored = info(p, PCRE2_INFO_ALLOPTIONS) & PCRE2_ANCHORED;
        p->utf8 = info(p, PCRE2_INFO_ALLOPTIONS) & PCRE2_UTF;
        list_names(p);
        speed_up(p);
        return p;
}

void pattern_free(struct pattern *p)
{
        if (!p)
                return;
        pcre2_jit_stack_free(p->stack);
        pcre2_match_data_free(p->match);
        pcre2_match_context_free(p->limits);
        pcre2_code_free(p->code);
        free(p->names);
        free(p->text);
        free(p);
}

static int64_t now_ms(clockid_t clock)
{
        struct timespec t;

        clock_gettime(clock, &t);
        return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Time that passes while others run is no reason to give up.  But the clock that knows of it is dear, so it is asked only
 * when the time is over by the other. */
static bool is_over(int64_t *deadline_ms, int64_t *cpu_deadline_ms)
{
        int64_t now = now_ms(CLOCK_MONOTONIC);

        if (*deadline_ms == 0)
                *deadline_ms = now + PATTERN_SEARCH_MS;
        if (now <= *deadline_ms)
                return false;
        now = now_ms(CLOCK_THREAD_CPUTIME_ID);
        if (*cpu_deadline_ms == 0)
                *cpu_deadline_ms = now + PATTERN_SEARCH_MS;
        return now > *cpu_deadline_ms;
}

static int search_window(struct pattern *p, const char *text, size_t len, size_t from, size_t last)
{
        pcre2_set_offset_limit(p->limits, last);
        return pcre2_match(p->code, (PCRE2_SPTR)text, len, from, 0, p->match, p->limits);
}

/* The next window's first place; a match of UTF-8 does not begin within a character. */
static size_t next_window(const struct pattern *p, const char *text, size_t len, size_t from)
{
        from += WINDOW;
        while (p->utf8 && from < len && ((unsigned char)text[from] & 0xc0) == 0x80)
                from++;
        return from;
}

/* 1, 0, or -1: given up. */
static int search(struct pattern *p, const char *text, size_t len, size_t from)
{
        uint32_t limit = MATCH_LIMIT + 2 * (uint32_t)(len < UINT32_MAX / 4 ? len : UINT32_MAX / 4);
        int64_t deadline = 0, cpu_deadline = 0;

        pcre2_set_match_limit(p->limits, limit);
        pcre2_set_depth_limit(p->limits, limit);
        while (from <= len) {
                size_t next = next_window(p, text, len, from);
                int r = search_window(p, text, len, from, next - 1);
                if (r >= 0)
                        return 1;
                if (r != PCRE2_ERROR_NOMATCH)
                        return -1;
                if (p->anchored)
                        return 0;
                from = next;
                if (from > len)
                        return 0;
                if (is_over(&deadline, &cpu_deadline))
                        return -1;
        }
        return 0;
}

bool pattern_find(struct pattern *p, const char *text, size_t len, size_t from)
{
        int r = search(p, text ? text : "", len, from);

        p->gave_up += r < 0;
        return r > 0;
}

bool pattern_group(const struct pattern *p, unsigned group, size_t *ret_start, size_t *ret_end)
{
        const PCRE2_SIZE *v = pcre2_get_ovector_pointer(p->match);

        if (group > p->ngroups || v[2 * group] == PCRE2_UNSET || v[2 * group] > v[2 * group + 1])
                return false;
        *ret_start = v[2 * group];
        *ret_end = v[2 * group + 1];
        return true;
}

size_t pattern_names(const struct pattern *p, const struct pattern_name **ret)
{
        *ret = p->names;
        return p->nnames;
}

unsigned pattern_groups(const struct pattern *p)
{
        return p->ngroups;
}

const char *pattern_text(const struct pattern *p)
{
        return p->text;
}

uint64_t pattern_gave_up(const struct pattern *p)
{
        return p->gave_up;
}

/* "10.42 2022-12-11": without the date. */
const char *pattern_version(void)
{
        static char text[32];

        pcre2_config(PCRE2_CONFIG_VERSION, text);
        text[strcspn(text, " ")] = '\0';
        return text;
}
