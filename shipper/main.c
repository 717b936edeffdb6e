/* SPDX-License-Identifier: Apache-2.0 */
/* shipper: tails files and puts every line into Kafka at least once.
 *
 *   globs, inotify --> watch --> tail --> lines --> ship --> sink (kafka, or another output)
 *                                 ^ ^                |         |
 *                                 | +- stop reading -+         | verdicts
 *                    checkpoint <-+---------- ack window <-----+
 *
 * Threads: one loop for all of this; one that brings the checkpoint to the disk (saver.h), so that no line waits for that;
 * librdkafka has its own and talks to us through a descriptor.
 * A turn, in this order, because the order is the durability argument:
 *   1. what happened: file events, and the verdicts that move each file's ack window
 *   2. read, frame and hand on what the budget has room for
 *   3. have the windows' positions stored: only what was acknowledged in step 1 can get there
 * Stop: reading ends, what is in flight gets stop_timeout, the positions are stored, the sink closes; what was not
 * acknowledged by then is sent again by the next run.  kill -9 costs duplicates, never lines.
 * Reload: the same drain, then the parts are built anew from the new configuration and the checkpoint
 * (status/life.h).
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/log.h"
#include "config/start.h"
#include "shipper/check.h"
#include "shipper/files.h"
#include "shipper/journal.h"
#include "shipper/lock.h"
#include "shipper/progress.h"
#include "shipper/shipper.h"
#include "sinks/http_get.h"
#include "sinks/show.h"
#include "sinks/versions.h"

enum {
        MAX_BATCHES = 4096,
        RECORD_BYTES = 1000000,         /* of the batch format: below the limit that topics have by default */
        /* Of the budget: what librdkafka needs beside the payloads (requests being built and sent), and our buffers.  Of
         * the rest a third is for what the heap keeps between blocks of different sizes. */
        RESERVE_BYTES = 5 * 1024 * 1024,
};

static const char *const verbs[] = { "run", "check", "files", NULL };

static const char *versions(void)
{
        static char text[640];

        const char *systemd = journal_version();

        snprintf(text, sizeof(text), "%s%s%s", versions_text(), systemd ? "\nlibsystemd " : "", systemd ? systemd : "");
        return text;
}

static const char *const light_verbs[] = { "files", NULL };

static const struct program program = {
        .name = "sluice-shipper",
        .summary = "tails log files and ships every line to Kafka, at least once",
        .usage = "  sluice-shipper [run] [-c FILE] [--set PATH=VALUE]... [FILE|GLOB ...]\n"
                 "  sluice-shipper check [-c FILE] ...      would it work? files, state, brokers, topic\n"
                 "  sluice-shipper files [-c FILE] [FILE|GLOB ...]   how far is each file acknowledged?\n"
                 "  sluice-shipper --brokers kafka:9092 --topic logs '/var/log/app/*.log'\n"
                 "  service | sluice-shipper --brokers kafka:9092 --topic logs --stdin\n",
        .verbs = verbs,
        .light_verbs = light_verbs,
        .default_config = "/etc/sluice/shipper.cfg",
        .opts = &shipper_opts,
        .versions = versions,
};

/* --- a turn ---------------------------------------------------------------------------------- */

/* A sidecar's files may go with its pod: then a stop first reads what is there. */
static bool reads(const struct shipper *s)
{
        return !s->life.stopping || (s->life.stopping == LIFE_ENDS && s->config.read_on_stop);
}

static void turn(void *arg)
{
        struct shipper *s = arg;

        if (reads(s))
                tail_read(s->tail);
        if (s->life.stopping)
                ship_flush(s->ship);    /* what waited for company while the output was behind */
        bool at_end = reads(s) ? tail_at_end(s->tail) : true;
        bool finished = ship_idle(s->ship) && at_end && (s->life.stopping || sources_ended(s->sources));
        if (finished)
                finished = tail_flush(s->tail);
        else
                tail_save(s->tail, false);
        if (!finished && !s->life.stopping)
                sources_collect(s->sources);    /* the tail takes a turn to forget what was deleted */
        if (finished)
                life_stop(&s->life);
}

static void drain(void *arg, enum life_stop why)
{
        struct shipper *s = arg;

        if (why != LIFE_ENDS)
                return;
        sources_finish(s->sources);
        if (s->config.read_on_stop) {
                tail_finish(s->tail);
                watch_scan(s->watch);
        }
}

static void say_stopped(const struct shipper *s)
{
        log_info("shipper", "stopped: read=%lld acked=%lld dropped=%lld left=%lld",
                 (long long)stat_get(&s->stats.lines_read), (long long)stat_get(&s->stats.lines_acked),
                 (long long)shipper_dropped(s), (long long)stat_get(&s->stats.lines_in_flight));
}

/* A thread that waits for the disk can neither be ended nor be left alone with what it works on: the kernel ends it. */
static void leave_stuck(const struct shipper *s)
{
        log_error("shipper", "stopped without the latest positions: the disk of the state directory does not answer; what was "
                  "acknowledged since the last write is sent again by the next run, under the same ids");
        say_stopped(s);
        _exit(EX_IOERR);
}

static int leave(void *arg, enum life_stop why, struct err *e)
{
        struct shipper *s = arg;

        if (tail_save(s->tail, true)) {
                if (why == LIFE_RELOADS)
                        tail_keep(s->tail, &s->kept);
                return 0;
        }
        if (why == LIFE_ENDS)
                leave_stuck(s);
        return err_set(e, EIO, "positions cannot be stored: the disk of the state directory does not answer");
}

static void add_progress(void *arg, const struct file *f)
{
        struct progress_facts *facts = arg;

        facts->done += ackwin_committed(&f->window);
        facts->total += f->size;
}

static void show_progress(struct shipper *s, bool last)
{
        struct progress_facts f = { .lines = stat_get(&s->stats.lines_acked) };

        if (!s->config.life.once || s->config.life.dry_run)
                return;
        tail_each(s->tail, add_progress, &f);
        f.before = f.done - stat_get(&s->stats.bytes_read) > 0 ? f.done - stat_get(&s->stats.bytes_read) : 0;
        f.elapsed_ms = loop_now_ms(s->life.loop) - s->started_ms;
        progress_draw(STDERR_FILENO, &f, last);
}

static void tick(void *arg)
{
        show_progress(arg, false);
}

static bool works(void *arg)
{
        const struct shipper *s = arg;
        return !ship_idle(s->ship) || !tail_at_end(s->tail) || tail_disk_is_late(s->tail);
}

static int64_t settled(void *arg)
{
        const struct shipper *s = arg;
        return stat_get(&s->stats.lines_acked) + shipper_dropped(s);
}

static int64_t in_flight(void *arg)
{
        const struct shipper *s = arg;
        return stat_get(&s->stats.lines_in_flight);
}

static const char *trouble(void *arg)
{
        struct shipper *s = arg;
        return s->life.ready.waiting ? shipper_trouble(s) : NULL;
}

/* --- life ------------------------------------------------------------------------------------ */

static void on_settled(void *arg, struct file *f)
{
        struct shipper *s = arg;
        tail_settled(s->tail, f);
}

static void on_room(void *arg)
{
        struct shipper *s = arg;
        loop_wake(s->life.loop);
}

static void restore(void *arg, const struct checkpoint_row *row)
{
        struct shipper *s = arg;
        tail_restore(s->tail, row);
}

static int open_state(struct shipper *s, struct err *e)
{
        unsigned bad = 0;

        if (s->config.life.dry_run)
                return 0;               /* reads from the beginning, and works beside a running shipper */
        s->lock_fd = lock_dir(s->config.state, e);
        if (s->lock_fd < 0)
                return s->lock_fd;
        int r = checkpoint_open(s->config.state, restore, s, &s->checkpoint, &bad, e);
        if (r == 0 && bad > 0)
                log_warn("shipper", "checkpoint: %u damaged rows; their files start from the beginning", bad);
        return r;
}

static void shown_enough(void *arg)
{
        struct shipper *s = arg;

        if (!s->life.stopping)
                life_end(&s->life, "enough was shown");
}

static struct sink *open_show(struct shipper *s, enum output output, const struct sink_owner *owner,
                              const struct sink_limits *limits)
{
        const struct show_config show = { .out = stdout,
                                          .records = s->config.life.dry_run,
                                          .place = output == OUTPUT_KAFKA ? "topic" : "index",
                                          .dest = output == OUTPUT_KAFKA ? s->config.kafka.topic : NULL,
                                          .server_ids = output == OUTPUT_ELASTICSEARCH &&
                                                        s->config.elasticsearch.id == ES_ID_AUTO,
                                          .enough = shown_enough,
                                          .arg = s };
        return sink_show_new(s->life.loop, &show, owner, limits);
}

/* The parts that follow the configuration; loop, HTTP and listening sockets outlive them. */
static int open_output(struct shipper *s, struct err *e)
{
        enum output output = (enum output)s->config.output;
        struct output_config parts = shipper_output(&s->config);
        struct sink_owner owner = ship_owner(s->ship);
        struct sink_limits limits = { .max_batches = MAX_BATCHES,
                                      .max_bytes = ((size_t)s->config.memory - RESERVE_BYTES) / 3 * 2 };

        if (output == OUTPUT_ELASTICSEARCH) {
                s->address = address_new(&s->config, e);
                if (!s->address)
                        return -e->code;
        }
        s->config.kafka.ask_limit = true;
        s->sink = s->config.life.dry_run ? open_show(s, output, &owner, &limits)
                                    : output_new(s->life.loop, output, &parts, &owner, &limits, e);
        if (!s->sink)
                return -e->code;
        ship_set_sink(s->ship, s->sink);
        ship_set_address(s->ship, s->address);
        if (s->config.format == FORMAT_BATCH)
                ship_use_batches(s->ship, RECORD_BYTES);
        return 0;
}

static int build(void *arg, struct err *e)
{
        struct shipper *s = arg;
        struct ship_hooks hooks = { on_settled, on_room, s };

        if (!s->sources)
                s->sources = sources_new(s->life.loop, &s->stats);

        s->ship = ship_new(s->life.loop, &s->stats, &hooks);
        s->tail = tail_new(&(struct tail_parts){ s->life.loop, &s->config, &s->stats, s->ship });
        int r = ship_set_inputs(s->ship, &s->config.inputs, e);
        if (r == 0)
                r = open_state(s, e);
        if (r < 0)
                return r;
        tail_set_checkpoint(s->tail, s->checkpoint);
        r = open_output(s, e);
        if (r < 0)
                return r;
        if (!s->config.life.dry_run)         /* which reads what the rings hold, and takes nothing */
                r = sources_configure(s->sources, &s->config, s->tail, e);
        if (r < 0)
                return r;
        s->watch = watch_new(s->life.loop, &s->config, s->tail, &s->stats);
        if (s->kept.n > 0)
                tail_take_back(s->tail, &s->kept);
        kept_files_fini(&s->kept);
        return 0;
}

static void demolish(void *arg, enum life_stop why)
{
        struct shipper *s = arg;

        sources_detach(s->sources);
        watch_free(s->watch);
        sink_free(s->sink);             /* hands back what was not acknowledged */
        ship_free(s->ship);
        address_free(s->address);
        tail_free(s->tail);
        checkpoint_free(s->checkpoint);
        if (s->lock_fd >= 0)
                close(s->lock_fd);
        s->watch = NULL;
        s->sink = NULL;
        s->ship = NULL;
        s->address = NULL;
        s->tail = NULL;
        s->checkpoint = NULL;
        s->lock_fd = -1;
        if (why == LIFE_ENDS) {
                sources_free(s->sources);
                kept_files_fini(&s->kept);
        }
}

static void start(void *arg)
{
        struct shipper *s = arg;

        if (s->started_ms == 0)         /* not by a reload */
                s->started_ms = loop_now_ms(s->life.loop);
        watch_scan(s->watch);
}

/* --once is a success when all that was meant was there and all of it is acknowledged. */
static int judge_once(const struct shipper *s)
{
        if (!ship_idle(s->ship))
                return EX_TEMPFAIL;
        if ((stat_get(&s->stats.files) > 0 || sources_any(s->sources)) && stat_get(&s->stats.file_errors) == 0)
                return EX_OK;
        log_error("shipper", "%s", stat_get(&s->stats.files) == 0 ? "no file matches: nothing was shipped"
                                                                   : "not every file could be read");
        return EX_NOINPUT;
}

static int stopped(void *arg)
{
        struct shipper *s = arg;

        show_progress(s, true);
        say_stopped(s);
        if (s->config.life.dry_run)
                fprintf(stderr, "sluice-shipper: dry run: %lld records shown, nothing was sent\n",
                        (long long)sink_show_count(s->sink));
        return s->config.life.once ? judge_once(s) : EX_OK;
}

static int complete(void *config, const struct opt_args *args, struct err *e)
{
        return shipper_config_finish(config, args->args, args->nargs, e);
}

static void check(const void *config, const char *file, struct report *report)
{
        shipper_check(config, file, report);
}

static const struct life_ops life = {
        .program = &program,
        .component = "shipper",
        .units = "lines",
        .no_progress = "the output does not answer",
        .routes = shipper_routes,
        .complete = complete,
        .check = check,
        .build = build,
        .demolish = demolish,
        .start = start,
        .turn = turn,
        .drain = drain,
        .leave = leave,
        .stopped = stopped,
        .tick = tick,
        .works = works,
        .settled = settled,
        .in_flight = in_flight,
        .trouble = trouble,
};

/* Asks no more of the configuration than where the state is. */
static int main_files(const struct shipper_config *config, const struct opt_args *args)
{
        struct buf out = { 0 };
        struct err e = { 0 };
        int r = files_list(config->state, args->args, args->nargs, &out, &e);

        if (r == 0)
                fputs(buf_cstr(&out), stdout);
        else
                fprintf(stderr, "sluice-shipper: %s\n", e.msg);
        buf_fini(&out);
        return r == 0 ? EX_OK : r == -EINVAL ? EX_DATAERR : EX_NOINPUT;
}

static int run_verb(struct shipper *s, const struct opt_args *args)
{
        if (args->health)
                return health_main(program.name, s->config.life.http);
        if (strcmp(args->verb, "files") == 0)
                return main_files(&s->config, args);
        descriptors_raise_limit();
        s->life = (struct life){ .ops = &life, .arg = s, .config = &s->config, .next = &s->next, .args = args,
                                 .reloads = &s->stats.reloads, .reload_errors = &s->stats.reload_errors };
        return life_main(&s->life);
}

int main(int argc, char **argv)
{
        static struct shipper s = { .lock_fd = -1 };
        struct opt_args args;
        int code = program_start(&program, argc, argv, &s.config, &args);

        if (code == START_GO)
                code = run_verb(&s, &args);
        opt_free(&shipper_opts, &s.config);
        opt_free(&shipper_opts, &s.next);       /* of a reload that a stop overtook */
        opt_args_free(&args);
        return code;
}
