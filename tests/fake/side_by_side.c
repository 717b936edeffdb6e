/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fake/side_by_side.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/check.h"
#include "base/mem.h"

struct run {
        pid_t pid;
        FILE *out;
};

static struct run begin(const struct CMUnitTest *test)
{
        struct run r = { .out = tmpfile() };

        CHECK(r.out);
        fflush(stdout);
        r.pid = fork();
        CHECK(r.pid >= 0);
        if (r.pid == 0) {
                dup2(fileno(r.out), STDOUT_FILENO);
                dup2(fileno(r.out), STDERR_FILENO);
                exit(_cmocka_run_group_tests(test->name, test, 1, NULL, NULL));
        }
        return r;
}

/* False: the test has failed, or the sanitizers found something at its end. */
static bool end(const struct run *r)
{
        char part[4096];
        size_t n;
        int status;

        CHECK(waitpid(r->pid, &status, 0) == r->pid);
        rewind(r->out);
        while ((n = fread(part, 1, sizeof(part), r->out)) > 0)
                fwrite(part, 1, n, stdout);
        fclose(r->out);
        if (WIFSIGNALED(status))
                printf("ended by signal %d\n", WTERMSIG(status));
        return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

int side_by_side(const struct CMUnitTest *tests, size_t n)
{
        struct run *runs = xcalloc(n, sizeof(*runs));
        int failed = 0;

        for (size_t i = 0; i < n; i++)
                runs[i] = begin(&tests[i]);
        for (size_t i = 0; i < n; i++) {
                bool ok = end(&runs[i]);
                if (!ok)
                        printf("FAILED: %s\n", tests[i].name);
                failed += !ok;
        }
        free(runs);
        return failed;
}
