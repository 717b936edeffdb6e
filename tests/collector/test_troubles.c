/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "collector/troubles.h"

static void the_first_kind_of_trouble_is_told_and_each_ends_alone(void **state)
{
        struct troubles t = { 0 };

        (void)state;
        assert_null(troubles_first(&t));
        troubles_set(&t, TROUBLE_TOPIC, "topic %s", "a");
        troubles_set(&t, TROUBLE_COMMIT, "commit");
        assert_string_equal(troubles_first(&t), "topic a");
        troubles_set(&t, TROUBLE_BROKER, "broker");
        assert_string_equal(troubles_first(&t), "broker");
        troubles_end(&t, TROUBLE_BROKER);
        troubles_end(&t, TROUBLE_TOPIC);
        assert_string_equal(troubles_first(&t), "commit");
        troubles_end(&t, TROUBLE_COMMIT);
        assert_null(troubles_first(&t));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_first_kind_of_trouble_is_told_and_each_ends_alone),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
