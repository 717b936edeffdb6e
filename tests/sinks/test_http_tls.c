/* SPDX-License-Identifier: Apache-2.0 */
/* TLS, pinned authorities, client certificates and secrets in files, against a real TLS server whose certificates
 * are made for each test.
 * ctest-label: component */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/mem.h"
#include "sinks/http_client.h"
#include "sinks/http_pin.h"
#include "sinks/http_secret.h"
#include "tests/fake/fake_es.h"
#include "tests/fake/tmpdir.h"

struct front {
        struct fake_es *es;
        char *dir;
        pid_t pid;
        int in; /* its standard input: closing it ends the server */
        unsigned port;
        char fingerprint[128];
        struct loop *loop;
        struct http_client *client;
        struct http_result result;
        char error[256];
        bool done;
};

static int set_up(void **state)
{
        struct front *f = xcalloc(1, sizeof *f);

        f->es = fake_es_new();
        fake_es_reply(f->es, "GET", "/", 200, "{}");
        f->dir = tmpdir_new();
        f->loop = loop_new(&clock_system, NULL);
        f->in = -1;
        *state = f;
        return 0;
}

static int tear_down(void **state)
{
        struct front *f = *state;

        if (f->in >= 0) {
                close(f->in);
                waitpid(f->pid, NULL, 0);
        }
        http_client_free(f->client);
        loop_free(f->loop);
        fake_es_free(f->es);
        tmpdir_free(f->dir);
        free(f);
        return 0;
}

static void serve(struct front *f, const char *mode)
{
        int in[2], out[2];
        char line[256] = "", port[16];

        snprintf(port, sizeof port, "%s", strrchr(fake_es_url(f->es), ':') + 1);
        assert_true(pipe2(in, O_CLOEXEC) == 0 && pipe2(out, O_CLOEXEC) == 0);
        f->pid = fork();
        if (f->pid == 0) {
                dup2(in[0], 0);
                dup2(out[1], 1);
                execlp("python3", "python3", "tests/fake/tls_front.py", f->dir, port, mode, (char *)NULL);
                _exit(127);
        }
        close(in[0]);
        close(out[1]);
        f->in = in[1];
        FILE *from = fdopen(out[0], "r");
        if (!fgets(line, sizeof line, from) || sscanf(line, "%u %127s", &f->port, f->fingerprint) != 2)
                fail_msg("tls_front.py said \"%s\"", line);
        fclose(from);
}

static void on_done(struct http_request *r, const struct http_result *result)
{
        struct front *f = r->arg;

        f->result = *result;
        snprintf(f->error, sizeof f->error, "%s", result->error);
        f->done = true;
}

static void ask(struct front *f, const char *host)
{
        char url[64];

        snprintf(url, sizeof url, "https://%s:%u/", host, f->port);
        struct http_request r = { .method = "GET",
                                  .url = url,
                                  .connect_timeout_ms = 5000,
                                  .timeout_ms = 5000,
                                  .on_done = on_done,
                                  .arg = f };
        f->done = false;
        http_send(f->client, &r);
        while (!f->done)
                loop_turn(f->loop, 100);
}

static void ask_with(struct front *f, const struct http_config *config, const char *host)
{
        struct err e = { 0 };

        http_client_free(f->client);
        f->client = http_client_new(f->loop, config, &e);
        if (!f->client)
                fail_msg("%s", e.msg);
        ask(f, host);
}

static void assert_answered(const struct front *f)
{
        if (f->result.end != HTTP_COMPLETE || f->result.status != 200)
                fail_msg("%u: %s", f->result.status, f->error);
}

static void assert_refused(const struct front *f, const char *part)
{
        assert_int_equal(f->result.end, HTTP_UNREACHABLE);
        if (!strstr(f->error, part))
                fail_msg("\"%s\" is not in: %s", part, f->error);
}

static void only_the_right_authority_is_trusted(void **state)
{
        struct front *f = *state;

        serve(f, "");
        char *ca = tmpdir_path(f->dir, "ca.pem"), *other = tmpdir_path(f->dir, "other.pem");
        ask_with(f, &(struct http_config){ .verify = true, .ca_file = ca }, "127.0.0.1");
        assert_answered(f);
        ask_with(f, &(struct http_config){ .verify = true }, "127.0.0.1");
        assert_refused(f, "certificate");
        ask_with(f, &(struct http_config){ .verify = true, .ca_file = other }, "127.0.0.1");
        assert_refused(f, "certificate");
        ask_with(f, &(struct http_config){ .verify = true, .ca_file = ca }, "localhost");
        assert_refused(f, "localhost");
        free(ca);
        free(other);
}

static void a_fingerprint_is_enough_and_the_host_is_still_verified(void **state)
{
        struct front *f = *state;
        char bare[65], wrong[128];
        size_t n = 0;

        serve(f, "");
        ask_with(f, &(struct http_config){ .verify = true, .ca_fingerprint = f->fingerprint }, "127.0.0.1");
        assert_answered(f);
        for (const char *p = f->fingerprint; *p; p++)
                if (*p != ':')
                        bare[n++] = (char)(*p | 0x20);
        bare[n] = '\0';
        ask_with(f, &(struct http_config){ .verify = true, .ca_fingerprint = bare }, "127.0.0.1");
        assert_answered(f);
        ask_with(f, &(struct http_config){ .verify = true, .ca_fingerprint = bare }, "localhost");
        assert_refused(f, "localhost");
        snprintf(wrong, sizeof wrong, "%s", f->fingerprint);
        wrong[0] = wrong[0] == '0' ? '1' : '0';
        ask_with(f, &(struct http_config){ .verify = true, .ca_fingerprint = wrong }, "127.0.0.1");
        assert_refused(f, "ca_fingerprint");
}

static void showing_the_authority_is_not_being_signed_by_it(void **state)
{
        struct front *f = *state;

        serve(f, "forged");
        ask_with(f, &(struct http_config){ .verify = true, .ca_fingerprint = f->fingerprint }, "127.0.0.1");
        assert_refused(f, "certificate");
}

/* One handshake in full, and then the session goes on however often the connection ends. */
static void a_new_connection_goes_on_with_the_session(void **state)
{
        struct front *f = *state;
        char kinds[256] = "";

        serve(f, "once");
        char *ca = tmpdir_path(f->dir, "ca.pem"), *path = tmpdir_path(f->dir, "handshakes");
        const struct http_config by_file = { .verify = true, .ca_file = ca };
        const struct http_config by_pin = { .verify = true, .ca_fingerprint = f->fingerprint };
        ask_with(f, &by_file, "127.0.0.1");
        for (int i = 0; i < 3; i++) {
                assert_answered(f);
                ask(f, "127.0.0.1");
        }
        ask_with(f, &by_pin, "127.0.0.1");
        assert_answered(f);
        ask(f, "127.0.0.1");
        assert_answered(f);

        FILE *from = fopen(path, "r");
        assert_non_null(from);
        size_t n = fread(kinds, 1, sizeof kinds - 1, from);
        fclose(from);
        kinds[n] = '\0';
        assert_string_equal(kinds, "full\nresumed\nresumed\nresumed\nfull\nresumed\n");
        free(ca);
        free(path);
}

static void a_client_certificate_is_shown(void **state)
{
        struct front *f = *state;

        serve(f, "client");
        char *ca = tmpdir_path(f->dir, "ca.pem"), *cert = tmpdir_path(f->dir, "client.pem"),
             *key = tmpdir_path(f->dir, "client.key");
        struct http_config config = { .verify = true, .ca_file = ca };
        ask_with(f, &config, "127.0.0.1");
        assert_int_not_equal(f->result.end, HTTP_COMPLETE);
        config.client_cert = cert;
        config.client_key = key;
        ask_with(f, &config, "127.0.0.1");
        assert_answered(f);
        free(ca);
        free(cert);
        free(key);
}

/* ---- secrets in files ---------------------------------------------------------------------------------- */

static void ask_plain(struct front *f, const char *part)
{
        char url[64];

        snprintf(url, sizeof url, "%s/", fake_es_url(f->es));
        struct http_request r = { .method = "GET",
                                  .url = url,
                                  .connect_timeout_ms = 5000,
                                  .timeout_ms = 5000,
                                  .on_done = on_done,
                                  .arg = f };
        f->done = false;
        http_send(f->client, &r);
        while (!f->done)
                loop_turn(f->loop, 100);
        char *head = fake_es_last_request(f->es);
        if (!strstr(head, part))
                fail_msg("\"%s\" is not in %s", part, head);
        free(head);
}

static void wait_for_the_next_look(struct front *f)
{
        int64_t end = loop_now_ms(f->loop) + HTTP_SECRET_LOOK_MS + 200;

        while (loop_now_ms(f->loop) < end)
                loop_turn(f->loop, 100);
}

static void a_secret_in_a_file_is_taken_over_when_the_file_changes(void **state)
{
        struct front *f = *state;
        char *path = tmpdir_path(f->dir, "key"), *source = xasprintf("file:%s", path);
        struct err e = { 0 };

        file_write(path, "first\n");
        f->client = http_client_new(f->loop, &(struct http_config){ .api_key = source }, &e);
        ask_plain(f, "Authorization: ApiKey first\r\n");
        file_write(path, "second and longer\n");
        wait_for_the_next_look(f);
        ask_plain(f, "Authorization: ApiKey second and longer\r\n");
        file_write(path, ""); /* half written: the old one stays */
        wait_for_the_next_look(f);
        ask_plain(f, "Authorization: ApiKey second and longer\r\n");
        unlink(path);
        wait_for_the_next_look(f);
        ask_plain(f, "Authorization: ApiKey second and longer\r\n");
        file_write(path, "third");
        wait_for_the_next_look(f);
        ask_plain(f, "Authorization: ApiKey third\r\n");
        free(source);
        free(path);
}

static void what_cannot_be_is_told_at_the_start(void **state)
{
        struct front *f = *state;
        struct err e = { 0 };

        assert_null(http_client_new(f->loop, &(struct http_config){ .api_key = "file:/nowhere/key" }, &e));
        assert_non_null(strstr(e.msg, "/nowhere/key"));
        assert_null(http_client_new(f->loop, &(struct http_config){ .ca_fingerprint = "12:34" }, &e));
        assert_non_null(strstr(e.msg, "ca_fingerprint"));
}

static void requests_go_by_the_proxy_with_its_credentials(void **state)
{
        struct front *f = *state;
        struct err e = { 0 };
        struct http_request r = { .method = "GET",
                                  .url = "http://es.invalid:9200/",
                                  .connect_timeout_ms = 5000,
                                  .timeout_ms = 5000,
                                  .on_done = on_done,
                                  .arg = f };

        f->client = http_client_new(
                f->loop, &(struct http_config){ .proxy = fake_es_url(f->es), .proxy_auth = "u:p" }, &e);
        http_send(f->client, &r);
        while (!f->done)
                loop_turn(f->loop, 100);
        char *head = fake_es_last_request(f->es);
        assert_non_null(strstr(head, "GET http://es.invalid:9200/ HTTP/1.1"));
        assert_non_null(strstr(head, "Proxy-Authorization: Basic dTpw\r\n"));
        free(head);
}

static void fingerprints_are_read_in_each_form(void **state)
{
        static const char hex[] = "00112233445566778899AABBCCDDEEFF00112233445566778899aabbccddeeff";
        struct http_pin pin;
        (void)state;

        assert_true(http_pin_parse(hex, &pin));
        assert_int_equal(pin.sha256[10], 0xAA);
        assert_int_equal(pin.sha256[31], 0xFF);
        assert_false(http_pin_parse(hex + 1, &pin));
        assert_false(http_pin_parse("", &pin));
        assert_false(
                http_pin_parse("00112233445566778899AABBCCDDEEFF00112233445566778899aabbccddeeff0", &pin));
        assert_false(
                http_pin_parse("zz112233445566778899AABBCCDDEEFF00112233445566778899aabbccddeeff", &pin));
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
        const struct CMUnitTest tests[] = {
                T(only_the_right_authority_is_trusted),
                T(a_fingerprint_is_enough_and_the_host_is_still_verified),
                T(showing_the_authority_is_not_being_signed_by_it),
                T(a_new_connection_goes_on_with_the_session),
                T(a_client_certificate_is_shown),
                T(a_secret_in_a_file_is_taken_over_when_the_file_changes),
                T(what_cannot_be_is_told_at_the_start),
                T(requests_go_by_the_proxy_with_its_credentials),
                T(fingerprints_are_read_in_each_form),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
