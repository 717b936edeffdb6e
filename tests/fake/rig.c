/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fake/rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"

static void on_settled(void *arg, struct file *f)
{
        tail_settled(((struct rig *)arg)->tail, f);
}

static void on_room(void *arg)
{
        (void)arg;
}

static void restore(void *arg, const struct checkpoint_row *row)
{
        tail_restore(((struct rig *)arg)->tail, row);
}

void rig_build(struct rig *r)
{
        struct ship_hooks hooks = { on_settled, on_room, r };
        struct sink_limits limits = { .max_batches = 64, .max_bytes = r->max_bytes };
        struct err e = { 0 };
        unsigned bad;

        r->stats = (struct shipper_stats){ 0 };
        r->loop = loop_new(r->clock, &e);
        r->ship = ship_new(r->loop, &r->stats, &hooks);
        assert_int_equal(ship_set_inputs(r->ship, &r->config.inputs, &e), 0);
        r->tail = tail_new(&(struct tail_parts){ r->loop, &r->config, &r->stats, r->ship });
        assert_int_equal(checkpoint_open(r->state_dir, restore, r, &r->checkpoint, &bad, &e), 0);
        tail_set_checkpoint(r->tail, r->checkpoint);
        struct sink_owner owner = ship_owner(r->ship);
        r->sink = sink_held_new(r->loop, &owner, &limits);
        ship_set_sink(r->ship, r->sink);
        r->watch = watch_new(r->loop, &r->config, r->tail, &r->stats);
}

void rig_start(struct rig *r)
{
        rig_build(r);
        watch_scan(r->watch);
}

void rig_tear_down(struct rig *r)
{
        watch_free(r->watch);
        sink_free(r->sink);
        ship_free(r->ship);
        tail_free(r->tail);
        checkpoint_free(r->checkpoint);
        loop_free(r->loop);
        r->loop = NULL;
}

void rig_kill_and_start(struct rig *r)
{
        rig_tear_down(r);
        rig_start(r);
}

void rig_turn(struct rig *r)
{
        loop_turn(r->loop, 0);
        tail_read(r->tail);
        if (!tail_waits_for_disk(r->tail))
                return;
        while (tail_waits_for_disk(r->tail))
                loop_turn(r->loop, 20);
        tail_read(r->tail);
}

/* More than one: a turn may only tell of a rename. */
void rig_turns(struct rig *r)
{
        for (int i = 0; i < 8; i++)
                rig_turn(r);
}

void rig_answer(struct rig *r)
{
        rig_turns(r);
        sink_held_answer_all(r->sink, VERDICT_DONE);
        tail_save(r->tail, true);
}

void rig_wait_for(struct rig *r, size_t records)
{
        int64_t deadline_ns = clock_system.mono_ns(&clock_system) + 20 * 1000000000ll;

        while (rig_held(r) < records && clock_system.mono_ns(&clock_system) < deadline_ns) {
                loop_turn(r->loop, 20);
                tail_read(r->tail);
        }
        assert_int_equal(rig_held(r), records);
}

/* --- files ----------------------------------------------------------------------------------- */

char *rig_path(const struct rig *r, const char *name)
{
        return tmpdir_path(r->dir, name);
}

void rig_append(const struct rig *r, const char *name, const char *text)
{
        char *path = rig_path(r, name);
        file_append(path, text);
        free(path);
}

void rig_write(const struct rig *r, const char *name, const char *text)
{
        char *path = rig_path(r, name);
        file_write(path, text);
        free(path);
}

void rig_copy(const struct rig *r, const char *from, const char *to)
{
        char *path = rig_path(r, from);
        char *text = file_read(path, NULL);

        rig_append(r, to, text);
        free(text);
        free(path);
}

void rig_move(const struct rig *r, const char *from, const char *to)
{
        char *a = rig_path(r, from), *b = rig_path(r, to);

        assert_int_equal(rename(a, b), 0);
        free(a);
        free(b);
}

void rig_remove(const struct rig *r, const char *name)
{
        char *path = rig_path(r, name);

        assert_int_equal(unlink(path), 0);
        free(path);
}

static int64_t now_of_files(const struct rig *r)
{
        char *path = rig_path(r, "clock");
        struct file_stat st;

        rig_append(r, "clock", "x");
        assert_int_equal(file_stat(AT_FDCWD, path, &st), 0);
        free(path);
        return st.mtime_ns;
}

void rig_later(const struct rig *r)
{
        for (int64_t begun = now_of_files(r); now_of_files(r) == begun;)
                ;
}

void rig_make_dir(const struct rig *r, const char *name)
{
        char *path = rig_path(r, name);

        assert_int_equal(mkdir(path, 0755), 0);
        free(path);
}

void rig_link(const struct rig *r, const char *target, const char *name)
{
        char *to = rig_path(r, target), *at = rig_path(r, name), *aside = rig_path(r, "aside");

        assert_int_equal(symlink(to, aside), 0);
        assert_int_equal(rename(aside, at), 0);
        free(to);
        free(at);
        free(aside);
}

/* --- what came out --------------------------------------------------------------------------- */

size_t rig_held(const struct rig *r)
{
        return sink_held_count(r->sink);
}

static size_t find(const struct rig *r, const char *message)
{
        char *part = xasprintf("\"message\":\"%s\"", message);
        size_t i = 0;

        while (i < rig_held(r) && !sink_held_value_has(r->sink, i, part))
                i++;
        free(part);
        return i;
}

bool rig_shipped(const struct rig *r, const char *message)
{
        return find(r, message) < rig_held(r);
}

size_t rig_find(const struct rig *r, const char *message)
{
        size_t i = find(r, message);

        assert_true(i < rig_held(r));
        return i;
}

void rig_id_of(const struct rig *r, const char *message, char out[IDENT_LINE_TEXT + 1])
{
        const struct record *rec = sink_held_record(r->sink, rig_find(r, message));

        memcpy(out, strstr(batch_at(rec->batch, rec->value), "\"id\":\"") + 6, IDENT_LINE_TEXT);
        out[IDENT_LINE_TEXT] = '\0';
}

void rig_check_ledger(const struct rig *r)
{
        const struct shipper_stats *s = &r->stats;

        assert_int_equal(stat_get(&s->lines_read),
                         stat_get(&s->lines_acked) + stat_get(&s->dropped_rejected) + stat_get(&s->lines_in_flight));
        assert_int_equal(stat_get(&s->lines_in_flight), rig_held(r));
}

/* --- life ------------------------------------------------------------------------------------ */

void rig_set_pattern(struct rig *r, const char *pattern)
{
        free(r->pattern);
        r->pattern = rig_path(r, pattern);
        r->input.paths = (struct strlist){ &r->pattern, 1 };
}

struct rig *rig_new(const char *pattern)
{
        struct rig *r = xcalloc(1, sizeof(*r));

        log_setup(LOG_ERROR, LOG_TEXT, STDERR_FILENO);
        r->dir = tmpdir_new();
        r->state_dir = rig_path(r, "state");
        assert_int_equal(mkdir(r->state_dir, 0755), 0);
        r->input.service = (char *)"shop";
        rig_set_pattern(r, pattern);
        r->config = (struct shipper_config){ .inputs = { &r->input, 1 },
                                             .host = (char *)"web-1",
                                             .max_line_bytes = 1000,
                                             .scan_interval_ms = 3600 * 1000 };
        r->clock = &clock_system;
        r->max_bytes = 1 << 20;
        return r;
}

void rig_free(struct rig *r)
{
        if (r->loop) {
                rig_check_ledger(r);
                rig_tear_down(r);
        }
        tmpdir_free(r->dir);
        free(r->state_dir);
        free(r->pattern);
        free(r);
}
