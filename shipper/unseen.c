/* SPDX-License-Identifier: Apache-2.0 */
#include "shipper/unseen.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>

#include "base/mem.h"
#include "event/archive.h"
#include "shipper/globs.h"

enum { MAX_SCANS = 30 };        /* what is not decided by then never will be: an archive kept beside its file */

void unseen_init(struct unseen *u, struct known *known)
{
        *u = (struct unseen){ .known = known };
}

static void forget_paths(struct unseen *u)
{
        for (size_t i = 0; i < u->n; i++)
                free(u->paths[i]);
        free(u->paths);
        u->paths = NULL;
        u->n = 0;
}

void unseen_fini(struct unseen *u)
{
        forget_paths(u);
}

void unseen_set_checkpoint(struct unseen *u, struct checkpoint *c)
{
        u->stored = c != NULL;
        u->since_ns = c ? checkpoint_complete_ns(c) : 0;
}

void unseen_scanning(struct unseen *u)
{
        const struct clock *clock = loop_clock(u->known->loop);

        u->last_scan_ns = u->scan_ns;
        u->scan_ns = clock->wall_ns(clock);
        u->holding = false;
        forget_paths(u);
}

/* A crash does not make it unknown again. */
static bool is_safe(const struct file *f)
{
        return f->named && file_is_stored(f) && !(f->packed && f->packed->candidate);
}

/* Takes path.  Of the same time as the checkpoint counts: the clock of file times stands still for milliseconds. */
static void look_at(struct unseen *u, char *path, bool archive)
{
        const struct tablelist *inputs = &u->known->config->inputs;
        const struct input_config *input = globs_match_rotated(inputs, path);
        struct file_stat st;

        if (!input || input->listen || globs_excluded(input, path) || (!archive && globs_match(inputs, path)) ||
            file_stat(AT_FDCWD, path, &st) < 0 || (archive ? st.mtime_ns : st.birth_ns) < u->since_ns) {
                free(path);
                return;
        }
        const struct file *f = known_get(u->known, &st);
        u->holding |= f && !is_safe(f);
        if (f || st.size == 0) {
                free(path);
                return;
        }
        u->paths = xrealloc(u->paths, (u->n + 1) * sizeof(*u->paths));
        u->paths[u->n++] = path;
}

void unseen_dir(struct unseen *u, const char *dir)
{
        DIR *d = unseen_any(u) ? opendir(dir) : NULL;

        for (struct dirent *de; d && (de = readdir(d)) != NULL;) {
                bool archive = archive_kind_of(de->d_name) != ARCHIVE_NONE;
                if (archive || !globs_is_archive(de->d_name))
                        look_at(u, xasprintf("%s%s", dir, de->d_name), archive);
        }
        if (d)
                closedir(d);
}

/* What the last scan found has its rows by now. */
void unseen_scanned(struct unseen *u)
{
        if (!u->stored || u->last_scan_ns == 0 || (u->holding && u->known->scan < MAX_SCANS))
                return;
        u->since_ns = 0;
        positions_complete(u->known->positions, u->last_scan_ns);
}
