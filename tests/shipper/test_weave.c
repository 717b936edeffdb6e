/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "shipper/multiline.h"
#include "shipper/weave.h"

enum { EVENTS_MAX = 4096 };

/* An event as the tests see it: absolute, so that it is the same wherever reading began. */
struct seen { size_t at, position; char *line; };

struct reading {
        struct framing how;
        struct weaving weaving;
        struct seen events[EVENTS_MAX];
        size_t n;
        size_t position, skipped;
        struct frame_skip skip;
        bool unfinished;
};

static struct reading *reading_new(enum container_format container, enum encoding encoding, const char *terminator)
{
        struct reading *r = xcalloc(1, sizeof(*r));
        struct err e = { 0 };

        r->weaving = (struct weaving){ .container = container, .partial_timeout_ms = 5000, .multiline_timeout_ms = 3000 };
        assert_int_equal(line_end_init(&r->weaving.end, terminator, encoding, &e), 0);
        r->how = (struct framing){ .max_bytes = 4096, .max_lines = 100, .weaving = &r->weaving, .weave = weave_new() };
        return r;
}

static void forget(struct reading *r)
{
        for (size_t i = 0; i < r->n; i++)
                free(r->events[i].line);
        r->n = r->skipped = 0;
}

static void reading_free(struct reading *r)
{
        forget(r);
        multiline_free(r->how.multiline);
        weave_free(r->how.weave);
        free(r);
}

static void continue_lines(struct reading *r, const char *pattern)
{
        const struct multiline_config c = { .continues = (char *)pattern };
        struct err e = { 0 };

        assert_int_equal(multiline_new(&c, &r->how.multiline, &e), 0);
}

/* "out:text" and a letter for what is special about it */
static char *show(const struct frame *f)
{
        static const char *const all[] = { "out", "err" };
        const char *stream = !f->stream ? "-" : all[strcmp(f->stream, "stderr") == 0];

        return xasprintf("%s:%.*s%s%s%s%s", stream, (int)f->len, f->text, f->multiline ? " (multiline)" : "",
                         f->truncated ? " (truncated)" : "", f->unfinished && !f->truncated ? " (unfinished)" : "",
                         f->foreign ? " (foreign)" : "");
}

/* Reads from position on, as the reader does. */
static void read_from(struct reading *r, const char *text, size_t n, size_t position, struct frame_skip skip, bool final)
{
        const char *p = text + position;
        struct frame f;

        r->how.start = p;
        r->how.offset = (int64_t)position;
        r->how.skip = skip;
        r->how.final = final;
        weave_reset(r->how.weave);
        while (frame_next(&r->how, p, text + n, 0, &f)) {
                size_t at = (size_t)(p - text) + f.at;
                assert_true(f.size <= n - (size_t)(p - text));
                assert_true(f.text ? f.lines >= 1 && f.span >= 1 && at + f.span <= n : f.lines == 0 && f.skipped > 0);
                if (f.text) {
                        assert_true(r->n < EVENTS_MAX);
                        r->events[r->n++] = (struct seen){ at, (size_t)(p - text) + f.size, show(&f) };
                }
                p += f.size;
                if (f.size > 0)
                        r->how.skip = f.skip;
                r->skipped += f.skipped;
        }
        r->position = (size_t)(p - text);
        r->skip = r->how.skip;
        r->unfinished = f.unfinished;
}

static void read_all(struct reading *r, const char *text, size_t n, bool final)
{
        read_from(r, text, n, 0, (struct frame_skip){ 0 }, final);
}

static void expect(const struct reading *r, const char *want)
{
        struct buf got = { 0 };

        for (size_t i = 0; i < r->n; i++)
                buf_printf(&got, "%s|", r->events[i].line);
        assert_string_equal(buf_cstr(&got), want);
        buf_fini(&got);
}

/* "10:00:01.5" of a day, and a text of the stream */
#define L(time, rest) "2026-11-23T" time "Z " rest "\n"

static const struct container_case { const char *in, *want; const char *continues; } cases[] = {
        { L("10:00:00", "stdout F one") L("10:00:00", "stderr F two"), "out:one|err:two|", NULL },
        { L("10:00:00", "stdout P on") L("10:00:00", "stdout P e ") L("10:00:00", "stdout F line"), "out:one line|", NULL },
        /* two streams in one file */
        { L("10:00:00", "stdout P on") L("10:00:00", "stderr F two") L("10:00:00", "stdout F e"), "err:two|out:one|", NULL },
        { L("10:00:00", "stdout P on") L("10:00:00", "stderr P tw") L("10:00:00", "stdout F e") L("10:00:00", "stderr F o"),
          "out:one|err:two|", NULL },
        /* a piece that is empty, a line that is */
        { L("10:00:00", "stdout P a") L("10:00:00", "stdout P ") L("10:00:00", "stdout F ") L("10:00:00", "stdout F "),
          "out:a|out:|", NULL },
        /* what the runtime did not write is a line of its own, also between two pieces */
        { L("10:00:00", "stdout P on") "plain\n\n" L("10:00:00", "stdout F e"), "-:plain (foreign)|-: (foreign)|out:one|", NULL },
        /* the last piece is missing: the file ends, or time goes on */
        { L("10:00:00", "stdout P on"), "out:on (unfinished)|", NULL },
        { L("10:00:00", "stdout P on") L("10:00:05.1", "stderr F two"), "out:on (unfinished)|err:two|", NULL },
        { L("10:00:00", "stdout P on") L("10:00:05", "stdout F e"), "out:one|", NULL },
        { L("10:00:00", "stdout P on") L("10:00:05.1", "stdout F next"), "out:on (unfinished)|out:next|", NULL },
        { L("10:00:09", "stdout P on") L("10:00:00", "stdout F e"), "out:one|", NULL },
        /* no newline yet at the end of the file */
        { L("10:00:00", "stdout F one") "2026-11-23T10:00:00Z stdout F tw", "out:one|out:tw (unfinished)|", NULL },
        { "2026-11-23T10:00:00Z stdo", "-:2026-11-23T10:00:00Z stdo (unfinished) (foreign)|", NULL },
        /* several lines */
        { L("10:00:00", "stdout F one") L("10:00:00", "stdout F  at a") L("10:00:00", "stdout F two"),
          "out:one\n at a (multiline)|out:two|", "^ " },
        { L("10:00:00", "stdout F one") L("10:00:00", "stderr F two") L("10:00:00", "stdout F  at a")
          L("10:00:00", "stderr F  at b") L("10:00:00", "stdout F three"),
          "out:one\n at a (multiline)|err:two\n at b (multiline)|out:three|", "^ " },
        { L("10:00:00", "stdout F one") L("10:00:00", "stdout P  at") L("10:00:00", "stdout F  a") L("10:00:00", "stdout P tw")
          L("10:00:00", "stdout F o"), "out:one\n at a (multiline)|out:two|", "^ " },
        { L("10:00:00", "stdout F one") L("10:00:03.1", "stdout F  late"), "out:one|out: late|", "^ " },
        { L("10:00:00", "stdout F one") L("10:00:03", "stdout F  in time"), "out:one\n in time (multiline)|", "^ " },
        { L("10:00:00", "stderr F two") L("10:00:00", "stdout F one") L("10:00:04", "stdout F next"), "err:two|out:one|out:next|", "^ " },
        { L("10:00:00", "stdout F one") L("10:00:00", "stdout P  at"), "out:one\n at (multiline) (unfinished)|", "^ " },
        { L("10:00:00", "stdout F one") "foreign\n" L("10:00:00", "stdout F  at"), "out:one\n at (multiline)|-:foreign (foreign)|", "^ " },
        { "", "", NULL },
        { "\n", "-: (foreign)|", NULL },
};

static struct reading *reading_of(const struct container_case *c)
{
        struct reading *r = reading_new(CONTAINER_AUTO, ENCODING_UTF8, NULL);

        if (c->continues)
                continue_lines(r, c->continues);
        return r;
}

static void pieces_and_streams_become_events(void **state)
{
        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                struct reading *r = reading_of(&cases[i]);
                read_all(r, cases[i].in, strlen(cases[i].in), true);
                expect(r, cases[i].want);
                assert_int_equal(r->position, strlen(cases[i].in));
                reading_free(r);
        }
}

/* From every position that is stored on, the events behind it are the same; and with less of the file at first, what was
 * found is what is found with all of it. */
static void check_every_start_and_split(struct reading *all, struct reading *part, const char *text, size_t n)
{
        read_all(all, text, n, true);
        for (size_t i = 0; i < all->n; i++) {
                bool moved = i + 1 == all->n || all->events[i + 1].position != all->events[i].position || all->events[i + 1].at >= all->events[i].position;
                if (!moved || all->events[i].at >= all->events[i].position)
                        continue;
                read_from(part, text, n, all->events[i].position, (struct frame_skip){ 0 }, true);
                for (size_t k = 0; k < part->n; k++) {
                        assert_true(i + 1 + k < all->n);
                        assert_int_equal(part->events[k].at, all->events[i + 1 + k].at);
                        assert_string_equal(part->events[k].line, all->events[i + 1 + k].line);
                }
                forget(part);
        }
        for (size_t seen = 0; seen <= n; seen++) {
                read_all(part, text, seen, false);
                assert_true(part->n <= all->n);
                for (size_t k = 0; k < part->n; k++) {
                        assert_int_equal(part->events[k].at, all->events[k].at);
                        assert_string_equal(part->events[k].line, all->events[k].line);
                }
                forget(part);
        }
}

static void every_start_and_every_split_give_the_same_events(void **state)
{
        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                struct reading *all = reading_of(&cases[i]), *part = reading_of(&cases[i]);
                check_every_start_and_split(all, part, cases[i].in, strlen(cases[i].in));
                reading_free(all);
                reading_free(part);
        }
}

/* What waits for more says which timeout it is that counts. */
static void a_line_in_pieces_is_unfinished_and_an_event_is_not(void **state)
{
        static const char pieces[] = L("10:00:00", "stdout P on"), lines[] = L("10:00:00", "stdout F one");
        struct reading *r = reading_new(CONTAINER_CRI, ENCODING_UTF8, NULL);

        (void)state;
        read_all(r, pieces, sizeof(pieces) - 1, false);
        assert_true(r->n == 0 && r->unfinished);
        continue_lines(r, "^ ");
        read_all(r, lines, sizeof(lines) - 1, false);
        assert_true(r->n == 0 && !r->unfinished);
        read_all(r, lines, sizeof(lines) - 2, false);
        assert_true(r->n == 0 && r->unfinished);
        reading_free(r);
}

/* A line of ever more pieces: what fits is shipped once, the rest is passed over up to its end, and what stands between on
 * the other stream is not. */
static void a_line_in_too_many_pieces_is_cut_once(void **state)
{
        struct reading *r = reading_new(CONTAINER_CRI, ENCODING_UTF8, NULL);
        struct buf b = { 0 };

        (void)state;
        r->how.max_bytes = 512;
        for (int i = 0; i < 100; i++) {
                buf_puts(&b, L("10:00:00", "stdout P 0123456789"));
                if (i % 10 == 5)
                        buf_printf(&b, "2026-11-23T10:00:00Z stderr F e%d\n", i);
        }
        buf_puts(&b, L("10:00:00", "stdout F end") L("10:00:00", "stdout F next"));
        read_all(r, b.data, b.len, true);
        size_t cut = 0, others = 0, next = 0;
        for (size_t i = 0; i < r->n; i++) {
                cut += strstr(r->events[i].line, "(truncated)") != NULL;
                others += strncmp(r->events[i].line, "err:e", 5) == 0;
                next += strcmp(r->events[i].line, "out:next") == 0;
        }
        assert_int_equal(cut, 1);
        assert_int_equal(others, 10);
        assert_int_equal(next, 1);
        assert_int_equal(r->n, 12);
        assert_int_equal(r->skip.streams, 0);
        assert_true(r->skipped > 80 * 40 && r->skipped < b.len);
        assert_int_equal(r->position, b.len);

        /* the rest that never ends, ends by time */
        forget(r);
        buf_reset(&b);
        for (int i = 0; i < 100; i++)
                buf_puts(&b, L("10:00:00", "stdout P 0123456789"));
        read_all(r, b.data, b.len, true);
        assert_int_equal(r->n, 1);
        assert_int_equal(r->skip.streams, 1 << CONTAINER_STDOUT);
        buf_puts(&b, L("10:00:06", "stdout F next"));
        forget(r);
        read_all(r, b.data, b.len, true);
        assert_int_equal(r->n, 2);
        assert_string_equal(r->events[1].line, "out:next");
        buf_fini(&b);
        reading_free(r);
}

/* An event that waits on one stream does not tear those of the other. */
static void a_waiting_stream_does_not_tear_the_other(void **state)
{
        struct reading *r = reading_new(CONTAINER_CRI, ENCODING_UTF8, NULL);
        struct buf b = { 0 };
        size_t whole = 0;

        (void)state;
        continue_lines(r, "^ ");
        buf_puts(&b, L("10:00:00", "stderr F alone"));
        for (int i = 0; i < 300; i++)
                buf_puts(&b, L("10:00:00", "stdout F begins") L("10:00:00", "stdout F  goes on"));
        read_all(r, b.data, b.len, true);
        for (size_t i = 0; i < r->n; i++)
                whole += strcmp(r->events[i].line, "out:begins\n goes on (multiline)") == 0;
        assert_int_equal(whole, 300);
        assert_int_equal(r->n, 301);
        buf_fini(&b);
        reading_free(r);
}

/* Group after group: positions only where nothing is open, the size of a group bounded. */
static void groups_are_bounded(void **state)
{
        struct reading *r = reading_new(CONTAINER_CRI, ENCODING_UTF8, NULL);
        struct buf b = { 0 };
        size_t before = 0;

        (void)state;
        r->how.max_bytes = 1024;
        buf_puts(&b, L("10:00:00", "stderr P waits"));
        for (int i = 0; i < 200; i++)
                buf_printf(&b, "2026-11-23T10:00:00Z stdout F %d\n", i);
        read_all(r, b.data, b.len, true);
        assert_int_equal(r->n, 201);
        for (size_t i = 0; i < r->n; i++) {
                if (r->events[i].position <= before)
                        continue;
                assert_true(r->events[i].position - before <= 1024);
                before = r->events[i].position;
        }
        buf_fini(&b);
        reading_free(r);
}

#define BYTES(text) text, sizeof(text) - 1

static void other_encodings_and_ends_become_lines(void **state)
{
        static const struct { enum encoding e; const char *terminator; const char *in; size_t n; const char *want; const char *continues; } all[] = {
                { ENCODING_UTF16LE, NULL, BYTES("\xff\xfe" "a\0\r\0\n\0" "\xe9\0\n\0"), "-:a|-:\xc3\xa9|", NULL },
                { ENCODING_UTF16BE, NULL, BYTES("\xfe\xff\0a\0\n\0b"), "-:a|-:b (unfinished)|", NULL },
                { ENCODING_UTF16LE, NULL, BYTES("a\0\n\0\x3d"), "-:a|-:\xef\xbf\xbd (unfinished)|", NULL },
                { ENCODING_UTF16LE, NULL, BYTES("\x3d\xd8\n\0\x00\xde\n\0"), "-:\xef\xbf\xbd|-:\xef\xbf\xbd|", NULL },
                { ENCODING_UTF16LE, NULL, BYTES("\n\0\n\0"), "-:|-:|", NULL },
                { ENCODING_UTF16LE, NULL, BYTES("a\0\n\0 \0b\0\n\0c\0\n\0"), "-:a\n b (multiline)|-:c|", "^ " },
                { ENCODING_LATIN1, NULL, BYTES("\xe9\r\n\xff\n"), "-:\xc3\xa9|-:\xc3\xbf|", NULL },
                { ENCODING_UTF8, "nul", BYTES("a\nb\0c\0"), "-:a\nb|-:c|", NULL },
                { ENCODING_UTF8, "cr", BYTES("a\r\rb"), "-:a|-:|-:b (unfinished)|", NULL },
                { ENCODING_UTF8, "crlf", BYTES("\xef\xbb\xbf" "a\nb\r\nc\r"), "-:a\nb|-:c\r (unfinished)|", NULL },
                { ENCODING_UTF8, "--", BYTES("a-b--c--"), "-:a-b|-:c|", NULL },
                { ENCODING_UTF8, "--", BYTES("a-- b--c--"), "-:a\n b (multiline)|-:c|", "^ " },
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(all); i++) {
                struct reading *r = reading_new(CONTAINER_NONE, all[i].e, all[i].terminator);
                struct reading *part = reading_new(CONTAINER_NONE, all[i].e, all[i].terminator);
                if (all[i].continues) {
                        continue_lines(r, all[i].continues);
                        continue_lines(part, all[i].continues);
                }
                read_all(r, all[i].in, all[i].n, true);
                expect(r, all[i].want);
                forget(r);
                check_every_start_and_split(r, part, all[i].in, all[i].n);
                reading_free(r);
                reading_free(part);
        }
}

/* Bytes that are known to hold no end are not searched again, and still no end is missed that begins in them. */
static void an_end_that_begins_in_known_bytes_is_found(void **state)
{
        static const struct { enum encoding e; const char *terminator; const char *in; size_t n, size; } all[] = {
                { ENCODING_UTF8, "crlf", BYTES("ab\r\ncd"), 4 },
                { ENCODING_UTF8, "#--#", BYTES("ab#--#cd"), 6 },
                { ENCODING_UTF16LE, NULL, BYTES("a\0b\0\n\0c\0"), 6 },
                { ENCODING_UTF16BE, "crlf", BYTES("\0a\0\r\0\n\0c"), 6 },
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(all); i++) {
                struct reading *r = reading_new(CONTAINER_NONE, all[i].e, all[i].terminator);
                struct frame f;
                for (size_t known = 0; known < all[i].size; known++) {
                        r->how.start = all[i].in;
                        weave_reset(r->how.weave);
                        assert_true(frame_next(&r->how, all[i].in, all[i].in + all[i].n, known, &f));
                        assert_int_equal(f.size, all[i].size);
                }
                reading_free(r);
        }
}

static void a_long_line_is_decoded_as_far_as_it_is_kept(void **state)
{
        struct reading *r = reading_new(CONTAINER_NONE, ENCODING_UTF16LE, NULL);
        static const char text[] = "\xff\xfe" "a\0b\0\x3d\xd8\x00\xde\n\0";
        struct frame f;

        (void)state;
        r->how.start = text;
        frame_long(&r->how, text, 8, 12, 2, &f);
        assert_int_equal(f.len, 2);
        assert_memory_equal(f.text, "ab", 2);
        assert_int_equal(f.size, 12);
        assert_int_equal(f.cut, 4);
        assert_false(f.unfinished);
        reading_free(r);

        static const char cri[] = L("10:00:00", "stdout F 0123456789");
        r = reading_new(CONTAINER_CRI, ENCODING_UTF8, NULL);
        r->how.start = cri;
        r->how.offset = 100;
        frame_long(&r->how, cri, 34, sizeof(cri) - 1, 1, &f);
        assert_int_equal(f.len, 4);
        assert_memory_equal(f.text, "0123", 4);
        assert_string_equal(f.stream, "stdout");
        assert_int_equal(f.cut, 6);
        reading_free(r);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(pieces_and_streams_become_events),
                cmocka_unit_test(every_start_and_every_split_give_the_same_events),
                cmocka_unit_test(a_line_in_pieces_is_unfinished_and_an_event_is_not),
                cmocka_unit_test(a_line_in_too_many_pieces_is_cut_once),
                cmocka_unit_test(a_waiting_stream_does_not_tear_the_other),
                cmocka_unit_test(groups_are_bounded),
                cmocka_unit_test(other_encodings_and_ends_become_lines),
                cmocka_unit_test(an_end_that_begins_in_known_bytes_is_found),
                cmocka_unit_test(a_long_line_is_decoded_as_far_as_it_is_kept),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
