/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/asker.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "collector/topics.h"

struct asker {
        struct loop *loop;
        rd_kafka_t *rk;                 /* borrowed; both threads */
        void (*answered)(void *arg, const struct question *q);
        void *arg;
        struct queue *questions;        /* owned; loop -> thread */
        struct queue *answers;          /* owned; thread -> loop */
        struct io io;
        bool busy[NASKS];
        bool started;
        pthread_t thread;
};

/* --- the thread's half ----------------------------------------------------------------------- */

/* A consumer's question about one topic does not make it come into being (allow.auto.create.topics). */
static rd_kafka_resp_err_t ask_topic(rd_kafka_t *rk, const char *topic, rd_kafka_resp_err_t *ret_topic_err)
{
        const struct rd_kafka_metadata *md;
        rd_kafka_topic_t *handle = rd_kafka_topic_new(rk, topic, NULL);

        if (!handle)
                return rd_kafka_last_error();
        rd_kafka_resp_err_t err = rd_kafka_metadata(rk, 0, handle, &md, ASK_TIMEOUT_MS);
        if (!err) {
                *ret_topic_err = md->topic_cnt == 1 ? md->topics[0].err : RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
                rd_kafka_metadata_destroy(md);
        }
        rd_kafka_topic_destroy(handle);
        return err;
}

static rd_kafka_resp_err_t ask_pattern(rd_kafka_t *rk, const char *pattern, rd_kafka_resp_err_t *ret_topic_err)
{
        const struct rd_kafka_metadata *md;
        rd_kafka_resp_err_t err = rd_kafka_metadata(rk, 1, NULL, &md, ASK_TIMEOUT_MS);

        if (err)
                return err;
        *ret_topic_err = RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
        for (int i = 0; i < md->topic_cnt; i++)
                if (topics_match(pattern, md->topics[i].topic))
                        *ret_topic_err = RD_KAFKA_RESP_ERR_NO_ERROR;
        rd_kafka_metadata_destroy(md);
        return err;
}

static void ask_topics(rd_kafka_t *rk, struct question *q)
{
        for (size_t i = 0; i < q->topics->n && !q->err && !q->topic; i++) {
                const char *topic = q->topics->v[i];
                rd_kafka_resp_err_t topic_err = RD_KAFKA_RESP_ERR_NO_ERROR;
                q->err = topics_is_pattern(topic) ? ask_pattern(rk, topic, &topic_err) : ask_topic(rk, topic, &topic_err);
                if (q->err || !topic_err)
                        continue;
                q->topic = topic;
                q->err = topic_err;
        }
}

static void ask(rd_kafka_t *rk, struct question *q)
{
        switch (q->what) {
        case ASK_TOPICS:
                ask_topics(rk, q);
                return;
        case ASK_ENDS:
                for (int i = 0; i < q->list->cnt; i++)
                        q->list->elems[i].offset = RD_KAFKA_OFFSET_END;
                q->err = rd_kafka_offsets_for_times(rk, q->list, ASK_TIMEOUT_MS);
                return;
        case ASK_RANGE:
                q->err = rd_kafka_query_watermark_offsets(rk, q->list->elems[0].topic, q->list->elems[0].partition, &q->low,
                                                          &q->high, ASK_TIMEOUT_MS);
                return;
        case NASKS:
                CHECK(q->what != NASKS);
        }
}

static void *work(void *arg)
{
        struct asker *a = arg;
        struct qitem *item;

        while ((item = queue_pop(a->questions)) != NULL) {
                struct question *q = container_of(item, struct question, item);
                ask(a->rk, q);
                CHECK(queue_push(a->answers, &item) == 0);      /* holds as many as there are kinds */
        }
        return NULL;
}

/* --- the loop's half ------------------------------------------------------------------------- */

static void question_free(struct question *q)
{
        if (q->list)
                rd_kafka_topic_partition_list_destroy(q->list);
        free(q);
}

static void discard(struct queue *queue)
{
        for (struct qitem *next, *item = queue_drain(queue); item; item = next) {
                next = item->next;
                question_free(container_of(item, struct question, item));
        }
}

static void on_answers(struct io *io, uint32_t events)
{
        struct asker *a = io->arg;

        (void)events;
        for (struct qitem *next, *item = queue_drain(a->answers); item; item = next) {
                struct question *q = container_of(item, struct question, item);
                next = item->next;
                a->busy[q->what] = false;
                a->answered(a->arg, q);
                question_free(q);
        }
}

bool asker_busy(const struct asker *a, enum ask what)
{
        return a->busy[what];
}

void asker_ask(struct asker *a, const struct question *q)
{
        struct question *copy = xcalloc(1, sizeof(*copy));
        struct qitem *item = &copy->item;

        CHECK(!a->busy[q->what]);
        if (!a->started)
                CHECK(pthread_create(&a->thread, NULL, work, a) == 0);
        a->started = true;
        *copy = *q;
        a->busy[q->what] = true;
        CHECK(queue_push(a->questions, &item) == 0);
}

struct asker *asker_new(struct loop *l, rd_kafka_t *rk, void (*answered)(void *arg, const struct question *q), void *arg)
{
        struct asker *a = xcalloc(1, sizeof(*a));

        a->loop = l;
        a->rk = rk;
        a->answered = answered;
        a->arg = arg;
        a->questions = queue_new(NASKS, SIZE_MAX);
        a->answers = queue_new(NASKS, SIZE_MAX);
        a->io = (struct io){ .fd = queue_fd(a->answers), .name = "asker", .fn = on_answers, .arg = a };
        loop_add(l, &a->io, EPOLLIN);
        return a;
}

void asker_free(struct asker *a)
{
        if (!a)
                return;
        loop_del(a->loop, &a->io);
        queue_close(a->questions);
        discard(a->questions);          /* whoever asked is gone */
        if (a->started)
                pthread_join(a->thread, NULL);
        discard(a->answers);
        queue_free(a->questions);
        queue_free(a->answers);
        free(a);
}
