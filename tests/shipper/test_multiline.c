/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/mem.h"
#include "shipper/frame.h"
#include "shipper/multiline.h"

static int64_t preset(const char *name)
{
        for (int i = 0; multiline_presets[i]; i++)
                if (strcmp(multiline_presets[i], name) == 0)
                        return i;
        fail_msg("no preset %s", name);
        return 0;
}

static struct multiline *make(const struct multiline_config *c)
{
        struct multiline *m;
        struct err e = { 0 };

        if (multiline_new(c, &m, &e) < 0)
                fail_msg("%s", e.msg);
        return m;
}

/* In each text, | stands where an event begins that is not the first. */
static const struct { const char *preset, *text; } traces[] = {
        { "java", "10:00:00 ERROR no basket\njava.lang.IllegalStateException: no basket\n\tat shop.Basket.find(B.java:17)\n"
                  "\t... 12 common frames omitted\nCaused by: java.io.IOException: gone\n\tat x.Y.z(Y.java:1)\n"
                  "|10:00:01 INFO next\n|10:00:02 INFO last\n" },
        { "java", "Exception in thread \"main\" java.lang.Error: x\r\n\tat a.B.c(B.java:1)\r\n|10:00 next\r\n" },
        { "python", "ERROR no basket\nTraceback (most recent call last):\n  File \"a.py\", line 1, in <module>\n    f()\n"
                    "KeyError: 'x'\n\nDuring handling of the above exception, another exception occurred:\n\n"
                    "Traceback (most recent call last):\n  File \"b.py\", line 2, in g\nshop.errors.Empty: no basket\n"
                    "|INFO next\n|KeyError: a line of its own\n" },
        { "go", "panic: no basket\n\ngoroutine 1 [running]:\nmain.(*Shop).find(0x1, 0x2)\n\t/src/main.go:8 +0x39\n"
                "main.main()\n\t/src/main.go:4 +0x12\nexit status 2\n|2026/11/23 next\n" },
        { "node", "TypeError: x is not a function\n    at f (/srv/a.js:1:2)\n    at node:internal/main:3:4 {\n  code: 'E'\n}\n|next\n" },
        { "ruby", "a.rb:1:in `find': no basket (RuntimeError)\n\tfrom a.rb:4:in `<main>'\n|a.rb:1:in `find': again (RuntimeError)\n" },
        { "ruby", "no basket\napp/models/basket.rb:10:in `find'\napp/models/shop.rb:3:in `show'\n|next\n" },
        { "dotnet", "Unhandled exception. System.InvalidOperationException: x\n   at A.B() in a.cs:line 3\n"
                    "--- End of inner exception stack trace ---\n   at A.C()\n|info: next\n" },
};

/* Where the events of a text begin. */
static size_t events_of(const struct framing *how, const char *text, size_t n, size_t *starts, size_t max)
{
        const char *p = text;
        struct frame f;
        size_t count = 0;

        while (frame_next(how, p, text + n, 0, &f)) {
                assert_true(f.size > 0 && f.size == f.span && f.at == 0 && f.lines >= 1);
                assert_true(f.len <= f.size && f.size <= (size_t)(text + n - p));
                assert_true(count < max);
                starts[count++] = (size_t)(p - text);
                p += f.size;
        }
        return count;
}

static void a_trace_is_one_event(void **state)
{
        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(traces); i++) {
                const struct multiline_config c = { .preset = preset(traces[i].preset) };
                struct multiline *m = make(&c);
                char text[1024];
                size_t want[16] = { 0 }, got[16], nwant = 1, n = 0;

                for (const char *p = traces[i].text; *p; p++) {
                        if (*p == '|')
                                want[nwant++] = n;
                        else
                                text[n++] = *p;
                }
                const struct framing how = { .multiline = m, .max_bytes = 4096, .max_lines = 100, .final = true };
                size_t ngot = events_of(&how, text, n, got, 16);
                assert_int_equal(ngot, nwant);
                assert_memory_equal(got, want, nwant * sizeof(want[0]));
                multiline_free(m);
        }
}

static void an_own_pattern_says_how_events_look(void **state)
{
        static const struct { struct multiline_config c; size_t events; } cases[] = {
                { { .start = (char *)"^\\[" }, 2 },
                { { .start = (char *)"^\\s", .negate = true }, 3 },
                { { .continues = (char *)"^ " }, 3 },
                { { .continues = (char *)"^\\[", .negate = true }, 2 },
        };
        static const char text[] = "[1] a\n b\nc\n[2] d\n e\n";
        size_t starts[8];

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                struct multiline *m = make(&cases[i].c);
                const struct framing how = { .multiline = m, .max_bytes = 4096, .max_lines = 100, .final = true };
                assert_int_equal(events_of(&how, text, sizeof(text) - 1, starts, 8), cases[i].events);
                multiline_free(m);
        }
}

static void what_is_wrong_is_said(void **state)
{
        static const struct { struct multiline_config c; const char *says; } cases[] = {
                { { .start = (char *)"(" }, "multiline_start" },
                { { .continues = (char *)"[" }, "multiline_continue" },
                { { .start = (char *)"a", .continues = (char *)"b" }, "one of them" },
                { { .preset = 1, .start = (char *)"a" }, "one of them" },
                { { .negate = true }, "multiline_negate" },
        };
        struct multiline *m;

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                struct err e = { 0 };
                assert_true(multiline_new(&cases[i].c, &m, &e) < 0);
                assert_non_null(strstr(e.msg, cases[i].says));
                assert_null(m);
        }
}

/* Whoever reads on from an event's start, after a crash or a pause, finds the same events; and with less of the text at first, the
 * events that were found are among them. */
static void every_split_gives_the_same_events(void **state)
{
        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(traces); i++) {
                const struct multiline_config c = { .preset = preset(traces[i].preset) };
                struct multiline *m = make(&c);
                const char *text = traces[i].text;
                size_t n = strlen(text), all[32], part[32], rest[32];
                struct framing how = { .multiline = m, .max_bytes = 300, .max_lines = 5, .final = true };
                size_t nall = events_of(&how, text, n, all, 32);

                for (size_t k = 0; k < nall; k++) {
                        size_t nrest = events_of(&how, text + all[k], n - all[k], rest, 32);
                        assert_int_equal(nrest, nall - k);
                        for (size_t j = 0; j < nrest; j++)
                                assert_int_equal(rest[j] + all[k], all[k + j]);
                }
                how.final = false;
                for (size_t seen = 0; seen <= n; seen++) {
                        size_t npart = events_of(&how, text, seen, part, 32);
                        assert_true(npart <= nall);
                        assert_memory_equal(part, all, npart * sizeof(all[0]));
                }
                multiline_free(m);
        }
}

static void an_event_ends_at_its_limits(void **state)
{
        const struct multiline_config c = { .continues = (char *)"^ " };
        struct multiline *m = make(&c);
        static const char text[] = "a\n 1\n 2\n 3\n 4\n 5\n";
        struct framing how = { .multiline = m, .max_bytes = 4096, .max_lines = 3, .final = true };
        struct frame f;
        size_t starts[8];

        (void)state;
        assert_int_equal(events_of(&how, text, sizeof(text) - 1, starts, 8), 2);
        assert_int_equal(starts[1], 8);
        how = (struct framing){ .multiline = m, .max_bytes = 8, .max_lines = 100, .final = true };
        assert_int_equal(events_of(&how, text, sizeof(text) - 1, starts, 8), 3);
        assert_true(frame_next(&how, text, text + sizeof(text) - 1, 0, &f));
        assert_int_equal(f.size, 8);
        /* a line that has no end yet and is too long to belong to it */
        how.final = false;
        const char *open = "a\n 123456789";
        assert_true(frame_next(&how, open, open + 12, 0, &f));
        assert_int_equal(f.size, 2);
        multiline_free(m);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_trace_is_one_event),
                cmocka_unit_test(an_own_pattern_says_how_events_look),
                cmocka_unit_test(what_is_wrong_is_said),
                cmocka_unit_test(every_split_gives_the_same_events),
                cmocka_unit_test(an_event_ends_at_its_limits),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
