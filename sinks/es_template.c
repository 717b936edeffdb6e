/* SPDX-License-Identifier: Apache-2.0 */
#include "sinks/es_template.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "event/scan.h"
#include "event/template.h"

#define OURS "sluice"

/* Above the 100 of Elasticsearch's own logs-*-*, below the 200 of its integrations; the longer of two patterns first. */
enum { PRIORITY = 120, PRIORITY_LENGTH_MAX = 70 };

/* --- what it is for ------------------------------------------------------------------------------- */

static char *outline(const struct template *t, const char *before, const char *any)
{
        struct buf b = { 0 };

        buf_puts(&b, before);
        template_outline(t, any, &b);
        char *text = xstrdup(buf_cstr(&b));
        buf_fini(&b);
        return text;
}

bool es_template_init(struct es_template *t, const char *index, enum es_template_manage manage)
{
        struct err e = { 0 };
        struct template *names = template_new(index, &e);

        *t = (struct es_template){ 0 };
        if (!names || manage == ES_MANAGE_OFF)
                goto out;
        t->stream = template_is_stream(names);
        t->pattern = outline(names, "", "*");
        /* One that fits the names of everybody is nobody's to make. */
        if (t->pattern[0] == '*' || (manage == ES_MANAGE_AUTO && !t->stream)) {
                es_template_fini(t);
                goto out;
        }
        t->name = outline(names, "sluice-", "any");
        t->sample = outline(names, "", "any");
out:
        template_free(names);
        return t->name != NULL;
}

void es_template_fini(struct es_template *t)
{
        free(t->name);
        free(t->pattern);
        free(t->sample);
        *t = (struct es_template){ 0 };
}

/* --- its body -------------------------------------------------------------------------------------- */

#define KEYWORD         "{\"type\":\"keyword\",\"ignore_above\":1024}"
#define TEXT            "{\"type\":\"text\"}"
#define NUMBER          "{\"type\":\"long\"}"
#define OBJECT(members) "{\"properties\":{" members "}}"

/* Both programs write these; docs/collector.md lists them. */
static const char properties[] =
        "\"@timestamp\":{\"type\":\"date\"},"
        "\"message\":" TEXT ","
        "\"stream\":" KEYWORD ","
        "\"event\":" OBJECT(
                "\"id\":" KEYWORD ",\"original\":{\"type\":\"keyword\",\"index\":false,"
                "\"doc_values\":false}") ","
                                         "\"log\":" OBJECT(
                                                 "\"level\":" KEYWORD ",\"offset\":" NUMBER
                                                 ",\"flags\":" KEYWORD ",\"logger\":" KEYWORD
                                                 ",\"file\":" OBJECT("\"path\":" KEYWORD ",\"id\":" KEYWORD) ",\"source\":" OBJECT(
                                                         "\"address\":" KEYWORD) ",\"syslog\":{\"type\":"
                                                                                 "\"object\"}") ","
                                                                                                "\"service\""
                                                                                                ":" OBJECT(
                                                                                                        "\"na"
                                                                                                        "me\""
                                                                                                        ":" KEYWORD
                                                                                                        ",\"v"
                                                                                                        "ersi"
                                                                                                        "on\""
                                                                                                        ":" KEYWORD) ","
                                                                                                                     "\"host\":" OBJECT(
                                                                                                                             "\"name\":" KEYWORD) ","
                                                                                                                                                  "\"trace\":" OBJECT(
                                                                                                                                                          "\"id\":" KEYWORD) ","
                                                                                                                                                                             "\"span\":" OBJECT(
                                                                                                                                                                                     "\"id\":" KEYWORD) ","
                                                                                                                                                                                                        "\"user\":" OBJECT(
                                                                                                                                                                                                                "\"id\":" KEYWORD) ","
                                                                                                                                                                                                                                   "\"labels\":{\"type\":\"object\",\"dynamic\":true},"
                                                                                                                                                                                                                                   "\"error\":" OBJECT(
                                                                                                                                                                                                                                           "\"message\":" TEXT
                                                                                                                                                                                                                                           ",\"stack_trace\":" TEXT
                                                                                                                                                                                                                                           ",\"type\":" KEYWORD);

/* Text under labels is one keyword whatever it looks like: a date in the first must not refuse a word in the second. */
static const char dynamic[] =
        "[{\"labels\":{\"path_match\":\"labels.*\",\"match_mapping_type\":\"string\",\"mapping\":" KEYWORD
        "}},"
        "{\"text\":{\"match_mapping_type\":\"string\",\"mapping\":" KEYWORD "}}]";

void es_template_body(const struct es_template *t, struct buf *b)
{
        size_t length = strlen(t->pattern);

        buf_puts(b, "{\"index_patterns\":[");
        json_cstring(b, t->pattern);
        buf_printf(b, "],\"priority\":%zu,\"version\":%d,",
                   PRIORITY + (length < PRIORITY_LENGTH_MAX ? length : PRIORITY_LENGTH_MAX),
                   ES_TEMPLATE_VERSION);
        buf_puts(b, "\"_meta\":{\"managed_by\":\"" OURS
                    "\",\"description\":\"fields of Sluice's events (ECS)\"},");
        if (t->stream)
                buf_puts(b, "\"data_stream\":{},");
        buf_printf(b,
                   "\"template\":{\"mappings\":{\"date_detection\":false,\"dynamic_templates\":%s,"
                   "\"properties\":{%s}}}}",
                   dynamic, properties);
}

/* --- answers --------------------------------------------------------------------------------------- */

enum es_template_there es_template_there(const char *body, size_t len)
{
        static const char *const outer[] = { "index_templates" };
        static const char *const inner[] = { "index_template._meta.managed_by", "index_template.version" };
        struct scan_value list, v[ARRAY_LEN(inner)];

        if (scan_json(body, len, outer, 1, &list, NULL) != SCAN_IS_OBJECT)
                return ES_THERE_UNKNOWN;
        if (list.type != SCAN_ARRAY)
                return len <= 2 ? ES_THERE_NOTHING : ES_THERE_UNKNOWN;
        /* A whole name was asked for, so there is one element at most. */
        if (scan_json(list.p + 1, list.len - 2, inner, ARRAY_LEN(inner), v, NULL) != SCAN_IS_OBJECT)
                return ES_THERE_UNKNOWN;
        if (v[0].type != SCAN_STRING || v[0].len != strlen(OURS) || memcmp(v[0].p, OURS, v[0].len) != 0)
                return ES_THERE_FOREIGN;
        bool older = v[1].type != SCAN_NUMBER || strtol(v[1].p, NULL, 10) < ES_TEMPLATE_VERSION;
        return older ? ES_THERE_OLDER : ES_THERE_CURRENT;
}

int es_template_covered(const char *body, size_t len)
{
        static const char *const paths[] = { "template", "overlapping" };
        struct scan_value v[ARRAY_LEN(paths)];

        if (scan_json(body, len, paths, ARRAY_LEN(paths), v, NULL) != SCAN_IS_OBJECT)
                return -1;
        if (v[0].type == SCAN_OBJECT)
                return 1;
        return len <= 2 || v[1].type == SCAN_ARRAY ? 0 : -1;
}
