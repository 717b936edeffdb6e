/* SPDX-License-Identifier: Apache-2.0 */
/* ident: the name of a line.  The same line gets the same name at every
 * re-send, and two lines never share one.
 *
 *      host, inode, birth time, generation, head --XXH3-128--> file id
 *                                     file id, offset --XXH3-128--> line id
 *
 * The head is the file's first min(first line, IDENT_HEAD) bytes.  The device
 * number is no part of it: it changes at a reboot.  Birth time tells two files
 * apart that had the same inode one after the other (ext4 reuses at once); the
 * generation tells apart what stood in one file before and after a truncation.
 * The input of each hash is a fixed form (ident.c), all integers little-endian,
 * strings with their length in front.
 */
#ifndef SLUICE_EVENT_IDENT_H
#define SLUICE_EVENT_IDENT_H

#include <stddef.h>
#include <stdint.h>

#include "base/check.h"

enum {
        IDENT_HEAD = 1024,      /* bytes of the file that can be part of its name */
        IDENT_FILE_TEXT = 22,   /* 128 bits in base64url (RFC 4648 section 5), no padding */
        IDENT_LINE_TEXT = 25,   /* "s1." and 22 characters */
};
#define IDENT_SCHEME "s1."

struct ident { uint8_t bytes[16]; };

struct ident_file {
        const char *host;       /* NUL-terminated */
        uint64_t inode;
        int64_t birth_ns;       /* statx btime; 0 where the file system has none */
        uint32_t generation;    /* 0, counts truncations */
        const char *head;
        size_t head_len;        /* at most IDENT_HEAD count; more is ignored */
};

struct ident ident_of_file(const struct ident_file *f);
struct ident ident_of_line(const struct ident *file, uint64_t offset);
/* What is not one whole line: several lines as one event, or a line that had no end yet when it was taken.  Its length
 * is part of its name: read again when there is more of it, it is another event, and not taken for this one. */
struct ident ident_of_span(const struct ident *file, uint64_t offset, uint64_t len);

/* For a record of anyone else: cluster id, topic, partition, offset and record timestamp. */
struct ident ident_of_record(const char *cluster, const char *topic, int32_t partition, int64_t offset, int64_t timestamp_ms);

void ident_text(const struct ident *id, char out[IDENT_FILE_TEXT]);             /* no NUL */
void ident_line_text(const struct ident *id, char out[IDENT_LINE_TEXT]);        /* with the scheme in front, no NUL */
int ident_parse(const char *text, struct ident *ret) MUST_CHECK;               /* IDENT_FILE_TEXT characters; 0 or -EINVAL */

unsigned ident_hash_version(void);      /* of libxxhash, as loaded: 801 is 0.8.1 */

#endif
