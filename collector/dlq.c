/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/dlq.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <xxhash.h>

#include "base/clock.h"
#include "base/mem.h"
#include "collector/dlq_filter.h"
#include "collector/dlq_print.h"
#include "collector/letters.h"
#include "collector/redrive.h"
#include "event/timestamp.h"

enum { GROUPS = 1000 };                 /* lines of dlq ls; further ones are counted together */

/* --- printing --------------------------------------------------------------------------------- */

static void print_named(const char *name, const struct letter_text *t)
{
        if (t->len == 0)
                return;
        printf("  %-10s", name);
        dlq_print_text(t->p, t->len);
        putchar('\n');
}

static const char *time_text(int64_t ms, char out[TIMESTAMP_LEN + 1])
{
        timestamp_format(ms * 1000000, out);
        out[TIMESTAMP_LEN] = '\0';
        return ms < 0 ? "-" : out;
}

static void tell_strangers(const struct letters *ls)
{
        if (ls->strangers > 0)
                printf("%lld other records or lines in %s were passed over\n", (long long)ls->strangers, ls->place);
}

/* --- ls --------------------------------------------------------------------------------------- */

struct group {
        char *reason, *error, *index;   /* owned */
        int64_t status;
        int64_t open, redriven;
        int64_t first_ms, last_ms;
};

struct list {
        const struct dlq_filter *filter;
        struct group v[GROUPS];
        size_t n;
        struct map by_hash;
        struct group others;            /* what found no room above */
        int64_t open, all;

        char *file;                     /* owned; of the letter before, NULL: none */
        bool file_open;                 /* it holds an open letter */
        struct buf spent;               /* rotated files without */
};

static char *copy(const struct letter_text *t)
{
        return t->len > 0 ? xstrndup(t->p, t->len) : xstrdup("-");
}

static struct group *group_of(struct list *list, const struct letter *l)
{
        struct letter_text type = letter_error_type(l);
        uint64_t hash = (uint64_t)l->status;

        hash = XXH64(l->reason.p, l->reason.len, hash);
        hash = type.len ? XXH64(type.p, type.len, hash) : hash;
        hash = l->index.len ? XXH64(l->index.p, l->index.len, hash) : hash;
        struct group *g = map_get(&list->by_hash, hash);
        if (g || list->n == GROUPS)
                return g ? g : &list->others;
        g = &list->v[list->n++];
        *g = (struct group){ .reason = copy(&l->reason), .error = copy(&type), .index = copy(&l->index), .status = l->status };
        map_put(&list->by_hash, hash, g);
        return g;
}

/* "dead-letters.ndjson.3.lz4": done with by who writes it. */
static bool is_rotated(const char *file)
{
        const char *number = strstr(file, ".ndjson.");
        return number && number[8] >= '1' && number[8] <= '9';
}

static void end_file(struct list *list)
{
        if (list->file && !list->file_open && is_rotated(list->file))
                buf_printf(&list->spent, " %s", list->file);
        free(list->file);
        list->file = NULL;
}

static void look_at_file(struct list *list, const struct letter *l)
{
        if (!list->file || !letter_text_is(&l->where, list->file)) {
                end_file(list);
                list->file = copy(&l->where);
                list->file_open = false;
        }
        list->file_open |= !l->redriven;
}

static bool list_letter(void *arg, const struct letter *l)
{
        struct list *list = arg;

        look_at_file(list, l);
        if (!dlq_fits(list->filter, l))
                return true;
        struct group *g = group_of(list, l);
        ++*(l->redriven ? &g->redriven : &g->open);
        list->open += !l->redriven;
        list->all++;
        if (g->first_ms == 0 || l->refused_ms < g->first_ms)
                g->first_ms = l->refused_ms;
        if (l->refused_ms > g->last_ms)
                g->last_ms = l->refused_ms;
        return true;
}

static int by_weight(const void *a, const void *b)
{
        const struct group *one = a, *other = b;

        if (one->open != other->open)
                return one->open > other->open ? -1 : 1;
        return one->redriven > other->redriven ? -1 : one->redriven < other->redriven;
}

static void print_group(const struct group *g, int reason_width, int index_width)
{
        char first[TIMESTAMP_LEN + 1], last[TIMESTAMP_LEN + 1], status[24] = "-";

        if (g->status > 0)
                snprintf(status, sizeof(status), "%" PRId64, g->status);
        printf("%8" PRId64 " %8" PRId64 "  %-*s %6s  ", g->open, g->redriven, reason_width, g->reason, status);
        printf("%-*s  %-24s  %-24s  ", index_width, g->index, time_text(g->first_ms, first), time_text(g->last_ms, last));
        dlq_print_text(g->error, strlen(g->error));
        putchar('\n');
}

static void print_list(struct list *list, const struct letters *ls)
{
        int reason = (int)strlen("REASON"), index = (int)strlen("INDEX");

        end_file(list);
        if (list->n > 0)
                qsort(list->v, list->n, sizeof(list->v[0]), by_weight);
        for (size_t i = 0; i < list->n; i++) {
                if ((int)strlen(list->v[i].reason) > reason)
                        reason = (int)strlen(list->v[i].reason);
                if ((int)strlen(list->v[i].index) > index)
                        index = (int)strlen(list->v[i].index);
        }
        if (list->all > 0)
                printf("%8s %8s  %-*s %6s  %-*s  %-24s  %-24s  %s\n", "OPEN", "REDRIVEN", reason, "REASON", "STATUS", index,
                       "INDEX", "FIRST", "LAST", "ERROR");
        for (size_t i = 0; i < list->n; i++)
                print_group(&list->v[i], reason, index);
        if (list->others.open + list->others.redriven > 0)
                printf("%8" PRId64 " %8" PRId64 "  of other reasons and indices\n", list->others.open, list->others.redriven);
        printf("%" PRId64 " dead letter%s in %s, %" PRId64 " of them open\n", list->all, list->all == 1 ? "" : "s", ls->place,
               list->open);
        if (list->spent.len > 0)
                printf("without open letters, may be taken away:%s\n", buf_cstr(&list->spent));
        tell_strangers(ls);
}

static int ls_main(struct letters *ls, const struct dlq_filter *filter)
{
        struct list *list = xcalloc(1, sizeof(*list));
        struct err e = { 0 };

        list->filter = filter;
        int r = letters_read(ls, list_letter, list, &e);
        print_list(list, ls);
        for (size_t i = 0; i < list->n; i++) {
                free(list->v[i].reason);
                free(list->v[i].error);
                free(list->v[i].index);
        }
        buf_fini(&list->spent);
        map_fini(&list->by_hash);
        free(list);
        return r < 0 ? dlq_fail(r, &e) : EX_OK;
}

/* --- show ------------------------------------------------------------------------------------- */

struct show {
        const struct dlq_filter *filter;
        int64_t wanted;                 /* the letter's number, from 1; 0: all that fit */
        int64_t at, shown;
};

static void print_letter(int64_t number, const struct letter *l)
{
        char time[TIMESTAMP_LEN + 1];

        printf("#%" PRId64 " %s, ", number, l->redriven ? "redriven" : "open");
        dlq_print_text(l->reason.p, l->reason.len);
        if (l->status > 0)
                printf(", status %" PRId64, l->status);
        putchar('\n');
        print_named("error", &l->error);
        print_named("index", &l->index);
        print_named("_id", &l->id);
        print_named("pipeline", &l->pipeline);
        print_named("routing", &l->routing);
        printf("  %-10stopic %.*s, partition %" PRId64 ", offset %" PRId64 ", written %s\n", "from", (int)l->topic.len, l->topic.p,
               l->partition, l->offset, time_text(l->timestamp_ms, time));
        printf("  %-10s%s", "refused", time_text(l->refused_ms, time));
        printf(", first seen %s\n", time_text(l->first_seen_ms, time));
        print_named("kept in", &l->where);
        print_named("document", &l->document);
}

static bool show_letter(void *arg, const struct letter *l)
{
        struct show *s = arg;

        s->at++;
        if (s->wanted ? s->at != s->wanted : !dlq_fits(s->filter, l))
                return true;
        print_letter(s->at, l);
        s->shown++;
        return !s->wanted && !ferror(stdout);   /* a pager may have gone */
}

static int show_main(struct letters *ls, const struct dlq_filter *filter, const char *number)
{
        struct show s = { .filter = filter };
        struct err e = { 0 };
        char *end = NULL;

        if (number)
                s.wanted = strtoll(number, &end, 10);
        if (number && (*end || s.wanted < 1)) {
                fprintf(stderr, "sluice-collector: dlq show %s: takes the number of a letter, from 1\n", number);
                return EX_USAGE;
        }
        int r = letters_read(ls, show_letter, &s, &e);
        if (r < 0)
                return dlq_fail(r, &e);
        if (s.shown > 0)
                return EX_OK;
        if (number)
                printf("%s has %" PRId64 " dead letters, and no number %s\n", ls->place, s.at, number);
        else
                printf("none of the %" PRId64 " dead letters in %s\n", s.at, ls->place);
        return number ? EX_NOINPUT : EX_OK;
}

/* --- the verb --------------------------------------------------------------------------------- */

static int usage(const char *said)
{
        fprintf(stderr,
                "sluice-collector: dlq%s%s: takes ls, show [N] or redrive\n"
                "  dlq ls                   how many dead letters there are, by reason and index\n"
                "  dlq show [N]             the N-th of them, or all, with cause and document\n"
                "  dlq redrive [--dry-run]  sends those that are open to their index again\n"
                "show and redrive take --reason REASON, all take --since TIME and --until TIME\n",
                said ? " " : "", said ? said : "");
        return EX_USAGE;
}

int dlq_main(const struct collector_config *c, const char *const *args, size_t n)
{
        static const char *const verbs[] = { "ls", "show", "redrive" };
        enum { LS, SHOW, REDRIVE, NVERBS } verb = LS;
        struct dlq_filter filter;
        struct err e = { 0 };

        while (n > 0 && verb < NVERBS && strcmp(args[0], verbs[verb]) != 0)
                verb++;
        if (n == 0 || verb == NVERBS || n > (verb == SHOW ? 2 : 1))
                return usage(n > 0 ? args[n > 1 ? n - 1 : 0] : NULL);
        if (dlq_filter_init(&filter, &c->dlq, clock_system.wall_ns(&clock_system) / 1000000, &e) < 0) {
                dlq_fail(-EINVAL, &e);
                return EX_USAGE;
        }
        struct letters *ls = letters_open(c, &e);
        if (!ls)
                return dlq_fail(-e.code, &e);
        int code = verb == LS   ? ls_main(ls, &filter)
                   : verb == SHOW ? show_main(ls, &filter, n > 1 ? args[1] : NULL)
                                  : redrive_letters(c, ls, &filter);
        letters_close(ls);
        return code;
}
