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
 * Reload: the same drain, then the parts are built anew from the new configuration and the group's offsets (status/life.h).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/log.h"
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

enum {
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
                 "  sluice-collector audit [--host H] [--index NAME] FILE...   does every line of these files, archives too, stand in the index?\n"
                 "  sluice-collector --brokers kafka:9092 --topic logs --url http://es:9200\n",
        .verbs = verbs,
        .light_verbs = light_verbs,
        .default_config = "/etc/sluice/collector.cfg",
        .opts = &collector_opts,
        .versions = versions_text,
};

/* --- a turn ---------------------------------------------------------------------------------- */

static void turn(void *arg)
{
        struct collector *c = arg;

        deliver_turn(c->deliver);
        consume_set_budget(c->consume, deliver_chargeable(c->deliver));
        consume_turn(c->consume);
        if (c->config.life.once && !c->life.stopping && consume_at_end(c->consume))
                life_end(&c->life, "the end of every partition is reached");
        if (c->life.stopping && deliver_idle(c->deliver))
                life_stop(&c->life);
}

static void drain(void *arg, enum life_stop why)
{
        struct collector *c = arg;

        (void)why;
        consume_stop_taking(c->consume);
        deliver_flush(c->deliver);
}

static void go_on(void *arg)
{
        struct collector *c = arg;
        consume_take_on(c->consume, deliver_paused(c->deliver));
}

static int leave(void *arg, enum life_stop why, struct err *e)
{
        struct collector *c = arg;

        (void)why;
        (void)e;
        consume_close(c->consume, LEAVE_MS);
        return 0;
}

static void tick(void *arg)
{
        struct collector *c = arg;

        if (deliver_crowded(c->deliver))
                share_hold_oldest(c->consume);
}

static bool works(void *arg)
{
        const struct collector *c = arg;
        return !deliver_idle(c->deliver) || (c->config.life.once && !c->life.stopping) || consume_trouble(c->consume);
}

static int64_t settled(void *arg)
{
        return collector_settled(arg);
}

static int64_t in_flight(void *arg)
{
        const struct collector *c = arg;
        return stat_get(&c->stats.in_flight);
}

static const char *trouble(void *arg)
{
        return collector_trouble(arg);
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

        if (loop_now_ms(c->life.loop) < c->spare_after_ms)
                return NULL;
        c->spare_after_ms = loop_now_ms(c->life.loop) + SPARE_AGAIN_MS;
        c->spare_why = (struct err){ 0 };
        c->spare = dead_spare_new(c->life.loop, &c->config, &owner, &limits, &c->spare_why);
        return c->spare;
}

/* --- life ------------------------------------------------------------------------------------ */

static void shown_enough(void *arg)
{
        struct collector *c = arg;

        if (!c->life.stopping)
                life_end(&c->life, "enough was shown");
}

static struct sink *open_show(struct collector *c, const char *place, const char *dest,
                              const struct sink_owner *owner, const struct sink_limits *limits)
{
        const struct show_config show = { .out = stdout,
                                          .records = c->config.life.dry_run,
                                          .place = place,
                                          .dest = dest,
                                          .server_ids = c->config.elasticsearch.id == ES_ID_AUTO &&
                                                        collector_output(&c->config) ==
                                                                OUTPUT_ELASTICSEARCH,
                                          .enough = shown_enough,
                                          .arg = c };
        return sink_show_new(c->life.loop, &show, owner, limits);
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
        struct sink *s = output_new(c->life.loop, collector_output(&c->config), &parts, owner, limits, e);
        free(more.v);
        return s;
}

static int build_sinks(struct collector *c, struct err *e)
{
        /* A third of the budget holds documents; the rest is librdkafka's fetches (client.h), bodies being built, answers. */
        size_t budget = (size_t)c->config.memory / 3;
        struct sink_limits limits = { .max_batches = MAX_BULKS, .max_bytes = budget };
        struct sink_limits dead_limits = { .max_batches = MAX_DEAD_BATCHES, .max_bytes = DEAD_BYTES };
        struct sink_owner owner = deliver_index_owner(c->deliver), dead_owner = deliver_dead_owner(c->deliver);

        if (c->config.life.dry_run) {
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
        c->dead = dead_sink_new(c->life.loop, &c->config, &dead_owner, &dead_limits, e);
        if (!c->dead)
                return -e->code;
        deliver_set_sinks(c->deliver, c->index, c->dead, budget);
        return 0;
}

static int build(void *arg, struct err *e)
{
        struct collector *c = arg;
        const struct deliver_hooks to_consume = { on_settle, on_pause, on_resume, on_waiting, on_spare, c };
        const struct consume_hooks to_deliver = { on_take, on_flush, c };

        c->deliver = deliver_new(c->life.loop, &c->config, &c->stats, &to_consume, e);
        if (!c->deliver)
                return -e->code;
        int r = build_sinks(c, e);
        if (r < 0)
                return r;
        c->consume = consume_new(c->life.loop, &c->config, &c->stats, &to_deliver, e);
        if (!c->consume)
                return -e->code;
        consume_set_budget(c->consume, deliver_chargeable(c->deliver));
        return 0;
}

static void demolish(void *arg, enum life_stop why)
{
        struct collector *c = arg;

        (void)why;
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

static int stopped(void *arg)
{
        struct collector *c = arg;
        int64_t left = stat_get(&c->stats.in_flight);

        log_info("collector", "stopped: consumed=%lld settled=%lld left=%lld", (long long)stat_get(&c->stats.consumed),
                 (long long)collector_settled(c), (long long)left);
        if (c->config.life.dry_run)
                fprintf(stderr, "sluice-collector: dry run: %lld documents and %lld dead letters shown, nothing was sent\n",
                        (long long)sink_show_count(c->index), (long long)sink_show_count(c->dead));
        return left > 0 ? EX_TEMPFAIL : EX_OK;
}

static void check(const void *config, const char *file, struct report *report)
{
        collector_check(config, file, report);
}

static const struct life_ops life = {
        .program = &program,
        .component = "collector",
        .units = "records",
        .no_progress = "no partitions were assigned",
        .routes = collector_routes,
        .check = check,
        .build = build,
        .demolish = demolish,
        .turn = turn,
        .drain = drain,
        .go_on = go_on,
        .leave = leave,
        .stopped = stopped,
        .tick = tick,
        .works = works,
        .settled = settled,
        .in_flight = in_flight,
        .trouble = trouble,
};

static int run_verb(struct collector *c, const struct opt_args *args)
{
        if (args->health)
                return health_main(program.name, c->config.life.http);
        for (size_t i = 0; i < ARRAY_LEN(tools); i++)
                if (strcmp(args->verb, tools[i].verb) == 0) {
                        log_setup(LOG_ERROR, LOG_TEXT, STDERR_FILENO);
                        return tools[i].main(&c->config, args->args, args->nargs);
                }
        c->life = (struct life){ .ops = &life, .arg = c, .config = &c->config, .next = &c->next, .args = args,
                                 .reloads = &c->stats.reloads, .reload_errors = &c->stats.reload_errors };
        return life_main(&c->life);
}

int main(int argc, char **argv)
{
        static struct collector c;
        struct opt_args args;
        int code = program_start(&program, argc, argv, &c.config, &args);

        if (code == START_GO)
                code = run_verb(&c, &args);
        opt_free(&collector_opts, &c.config);
        opt_free(&collector_opts, &c.next);     /* of a reload that a stop overtook */
        opt_args_free(&args);
        return code;
}
