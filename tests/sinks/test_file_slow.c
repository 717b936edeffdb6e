/* SPDX-License-Identifier: Apache-2.0 */
/* A disk that hangs, as network disks do: the file sink says so and waits.  ctest-label: component */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sinks/file.h"
#include "tests/fake/submitter.h"
#include "tests/fake/tmpdir.h"

static pthread_mutex_t disk = PTHREAD_MUTEX_INITIALIZER;

/* In place of the C library's: it returns when the disk does. */
int fsync(int fd)
{
        pthread_mutex_lock(&disk);
        pthread_mutex_unlock(&disk);
        return (int)syscall(SYS_fsync, fd);
}

static void a_write_that_does_not_end_is_named_and_waited_for(void **state)
{
        static const struct sink_limits limits = { .max_batches = 8, .max_bytes = 1 << 20 };
        char *dir = tmpdir_new();
        struct file_config config = { .path = tmpdir_path(dir, "out"), .sync = FILE_SYNC_BATCH, .rotate_bytes = 1 << 20,
                                      .max_total_bytes = 1 << 30, .retry_base_ms = 1, .retry_max_ms = 10 };
        struct submitter *s = submitter_new();
        struct sink_owner owner = submitter_owner(s);
        struct err e = { 0 };

        (void)state;
        s->sink = sink_file_new(s->loop, &config, &owner, &limits, &e);
        assert_non_null(s->sink);
        pthread_mutex_lock(&disk);
        submitter_send(s, 3, 10);
        submitter_wait_trouble(s, "/out: a write has not ended for ");
        assert_int_equal(s->back, 0);
        pthread_mutex_unlock(&disk);
        submitter_wait_all(s);
        assert_int_equal(s->count[VERDICT_DONE], 3);
        assert_null(sink_trouble(s->sink));
        submitter_free(s);
        free(config.path);
        tmpdir_free(dir);
}

int main(void)
{
        const struct CMUnitTest tests[] = { cmocka_unit_test(a_write_that_does_not_end_is_named_and_waited_for) };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
