/* SPDX-License-Identifier: Apache-2.0 */
#include "sinks/kafka_security.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "sinks/kafka_property.h"

#define AT(member) offsetof(struct kafka_security, member)

static const char *const mechanisms[] = { [KAFKA_SASL_NONE] = "none", [KAFKA_SASL_PLAIN] = "plain",
                                          [KAFKA_SASL_SCRAM_256] = "scram-sha-256",
                                          [KAFKA_SASL_SCRAM_512] = "scram-sha-512", NULL };
static const char *const mechanism_names[] = { [KAFKA_SASL_PLAIN] = "PLAIN", [KAFKA_SASL_SCRAM_256] = "SCRAM-SHA-256",
                                               [KAFKA_SASL_SCRAM_512] = "SCRAM-SHA-512" };

static const struct opt rows[] = {
        { "tls", OPT_BOOL, AT(tls), .def = "false", .help = "encrypt, and have the brokers prove their names" },
        { "ca_file", OPT_STRING, AT(ca_file), .help = "certificates to trust instead of the system's, PEM" },
        { "client_cert", OPT_STRING, AT(client_cert), .help = "certificate to show to the brokers, PEM" },
        { "client_key", OPT_STRING, AT(client_key), .help = "its key, PEM" },
        { "client_key_password", OPT_SECRET, AT(client_key_password), .help = "of client_key" },
        { "sasl", OPT_CHOICE, AT(sasl), .def = "none", .choices = mechanisms,
          .help = "how username and password are shown to the brokers" },
        { "username", OPT_STRING, AT(username), .help = "user for sasl" },
        { "password", OPT_SECRET, AT(password), .help = "of the user" },
};

static bool set(const char *s)
{
        return s && *s;
}

static void check_file(const char *name, const char *path, struct opt_errors *errors)
{
        if (set(path) && access(path, R_OK) != 0)
                opt_complain(errors, "%s: %s: %s", name, path, strerror(errno));
}

static void check_user(const struct kafka_security *s, struct opt_errors *errors)
{
        if (s->sasl != KAFKA_SASL_NONE && !set(s->username))
                opt_complain(errors, "sasl: %s needs a username", mechanisms[s->sasl]);
        if (s->sasl != KAFKA_SASL_NONE && !set(s->password))
                opt_complain(errors, "sasl: %s needs a password", mechanisms[s->sasl]);
        if (s->sasl == KAFKA_SASL_NONE && (set(s->username) || set(s->password)))
                opt_complain(errors, "%s: without sasl nobody is shown it; which of plain, scram-sha-256 and scram-sha-512 the "
                                     "brokers take, they know",
                             set(s->username) ? "username" : "password");
}

static void check(const void *conf, struct opt_errors *errors)
{
        const struct kafka_security *s = conf;

        if (!s->tls && (set(s->ca_file) || set(s->client_cert) || set(s->client_key)))
                opt_complain(errors, "tls: must be true for the certificates to count");
        if (set(s->client_cert) != set(s->client_key))
                opt_complain(errors, "%s: needs a %s", set(s->client_cert) ? "client_cert" : "client_key",
                             set(s->client_cert) ? "client_key" : "client_cert");
        check_file("ca_file", s->ca_file, errors);
        check_file("client_cert", s->client_cert, errors);
        check_file("client_key", s->client_key, errors);
        check_user(s, errors);
}

const struct opt_table kafka_security_opts = { rows, ARRAY_LEN(rows), sizeof(struct kafka_security), check };

static int set_one(rd_kafka_conf_t *conf, const char *name, const char *value, struct err *e)
{
        return set(value) ? kafka_property_set(conf, name, value, e) : 0;
}

int kafka_security_apply(rd_kafka_conf_t *conf, const struct kafka_security *s, struct err *e)
{
        const char *const protocol[2][2] = { { NULL, "ssl" }, { "sasl_plaintext", "sasl_ssl" } };
        const bool sasl = s->sasl != KAFKA_SASL_NONE;
        const char *const pairs[][2] = {
                { "security.protocol", protocol[sasl][s->tls] },
                { "ssl.ca.location", s->ca_file },
                { "ssl.certificate.location", s->client_cert },
                { "ssl.key.location", s->client_key },
                { "ssl.key.password", s->client_key_password },
                { "sasl.mechanism", sasl ? mechanism_names[s->sasl] : NULL },
                { "sasl.username", s->username },
                { "sasl.password", s->password },
        };
        int r = 0;

        for (size_t i = 0; r == 0 && i < ARRAY_LEN(pairs); i++)
                r = set_one(conf, pairs[i][0], pairs[i][1], e);
        return r;
}
