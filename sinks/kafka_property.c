/* SPDX-License-Identifier: Apache-2.0 */
#include "sinks/kafka_property.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

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

int kafka_property_set(rd_kafka_conf_t *conf, const char *name, const char *value, struct err *e)
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
int kafka_property_apply(rd_kafka_conf_t *conf, const char *property, struct err *e)
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
        return kafka_property_set(conf, name, equals, e);
}

int kafka_property_check(const char *property, struct err *e)
{
        rd_kafka_conf_t *scratch = rd_kafka_conf_new();
        int r = kafka_property_apply(scratch, property, e);

        rd_kafka_conf_destroy(scratch);
        return r;
}
