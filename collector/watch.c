/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/watch.h"

#include "base/log.h"
#include "collector/share.h"
#include "collector/topics.h"

enum {
        ENDS_PERIOD_MS = 5000,          /* between two questions for the ends of paused partitions */
        REFUSED_PERIOD_MS = 10000,      /* between two tries of a partition that is refused */
};

rd_kafka_topic_partition_list_t *consume_list(const struct consume *c)
{
        rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(16);
        struct partition *p;

        for (size_t i = 0; (p = map_next(&c->parts.map, &i)) != NULL;)
                rd_kafka_topic_partition_list_add(list, p->topic, p->id);
        return list;
}

/* A fetcher that has stopped takes no seek: the partition is assigned once more. */
static void assign_again(struct consume *c, const struct partition *p)
{
        rd_kafka_topic_partition_list_t *list = group_cooperative(c) ? rd_kafka_topic_partition_list_new(1) : consume_list(c);

        if (group_cooperative(c)) {
                rd_kafka_topic_partition_list_add(list, p->topic, p->id)->offset = p->next;
                group_report(c, rd_kafka_incremental_unassign(c->rk, list));
                group_report(c, rd_kafka_incremental_assign(c->rk, list));
        } else {
                for (int i = 0; i < list->cnt; i++) {
                        int64_t next = group_find(c, &list->elems[i])->next;
                        list->elems[i].offset = next > 0 ? next : RD_KAFKA_OFFSET_BEGINNING;
                }
                rd_kafka_assign(c->rk, list);
        }
        share_pause_again(c, list);
        rd_kafka_topic_partition_list_destroy(list);
}

/* --- an offset that no longer exists ---------------------------------------------------------- */

void watch_out_of_range(struct consume *c, struct partition *p)
{
        stat_inc(&c->stats->offset_resets);
        if (p)
                p->out_of_range = true;
        c->ask_range_ms = 0;
}

/* What is held is settled first, or its answers would come in for offsets that are passed. */
static void ask_range(struct consume *c)
{
        struct partition *p;

        if (c->rebalance != REB_NONE || loop_now_ms(c->loop) < c->ask_range_ms || asker_busy(c->asker, ASK_RANGE))
                return;
        for (size_t i = 0; (p = map_next(&c->parts.map, &i)) != NULL;) {
                if (!p->out_of_range || p->held > 0)
                        continue;
                struct question q = { .what = ASK_RANGE, .list = rd_kafka_topic_partition_list_new(1) };
                rd_kafka_topic_partition_list_add(q.list, p->topic, p->id);
                asker_ask(c->asker, &q);
                return;
        }
        c->ask_range_ms = INT64_MAX;
}

/* Retention was faster than we were.  What lies between is lost, and said so. */
static void leap(struct consume *c, struct partition *p, int64_t low, int64_t high)
{
        /* Above the end: the log was made anew or cut back. What is there now was not read: all of it is. */
        int64_t to = p->next < low || p->next > high ? low : p->next;

        log_error("consume", "offsets lost: topic=%s partition=%d from=%lld to=%lld", p->topic, p->id,
                  (long long)p->next, (long long)to);
        if (to > p->next)
                stat_add(&c->stats->records_lost, to - p->next);
        partition_leap(p, to);
        assign_again(c, p);
        troubles_end(&c->troubles, TROUBLE_RANGE);
}

static void range_answered(struct consume *c, const struct question *q)
{
        struct partition *p = group_find(c, &q->list->elems[0]);

        c->ask_range_ms = 0;
        if (!p || !p->out_of_range || p->held > 0 || c->rebalance != REB_NONE)
                return;
        if (!q->err) {
                leap(c, p, q->low, q->high);
                return;
        }
        troubles_set(&c->troubles, TROUBLE_RANGE,
                     "offset %lld of topic %s partition %d no longer exists, and the broker does not say which do",
                     (long long)p->next, p->topic, p->id);
        c->ask_range_ms = loop_now_ms(c->loop) + ASK_TIMEOUT_MS;
}

/* --- topics and partitions that are missing or refused ----------------------------------------- */

void watch_refused(struct consume *c, struct partition *p, rd_kafka_resp_err_t err)
{
        c->topics_asked_for = true;
        c->ask_topics_ms = 0;
        if (!p)
                return;
        p->refused = (int)err;
        c->try_refused_ms = loop_now_ms(c->loop) + REFUSED_PERIOD_MS;
        troubles_set(&c->troubles, TROUBLE_TOPIC, "topic %s cannot be read: %s", p->topic, rd_kafka_err2str(err));
}

static struct partition *a_refused_one(const struct consume *c)
{
        struct partition *p;

        for (size_t i = 0; (p = map_next(&c->parts.map, &i)) != NULL;)
                if (p->refused)
                        return p;
        return NULL;
}

/* What the cluster says of the topics is told before what it says of one partition of theirs. */
static void tell_topics(struct consume *c)
{
        const struct partition *p = a_refused_one(c);

        if (c->topics_asked_for)
                return;
        if (p)
                troubles_set(&c->troubles, TROUBLE_TOPIC, "topic %s cannot be read: %s", p->topic,
                             rd_kafka_err2str((rd_kafka_resp_err_t)p->refused));
        else
                troubles_end(&c->troubles, TROUBLE_TOPIC);
}

void watch_heard(struct consume *c, struct partition *p)
{
        p->refused = 0;
        tell_topics(c);
}

static void try_refused(struct consume *c)
{
        struct partition *p = a_refused_one(c);

        if (!p || c->rebalance != REB_NONE || loop_now_ms(c->loop) < c->try_refused_ms)
                return;
        c->try_refused_ms = loop_now_ms(c->loop) + REFUSED_PERIOD_MS;
        for (size_t i = 0; (p = map_next(&c->parts.map, &i)) != NULL;)
                if (p->refused && !p->out_of_range)
                        assign_again(c, p);
}

/* Nothing of ours is suspicious too: an expression that fits no topic is no error to librdkafka. */
static void ask_topics(struct consume *c)
{
        int64_t now = loop_now_ms(c->loop);

        if (c->parts.map.len > 0 && !c->topics_asked_for) {
                c->ask_topics_ms = now + TOPICS_PERIOD_MS;
                return;
        }
        if (now < c->ask_topics_ms || asker_busy(c->asker, ASK_TOPICS))
                return;
        c->ask_topics_ms = now + TOPICS_PERIOD_MS;
        asker_ask(c->asker, &(struct question){ .what = ASK_TOPICS, .topics = &c->config->kafka.topics });
}

static void topics_answered(struct consume *c, const struct question *q)
{
        if (!q->topic && q->err)
                return;         /* what is wrong with the broker has its own sentence */
        c->topics_asked_for = q->topic != NULL;
        if (!q->topic)
                tell_topics(c);
        else if (q->err != RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART)
                troubles_set(&c->troubles, TROUBLE_TOPIC, "topic %s cannot be read: %s", q->topic, rd_kafka_err2str(q->err));
        else if (topics_is_pattern(q->topic))
                troubles_set(&c->troubles, TROUBLE_TOPIC, "no topic matches %s", q->topic);
        else
                troubles_set(&c->troubles, TROUBLE_TOPIC, "topic %s does not exist", q->topic);
}

/* --- ends, lag, and what stands ----------------------------------------------------------------- */

static void ask_ends(struct consume *c)
{
        int64_t now = loop_now_ms(c->loop);

        if ((!c->paused && c->nalone == 0) || c->parts.map.len == 0) {
                c->ask_ends_ms = now + ENDS_PERIOD_MS / 5;      /* most pauses are over by then */
                return;
        }
        if (now < c->ask_ends_ms || asker_busy(c->asker, ASK_ENDS))
                return;
        c->ask_ends_ms = now + ENDS_PERIOD_MS;
        asker_ask(c->asker, &(struct question){ .what = ASK_ENDS, .list = consume_list(c) });
}

static void ends_answered(struct consume *c, const struct question *q)
{
        for (int i = 0; !q->err && i < q->list->cnt; i++) {
                struct partition *p = group_find(c, &q->list->elems[i]);
                if (p && !q->list->elems[i].err && q->list->elems[i].offset > p->end)
                        p->end = q->list->elems[i].offset;
        }
}

static void observe_lag(struct consume *c)
{
        if (c->lag_of != c->nth_moving)
                lag_reset(&c->lag);
        c->lag_of = c->nth_moving;
        if (c->parts.map.len > 0)
                lag_observe(&c->lag, consume_total_lag(c), loop_now_ms(c->loop));
}

static void look_at(struct consume *c, struct partition *p)
{
        bool was = p->overdue;

        partition_look(p, loop_now_ms(c->loop));
        if (!p->overdue || was)
                return;
        stat_inc(&c->stats->overdue);
        log_warn("consume", "not settled for %lld s: topic=%s partition=%d offset=%lld held=%zu",
                 (long long)(partition_stands_ms(p, loop_now_ms(c->loop)) / 1000), p->topic, p->id,
                 (long long)ackwin_committed(&p->window), p->held);
}

static void look_at_all(struct consume *c)
{
        struct partition *p;

        for (size_t i = 0; (p = map_next(&c->parts.map, &i)) != NULL;)
                look_at(c, p);
        for (size_t i = 0; i < c->ngone; i++)
                look_at(c, c->gone[i]);
}

/* --- all of it ---------------------------------------------------------------------------------- */

void watch_answered(void *arg, const struct question *q)
{
        static void (*const take[NASKS])(struct consume *, const struct question *) = {
                [ASK_TOPICS] = topics_answered,
                [ASK_ENDS] = ends_answered,
                [ASK_RANGE] = range_answered,
        };
        take[q->what](arg, q);
}

void watch_turn(struct consume *c)
{
        ask_range(c);
}

void watch_second(struct consume *c)
{
        ask_topics(c);
        try_refused(c);
        ask_ends(c);
        look_at_all(c);
        observe_lag(c);
}
