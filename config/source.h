/* SPDX-License-Identifier: Apache-2.0 */
/* source: the text of a configuration with its @includes put in, and a map back to file and line.
 *
 *      shipper.cfg       http = ...;            line 1 of the text
 *                        @include "more.cfg"
 *      more.cfg            kafka = ...;       line 3
 *      shipper.cfg       inputs = ...;          line 5
 *
 * libconfig's own @include opens paths relative to the working directory, forgets files after the
 * last line, wraps integers beyond 32 bits and ignores what follows an unclosed comment, both in
 * silence.  So the files are joined here, an include is relative to the file it stands in, and
 * such integers and comments are errors.
 * One thread, for the length of a load.
 */
#ifndef SLUICE_CONFIG_SOURCE_H
#define SLUICE_CONFIG_SOURCE_H

#include <stdbool.h>
#include <stddef.h>

#include "config/opt_errors.h"

enum { SOURCE_MAX = 4 << 20, SOURCE_INCLUDE_DEPTH = 10 };

struct source {
        struct buf text;
        unsigned lines;                 /* newlines in text */
        struct source_part *parts;      /* owned; in the order of the text */
        size_t nparts;
        bool refused;                   /* an include went too deep: no further one is followed */
};

/* 0, or with sentences in errors: -errno when path itself cannot be read, -EINVAL for all else. */
int source_read(struct source *s, const char *path, struct opt_errors *errors) MUST_CHECK;

/* Text from elsewhere, without includes; where is said in place of file and line. */
int source_text(struct source *s, const char *text, const char *where, struct opt_errors *errors) MUST_CHECK;

void source_fini(struct source *s);     /* zeroed struct ok */

/* Appends "shipper.cfg:12" for a line of the text, the first being 1. */
void source_where(const struct source *s, unsigned line, struct buf *out);

#endif
