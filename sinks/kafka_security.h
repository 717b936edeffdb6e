/* SPDX-License-Identifier: Apache-2.0 */
/* kafka_security: how both programs prove to Kafka who they are, and have the brokers prove it: `kafka.security`.
 *
 * Verification of certificates and host names cannot be turned off here.  What is rarer than this (Kerberos, OAUTHBEARER,
 * revocation lists) passes through the librdkafka properties, which win.
 */
#ifndef SLUICE_SINKS_KAFKA_SECURITY_H
#define SLUICE_SINKS_KAFKA_SECURITY_H

#include <librdkafka/rdkafka.h>

#include "base/err.h"
#include "config/opt.h"

enum kafka_sasl { KAFKA_SASL_NONE, KAFKA_SASL_PLAIN, KAFKA_SASL_SCRAM_256, KAFKA_SASL_SCRAM_512 };

struct kafka_security {                 /* zeroed: neither TLS nor a user */
        bool tls;
        char *ca_file;
        char *client_cert, *client_key, *client_key_password;
        int64_t sasl;                   /* enum kafka_sasl */
        char *username, *password;
};
extern const struct opt_table kafka_security_opts;

int kafka_security_apply(rd_kafka_conf_t *conf, const struct kafka_security *s, struct err *e) MUST_CHECK;

/* A password that goes over the wire as it is. */
static inline bool kafka_security_is_open(const struct kafka_security *s) { return s->sasl == KAFKA_SASL_PLAIN && !s->tls; }

#endif
