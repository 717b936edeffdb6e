/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/client.h"
#include "collector/share.h"

#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"

enum {
        COMMIT_ANSWER_MS = 3000,        /* how long a leaving partition waits for its commit */
};

static const char *reb_name[] = { "none", "starting", "draining", "committing" };

void group_enter(struct consume *c, enum rebalance to)
{
        log_debug("consume", "rebalance: %s -> %s", reb_name[c->rebalance], reb_name[to]);
        c->rebalance = to;
}

bool group_cooperative(const struct consume *c)
{
        return strcmp(rd_kafka_rebalance_protocol(c->rk), "COOPERATIVE") == 0;
}

/* --- partitions come and go ------------------------------------------------------------------ */

struct partition *group_find(const struct consume *c, const rd_kafka_topic_partition_t *tp)
{
        return partitions_get(&c->parts, tp->topic, tp->partition);
}

void group_part_with(struct consume *c, struct partition *p, const char *why)
{
        partitions_remove(&c->parts, p);
        partition_enter(p, PART_GONE, why);
        share_left(c, p);
        rd_kafka_topic_destroy(p->handle);
        p->handle = NULL;
        stat_add(&c->stats->partitions, -1);
        if (p->held == 0) {
                partition_free(p);
                return;
        }
        if (c->ngone == c->gone_cap) {
                c->gone_cap = c->gone_cap ? 2 * c->gone_cap : 16;
                c->gone = xrealloc(c->gone, c->gone_cap * sizeof(struct partition *));
        }
        c->gone[c->ngone++] = p;
}

void group_forget(struct consume *c, struct partition *p)
{
        for (size_t i = 0; i < c->ngone; i++) {
                if (c->gone[i] == p) {
                        c->gone[i] = c->gone[--c->ngone];
                        break;
                }
        }
        partition_free(p);
}

static void add_partition(struct consume *c, const rd_kafka_topic_partition_t *tp)
{
        struct partition *p = partition_new(tp->topic, tp->partition, tp->offset >= 0 ? tp->offset : 0);

        p->handle = rd_kafka_topic_new(c->rk, tp->topic, NULL);
        partitions_add(&c->parts, p);
        stat_inc(&c->stats->partitions);
        log_info("consume", "assigned: topic=%s partition=%d offset=%s%lld", p->topic, p->id,
                 tp->offset >= 0 ? "" : "beginning ", (long long)p->next);
}

/* --- rebalance ------------------------------------------------------------------------------- */

void group_finish(struct consume *c)
{
        if (c->moving)
                rd_kafka_topic_partition_list_destroy(c->moving);
        c->moving = NULL;
        group_enter(c, REB_NONE);
}

void group_report(struct consume *c, rd_kafka_error_t *error)
{
        if (!error)
                return;
        stat_inc(&c->stats->consumer_errors);
        log_warn("consume", "assignment not taken over: %s", rd_kafka_error_string(error));
        rd_kafka_error_destroy(error);
}

static bool know_cluster(struct consume *c)
{
        if (c->cluster)
                return true;
        char *id = rd_kafka_clusterid(c->rk, 0);        /* does not wait: it came with the brokers' list */
        if (!id)
                return false;
        c->cluster = xstrdup(id);
        rd_kafka_mem_free(c->rk, id);
        return true;
}

/* Asks for the committed offsets of `moving`; the answer wakes the loop and lies in `answers`. */
static void ask_for_starts(struct consume *c)
{
        rd_kafka_AdminOptions_t *o = rd_kafka_AdminOptions_new(c->rk, RD_KAFKA_ADMIN_OP_LISTCONSUMERGROUPOFFSETS);
        rd_kafka_ListConsumerGroupOffsets_t *q = rd_kafka_ListConsumerGroupOffsets_new(c->config->kafka.group, c->moving);
        char why[128];

        rd_kafka_AdminOptions_set_opaque(o, (void *)c->nth_moving);
        CHECK(rd_kafka_AdminOptions_set_request_timeout(o, ASK_TIMEOUT_MS, why, sizeof(why)) == 0);
        group_report(c, rd_kafka_AdminOptions_set_require_stable_offsets(o, 1));
        rd_kafka_ListConsumerGroupOffsets(c->rk, &q, 1, o, c->answers);
        rd_kafka_ListConsumerGroupOffsets_destroy(q);
        rd_kafka_AdminOptions_destroy(o);
}

/* Where to start: committed offsets, else the beginning. False: one of them is not known yet. */
static bool take_starts(struct consume *c, const rd_kafka_topic_partition_list_t *offsets)
{
        for (int i = 0; i < c->moving->cnt; i++) {
                rd_kafka_topic_partition_t *tp = &c->moving->elems[i];
                const rd_kafka_topic_partition_t *found =
                        rd_kafka_topic_partition_list_find((rd_kafka_topic_partition_list_t *)offsets, tp->topic,
                                                           tp->partition);
                if (!found || found->err) {
                        troubles_set(&c->troubles, TROUBLE_START, "committed offset of group %s for topic %s partition %d cannot be read: %s",
                                    c->config->kafka.group, tp->topic, tp->partition,
                                    found ? rd_kafka_err2str(found->err) : "it is not in the answer");
                        return false;
                }
                tp->offset = found->offset >= 0 ? found->offset : RD_KAFKA_OFFSET_BEGINNING;
        }
        return true;
}

static bool take_answer(struct consume *c, rd_kafka_event_t *answer)
{
        const rd_kafka_ListConsumerGroupOffsets_result_t *result = rd_kafka_event_ListConsumerGroupOffsets_result(answer);
        rd_kafka_resp_err_t err = rd_kafka_event_error(answer);
        const char *why = err ? rd_kafka_err2str(err) : NULL;  /* its text is about the library's inside */
        size_t n = 0;

        if ((uintptr_t)rd_kafka_event_opaque(answer) != c->nth_moving)
                return false;
        const rd_kafka_group_result_t **groups =
                why || !result ? NULL : rd_kafka_ListConsumerGroupOffsets_result_groups(result, &n);
        const rd_kafka_error_t *error = n > 0 ? rd_kafka_group_result_error(groups[0]) : NULL;
        if (error)
                why = rd_kafka_error_string(error);
        if (!why && n > 0)
                return take_starts(c, rd_kafka_group_result_partitions(groups[0]));
        troubles_set(&c->troubles, TROUBLE_START, "committed offsets of group %s cannot be read: %s", c->config->kafka.group,
                    why ? why : "the answer is empty");
        return false;
}

static bool starts_are_known(struct consume *c)
{
        int64_t now = loop_now_ms(c->loop);
        rd_kafka_event_t *answer;

        if (!know_cluster(c))
                return false;
        if (c->config->life.dry_run || c->moving->cnt == 0)  /* a cooperative assignment may be empty */
                return true;
        while ((answer = rd_kafka_queue_poll(c->answers, 0)) != NULL) {
                bool ok = take_answer(c, answer);
                rd_kafka_event_destroy(answer);
                if (ok)
                        return true;
        }
        if (now >= c->ask_again_ms) {
                c->ask_again_ms = now + 2 * ASK_TIMEOUT_MS;
                ask_for_starts(c);
        }
        return false;
}

static void start_partitions(struct consume *c)
{
        if (!starts_are_known(c))
                return;
        troubles_end(&c->troubles, TROUBLE_START);
        for (int i = 0; i < c->moving->cnt; i++)
                add_partition(c, &c->moving->elems[i]);
        if (group_cooperative(c))
                group_report(c, rd_kafka_incremental_assign(c->rk, c->moving));
        else
                rd_kafka_assign(c->rk, c->moving);
        if (c->paused)
                rd_kafka_pause_partitions(c->rk, c->moving);
        share_look_all(c);
        group_finish(c);
}

void group_leave_partitions(struct consume *c, const char *why)
{
        const size_t alone = c->nalone;

        for (int i = 0; i < c->moving->cnt; i++) {
                struct partition *p = group_find(c, &c->moving->elems[i]);
                if (!p)
                        continue;
                log_info("consume", "revoked: topic=%s partition=%d settled_to=%lld held=%zu reason=\"%s\"", p->topic,
                         p->id, (long long)ackwin_committed(&p->window), p->held, why);
                group_part_with(c, p, why);
        }
        /* librdkafka remembers a pause when it no longer has the partition: it would come back paused. */
        if (c->paused || c->nalone < alone)
                rd_kafka_resume_partitions(c->rk, c->moving);
        if (group_cooperative(c))
                group_report(c, rd_kafka_incremental_unassign(c->rk, c->moving));
        else
                rd_kafka_assign(c->rk, NULL);
        group_finish(c);
}

static bool anything_held(const struct consume *c)
{
        for (int i = 0; i < c->moving->cnt; i++) {
                const struct partition *p = group_find(c, &c->moving->elems[i]);
                if (p && p->held > 0)
                        return true;
        }
        return false;
}

static bool anything_to_commit(const struct consume *c)
{
        for (int i = 0; i < c->moving->cnt; i++) {
                const struct partition *p = group_find(c, &c->moving->elems[i]);
                if (p && partition_committable(p) >= 0)
                        return true;
        }
        return false;
}

static void drain_partitions(struct consume *c)
{
        int64_t now = loop_now_ms(c->loop);

        if (anything_held(c) && now < c->deadline_ms)
                return;
        if (anything_held(c))
                stat_inc(&c->stats->revoke_timeouts);
        group_enter(c, REB_COMMITTING);
        c->deadline_ms = now + COMMIT_ANSWER_MS;
        c->commit_after_ms = now;
}

static void commit_partitions(struct consume *c)
{
        int64_t now = loop_now_ms(c->loop);

        if (now >= c->deadline_ms || (!c->committing && !anything_to_commit(c)))
                group_leave_partitions(c, "rebalance");
        else if (!c->committing && now >= c->commit_after_ms)
                group_commit(c);
}

void group_step(struct consume *c)
{
        if (c->rebalance == REB_STARTING)
                start_partitions(c);
        if (c->rebalance == REB_DRAINING)
                drain_partitions(c);
        if (c->rebalance == REB_COMMITTING)
                commit_partitions(c);
}

static void set_moving(struct consume *c, const rd_kafka_topic_partition_list_t *list)
{
        c->moving = rd_kafka_topic_partition_list_copy(list);
        c->nth_moving++;
}

static void begin_revoke(struct consume *c, const rd_kafka_topic_partition_list_t *list)
{
        if (c->moving)                  /* an assignment that was still being prepared */
                rd_kafka_topic_partition_list_destroy(c->moving);
        set_moving(c, list);
        for (int i = 0; i < list->cnt; i++) {
                struct partition *p = group_find(c, &list->elems[i]);
                if (p && p->state == PART_ACTIVE)
                        partition_enter(p, PART_DRAINING, "revoke");
        }
        if (rd_kafka_assignment_lost(c->rk)) {
                group_leave_partitions(c, "assignment lost");
                return;
        }
        c->hooks.flush(c->hooks.arg);
        c->deadline_ms = loop_now_ms(c->loop) + c->config->revoke_timeout_ms;
        group_enter(c, REB_DRAINING);
}

void group_on_rebalance(rd_kafka_t *rk, rd_kafka_resp_err_t err, rd_kafka_topic_partition_list_t *list, void *opaque)
{
        struct consume *c = opaque;

        (void)rk;
        stat_inc(&c->stats->rebalances);
        if (err == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS) {
                CHECK(!c->moving);
                c->assigned = true;
                troubles_end(&c->troubles, TROUBLE_GROUP);
                troubles_end(&c->troubles, TROUBLE_COMMIT);
                set_moving(c, list);
                c->ask_again_ms = 0;
                group_enter(c, REB_STARTING);
        } else if (err == RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS) {
                begin_revoke(c, list);
        } else {
                log_warn("consume", "rebalance failed: %s", rd_kafka_err2str(err));
                rd_kafka_assign(c->rk, NULL);
        }
}

/* --- commit ---------------------------------------------------------------------------------- */

/* Commits of one process go one after the other, so that they never go back. */
void group_commit(struct consume *c)
{
        if (c->config->life.dry_run || client_is_joining(c))
                return;
        rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(16);
        struct partition *p;

        for (size_t i = 0; (p = map_next(&c->parts.map, &i)) != NULL;) {
                int64_t offset = partition_committable(p);
                if (offset >= 0)
                        rd_kafka_topic_partition_list_add(list, p->topic, p->id)->offset = offset;
        }
        if (list->cnt > 0 && rd_kafka_commit(c->rk, list, 1) == RD_KAFKA_RESP_ERR_NO_ERROR)
                c->committing = true;
        rd_kafka_topic_partition_list_destroy(list);
        c->commit_after_ms = loop_now_ms(c->loop) + c->config->commit_interval_ms;
}

/* Our standing in the group has changed: another assignment follows, and says where to go on. */
static bool is_of_a_rebalance(rd_kafka_resp_err_t err)
{
        return err == RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS || err == RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION ||
               err == RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID;
}

void group_on_commit(rd_kafka_t *rk, rd_kafka_resp_err_t err, rd_kafka_topic_partition_list_t *list, void *opaque)
{
        struct consume *c = opaque;

        (void)rk;
        c->committing = false;
        for (int i = 0; list && i < list->cnt; i++) {
                const rd_kafka_topic_partition_t *tp = &list->elems[i];
                struct partition *p = group_find(c, tp);
                if (err == RD_KAFKA_RESP_ERR_NO_ERROR && tp->err == RD_KAFKA_RESP_ERR_NO_ERROR && p &&
                    tp->offset > p->stored)
                        p->stored = tp->offset;
        }
        if (err == RD_KAFKA_RESP_ERR_NO_ERROR) {
                stat_inc(&c->stats->commits);
                troubles_end(&c->troubles, TROUBLE_GROUP);
                troubles_end(&c->troubles, TROUBLE_COMMIT);
                return;
        }
        stat_inc(&c->stats->commit_errors);
        if (!is_of_a_rebalance(err))
                troubles_set(&c->troubles, TROUBLE_COMMIT, "offsets of group %s cannot be committed: %s",
                             c->config->kafka.group, rd_kafka_err2str(err));
        log_warn("consume", "offsets not committed, tried again: %s", rd_kafka_err2str(err));
}

/* Not during a rebalance: librdkafka 2.0 may lose the assignment over it. */
void group_commit_when_due(struct consume *c)
{
        if (!c->committing && c->rebalance == REB_NONE && loop_now_ms(c->loop) >= c->commit_after_ms)
                group_commit(c);
}
