/* SPDX-License-Identifier: Apache-2.0 */
/* The batch format: what went in comes out as the events that event_write makes, and what is damaged is refused. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <lz4frame.h>

#include "event/pack.h"
#include "event/pack_form.h"

#define WALL_NS (INT64_C(1795428000) * 1000000000 + 123456789)

static const struct ident file_id = { { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16 } };

struct rig {
        struct event_stream stream;
        struct pack pack;
        struct buf record, events, ends;        /* ends: where each of the events ends, as size_t */
        struct unpack unpack;
};

static int set_up(void **state)
{
        struct rig *r = calloc(1, sizeof(*r));

        event_stream_init(&r->stream, &file_id, "/var/log/a \"b\".log", "shop", "web-1");
        event_stream_add(&r->stream, "labels.env", "prod");
        *state = r;
        return 0;
}

static int clean_up(void **state)
{
        struct rig *r = *state;

        event_stream_fini(&r->stream);
        pack_fini(&r->pack);
        unpack_fini(&r->unpack);
        buf_fini(&r->record);
        buf_fini(&r->events);
        buf_fini(&r->ends);
        free(r);
        return 0;
}

/* To the record, and as an event to what is expected of it. */
static void add(struct rig *r, const struct event_line *line)
{
        size_t repaired;

        if (!pack_is_open(&r->pack))
                pack_begin(&r->pack, &r->stream);
        assert_true(pack_add(&r->pack, &r->stream, line, &repaired));
        event_write(&r->events, &r->stream, line);
        buf_put(&r->ends, &r->events.len, sizeof(r->events.len));
}

static void add_text(struct rig *r, uint64_t offset, const char *text)
{
        add(r, &(struct event_line){ .wall_ns = WALL_NS, .offset = offset, .text = text, .len = strlen(text) });
}

static void close_record(struct rig *r)
{
        size_t size = pack_size(&r->pack);

        buf_reset(&r->record);
        pack_end(&r->pack, &r->record);
        assert_false(pack_is_open(&r->pack));
        assert_true(r->record.len <= pack_bound(size));
}

static int try_unpack(struct rig *r, const void *p, size_t n, struct err *e)
{
        struct unpacked line;
        struct buf scratch = { 0 };
        int result = unpack_begin(&r->unpack, p, n, e);
        size_t begin = 0, i = 0;

        if (result < 0)
                return result;
        for (; unpack_next(&r->unpack, &scratch, &line); i++) {
                size_t end;
                assert_true((i + 1) * sizeof(end) <= r->ends.len);
                memcpy(&end, r->ends.data + i * sizeof(end), sizeof(end));
                if (line.len != end - begin || memcmp(line.doc, r->events.data + begin, line.len) != 0)
                        fail_msg("line %zu is\n%.*s and not\n%.*s", i, (int)line.len, line.doc, (int)(end - begin),
                                 r->events.data + begin);
                begin = end;
        }
        assert_int_equal(i * sizeof(size_t), r->ends.len);
        unpack_end(&r->unpack);
        buf_fini(&scratch);
        return 0;
}

static void same_events_come_out(struct rig *r)
{
        struct err e = { 0 };

        close_record(r);
        assert_true(pack_is(r->record.data, r->record.len));
        if (try_unpack(r, r->record.data, r->record.len, &e) < 0)
                fail_msg("%s", e.msg);
}

static void plain_lines_are_the_events_they_would_have_been(void **state)
{
        struct rig *r = *state;

        add_text(r, 0, "one");
        add_text(r, 4, "");
        add_text(r, 5, "three \"quoted\" \x01 \xff\xc3\xa4");
        same_events_come_out(r);
}

static void a_plain_line_takes_its_text_and_one_byte(void **state)
{
        struct rig *r = *state;

        add_text(r, 1000, "the first");
        size_t before = pack_size(&r->pack);
        add_text(r, 1010, "the second");
        assert_int_equal(pack_size(&r->pack) - before, strlen("the second") + 1);
        same_events_come_out(r);
}

static void lines_with_carriage_returns_take_no_more_after_the_second(void **state)
{
        struct rig *r = *state;

        add_text(r, 0, "a");
        add_text(r, 3, "b");
        size_t before = pack_size(&r->pack);
        add_text(r, 6, "c");
        assert_int_equal(pack_size(&r->pack) - before, 2);
        same_events_come_out(r);
}

/* Each line differs from the one before in one thing or in several. */
static void whatever_a_line_has_comes_out_again(void **state)
{
        static const struct event_parts precise = { .precise = true };
        static const struct event_line lines[] = {
                { .offset = 50, .text = "first", .len = 5 },
                { .wall_ns = 7000000, .offset = 56, .text = "later", .len = 5 },
                { .wall_ns = -3000000, .offset = 62, .text = "earlier", .len = 7 },
                { .offset = 5000, .text = "behind a hole", .len = 13 },
                { .offset = 10, .text = "before all", .len = 10 },
                { .offset = 100, .span = 30, .text = "two\nlines", .len = 9, .flags = EVENT_MULTILINE },
                { .offset = 130, .span = 9999, .text = "cut", .len = 3, .flags = EVENT_TRUNCATED | EVENT_MULTILINE },
                { .offset = 20000, .text = "out", .len = 3, .stream = "stdout" },
                { .offset = 20004, .text = "err", .len = 3, .stream = "stderr", .flags = EVENT_TRUNCATED },
                { .offset = 20008, .text = "elsewhere", .len = 9, .stream = "trace" },
                { .offset = 20020, .text = "to the nanosecond", .len = 17, .parts = &precise },
                { .wall_ns = 1, .offset = 20038, .text = "and the next", .len = 12, .parts = &precise },
                { .wall_ns = 210999, .offset = 20051, .text = "a whole one", .len = 11, .parts = &precise },
                { .wall_ns = 544000000, .offset = 20063, .text = "rounded", .len = 7 },
                { .offset = UINT64_MAX - 3, .text = "far", .len = 3 },
                { .offset = 0, .text = "near", .len = 4 },
        };
        struct rig *r = *state;

        for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
                struct event_line line = lines[i];
                line.wall_ns += WALL_NS;
                add(r, &line);
        }
        same_events_come_out(r);
}

static void times_before_1970_keep_their_nanoseconds(void **state)
{
        static const struct event_parts precise = { .precise = true };
        static const int64_t times[] = { -1, -999999, -1000000, -1000001, 0, 1 };
        struct rig *r = *state;

        for (size_t i = 0; i < ARRAY_LEN(times); i++)
                add(r, &(struct event_line){ .wall_ns = times[i], .offset = i, .text = "", .parts = &precise });
        for (size_t i = 0; i < ARRAY_LEN(times); i++)
                add(r, &(struct event_line){ .wall_ns = times[i], .offset = i, .text = "" });
        same_events_come_out(r);
}

static void a_parsed_line_is_kept_as_the_event_it_is(void **state)
{
        struct event_parts parts = { .message = "lifted", .message_len = 6 };
        struct rig *r = *state;

        buf_puts(&parts.more[EVENT_LOG], "\"level\":\"warn\"");
        buf_puts(&parts.rest, "\"json\":{\"a\":1}");
        add_text(r, 0, "text");
        add(r, &(struct event_line){ .wall_ns = WALL_NS, .offset = 5, .text = "{...}", .len = 5, .parts = &parts });
        add_text(r, 11, "text again");
        same_events_come_out(r);
        event_parts_fini(&parts);
}

static void a_record_that_begins_with_an_event_has_its_text_lines_right(void **state)
{
        struct event_parts parts = { .no_message = true };
        struct rig *r = *state;

        add(r, &(struct event_line){ .wall_ns = WALL_NS, .offset = 5, .text = "{}", .len = 2, .parts = &parts });
        add_text(r, 70, "text");
        add_text(r, 75, "more");
        same_events_come_out(r);
}

static void a_record_may_hold_thousands_of_lines_and_long_ones(void **state)
{
        struct rig *r = *state;
        char *text = malloc(300000);
        uint64_t offset = 0, random = 1;

        for (int i = 0; i < 3000; i++) {
                size_t len = i == 1500 ? 300000 : (size_t)(i % 90);
                for (size_t k = 0; k < len; k++) {
                        random = random * 6364136223846793005u + 1442695040888963407u;
                        text[k] = (char)(random >> 56);
                }
                add(r, &(struct event_line){ .wall_ns = WALL_NS + i / 500 * 1000000, .offset = offset, .text = text, .len = len });
                offset += len + 1;
        }
        free(text);
        same_events_come_out(r);
}

static void nothing_of_one_record_is_left_in_the_next(void **state)
{
        struct rig *r = *state;

        add(r, &(struct event_line){ .wall_ns = WALL_NS, .offset = 500, .text = "a", .len = 1, .stream = "stdout" });
        add_text(r, 900, "b");
        same_events_come_out(r);
        buf_reset(&r->events);
        buf_reset(&r->ends);
        add_text(r, 3, "c");
        add_text(r, 5, "d");
        same_events_come_out(r);
}

static void what_does_not_fit_leaves_the_record_as_it_was(void **state)
{
        struct event_parts parts = { .no_message = true };
        struct rig *r = *state;
        char *text = malloc(PACK_CONTENT);
        size_t repaired;

        memset(text, 'x', PACK_CONTENT);
        add_text(r, 0, "small");
        struct event_line huge = { .wall_ns = WALL_NS, .offset = 6, .text = text, .len = PACK_CONTENT };
        assert_false(pack_add(&r->pack, &r->stream, &huge, &repaired));
        buf_put(&parts.rest, text, PACK_CONTENT);
        huge.parts = &parts;
        assert_false(pack_add(&r->pack, &r->stream, &huge, &repaired));
        add_text(r, 6, "small too");
        same_events_come_out(r);
        event_parts_fini(&parts);
        free(text);
}

static void a_record_of_its_largest_size_is_below_the_limit_it_was_made_for(void **state)
{
        (void)state;
        for (size_t limit = 0; limit < 3000000; limit += limit / 3 + 7) {
                size_t size = pack_size_for(limit);
                if (size > 0)
                        assert_true(pack_bound(size) <= limit);
                assert_true(size + 4096 > limit || size == PACK_CONTENT);
        }
}

/* --- what is damaged --------------------------------------------------------------------------- */

static void fill(struct rig *r)
{
        struct event_parts parts = { .no_message = true };

        add_text(r, 0, "one line");
        add_text(r, 9, "and one more");
        add(r, &(struct event_line){ .wall_ns = WALL_NS, .offset = 44, .span = 9, .text = "x", .len = 1, .flags = 3, .stream = "stderr" });
        add(r, &(struct event_line){ .wall_ns = WALL_NS, .offset = 50, .text = "{}", .len = 2, .parts = &parts });
        close_record(r);
}

static void a_cut_record_is_refused_wherever_it_is_cut(void **state)
{
        struct rig *r = *state;

        fill(r);
        for (size_t n = 0; n < r->record.len; n++) {
                struct err e = { 0 };
                char *exact = malloc(n ? n : 1);
                memcpy(exact, r->record.data, n);
                assert_int_equal(try_unpack(r, exact, n, &e), -EBADMSG);
                assert_true(e.msg[0] != '\0');
                free(exact);
        }
}

static void a_wrong_bit_is_found_wherever_it_is_or_changes_nothing(void **state)
{
        struct rig *r = *state;
        unsigned fine = 0;

        fill(r);
        for (size_t i = 0; i < r->record.len; i++) {
                for (int bit = 0; bit < 8; bit++) {
                        r->record.data[i] ^= (char)(1 << bit);
                        fine += try_unpack(r, r->record.data, r->record.len, NULL) == 0;
                        r->record.data[i] ^= (char)(1 << bit);
                }
        }
        /* A match may point to other bytes that are the same. */
        assert_true(fine * 20 < 8 * r->record.len);
}

static void more_behind_the_record_is_refused(void **state)
{
        struct rig *r = *state;
        struct err e = { 0 };

        fill(r);
        buf_putc(&r->record, 'x');
        assert_int_equal(try_unpack(r, r->record.data, r->record.len, &e), -EBADMSG);
        assert_non_null(strstr(e.msg, "behind"));
}

/* An LZ4 frame around any content, as another program would make it. */
static void frame_of(struct rig *r, const void *content, size_t size, bool checksum, uint64_t said)
{
        LZ4F_preferences_t how = { .frameInfo = { .contentChecksumFlag = checksum ? LZ4F_contentChecksumEnabled
                                                                                  : LZ4F_noContentChecksum } };
        LZ4F_cctx *c;
        size_t room = LZ4F_compressBound(size, &how) + LZ4F_HEADER_SIZE_MAX, n;

        how.frameInfo.contentSize = said;
        buf_reset(&r->record);
        char *to = buf_reserve(&r->record, room);
        assert_false(LZ4F_isError(LZ4F_createCompressionContext(&c, LZ4F_VERSION)));
        n = LZ4F_compressBegin(c, to, room, &how);
        n += LZ4F_compressUpdate(c, to + n, room - n, content, size, NULL);
        size_t end = LZ4F_compressEnd(c, to + n, room - n, NULL);
        r->record.len = n + (LZ4F_isError(end) ? 0 : end);
        LZ4F_freeCompressionContext(c);
}

static void refused_for(struct rig *r, const char *why)
{
        struct err e = { 0 };

        assert_int_equal(unpack_begin(&r->unpack, r->record.data, r->record.len, &e), -EBADMSG);
        if (!strstr(e.msg, why))
                fail_msg("refused because: %s", e.msg);
}

static void a_frame_must_say_its_size_and_keep_a_checksum(void **state)
{
        static const char content[PACK_HEAD + 100];
        struct rig *r = *state;

        frame_of(r, content, sizeof(content), true, 0);
        refused_for(r, "does not say its content's size");
        frame_of(r, content, sizeof(content), false, sizeof(content));
        refused_for(r, "no content checksum");
        frame_of(r, content, sizeof(content), true, sizeof(content));
        refused_for(r, "something else");
        frame_of(r, content, PACK_HEAD - 1, true, PACK_HEAD - 1);
        refused_for(r, "too little");
}

static void a_bomb_is_refused_before_it_goes_off(void **state)
{
        struct rig *r = *state;
        char *zeros = calloc(1, 64 << 20);

        frame_of(r, zeros, 64 << 20, true, 64 << 20);
        assert_true(r->record.len < 300000);
        refused_for(r, "larger than");
        assert_true(r->unpack.content.cap <= PACK_CONTENT);
        /* The head lies about its size. */
        frame_of(r, zeros, 64 << 20, true, 1000);
        refused_for(r, "damaged");
        assert_true(r->unpack.content.cap <= PACK_CONTENT);
        free(zeros);
}

/* The content of a record as it should be, to be made wrong in one place. */
static char *content_of(struct rig *r, size_t *ret_size)
{
        struct err e = { 0 };

        fill(r);
        assert_int_equal(unpack_begin(&r->unpack, r->record.data, r->record.len, &e), 0);
        *ret_size = r->unpack.content.len;
        char *copy = malloc(*ret_size);
        memcpy(copy, r->unpack.content.data, *ret_size);
        return copy;
}

static void a_head_that_is_wrong_says_what_is(void **state)
{
        static const struct {
                int at;
                char value;
                const char *why;
        } cases[] = {
                { 0, 'X', "something else" },       { HEAD_VERSION, 2, "version 2" },   { HEAD_SCHEME, 9, "scheme 9" },
                { HEAD_LINES, 0, "no lines" },      { HEAD_LINES, 3, "does not fit" },  { HEAD_LINES, 5, "damaged" },
                { HEAD_LINES + 3, 1, "more than" }, { HEAD_BEFORE + 3, 127, "add up" }, { HEAD_TEXT, 0, "add up" },
                { HEAD_TABLE + 3, -1, "add up" },   { HEAD_TIME + 7, 127, "damaged" },
        };
        struct rig *r = *state;
        size_t size;
        char *content = content_of(r, &size);

        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                char old = content[cases[i].at];
                content[cases[i].at] = cases[i].value;
                frame_of(r, content, size, true, size);
                refused_for(r, cases[i].why);
                content[cases[i].at] = old;
        }
        free(content);
}

/* A reader that believed any of these would read or write where it must not. */
static void a_table_that_is_wrong_is_refused(void **state)
{
        static const struct {
                const char *table;
                size_t len;
        } cases[] = {
                { "", 0 },
                { "\x05", 1 },                                                   /* more text than there is */
                { "\x02", 1 },                                                   /* less */
                { "\x05\x00", 2 },                                               /* extras, and none */
                { "\x05\x80", 2 },                                               /* unknown bit */
                { "\x05\x41\x00", 3 },                                           /* an event with a gap */
                { "\x05\x04\xc0\x84\x3d", 5 },                                   /* 1000000 ns */
                { "\x05\x10\x04", 3 },                                           /* unknown flag */
                { "\x05\x20\x03", 3 },                                           /* unknown stream */
                { "\x05\x02\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 12 },      /* a time that no clock has */
                { "\x05\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", 12 },      /* 65 bits */
                { "\x05\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x00", 13 },  /* too many bytes */
                { "\x05\x01\xff", 3 },                                           /* an unfinished one */
                { "\x04\x00", 2 },                                               /* more entries than lines */
                { "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x40", 11 },          /* a length of 63 bits */
        };
        struct rig *r = *state;

        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                char content[PACK_HEAD + 64] = PACK_MAGIC "\x01\x01";
                size_t at = PACK_HEAD;
                content[HEAD_LINES] = 1;
                content[HEAD_AFTER] = 2;
                content[HEAD_TEXT] = 2;
                content[HEAD_TABLE] = (char)cases[i].len;
                memcpy(content + at, "}}", 2);
                memcpy(content + at + 2, "ab", 2);
                memcpy(content + at + 4, cases[i].table, cases[i].len);
                size_t size = at + 4 + cases[i].len;
                frame_of(r, content, size, true, size);
                refused_for(r, "table");
                memcpy(content + at + 4, "\x04", 1);
                content[HEAD_TABLE] = 1;
                frame_of(r, content, at + 5, true, at + 5);
                assert_int_equal(unpack_begin(&r->unpack, r->record.data, r->record.len, NULL), 0);
        }
}

static void other_records_do_not_look_like_one(void **state)
{
        (void)state;
        assert_false(pack_is("{\"a\":1}", 7));
        assert_false(pack_is("\x04\x22\x4d", 3));
        assert_false(pack_is("", 0));
        assert_true(pack_is("\x04\x22\x4d\x18", 4));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, clean_up)

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(plain_lines_are_the_events_they_would_have_been),
                TEST(a_plain_line_takes_its_text_and_one_byte),
                TEST(lines_with_carriage_returns_take_no_more_after_the_second),
                TEST(whatever_a_line_has_comes_out_again),
                TEST(times_before_1970_keep_their_nanoseconds),
                TEST(a_parsed_line_is_kept_as_the_event_it_is),
                TEST(a_record_that_begins_with_an_event_has_its_text_lines_right),
                TEST(a_record_may_hold_thousands_of_lines_and_long_ones),
                TEST(nothing_of_one_record_is_left_in_the_next),
                TEST(what_does_not_fit_leaves_the_record_as_it_was),
                TEST(a_record_of_its_largest_size_is_below_the_limit_it_was_made_for),
                TEST(a_cut_record_is_refused_wherever_it_is_cut),
                TEST(a_wrong_bit_is_found_wherever_it_is_or_changes_nothing),
                TEST(more_behind_the_record_is_refused),
                TEST(a_frame_must_say_its_size_and_keep_a_checksum),
                TEST(a_bomb_is_refused_before_it_goes_off),
                TEST(a_head_that_is_wrong_says_what_is),
                TEST(a_table_that_is_wrong_is_refused),
                TEST(other_records_do_not_look_like_one),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
