/* SPDX-License-Identifier: Apache-2.0 */
#include "sinks/kafka_conf.h"

#include <string.h>

#include "base/log.h"
#include "sinks/kafka_property.h"

/* NULL: fit to be a list of brokers.  Else what is wrong with it, a phrase to follow the setting's name. */
static const char *brokers_fault(const char *brokers)
{
        if (strchr(brokers, '@'))
                return "must not hold credentials (they would be shown); set username and password in "
                       "kafka.security";
        if (strncmp(brokers, "http", 4) == 0 && strstr(brokers, "://"))
                return "takes HOST:PORT,... without http://";
        return NULL;
}

void kafka_conf_check_all(const char *brokers, const struct strlist *properties, struct opt_errors *errors)
{
        const char *fault = brokers ? brokers_fault(brokers) : NULL;
        struct err e;

        if (fault)
                opt_complain(errors, "brokers: %s", fault);
        for (size_t i = 0; i < properties->n; i++)
                if (kafka_property_check(properties->v[i], &e) < 0)
                        opt_complain(errors, "%s", e.msg);
}

/* From the levels of syslog(3).  What librdkafka calls an error (3) it goes on trying to mend by itself. */
static enum log_level level_of(int syslog_level)
{
        if (syslog_level <= 2)
                return LOG_ERROR;
        if (syslog_level <= 4)
                return LOG_WARN;
        return syslog_level <= 6 ? LOG_INFO : LOG_DEBUG;
}

static void on_log(const rd_kafka_t *rk, int level, const char *facility, const char *text)
{
        (void)rk;
        if (log_wants(level_of(level)))
                log_at(level_of(level), "kafka", "%s: %s", facility, text);
}

void kafka_conf_log(rd_kafka_conf_t *conf)
{
        rd_kafka_conf_set_log_cb(conf, on_log);
}

int kafka_conf_apply(rd_kafka_conf_t *conf, const struct strlist *properties, struct err *e)
{
        for (size_t i = 0; properties != NULL && i < properties->n; i++) {
                int r = kafka_property_apply(conf, properties->v[i], e);

                if (r < 0)
                        return r;
        }
        return 0;
}

int kafka_conf_new(const char *brokers, const struct kafka_security *security, const struct strlist *properties,
                   rd_kafka_conf_t **ret, struct err *e)
{
        static const struct {
                const char *name, *value;
        } defaults[] = {
                { "client.id", "sluice" },
                { "socket.keepalive.enable", "true" },
                { "socket.nagle.disable", "true" },     /* a small request does not wait for the answer to the one before */
                { "log.connection.close", "false" },    /* brokers close idle connections every 10 minutes */
                { "reconnect.backoff.max.ms", "1000" }, /* an outage that ended is noticed at once */
                { "topic.metadata.refresh.interval.ms", "60000" },
        };
        rd_kafka_conf_t *conf = rd_kafka_conf_new();
        int r = kafka_property_set(conf, "bootstrap.servers", brokers, e);

        kafka_conf_log(conf);
        for (size_t i = 0; r == 0 && i < ARRAY_LEN(defaults); i++)
                r = kafka_property_set(conf, defaults[i].name, defaults[i].value, e);
        if (r == 0 && security)
                r = kafka_security_apply(conf, security, e);
        if (r == 0)
                r = kafka_conf_apply(conf, properties, e);
        if (r < 0) {
                rd_kafka_conf_destroy(conf);
                return r;
        }
        *ret = conf;
        return 0;
}
