/* SPDX-License-Identifier: Apache-2.0 */
/* The settings of the elasticsearch sink, and what one row alone cannot check. */
#include <string.h>

#include "sinks/elasticsearch.h"
#include "sinks/es_node.h"
#include "sinks/es_template.h"
#include "sinks/http_pin.h"

#define AT(field) offsetof(struct es_config, field)

static const char *const ids[] = { [ES_ID_EVENT] = "event", [ES_ID_AUTO] = "auto", NULL };

static const char *const manages[] = {
        [ES_MANAGE_OFF] = "off", [ES_MANAGE_AUTO] = "auto", [ES_MANAGE_ON] = "on", NULL
};

static const struct opt rows[] = {
        { "urls", OPT_LIST, AT(urls), .def = "http://127.0.0.1:9200", .flag = "url", .flag_arg = "URL,...",
          .help = "addresses of the cluster's nodes" },
        { "sniff", OPT_BOOL, AT(sniff), .def = "false",
          .help = "ask the cluster for the addresses of its other nodes; credentials go there too" },
        { "sniff_interval", OPT_DURATION, AT(sniff_interval_ms), .def = "300 s", .min = 100, .max = 86400000,
          .help = "how often it is asked; also at once when a node fails" },
        { "index", OPT_STRING, AT(index), .def = ES_DEFAULT_INDEX, .flag = "index", .flag_arg = "NAME",
          .help = "index or data stream, may hold {field.path}, {field.path:default}, {topic}, "
                  "{+yyyy.MM.dd}" },
        { "manage_template", OPT_CHOICE, AT(manage_template), .def = "auto", .choices = manages,
          .help = "index template with Sluice's fields; auto: made for data streams that no other template "
                  "covers; on: made for all that begins with a fixed name; off: never looked at" },
        { "pipeline", OPT_STRING, AT(pipeline),
          .help = "ingest pipeline for every document, instead of the index's default; _none: no pipeline" },
        { "routing", OPT_STRING, AT(routing),
          .help = "field of the event whose value chooses the shard; data streams refuse it (collector "
                  "only)" },
        { "id", OPT_CHOICE, AT(id), .def = "event", .choices = ids,
          .help = "event: the same line has the same _id at every re-send; auto: the server makes one up, "
                  "quicker, and a re-send stands twice" },
        { "id_field", OPT_STRING, AT(id_field),
          .help = "field of the event that is the _id when the event has no id of Sluice's (collector "
                  "only)" },
        { "username", OPT_STRING, AT(username), .help = "for basic authentication" },
        { "password", OPT_SECRET_LIVE, AT(password), .help = "for basic authentication" },
        { "api_key", OPT_SECRET_LIVE, AT(api_key),
          .help = "instead of username and password, as Elasticsearch encodes it" },
        { "ca_file", OPT_STRING, AT(ca_file), .help = "certificates to trust instead of the system's, PEM" },
        { "ca_fingerprint", OPT_STRING, AT(ca_fingerprint),
          .help = "SHA-256 of the one authority to trust, as Elasticsearch prints it; instead of ca_file" },
        { "client_cert", OPT_STRING, AT(client_cert), .help = "certificate to show to the servers, PEM" },
        { "client_key", OPT_STRING, AT(client_key), .help = "its key, PEM, when it is not in client_cert" },
        { "client_key_password", OPT_SECRET_LIVE, AT(client_key_password), .help = "of client_key" },
        { "proxy", OPT_STRING, AT(proxy),
          .help = "URL of a proxy; none: not even http_proxy and https_proxy of the environment" },
        { "proxy_auth", OPT_SECRET_LIVE, AT(proxy_auth), .help = "user:password for the proxy" },
        { "verify", OPT_BOOL, AT(verify), .def = "true",
          .help = "refuse a node whose certificate does not prove its name" },
        { "compression", OPT_STRING, AT(compression), .def = "gzip", .help = "of bodies: gzip or none" },
        { "compression_level", OPT_INT, AT(compression_level), .def = "1", .min = 1, .max = 12,
          .help = "1 is quick, 12 is small" },
        { "workers", OPT_INT, AT(workers), .def = "1", .min = 1, .max = 64,
          .help = "threads that build and compress bodies" },
        { "max_requests", OPT_INT, AT(max_requests), .def = "8", .min = 1, .max = 1024,
          .help = "bulk requests at the same time, over all nodes, at most" },
        { "concurrency", OPT_INT, AT(concurrency), .def = "0", .min = 0, .max = 1024,
          .help = "always so many bulk requests at the same time; 0: as many as the cluster takes well, up "
                  "to "
                  "max_requests" },
        { "bulk_bytes", OPT_SIZE, AT(bulk_bytes), .def = "0 B", .min = 0, .max = 64 << 20,
          .help = "bytes of a bulk before compression, at most; 0 B: as many as the cluster takes well" },
        { "node_failures", OPT_INT, AT(node_failures), .def = "3", .min = 1, .max = 1000,
          .help = "failed requests in a row after which a node is left alone until it answers a probe" },
        { "node_requests", OPT_INT, AT(node_requests), .def = "64", .min = 1, .max = 1024,
          .help = "bulk requests, and so connections, at the same time to one node, at most" },
        { "probe_timeout", OPT_DURATION, AT(probe_timeout_ms), .def = "5 s", .min = 1, .max = 600000,
          .help = "for the probe of a node that was left alone" },
        { "connection_idle", OPT_DURATION, AT(connection_idle_ms), .def = "45 s", .min = 1000,
          .max = 86400000,
          .help = "a connection that idled so long is not used again; less than the balancer's limit" },
        { "connection_life", OPT_DURATION, AT(connection_life_ms), .def = "300 s", .min = 1000,
          .max = 86400000,
          .help = "a connection as old as that is not used again, so that a change in DNS is seen" },
        { "connect_timeout", OPT_DURATION, AT(connect_timeout_ms), .def = "5 s", .min = 1, .max = 600000,
          .help = "for a connection to a node, TLS included" },
        { "request_timeout", OPT_DURATION, AT(request_timeout_ms), .def = "60 s", .min = 1, .max = 3600000,
          .help = "for a whole request, then it is tried on another node" },
        { "retry_base", OPT_DURATION, AT(retry_base_ms), .def = "100 ms", .min = 1, .max = 600000,
          .help = "longest first wait before a retry; doubles with each, the wait is random below it" },
        { "retry_max", OPT_DURATION, AT(retry_max_ms), .def = "30 s", .min = 1, .max = 3600000,
          .help = "longest wait before a retry" },
};

static bool set(const char *s)
{
        return s && *s;
}

/* What needs no escape in a URL: more than any pipeline that comes with the products uses. */
bool es_pipeline_fits(const char *name)
{
        if (!*name)
                return false;
        for (; *name; name++)
                if (!(*name >= 'a' && *name <= 'z') && !(*name >= 'A' && *name <= 'Z') &&
                    !(*name >= '0' && *name <= '9') && !strchr("._-@~", *name))
                        return false;
        return true;
}

static void check_place(const struct es_config *c, struct opt_errors *errors)
{
        if (c->pipeline && !es_pipeline_fits(c->pipeline))
                opt_complain(errors, "pipeline: \"%s\" is no name made of letters, digits and . _ - @ ~",
                             c->pipeline);
        if (c->routing && !*c->routing)
                opt_complain(errors, "routing: must name a field, such as user.id");
        if (c->id_field && !*c->id_field)
                opt_complain(errors, "id_field: must name a field, such as order.id");
        if (c->id_field && c->id == ES_ID_AUTO)
                opt_complain(errors, "id_field: means nothing with id = \"auto\"");
}

static void check_template(const struct es_config *c, struct opt_errors *errors)
{
        struct es_template t;

        if (c->manage_template == ES_MANAGE_ON && !es_template_init(&t, c->index, ES_MANAGE_ON))
                opt_complain(errors,
                             "manage_template: on is for an index that begins with a fixed name, \"%s\" does "
                             "not",
                             c->index);
        else if (c->manage_template == ES_MANAGE_ON)
                es_template_fini(&t);
}

static void check_tls(const struct es_config *c, struct opt_errors *errors)
{
        struct http_pin pin;

        if (set(c->ca_fingerprint) && !http_pin_parse(c->ca_fingerprint, &pin))
                opt_complain(errors,
                             "ca_fingerprint: must be 64 hexadecimal digits, colons may stand between");
        if (set(c->ca_fingerprint) && set(c->ca_file))
                opt_complain(errors, "ca_fingerprint: excludes ca_file");
        if (set(c->ca_fingerprint) && !c->verify)
                opt_complain(errors, "ca_fingerprint: means nothing with verify = false");
        if (set(c->client_key) && !set(c->client_cert))
                opt_complain(errors, "client_key: without client_cert");
        if (set(c->proxy) && strchr(c->proxy, '@'))
                opt_complain(errors,
                             "proxy: must not hold credentials (they would be shown); use proxy_auth");
}

static void check(const void *conf, struct opt_errors *errors)
{
        const struct es_config *c = conf;

        for (size_t i = 0; i < c->urls.n; i++) {
                const char *what = es_url_fault(c->urls.v[i]);
                if (what)
                        opt_complain(errors, "urls: \"%s\" %s", es_url_shown(c->urls.v[i]), what);
        }
        if (c->urls.n == 0)
                opt_complain(errors, "urls: must name at least one node");
        if (set(c->api_key) && (set(c->username) || set(c->password)))
                opt_complain(errors, "api_key: excludes username and password");
        if (set(c->username) != set(c->password))
                opt_complain(errors, "username and password: one without the other");
        check_place(c, errors);
        check_template(c, errors);
        check_tls(c, errors);
        if (strcmp(c->compression, "zstd") == 0)
                opt_complain(errors, "compression: Elasticsearch answers 400 to zstd; gzip or none");
        else if (strcmp(c->compression, "gzip") != 0 && strcmp(c->compression, "none") != 0)
                opt_complain(errors, "compression: \"%s\" is neither gzip nor none", c->compression);
        if (c->retry_max_ms < c->retry_base_ms)
                opt_complain(errors, "retry_max: must not be less than retry_base");
}

const struct opt_table es_opts = { rows, ARRAY_LEN(rows), sizeof(struct es_config), check };

struct http_config es_http_config(const struct es_config *c)
{
        return (struct http_config){
                .username = c->username,
                .password = c->password,
                .api_key = c->api_key,
                .ca_file = c->ca_file,
                .ca_fingerprint = c->ca_fingerprint,
                .client_cert = c->client_cert,
                .client_key = c->client_key,
                .client_key_password = c->client_key_password,
                .proxy = c->proxy,
                .proxy_auth = c->proxy_auth,
                .verify = c->verify,
                .idle_ms = c->connection_idle_ms,
                .life_ms = c->connection_life_ms,
        };
}
