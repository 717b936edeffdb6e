/* SPDX-License-Identifier: Apache-2.0 */
/* In place of journal.c in a build without libsystemd: the configuration refuses journald:// before anything is opened. */
#include "shipper/journal.h"

#include <errno.h>

const char *journal_version(void)
{
        return NULL;
}

struct journal *journal_open(const struct journal_parts *parts, bool *ret_lost, struct err *e)
{
        (void)parts;
        (void)ret_lost;
        err_set(e, ENOTSUP, "this build is without libsystemd");
        return NULL;
}

void journal_close(struct journal *j)
{
        CHECK(!j);
}

int journal_fd(const struct journal *j)
{
        (void)j;
        return -1;
}

int journal_look(struct journal *j)
{
        (void)j;
        return -ENOTSUP;
}

bool journal_tells(const struct journal *j)
{
        (void)j;
        return true;
}

bool journal_is_empty(struct journal *j)
{
        (void)j;
        return true;
}

int journal_next(struct journal *j, struct buf *line, struct journal_line *ret)
{
        (void)j;
        (void)line;
        (void)ret;
        return -ENOTSUP;
}

int journal_store(struct journal *j, struct err *e)
{
        (void)j;
        return err_set(e, ENOTSUP, "this build is without libsystemd");
}
