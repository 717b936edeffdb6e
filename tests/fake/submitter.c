/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fake/submitter.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"

/* --- what comes back ------------------------------------------------------------------------ */

static void take(struct submitter *s, const struct batch *b, const struct record *r)
{
        assert_true(r->seq < s->made);
        assert_int_not_equal(r->verdict, VERDICT_NONE);
        assert_int_equal(s->verdict[r->seq], VERDICT_NONE); /* else it came twice */
        s->verdict[r->seq] = r->verdict;
        s->count[r->verdict]++;
        s->back++;
        if (r->verdict != VERDICT_DONE) {
                s->status = r->status;
                snprintf(s->reason, sizeof(s->reason), "%.*s", (int)r->reason.len, batch_reason(b, r));
        }
}

static void on_done(void *arg, struct batch **b)
{
        struct submitter *s = arg;

        assert_false(s->in_submit);
        assert_int_equal((*b)->waiting, 0);
        assert_true((*b)->n > 0);
        for (size_t i = 0; i < (*b)->n; i++)
                take(s, *b, &(*b)->recs[i]);
        s->batches_back++;
        batch_free(*b);
        *b = NULL;
}

static void on_room(void *arg)
{
        struct submitter *s = arg;

        assert_false(s->in_submit);
        assert_true(sink_has_room(s->sink));
        s->rooms++;
        while (s->refill > 0 && sink_has_room(s->sink)) {
                struct batch *b = submitter_batch(s, 10, 100);

                s->refill--;
                submitter_submit(s, &b);
        }
}

struct sink_owner submitter_owner(struct submitter *s)
{
        return (struct sink_owner){ .done = on_done, .room = on_room, .arg = s };
}

/* --- what goes in --------------------------------------------------------------------------- */

struct submitter *submitter_new(void)
{
        struct submitter *s = xcalloc(1, sizeof(*s));

        s->loop = loop_new(&clock_system, NULL);
        assert_non_null(s->loop);
        return s;
}

void submitter_free(struct submitter *s)
{
        if (s == NULL)
                return;
        sink_free(s->sink);
        loop_free(s->loop);
        free(s);
}

static void add(struct submitter *s, struct batch *b, const char *padding, size_t pad)
{
        struct record *r = batch_add(b);
        size_t start = b->data.len;
        size_t number = s->made++;
        char text[32];

        assert_true(s->made <= SUBMITTER_MAX);
        r->seq = number;
        buf_printf(&b->data, "{\"n\":%zu,\"pad\":\"", number);
        buf_put(&b->data, padding, pad);
        buf_puts(&b->data, "\"}");
        r->value = batch_since(b, start);
        snprintf(text, sizeof(text), "k%zu", number % 4);
        r->key = batch_put(b, text, strlen(text));
        snprintf(text, sizeof(text), "n%zu", number);
        r->id = batch_put(b, text, strlen(text));
        batch_header(b, r, "n", text + 1, strlen(text + 1));
}

struct batch *submitter_batch(struct submitter *s, size_t n, size_t pad)
{
        struct batch *b = batch_new(0);
        char *padding = xmalloc(pad + 1);

        memset(padding, 'x', pad);
        for (size_t i = 0; i < n; i++)
                add(s, b, padding, pad);
        free(padding);
        return b;
}

void submitter_submit(struct submitter *s, struct batch **b)
{
        s->submitted += (*b)->n;
        s->in_submit = true;
        sink_submit(s->sink, b);
        s->in_submit = false;
        assert_null(*b);
        if (s->sink->batches > s->most_batches)
                s->most_batches = s->sink->batches;
}

/* --- waiting -------------------------------------------------------------------------------- */

static int64_t now_ms(void)
{
        return clock_system.mono_ns(&clock_system) / 1000000;
}

static void turn(struct submitter *s, int64_t deadline, const char *what)
{
        if (now_ms() > deadline)
                fail_msg("%s: %zu of %zu records are back; trouble: %s", what, s->back, s->submitted,
                         sink_trouble(s->sink) != NULL ? sink_trouble(s->sink) : "none");
        loop_turn(s->loop, 50);
}

void submitter_send(struct submitter *s, size_t n, size_t pad)
{
        struct batch *b = submitter_batch(s, n, pad);
        int64_t deadline = now_ms() + SUBMITTER_DEADLINE_MS;

        while (!sink_has_room(s->sink))
                turn(s, deadline, "no room");
        submitter_submit(s, &b);
}

void submitter_wait(struct submitter *s, size_t back)
{
        int64_t deadline = now_ms() + SUBMITTER_DEADLINE_MS;

        while (s->back < back)
                turn(s, deadline, "not back");
}

void submitter_wait_all(struct submitter *s)
{
        submitter_wait(s, s->submitted);
        assert_int_equal(s->sink->batches, 0);
        assert_int_equal(s->sink->bytes, 0);
}

void submitter_turns(struct submitter *s, int ms)
{
        for (int64_t end = now_ms() + ms, now; (now = now_ms()) < end;)
                loop_turn(s->loop, end - now);
}

void submitter_wait_trouble(struct submitter *s, const char *part)
{
        int64_t deadline = now_ms() + SUBMITTER_DEADLINE_MS;

        while (sink_trouble(s->sink) == NULL || strstr(sink_trouble(s->sink), part) == NULL)
                turn(s, deadline, part);
}

void submitter_close(struct submitter *s)
{
        sink_close(s->sink);
        assert_int_equal(s->back, s->submitted);
        assert_int_equal(s->sink->batches, 0);
        assert_int_equal(s->sink->bytes, 0);
}
