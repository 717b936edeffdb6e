/* SPDX-License-Identifier: Apache-2.0 */
#include "base/queue.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/mem.h"

struct queue {
        pthread_mutex_t lock; /* for all below */
        pthread_cond_t filled;
        struct qitem *head, **tail;
        size_t items, bytes;
        size_t max_items, max_bytes; /* constant */
        int fd;                      /* -1 until somebody asks; then readable exactly while items > 0 */
        bool closed;
};

struct queue *queue_new(size_t max_items, size_t max_bytes)
{
        struct queue *q = xcalloc(1, sizeof(*q));

        CHECK(max_items > 0 && max_bytes > 0);
        pthread_mutex_init(&q->lock, NULL);
        pthread_cond_init(&q->filled, NULL);
        q->tail = &q->head;
        q->max_items = max_items;
        q->max_bytes = max_bytes;
        q->fd = -1;
        return q;
}

void queue_free(struct queue *q)
{
        if (q == NULL)
                return;
        CHECK(q->items == 0);
        if (q->fd >= 0)
                close(q->fd);
        pthread_cond_destroy(&q->filled);
        pthread_mutex_destroy(&q->lock);
        free(q);
}

/* Both are called with the lock held, and neither blocks: the counter never gets beyond 1. */
static void signal_fd(struct queue *q)
{
        int r = q->fd >= 0 ? eventfd_write(q->fd, 1) : 0;

        CHECK(r == 0);
}

static void clear_fd(struct queue *q)
{
        eventfd_t ignored;
        int r = q->fd >= 0 ? eventfd_read(q->fd, &ignored) : 0;

        CHECK(r == 0);
}

static int has_room(const struct queue *q, size_t bytes)
{
        if (q->closed)
                return -EPIPE;
        if (q->items == 0)
                return 0; /* whatever its size, or it would wait for ever */
        if (q->items >= q->max_items || q->bytes >= q->max_bytes || bytes > q->max_bytes - q->bytes)
                return -EAGAIN;
        return 0;
}

int queue_push(struct queue *q, struct qitem **item)
{
        int r;

        pthread_mutex_lock(&q->lock);
        r = has_room(q, (*item)->bytes);
        if (r == 0) {
                (*item)->next = NULL;
                *q->tail = *item;
                q->tail = &(*item)->next;
                q->bytes += (*item)->bytes;
                if (q->items++ == 0)
                        signal_fd(q);
                pthread_cond_signal(&q->filled); /* one item, one worker; free when none waits */
                *item = NULL;
        }
        pthread_mutex_unlock(&q->lock);
        return r;
}

struct qitem *queue_drain(struct queue *q)
{
        struct qitem *all;

        pthread_mutex_lock(&q->lock);
        all = q->head;
        if (all != NULL) {
                q->head = NULL;
                q->tail = &q->head;
                q->items = q->bytes = 0;
                clear_fd(q);
        }
        pthread_mutex_unlock(&q->lock);
        return all;
}

struct qitem *queue_pop(struct queue *q)
{
        struct qitem *item;

        pthread_mutex_lock(&q->lock);
        while (q->head == NULL && !q->closed)
                pthread_cond_wait(&q->filled, &q->lock);
        item = q->head;
        if (item != NULL) {
                q->head = item->next;
                item->next = NULL;
                q->bytes -= item->bytes;
                if (--q->items == 0) {
                        q->tail = &q->head;
                        clear_fd(q);
                }
        }
        pthread_mutex_unlock(&q->lock);
        return item;
}

void queue_close(struct queue *q)
{
        pthread_mutex_lock(&q->lock);
        q->closed = true;
        pthread_cond_broadcast(&q->filled);
        pthread_mutex_unlock(&q->lock);
}

int queue_fd(struct queue *q)
{
        int fd;

        pthread_mutex_lock(&q->lock);
        if (q->fd < 0) {
                q->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
                CHECK(q->fd >= 0);
                if (q->items > 0)
                        signal_fd(q);
        }
        fd = q->fd;
        pthread_mutex_unlock(&q->lock);
        return fd;
}

size_t queue_bytes(struct queue *q)
{
        size_t bytes;

        pthread_mutex_lock(&q->lock);
        bytes = q->bytes;
        pthread_mutex_unlock(&q->lock);
        return bytes;
}
