/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/share.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/log.h"

/* Only when the others run: a pause of all covers it, and is lifted for all. */
static void tell_client(struct consume *c, const struct partition *p, bool pause)
{
        rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);

        rd_kafka_topic_partition_list_add(list, p->topic, p->id);
        if (pause)
                rd_kafka_pause_partitions(c->rk, list);
        else
                rd_kafka_resume_partitions(c->rk, list);
        rd_kafka_topic_partition_list_destroy(list);
}

static void count(struct consume *c, int by)
{
        c->nalone += (size_t)by;
        stat_set(&c->stats->partitions_paused, (int64_t)c->nalone);
}

static void hold(struct consume *c, struct partition *p)
{
        if (!c->paused)
                tell_client(c, p, true);
        p->alone = true;
        p->resume_at = p->bytes / 2;
        p->alone_since_ms = loop_now_ms(c->loop);
        count(c, 1);
        log_warn("consume", "paused alone: topic=%s partition=%d oldest=%" PRId64 " held=%zu bytes=%zu", p->topic, p->id,
                 ackwin_committed(&p->window), p->held, p->bytes);
}

static void let_go(struct consume *c, struct partition *p)
{
        p->alone = false;
        count(c, -1);
        log_info("consume", "resumed: topic=%s partition=%d next=%" PRId64, p->topic, p->id, p->next);
        if (c->paused)
                return;
        tell_client(c, p, false);
        consume_seek(c, p);
}

/* What those that wait, and those that are gone, hold: it does not become less for now. */
size_t share_waiting(const struct consume *c)
{
        struct partition *p;
        size_t bytes = 0;

        for (size_t i = 0; c->nalone > 0 && (p = map_next(&c->parts.map, &i)) != NULL;)
                bytes += p->alone ? p->bytes : 0;
        for (size_t i = 0; i < c->ngone; i++)
                bytes += c->gone[i]->bytes;
        return bytes;
}

void share_look(struct consume *c, struct partition *p)
{
        if (c->budget == 0 || c->parts.map.len < 2 || p->state != PART_ACTIVE || p->alone || p->held == 0)
                return;
        if (p->bytes < c->budget >> 6)
                return;                 /* whatever the others hold; each record comes here, and is spared the sum */
        size_t waiting = share_waiting(c);
        size_t left = waiting < c->budget ? c->budget - waiting : 0;
        if (p->bytes >= left / 2)
                hold(c, p);
}

void share_look_all(struct consume *c)
{
        struct partition *p;

        for (size_t i = 0; (p = map_next(&c->parts.map, &i)) != NULL;)
                share_look(c, p);
}

void share_turn(struct consume *c)
{
        struct partition *p;

        if (c->paused)
                share_look_all(c);
        for (size_t i = 0; c->nalone > 0 && (p = map_next(&c->parts.map, &i)) != NULL;)
                if (p->alone && p->state == PART_ACTIVE && p->bytes <= p->resume_at)
                        let_go(c, p);
}

void share_left(struct consume *c, struct partition *p)
{
        if (!p->alone)
                return;
        p->alone = false;
        count(c, -1);
}

void share_hold_oldest(struct consume *c)
{
        int64_t now = loop_now_ms(c->loop), longest = SHARE_STANDS_MS - 1;
        struct partition *p, *oldest = NULL;

        for (size_t i = 0; (p = map_next(&c->parts.map, &i)) != NULL;) {
                int64_t stands = p->alone || p->state != PART_ACTIVE ? 0 : partition_stands_ms(p, now);
                if (stands <= longest)
                        continue;
                longest = stands;
                oldest = p;
        }
        if (oldest && oldest->bytes > 0 && c->parts.map.len > 1)
                hold(c, oldest);
}

void share_pause_again(struct consume *c, rd_kafka_topic_partition_list_t *list)
{
        if (c->paused)
                rd_kafka_pause_partitions(c->rk, list);
        for (int i = 0; c->nalone > 0 && !c->paused && i < list->cnt; i++) {
                const struct partition *p = group_find(c, &list->elems[i]);
                if (p && p->alone)
                        tell_client(c, p, true);
        }
}

const struct partition *share_oldest(const struct consume *c)
{
        const struct partition *oldest = NULL;
        struct partition *p;

        for (size_t i = 0; c->nalone > 0 && (p = map_next(&c->parts.map, &i)) != NULL;)
                if (p->alone && (!oldest || p->alone_since_ms < oldest->alone_since_ms))
                        oldest = p;
        return oldest;
}

void share_sentence(const struct consume *c, const struct partition *p, const char *cause, char ret[SHARE_SENTENCE])
{
        snprintf(ret, SHARE_SENTENCE, "topic %s partition %d is paused for %" PRId64 " s: its record at offset %" PRId64
                 " is not stored, and %zu behind it fill its share of the memory%s%s", p->topic, p->id,
                 (loop_now_ms(c->loop) - p->alone_since_ms) / 1000, ackwin_committed(&p->window),
                 p->held > 0 ? p->held - 1 : 0, cause ? ": " : "", cause ? cause : "");
}
