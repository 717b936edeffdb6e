/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "collector/client.h"

static void payload_and_overhead_of_what_is_fetched_are_their_part_of_the_memory(void **state)
{
        static const int64_t memories[] = { 24 << 20, 40 << 20, 64 << 20, 512 << 20 };

        (void)state;
        for (size_t i = 0; i < sizeof(memories) / sizeof(*memories); i++) {
                struct fetch_limits l = client_fetch_limits(memories[i]);
                int64_t all = l.payload_bytes + l.records * RECORD_OVERHEAD;
                assert_in_range(all, memories[i] / FETCHED_PART - RECORD_OVERHEAD * 4, memories[i] / FETCHED_PART);
        }
        struct fetch_limits most = client_fetch_limits(INT64_C(1) << 40);
        assert_true(most.payload_bytes + most.records * RECORD_OVERHEAD <= 256 << 20);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(payload_and_overhead_of_what_is_fetched_are_their_part_of_the_memory),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
