/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/decode.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/json.h"
#include "base/mem.h"
#include "collector/headers.h"
#include "collector/naming.h"
#include "event/event.h"
#include "event/ident.h"
#include "event/json_unique.h"
#include "event/kin.h"
#include "event/scan.h"
#include "event/shape.h"
#include "event/timestamp.h"
#include "sinks/elasticsearch.h"

enum { AT_TIME, AT_ID }; /* what is always looked for, before all other fields */
enum { ID_MAX_BYTES = 512 };     /* a longer _id spoils its whole bulk */

/* What the events of one kin have in common. */
struct form {
        struct scan_value values[TEMPLATE_FIELDS];      /* of the template; they point into kin's own copy */
        struct buf name;        /* the index, when it follows from them */
        bool fixed_name;        /* it does: the template has fields only */
        bool known;             /* every value stands in what they have in common */
        const struct route *route;      /* of all of them that come from this topic */
        struct buf topic;
};

struct decoder {
        struct collector_stats *stats;
        struct fields fields; /* looked for in every event */
        struct naming index;
        size_t id_field; /* number of its field; 0: none */
        size_t routing;  /* likewise */
        struct process *process; /* owned; NULL: none */
        struct routes routes;
        const struct route *route; /* of the record at hand; NULL: none fits */
        struct buf name;           /* index name being made */
        struct shape *shape;       /* owned */
        struct buf rewritten;      /* a foreign event as the document it becomes */
        struct strlist labels;     /* borrowed: headers that become labels */
        enum on_invalid on_invalid;
        const char *why;           /* static: what is wrong with the record at hand; NULL: nothing */
        struct buf unique;         /* an event without its double members */
        struct buf headed;         /* an event with what its headers add */
        struct kin *kin;           /* owned */
        struct form forms[KIN_FORMS];
        bool rules_by_time;        /* a route looks at @timestamp or event.id */
        struct slice dest;         /* the index name that was put last, perhaps into the batch at hand */
};

static int want_all(struct decoder *d, const char *index_template, const char *id_field, struct err *e)
{
        CHECK(fields_want(&d->fields, "@timestamp", e) == AT_TIME && fields_want(&d->fields, "event.id", e) == AT_ID);
        int r = naming_init(&d->index, index_template, &d->fields, e);
        if (r == 0 && id_field)
                r = fields_want(&d->fields, id_field, e);
        if (r < 0)
                return r;
        d->id_field = (size_t)r;
        return 0;
}

struct decoder *decode_new(const char *index_template, const char *id_field, struct collector_stats *stats,
                           struct err *e)
{
        struct decoder *d = xcalloc(1, sizeof(*d));

        d->stats = stats;
        d->shape = shape_new();
        d->kin = kin_new();
        if (want_all(d, index_template, id_field, e) < 0) {
                decode_free(d);
                return NULL;
        }
        return d;
}

int decode_set_routing(struct decoder *d, const char *field, struct err *e)
{
        if (!field)
                return 0;
        if (template_is_stream(d->index.template))
                return err_set(e, EINVAL, "the index has the form of a data stream, and those refuse it");
        int r = fields_want(&d->fields, field, e);
        if (r < 0)
                return r;
        d->routing = (size_t)r;
        return 0;
}

/* Two fields that are always looked for, so that the list of all does not say whether a rule wants them. */
static bool look_at_time(const struct tablelist *routes)
{
        struct fields own = { 0 };
        struct routes probe;
        struct err e = { 0 };
        bool found = routes_init(&probe, routes, &own, &e) < 0;

        for (size_t i = 0; i < own.n; i++)
                found |= strcmp(own.path[i], "@timestamp") == 0 || strcmp(own.path[i], "event.id") == 0;
        routes_fini(&probe);
        fields_fini(&own);
        return found;
}

int decode_set_routes(struct decoder *d, const struct tablelist *routes, struct err *e)
{
        d->rules_by_time = look_at_time(routes);
        return routes_init(&d->routes, routes, &d->fields, e);
}

int decode_set_process(struct decoder *d, const struct tablelist *process, struct err *e)
{
        return process_new(process, &d->fields, &d->process, e);
}

void decode_set_labels(struct decoder *d, const struct strlist *labels)
{
        d->labels = *labels;
}

void decode_free(struct decoder *d)
{
        if (!d)
                return;
        naming_fini(&d->index);
        routes_fini(&d->routes);
        process_free(d->process);
        fields_fini(&d->fields);
        shape_free(d->shape);
        buf_fini(&d->name);
        buf_fini(&d->rewritten);
        buf_fini(&d->headed);
        buf_fini(&d->unique);
        kin_free(d->kin);
        for (size_t i = 0; i < KIN_FORMS; i++) {
                buf_fini(&d->forms[i].name);
                buf_fini(&d->forms[i].topic);
        }
        free(d);
}

static bool is_our_id(const struct scan_value *id)
{
        return id->type == SCAN_STRING && id->len == IDENT_LINE_TEXT &&
               memcmp(id->p, IDENT_SCHEME, strlen(IDENT_SCHEME)) == 0;
}

/* The slice is empty when there is no id in it that can be used; b is then as it was. */
static struct slice put_field_id(const struct scan_value *v, struct batch *b)
{
        size_t start = b->data.len;

        if (v->type == SCAN_STRING)
                scan_unescape(&b->data, v);
        else if (v->type == SCAN_NUMBER)
                buf_put(&b->data, v->p, v->len);
        if (b->data.len - start > ID_MAX_BYTES)
                b->data.len = start;
        return batch_since(b, start);
}

static struct slice put_id(const struct decoder *d, const struct incoming *in,
                           const struct scan_value *values, struct batch *b)
{
        const struct scan_value *id = &values[AT_ID];
        char text[IDENT_LINE_TEXT];

        if (is_our_id(id))
                return batch_put(b, id->p, id->len);
        if (d->id_field) {
                struct slice given = put_field_id(&values[d->id_field], b);
                if (given.len > 0)
                        return given;
        }
        struct ident record =
                ident_of_record(in->cluster, in->topic, in->partition, in->offset, in->timestamp_ms);
        if (in->line > 0)
                record = ident_of_line(&record, in->line);
        ident_text(&record, text);
        return batch_put(b, text, IDENT_FILE_TEXT);
}

static int64_t record_time_ns(const struct incoming *in)
{
        struct timespec now;

        if (in->timestamp_ms >= 0)
                return in->timestamp_ms * 1000000;
        clock_gettime(CLOCK_REALTIME, &now);
        return now.tv_sec * 1000000000 + now.tv_nsec;
}

static struct slice put_value(struct decoder *d, const struct incoming *in, enum scan_result is,
                              bool has_time, struct batch *b)
{
        size_t start = b->data.len;

        if (is != SCAN_IS_OBJECT) {
                stat_inc(&d->stats->text_records);
                event_write_text(&b->data, record_time_ns(in), in->payload, in->len);
        } else if (!has_time) {
                const char *brace = memchr(in->payload, '{', in->len);
                const char *rest = brace + 1, *end = in->payload + in->len;
                char time[TIMESTAMP_LEN];
                timestamp_format(record_time_ns(in), time);
                buf_puts(&b->data, "{\"@timestamp\":\"");
                buf_put(&b->data, time, sizeof(time));
                while (rest < end && strchr(" \t\r\n", *rest))
                        rest++;
                buf_puts(&b->data, *rest == '}' ? "\"" : "\",");
                buf_put(&b->data, rest, (size_t)(end - rest));
        } else {
                buf_put(&b->data, in->payload, in->len);
        }
        return batch_since(b, start);
}

static int64_t event_time_ns(const struct incoming *in, const struct scan_value *time)
{
        int64_t ns;

        if (time->type == SCAN_STRING && timestamp_parse(time->p, time->len, &ns) == 0)
                return ns;
        return record_time_ns(in);
}

/* Records that go to one index share its name in the batch. */
static struct slice put_name(struct decoder *d, const struct buf *name, struct batch *b)
{
        bool there = d->dest.len == name->len && d->dest.off + d->dest.len <= b->data.len &&
                     memcmp(batch_at(b, d->dest), name->data, name->len) == 0;

        if (!there)
                d->dest = batch_put(b, name->data, name->len);
        return d->dest;
}

/* Of the record at hand. */
static const struct naming *index_of(const struct decoder *d)
{
        return d->route && d->route->index.template ? &d->route->index : &d->index;
}

/* values: of the template. */
static bool put_dest(struct decoder *d, const struct incoming *in, const struct scan_value *values,
                     const struct scan_value *time, struct batch *b, struct slice *ret)
{
        buf_reset(&d->name);
        if (!template_expand(index_of(d)->template, values, in->topic, event_time_ns(in, time), &d->name))
                return false;
        *ret = put_name(d, &d->name, b);
        return true;
}

static void count_shape(struct collector_stats *stats, const struct shape_verdict *v)
{
        struct stat_value *const foreign[] = {
                [SHAPE_FILEBEAT] = &stats->foreign_filebeat, [SHAPE_FLUENT_BIT] = &stats->foreign_fluent_bit,
                [SHAPE_VECTOR] = &stats->foreign_vector,     [SHAPE_LOGSTASH] = &stats->foreign_logstash,
                [SHAPE_DOCKER] = &stats->foreign_docker,     [SHAPE_GELF] = &stats->foreign_gelf,
                [SHAPE_JOURNALD] = &stats->foreign_journald, [SHAPE_JSON] = &stats->foreign_json,
        };

        if (v->kind != SHAPE_ECS)
                stat_inc(foreign[v->kind]);
        if (v->doubles)
                stat_add(&stats->double_keys, (int64_t)v->doubles);
}

static enum scan_result scan(struct decoder *d, const struct incoming *in, struct scan_value *values,
                             struct scan_info *info)
{
        return scan_json_record(in->payload, in->len, d->fields.path, d->fields.n, values, info,
                                shape_members(d->shape));
}

/* What another sender wrote, as the document it becomes: in and values are that document's then.  True: it is nothing of
 * the kind. */
static bool reshape(struct decoder *d, struct incoming *in, struct scan_value *values)
{
        buf_reset(&d->rewritten);
        const struct shape_verdict v = shape_write(d->shape, in->payload, in->len, &d->rewritten);

        count_shape(d->stats, &v);
        if (!v.rewritten)
                return v.kind == SHAPE_ECS;
        in->payload = d->rewritten.data;
        in->len = d->rewritten.len;
        scan_json(in->payload, in->len, d->fields.path, d->fields.n, values, NULL);
        return false;
}

/* The document with what its headers add: in and values are that document's then. */
static enum scan_result add_headers(struct decoder *d, struct incoming *in, enum scan_result is, struct scan_value *values)
{
        struct buf *doc = &d->headed;

        buf_reset(doc);
        if (is == SCAN_IS_OBJECT)
                buf_put(doc, in->payload, in->len);
        else
                event_write_text(doc, record_time_ns(in), in->payload, in->len);
        if (!headers_add(in, &d->labels, doc))
                return is;
        if (is != SCAN_IS_OBJECT)
                stat_inc(&d->stats->text_records);
        in->payload = doc->data;
        in->len = doc->len;
        return scan_json(in->payload, in->len, d->fields.path, d->fields.n, values, NULL);
}

/* --- one event of a file is like the next ------------------------------------------------------- */

/* What rules look at is the same in all that are alike, and so is the one that fits. */
static bool rules_hold_for_all(const struct decoder *d, const struct scan_value *values)
{
        for (size_t i = AT_ID + 1; d->routes.n > 0 && i < d->fields.n; i++)
                if (values[i].type != SCAN_ABSENT && !kin_place(d->kin, values[i].p))
                        return false;
        return true;
}

/* From an event that passed unchanged: values are all that was looked for, with dest as its index when ok. */
static void learn(struct decoder *d, const struct incoming *in, const struct scan_value *values, bool ok)
{
        int i = kin_learn(d->kin, in->payload, in->len);

        if (i < 0)
                return;
        struct form *f = &d->forms[i];
        size_t n = naming_values(index_of(d), values, f->values);
        f->route = d->route;
        f->fixed_name = template_only_fields(index_of(d)->template);
        buf_reset(&f->topic);
        buf_puts(&f->topic, in->topic);
        f->known = ok && rules_hold_for_all(d, values);
        for (size_t k = 0; k < n; k++) {
                if (f->values[k].type == SCAN_ABSENT)
                        continue;
                f->values[k].p = kin_place(d->kin, f->values[k].p);
                f->known &= f->values[k].p != NULL;
        }
        buf_reset(&f->name);
        buf_put(&f->name, d->name.data, d->name.len);
}

static bool put_dest_of_form(struct decoder *d, const struct incoming *in, const struct form *f, struct batch *b,
                             struct slice *ret)
{
        const struct scan_value time = { .type = SCAN_STRING, .p = in->payload + EVENT_TIMESTAMP_AT, .len = TIMESTAMP_LEN };

        if (!f->fixed_name)
                return put_dest(d, in, f->values, &time, b, ret);
        *ret = put_name(d, &f->name, b);
        return true;
}

static enum decode_end decode_kin(struct decoder *d, const struct incoming *in, const struct form *f, struct batch *b)
{
        if (d->route && d->route->to == ROUTE_DROP)
                return DECODE_DROP;
        struct slice value = batch_put(b, in->payload, in->len), dest = { 0 };
        bool ok = put_dest_of_form(d, in, f, b, &dest);
        struct record *r = batch_add(b);

        r->value = value;
        r->id = (struct slice){ value.off + EVENT_ID_AT, IDENT_LINE_TEXT };
        r->dest = dest;
        r->weight = 1;
        if (d->route && d->route->pipeline)
                batch_header(b, r, es_header_pipeline, d->route->pipeline, strlen(d->route->pipeline));
        return ok ? DECODE_OK : DECODE_NO_INDEX;
}

/* Where all that are alike go, and none of them has a shard of its own. */
static bool knows(struct decoder *d, const struct incoming *in, const struct form *f)
{
        if (!f->known)
                return false;
        d->route = f->route;
        return d->routes.n == 0 || strcmp(buf_cstr(&d->forms[f - d->forms].topic), in->topic) == 0;
}

/* --- any event ---------------------------------------------------------------------------------- */

static bool has_rules(const struct decoder *d)
{
        return d->process || d->routes.n > 0;
}

/* Of the record at hand; 0: none. */
static size_t routing_of(const struct decoder *d)
{
        if (d->route && d->route->routing >= 0)
                return (size_t)d->route->routing;
        return template_is_stream(index_of(d)->template) ? 0 : d->routing;
}

/* The document as the rules of `process` leave it. */
static void process(struct decoder *d, struct incoming *in, struct scan_value *values)
{
        const struct process_end end = process_run(d->process, in->topic, event_time_ns(in, &values[AT_TIME]), &in->payload,
                                                   &in->len, values);

        stat_add(&d->stats->processed, end.changed);
        stat_add(&d->stats->parse_left, (int64_t)end.left);
        stat_add(&d->stats->redacted, (int64_t)end.redacted);
}

/* A text record as the document it becomes, where rules want to see its fields. */
static enum scan_result as_document(struct decoder *d, struct incoming *in, struct scan_value *values)
{
        struct buf *doc = &d->headed;

        stat_inc(&d->stats->text_records);
        buf_reset(doc);
        event_write_text(doc, record_time_ns(in), in->payload, in->len);
        in->payload = doc->data;
        in->len = doc->len;
        return scan_json(in->payload, in->len, d->fields.path, d->fields.n, values, NULL);
}

/* What only the action says. */
static void put_action(const struct decoder *d, const struct scan_value *values, struct batch *b, struct record *r)
{
        const char *pipeline = d->route ? d->route->pipeline : NULL;
        size_t routing = routing_of(d);
        struct buf text = { 0 };

        if (pipeline)
                batch_header(b, r, es_header_pipeline, pipeline, strlen(pipeline));
        if (!routing)
                return;
        const struct scan_value *v = &values[routing];
        if (v->type == SCAN_STRING)
                scan_unescape(&text, v);
        else if (v->type == SCAN_NUMBER)
                buf_put(&text, v->p, v->len);
        if (text.len > 0)
                batch_header(b, r, es_header_routing, text.data, text.len);
        buf_fini(&text);
}

static enum decode_end put_record(struct decoder *d, const struct incoming *doc, enum scan_result is,
                               const struct scan_value *values, struct batch *b)
{
        struct slice value = put_value(d, doc, is, values[AT_TIME].type != SCAN_ABSENT, b);
        struct slice id = put_id(d, doc, values, b), dest = { 0 };
        struct scan_value own[TEMPLATE_FIELDS];

        naming_values(index_of(d), values, own);
        bool ok = put_dest(d, doc, own, &values[AT_TIME], b, &dest);

        struct record *r = batch_add(b);
        r->value = value;
        r->id = id;
        r->dest = dest;
        r->weight = 1;
        put_action(d, values, b, r);
        if (d->route && d->route->to == ROUTE_DEAD_LETTER)
                return DECODE_DEAD;
        return ok ? DECODE_OK : DECODE_NO_INDEX;
}

/* Of two members of one name, at any depth, the first stays. */
static enum scan_result without_doubles(struct decoder *d, struct incoming *in, struct scan_value *values,
                                        struct scan_info *info)
{
        buf_reset(&d->unique);
        size_t doubles = json_unique(&d->unique, in->payload, in->len);

        if (doubles == 0)
                return SCAN_IS_OBJECT;
        stat_add(&d->stats->double_keys, (int64_t)doubles);
        in->payload = d->unique.data;
        in->len = d->unique.len;
        return scan(d, in, values, info);
}

/* NULL: nothing, or it is no JSON and does not look like any. */
static const char *what_is_wrong(struct decoder *d, const struct incoming *in, enum scan_result is,
                                 const struct scan_info *info)
{
        size_t at = 0;

        if (is != SCAN_IS_OBJECT) {
                while (at < in->len && strchr(" \t\r\n", in->payload[at]))
                        at++;
                return at < in->len && in->payload[at] == '{' ? "begins like a JSON object and is none" : NULL;
        }
        if (info->invalid_utf8)
                return "holds bytes that are not UTF-8";
        buf_reset(&d->unique);
        if (info->maybe_double && json_unique(&d->unique, in->payload, in->len) > 0)
                return "has two members of one name";
        return NULL;
}

void decode_set_invalid(struct decoder *d, enum on_invalid how)
{
        d->on_invalid = how;
}

/* stranger: it is like none that was learnt. */
static enum decode_end decode_any(struct decoder *d, const struct incoming *in, bool stranger, struct batch *b)
{
        struct scan_value values[SCAN_PATHS] = { 0 };
        struct scan_info info = { 0 };
        struct incoming doc = *in;
        struct buf text = { 0 };
        bool plain = false;
        enum scan_result is = scan(d, &doc, values, &info);

        d->why = d->on_invalid == INVALID_DEAD_LETTER ? what_is_wrong(d, in, is, &info) : NULL;
        if (d->why) {
                decode_nothing(d, in, b);
                return DECODE_INVALID;
        }
        if (is == SCAN_IS_OBJECT && info.invalid_utf8) {
                stat_inc(&d->stats->utf8_repaired);
                json_repair_utf8(&text, in->payload, in->len);
                doc.payload = text.data;
                doc.len = text.len;
                is = scan(d, &doc, values, &info);
        }
        if (is == SCAN_IS_OBJECT && info.maybe_double)
                is = without_doubles(d, &doc, values, &info);
        if (is == SCAN_IS_OBJECT)
                plain = reshape(d, &doc, values);
        if (in->nheaders > 0)
                is = add_headers(d, &doc, is, values);
        if (has_rules(d) && is != SCAN_IS_OBJECT)
                is = as_document(d, &doc, values);
        if (d->process)
                process(d, &doc, values);
        d->route = d->routes.n > 0 ? routes_find(&d->routes, in->topic, values) : NULL;
        enum decode_end how = d->route && d->route->to == ROUTE_DROP ? DECODE_DROP : put_record(d, &doc, is, values, b);
        bool fine = how <= DECODE_OK || how == DECODE_DROP;
        if (stranger && fine && plain && !info.has_newline && doc.payload == in->payload && is_our_id(&values[AT_ID]))
                learn(d, in, values, how != DECODE_NO_INDEX && routing_of(d) == 0);
        buf_fini(&text);
        return how;
}

const char *decode_why(const struct decoder *d)
{
        return d->why ? d->why : d->route->why;
}

enum decode_end decode(struct decoder *d, const struct incoming *in, struct batch *b)
{
        /* `process` changes each event, and a time may part those that are alike. */
        bool like_others = in->nheaders == 0 && !d->process && !d->rules_by_time;
        int form = like_others ? kin_find(d->kin, in->payload, in->len) : -1;

        if (form >= 0 && knows(d, in, &d->forms[form]))
                return decode_kin(d, in, &d->forms[form], b);
        return decode_any(d, in, form < 0 && like_others, b);
}

void decode_nothing(const struct decoder *d, const struct incoming *in, struct batch *b)
{
        const struct scan_value nothing[SCAN_PATHS] = { 0 };
        struct slice value = batch_put(b, in->payload, in->len), id = put_id(d, in, nothing, b);
        struct record *r = batch_add(b);

        r->value = value;
        r->id = id;
        r->weight = 1;
}
