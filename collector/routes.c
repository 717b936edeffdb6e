/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/routes.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "sinks/elasticsearch.h"

/* --- settings --------------------------------------------------------------------------------------- */

static const char *const tos[] = {
        [ROUTE_INDEX] = "index", [ROUTE_DEAD_LETTER] = "dead_letter", [ROUTE_DROP] = "drop", NULL
};

#define FIELD(member) offsetof(struct route_config, member)
static const struct opt rows[] = {
        { "topics", OPT_LIST, FIELD(topics),
          .help = "records of topics that fit one of these shell patterns; absent: of all" },
        { "when", OPT_STRING, FIELD(when),
          .help = "and for which this holds: log.level == debug && !(service.name in (shop, cart)); also != "
                  "< <= > >= ~ !~ ||" },
        { "to", OPT_CHOICE, FIELD(to), .def = "index", .choices = tos, .help = "where they go" },
        { "index", OPT_STRING, FIELD(index),
          .help = "index or data stream instead of elasticsearch.index, with the same {fields}" },
        { "pipeline", OPT_STRING, FIELD(pipeline),
          .help = "ingest pipeline instead of elasticsearch.pipeline; _none: no pipeline" },
        { "routing", OPT_STRING, FIELD(routing),
          .help = "field whose value chooses the shard instead of elasticsearch.routing; data streams refuse it" },
};
#undef FIELD

/* Its parts, from the settings: what is wrong with them is found here and nowhere else. */
static int compile(struct route *r, const struct route_config *c, struct fields *f, const char **ret_row,
                   struct err *e)
{
        int err = 0;

        r->config = c;
        r->to = (enum route_to)c->to;
        r->pipeline = c->pipeline;
        r->routing = -1;
        if (c->when) {
                *ret_row = "when";
                r->when = when_new(c->when, f, e);
                if (!r->when)
                        return -e->code;
        }
        if (c->index) {
                *ret_row = "index";
                err = naming_init(&r->index, c->index, f, e);
        }
        if (err == 0 && c->routing) {
                *ret_row = "routing";
                r->routing = err = fields_want(f, c->routing, e);
        }
        return err < 0 ? err : 0;
}

static void route_fini(struct route *r)
{
        naming_fini(&r->index);
        when_free(r->when);
}

static void check_place(const struct route_config *c, const struct route *r, struct opt_errors *errors)
{
        if (c->to != ROUTE_INDEX && (c->index || c->pipeline || c->routing))
                opt_complain(errors, "%s: means nothing with to = \"%s\"",
                             c->index      ? "index"
                             : c->pipeline ? "pipeline"
                                           : "routing",
                             tos[c->to]);
        if (c->pipeline && !es_pipeline_fits(c->pipeline))
                opt_complain(errors, "pipeline: \"%s\" is no name made of letters, digits and . _ - @ ~",
                             c->pipeline);
        if (c->routing && r->index.template && template_is_stream(r->index.template))
                opt_complain(errors, "routing: \"%s\" has the form of a data stream, and those refuse it",
                             c->index);
        if (c->to == ROUTE_INDEX && !c->index && !c->pipeline && !c->routing && (c->when || c->topics.n > 0))
                return; /* an exception from the rules behind it */
        if (c->topics.n == 0 && !c->when && c->to != ROUTE_INDEX)
                opt_complain(errors, "to: \"%s\" for every record: topics or when must say which",
                             tos[c->to]);
}

static void check(const void *conf, struct opt_errors *errors)
{
        struct fields f = { 0 };
        struct route r = { 0 };
        struct err e = { 0 };
        const char *row = "";

        if (compile(&r, conf, &f, &row, &e) < 0)
                opt_complain(errors, "%s: %s", row, e.msg);
        else
                check_place(conf, &r, errors);
        route_fini(&r);
        fields_fini(&f);
}

const struct opt_table route_opts = { rows, ARRAY_LEN(rows), sizeof(struct route_config), check };

/* --- life ------------------------------------------------------------------------------------------- */

int routes_init(struct routes *r, const struct tablelist *configs, struct fields *f, struct err *e)
{
        const struct route_config *c = configs->v;
        const char *row;

        *r = (struct routes){ .v = configs->n ? xcalloc(configs->n, sizeof(*r->v)) : NULL };
        for (size_t i = 0; i < configs->n; i++) {
                r->n++;
                snprintf(r->v[i].why, sizeof(r->v[i].why), "routes.%zu sends it here", i);
                if (compile(&r->v[i], &c[i], f, &row, e) < 0) {
                        err_prefix(e, "routes.%zu.%s", i, row);
                        routes_fini(r);
                        return -e->code;
                }
        }
        return 0;
}

void routes_fini(struct routes *r)
{
        for (size_t i = 0; i < r->n; i++)
                route_fini(&r->v[i]);
        free(r->v);
        *r = (struct routes){ 0 };
}

/* --- finding ---------------------------------------------------------------------------------------- */

static bool is_of_topic(const struct strlist *topics, const char *topic)
{
        for (size_t i = 0; i < topics->n; i++)
                if (fnmatch(topics->v[i], topic, 0) == 0)
                        return true;
        return topics->n == 0;
}

const struct route *routes_find(const struct routes *r, const char *topic, const struct scan_value *values)
{
        for (size_t i = 0; i < r->n; i++) {
                const struct route *route = &r->v[i];
                if (is_of_topic(&route->config->topics, topic) &&
                    (!route->when || when_holds(route->when, values)))
                        return route;
        }
        return NULL;
}
