/* SPDX-License-Identifier: Apache-2.0 */
#include "status/life.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "status/notify.h"

enum { SECOND_MS = 1000 };

const char *const life_log_levels[] = { "debug", "info", "warn", "error", NULL };
const char *const life_log_formats[] = { "text", "json", NULL };

static struct life_config *common(const void *config)
{
        return (struct life_config *)config;
}

static void set_up_log(const struct life_config *c)
{
        log_setup((enum log_level)c->log_level, (enum log_format)c->log_format, STDERR_FILENO);
}

/* --- ending ---------------------------------------------------------------------------------- */

static void drain(struct life *l, enum life_stop what, const char *why)
{
        log_info(l->ops->component, "%s: %s; %lld %s in flight", what == LIFE_ENDS ? "stopping" : "reloading", why,
                 (long long)l->ops->in_flight(l->arg), l->ops->units);
        l->stopping = what;
        l->ops->drain(l->arg, what);
        timer_arm(l->loop, &l->stop_deadline, common(l->config)->stop_timeout_ms);
        loop_wake(l->loop);
}

void life_end(struct life *l, const char *why)
{
        if (l->stopping == LIFE_ENDS) {
                loop_stop(l->loop);
                return;
        }
        ready_block(&l->ready, "stopping");
        notify_stopping();
        drain(l, LIFE_ENDS, why);
}

void life_stop(struct life *l)
{
        loop_stop(l->loop);
}

static void stop_timed_out(struct timer *t)
{
        struct life *l = t->arg;

        log_warn(l->ops->component, "stop_timeout is over: %s=%lld come again", l->ops->units,
                 (long long)l->ops->in_flight(l->arg));
        loop_stop(l->loop);
}

static void on_signal(int signo, void *arg)
{
        struct life *l = arg;

        if (signo == SIGHUP)
                reload_ask(&l->reload);
        else
                life_end(l, strsignal(signo));
}

/* --- a second -------------------------------------------------------------------------------- */

static int complete(struct life *l, void *config, struct err *e)
{
        return l->ops->complete ? l->ops->complete(config, l->args, e) : 0;
}

/* Checked whole before anything changes; what is wrong leaves the old one in place. */
static void try_reload(struct life *l)
{
        struct opt_errors errors = { 0 };
        struct err e = { 0 };

        if (program_load(l->ops->program, l->args, l->next, &errors) == 0 && complete(l, l->next, &e) < 0)
                opt_complain(&errors, "%s", e.msg);
        if (errors.count == 0) {
                notify_reloading();
                drain(l, LIFE_RELOADS, "the configuration changed");
        } else {
                stat_inc(l->reload_errors);
                log_each_line(l->ops->component, "configuration refused, the old one stays", buf_cstr(&errors.text));
                opt_free(l->ops->program->opts, l->next);
        }
        buf_fini(&errors.text);
}

static void give_up_once(struct life *l)
{
        const char *why = l->ops->trouble(l->arg);

        log_error(l->ops->component, "no progress within start_timeout: %s", why ? why : l->ops->no_progress);
        l->exit_code = EX_TEMPFAIL;
        life_end(l, "--once without progress");
}

static void tell(struct life *l, int64_t settled)
{
        const char *why = l->ops->trouble(l->arg);

        notify_watchdog();
        if (why) {
                log_warn(l->ops->component, "waiting: %s", why);
                notify_status("waiting: %s", why);
        } else {
                notify_status("%lld %s settled, %lld in flight", (long long)settled, l->ops->units,
                              (long long)l->ops->in_flight(l->arg));
        }
}

static void second(struct timer *t)
{
        struct life *l = t->arg;
        const struct life_config *config = common(l->config);
        int64_t now = loop_now_ms(l->loop);
        int64_t settled = l->ops->settled(l->arg);
        bool still = settled == l->settled_seen, works = l->ops->works(l->arg);

        l->settled_seen = settled;
        if (!still)
                ready_progress(&l->ready, now);
        ready_observe(&l->ready, works, now);
        if (config->once && !l->stopping && l->ready.waiting && now - l->ready.since_ms > config->start_timeout_ms)
                give_up_once(l);
        tell(l, settled);
        if (!l->stopping && reload_due(&l->reload))
                try_reload(l);
        l->ops->tick(l->arg);
        if (!works || still)            /* what is free is not wanted again soon */
                mem_give_back();
        log_flush_repeats();
        timer_arm(l->loop, t, SECOND_MS);
}

/* --- life ------------------------------------------------------------------------------------ */

static int open_http(struct life *l, const struct life_config *config, struct http **ret, struct err *e)
{
        *ret = NULL;
        if (!config->http[0])
                return 0;
        *ret = http_new(l->loop, config->http, l->ops->routes, l->arg, e);
        if (!*ret)
                return -e->code;
        log_info(l->ops->component, "listening: http=%s", http_address(*ret));
        return 0;
}

/* The parts point into config, so it is the content that changes places. */
static void swap_configs(struct life *l)
{
        size_t size = l->ops->program->opts->size;
        void *old = xmalloc(size);

        memcpy(old, l->config, size);
        memcpy(l->config, l->next, size);
        memcpy(l->next, old, size);
        free(old);
}

static void refused(struct life *l, const struct err *e)
{
        stat_inc(l->reload_errors);
        log_error(l->ops->component, "configuration refused, the old one stays: %s", e->msg);
}

/* With the parts as they are. */
static void stay(struct life *l, const struct err *e)
{
        refused(l, e);
        if (l->ops->go_on)
                l->ops->go_on(l->arg);
}

/* What was not settled comes again: building anew loses no position. */
static int rebuild(struct life *l, struct err *e)
{
        struct http *http = l->http;
        bool moved = strcmp(common(l->config)->http, common(l->next)->http) != 0;
        int r = 0;

        if (moved && open_http(l, common(l->next), &http, e) < 0) {
                stay(l, e);
                goto out;
        }
        if (l->ops->leave(l->arg, LIFE_RELOADS, e) < 0) {
                if (moved)
                        http_free(http);
                stay(l, e);
                goto out;
        }
        l->ops->demolish(l->arg, LIFE_RELOADS);
        swap_configs(l);
        r = l->ops->build(l->arg, e);
        if (r < 0) {
                refused(l, e);
                if (moved)
                        http_free(http);
                l->ops->demolish(l->arg, LIFE_RELOADS);
                swap_configs(l);
                r = l->ops->build(l->arg, e);
                goto out;
        }
        if (moved)
                http_free(l->http);
        l->http = http;
        stat_inc(l->reloads);
        set_up_log(common(l->config));
        log_info(l->ops->component, "configuration taken over");
out:
        opt_free(l->ops->program->opts, l->next);
        return r;
}

static void start(struct life *l)
{
        l->stopping = LIFE_GOES_ON;
        timer_disarm(l->loop, &l->stop_deadline);
        timer_arm(l->loop, &l->second, SECOND_MS);
        if (l->ops->start)
                l->ops->start(l->arg);
        notify_ready();
        loop_wake(l->loop);
}

static int live(struct life *l, struct err *e)
{
        int r = 0;

        l->stop_deadline = (struct timer){ .name = "stop", .fn = stop_timed_out, .arg = l };
        l->second = (struct timer){ .name = "second", .fn = second, .arg = l };
        loop_on_signal(l->loop, SIGTERM, on_signal, l);
        loop_on_signal(l->loop, SIGINT, on_signal, l);
        loop_on_signal(l->loop, SIGHUP, on_signal, l);
        loop_on_turn(l->loop, l->ops->turn, l->arg);
        do {
                start(l);
                loop_run(l->loop);
                if (l->stopping == LIFE_RELOADS)
                        r = rebuild(l, e);
        } while (l->stopping == LIFE_RELOADS && r == 0);

        timer_disarm(l->loop, &l->second);
        timer_disarm(l->loop, &l->stop_deadline);
        if (r < 0)
                return r;
        r = l->ops->leave(l->arg, LIFE_ENDS, e);
        if (r < 0)
                return r;
        int code = l->ops->stopped(l->arg);
        if (common(l->config)->once && l->exit_code == EX_OK)
                l->exit_code = code;
        return 0;
}

static int run(struct life *l, struct err *e)
{
        l->loop = loop_new(&clock_system, e);
        if (!l->loop)
                return -e->code;
        int r = l->ops->build(l->arg, e);
        if (r == 0 && !common(l->config)->dry_run)
                r = open_http(l, common(l->config), &l->http, e);
        if (r == 0)
                r = live(l, e);
        http_free(l->http);
        l->ops->demolish(l->arg, LIFE_ENDS);
        loop_free(l->loop);
        return r;
}

static int check(struct life *l)
{
        struct report report = { 0 };

        l->ops->check(l->config, program_file(l->ops->program, l->args), &report);
        report_print(&report, stdout);
        int code = report.exit_code;
        report_fini(&report);
        return code;
}

static int exit_code_of(int error)
{
        switch (-error) {
        case EINVAL:
                return EX_CONFIG;
        case EBUSY:
                return EX_TEMPFAIL;     /* the directory is another process's */
        case EADDRINUSE:
        case EADDRNOTAVAIL:
        case EHOSTUNREACH:
                return EX_UNAVAILABLE;
        case EMFILE:
        case ENOMEM:
                return EX_OSERR;
        default:
                return EX_CANTCREAT;    /* the directory */
        }
}

int life_main(struct life *l)
{
        struct life_config *config = common(l->config);
        struct err e = { 0 };

        reload_init(&l->reload, program_file(l->ops->program, l->args));
        if (config->dry_run) {
                config->once = true;
                if (config->log_level < LOG_WARN)
                        config->log_level = LOG_WARN;   /* the records are what one wants to see */
        }
        set_up_log(config);
        ready_init(&l->ready);
        int r = complete(l, l->config, &e);
        if (r == 0 && strcmp(l->args->verb, "check") == 0)
                return check(l);
        if (r == 0)
                r = run(l, &e);
        if (r == 0)
                return l->exit_code;
        fprintf(stderr, "%s: %s\n", l->ops->program->name, e.msg);
        return exit_code_of(r);
}
