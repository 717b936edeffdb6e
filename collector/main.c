/* SPDX-License-Identifier: Apache-2.0 */
/* collector: takes records from Kafka and has each stand in Elasticsearch exactly once.
 *
 *   consume --> decode --> batch --> sink (elasticsearch) --> verdict per document
 *     ^  ^                   |       or file, stdout              |      |
 *     |  +-- pause, resume --+                                    |      | refused
 *     +-- commit <-- window per partition <-- settled ------------+      v
 *                                              ^-------------- sink (dead letters: kafka, file)
 *
 * Threads: one loop for all of this; the elasticsearch sink builds bodies in workers, librdkafka
 * has its own threads and talks to us through a descriptor.
 * A turn, in this order, because the order is the durability argument:
 *   1. what happened: records taken, answers, which settle records and so move the windows
 *   2. full or ripe batches go to the sink; partitions pause or resume by the bytes held
 *   3. commits of what the windows allow; the next step of a rebalance
 * Stop: nothing more is taken, what is open is sent, answers are waited for at most stop_timeout, then the last
 * commit, good-bye to the group, and the sinks close.  What was not settled comes again: 409, not a loss.
 * Reload: the same drain, then the parts are built anew from the new configuration and the group's offsets.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "collector/audit.h"
#include "collector/check.h"
#include "collector/collector.h"
#include "collector/dead.h"
#include "collector/dlq.h"
#include "collector/share.h"
#include "collector/top.h"
#include "config/start.h"
#include "sinks/http_get.h"
#include "sinks/show.h"
#include "sinks/versions.h"
#include "status/notify.h"

enum {
        TICK_MS = 1000,
        MAX_BULKS = 64,
        MAX_DEAD_BATCHES = 64,
        DEAD_BYTES = 2 * 1024 * 1024,
        SPARE_AGAIN_MS = 5000,          /* between two tries to open files for what the topic refuses */
        LEAVE_MS = 5000,                /* for the last commit and the good-bye */
};

static const char *const verbs[] = { "run", "check", "dlq", "audit", "top", NULL };
static const char *const light_verbs[] = { "dlq", "audit", "top", NULL };

/* Verbs that are done with neither group nor sinks of this program. */
static const struct {
        const char *verb;
        int (*main)(const struct collector_config *c, const char *const *args, size_t n);
} tools[] = { { "dlq", dlq_main }, { "audit", audit_main }, { "top", top_main } };

static const struct program program = {
        .name = "sluice-collector",
        .summary = "takes log records from Kafka and indexes them in Elasticsearch, each exactly once",
        .usage = "  sluice-collector [run] [-c FILE] [--set PATH=VALUE]...\n"
                 "  sluice-collector check [-c FILE] ...    would it work? brokers, topics, group, Elasticsearch, rights\n"
                 "  sluice-collector top [URL]              live view of one running collector or shipper\n"
                 "  sluice-collector dlq ls|show [N]|redrive [--dry-run] [--reason R] [--since T] [--until T]   dead letters\n"
                 "  sluice-collector audit [--host H] [--index NAME] FILE...   does every line of these files stand in the index?\n"
                 "  sluice-collector --brokers kafka:9092 --topic logs --url http://es:9200\n",
        .verbs = verbs,
        .light_verbs = light_verbs,
        .default_config = "/etc/sluice/collector.cfg",
        .opts = &collector_opts,
        .versions = versions_text,
};

/* --- a turn ---------------------------------------------------------------------------------- */

/* Taking ends; the loop ends when everything is settled, or at the deadline. */
static void drain(struct collector *c, enum stop what, const char *why)
{
        log_info("collector", "%s: %s; %lld records in flight", what == STOP_EXIT ? "stopping" : "reloading", why,
                 (long long)stat_get(&c->stats.in_flight));
        c->stopping = what;
        consume_stop_taking(c->consume);
        deliver_flush(c->deliver);
        timer_arm(c->loop, &c->stop_deadline, c->config.stop_timeout_ms);
        loop_wake(c->loop);
}

static void begin_stop(struct collector *c, const char *why)
{
        if (c->stopping == STOP_EXIT) {
                loop_stop(c->loop);     /* asked twice: now */
                return;
        }
        ready_block(&c->ready, "stopping");
        notify_stopping();
        drain(c, STOP_EXIT, why);
}

static void turn(void *arg)
{
        struct collector *c = arg;

        deliver_turn(c->deliver);
        consume_set_budget(c->consume, deliver_chargeable(c->deliver));
        consume_turn(c->consume);
        if (c->config.once && !c->stopping && consume_at_end(c->consume))
                begin_stop(c, "the end of every partition is reached");
        if (c->stopping && deliver_idle(c->deliver))
                loop_stop(c->loop);
}

static void on_signal(int signo, void *arg)
{
        struct collector *c = arg;

        if (signo == SIGHUP)
                reload_ask(&c->reload);
        else
                begin_stop(c, strsignal(signo));
}

static void stop_timed_out(struct timer *t)
{
        struct collector *c = t->arg;

        log_warn("collector", "stop_timeout is over: records=%lld come again",
                 (long long)stat_get(&c->stats.in_flight));
        loop_stop(c->loop);
}

static void give_up_once(struct collector *c)
{
        const char *why = collector_trouble(c);

        log_error("collector", "no progress within start_timeout: %s", why ? why : "no partitions were assigned");
        c->exit_code = EX_TEMPFAIL;
        begin_stop(c, "--once without progress");
}

/* Checked whole before anything changes; what is wrong leaves the old one in place. */
static void try_reload(struct collector *c)
{
        struct opt_errors errors = { 0 };

        if (program_load(&program, c->args, &c->next, &errors) == 0) {
                notify_reloading();
                drain(c, STOP_RELOAD, "the configuration changed");
        } else {
                stat_inc(&c->stats.reload_errors);
                log_each_line("collector", "configuration refused, the old one stays", buf_cstr(&errors.text));
        }
        buf_fini(&errors.text);
}

static void tell_manager(struct collector *c, const char *why)
{
        notify_watchdog();
        if (why)
                notify_status("waiting: %s", why);
        else
                notify_status("%lld documents indexed, %lld in flight", (long long)stat_get(&c->stats.indexed),
                              (long long)stat_get(&c->stats.in_flight));
}

static void tick(struct timer *t)
{
        struct collector *c = t->arg;
        int64_t now = loop_now_ms(c->loop);
        bool work = !deliver_idle(c->deliver) || (c->config.once && !c->stopping) || consume_trouble(c->consume);

        if (collector_settled(c) != c->settled_seen)
                ready_progress(&c->ready, now);
        c->settled_seen = collector_settled(c);
        ready_observe(&c->ready, work, now);
        if (c->config.once && !c->stopping && c->ready.waiting && now - c->ready.since_ms > c->config.start_timeout_ms)
                give_up_once(c);
        const char *why = collector_trouble(c);
        if (why)
                log_warn("collector", "waiting: %s", why);
        tell_manager(c, why);
        if (!c->stopping && reload_due(&c->reload))
                try_reload(c);
        if (deliver_crowded(c->deliver))
                share_hold_oldest(c->consume);
        if (deliver_idle(c->deliver))
                mem_give_back();
        log_flush_repeats();
        timer_arm(c->loop, t, TICK_MS);
}

/* --- the parts talk through here ------------------------------------------------------------- */

static void on_take(void *arg, struct partition *p, uint64_t seq, const struct incoming *in)
{
        struct collector *c = arg;
        deliver_take(c->deliver, p, seq, in);
}

static void on_flush(void *arg)
{
        struct collector *c = arg;
        deliver_flush(c->deliver);
}

static void on_settle(void *arg, struct partition *p, uint64_t seq)
{
        struct collector *c = arg;
        consume_settle(c->consume, p, seq);
}

static void on_pause(void *arg)
{
        struct collector *c = arg;
        consume_pause(c->consume);
}

static void on_resume(void *arg)
{
        struct collector *c = arg;
        consume_resume(c->consume);
}

static size_t on_waiting(void *arg)
{
        const struct collector *c = arg;
        return c->consume ? share_waiting(c->consume) : 0;
}

static struct sink *on_spare(void *arg)
{
        struct collector *c = arg;
        const struct sink_limits limits = { .max_batches = MAX_DEAD_BATCHES, .max_bytes = DEAD_BYTES };
        struct sink_owner owner = deliver_spare_owner(c->deliver);

        if (loop_now_ms(c->loop) < c->spare_after_ms)
                return NULL;
        c->spare_after_ms = loop_now_ms(c->loop) + SPARE_AGAIN_MS;
        c->spare_why = (struct err){ 0 };
        c->spare = dead_spare_new(c->loop, &c->config, &owner, &limits, &c->spare_why);
        return c->spare;
}

/* --- life ------------------------------------------------------------------------------------ */

static void shown_enough(void *arg)
{
        struct collector *c = arg;

        if (!c->stopping)
                begin_stop(c, "enough was shown");
}

static struct sink *open_show(struct collector *c, const char *place, const char *dest,
                              const struct sink_owner *owner, const struct sink_limits *limits)
{
        const struct show_config show = { .out = stdout,
                                          .records = c->config.dry_run,
                                          .place = place,
                                          .dest = dest,
                                          .server_ids = c->config.elasticsearch.id == ES_ID_AUTO &&
                                                        collector_output(&c->config) ==
                                                                OUTPUT_ELASTICSEARCH,
                                          .enough = shown_enough,
                                          .arg = c };
        return sink_show_new(c->loop, &show, owner, limits);
}

/* Where documents go, with the index templates of all that the routes name. */
static struct sink *open_index(struct collector *c, const struct sink_owner *owner, const struct sink_limits *limits, struct err *e)
{
        struct strlist more = collector_route_indexes(&c->config);
        struct es_config es = c->config.elasticsearch;
        struct output_config parts = collector_output_parts(&c->config);

        es.more_indexes = &more;
        es.park_after_ms = c->config.dlq.park_after_ms;
        parts.elasticsearch = &es;
        struct sink *s = output_new(c->loop, collector_output(&c->config), &parts, owner, limits, e);
        free(more.v);
        return s;
}

static int build_sinks(struct collector *c, struct err *e)
{
        /* A third of the budget holds documents; the rest is librdkafka's fetches, bodies being built, answers. */
        size_t budget = (size_t)c->config.memory / 3;
        struct sink_limits limits = { .max_batches = MAX_BULKS, .max_bytes = budget };
        struct sink_limits dead_limits = { .max_batches = MAX_DEAD_BATCHES, .max_bytes = DEAD_BYTES };
        struct sink_owner owner = deliver_index_owner(c->deliver), dead_owner = deliver_dead_owner(c->deliver);

        if (c->config.dry_run) {
                c->index = open_show(c, "index", NULL, &owner, &limits);
                bool topic = dead_in_topic(&c->config.dlq);
                c->dead = open_show(c, topic ? "topic" : "file", topic ? c->config.dlq.topic : "dead letters", &dead_owner,
                                    &dead_limits);
                deliver_set_sinks(c->deliver, c->index, c->dead, budget);
                return 0;
        }
        c->index = open_index(c, &owner, &limits, e);
        if (!c->index)
                return -e->code;
        c->dead = dead_sink_new(c->loop, &c->config, &dead_owner, &dead_limits, e);
        if (!c->dead)
                return -e->code;
        deliver_set_sinks(c->deliver, c->index, c->dead, budget);
        return 0;
}

/* The parts that follow the configuration; loop and HTTP outlive them. */
static int build(struct collector *c, struct err *e)
{
        const struct deliver_hooks to_consume = { on_settle, on_pause, on_resume, on_waiting, on_spare, c };
        const struct consume_hooks to_deliver = { on_take, on_flush, c };

        c->deliver = deliver_new(c->loop, &c->config, &c->stats, &to_consume, e);
        if (!c->deliver)
                return -e->code;
        int r = build_sinks(c, e);
        if (r < 0)
                return r;
        c->consume = consume_new(c->loop, &c->config, &c->stats, &to_deliver, e);
        if (!c->consume)
                return -e->code;
        consume_set_budget(c->consume, deliver_chargeable(c->deliver));
        return 0;
}

static void demolish(struct collector *c)
{
        if (c->index)
                sink_close(c->index);   /* hands back what was not settled */
        if (c->dead)
                sink_close(c->dead);
        if (c->spare)
                sink_close(c->spare);
        consume_free(c->consume);
        sink_free(c->index);
        sink_free(c->dead);
        sink_free(c->spare);
        deliver_free(c->deliver);
        c->index = c->dead = c->spare = NULL;
        c->spare_why = (struct err){ 0 };
        c->spare_after_ms = 0;
        c->consume = NULL;
        c->deliver = NULL;
}

static int open_http(struct collector *c, const struct collector_config *config, struct http **ret, struct err *e)
{
        *ret = NULL;
        if (!config->http[0])
                return 0;
        *ret = http_new(c->loop, config->http, collector_routes, c, e);
        if (!*ret)
                return -e->code;
        log_info("collector", "listening: http=%s", http_address(*ret));
        return 0;
}

static void swap_configs(struct collector *c)
{
        struct collector_config old = c->config;

        c->config = c->next;
        c->next = old;
}

static void refused(struct collector *c, const struct err *e)
{
        stat_inc(&c->stats.reload_errors);
        log_error("collector", "configuration refused, the old one stays: %s", e->msg);
}

/* Everything is settled and committed or comes again from Kafka: building anew loses no offset. */
static int rebuild(struct collector *c, struct err *e)
{
        struct http *http = c->http;
        bool moved = strcmp(c->config.http, c->next.http) != 0;
        int r = 0;

        if (moved && open_http(c, &c->next, &http, e) < 0) {
                refused(c, e);
                consume_take_on(c->consume, deliver_paused(c->deliver));
                goto out;
        }
        consume_close(c->consume, LEAVE_MS);
        demolish(c);
        swap_configs(c);
        r = build(c, e);
        if (r < 0) {
                refused(c, e);
                if (moved)
                        http_free(http);
                demolish(c);
                swap_configs(c);
                r = build(c, e);
                goto out;
        }
        if (moved)
                http_free(c->http);
        c->http = http;
        stat_inc(&c->stats.reloads);
        log_setup((enum log_level)c->config.log_level, (enum log_format)c->config.log_format, STDERR_FILENO);
        log_info("collector", "configuration taken over");
out:
        opt_free(&collector_opts, &c->next);
        return r;
}

static void start(struct collector *c)
{
        c->stopping = STOP_NOT;
        timer_disarm(c->loop, &c->stop_deadline);
        timer_arm(c->loop, &c->tick, TICK_MS);
        notify_ready();
}

static int run(struct collector *c, struct err *e)
{
        int r = 0;

        c->stop_deadline = (struct timer){ .name = "stop", .fn = stop_timed_out, .arg = c };
        c->tick = (struct timer){ .name = "tick", .fn = tick, .arg = c };
        loop_on_signal(c->loop, SIGTERM, on_signal, c);
        loop_on_signal(c->loop, SIGINT, on_signal, c);
        loop_on_signal(c->loop, SIGHUP, on_signal, c);
        loop_on_turn(c->loop, turn, c);
        do {
                start(c);
                loop_run(c->loop);
                if (c->stopping == STOP_RELOAD)
                        r = rebuild(c, e);
        } while (c->stopping == STOP_RELOAD && r == 0);

        timer_disarm(c->loop, &c->tick);
        timer_disarm(c->loop, &c->stop_deadline);
        if (r < 0)
                return r;
        consume_close(c->consume, LEAVE_MS);
        int64_t left = stat_get(&c->stats.in_flight);
        log_info("collector", "stopped: consumed=%lld settled=%lld left=%lld",
                 (long long)stat_get(&c->stats.consumed), (long long)collector_settled(c), (long long)left);
        if (c->exit_code == EX_OK && c->config.once && left > 0)
                c->exit_code = EX_TEMPFAIL;
        return 0;
}

static int exit_code_of(int error)
{
        switch (-error) {
        case EADDRINUSE:
        case EADDRNOTAVAIL:
                return EX_UNAVAILABLE;
        case EINVAL:
                return EX_CONFIG;
        case EHOSTUNREACH:
                return EX_UNAVAILABLE;
        case EBUSY:
                return EX_TEMPFAIL;     /* the directory of the dead letters */
        default:
                return EX_OSERR;
        }
}

static int main_run(struct collector *c, struct err *e)
{
        c->loop = loop_new(&clock_system, e);
        if (!c->loop)
                return -e->code;
        int r = build(c, e);
        if (r == 0 && !c->config.dry_run)
                r = open_http(c, &c->config, &c->http, e);
        if (r == 0)
                r = run(c, e);
        if (r == 0 && c->config.dry_run)
                fprintf(stderr, "sluice-collector: dry run: %lld documents and %lld dead letters shown, nothing was sent\n",
                        (long long)sink_show_count(c->index), (long long)sink_show_count(c->dead));
        http_free(c->http);
        demolish(c);
        loop_free(c->loop);
        return r;
}

static int main_check(const struct collector_config *config, const char *file)
{
        struct report report = { 0 };

        collector_check(config, file, &report);
        report_print(&report, stdout);
        int code = report.exit_code;
        report_fini(&report);
        return code;
}

int main(int argc, char **argv)
{
        static struct collector c;
        struct opt_args args;
        struct err e = { 0 };
        int code = program_start(&program, argc, argv, &c.config, &args);

        if (code != START_GO)
                goto out;
        if (args.health) {
                code = health_main(program.name, c.config.http);
                goto out;
        }
        for (size_t i = 0; i < ARRAY_LEN(tools); i++)
                if (strcmp(args.verb, tools[i].verb) == 0) {
                        log_setup(LOG_ERROR, LOG_TEXT, STDERR_FILENO);
                        code = tools[i].main(&c.config, args.args, args.nargs);
                        goto out;
                }
        c.args = &args;
        reload_init(&c.reload, program_file(&program, &args));
        if (c.config.dry_run) {
                c.config.once = true;
                if (c.config.log_level < LOG_WARN)
                        c.config.log_level = LOG_WARN;  /* the documents are what one wants to see */
        }
        log_setup((enum log_level)c.config.log_level, (enum log_format)c.config.log_format, STDERR_FILENO);
        ready_init(&c.ready);
        int r = 0;
        if (strcmp(args.verb, "check") == 0)
                c.exit_code = main_check(&c.config, program_file(&program, &args));
        else
                r = main_run(&c, &e);
        code = c.exit_code;
        if (r < 0) {
                fprintf(stderr, "sluice-collector: %s\n", e.msg);
                code = exit_code_of(r);
        }
out:
        opt_free(&collector_opts, &c.config);
        opt_free(&collector_opts, &c.next);     /* of a reload that a stop overtook */
        opt_args_free(&args);
        return code;
}
