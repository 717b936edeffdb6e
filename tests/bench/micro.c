/* SPDX-License-Identifier: Apache-2.0 */
/* micro: bytes per second of each step of a line's way, beside memcpy in the same run.
 *
 *      micro FILE          one JSON object a row: name, gb_per_s, ns_per_item
 *
 * The first MAX_BYTES of the file are the input; every row is the best of ROUNDS.
 */
#include <libdeflate.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/plain.h"
#include "collector/decode.h"
#include "event/event.h"
#include "event/scan.h"
#include "shipper/frame.h"
#include "sinks/es_answer.h"
#include "sinks/es_body.h"

enum { MAX_BYTES = 8 << 20, ROUNDS = 7, ANSWER_ITEMS = 5000, BULK_RECORDS = 2000, BULK_BYTES = 2 << 20 };

static struct input {
        char *text;
        size_t len;
        struct frame *lines;
        size_t nlines;
} input;

static struct event_stream stream;
static struct buf out, events;
static struct batch *batch;             /* the lines as events, with ids and index */
static struct decoder *decoder;
static struct collector_stats stats;
static struct buf answer;
static volatile size_t sum;             /* what is computed must not look useless to the compiler */

/* --- steps: each goes over its whole input once and returns how many items that were --------------- */

static size_t step_memcpy(void)
{
        buf_reset(&out);
        buf_put(&out, input.text, input.len);
        return 1;
}

static size_t step_frame(void)
{
        const struct framing how = { .max_bytes = 1 << 19 };
        const char *p = input.text, *end = p + input.len;
        struct frame f;
        size_t n = 0;

        for (; frame_next(&how, p, end, 0, &f); p += f.size)
                n++;
        return n;
}

static size_t step_escape(void)
{
        buf_reset(&out);
        for (size_t i = 0; i < input.nlines; i++)
                sum += json_escape(&out, input.lines[i].text, input.lines[i].len);
        return input.nlines;
}

static size_t step_event(void)
{
        buf_reset(&out);
        for (size_t i = 0; i < input.nlines; i++) {
                const struct event_line line = { .wall_ns = 1795600000123000000, .offset = i * 100, .text = input.lines[i].text,
                                                 .len = input.lines[i].len };
                sum += event_write(&out, &stream, &line);
        }
        return input.nlines;
}

static size_t step_ident(void)
{
        char text[IDENT_LINE_TEXT];

        for (size_t i = 0; i < input.nlines; i++) {
                struct ident id = ident_of_line(&stream.file, i);
                ident_line_text(&id, text);
                sum += (unsigned char)text[10];
        }
        return input.nlines;
}

static size_t step_scan(void)
{
        static const char *const paths[] = { "@timestamp", "event.id", "service.name" };
        struct scan_value values[3];

        for (size_t i = 0; i < batch->n; i++)
                sum += scan_json(batch_at(batch, batch->recs[i].value), batch->recs[i].value.len, paths, 3, values, NULL);
        return batch->n;
}

static size_t step_decode(void)
{
        struct batch *to = NULL;

        for (size_t i = 0; i < batch->n; i++) {
                if (i % BULK_RECORDS == 0) {
                        batch_free(to);
                        to = batch_new(BULK_BYTES);
                }
                const struct incoming in = { .cluster = "c", .topic = "logs", .timestamp_ms = 1, .payload = batch_at(batch, batch->recs[i].value),
                                             .len = batch->recs[i].value.len };
                sum += decode(decoder, &in, to);
        }
        batch_free(to);
        return batch->n;
}

static size_t step_body(void)
{
        const struct es_body_config config = { .index = "logs" };

        buf_reset(&out);
        es_body_write(&out, batch, batch->n, &config);
        return batch->n;
}

static size_t step_gzip(void)
{
        static struct libdeflate_compressor *gzip;

        if (!gzip)
                gzip = libdeflate_alloc_compressor(1);
        buf_reset(&out);
        size_t room = libdeflate_gzip_compress_bound(gzip, events.len);
        sum += libdeflate_gzip_compress(gzip, events.data, events.len, buf_reserve(&out, room), room);
        return batch->n;
}

static size_t step_answer(void)
{
        struct es_answer a;

        es_answer_init(&a, ANSWER_ITEMS, NULL, NULL);
        es_answer_feed(&a, answer.data, answer.len);
        sum += es_answer_end(&a);
        es_answer_fini(&a);
        return ANSWER_ITEMS;
}

/* --- measuring ------------------------------------------------------------------------------------- */

static double seconds_of(size_t (*step)(void), size_t *ret_items)
{
        struct timespec a, b;

        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &a);
        *ret_items = step();
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &b);
        return (double)(b.tv_sec - a.tv_sec) + (double)(b.tv_nsec - a.tv_nsec) / 1e9;
}

static void row(const char *name, size_t (*step)(void), size_t bytes)
{
        size_t items = 0;
        double best = seconds_of(step, &items);

        for (int i = 1; i < ROUNDS; i++) {
                double s = seconds_of(step, &items);
                best = s < best ? s : best;
        }
        printf("{\"name\":\"%s\",\"gb_per_s\":%.3f,\"ns_per_item\":%.2f}\n", name, (double)bytes / best / 1e9,
               best / (double)items * 1e9);
}

static void read_input(const char *path)
{
        FILE *f = fopen(path, "r");
        struct frame frame;
        const struct framing how = { .max_bytes = 1 << 19 };

        input.text = xmalloc(MAX_BYTES);
        input.len = f ? fread(input.text, 1, MAX_BYTES, f) : 0;
        if (f)
                fclose(f);
        for (const char *p = input.text; frame_next(&how, p, input.text + input.len, 0, &frame); p += frame.size) {
                input.lines = xrealloc(input.lines, (input.nlines + 1) * sizeof(*input.lines));
                input.lines[input.nlines++] = frame;
        }
        if (input.nlines == 0) {
                fprintf(stderr, "micro: %s: no line in it\n", path);
                exit(EX_NOINPUT);
        }
}

static void make_events(void)
{
        const struct ident file = { { 1, 2, 3 } };
        struct err e = { 0 };

        event_stream_init(&stream, &file, "/var/log/bench.log", "bench", "bench-host");
        decoder = decode_new("logs-{service.name}-default", NULL, &stats, &e);
        CHECK(decoder != NULL);
        struct batch *plain_values = batch_new(0);
        for (size_t i = 0; i < input.nlines; i++) {
                const struct event_line line = { .wall_ns = 1795600000123000000, .offset = i * 100, .text = input.lines[i].text,
                                                 .len = input.lines[i].len };
                size_t start = plain_values->data.len;
                event_write(&plain_values->data, &stream, &line);
                batch_add(plain_values)->value = batch_since(plain_values, start);
        }
        batch = batch_new(0);
        for (size_t i = 0; i < plain_values->n; i++) {
                struct slice v = plain_values->recs[i].value;
                const struct incoming in = { .cluster = "c", .topic = "logs", .timestamp_ms = 1, .payload = batch_at(plain_values, v), .len = v.len };
                CHECK(decode(decoder, &in, batch));
        }
        buf_put(&events, plain_values->data.data, plain_values->data.len);
        batch_free(plain_values);
        buf_puts(&answer, "{\"errors\":false,\"items\":[");
        for (int i = 0; i < ANSWER_ITEMS; i++)
                buf_puts(&answer, &",{\"create\":{\"status\":201}}"[i == 0]);
        buf_puts(&answer, "]}");
}

int main(int argc, char **argv)
{
        if (argc != 2) {
                fprintf(stderr, "usage: micro FILE\n");
                return EX_USAGE;
        }
        mem_setup();
        plain_setup();
        read_input(argv[1]);
        make_events();
        row("memcpy", step_memcpy, input.len);
        row("frame: find each line", step_frame, input.len);
        row("json_escape", step_escape, input.len);
        row("ident: the id of each line", step_ident, input.len);
        row("event_write: line to event", step_event, input.len);
        row("scan_json of each event", step_scan, events.len);
        row("decode: event to document", step_decode, events.len);
        row("es_body: documents to a bulk", step_body, events.len);
        row("gzip level 1 (libdeflate)", step_gzip, events.len);
        row("es_answer: verdict per document", step_answer, answer.len);
        return EX_OK;
}
