/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "event/scan.h"
#include "event/syslog.h"
#include "event/timestamp.h"

#define RECEIVED "2026-11-24T02:10:00.000Z"

static int64_t ns_of(const char *text)
{
        int64_t ns = 0;
        CHECK(timestamp_parse(text, strlen(text), &ns) == 0);
        return ns;
}

static void assert_part(const struct syslog_part *part, const char *want, const char *in)
{
        want = want ? want : "";
        if (part->len != strlen(want) || memcmp(part->p ? part->p : "", want, part->len) != 0)
                fail_msg("%s: \"%.*s\" is not \"%s\"", in, (int)part->len, part->p ? part->p : "", want);
}

static const struct {
        const char *in;
        unsigned facility, severity, version;
        const char *time;                       /* NULL: none */
        const char *host, *app, *procid, *msgid, *structured, *message;
        const char *received;                   /* NULL: RECEIVED */
        int zone_minutes;
} cases[] = {
        /* RFC 5424, the examples of its section 6.5 first */
        { "<34>1 2003-10-11T22:14:15.003Z mymachine.example.com su - ID47 - \xef\xbb\xbf'su root' failed on /dev/pts/8",
          4, 2, 1, "2003-10-11T22:14:15.003Z", "mymachine.example.com", "su", NULL, "ID47", NULL,
          "'su root' failed on /dev/pts/8", NULL, 0 },
        { "<165>1 2003-08-24T05:14:15.000003-07:00 192.0.2.1 myproc 8710 - - %% It's time to make the do-nuts.", 20, 5, 1,
          "2003-08-24T12:14:15.000003Z", "192.0.2.1", "myproc", "8710", NULL, NULL, "%% It's time to make the do-nuts.", NULL, 0 },
        { "<165>1 2003-10-11T22:14:15.003Z host ev - ID47 [exampleSDID@32473 iut=\"3\" eventID=\"1011\"][b@1 c=\"\"] An app",
          20, 5, 1, "2003-10-11T22:14:15.003Z", "host", "ev", NULL, "ID47",
          "[exampleSDID@32473 iut=\"3\" eventID=\"1011\"][b@1 c=\"\"]", "An app", NULL, 0 },
        { "<165>1 2003-10-11T22:14:15.003Z host ev - ID47 [a@1 x=\"\\\"\\]\\\\\\n]\"]", 20, 5, 1,
          "2003-10-11T22:14:15.003Z", "host", "ev", NULL, "ID47", "[a@1 x=\"\\\"\\]\\\\\\n]\"]", "", NULL, 0 },
        { "<0>1 - - - - - -", 0, 0, 1, NULL, NULL, NULL, NULL, NULL, NULL, "", NULL, 0 },
        { "<0>1 - - - - - - ", 0, 0, 1, NULL, NULL, NULL, NULL, NULL, NULL, "", NULL, 0 },
        /* structured data that is not: it stays in the message */
        { "<0>1 - h a p m [a x=\"1\" x=\"2\"] text", 0, 0, 1, NULL, "h", "a", "p", "m", NULL, "[a x=\"1\" x=\"2\"] text", NULL, 0 },
        { "<0>1 - h a p m [a][a] text", 0, 0, 1, NULL, "h", "a", "p", "m", NULL, "[a][a] text", NULL, 0 },
        { "<0>1 - h a p m [a x=\"1\" text", 0, 0, 1, NULL, "h", "a", "p", "m", NULL, "[a x=\"1\" text", NULL, 0 },
        { "<0>1 - h a p m text without", 0, 0, 1, NULL, "h", "a", "p", "m", NULL, "text without", NULL, 0 },
        { "<0>1 - h a p m", 0, 0, 1, NULL, "h", "a", "p", "m", NULL, "", NULL, 0 },
        /* a header that is not one: the rest is the message */
        { "<13>1 today h a p m - x", 1, 5, 0, NULL, NULL, NULL, NULL, NULL, NULL, "1 today h a p m - x", NULL, 0 },
        { "<13>0 - h a p m - x", 1, 5, 0, NULL, NULL, NULL, NULL, NULL, NULL, "0 - h a p m - x", NULL, 0 },
        { "<13>1 - h", 1, 5, 0, NULL, NULL, NULL, NULL, NULL, NULL, "1 - h", NULL, 0 },
        /* RFC 3164, and what is sent in its name */
        { "<34>Nov 24 02:08:15 mymachine su[231]: 'su root' failed", 4, 2, 0, "2026-11-24T02:08:15Z", "mymachine", "su", "231",
          NULL, NULL, "'su root' failed", NULL, 0 },
        { "<34>Nov  4 02:08:15 mymachine su: x", 4, 2, 0, "2026-11-04T02:08:15Z", "mymachine", "su", NULL, NULL, NULL, "x", NULL, 0 },
        { "<34>Nov 24 02:08:15 su[231]: no host", 4, 2, 0, "2026-11-24T02:08:15Z", NULL, "su", "231", NULL, NULL, "no host", NULL, 0 },
        { "<34>Nov 24 02:08:15 mymachine no tag: here", 4, 2, 0, "2026-11-24T02:08:15Z", "mymachine", NULL, NULL, NULL, NULL,
          "no tag: here", NULL, 0 },
        { "<34>Nov 24 02:08:15.250 h a/b.c_d-e[x y]:", 4, 2, 0, "2026-11-24T02:08:15.250Z", "h", "a/b.c_d-e", "x y", NULL, NULL,
          "", NULL, 0 },
        { "<34>Nov 24 2025 02:08:15 h %ASA-6-302013: Built", 4, 2, 0, "2025-11-24T02:08:15Z", "h", "%ASA-6-302013", NULL, NULL,
          NULL, "Built", NULL, 0 },
        { "<189>*Nov 24 02:08:15.123: %SYS-5: x", 23, 5, 0, "2026-11-24T02:08:15.123Z", NULL, "%SYS-5", NULL, NULL, NULL, "x", NULL, 0 },
        { "<13>2026-11-24T02:08:15.5+01:00 h a[1]: forwarded", 1, 5, 0, "2026-11-24T01:08:15.5Z", "h", "a", "1", NULL, NULL,
          "forwarded", NULL, 0 },
        { "<34>Nov 24 02:08:15 h a: east", 4, 2, 0, "2026-11-23T20:38:15Z", "h", "a", NULL, NULL, NULL, "east", NULL, 330 },
        { "<34>Nov 24 02:08:15 h a: west", 4, 2, 0, "2026-11-24T05:38:15Z", "h", "a", NULL, NULL, NULL, "west", NULL, -210 },
        /* around the turn of the year */
        { "<34>Dec 31 23:59:59 h a: old", 4, 2, 0, "2025-12-31T23:59:59Z", "h", "a", NULL, NULL, NULL, "old",
          "2026-01-01T00:00:03Z", 0 },
        { "<34>Jan  1 00:00:01 h a: new", 4, 2, 0, "2027-01-01T00:00:01Z", "h", "a", NULL, NULL, NULL, "new",
          "2026-12-31T23:59:58Z", 0 },
        { "<34>Feb 29 12:00:00 h a: leap", 4, 2, 0, "2028-02-29T12:00:00Z", "h", "a", NULL, NULL, NULL, "leap",
          "2028-03-01T00:00:00Z", 0 },
        /* no time, or none that exists */
        { "<13>just text", 1, 5, 0, NULL, NULL, NULL, NULL, NULL, NULL, "just text", NULL, 0 },
        { "<13>app[7]: text", 1, 5, 0, NULL, NULL, "app", "7", NULL, NULL, "text", NULL, 0 },
        { "<13>http://host/path", 1, 5, 0, NULL, NULL, NULL, NULL, NULL, NULL, "http://host/path", NULL, 0 },
        { "<13>Nov 31 02:08:15 h a: x", 1, 5, 0, NULL, NULL, NULL, NULL, NULL, NULL, "Nov 31 02:08:15 h a: x", NULL, 0 },
        { "<13>Nov 24 02:08:15", 1, 5, 0, "2026-11-24T02:08:15Z", NULL, NULL, NULL, NULL, NULL, "", NULL, 0 },
        { "<13>Nov 24 02:08:15 word", 1, 5, 0, "2026-11-24T02:08:15Z", NULL, NULL, NULL, NULL, NULL, "word", NULL, 0 },
        { "<191>", 23, 7, 0, NULL, NULL, NULL, NULL, NULL, NULL, "", NULL, 0 },
};

static void each_part_is_where_it_should_be(void **state)
{
        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                const char *in = cases[i].in;
                struct syslog s;
                int64_t received = ns_of(cases[i].received ? cases[i].received : RECEIVED);
                assert_true(syslog_parse(in, strlen(in), received, cases[i].zone_minutes, &s));
                if (s.facility != cases[i].facility || s.severity != cases[i].severity || s.version != cases[i].version)
                        fail_msg("%s: facility %u severity %u version %u", in, s.facility, s.severity, s.version);
                if (s.has_time != (cases[i].time != NULL) || (s.has_time && s.wall_ns != ns_of(cases[i].time)))
                        fail_msg("%s: time %d %lld", in, s.has_time, (long long)s.wall_ns);
                assert_part(&s.host, cases[i].host, in);
                assert_part(&s.app, cases[i].app, in);
                assert_part(&s.procid, cases[i].procid, in);
                assert_part(&s.msgid, cases[i].msgid, in);
                assert_part(&s.structured, cases[i].structured, in);
                assert_part(&s.message, cases[i].message, in);
        }
}

static void without_a_priority_it_is_no_syslog(void **state)
{
        static const char *const no[] = { "", "text", "<", "<>x", "<192>x", "<1234>x", "<-1>x", "<13 >x", " <13>x", "<13" };
        struct syslog s;

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(no); i++)
                if (syslog_parse(no[i], strlen(no[i]), 0, 0, &s))
                        fail_msg("taken for syslog: %s", no[i]);
}

static void members_are_those_of_ecs(void **state)
{
        static const char *const in =
                "<27>1 2026-11-24T02:08:15Z we\"b shop 7 m [a@1 x=\"\\\"q\\]\\\\ \\n\" y=\"\"][b] text";
        struct syslog s;
        struct buf b = { 0 };

        (void)state;
        assert_true(syslog_parse(in, strlen(in), 0, 0, &s));
        syslog_put_members(&b, &s);
        assert_string_equal(buf_cstr(&b),
                            "\"level\":\"error\",\"syslog\":{\"priority\":27,\"facility\":{\"code\":3,\"name\":\"daemon\"},"
                            "\"severity\":{\"code\":3,\"name\":\"error\"},\"version\":\"1\",\"hostname\":\"we\\\"b\","
                            "\"appname\":\"shop\",\"procid\":\"7\",\"msgid\":\"m\",\"structured_data\":"
                            "{\"a@1\":{\"x\":\"\\\"q]\\\\ \\\\n\",\"y\":\"\"},\"b\":{}}}");
        buf_reset(&b);
        assert_true(syslog_parse("<191>x", 6, 0, 0, &s));
        syslog_put_members(&b, &s);
        assert_string_equal(buf_cstr(&b),
                            "\"level\":\"debug\",\"syslog\":{\"priority\":191,\"facility\":{\"code\":23,\"name\":\"local7\"},"
                            "\"severity\":{\"code\":7,\"name\":\"debug\"}}");
        buf_fini(&b);
}

/* Every prefix of every case, and each with one byte spoiled: it is read within its bounds (the sanitizer watches), and the
 * members stay JSON. */
static void any_damage_leaves_valid_json(void **state)
{
        static const char spoilers[] = { '\0', '"', '\\', ']', '[', ' ', '\xff', '\n', '9' };

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                size_t n = strlen(cases[i].in);
                for (size_t k = 0; k < n * (1 + ARRAY_LEN(spoilers)); k++) {
                        bool prefix = k < n;
                        size_t len = prefix ? k : n;
                        char *text = malloc(len ? len : 1);     /* exactly: the sanitizer sees a byte too far */
                        struct syslog s;
                        struct buf b = { 0 };
                        struct scan_info info;
                        memcpy(text, cases[i].in, len);
                        if (!prefix)
                                text[k % n] = spoilers[k / n - 1];
                        if (syslog_parse(text, len, ns_of(RECEIVED), 0, &s)) {
                                buf_puts(&b, "{\"log\":{\"offset\":0,");
                                syslog_put_members(&b, &s);
                                buf_puts(&b, "}}");
                                assert_int_equal(scan_json(b.data, b.len, NULL, 0, NULL, &info), SCAN_IS_OBJECT);
                                assert_true(s.message.p + s.message.len == text + len);
                        }
                        buf_fini(&b);
                        free(text);
                }
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(each_part_is_where_it_should_be),
                cmocka_unit_test(without_a_priority_it_is_no_syslog),
                cmocka_unit_test(members_are_those_of_ecs),
                cmocka_unit_test(any_damage_leaves_valid_json),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
