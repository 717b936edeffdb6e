/* SPDX-License-Identifier: Apache-2.0 */
#include "sinks/kafka_sentence.h"

#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <string.h>

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
