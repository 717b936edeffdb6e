/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "event/ident.h"

static char x1024[IDENT_HEAD + 1], h300[301], t300[301];

static void assert_id(struct ident id, const char *want)
{
        char text[IDENT_FILE_TEXT + 1] = "";

        ident_text(&id, text);
        assert_string_equal(text, want);
}

static struct ident_file plain_file(void)
{
        static const char head[] = "2026-11-23 first line\n";

        return (struct ident_file){
                .host = "web-1",
                .inode = 1234567,
                .birth_ns = 1763892000123456789,
                .head = head,
                .head_len = sizeof(head) - 1,
        };
}

/* The expected values come from another program (xxhsum -H2) that was fed the bytes which ident.c describes. */
static void file_ids_are_those_of_the_documented_form(void **state)
{
        struct ident_file plain = plain_file(), empty = { .host = "" };
        struct ident_file large = { .host = h300,
                                    .inode = UINT64_MAX,
                                    .birth_ns = -1,
                                    .generation = UINT32_MAX,
                                    .head = x1024,
                                    .head_len = IDENT_HEAD };

        (void)state;
        assert_id(ident_of_file(&plain), "Ztlr9oawhndvzXvRivsmfg");
        assert_id(ident_of_file(&empty), "sgxQs4nU8ztDHZCLFYriog");
        assert_id(ident_of_file(&large), "U1P9XolePnN8vMrebNBy-w");
}

static void line_ids_are_those_of_the_documented_form(void **state)
{
        struct ident_file plain = plain_file();
        struct ident file = ident_of_file(&plain);

        (void)state;
        assert_id(ident_of_line(&file, 0), "OTUbQtNOy20ZekIm47kWnw");
        assert_id(ident_of_line(&file, 8123), "ZC5TgO8wLQLu-iVTk3NZUQ");
        assert_id(ident_of_line(&file, UINT64_MAX), "94LWpO7eH8KLLuMh3yhQQQ");
}

static void span_ids_are_those_of_the_documented_form(void **state)
{
        struct ident_file plain = plain_file();
        struct ident file = ident_of_file(&plain);

        (void)state;
        assert_id(ident_of_span(&file, 0, 1), "p2ED3ngq_cTJsjZAqzWZKw");
        assert_id(ident_of_span(&file, 8123, 77), "CVAfVy6Jj2KEvX8GU64joQ");
}

static void record_ids_are_those_of_the_documented_form(void **state)
{
        const char *cluster = "MkU3OEVBNTcwNTJENDM2Qk";

        (void)state;
        assert_id(ident_of_record(cluster, "logs", 0, 0, 0), "BtjtNt9iwj9KRTjVEsK5zA");
        assert_id(ident_of_record(cluster, "logs", -1, -1001, -1), "wesOwjCpSR78UddsMH2X2Q");
        assert_id(ident_of_record(t300 + 45, t300 + 44, 0, 0, 0),
                  "6utFk6WUNjjObGOb6MYiyg"); /* 255 and 256 bytes */
        assert_id(ident_of_record("", t300, 7, INT64_MAX, 1763892000123), "fbeEiarkma2TVfIh8JWN8w");
}

/* Every id that must differ from every other one. */
struct many {
        struct ident ids[1024];
        size_t n;
};

static void add(struct many *m, struct ident id)
{
        for (size_t i = 0; i < m->n; i++)
                assert_memory_not_equal(&m->ids[i], &id, sizeof(id));
        m->ids[m->n++] = id;
}

static void each_part_of_a_file_changes_its_id(void **state)
{
        struct many m = { .n = 0 };
        struct ident_file f = plain_file();

        (void)state;
        add(&m, ident_of_file(&f));
        f.host = "web-2";
        add(&m, ident_of_file(&f));
        f = plain_file();
        f.inode++;
        add(&m, ident_of_file(&f));
        f = plain_file();
        f.birth_ns++;
        add(&m, ident_of_file(&f));
        f = plain_file();
        f.generation++;
        add(&m, ident_of_file(&f));
        f = plain_file();
        f.head_len--;
        add(&m, ident_of_file(&f));
        f.head_len = 0;
        add(&m, ident_of_file(&f));
}

static void text_does_not_run_from_one_part_into_the_next(void **state)
{
        struct many m = { .n = 0 };

        (void)state;
        add(&m, ident_of_record("ab", "c", 0, 0, 0));
        add(&m, ident_of_record("a", "bc", 0, 0, 0));
        add(&m, ident_of_record("abc", "", 0, 0, 0));
        add(&m, ident_of_record("", "abc", 0, 0, 0));
}

static void each_part_of_a_record_changes_its_id(void **state)
{
        struct many m = { .n = 0 };

        (void)state;
        add(&m, ident_of_record("c", "t", 1, 2, 3));
        add(&m, ident_of_record("d", "t", 1, 2, 3));
        add(&m, ident_of_record("c", "u", 1, 2, 3));
        add(&m, ident_of_record("c", "t", 2, 2, 3));
        add(&m, ident_of_record("c", "t", 1, 3, 3));
        add(&m, ident_of_record("c", "t", 1, 2, 4)); /* a topic made anew repeats its offsets */
}

static void equal_offsets_in_different_files_give_different_ids(void **state)
{
        struct many m = { .n = 0 };

        (void)state;
        for (uint32_t generation = 0; generation < 30; generation++) {
                struct ident_file f = plain_file();
                f.generation = generation;
                struct ident file = ident_of_file(&f);
                for (uint64_t offset = 0; offset < 30; offset++)
                        add(&m, ident_of_line(&file, offset));
        }
}

static void long_names_that_differ_at_their_end_differ(void **state)
{
        char a[1000], b[1000];

        (void)state;
        memset(a, 'n', sizeof(a));
        a[sizeof(a) - 1] = '\0';
        memcpy(b, a, sizeof(a));
        b[sizeof(b) - 2] = 'm';
        struct ident_file f = plain_file(), g = f;
        f.host = a;
        g.host = b;
        struct ident ia = ident_of_file(&f), ib = ident_of_file(&g);
        assert_memory_not_equal(&ia, &ib, sizeof(ia));
}

static void head_counts_up_to_its_limit_and_no_further(void **state)
{
        char head[IDENT_HEAD + 10];
        struct ident_file f = plain_file();

        (void)state;
        memset(head, 'a', sizeof(head));
        f.head = head;
        f.head_len = sizeof(head);
        struct ident before = ident_of_file(&f);
        head[IDENT_HEAD] = 'b';
        struct ident beyond = ident_of_file(&f);
        head[IDENT_HEAD - 1] = 'b';
        struct ident within = ident_of_file(&f);
        assert_memory_equal(&before, &beyond, sizeof(before));
        assert_memory_not_equal(&before, &within, sizeof(before));
}

static void text_is_base64url_and_comes_back(void **state)
{
        struct ident id, back;
        char text[IDENT_FILE_TEXT];

        (void)state;
        memset(id.bytes, 0xff, sizeof(id.bytes));
        assert_id(id, "_____________________w");
        memset(id.bytes, 0, sizeof(id.bytes));
        assert_id(id, "AAAAAAAAAAAAAAAAAAAAAA");
        memcpy(id.bytes,
               "\xfb\xef\xbe"
               "0123456789abc",
               16);
        assert_id(id, "---"
                      "-MDEyMzQ1Njc4OWFiYw");
        for (unsigned seed = 0; seed < 2000; seed++) {
                for (size_t i = 0; i < sizeof(id.bytes); i++)
                        id.bytes[i] = (uint8_t)((seed * 2654435761u + i * 40503u) >> (i % 13));
                ident_text(&id, text);
                assert_int_equal(ident_parse(text, &back), 0);
                assert_memory_equal(&id, &back, sizeof(id));
        }
}

static void line_text_has_the_scheme_in_front(void **state)
{
        struct ident id = { { 0 } };
        char text[IDENT_LINE_TEXT + 1] = "";

        (void)state;
        ident_line_text(&id, text);
        assert_string_equal(text, "s1.AAAAAAAAAAAAAAAAAAAAAA");
}

static void what_is_no_id_does_not_parse(void **state)
{
        static const char *const bad[] = {
                "AAAAAAAAAAAAAAAAAAAAAB", /* a second spelling of all zeroes */
                "AAAAAAAAAAAAAAAAAAAAAI",       "AAAAAAAAAAAAAAAAAAAAA=",
                "AAAAAAAAAA+AAAAAAAAAAA", /* base64, not base64url */
                "AAAAAAAAAA/AAAAAAAAAAA",       "AAAAAAAAAA AAAAAAAAAAA",
                "\xc3\x84GAAAAAAAAAAAAAAAAAAA", "\0AAAAAAAAAAAAAAAAAAAAA",
        };
        struct ident id, before;

        (void)state;
        memset(&id, 0x5a, sizeof(id));
        before = id;
        for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
                assert_int_equal(ident_parse(bad[i], &id), -EINVAL);
        assert_memory_equal(&id, &before, sizeof(id));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(file_ids_are_those_of_the_documented_form),
                cmocka_unit_test(line_ids_are_those_of_the_documented_form),
                cmocka_unit_test(span_ids_are_those_of_the_documented_form),
                cmocka_unit_test(record_ids_are_those_of_the_documented_form),
                cmocka_unit_test(each_part_of_a_file_changes_its_id),
                cmocka_unit_test(text_does_not_run_from_one_part_into_the_next),
                cmocka_unit_test(each_part_of_a_record_changes_its_id),
                cmocka_unit_test(equal_offsets_in_different_files_give_different_ids),
                cmocka_unit_test(long_names_that_differ_at_their_end_differ),
                cmocka_unit_test(head_counts_up_to_its_limit_and_no_further),
                cmocka_unit_test(text_is_base64url_and_comes_back),
                cmocka_unit_test(line_text_has_the_scheme_in_front),
                cmocka_unit_test(what_is_no_id_does_not_parse),
        };

        memset(x1024, 'x', IDENT_HEAD);
        memset(h300, 'h', sizeof(h300) - 1);
        memset(t300, 't', sizeof(t300) - 1);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
