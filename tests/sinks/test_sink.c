/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "sinks/sink.h"

/* A sink that holds what it gets until the test lets it go. */
struct shelf {
        struct sink sink;
        struct batch *held[16];
        size_t n;
        bool closed, freed;
};

static void shelf_submit(struct sink *s, struct batch **b)
{
        struct shelf *f = container_of(s, struct shelf, sink);

        f->held[f->n++] = *b;
        *b = NULL;
}

static void let_go(struct shelf *f, size_t i, enum verdict v)
{
        struct batch *b = f->held[i];

        f->held[i] = f->held[--f->n];
        for (size_t r = 0; r < b->n; r++)
                if (b->recs[r].verdict == VERDICT_NONE)
                        batch_settle(b, &b->recs[r], v, 0, NULL, 0);
        sink_done(&f->sink, &b);
        assert_null(b);
}

static void shelf_close(struct sink *s)
{
        struct shelf *f = container_of(s, struct shelf, sink);

        f->closed = true;
        while (f->n > 0)
                let_go(f, 0, VERDICT_RETRY);
}

static void shelf_free(struct sink *s)
{
        container_of(s, struct shelf, sink)->freed = true;
}

static const struct sink_ops shelf_ops = {
        .name = "shelf",
        .submit = shelf_submit,
        .close = shelf_close,
        .free = shelf_free,
};

struct owner {
        size_t done, retried, rooms, batches_at_done;
        struct shelf *f;
};

static void on_done(void *arg, struct batch **b)
{
        struct owner *o = arg;

        for (size_t i = 0; i < (*b)->n; i++)
                *((*b)->recs[i].verdict == VERDICT_RETRY ? &o->retried : &o->done) += 1;
        assert_int_equal((*b)->charged, 0);
        o->batches_at_done = o->f->sink.batches;
        batch_free(*b);
        *b = NULL;
}

static void on_room(void *arg)
{
        ((struct owner *)arg)->rooms++;
}

static void set_up(struct shelf *f, struct owner *o, size_t max_batches, size_t max_bytes)
{
        *o = (struct owner){ .f = f };
        *f = (struct shelf){ .sink = { .ops = &shelf_ops,
                                       .owner = { .done = on_done, .room = on_room, .arg = o },
                                       .limits = { max_batches, max_bytes } } };
}

static void submit(struct shelf *f, size_t records, size_t bytes)
{
        struct batch *b = batch_new(bytes);

        for (size_t i = 0; i < records; i++)
                batch_add(b);
        assert_true(sink_has_room(&f->sink));
        sink_submit(&f->sink, &b);
        assert_null(b);
}

static void room_is_called_once_after_a_no(void **state)
{
        struct shelf f;
        struct owner o;

        (void)state;
        set_up(&f, &o, 2, 1 << 30);
        submit(&f, 1, 10);
        submit(&f, 1, 10);
        let_go(&f, 0, VERDICT_DONE);
        assert_int_equal(o.rooms, 0);           /* nobody was told no */
        assert_int_equal(o.batches_at_done, 1); /* uncharged before done */
        submit(&f, 1, 10);
        assert_false(sink_has_room(&f.sink));
        assert_false(sink_has_room(&f.sink));
        let_go(&f, 0, VERDICT_DONE);
        assert_int_equal(o.rooms, 1);
        let_go(&f, 0, VERDICT_DONE);
        assert_int_equal(o.rooms, 1);
        assert_int_equal(o.done, 3);
        assert_int_equal(f.sink.bytes, 0);
        sink_free(&f.sink);
}

static void bytes_bound_too_and_one_large_batch_passes_an_empty_sink(void **state)
{
        struct shelf f;
        struct owner o;

        (void)state;
        set_up(&f, &o, 100, 10000);
        submit(&f, 1, 1000000);
        assert_true(f.sink.bytes >= 1000000);
        assert_false(sink_has_room(&f.sink));
        let_go(&f, 0, VERDICT_DONE);
        assert_int_equal(o.rooms, 1);
        submit(&f, 1, 100);
        assert_true(sink_has_room(&f.sink));
        sink_free(&f.sink);
}

static void a_part_split_off_is_charged_on_its_own(void **state)
{
        struct shelf f;
        struct owner o;
        struct batch *part;
        size_t before;

        (void)state;
        set_up(&f, &o, 1, 1 << 30);
        submit(&f, 4, 100);
        before = f.sink.bytes;
        batch_settle(f.held[0], &f.held[0]->recs[2], VERDICT_DONE, 0, NULL, 0);
        part = batch_split_waiting(f.held[0]);
        sink_split(&f.sink, f.held[0], part);
        f.held[f.n++] = part;
        assert_int_equal(f.sink.batches, 2);
        assert_int_equal(f.sink.bytes, before + batch_bytes(part));
        assert_false(sink_has_room(&f.sink));
        let_go(&f, 0, VERDICT_DONE);
        assert_int_equal(o.rooms, 0); /* the part alone fills it */
        let_go(&f, 0, VERDICT_DONE);
        assert_int_equal(o.rooms, 1);
        assert_int_equal(o.done, 4);
        assert_int_equal(f.sink.bytes, 0);
        sink_free(&f.sink);
}

static void close_hands_back_the_rest_and_makes_no_room(void **state)
{
        struct shelf f;
        struct owner o;

        (void)state;
        set_up(&f, &o, 2, 1 << 30);
        submit(&f, 3, 10);
        submit(&f, 3, 10);
        assert_false(sink_has_room(&f.sink));
        sink_free(&f.sink);
        assert_true(f.closed && f.freed);
        assert_int_equal(o.retried, 6);
        assert_int_equal(o.rooms, 0);
        assert_false(sink_has_room(&f.sink));
        sink_free(NULL);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(room_is_called_once_after_a_no),
                cmocka_unit_test(bytes_bound_too_and_one_large_batch_passes_an_empty_sink),
                cmocka_unit_test(a_part_split_off_is_charged_on_its_own),
                cmocka_unit_test(close_hands_back_the_rest_and_makes_no_room),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
