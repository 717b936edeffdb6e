/* SPDX-License-Identifier: Apache-2.0 */
/* Lines on their way in the batch format, with a sink that answers when the test says so. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "shipper/packer.h"
#include "shipper/ship.h"
#include "tests/fake/sink_held.h"

enum { MIB = 1024 * 1024, RECORD = 1000000 };

struct rig {
        struct loop *loop;
        struct shipper_stats stats;
        struct ship *ship;
        struct sink *sink;
        struct input_config input;
        struct file *files[3];
        int64_t offset[3];
};

static void on_settled(void *arg, struct file *f)
{
        (void)arg;
        (void)f;
}

static void on_room(void *arg)
{
        (void)arg;
}

static int set_up(void **state)
{
        struct rig *r = calloc(1, sizeof(*r));
        struct ship_hooks hooks = { on_settled, on_room, r };
        struct sink_limits limits = { .max_batches = 4096, .max_bytes = MIB };
        struct err e = { 0 };

        r->loop = loop_new(&clock_system, &e);
        r->ship = ship_new(r->loop, &r->stats, &hooks);
        struct sink_owner owner = ship_owner(r->ship);
        r->sink = sink_held_new(r->loop, &owner, &limits);
        ship_set_sink(r->ship, r->sink);
        ship_use_batches(r->ship, RECORD);
        for (uint64_t i = 0; i < 3; i++) {
                r->files[i] = file_new("/var/log/a.log", &r->input, &(struct file_stat){ .inode = i < 2 ? i + 1 : 1 + PACKERS, .birth_ns = 2 });
                file_name(r->files[i], "web-1", "first\n", 6);
                file_make_stream(r->files[i], "web-1");
        }
        *state = r;
        return 0;
}

static void check_ledger(const struct rig *r)
{
        const struct shipper_stats *s = &r->stats;

        assert_int_equal(stat_get(&s->lines_read),
                         stat_get(&s->lines_acked) + stat_get(&s->dropped_rejected) + stat_get(&s->dropped_read_again) +
                                 stat_get(&s->dropped_filtered) + stat_get(&s->lines_in_flight));
}

static int clean_up(void **state)
{
        struct rig *r = *state;

        check_ledger(r);
        sink_free(r->sink);
        ship_free(r->ship);
        check_ledger(r);
        assert_int_equal(stat_get(&r->stats.lines_in_flight), 0);
        for (int i = 0; i < 3; i++) {
                r->files[i]->window.head = r->files[i]->window.tail;
                file_free(r->files[i]);
        }
        loop_free(r->loop);
        free(r);
        return 0;
}

static bool try_line(struct rig *r, int file, const char *text, size_t len)
{
        struct frame line = { .text = text, .len = len, .span = len + 1, .size = len + 1, .lines = 1 };

        if (!ship_has_room(r->ship))
                return false;
        ship_line(r->ship, r->files[file], r->offset[file], &line, 512 * 1024);
        r->offset[file] += (int64_t)line.size;
        return true;
}

static void put_line(struct rig *r, int file, const char *text)
{
        assert_true(try_line(r, file, text, strlen(text)));
}

/* The documents in the i-th record, one a line; free() it. */
static char *documents(struct rig *r, size_t i)
{
        const struct record *rec = sink_held_record(r->sink, i);
        struct unpack u = { 0 };
        struct buf scratch = { 0 }, all = { 0 };
        struct unpacked line;
        struct err e = { 0 };

        if (unpack_begin(&u, batch_at(rec->batch, rec->value), rec->value.len, &e) < 0)
                fail_msg("record %zu: %s", i, e.msg);
        while (unpack_next(&u, &scratch, &line)) {
                buf_put(&all, line.doc, line.len);
                buf_putc(&all, '\n');
        }
        unpack_fini(&u);
        buf_fini(&scratch);
        buf_cstr(&all);
        return all.data;
}

static void assert_documents(struct rig *r, size_t i, size_t lines, const char *const *parts)
{
        char *text = documents(r, i), *at = text;

        for (size_t n = 0; n < lines; n++) {
                char *eol = strchr(at, '\n');
                assert_non_null(eol);
                *eol = '\0';
                if (!strstr(at, parts[n]))
                        fail_msg("%s is not in %s", parts[n], at);
                at = eol + 1;
        }
        assert_string_equal(at, "");
        free(text);
}

static void the_lines_of_a_turn_are_one_record(void **state)
{
        struct rig *r = *state;

        put_line(r, 0, "one");
        put_line(r, 0, "two");
        put_line(r, 0, "three");
        assert_int_equal(sink_held_count(r->sink), 0);
        ship_flush(r->ship);
        assert_int_equal(sink_held_count(r->sink), 1);
        assert_documents(r, 0, 3, (const char *[]){ "\"message\":\"one\"", "\"message\":\"two\"", "\"message\":\"three\"" });
        const struct record *rec = sink_held_record(r->sink, 0);
        char id[IDENT_FILE_TEXT];
        ident_text(&r->files[0]->id, id);
        assert_int_equal(rec->key.len, sizeof(id));
        assert_memory_equal(batch_at(rec->batch, rec->key), id, sizeof(id));
        assert_int_equal(rec->weight, 3);

        assert_int_equal(ackwin_committed(&r->files[0]->window), 0);
        assert_false(ship_idle(r->ship));
        sink_held_answer_all(r->sink, VERDICT_DONE);
        assert_int_equal(ackwin_committed(&r->files[0]->window), r->offset[0]);
        assert_int_equal(stat_get(&r->stats.lines_acked), 3);
        assert_true(ship_idle(r->ship));
}

/* Files 0 and 2 share a place. */
static void files_that_share_a_place_keep_their_order(void **state)
{
        struct rig *r = *state;

        put_line(r, 0, "a");
        put_line(r, 2, "b");
        put_line(r, 0, "c");
        ship_flush(r->ship);
        assert_int_equal(sink_held_count(r->sink), 3);
        assert_documents(r, 0, 1, (const char *[]){ "\"message\":\"a\"" });
        assert_documents(r, 1, 1, (const char *[]){ "\"message\":\"b\"" });
        sink_held_answer(r->sink, 2, VERDICT_DONE, 0, NULL);
        assert_int_equal(ackwin_committed(&r->files[0]->window), 0);
        sink_held_answer(r->sink, 0, VERDICT_DONE, 0, NULL);
        assert_int_equal(ackwin_committed(&r->files[0]->window), r->offset[0]);
        assert_int_equal(ackwin_committed(&r->files[2]->window), 0);
        sink_held_answer_all(r->sink, VERDICT_DONE);
}

static void a_record_has_lines_of_one_file(void **state)
{
        struct rig *r = *state;

        put_line(r, 0, "a");
        put_line(r, 1, "b");
        put_line(r, 1, "c");
        put_line(r, 0, "d");
        ship_flush(r->ship);
        assert_int_equal(sink_held_count(r->sink), 2);
        assert_documents(r, 0, 2, (const char *[]){ "\"message\":\"a\"", "\"message\":\"d\"" });
        assert_documents(r, 1, 2, (const char *[]){ "\"message\":\"b\"", "\"message\":\"c\"" });
        sink_held_answer(r->sink, 0, VERDICT_DONE, 0, NULL);
        assert_int_equal(ackwin_committed(&r->files[0]->window), r->offset[0]);
        assert_int_equal(ackwin_committed(&r->files[1]->window), 0);
        sink_held_answer_all(r->sink, VERDICT_DONE);
}

static void a_renamed_file_begins_another_record(void **state)
{
        struct rig *r = *state;

        put_line(r, 0, "before");
        file_moved_to(r->files[0], "/var/log/a.log.1");
        file_make_stream(r->files[0], "web-1");
        put_line(r, 0, "after");
        ship_flush(r->ship);
        assert_int_equal(sink_held_count(r->sink), 2);
        assert_documents(r, 0, 1, (const char *[]){ "\"path\":\"/var/log/a.log\"" });
        assert_documents(r, 1, 1, (const char *[]){ "\"path\":\"/var/log/a.log.1\"" });
}

static void a_line_that_is_left_out_moves_on_with_those_around_it(void **state)
{
        struct rig *r = *state;
        char *exclude[] = { (char *)"health" };
        struct tablelist inputs = { &r->input, 1 };
        struct err e = { 0 };

        r->input.exclude = (struct strlist){ exclude, 1 };
        assert_int_equal(ship_set_inputs(r->ship, &inputs, &e), 0);
        put_line(r, 0, "first");
        put_line(r, 0, "GET /health");
        put_line(r, 0, "second");
        put_line(r, 0, "GET /health");
        assert_int_equal(ackwin_committed(&r->files[0]->window), 0);
        ship_flush(r->ship);
        assert_documents(r, 0, 2, (const char *[]){ "\"offset\":0}", "\"offset\":18}" });
        assert_int_equal(ackwin_committed(&r->files[0]->window), 0);
        sink_held_answer_all(r->sink, VERDICT_DONE);
        assert_int_equal(ackwin_committed(&r->files[0]->window), r->offset[0]);
        assert_int_equal(stat_get(&r->stats.dropped_filtered), 2);
}

static void records_are_bounded_in_lines_and_bytes(void **state)
{
        struct rig *r = *state;
        char text[1000];
        size_t lines = 0;

        memset(text, 'x', sizeof(text));
        for (; sink_held_count(r->sink) < 3 && lines < 100000; lines++) {
                assert_true(try_line(r, 0, text, lines % 7 ? 0 : sizeof(text)));
                if (lines % 20000 == 19999)
                        ship_flush(r->ship);
        }
        assert_true(sink_held_count(r->sink) >= 3);
        for (size_t i = 0; i < sink_held_count(r->sink); i++) {
                const struct record *rec = sink_held_record(r->sink, i);
                struct unpack u = { 0 };
                struct err e = { 0 };
                assert_int_equal(unpack_begin(&u, batch_at(rec->batch, rec->value), rec->value.len, &e), 0);
                assert_true(u.content.len <= 300 * 1024);
                assert_true(u.lines <= 16384);
                assert_int_equal(u.lines, rec->weight);
                unpack_fini(&u);
        }
}

static void no_record_is_larger_than_it_may_be(void **state)
{
        struct rig *r = *state;
        enum { SMALL = 5000 };
        char text[1000];
        uint64_t random = 7;

        ship_use_batches(r->ship, SMALL);
        for (int i = 0; i < 100; i++) {
                for (size_t k = 0; k < sizeof(text); k++) {
                        random = random * 6364136223846793005u + 1442695040888963407u;
                        text[k] = (char)(random >> 56);
                }
                assert_true(try_line(r, 0, text, sizeof(text)));
        }
        ship_flush(r->ship);
        assert_true(sink_held_count(r->sink) >= 25 && sink_held_count(r->sink) <= 40);
        for (size_t i = 0; i < sink_held_count(r->sink); i++)
                assert_true(sink_held_record(r->sink, i)->value.len <= SMALL);
}

/* One line a turn. */
static void trickle(struct rig *r, int lines)
{
        for (int i = 0; i < lines; i++) {
                put_line(r, 0, "GET /basket/17 200 12ms");
                ship_flush(r->ship);
        }
}

static void a_line_goes_at_once_when_nothing_is_inside_and_others_wait_for_the_answer(void **state)
{
        struct rig *r = *state;

        trickle(r, 1);
        assert_int_equal(sink_held_count(r->sink), 1);
        trickle(r, 99);
        assert_int_equal(sink_held_count(r->sink), 1);
        sink_held_answer(r->sink, 0, VERDICT_DONE, 0, NULL);
        ship_flush(r->ship);
        assert_int_equal(sink_held_count(r->sink), 1);
        assert_int_equal(sink_held_record(r->sink, 0)->weight, 99);
        sink_held_answer_all(r->sink, VERDICT_DONE);
        assert_int_equal(stat_get(&r->stats.lines_acked), 100);
}

static void lines_wait_for_a_slow_answer_only_so_long_and_not_for_one_that_is_behind(void **state)
{
        struct rig *r = *state;

        for (unsigned inside = 1; inside <= 8; inside++) {
                trickle(r, 3);
                for (int i = 0; i < 1000 && sink_held_count(r->sink) < inside; i++) {
                        loop_turn(r->loop, 100);
                        ship_flush(r->ship);
                }
                assert_int_equal(sink_held_count(r->sink), inside);
        }
        trickle(r, 100);
        loop_turn(r->loop, 20);
        loop_turn(r->loop, 20);
        ship_flush(r->ship);
        assert_int_equal(sink_held_count(r->sink), 8);
        sink_held_answer(r->sink, 0, VERDICT_DONE, 0, NULL);
        for (int i = 0; i < 1000 && sink_held_count(r->sink) < 8; i++) {
                loop_turn(r->loop, 100);
                ship_flush(r->ship);
        }
        assert_true(sink_held_record(r->sink, 7)->weight >= 100);
        sink_held_answer_all(r->sink, VERDICT_DONE);
}

static void what_trickles_in_during_an_outage_is_one_record(void **state)
{
        struct rig *r = *state;

        trickle(r, 1000);
        assert_int_equal(sink_held_count(r->sink), 1);
        assert_int_equal(stat_get(&r->stats.lines_in_flight), 1000);
        sink_held_answer(r->sink, 0, VERDICT_DONE, 0, NULL);
        ship_flush(r->ship);
        assert_int_equal(sink_held_count(r->sink), 1);
        assert_int_equal(sink_held_record(r->sink, 0)->weight, 1000 - 1);
        sink_held_answer_all(r->sink, VERDICT_DONE);
        assert_int_equal(ackwin_committed(&r->files[0]->window), r->offset[0]);
        assert_int_equal(stat_get(&r->stats.lines_acked), 1000);
}

/* Each turn a line of another file, and nothing is acknowledged: what is held stays within the budget. */
static void many_files_in_an_outage_stay_within_the_budget(void **state)
{
        struct rig *r = *state;
        char text[200];
        size_t lines = 0;

        memset(text, 'x', sizeof(text));
        while (lines < 1000000 && try_line(r, (int)(lines % 3), text, sizeof(text))) {
                ship_flush(r->ship);
                lines++;
        }
        assert_true(lines < 1000000);
        assert_true(stat_get(&r->stats.held_bytes) <= MIB + 3 * 512 * 1024);    /* what is inside, and one batch of small records */
        for (int i = 0; i < 10000 && !ship_idle(r->ship); i++) {
                sink_held_answer_all(r->sink, VERDICT_DONE);
                ship_flush(r->ship);
        }
        assert_true(ship_idle(r->ship));
        assert_int_equal(stat_get(&r->stats.lines_acked), lines);
        assert_int_equal(stat_get(&r->stats.held_bytes), 0);
}

static void what_is_open_when_it_ends_is_given_back(void **state)
{
        struct rig *r = *state;

        for (int i = 0; i < 12; i++) {
                put_line(r, 0, "a line");
                ship_flush(r->ship);
        }
        assert_int_equal(sink_held_count(r->sink), 1);
        sink_close(r->sink);
        ship_free(r->ship);
        r->ship = NULL;
        assert_int_equal(stat_get(&r->stats.dropped_read_again), 12);
        assert_int_equal(ackwin_committed(&r->files[0]->window), 0);
}

static char *auto_format[] = { (char *)"auto" };

static void parsed_lines_are_whole_events_in_it(void **state)
{
        struct rig *r = *state;
        struct tablelist inputs = { &r->input, 1 };
        struct err e = { 0 };

        r->input.parse = (struct parse_config){ .how = PARSE_JSON, .time_formats = { auto_format, 1 } };
        assert_int_equal(ship_set_inputs(r->ship, &inputs, &e), 0);
        put_line(r, 0, "{\"msg\":\"a\",\"level\":\"WARN\",\"time\":\"2026-11-23T10:00:00.123456789Z\","
                       "\"trace_id\":\"4bf92f3577b34da6a3ce929d0e0e4736\"}");
        put_line(r, 0, "not json");
        ship_flush(r->ship);
        assert_int_equal(sink_held_count(r->sink), 1);
        assert_int_equal(sink_held_record(r->sink, 0)->nheaders, 0);
        assert_documents(r, 0, 2, (const char *[]){ "\"level\":\"warn\"", "\"message\":\"not json\"" });
        assert_documents(r, 0, 2, (const char *[]){ "2026-11-23T10:00:00.123456789Z", "" });
        assert_documents(r, 0, 2, (const char *[]){ "\"trace\":{\"id\":\"4bf92f3577b34da6a3ce929d0e0e4736\"}", "" });
}

static void a_long_line_is_cut_and_marked_as_ever(void **state)
{
        struct rig *r = *state;
        char text[3000];
        struct frame line = { .text = text, .len = sizeof(text), .span = 5001, .size = 5001, .cut = 2000, .lines = 1 };

        memset(text, '"', sizeof(text));
        ship_line(r->ship, r->files[0], 0, &line, 1000);
        line = (struct frame){ .text = "next", .len = 4, .span = 5, .size = 5, .lines = 1 };
        ship_line(r->ship, r->files[0], 5001, &line, 1000);
        ship_flush(r->ship);
        assert_documents(r, 0, 2, (const char *[]){ "\"offset\":0,\"flags\":[\"truncated\"]", "\"offset\":5001}" });
        assert_int_equal(stat_get(&r->stats.lines_truncated), 1);
        assert_int_equal(stat_get(&r->stats.bytes_cut), 2000 + 2500);
}

/* --- what the topic takes ---------------------------------------------------------------------- */

static void nothing_is_read_before_the_limit_is_known(void **state)
{
        struct rig *r = *state;

        r->sink->asking = true;
        assert_false(try_line(r, 0, "a", 1));
        r->sink->asking = false;
        assert_true(try_line(r, 0, "a", 1));
}

static void lines_are_cut_to_what_the_topic_takes(void **state)
{
        enum { TAKES = 3000 };
        struct rig *r = *state;
        char text[5000];

        r->sink->max_value = TAKES;
        memset(text, '"', sizeof(text));
        for (int i = 0; i < 3; i++)
                assert_true(try_line(r, 0, text, sizeof(text)));
        put_line(r, 0, "short");
        ship_flush(r->ship);
        for (size_t i = 0; i < sink_held_count(r->sink); i++)
                assert_true(sink_held_record(r->sink, i)->value.len <= TAKES);
        char *docs = documents(r, 0);
        assert_true((size_t)(strchr(docs, '\n') - docs) <= TAKES);
        assert_true((size_t)(strchr(docs, '\n') - docs) > TAKES - 200);
        assert_non_null(strstr(docs, "\"flags\":[\"truncated\"]"));
        free(docs);
        assert_int_equal(stat_get(&r->stats.lines_truncated), 3);
        assert_true(stat_get(&r->stats.bytes_cut) > 3 * 3500);
}

static void use_json(struct rig *r)
{
        struct tablelist inputs = { &r->input, 1 };
        struct err e = { 0 };

        r->input.parse = (struct parse_config){ .how = PARSE_JSON, .time_formats = { auto_format, 1 } };
        assert_int_equal(ship_set_inputs(r->ship, &inputs, &e), 0);
}

static void a_parsed_line_that_does_not_fit_is_text_and_cut(void **state)
{
        enum { TAKES = 3000 };
        struct rig *r = *state;
        char text[5000];

        use_json(r);
        r->sink->max_value = TAKES;
        snprintf(text, sizeof(text), "{\"msg\":\"small\",\"a\":\"%01000d\"}", 0);
        put_line(r, 0, text);
        snprintf(text, sizeof(text), "{\"msg\":\"large\",\"a\":\"%04000d\"}", 0);
        put_line(r, 0, text);
        ship_flush(r->ship);
        assert_documents(r, 0, 1, (const char *[]){ "\"message\":\"small\"" });
        assert_documents(r, 1, 1, (const char *[]){ "\"message\":\"{\\\"msg\\\":\\\"large" });
        assert_true(sink_held_record(r->sink, 1)->value.len <= TAKES);
        assert_int_equal(stat_get(&r->stats.unparsed_too_large), 1);
        assert_int_equal(stat_get(&r->stats.lines_truncated), 1);
}

/* --- refused ------------------------------------------------------------------------------------- */

/* As a broker whose limit nobody knew of: records with that line are refused. */
static void answer_but_refuse(struct rig *r, const char *culprit)
{
        for (int round = 0; round < 50 && !ship_idle(r->ship); round++) {
                for (size_t i = sink_held_count(r->sink); i-- > 0;) {
                        char *docs = documents(r, i);
                        bool guilty = strstr(docs, culprit) != NULL;
                        free(docs);
                        sink_held_answer(r->sink, i, guilty ? VERDICT_REJECT : VERDICT_DONE, guilty ? 10 : 0,
                                         guilty ? "too large" : NULL);
                }
                check_ledger(r);
                ship_flush(r->ship);
        }
}

static void a_refused_record_is_halved_down_to_the_line_that_cannot_go(void **state)
{
        struct rig *r = *state;
        char text[32];

        for (int i = 0; i < 100; i++) {
                snprintf(text, sizeof(text), "line %d.", i);
                put_line(r, 0, text);
        }
        ship_flush(r->ship);
        answer_but_refuse(r, "line 37.");
        assert_true(ship_idle(r->ship));
        assert_int_equal(stat_get(&r->stats.lines_acked), 99);
        assert_int_equal(stat_get(&r->stats.dropped_rejected), 1);
        assert_true(stat_get(&r->stats.divided) >= 6 && stat_get(&r->stats.divided) <= 7);
        assert_int_equal(ackwin_committed(&r->files[0]->window), r->offset[0]);
}

static void halves_have_the_lines_of_the_whole_and_its_key(void **state)
{
        struct rig *r = *state;
        char id[IDENT_FILE_TEXT];

        use_json(r);
        put_line(r, 0, "{\"msg\":\"parsed\"}");
        put_line(r, 0, "text");
        put_line(r, 0, "more text");
        ship_flush(r->ship);
        char *whole = documents(r, 0);
        sink_held_answer(r->sink, 0, VERDICT_REJECT, 10, "too large");
        ship_flush(r->ship);
        assert_int_equal(sink_held_count(r->sink), 2);
        char *first = documents(r, 0), *second = documents(r, 1);
        assert_int_equal(strlen(whole), strlen(first) + strlen(second));
        assert_memory_equal(whole, first, strlen(first));
        assert_string_equal(whole + strlen(first), second);
        ident_text(&r->files[0]->id, id);
        for (size_t i = 0; i < 2; i++) {
                const struct record *rec = sink_held_record(r->sink, i);
                assert_int_equal(rec->key.len, sizeof(id));
                assert_memory_equal(batch_at(rec->batch, rec->key), id, sizeof(id));
        }
        sink_held_answer(r->sink, 1, VERDICT_DONE, 0, NULL);
        assert_int_equal(ackwin_committed(&r->files[0]->window), 0);
        sink_held_answer(r->sink, 0, VERDICT_DONE, 0, NULL);
        assert_int_equal(ackwin_committed(&r->files[0]->window), r->offset[0]);
        free(whole);
        free(first);
        free(second);
}

static void an_event_of_several_lines_that_is_refused_counts_as_its_lines(void **state)
{
        struct rig *r = *state;
        struct frame trace = { .text = "a\n b\n c", .len = 8, .span = 9, .size = 9, .lines = 3 };

        ship_line(r->ship, r->files[0], 0, &trace, 1000);
        r->offset[0] = 9;
        put_line(r, 0, "other");
        ship_flush(r->ship);
        assert_int_equal(sink_held_record(r->sink, 0)->weight, 4);
        answer_but_refuse(r, "a\\n b");
        assert_int_equal(stat_get(&r->stats.divided), 1);
        assert_int_equal(stat_get(&r->stats.lines_acked) + stat_get(&r->stats.dropped_rejected), 4);
        assert_int_equal(ackwin_committed(&r->files[0]->window), r->offset[0]);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, clean_up)
        static const struct CMUnitTest tests[] = {
                TEST(the_lines_of_a_turn_are_one_record),
                TEST(a_record_has_lines_of_one_file),
                TEST(files_that_share_a_place_keep_their_order),
                TEST(a_renamed_file_begins_another_record),
                TEST(a_line_that_is_left_out_moves_on_with_those_around_it),
                TEST(records_are_bounded_in_lines_and_bytes),
                TEST(no_record_is_larger_than_it_may_be),
                TEST(a_line_goes_at_once_when_nothing_is_inside_and_others_wait_for_the_answer),
                TEST(lines_wait_for_a_slow_answer_only_so_long_and_not_for_one_that_is_behind),
                TEST(what_trickles_in_during_an_outage_is_one_record),
                TEST(many_files_in_an_outage_stay_within_the_budget),
                TEST(what_is_open_when_it_ends_is_given_back),
                TEST(parsed_lines_are_whole_events_in_it),
                TEST(a_long_line_is_cut_and_marked_as_ever),
                TEST(nothing_is_read_before_the_limit_is_known),
                TEST(lines_are_cut_to_what_the_topic_takes),
                TEST(a_parsed_line_that_does_not_fit_is_text_and_cut),
                TEST(a_refused_record_is_halved_down_to_the_line_that_cannot_go),
                TEST(halves_have_the_lines_of_the_whole_and_its_key),
                TEST(an_event_of_several_lines_that_is_refused_counts_as_its_lines),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
