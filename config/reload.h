/* SPDX-License-Identifier: Apache-2.0 */
/* reload: notices that the configuration file is another one than was loaded.
 *
 * Asked once a second, it costs one stat(2), and works where signals do not reach and inotify is
 * easily fooled: a ConfigMap update swaps a symlink two directories up, an editor renames.  A file
 * that is still being written is left alone until two looks in a row see the same.
 * One thread.
 */
#ifndef SLUICE_CONFIG_RELOAD_H
#define SLUICE_CONFIG_RELOAD_H

#include <stdbool.h>
#include <stdint.h>

struct file_look { uint64_t inode; int64_t mtime_ns, size; };   /* all 0: not there */

struct reload {
        const char *file;               /* borrowed; NULL: no file, only when asked */
        struct file_look loaded, last;
        bool asked;
};

void reload_init(struct reload *r, const char *file);   /* right before the file is loaded */
void reload_ask(struct reload *r);                      /* SIGHUP: due even if the file is the same */

/* True once for each change: load it now. */
bool reload_due(struct reload *r);

#endif
