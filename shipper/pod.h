/* SPDX-License-Identifier: Apache-2.0 */
/* pod: what a file's path tells of the container that writes it.
 *
 *      /var/log/pods/NAMESPACE_POD_UID/CONTAINER/0.log                 the kubelet's
 *      /var/log/containers/POD_NAMESPACE_CONTAINER-ID.log              its symlinks to these
 *      /var/lib/docker/containers/ID/ID-json.log                       Docker's
 *
 * Only the last components count, so the tree may be mounted anywhere.  Symlinks are followed, and what one path does not
 * say the next one may.
 */
#ifndef SLUICE_SHIPPER_POD_H
#define SLUICE_SHIPPER_POD_H

#include "base/buf.h"

struct pod { char *ns, *name, *uid, *container, *id; };         /* owned; NULL: not known */

void pod_of_path(const char *path, struct pod *ret);            /* *ret is zeroed, or has what is known already */
void pod_of_file(const char *path, struct pod *ret);            /* the same, and of what path is a symlink to */
void pod_fini(struct pod *p);                                   /* zeroed struct ok */

/* Appends members of an event, without a comma at either end: "container":{...},"kubernetes":{...} */
void pod_put_members(const struct pod *p, struct buf *b);

#endif
