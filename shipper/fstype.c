/* SPDX-License-Identifier: Apache-2.0 */
#include "shipper/fstype.h"

#include <stddef.h>
#include <sys/vfs.h>

#include "base/check.h"

/* statfs(2); those that linux/magic.h lacks are from the file systems' own sources. */
static const struct { unsigned long type; const char *name; } silent[] = {
        { 0x6969, "nfs" },         { 0x517b, "smb" },        { 0xff534d42, "cifs" },   { 0xfe534d42, "smb2" },
        { 0x65735546, "fuse" },    { 0x794c7630, "overlay" }, { 0x01021997, "9p" },     { 0x00c36400, "ceph" },
        { 0x0bd00bd0, "lustre" },  { 0x5346414f, "afs" },    { 0x47504653, "gpfs" },   { 0x73757245, "coda" },
        { 0x01161970, "gfs2" },    { 0x7461636f, "ocfs2" },  { 0x786f4256, "vboxsf" },
};

const char *fstype_silent(unsigned long type)
{
        for (size_t i = 0; i < ARRAY_LEN(silent); i++)
                if (silent[i].type == (type & 0xffffffff))
                        return silent[i].name;
        return NULL;
}

const char *fstype_silent_at(const char *dir)
{
        struct statfs fs;

        return statfs(dir, &fs) == 0 ? fstype_silent((unsigned long)fs.f_type) : NULL;
}
