/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fake/child.h"

#include <fcntl.h>
#include <limits.h>
#include <spawn.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/check.h"
#include "base/mem.h"

extern char **environ;

enum { MAX_ARGS = 32 };

static char *path_of(const char *program)
{
        char self[PATH_MAX];
        ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

        CHECK(n > 0);
        self[n] = '\0';
        return xasprintf("%.*s/../bin/%s", (int)(strrchr(self, '/') - self), self, program);
}

pid_t child_start(const char *program, const char *const *args, int in, const char *out, const char *err)
{
        char *path = path_of(program);
        const char *argv[MAX_ARGS] = { program };
        posix_spawn_file_actions_t files;
        pid_t pid;

        for (size_t n = 1; *args; args++) {
                CHECK(n < MAX_ARGS - 1);
                argv[n++] = *args;
        }
        posix_spawn_file_actions_init(&files);
        if (in >= 0)
                posix_spawn_file_actions_adddup2(&files, in, STDIN_FILENO);
        else
                posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
        posix_spawn_file_actions_addopen(&files, STDOUT_FILENO, out, O_WRONLY | O_CREAT | O_TRUNC, 0600);
        posix_spawn_file_actions_addopen(&files, STDERR_FILENO, err, O_WRONLY | O_CREAT | O_TRUNC, 0600);
        int r = posix_spawn(&pid, path, &files, NULL, (char **)(uintptr_t)argv, environ);
        CHECK(r == 0);
        posix_spawn_file_actions_destroy(&files);
        free(path);
        return pid;
}

int child_end(pid_t pid)
{
        int status;
        pid_t ended = waitpid(pid, &status, 0);

        CHECK(ended == pid);
        return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int child_run(const char *program, const char *const *args, const char *out, const char *err)
{
        int code = child_end(child_start(program, args, -1, out, err));

        CHECK(code < 128);
        return code;
}
