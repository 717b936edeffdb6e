/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/backoff.h"
#include "base/check.h"
#include "base/map.h"

static void a_zeroed_map_is_empty(void **state)
{
        struct map m = { 0 };
        size_t i = 0;

        (void)state;
        assert_null(map_get(&m, 0));
        assert_null(map_del(&m, 1));
        assert_null(map_next(&m, &i));
        map_fini(&m);
}

static void put_replaces_and_del_returns_what_was_there(void **state)
{
        struct map m = { 0 };
        int a, b;

        (void)state;
        map_put(&m, 0, &a);
        map_put(&m, 0, &b);
        assert_int_equal(m.len, 1);
        assert_ptr_equal(map_get(&m, 0), &b);
        assert_ptr_equal(map_del(&m, 0), &b);
        assert_null(map_get(&m, 0));
        assert_int_equal(m.len, 0);
        map_fini(&m);
}

/* Keys of several natures against a plain array, with deletions that leave gaps in every run. */
enum { KEYS = 500 };

static uint64_t key_of(unsigned nature, unsigned i)
{
        switch (nature) {
        case 0:
                return i; /* watch descriptors */
        case 1:
                return 131072 + i * 16ull; /* inodes */
        case 2:
                return (uint64_t)i << 52; /* only the top bits differ */
        default:
                return UINT64_MAX - i * 4096ull;
        }
}

static void check_all(const struct map *m, unsigned nature, char *const model[KEYS])
{
        size_t len = 0, seen = 0, at = 0;

        for (unsigned i = 0; i < KEYS; i++) {
                assert_ptr_equal(map_get(m, key_of(nature, i)), model[i]);
                len += model[i] != NULL;
        }
        assert_int_equal(m->len, len);
        assert_true(4 * m->len <= 3 * m->cap);
        while (map_next(m, &at) != NULL)
                seen++;
        assert_int_equal(seen, len);
}

static void random_puts_and_dels_match_the_model(void **state)
{
        static char values[KEYS];

        (void)state;
        random_seed(7);
        for (unsigned nature = 0; nature < 4; nature++) {
                char *model[KEYS] = { 0 };
                struct map m = { 0 };

                for (unsigned step = 0; step < 20000; step++) {
                        unsigned i = (unsigned)(random_u64() % (step % 4000 < 2000 ? KEYS : 40));

                        if (random_u64() % 2 == 0) {
                                model[i] = &values[random_u64() % KEYS];
                                map_put(&m, key_of(nature, i), model[i]);
                        } else {
                                assert_ptr_equal(map_del(&m, key_of(nature, i)), model[i]);
                                model[i] = NULL;
                        }
                        if (step % 100 == 0)
                                check_all(&m, nature, model);
                }
                check_all(&m, nature, model);
                map_fini(&m);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_zeroed_map_is_empty),
                cmocka_unit_test(put_replaces_and_del_returns_what_was_there),
                cmocka_unit_test(random_puts_and_dels_match_the_model),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
