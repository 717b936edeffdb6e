/* SPDX-License-Identifier: Apache-2.0 */
/* client: the librdkafka consumer that consume.c drives, from birth to burial.
 *
 * Its share of the memory is fixed at birth.  librdkafka counts payload only, so its overhead is charged beside it;
 * and each broker may have one answer on its way, which nothing bounds but fetch.max.bytes and how well it was compressed.
 */
#ifndef SLUICE_COLLECTOR_CLIENT_H
#define SLUICE_COLLECTOR_CLIENT_H

#include <stdatomic.h>

#include "collector/group.h"

/* Between JoinGroup and SyncGroup a commit is bound to fail, and librdkafka 2.0 gives its partitions up over it: the
 * broker answers it behind the JoinGroup, when its generation has passed (librdkafka issue 4059).  Whether a JoinGroup is
 * on its way only the requests themselves tell.  Written by librdkafka's threads. */
struct joining { atomic_bool on; };
static inline bool client_is_joining(const struct consume *c) { return atomic_load(&c->joining->on); }

enum { RECORD_OVERHEAD = 300 };         /* bytes librdkafka holds for a record beside its payload */

struct fetch_limits { int64_t payload_bytes, records; };

/* What may lie in librdkafka's queue: together with the overhead of its records a sixth of the memory.  A pause throws it away,
 * so it is no larger than it must be: some turns of the loop, because librdkafka 2.0 waits up to a second when it was full. */
enum { FETCHED_PART = 6 };
struct fetch_limits client_fetch_limits(int64_t memory);

/* Makes c->rk and subscribes; a dry run takes every partition without the group. */
int client_open(struct consume *c, struct err *e) MUST_CHECK;
void client_bury(struct consume *c);    /* takes c->rk away; NULL ok */

#endif
