/* SPDX-License-Identifier: Apache-2.0 */
#include "config/reload.h"

#include <stddef.h>
#include <string.h>
#include <sys/stat.h>

static struct file_look look(const char *file)
{
        struct stat st;

        if (!file || stat(file, &st) < 0)
                return (struct file_look){ 0 };
        return (struct file_look){ .inode = (uint64_t)st.st_ino,
                                   .mtime_ns = st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec,
                                   .size = (int64_t)st.st_size };
}

static bool same(const struct file_look *a, const struct file_look *b)
{
        return a->inode == b->inode && a->mtime_ns == b->mtime_ns && a->size == b->size;
}

void reload_init(struct reload *r, const char *file)
{
        *r = (struct reload){ .file = file };
        r->loaded = r->last = look(file);
}

void reload_ask(struct reload *r)
{
        r->asked = true;
}

bool reload_due(struct reload *r)
{
        struct file_look now = look(r->file);
        bool still = same(&now, &r->last);
        bool changed = still && now.inode != 0 && !same(&now, &r->loaded);

        r->last = now;
        if (!changed && !r->asked)
                return false;
        r->asked = false;
        r->loaded = now;
        return true;
}
