/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/partition.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "base/log.h"
#include "base/mem.h"

#define MAX_INFLIGHT ((size_t)1 << 40)  /* records of one partition: none of its own, bytes are bounded elsewhere */

#define PARTITION_STATE_TEXT(name, text) text,
const char *const partition_state_text[PART_NSTATES] = { PARTITION_STATES(PARTITION_STATE_TEXT) };

static const bool may[PART_NSTATES][PART_NSTATES] = {
        [PART_ACTIVE] = { [PART_DRAINING] = true, [PART_GONE] = true },
        [PART_DRAINING] = { [PART_GONE] = true },
};

void partition_enter(struct partition *p, enum partition_state to, const char *why)
{
        CHECK(may[p->state][to]);
        log_debug("partition", "%s -> %s: %s: topic=%s partition=%d held=%zu", partition_state_text[p->state],
                  partition_state_text[to], why, p->topic, p->id, p->held);
        p->state = to;
}

struct partition *partition_new(const char *topic, int32_t id, int64_t start)
{
        struct partition *p = xcalloc(1, sizeof(*p));

        p->topic = xstrdup(topic);
        p->id = id;
        p->next = p->stored = p->looked_at = start;
        p->end = -1;
        ackwin_init(&p->window, MAX_INFLIGHT, start);
        return p;
}

void partition_free(struct partition *p)
{
        if (!p)
                return;
        CHECK(p->held == 0);
        ackwin_fini(&p->window);
        free(p->topic);
        free(p);
}

static uint64_t key_of(const char *topic, int32_t id)
{
        return XXH3_64bits_withSeed(topic, strlen(topic), (XXH64_hash_t)(uint32_t)id);
}

struct partition *partitions_get(const struct partitions *ps, const char *topic, int32_t id)
{
        return map_get(&ps->map, key_of(topic, id));
}

void partitions_add(struct partitions *ps, struct partition *p)
{
        CHECK(!partitions_get(ps, p->topic, p->id));
        map_put(&ps->map, key_of(p->topic, p->id), p);
}

void partitions_remove(struct partitions *ps, struct partition *p)
{
        CHECK(map_del(&ps->map, key_of(p->topic, p->id)) == p);
}

uint64_t partition_take(struct partition *p, int64_t offset)
{
        uint64_t seq;

        CHECK(p->state == PART_ACTIVE && offset >= p->next);
        CHECK(ackwin_open(&p->window, offset + 1, &seq) == 0);
        p->next = offset + 1;
        p->held++;
        return seq;
}

void partition_share(struct partition *p, uint64_t seq, uint32_t n)
{
        CHECK(p->held > 0 && n > 0);
        p->held += n - 1;
        if (p->state != PART_GONE)
                ackwin_share(&p->window, seq, n);
}

bool partition_settle(struct partition *p, uint64_t seq)
{
        CHECK(p->held > 0);
        p->held--;
        if (p->state == PART_GONE)
                return false;
        ackwin_ack(&p->window, seq);
        return true;
}

void partition_pass(struct partition *p, int64_t offset)
{
        CHECK(p->state == PART_ACTIVE);
        if (offset <= p->next)
                return;         /* of before a seek */
        p->next = offset;
        ackwin_skip(&p->window, offset);
}

void partition_look(struct partition *p, int64_t now_ms)
{
        int64_t settled = ackwin_committed(&p->window);

        if (p->held == 0 || settled != p->looked_at || p->since_ms == 0)
                p->since_ms = now_ms;
        p->looked_at = settled;
        p->overdue = partition_stands_ms(p, now_ms) >= OVERDUE_MS;
}

int64_t partition_stands_ms(const struct partition *p, int64_t now_ms)
{
        return p->held > 0 && p->since_ms != 0 ? now_ms - p->since_ms : 0;
}

void partition_leap(struct partition *p, int64_t offset)
{
        if (offset < p->next) {
                CHECK(p->held == 0);
                ackwin_fini(&p->window);
                ackwin_init(&p->window, MAX_INFLIGHT, offset);
                p->stored = offset;
        }
        p->end = -1;
        p->next = offset;
        p->out_of_range = false;
}

int64_t partition_committable(const struct partition *p)
{
        int64_t settled = ackwin_committed(&p->window);
        return settled > p->stored ? settled : -1;
}
