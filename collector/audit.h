/* SPDX-License-Identifier: Apache-2.0 */
/* audit: the verb `audit`: does every line of these files stand in Elasticsearch?
 *
 *      line at offset o  --> its id (event/ident.h) --> is there a document of that _id, and has it the line's text?
 *                             none: is it part of a document of several lines, or of one that began as half a line?
 *                                     whose id is the one of its stretch of the file, and whose text is that stretch
 *
 * The id proves the place: host, file and offset are in it.  What file it was is found by itself: from the file at hand (inode,
 * birth, head; this host or --host; generation 0 to 15), else from what was shipped under its name, or the name that it had
 * before it was rotated, and begins as it does, which also serves for a copy and an archive.  Lines that the shipper leaves out on purpose are missing here; text that it changes (parsed, redacted,
 * another encoding) is different, unless --compare id asks for the place alone.
 * Memory: one batch of lines and one answer, whatever the size of the file.  Prints to stdout.
 */
#ifndef SLUICE_COLLECTOR_AUDIT_H
#define SLUICE_COLLECTOR_AUDIT_H

#include "collector/conf.h"

/* 0 only when every line of every file stands there; EX_DATAERR when not; EX_USAGE, EX_NOINPUT, EX_UNAVAILABLE, EX_NOPERM. */
int audit_main(const struct collector_config *c, const char *const *files, size_t n);

#endif
