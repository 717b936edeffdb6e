/* SPDX-License-Identifier: Apache-2.0 */
/* http_secret: a secret that may live in a file, and is read again when that file changes.
 *
 * A file that cannot be read or is empty for the moment, as while it is replaced, leaves the old secret in
 * force.  Wiped when it goes.  One thread.
 */
#ifndef SLUICE_SINKS_HTTP_SECRET_H
#define SLUICE_SINKS_HTTP_SECRET_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

enum { HTTP_SECRET_LOOK_MS = 1000 };

struct http_secret {
        char *source;                   /* owned: "file:PATH"; NULL: value is all there is */
        char *value;                    /* owned; NULL: none */
        uint64_t inode;                 /* of the file when it was read */
        int64_t mtime_ns, size, looked_ms;
};

/* source: NULL or "": none; "file:PATH"; or the secret itself. 0, or -EINVAL with a sentence. */
int http_secret_init(struct http_secret *s, const char *source, struct err *e) MUST_CHECK;
void http_secret_fini(struct http_secret *s);           /* zeroed struct ok */

/* Looks at most once in HTTP_SECRET_LOOK_MS. True: value is another one. */
bool http_secret_look(struct http_secret *s, int64_t now_ms);

#endif
