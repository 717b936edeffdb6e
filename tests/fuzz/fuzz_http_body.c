/* SPDX-License-Identifier: Apache-2.0 */
/* Whatever body comes where a cluster's nodes, the documents of a search, or another program's /status were asked for: no
 * crash, what is read of it is fit for use, and what is no such answer says so.
 */
#include <stdlib.h>
#include <string.h>

#include "collector/lookup.h"
#include "collector/top.h"
#include "sinks/es_node.h"
#include "sinks/es_sniff.h"

static void check_nodes(const char *body, size_t size)
{
        char *known[] = { (char *)"https://es1:9200/" };
        const struct strlist urls = { known, 1 };
        struct strlist found = { 0 };

        int r = es_sniff_read(body, size, "https", &urls, &found);
        CHECK(r == 0 || found.n == 0);
        CHECK(found.n <= ES_SNIFF_NODES);
        for (size_t i = 0; i < found.n; i++) {
                CHECK(!es_url_fault(found.v[i]) && strncmp(found.v[i], "https://", 8) == 0);
                free(found.v[i]);
        }
        free(found.v);
}

static void on_hit(void *arg, const struct lookup_hit *hit)
{
        size_t *bytes = arg;

        CHECK(hit->id);
        *bytes += strlen(hit->id) + (hit->message ? strlen(hit->message) : 0) +
                  (hit->file_id ? strlen(hit->file_id) : 0) + (hit->event_id ? strlen(hit->event_id) : 0);
}

static void check_search(const char *body, size_t size)
{
        static const unsigned statuses[] = { 200, 401, 404, 500 };
        size_t bytes = 0;

        for (size_t i = 0; i < ARRAY_LEN(statuses); i++) {
                const struct lookup_answer a = { "http://es1:9200", "logs", statuses[i], body, size };
                struct err e = { 0 };
                int r = lookup_read(&a, on_hit, &bytes, &e);
                CHECK(r == 0 ? statuses[i] == 200 : e.msg[0]);
        }
}

static void check_status(const char *body)
{
        struct buf frame = { 0 };
        const struct top_look look = {
                .url = "http://c:9601", .now = body, .before = body, .seconds = 1, .width = 80, .height = 30
        };

        top_frame(&look, &frame);
        size_t lines = 0;
        for (size_t i = 0; i < frame.len; i++) {
                CHECK(frame.data[i] != '\033');
                lines += frame.data[i] == '\n';
        }
        CHECK(lines <= 29);
        buf_fini(&frame);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct buf text = { 0 };

        buf_put(&text, data, size);
        check_nodes(buf_cstr(&text), size);
        check_search(buf_cstr(&text), size);
        check_status(buf_cstr(&text));
        buf_fini(&text);
        return 0;
}
