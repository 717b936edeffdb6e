/* SPDX-License-Identifier: Apache-2.0 */
#include "shipper/address.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "event/template.h"

struct address {
        const struct shipper_config *config; /* borrowed */
        struct template *index;              /* owned */
        struct buf values, name;             /* scratch */
};

/* What every event of the service says at this path, NULL: nothing that is the same for all. */
static const char *value_of(const struct address *a, const char *service, const char *path)
{
        if (strcmp(path, "service.name") == 0)
                return service;
        return strcmp(path, "host.name") == 0 ? a->config->host : NULL;
}

/* As scan_json would have found it. */
static struct scan_value put_value(struct buf *b, const char *text)
{
        size_t start = b->len;

        if (!text)
                return (struct scan_value){ .type = SCAN_ABSENT };
        json_escape(b, text, strlen(text));
        return (struct scan_value){ .type = SCAN_STRING, .len = b->len - start };
}

static bool make_name(struct address *a, const char *service, int64_t wall_ns)
{
        struct scan_value values[SCAN_PATHS];
        const char *const *paths, *topic = a->config->kafka.topic;
        size_t n = template_paths(a->index, &paths), at = 0;

        buf_reset(&a->values);
        buf_reset(&a->name);
        for (size_t i = 0; i < n; i++)
                values[i] = put_value(&a->values, value_of(a, service, paths[i]));
        for (size_t i = 0; i < n; at += values[i++].len)
                values[i].p = a->values.data + at; /* only now: the buffer moves while it grows */
        return template_expand(a->index, values, topic ? topic : "", wall_ns, &a->name);
}

static int check_inputs(struct address *a, struct err *e)
{
        const char *index = a->config->elasticsearch.index;
        const struct input_config *in = a->config->inputs.v;

        if (strstr(index, "{topic}") && !a->config->kafka.topic)
                return err_set(e, EINVAL, "elasticsearch.index: \"%s\": there is no topic on the way", index);
        for (size_t i = 0; i < a->config->inputs.n; i++)
                if (!make_name(a, in[i].service, 0))
                        return err_set(e, EINVAL,
                                       "elasticsearch.index: \"%s\": makes no name for inputs.%zu; only "
                                       "service.name and "
                                       "host.name are known here, a default helps: {service.name:generic}",
                                       index, i);
        return 0;
}

struct address *address_new(const struct shipper_config *c, struct err *e)
{
        struct template *index = template_new(c->elasticsearch.index, e);

        if (!index) {
                err_prefix(e, "elasticsearch.index");
                return NULL;
        }
        struct address *a = xcalloc(1, sizeof(*a));
        a->config = c;
        a->index = index;
        if (check_inputs(a, e) < 0) {
                address_free(a);
                return NULL;
        }
        return a;
}

void address_free(struct address *a)
{
        if (!a)
                return;
        template_free(a->index);
        buf_fini(&a->values);
        buf_fini(&a->name);
        free(a);
}

struct slice address_put(struct address *a, const struct input_config *in, const char *service, int64_t wall_ns,
                         struct batch *b)
{
        bool ok = service && make_name(a, service, wall_ns);

        if (!ok)
                ok = make_name(a, in->service, wall_ns);
        CHECK(ok); /* address_new has tried each input, and a date never fails */
        return batch_put(b, a->name.data, a->name.len);
}
