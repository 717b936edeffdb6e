/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/backoff.h"
#include "sinks/batch.h"

static struct slice text(struct batch *b, const char *s)
{
        return batch_put(b, s, strlen(s));
}

static void assert_slice(const struct batch *b, struct slice s, const char *want)
{
        assert_int_equal(s.len, strlen(want));
        assert_memory_equal(batch_at(b, s), want, s.len);
}

static void records_are_slices_of_one_buffer(void **state)
{
        struct batch *b = batch_new(100);
        struct record *r;

        (void)state;
        for (int i = 0; i < 50; i++) {
                char line[32];

                r = batch_add(b);
                snprintf(line, sizeof(line), "value %d", i);
                r->value = text(b, line);
                r->key = text(b, "key");
                r->weight = 1;
        }
        assert_int_equal(b->n, 50);
        assert_int_equal(b->waiting, 50);
        assert_slice(b, b->recs[0].value, "value 0");
        assert_slice(b, b->recs[49].value, "value 49");
        assert_slice(b, b->recs[49].key, "key");
        assert_int_equal(b->recs[7].verdict, VERDICT_NONE);
        assert_true(batch_bytes(b) >= b->data.cap + 50 * (sizeof(*r) + BATCH_RECORD_OVERHEAD));
        batch_free(b);
        batch_free(NULL);
}

static void what_was_written_since_a_mark_is_a_slice(void **state)
{
        struct batch *b = batch_new(0);
        size_t start;

        (void)state;
        text(b, "before");
        start = b->data.len;
        buf_puts(&b->data, "{\"a\":");
        buf_puts(&b->data, "1}");
        assert_slice(b, batch_since(b, start), "{\"a\":1}");
        batch_free(b);
}

static void an_undone_record_leaves_no_trace(void **state)
{
        struct batch *b = batch_new(0);
        struct record *r = batch_add(b);
        size_t start;

        (void)state;
        r->value = text(b, "kept");
        batch_header(b, r, "h", "1", 1);
        start = b->data.len;
        r = batch_add(b);
        r->value = text(b, "gone");
        batch_header(b, r, "h", "2", 1);
        batch_undo_add(b, start);
        assert_int_equal(b->n, 1);
        assert_int_equal(b->waiting, 1);
        assert_int_equal(b->nheaders, 1);
        assert_int_equal(b->data.len, start);
        r = batch_add(b);
        assert_int_equal(r->nheaders, 0);
        assert_int_equal(r->first_header, 1);
        batch_free(b);
}

static void a_verdict_has_status_and_reason_and_is_counted(void **state)
{
        static char longer[BATCH_REASON_MAX + 500];
        struct batch *b = batch_new(0);

        (void)state;
        for (int i = 0; i < 3; i++)
                batch_add(b);
        memset(longer, 'r', sizeof(longer));
        batch_settle(b, &b->recs[1], VERDICT_REJECT, 400, "mapper", 6);
        batch_settle(b, &b->recs[0], VERDICT_DONE, 201, NULL, 0);
        assert_int_equal(b->waiting, 1);
        batch_settle(b, &b->recs[2], VERDICT_REJECT, 400, longer, sizeof(longer));
        assert_int_equal(b->waiting, 0);
        assert_int_equal(b->recs[1].status, 400);
        assert_int_equal(b->recs[1].reason.len, 6);
        assert_memory_equal(batch_reason(b, &b->recs[1]), "mapper", 6);
        assert_int_equal(b->recs[0].reason.len, 0);
        assert_non_null(batch_reason(b, &b->recs[0]));
        assert_int_equal(b->recs[2].reason.len, BATCH_REASON_MAX);
        batch_free(b);
}

static void nothing_waiting_nothing_split(void **state)
{
        struct batch *b = batch_new(0);

        (void)state;
        batch_settle(b, batch_add(b), VERDICT_DONE, 0, NULL, 0);
        assert_null(batch_split_waiting(b));
        assert_int_equal(b->n, 1);
        batch_free(b);
}

/* --- splitting: each record stands once, whole, in the right half, in its order --------------- */

static void fill(struct batch *b, size_t n)
{
        for (size_t i = 0; i < n; i++) {
                struct record *r = batch_add(b);
                char s[64];

                r->seq = i;
                snprintf(s, sizeof(s), "{\"id\":\"%03zu\"}", i);
                r->value = text(b, s);
                r->id = (struct slice){ r->value.off + 7, 3 };
                if (i % 2 == 0)
                        r->key = text(b, s + 7);
                if (i % 3 == 0)
                        r->dest = text(b, "index");
                for (size_t h = 0; h < i % 4; h++)
                        batch_header(b, r, h == 0 ? "first" : "more", s, 5 + h);
        }
}

static void check_record(const struct batch *b, const struct record *r)
{
        size_t i = (size_t)r->seq;
        char s[64];

        snprintf(s, sizeof(s), "{\"id\":\"%03zu\"}", i);
        assert_slice(b, r->value, s);
        assert_slice(b, r->key, i % 2 == 0 ? s + 7 : "");
        assert_slice(b, r->dest, i % 3 == 0 ? "index" : "");
        assert_int_equal(r->nheaders, i % 4);
        for (size_t h = 0; h < i % 4; h++) {
                const struct header *x = &b->headers[r->first_header + h];

                assert_string_equal(x->name, h == 0 ? "first" : "more");
                assert_int_equal(x->value.len, 5 + h);
                assert_memory_equal(batch_at(b, x->value), s, 5 + h);
        }
        s[10] = '\0';
        assert_slice(b, r->id, s + 7);
        assert_int_equal(r->id.off, r->value.off + 7); /* still inside, not a second copy */
}

static void check_half(const struct batch *b, uint8_t verdict, const uint8_t *verdicts, size_t n)
{
        size_t at = 0;

        for (size_t i = 0; i < n; i++) {
                if (verdicts[i] != verdict)
                        continue;
                assert_true(at < b->n);
                assert_int_equal(b->recs[at].seq, i);
                assert_int_equal(b->recs[at].verdict, verdict);
                check_record(b, &b->recs[at++]);
        }
        assert_int_equal(at, b->n);
}

static void every_split_keeps_each_record_once_and_whole(void **state)
{
        (void)state;
        random_seed(5);
        for (int round = 0; round < 1000; round++) {
                size_t n = 1 + random_u64() % 40, settled = 0;
                unsigned odds = (unsigned)(random_u64() % 11);
                struct batch *b = batch_new(0), *part;
                uint8_t verdicts[40] = { 0 };

                fill(b, n);
                b->tries = 3;
                b->opened_ms = 99;
                for (size_t i = 0; i < n; i++)
                        if (random_u64() % 10 < odds) {
                                verdicts[i] = VERDICT_DONE;
                                batch_settle(b, &b->recs[i], VERDICT_DONE, 201, NULL, 0);
                                settled++;
                        }
                part = batch_split_waiting(b);
                assert_int_equal(part == NULL, settled == n);
                assert_int_equal(b->waiting, 0);
                check_half(b, VERDICT_DONE, verdicts, n);
                if (part != NULL) {
                        assert_int_equal(part->waiting, part->n);
                        assert_int_equal(part->tries, 3);
                        assert_int_equal(part->opened_ms, 99);
                        assert_ptr_equal(part->recs[0].batch, part);
                        check_half(part, VERDICT_NONE, verdicts, n);
                }
                batch_free(part);
                batch_free(b);
        }
}

static void room_that_was_expected_is_not_made_again(void **state)
{
        struct batch *b = batch_new(100);

        (void)state;
        batch_expect(b, 20);
        const struct record *first = batch_add(b);
        for (int i = 1; i < 20; i++)
                batch_add(b);
        assert_ptr_equal(first, b->recs);
        batch_add(b);
        assert_int_equal(b->n, 21);
        batch_free(b);
        b = batch_new(0);
        batch_expect(b, 0);
        batch_add(b);
        assert_int_equal(b->n, 1);
        batch_free(b);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(room_that_was_expected_is_not_made_again),
                cmocka_unit_test(records_are_slices_of_one_buffer),
                cmocka_unit_test(what_was_written_since_a_mark_is_a_slice),
                cmocka_unit_test(an_undone_record_leaves_no_trace),
                cmocka_unit_test(a_verdict_has_status_and_reason_and_is_counted),
                cmocka_unit_test(nothing_waiting_nothing_split),
                cmocka_unit_test(every_split_keeps_each_record_once_and_whole),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
