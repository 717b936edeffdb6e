/* SPDX-License-Identifier: Apache-2.0 */
/* hot: each hot path over the same lines, one function a path, for tests/bench/guard to count its instructions.
 *
 * Nothing here depends on the machine: the lines are the generator's, no clock is read within a path, and text is looked at
 * sixteen bytes at a time at most (plain_setup is not called).  A name on the command line: only that path, a few times, to be
 * looked at with a profiler.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "collector/decode.h"
#include "event/event.h"
#include "event/scan.h"
#include "shipper/frame.h"
#include "shipper/ship.h"
#include "sinks/es_answer.h"
#include "sinks/es_body.h"
#include "tests/gen/lines.h"

enum { LINES = 2000, AGAIN = 200, MAX_LINE = 512 * 1024, MOST_BATCHES = 4096, MOST_BYTES = 64 << 20 };

static struct buf text;                 /* the lines, as in a file */
static struct frame frames[LINES];
static struct event_stream stream;
static struct batch *events;            /* as Kafka records, then as documents */
static struct decoder *decoder;
static struct decoder *router, *processor;     /* with a rule of `routes`, and with one of `process` */
static struct collector_stats collector_stats;
static struct buf out, answer;
static volatile size_t sum;

/* --- a sink that takes everything at once ------------------------------------------------------- */

static void take_all(struct sink *s, struct batch **b)
{
        for (size_t i = 0; i < (*b)->n; i++)
                batch_settle(*b, &(*b)->recs[i], VERDICT_DONE, 0, NULL, 0);
        sink_done(s, b);
}

static const char *no_trouble(struct sink *s)
{
        (void)s;
        return NULL;
}

static struct stat_group no_stats(struct sink *s)
{
        (void)s;
        return (struct stat_group){ 0 };
}

static void nothing(struct sink *s)
{
        (void)s;
}

static const struct sink_ops taker_ops = { "taker", take_all, no_trouble, no_stats, nothing, nothing };

/* --- the shipper around it ----------------------------------------------------------------------- */

static struct shipper {
        struct shipper_stats stats;
        struct input_config input;
        struct sink sink;
        struct loop *loop;
        struct ship *ship;
        struct file *file;
} shipper;

static void on_settled(void *arg, struct file *f)
{
        (void)arg;
        (void)f;
}

static void on_room(void *arg)
{
        (void)arg;
}

static void make_shipper(void)
{
        const struct ship_hooks hooks = { on_settled, on_room, NULL };
        struct err e = { 0 };

        shipper.loop = loop_new(&clock_system, &e);
        CHECK(shipper.loop);
        shipper.ship = ship_new(shipper.loop, &shipper.stats, &hooks);
        shipper.sink = (struct sink){ .ops = &taker_ops, .loop = shipper.loop, .owner = ship_owner(shipper.ship),
                                      .limits = { MOST_BATCHES, MOST_BYTES } };
        ship_set_sink(shipper.ship, &shipper.sink);
        shipper.file = file_new("/var/log/shop/a.log", &shipper.input, &(struct file_stat){ .inode = 1, .birth_ns = 2 });
        file_name(shipper.file, "web-1", text.data, text.len);
        file_make_stream(shipper.file, "web-1");
}

/* --- the paths: what is counted is what happens inside -------------------------------------------- */

void hot_frame(void);
void hot_escape(void);
void hot_event(void);
void hot_ship(void);
void hot_scan(void);
void hot_decode(void);
void hot_route(void);
void hot_process(void);
void hot_body(void);
void hot_answer(void);

static void frame_all(void)
{
        const struct framing how = { .max_bytes = MAX_LINE };
        const char *p = text.data, *end = p + text.len;

        for (size_t i = 0; frame_next(&how, p, end, 0, &frames[i]); p += frames[i++].size)
                ;
}

__attribute__((noinline)) void hot_frame(void)
{
        frame_all();
}

__attribute__((noinline)) void hot_escape(void)
{
        buf_reset(&out);
        for (size_t i = 0; i < LINES; i++)
                sum += json_escape(&out, frames[i].text, frames[i].len);
}

__attribute__((noinline)) void hot_event(void)
{
        buf_reset(&out);
        for (size_t i = 0; i < LINES; i++) {
                const struct event_line line = { .wall_ns = 1795600000123000000, .offset = i * 150, .text = frames[i].text,
                                                 .len = frames[i].len };
                sum += event_write(&out, &stream, &line);
        }
}

__attribute__((noinline)) void hot_ship(void)
{
        int64_t position = ackwin_committed(&shipper.file->window);

        for (size_t i = 0; i < LINES && ship_has_room(shipper.ship); i++) {
                ship_line(shipper.ship, shipper.file, position, &frames[i], MAX_LINE);
                position += (int64_t)frames[i].size;
        }
        ship_flush(shipper.ship);
}

__attribute__((noinline)) void hot_scan(void)
{
        static const char *const paths[] = { "@timestamp", "event.id", "service.name" };
        struct scan_value values[3];

        for (size_t i = 0; i < LINES; i++)
                sum += scan_json(batch_at(events, events->recs[i].value), events->recs[i].value.len, paths, 3, values, NULL);
}

static void decode_all(struct decoder *with)
{
        struct batch *b = batch_new(2 << 20);

        for (size_t i = 0; i < LINES; i++) {
                const struct incoming in = { .cluster = "c", .topic = "logs", .timestamp_ms = 1,
                                             .payload = batch_at(events, events->recs[i].value), .len = events->recs[i].value.len };
                sum += decode(with, &in, b);
        }
        batch_free(b);
}

__attribute__((noinline)) void hot_decode(void)
{
        decode_all(decoder);
}

__attribute__((noinline)) void hot_route(void)
{
        decode_all(router);
}

__attribute__((noinline)) void hot_process(void)
{
        decode_all(processor);
}

__attribute__((noinline)) void hot_body(void)
{
        const struct es_body_config config = { .index = "logs" };

        buf_reset(&out);
        es_body_write(&out, events, LINES, &config);
}

__attribute__((noinline)) void hot_answer(void)
{
        struct es_answer a;

        es_answer_init(&a, LINES, NULL, NULL);
        es_answer_feed(&a, answer.data, answer.len);
        sum += es_answer_end(&a);
        es_answer_fini(&a);
}

static const struct path {
        const char *name;
        void (*run)(void);
} paths[] = { { "frame", hot_frame }, { "escape", hot_escape }, { "event", hot_event },   { "ship", hot_ship },
              { "scan", hot_scan },   { "decode", hot_decode }, { "route", hot_route },
              { "process", hot_process }, { "body", hot_body }, { "answer", hot_answer } };

/* --- the input ------------------------------------------------------------------------------------- */

static void make_lines(void)
{
        const struct lines_config config = { .kind = LINES_MIX, .writer = "a", .seed = 1, .start_ms = INT64_C(1767225600000) };
        struct lines *lines = lines_new(&config);

        for (int i = 0; i < LINES; i++)
                lines_next(lines, &text);
        lines_free(lines);
}

static void make_events(void)
{
        const struct ident file = { { 1, 2, 3 } };
        struct batch *records = batch_new(0);
        struct err e = { 0 };

        event_stream_init(&stream, &file, "/var/log/shop/a.log", "shop", "web-1");
        decoder = decode_new("logs-{service.name}-default", NULL, &collector_stats, &e);
        CHECK(decoder);
        for (size_t i = 0; i < LINES; i++) {
                const struct event_line line = { .wall_ns = 1795600000123000000, .offset = i * 150, .text = frames[i].text,
                                                 .len = frames[i].len };
                size_t start = records->data.len;
                event_write(&records->data, &stream, &line);
                batch_add(records)->value = batch_since(records, start);
        }
        events = batch_new(0);
        for (size_t i = 0; i < LINES; i++) {
                const struct incoming in = { .cluster = "c", .topic = "logs", .timestamp_ms = 1,
                                             .payload = batch_at(records, records->recs[i].value), .len = records->recs[i].value.len };
                CHECK(decode(decoder, &in, events));
        }
        batch_free(records);
}

/* Rules that fit none of the events: what is counted is that they are asked. */
static void make_rules(void)
{
        static struct route_config route = { .when = (char *)"log.level == trace", .to = ROUTE_DROP };
        static struct process_config process = { .when = (char *)"log.level == trace", .field = (char *)"message" };
        const struct tablelist routes = { &route, 1 }, processes = { &process, 1 };
        struct err e = { 0 };

        router = decode_new("logs-{service.name}-default", NULL, &collector_stats, &e);
        processor = decode_new("logs-{service.name}-default", NULL, &collector_stats, &e);
        CHECK(router && processor);
        CHECK(decode_set_routes(router, &routes, &e) == 0 && decode_set_process(processor, &processes, &e) == 0);
}

static void make_answer(void)
{
        buf_puts(&answer, "{\"errors\":false,\"items\":[");
        for (int i = 0; i < LINES; i++)
                buf_puts(&answer, &",{\"create\":{\"status\":201}}"[i == 0]);
        buf_puts(&answer, "]}");
}

int main(int argc, char **argv)
{
        mem_setup();
        make_lines();
        frame_all();
        make_events();
        make_rules();
        make_answer();
        make_shipper();
        buf_reserve(&out, 4 * text.len);
        for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
                int times = argc > 1 ? (strcmp(argv[1], paths[i].name) == 0 ? AGAIN : 0) : 1;
                for (int k = 0; k < times; k++)
                        paths[i].run();
        }
        printf("%d\n", LINES);
        return 0;
}
