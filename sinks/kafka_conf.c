/* SPDX-License-Identifier: Apache-2.0 */
#include "sinks/kafka_conf.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/log.h"

/* --- what is refused ------------------------------------------------------------------------ */

/* Properties that would break a promise, or that have a setting of their own. */
static const struct refused {
        const char *name;    /* a pattern of fnmatch(3) */
        const char *allowed; /* values that do no harm, "a|b"; NULL: none */
        const char *reason;
} refused[] = {
        { "bootstrap.servers", NULL, "has a setting of its own: brokers" },
        { "metadata.broker.list", NULL, "has a setting of its own: brokers" },
        { "group.id", NULL, "has a setting of its own: group" },

        { "acks", "all|-1", "a record counts as delivered only when all in-sync replicas have it" },
        { "request.required.acks", "all|-1",
          "a record counts as delivered only when all in-sync replicas have it" },
        { "enable.idempotence", "true", "without it a retry stores records twice and out of order" },
        { "max.in.flight", "1|2|3|4|5", "above 5 a retry can store records twice and out of order" },
        { "max.in.flight.requests.per.connection", "1|2|3|4|5",
          "above 5 a retry can store records twice and out of order" },
        { "message.timeout.ms", NULL,
          "records are tried again until the broker has them, an outage may last for hours" },
        { "delivery.timeout.ms", NULL,
          "records are tried again until the broker has them, an outage may last for hours" },
        { "retries", NULL, "records are tried again until the broker has them" },
        { "message.send.max.retries", NULL, "records are tried again until the broker has them" },
        { "delivery.report.only.error", "false", "each record's acknowledgement moves the stored position" },
        { "enable.gapless.guarantee", "false", "one record that the broker refuses would stop all others" },
        { "transactional.id", NULL, "records are made unique by their id, not by transactions" },

        { "enable.auto.commit", "false",
          "offsets are committed behind the destination's answer, never by time" },
        { "auto.commit.enable", "false",
          "offsets are committed behind the destination's answer, never by time" },
        { "enable.auto.offset.store", "false",
          "offsets are stored behind the destination's answer, never at delivery" },
        { "auto.offset.reset", "error",
          "an offset out of range is counted with its range, never jumped over in silence" },

        { "queue.buffering.max.ms", NULL, "is the old name of linger.ms" },
        { "queue.buffering.*", NULL, "what is held in memory is bounded by the setting memory" },
        { "queued.*", NULL, "what is held in memory is bounded by the setting memory" },
        { "log.queue", "false", "the client's log lines go to the program's log" },
        { "test.*", NULL, "it would send records to a broker that is none" },
};

/* Is value one of "a|b|c"? */
static bool one_of(const char *value, const char *list)
{
        size_t n = strlen(value);

        while (list != NULL) {
                size_t len = strcspn(list, "|");

                if (len == n && strncasecmp(value, list, n) == 0)
                        return true;
                list = list[len] == '|' ? list + len + 1 : NULL;
        }
        return false;
}

static int refuse(const char *name, const char *value, struct err *e)
{
        for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
                const struct refused *r = &refused[i];

                if (fnmatch(r->name, name, 0) != 0)
                        continue;
                if (one_of(value, r->allowed))
                        return 0;
                return err_set(e, EINVAL, "librdkafka property %s cannot be set%s%s: %s", name,
                               r->allowed != NULL ? " to anything but " : "",
                               r->allowed != NULL ? r->allowed : "", r->reason);
        }
        return 0;
}

/* --- one property --------------------------------------------------------------------------- */

/* The library quotes what it does not understand. */
static bool repeats(const char *why, const char *value)
{
        char quoted[512];

        snprintf(quoted, sizeof(quoted), "\"%.400s", value);
        return strstr(why, quoted) != NULL;
}

int kafka_conf_set(rd_kafka_conf_t *conf, const char *name, const char *value, struct err *e)
{
        char why[512];

        switch (rd_kafka_conf_set(conf, name, value, why, sizeof(why))) {
        case RD_KAFKA_CONF_OK:
                return 0;
        case RD_KAFKA_CONF_UNKNOWN:
                return err_set(e, EINVAL, "librdkafka property %s: librdkafka %s has none of this name", name,
                               rd_kafka_version_str());
        default:
                return err_set(e, EINVAL, "librdkafka property %s: %s", name,
                               repeats(why, value) ? "takes no such value" : why);
        }
}

/* Blanks around the name and in front of the value do not count. */
static int apply(rd_kafka_conf_t *conf, const char *property, struct err *e)
{
        const char *begin = property + strspn(property, " \t");
        const char *equals = strchr(begin, '=');
        char name[128];
        size_t len;
        int r;

        if (equals == NULL)
                return err_set(e, EINVAL, "librdkafka property %.*s: not of the form name=value",
                               (int)strcspn(begin, " \t"), begin);
        for (len = (size_t)(equals - begin); len > 0 && strchr(" \t", begin[len - 1]) != NULL; len--)
                ;
        if (len == 0 || len >= sizeof(name))
                return err_set(e, EINVAL, "librdkafka property without a name before the =");
        memcpy(name, begin, len);
        name[len] = '\0';
        equals += 1 + strspn(equals + 1, " \t");
        if ((r = refuse(name, equals, e)) < 0)
                return r;
        return kafka_conf_set(conf, name, equals, e);
}

const char *kafka_brokers_fault(const char *brokers)
{
        if (strchr(brokers, '@'))
                return "must not hold credentials (they would be shown); set username and password in "
                       "kafka.security";
        if (strncmp(brokers, "http", 4) == 0 && strstr(brokers, "://"))
                return "takes HOST:PORT,... without http://";
        return NULL;
}

int kafka_conf_check(const char *property, struct err *e)
{
        rd_kafka_conf_t *scratch = rd_kafka_conf_new();
        int r = apply(scratch, property, e);

        rd_kafka_conf_destroy(scratch);
        return r;
}

void kafka_conf_check_all(const char *brokers, const struct strlist *properties, struct opt_errors *errors)
{
        const char *fault = brokers ? kafka_brokers_fault(brokers) : NULL;
        struct err e;

        if (fault)
                opt_complain(errors, "brokers: %s", fault);
        for (size_t i = 0; i < properties->n; i++)
                if (kafka_conf_check(properties->v[i], &e) < 0)
                        opt_complain(errors, "%s", e.msg);
}

/* --- a whole conf --------------------------------------------------------------------------- */

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
                int r = apply(conf, properties->v[i], e);

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
        int r = kafka_conf_set(conf, "bootstrap.servers", brokers, e);

        kafka_conf_log(conf);
        for (size_t i = 0; r == 0 && i < ARRAY_LEN(defaults); i++)
                r = kafka_conf_set(conf, defaults[i].name, defaults[i].value, e);
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

/* --- what went wrong, in one sentence --------------------------------------------------------- */

/* librdkafka's SCRAM before 2.6.1 is not that of RFC 5802, which Kafka 4 insists on (librdkafka pull request 4895). */
static const char *scram_hint(const char *why)
{
        return strstr(why, "SCRAM") && rd_kafka_version() < 0x020601ff
                       ? "; if this is Kafka 4: it takes SCRAM only from librdkafka 2.6.1 and later, so use plain with tls"
                       : "";
}

/* What OpenSSL says, for people; NULL: it says it well enough. */
static const char *of_certificates(const char *why)
{
        if (strstr(why, "certificate verify failed") || strstr(why, "certificate could not be verified"))
                return "its certificate is signed by no authority that is trusted, or for another name (ca_file, brokers)";
        if (strstr(why, "certificate required") || strstr(why, "alert number 116"))
                return "it wants a client certificate (client_cert, client_key)";
        return NULL;
}

/* "sasl_ssl://kafka:9093/1: Connect to ipv4#10.0.0.1:9093 failed: Connection refused (after 2ms in state CONNECT)"
 *  -> kafka:9093, Connection refused */
void kafka_sentence(const char *text, char *ret, size_t size)
{
        static const char refusal[] = "SASL authentication error: ";
        const char *name = strstr(text, "://"), *why, *end, *failed;

        name = name != NULL ? name + 3 : text;
        why = strstr(name, ": ");
        if (why == NULL || why != name + strcspn(name, " ") - 1) { /* not about one broker */
                snprintf(ret, size, "kafka: %s", text);
                return;
        }
        why += 2;
        if ((end = strstr(why, " (after ")) == NULL)
                end = why + strlen(why);
        int name_len = (int)strcspn(name, "/ ");
        if (strncmp(why, refusal, strlen(refusal)) == 0) {
                why += strlen(refusal);
                snprintf(ret, size, "kafka broker %.*s refuses the credentials: %.*s%s", name_len, name, (int)(end - why), why,
                         scram_hint(why));
                return;
        }
        if ((failed = strstr(why, " failed: ")) != NULL)
                why = failed + strlen(" failed: ");
        if (of_certificates(why))
                snprintf(ret, size, "kafka broker %.*s cannot be reached: %s", name_len, name, of_certificates(why));
        else
                snprintf(ret, size, "kafka broker %.*s cannot be reached: %.*s", name_len, name, (int)(end - why), why);
}
