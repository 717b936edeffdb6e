/* SPDX-License-Identifier: Apache-2.0 */
/* Lines on their way from the reader to the sink and back, with a sink that answers when the test says so. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "shipper/ship.h"
#include "tests/fake/sink_held.h"

enum { MIB = 1024 * 1024, BATCH_MOST = 512 * 1024 };

struct rig {
        struct loop *loop;
        struct shipper_stats stats;
        struct ship *ship;
        struct sink *sink;
        struct input_config input;
        struct file *file;
        int64_t offset;
        unsigned rooms;
};

static void on_settled(void *arg, struct file *f)
{
        (void)arg;
        (void)f;
}

static void on_room(void *arg)
{
        ((struct rig *)arg)->rooms++;
}

static int setup(void **state)
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
        r->file = file_new("/var/log/a.log", &r->input, &(struct file_stat){ .inode = 1, .birth_ns = 2 });
        file_name(r->file, "web-1", "first\n", 6);
        file_make_stream(r->file, "web-1");
        *state = r;
        return 0;
}

static int teardown(void **state)
{
        struct rig *r = *state;

        sink_free(r->sink);
        ship_free(r->ship);
        file_free(r->file);
        loop_free(r->loop);
        free(r);
        return 0;
}

static bool try_line(struct rig *r, const char *text)
{
        struct frame line = { .text = text, .len = strlen(text), .size = strlen(text) + 1, .lines = 1 };

        if (!ship_has_room(r->ship))
                return false;
        ship_line(r->ship, r->file, r->offset, &line, 1024);
        r->offset += (int64_t)line.size;
        return true;
}

/* One line a turn, as a quiet service writes them. */
static size_t trickle(struct rig *r, size_t most)
{
        size_t n = 0;

        while (n < most && try_line(r, "GET /basket/17 200 12ms")) {
                ship_flush(r->ship);
                n++;
        }
        return n;
}

static void a_line_goes_at_the_end_of_its_turn(void **state)
{
        struct rig *r = *state;

        assert_int_equal(trickle(r, 3), 3);
        assert_int_equal(r->sink->batches, 3);
        assert_true(r->sink->bytes < (size_t)3 * 1500);
}

static void an_outage_leaves_room_for_many_short_lines(void **state)
{
        struct rig *r = *state;
        size_t n = trickle(r, 100000);

        if (n < 1200)
                fail_msg("%zu lines fill a budget of 1 MiB", n);
        assert_false(ship_has_room(r->ship));
        assert_true(stat_get(&r->stats.held_bytes) >= MIB);
        assert_true(stat_get(&r->stats.held_bytes) <= MIB + BATCH_MOST + BATCH_MOST);
        assert_int_equal(stat_get(&r->stats.lines_in_flight), n);
        ship_flush(r->ship);
        assert_true(r->sink->bytes <= MIB + BATCH_MOST);

        /* The output is back: each line is acknowledged once, in its order, and nothing is left. */
        for (int i = 0; i < 100 && !ship_idle(r->ship); i++) {
                sink_held_answer_all(r->sink, VERDICT_DONE);
                ship_flush(r->ship);
        }
        assert_true(ship_idle(r->ship));
        assert_int_equal(r->rooms, 1);
        assert_int_equal(stat_get(&r->stats.lines_acked), n);
        assert_int_equal(stat_get(&r->stats.held_bytes), 0);
        assert_int_equal(ackwin_committed(&r->file->window), r->offset);
}

static void what_waits_for_company_goes_when_an_answer_came(void **state)
{
        struct rig *r = *state;

        assert_int_equal(trickle(r, 66), 66);
        assert_int_equal(sink_held_count(r->sink), 64);
        ship_flush(r->ship);
        assert_int_equal(sink_held_count(r->sink), 64);
        sink_held_answer(r->sink, 0, VERDICT_DONE, 0, NULL);
        ship_flush(r->ship);
        assert_int_equal(sink_held_count(r->sink), 65);
        assert_int_equal(r->sink->batches, 64);
}

static void what_waits_when_it_ends_is_given_back(void **state)
{
        struct rig *r = *state;

        assert_int_equal(trickle(r, 70), 70);
        sink_close(r->sink);
        ship_free(r->ship);
        r->ship = NULL;
        assert_int_equal(stat_get(&r->stats.lines_in_flight), 0);
        assert_int_equal(stat_get(&r->stats.dropped_read_again), 70);
        assert_int_equal(ackwin_committed(&r->file->window), 0);
        r->file->window.head = r->file->window.tail;
}

static char *auto_format[] = { (char *)"auto" };

/* Lines of this input are parsed as JSON from here on. */
static void use_json(struct rig *r)
{
        struct tablelist inputs = { &r->input, 1 };
        struct err e = { 0 };

        r->input.parse = (struct parse_config){ .how = PARSE_JSON, .time_formats = { auto_format, 1 } };
        assert_int_equal(ship_set_inputs(r->ship, &inputs, &e), 0);
}

static void assert_header(const struct record *rec, unsigned i, const char *name, const char *value)
{
        assert_true(i < rec->nheaders);
        const struct header *h = &rec->batch->headers[rec->first_header + i];
        assert_string_equal(h->name, name);
        assert_int_equal(h->value.len, strlen(value));
        assert_memory_equal(batch_at(rec->batch, h->value), value, h->value.len);
}

static void ids_of_a_line_become_headers_of_its_record(void **state)
{
        static const char parent[] = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        struct rig *r = *state;

        use_json(r);
        assert_true(try_line(r, "{\"msg\":\"a\",\"user_id\":\"u7\",\"traceparent\":"
                                "\"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\"}"));
        assert_true(try_line(r, "{\"msg\":\"b\",\"trace_id\":\"not one\"}"));
        ship_flush(r->ship);
        const struct record *first = sink_held_record(r->sink, 0), *second = sink_held_record(r->sink, 1);
        assert_int_equal(first->nheaders, 4);
        assert_header(first, 0, "traceparent", parent);
        assert_header(first, 1, "trace_id", "4bf92f3577b34da6a3ce929d0e0e4736");
        assert_header(first, 2, "span_id", "00f067aa0ba902b7");
        assert_header(first, 3, "user_id", "u7");
        assert_true(
                sink_held_value_has(r->sink, 0, "\"trace\":{\"id\":\"4bf92f3577b34da6a3ce929d0e0e4736\"}"));
        assert_int_equal(second->nheaders, 0);
        assert_true(sink_held_value_has(r->sink, 1, "\"trace\":{\"id\":\"not one\"}"));
}

static void what_a_line_is_not_is_counted(void **state)
{
        struct rig *r = *state;

        use_json(r);
        assert_true(try_line(r, "no json"));
        assert_true(try_line(r, "{\"time\":\"half past nine\",\"a\":1,\"a\":2}"));
        ship_flush(r->ship);
        assert_true(sink_held_value_has(r->sink, 0, "\"message\":\"no json\""));
        assert_int_equal(stat_get(&r->stats.unparsed_json), 1);
        assert_int_equal(stat_get(&r->stats.bad_times), 1);
        assert_int_equal(stat_get(&r->stats.double_keys), 1);
        assert_int_equal(stat_get(&r->stats.lines_read), 2);
}

static void a_line_without_parse_is_text(void **state)
{
        struct rig *r = *state;

        assert_true(try_line(r, "{\"msg\":\"a\"}"));
        ship_flush(r->ship);
        assert_true(sink_held_value_has(r->sink, 0, "\"message\":\"{\\\"msg\\\":"));
        assert_int_equal(sink_held_record(r->sink, 0)->nheaders, 0);
}

static void use_input(struct rig *r)
{
        struct tablelist inputs = { &r->input, 1 };
        struct err e = { 0 };

        if (ship_set_inputs(r->ship, &inputs, &e) < 0)
                fail_msg("%s", e.msg);
}

static void a_filtered_line_is_settled_at_once(void **state)
{
        struct rig *r = *state;
        char *include[] = { (char *)"GET|POST" }, *exclude[] = { (char *)"/health" };

        r->input.include = (struct strlist){ include, 1 };
        r->input.exclude = (struct strlist){ exclude, 1 };
        use_input(r);
        assert_true(try_line(r, "GET /health"));
        assert_true(try_line(r, "debug"));
        ship_flush(r->ship);
        assert_true(ship_idle(r->ship));
        assert_int_equal(ackwin_committed(&r->file->window), r->offset);
        assert_int_equal(stat_get(&r->stats.dropped_filtered), 2);
        assert_int_equal(stat_get(&r->stats.lines_read), 2);
        assert_int_equal(stat_get(&r->stats.bytes_read), r->offset);

        /* Behind one that is in flight it moves on together with that, and never before it. */
        int64_t before = r->offset;
        assert_true(try_line(r, "GET /basket"));
        assert_true(try_line(r, "GET /health"));
        ship_flush(r->ship);
        assert_int_equal(sink_held_count(r->sink), 1);
        assert_int_equal(ackwin_committed(&r->file->window), before);
        sink_held_answer(r->sink, 0, VERDICT_DONE, 0, NULL);
        assert_int_equal(ackwin_committed(&r->file->window), r->offset);
        assert_int_equal(stat_get(&r->stats.lines_read),
                         stat_get(&r->stats.lines_acked) + stat_get(&r->stats.dropped_filtered));
}

static void lines_beyond_the_rate_are_dropped_and_some_of_them_kept(void **state)
{
        struct rig *r = *state;

        r->input.rate_limit = (char *)"1/h";
        r->input.rate_burst = 10;
        r->input.rate_sample = 20;
        use_input(r);
        for (int i = 0; i < 110; i++)
                assert_true(try_line(r, "a line"));
        ship_flush(r->ship);
        assert_int_equal(sink_held_count(r->sink), 10 + 5);
        assert_int_equal(stat_get(&r->stats.dropped_rate_limited), 95);
        sink_held_answer_all(r->sink, VERDICT_DONE);
        assert_int_equal(ackwin_committed(&r->file->window), r->offset);
}

static void what_is_redacted_is_in_no_part_of_the_record(void **state)
{
        struct rig *r = *state;
        char *what[] = { (char *)"email" };

        r->input.parse = (struct parse_config){ .how = PARSE_JSON, .time_formats = { auto_format, 1 } };
        r->input.redact = (struct redact_config){ .what = { what, 1 } };
        use_input(r);
        assert_true(try_line(r, "{\"msg\":\"hello bob@example.com\",\"user_id\":\"bob\\u0040example.com\"}"));
        ship_flush(r->ship);
        const struct record *rec = sink_held_record(r->sink, 0);
        assert_null(memmem(rec->batch->data.data, rec->batch->data.len, "example", strlen("example")));
        assert_true(sink_held_value_has(r->sink, 0, "\"message\":\"hello [redacted]\""));
        assert_true(sink_held_value_has(r->sink, 0, "\"user\":{\"id\":\"[redacted]\"}"));
        assert_int_equal(stat_get(&r->stats.redacted), 2);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        static const struct CMUnitTest tests[] = {
                TEST(a_line_goes_at_the_end_of_its_turn),
                TEST(an_outage_leaves_room_for_many_short_lines),
                TEST(what_waits_for_company_goes_when_an_answer_came),
                TEST(what_waits_when_it_ends_is_given_back),
                TEST(ids_of_a_line_become_headers_of_its_record),
                TEST(what_a_line_is_not_is_counted),
                TEST(a_line_without_parse_is_text),
                TEST(a_filtered_line_is_settled_at_once),
                TEST(what_is_redacted_is_in_no_part_of_the_record),
                TEST(lines_beyond_the_rate_are_dropped_and_some_of_them_kept),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
