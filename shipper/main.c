/* SPDX-License-Identifier: Apache-2.0 */
/* shipper: tails files and puts every line into Kafka at least once.
 *
 *   globs, inotify --> watch --> tail --> lines --> ship --> sink (kafka, or another output)
 *                                 ^ ^                |         |
 *                                 | +- stop reading -+         | verdicts
 *                    checkpoint <-+---------- ack window <-----+
 *
 * Threads: one loop for all of this; librdkafka has its own and talks to us through a descriptor.
 * A turn, in this order, because the order is the durability argument:
 *   1. what happened: file events, and the verdicts that move each file's ack window
 *   2. read, frame and hand on what the budget has room for
 *   3. store the windows' positions: only what was acknowledged in step 1 can get there
 * Stop: reading ends, what is in flight gets stop_timeout, the positions are stored, the sink closes; what was not
 * acknowledged by then is sent again by the next run.  kill -9 costs duplicates, never lines.
 * Reload: the same drain, then the parts are built anew from the new configuration and the checkpoint.
 */
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "config/start.h"
#include "shipper/archive.h"
#include "shipper/check.h"
#include "shipper/files.h"
#include "shipper/journal.h"
#include "shipper/lock.h"
#include "shipper/progress.h"
#include "shipper/shipper.h"
#include "sinks/http_get.h"
#include "sinks/show.h"
#include "sinks/versions.h"
#include "status/notify.h"

enum {
        TICK_MS = 1000,
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

        snprintf(text, sizeof(text), "%s\n%s%s%s", versions_text(), archive_versions(), systemd ? "\nlibsystemd " : "",
                 systemd ? systemd : "");
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

/* Reading ends; the loop ends when nothing is in flight any more, or at the deadline. */
static void drain(struct shipper *s, enum stop what, const char *why)
{
        log_info("shipper", "%s: %s; %lld lines in flight", what == STOP_EXIT ? "stopping" : "reloading", why,
                 (long long)stat_get(&s->stats.lines_in_flight));
        s->stopping = what;
        timer_arm(s->loop, &s->stop_deadline, s->config.stop_timeout_ms);
        loop_wake(s->loop);
}

static void begin_stop(struct shipper *s, const char *why)
{
        if (s->stopping == STOP_EXIT) {
                loop_stop(s->loop);     /* asked twice: now */
                return;
        }
        ready_block(&s->ready, "stopping");
        notify_stopping();
        sources_finish(s->sources);
        drain(s, STOP_EXIT, why);
        if (s->config.read_on_stop) {
                tail_finish(s->tail);
                watch_scan(s->watch);
        }
}

/* A sidecar's files may go with its pod: then a stop first reads what is there. */
static bool reads(const struct shipper *s)
{
        return !s->stopping || (s->stopping == STOP_EXIT && s->config.read_on_stop);
}

static void turn(void *arg)
{
        struct shipper *s = arg;

        if (reads(s))
                tail_read(s->tail);
        if (s->stopping)
                ship_flush(s->ship);    /* what waited for company while the output was behind */
        bool at_end = reads(s) ? tail_at_end(s->tail) : true;
        bool finished = ship_idle(s->ship) && at_end && (s->stopping || sources_ended(s->sources));
        tail_save(s->tail, finished);
        if (!finished && !s->stopping)
                sources_collect(s->sources);    /* the tail takes a turn to forget what was deleted */
        if (finished)
                loop_stop(s->loop);
}

static void on_signal(int signo, void *arg)
{
        struct shipper *s = arg;

        if (signo == SIGHUP)
                reload_ask(&s->reload);
        else
                begin_stop(s, strsignal(signo));
}

static void stop_timed_out(struct timer *t)
{
        struct shipper *s = t->arg;

        log_warn("shipper", "stop_timeout is over: lines=%lld are sent again %s",
                 (long long)stat_get(&s->stats.lines_in_flight),
                 s->stopping == STOP_RELOAD ? "after the reload" : "by the next run");
        loop_stop(s->loop);
}

static void give_up_once(struct shipper *s)
{
        const char *why = shipper_trouble(s);

        log_error("shipper", "no progress within start_timeout: %s", why ? why : "the output does not answer");
        s->exit_code = EX_TEMPFAIL;
        begin_stop(s, "--once without progress");
}

/* Checked whole before anything changes; what is wrong leaves the old one in place. */
static void try_reload(struct shipper *s)
{
        struct opt_errors errors = { 0 };
        struct err e = { 0 };

        if (program_load(&program, s->args, &s->next, &errors) == 0 &&
            shipper_config_finish(&s->next, s->args->args, s->args->nargs, &e) < 0)
                opt_complain(&errors, "%s", e.msg);
        if (errors.count == 0) {
                notify_reloading();
                drain(s, STOP_RELOAD, "the configuration changed");
        } else {
                stat_inc(&s->stats.reload_errors);
                log_each_line("shipper", "configuration refused, the old one stays", buf_cstr(&errors.text));
                opt_free(&shipper_opts, &s->next);
        }
        buf_fini(&errors.text);
}

static void tell_manager(struct shipper *s, const char *why)
{
        notify_watchdog();
        if (why)
                notify_status("waiting: %s", why);
        else
                notify_status("%lld lines acknowledged, %lld in flight", (long long)stat_get(&s->stats.lines_acked),
                              (long long)stat_get(&s->stats.lines_in_flight));
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

        if (!s->config.once || s->config.dry_run)
                return;
        tail_each(s->tail, add_progress, &f);
        f.before = f.done - stat_get(&s->stats.bytes_read) > 0 ? f.done - stat_get(&s->stats.bytes_read) : 0;
        f.elapsed_ms = loop_now_ms(s->loop) - s->started_ms;
        progress_draw(STDERR_FILENO, &f, last);
}

static void tick(struct timer *t)
{
        struct shipper *s = t->arg;
        int64_t now = loop_now_ms(s->loop);
        int64_t settled = stat_get(&s->stats.lines_acked) + shipper_dropped(s);

        bool still = settled == s->settled_seen;

        if (!still)
                ready_progress(&s->ready, now);
        s->settled_seen = settled;
        ready_observe(&s->ready, !ship_idle(s->ship) || !tail_at_end(s->tail), now);
        if (s->config.once && !s->stopping && s->ready.waiting &&
            now - s->ready.since_ms > s->config.start_timeout_ms)
                give_up_once(s);
        const char *why = shipper_trouble(s);
        if (why && s->ready.waiting)
                log_warn("shipper", "waiting: %s", why);
        tell_manager(s, s->ready.waiting ? why : NULL);
        if (!s->stopping && reload_due(&s->reload))
                try_reload(s);
        show_progress(s, false);
        if (ship_idle(s->ship) || still)        /* nothing is soon wanted again */
                mem_give_back();
        log_flush_repeats();
        timer_arm(s->loop, t, TICK_MS);
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
        loop_wake(s->loop);
}

static void restore(void *arg, const struct checkpoint_row *row)
{
        struct shipper *s = arg;
        tail_restore(s->tail, row);
}

static int open_state(struct shipper *s, struct err *e)
{
        unsigned bad = 0;

        if (s->config.dry_run)
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

        if (!s->stopping)
                begin_stop(s, "enough was shown");
}

static struct sink *open_show(struct shipper *s, enum output output, const struct sink_owner *owner,
                              const struct sink_limits *limits)
{
        const struct show_config show = { .out = stdout,
                                          .records = s->config.dry_run,
                                          .place = output == OUTPUT_KAFKA ? "topic" : "index",
                                          .dest = output == OUTPUT_KAFKA ? s->config.kafka.topic : NULL,
                                          .server_ids = output == OUTPUT_ELASTICSEARCH &&
                                                        s->config.elasticsearch.id == ES_ID_AUTO,
                                          .enough = shown_enough,
                                          .arg = s };
        return sink_show_new(s->loop, &show, owner, limits);
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
        s->sink = s->config.dry_run ? open_show(s, output, &owner, &limits)
                                    : output_new(s->loop, output, &parts, &owner, &limits, e);
        if (!s->sink)
                return -e->code;
        ship_set_sink(s->ship, s->sink);
        ship_set_address(s->ship, s->address);
        if (s->config.format == FORMAT_BATCH)
                ship_use_batches(s->ship, RECORD_BYTES);
        return 0;
}

static int build(struct shipper *s, struct err *e)
{
        struct ship_hooks hooks = { on_settled, on_room, s };

        s->ship = ship_new(s->loop, &s->stats, &hooks);
        s->tail = tail_new(&(struct tail_parts){ s->loop, &s->config, &s->stats, s->ship });
        int r = ship_set_inputs(s->ship, &s->config.inputs, e);
        if (r == 0)
                r = open_state(s, e);
        if (r < 0)
                return r;
        tail_set_checkpoint(s->tail, s->checkpoint);
        r = open_output(s, e);
        if (r < 0)
                return r;
        if (!s->config.dry_run)         /* which reads what the rings hold, and takes nothing */
                r = sources_configure(s->sources, &s->config, s->tail, e);
        if (r < 0)
                return r;
        s->watch = watch_new(s->loop, &s->config, s->tail, &s->stats);
        return 0;
}

static void demolish(struct shipper *s)
{
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
}

static int open_http(struct shipper *s, const struct shipper_config *config, struct http **ret, struct err *e)
{
        *ret = NULL;
        if (!config->http[0])
                return 0;
        *ret = http_new(s->loop, config->http, shipper_routes, s, e);
        if (!*ret)
                return -e->code;
        log_info("shipper", "listening: http=%s", http_address(*ret));
        return 0;
}

static void swap_configs(struct shipper *s)
{
        struct shipper_config old = s->config;

        s->config = s->next;
        s->next = old;
}

static void refused(struct shipper *s, const struct err *e)
{
        stat_inc(&s->stats.reload_errors);
        log_error("shipper", "configuration refused, the old one stays: %s", e->msg);
}

/* Everything was acknowledged or goes back to the files: building anew from the checkpoint loses no position. */
static int rebuild(struct shipper *s, struct err *e)
{
        struct http *http = s->http;
        bool moved = strcmp(s->config.http, s->next.http) != 0;
        int r = 0;

        if (moved && open_http(s, &s->next, &http, e) < 0) {
                refused(s, e);
                goto out;
        }
        tail_keep(s->tail, &s->kept);
        demolish(s);
        swap_configs(s);
        r = build(s, e);
        if (r < 0) {
                refused(s, e);
                if (moved)
                        http_free(http);
                demolish(s);
                swap_configs(s);
                r = build(s, e);
                goto out;
        }
        if (moved)
                http_free(s->http);
        s->http = http;
        stat_inc(&s->stats.reloads);
        log_setup((enum log_level)s->config.log_level, (enum log_format)s->config.log_format, STDERR_FILENO);
        log_info("shipper", "configuration taken over");
out:
        if (r == 0 && s->kept.n > 0)
                tail_take_back(s->tail, &s->kept);
        kept_files_fini(&s->kept);
        opt_free(&shipper_opts, &s->next);
        return r;
}

static void start(struct shipper *s)
{
        s->stopping = STOP_NOT;
        timer_disarm(s->loop, &s->stop_deadline);
        timer_arm(s->loop, &s->tick, TICK_MS);
        watch_scan(s->watch);
        notify_ready();
        loop_wake(s->loop);
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

static int run(struct shipper *s, struct err *e)
{
        int r = 0;

        s->stop_deadline = (struct timer){ .name = "stop", .fn = stop_timed_out, .arg = s };
        s->tick = (struct timer){ .name = "tick", .fn = tick, .arg = s };
        loop_on_signal(s->loop, SIGTERM, on_signal, s);
        loop_on_signal(s->loop, SIGINT, on_signal, s);
        loop_on_signal(s->loop, SIGHUP, on_signal, s);
        loop_on_turn(s->loop, turn, s);
        s->started_ms = loop_now_ms(s->loop);
        do {
                start(s);
                loop_run(s->loop);
                tail_save(s->tail, true);
                if (s->stopping == STOP_RELOAD)
                        r = rebuild(s, e);
        } while (s->stopping == STOP_RELOAD && r == 0);

        timer_disarm(s->loop, &s->tick);
        timer_disarm(s->loop, &s->stop_deadline);
        if (r < 0)
                return r;
        show_progress(s, true);
        log_info("shipper", "stopped: read=%lld acked=%lld dropped=%lld left=%lld",
                 (long long)stat_get(&s->stats.lines_read), (long long)stat_get(&s->stats.lines_acked),
                 (long long)shipper_dropped(s), (long long)stat_get(&s->stats.lines_in_flight));
        if (s->config.once && s->exit_code == EX_OK)
                s->exit_code = judge_once(s);
        return 0;
}

static int exit_code_of(int error)
{
        switch (-error) {
        case EBUSY:
                return EX_TEMPFAIL;     /* the state directory is held */
        case EINVAL:
                return EX_CONFIG;
        case EADDRINUSE:
        case EADDRNOTAVAIL:
                return EX_UNAVAILABLE;
        default:
                return EX_CANTCREAT;
        }
}

static int main_run(struct shipper *s, struct err *e)
{
        descriptors_raise_limit();
        s->loop = loop_new(&clock_system, e);
        if (!s->loop)
                return -e->code;
        s->sources = sources_new(s->loop, &s->stats);
        int r = build(s, e);
        if (r == 0 && !s->config.dry_run)
                r = open_http(s, &s->config, &s->http, e);
        if (r == 0)
                r = run(s, e);
        if (r == 0 && s->config.dry_run)
                fprintf(stderr, "sluice-shipper: dry run: %lld records shown, nothing was sent\n",
                        (long long)sink_show_count(s->sink));
        http_free(s->http);
        demolish(s);
        sources_free(s->sources);
        loop_free(s->loop);
        return r;
}

static int main_check(const struct shipper_config *config, const char *file)
{
        struct report report = { 0 };

        shipper_check(config, file, &report);
        report_print(&report, stdout);
        int code = report.exit_code;
        report_fini(&report);
        return code;
}

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

int main(int argc, char **argv)
{
        static struct shipper s = { .lock_fd = -1 };
        struct opt_args args;
        struct err e = { 0 };
        int code = program_start(&program, argc, argv, &s.config, &args);

        if (code != START_GO)
                goto out;
        if (args.health) {
                code = health_main(program.name, s.config.http);
                goto out;
        }
        if (strcmp(args.verb, "files") == 0) {
                code = main_files(&s.config, &args);
                goto out;
        }
        s.args = &args;
        reload_init(&s.reload, program_file(&program, &args));
        if (s.config.dry_run) {
                s.config.once = true;
                if (s.config.log_level < LOG_WARN)
                        s.config.log_level = LOG_WARN;  /* the records are what one wants to see */
        }
        log_setup((enum log_level)s.config.log_level, (enum log_format)s.config.log_format, STDERR_FILENO);
        ready_init(&s.ready);
        int r = shipper_config_finish(&s.config, args.args, args.nargs, &e);
        if (r == 0 && strcmp(args.verb, "check") == 0)
                s.exit_code = main_check(&s.config, program_file(&program, &args));
        else if (r == 0)
                r = main_run(&s, &e);
        code = s.exit_code;
        if (r < 0) {
                fprintf(stderr, "sluice-shipper: %s\n", e.msg);
                code = exit_code_of(r);
        }
out:
        opt_free(&shipper_opts, &s.config);
        opt_free(&shipper_opts, &s.next);       /* of a reload that a stop overtook */
        opt_args_free(&args);
        return code;
}
