/* SPDX-License-Identifier: Apache-2.0 */
/* Whose turn it is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "shipper/order.h"
#include "shipper/turns.h"

static struct input_config files, ring = { .listen = (char *)"tcp://0.0.0.0:514" }, other = { .listen = (char *)"stdin://" };

static struct file *ready(struct turns *t, const char *path, const struct input_config *input)
{
        static uint64_t inode;
        struct file *f = file_new(path, input, &(struct file_stat){ .inode = ++inode, .birth_ns = 1 });

        file_enter(f, FILE_READY, "test");
        turns_push(t, f);
        return f;
}

/* Takes all of them, in the order they come; frees them. */
static void assert_order(struct turns *t, const char *const *paths, size_t n)
{
        for (size_t i = 0; i < n; i++) {
                struct file *f = turns_pop(t);
                assert_string_equal(f->path, paths[i]);
                file_free(f);
        }
        assert_null(t->first);
}

static void files_come_in_the_order_they_were_ready(void **state)
{
        struct loop *l = loop_new(&clock_system, NULL);
        struct turns t;

        (void)state;
        turns_init(&t, l);
        ready(&t, "/b", &files);
        ready(&t, "/a", &files);
        ready(&t, "/c", &files);
        assert_order(&t, (const char *[]){ "/b", "/a", "/c" }, 3);
        turns_fini(&t);
        loop_free(l);
}

static void the_turn_of_a_ring_is_that_of_its_oldest_segment(void **state)
{
        struct loop *l = loop_new(&clock_system, NULL);
        struct turns t;

        (void)state;
        turns_init(&t, l);
        ready(&t, "/r/00000011.log", &ring);
        ready(&t, "/z", &files);
        ready(&t, "/s/00000001.log", &other);
        ready(&t, "/r/00000009.log", &ring);
        ready(&t, "/r/00000010.log", &ring);
        struct file *f = turns_pop(&t);
        assert_string_equal(f->path, "/r/00000009.log");
        turns_push(&t, f);              /* there is more of it */
        assert_order(&t, (const char *[]){ "/z", "/s/00000001.log", "/r/00000009.log", "/r/00000010.log", "/r/00000011.log" }, 5);
        turns_fini(&t);
        loop_free(l);
}

static void who_comes_after_another_has_no_turn_before_it(void **state)
{
        struct loop *l = loop_new(&clock_system, NULL);
        struct turns t;

        (void)state;
        turns_init(&t, l);
        struct file *newest = ready(&t, "/a.log", &files), *newer = ready(&t, "/a.log.1", &files);
        ready(&t, "/b.log", &files);
        struct file *oldest = ready(&t, "/a.log.2", &files);
        order_after(newer, oldest);
        order_after(newest, oldest);    /* behind all that are there */
        assert_ptr_equal(newest->older, newer);
        order_after(oldest, newest);    /* no rings */
        assert_null(oldest->older);
        struct file *b = turns_pop(&t);
        assert_string_equal(b->path, "/b.log");
        turns_push(&t, b);
        assert_ptr_equal(turns_pop(&t), oldest);
        /* Idle, it waits for nobody and nobody for it; ready again it does. */
        file_enter(oldest, FILE_IDLE, "test");
        assert_false(order_waits(newer));
        assert_true(order_waits(newest));
        turns_touch(&t, oldest);
        assert_true(order_waits(newer));
        order_leave(newer);
        assert_false(order_waits(newer));
        assert_true(order_waits(newest));
        order_leave(oldest);
        assert_false(order_waits(newest));
        assert_order(&t, (const char *[]){ "/a.log", "/a.log.1", "/b.log", "/a.log.2" }, 4);
        turns_fini(&t);
        loop_free(l);
}

static void the_open_archive_waits_for_nobody(void **state)
{
        struct loop *l = loop_new(&clock_system, NULL);
        struct turns t;

        (void)state;
        turns_init(&t, l);
        struct file *old = ready(&t, "/a.log.2.gz", &files), *open = ready(&t, "/a.log.1.gz", &files);
        open->packed = xcalloc(1, sizeof(*open->packed));
        order_after(open, old);
        assert_true(order_waits(open));
        open->packed->archive = (struct archive *)(void *)open;         /* the one that is open; old waits for that */
        assert_false(order_waits(open));
        open->packed->archive = NULL;
        order_leave(open);
        assert_order(&t, (const char *[]){ "/a.log.2.gz", "/a.log.1.gz" }, 2);
        turns_fini(&t);
        loop_free(l);
}

static void segments_of_one_ring_have_one_key(void **state)
{
        struct file *v[4];

        (void)state;
        for (uint64_t i = 0; i < 4; i++) {
                v[i] = file_new("/r/00000001.log", i < 2 ? &ring : i == 2 ? &other : &files, &(struct file_stat){ .inode = i + 1 });
                file_name(v[i], "web-1", "first\n", 6);
                file_make_stream(v[i], "web-1");
        }
        assert_memory_equal(&v[0]->key, &v[1]->key, sizeof(v[0]->key));
        assert_memory_not_equal(&v[0]->key, &v[2]->key, sizeof(v[0]->key));
        assert_memory_not_equal(&v[0]->id, &v[1]->id, sizeof(v[0]->id));
        assert_memory_equal(&v[3]->key, &v[3]->id, sizeof(v[0]->key));
        struct ident here = v[0]->key;
        file_make_stream(v[0], "web-2");
        assert_memory_not_equal(&v[0]->key, &here, sizeof(here));
        for (int i = 0; i < 4; i++)
                file_free(v[i]);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(files_come_in_the_order_they_were_ready),
                cmocka_unit_test(the_turn_of_a_ring_is_that_of_its_oldest_segment),
                cmocka_unit_test(who_comes_after_another_has_no_turn_before_it),
                cmocka_unit_test(the_open_archive_waits_for_nobody),
                cmocka_unit_test(segments_of_one_ring_have_one_key),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
