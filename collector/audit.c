/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/audit.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>
#include <xxhash.h>

#include "base/json.h"
#include "base/map.h"
#include "base/mem.h"
#include "collector/audit_file.h"
#include "collector/lookup.h"

enum {
        LINES = 500,                    /* of a question; two ids for one at the most */
        TEXTS = 1 << 20,                /* of their text, and so about of the answer */
        SAMPLE = 40,                    /* lines that are asked for under every generation */
        NAMES = 16,                     /* files of one name that are looked at */
        SHOWN_TEXT = 120,
};

enum state { MISSING, FOUND, DIFFERENT };

struct line {
        struct audit_line at;
        enum state state;
        bool doubled;
        char other[SHOWN_TEXT];         /* DIFFERENT: how its document begins */
};

struct counts { int64_t lines, found, missing, different, doubled; };

struct audit {
        const struct collector_config *config;  /* borrowed */
        const char *host;
        struct lookup *lookup;          /* owned */

        /* The file at hand. */
        struct audit_file file;
        char *path;                     /* owned; absolute */
        struct ident id;
        char id_text[IDENT_FILE_TEXT + 1];
        struct counts counts;
        int64_t covered_from, covered_to;       /* a stretch that stands there, by documents that are more or less than a line */

        /* The batch at hand. */
        struct line *lines;             /* owned; LINES of them */
        size_t n;
        struct buf texts, ids, scratch;
        struct map by_id;
};

/* --- ids -------------------------------------------------------------------------------------- */

static uint64_t put_id(struct buf *ids, const struct ident *id)
{
        char text[IDENT_LINE_TEXT];

        ident_line_text(id, text);
        buf_printf(ids, "%s\"%.*s\"", ids->len > 0 ? "," : "", IDENT_LINE_TEXT, text);
        return XXH3_64bits(text, sizeof(text));
}

static bool is_id(const struct ident *id, const char *text)
{
        char own[IDENT_LINE_TEXT];

        ident_line_text(id, own);
        return text && strlen(text) == sizeof(own) && memcmp(text, own, sizeof(own)) == 0;
}

static uint64_t key_of(const char *id)
{
        return XXH3_64bits(id, strlen(id));
}

/* --- text ------------------------------------------------------------------------------------- */

/* A document's text ends at its first NUL here, so only that much of the line counts. */
static bool same_text(struct audit *a, const char *p, size_t len, const char *message, bool begins)
{
        const char *nul = memchr(p, '\0', len);
        size_t want = strlen(message);

        buf_reset(&a->scratch);
        json_repair_utf8(&a->scratch, p, nul ? (size_t)(nul - p) : len);
        if (begins ? a->scratch.len < want : a->scratch.len != want)
                return false;
        return want == 0 || memcmp(a->scratch.data, message, want) == 0;
}

static void judge(struct audit *a, struct line *line, const struct lookup_hit *hit)
{
        const char *text = a->texts.data + line->at.text;

        if (line->state != MISSING) {
                line->doubled = true;
                return;
        }
        if (a->config->audit.compare == AUDIT_ID ||
            (hit->message && same_text(a, text, line->at.len, hit->message, hit->truncated))) {
                line->state = FOUND;
                return;
        }
        line->state = DIFFERENT;
        snprintf(line->other, sizeof(line->other), "%s", hit->message ? hit->message : "(no message)");
}

/* --- a batch, line by line -------------------------------------------------------------------- */

static void on_line_hit(void *arg, const struct lookup_hit *hit)
{
        struct audit *a = arg;
        struct line *line = map_get(&a->by_id, key_of(hit->id));

        if (line)
                judge(a, line, hit);
}

static int ask_for_lines(struct audit *a, struct err *e)
{
        buf_reset(&a->ids);
        map_fini(&a->by_id);
        for (size_t i = 0; i < a->n; i++) {
                struct line *line = &a->lines[i];
                struct ident id = ident_of_line(&a->id, (uint64_t)line->at.offset);
                map_put(&a->by_id, put_id(&a->ids, &id), line);
                if (!line->at.unfinished)
                        continue;
                id = ident_of_span(&a->id, (uint64_t)line->at.offset, (uint64_t)(line->at.end - line->at.offset));
                map_put(&a->by_id, put_id(&a->ids, &id), line);
        }
        return lookup_ids(a->lookup, &a->ids, on_line_hit, a, e);
}

/* --- and what is not a line ------------------------------------------------------------------- */

static size_t terminator_at(const struct audit *a, int64_t offset)
{
        struct buf two = { 0 };
        size_t len = 0;

        if (audit_file_bytes(&a->file, offset, 1, &two) && two.data[0] == '\n')
                len = 1;
        else if (two.len == 1 && two.data[0] == '\r' && audit_file_bytes(&a->file, offset + 1, 1, &two) && two.data[1] == '\n')
                len = 2;
        buf_fini(&two);
        return len;
}

/* Its text is a stretch of the file, and its id is that stretch's: 0 when not, else where it ends. */
static int64_t proven_end(struct audit *a, const struct lookup_hit *hit)
{
        const char *id = hit->event_id ? hit->event_id : hit->id;
        size_t len = hit->message ? strlen(hit->message) : 0;
        struct buf bytes = { 0 };
        bool same = hit->offset >= 0 && hit->message && audit_file_bytes(&a->file, hit->offset, len, &bytes) &&
                    memcmp(bytes.data, hit->message, len) == 0;

        buf_fini(&bytes);
        if (!same)
                return 0;
        int64_t end = hit->offset + (int64_t)len;
        size_t lf = terminator_at(a, end);
        struct ident line = ident_of_line(&a->id, (uint64_t)hit->offset);
        struct ident half = ident_of_span(&a->id, (uint64_t)hit->offset, len);
        struct ident whole = ident_of_span(&a->id, (uint64_t)hit->offset, len + lf);
        return is_id(&line, id) || is_id(&half, id) || is_id(&whole, id) ? end + (int64_t)lf : 0;
}

static void mark_covered(struct audit *a)
{
        for (size_t i = 0; i < a->n; i++) {
                struct line *line = &a->lines[i];
                if (line->state == MISSING && line->at.offset >= a->covered_from && line->at.end <= a->covered_to)
                        line->state = FOUND;
        }
}

/* They come in the order of their offsets. */
static void on_place_hit(void *arg, const struct lookup_hit *hit)
{
        struct audit *a = arg;
        int64_t end = proven_end(a, hit);

        if (end <= a->covered_to)
                return;
        if (hit->offset > a->covered_to)
                a->covered_from = hit->offset;
        a->covered_to = end;
        mark_covered(a);
}

static int ask_for_places(struct audit *a, struct err *e)
{
        size_t first = 0;

        mark_covered(a);
        while (first < a->n && a->lines[first].state != MISSING)
                first++;
        if (first == a->n)
                return 0;
        return lookup_place(a->lookup, a->id_text, a->lines[first].at.offset, a->lines[a->n - 1].at.end, on_place_hit, a, e);
}

/* --- what is said ----------------------------------------------------------------------------- */

static void print_line(const struct audit *a, const struct line *line)
{
        if (a->counts.missing + a->counts.different > a->config->audit.show)
                return;
        printf("  %-9s  line %" PRId64 ", offset %" PRId64, line->state == MISSING ? "missing" : "different", line->at.number,
               line->at.offset);
        if (line->state == DIFFERENT) {
                fputs(", stands there as ", stdout);
                for (const char *p = line->other; *p; p++)
                        putchar((unsigned char)*p < ' ' || *p == 0x7f ? '?' : *p);
        }
        putchar('\n');
}

static void count(struct audit *a)
{
        for (size_t i = 0; i < a->n; i++) {
                const struct line *line = &a->lines[i];
                a->counts.lines++;
                a->counts.doubled += line->doubled;
                a->counts.found += line->state == FOUND;
                a->counts.missing += line->state == MISSING;
                a->counts.different += line->state == DIFFERENT;
                if (line->state != FOUND)
                        print_line(a, line);
        }
}

static void print_counts(const char *what, const struct counts *c)
{
        printf("%s: %" PRId64 " line%s, %" PRId64 " found", what, c->lines, c->lines == 1 ? "" : "s", c->found);
        if (c->missing > 0)
                printf(", %" PRId64 " missing", c->missing);
        if (c->different > 0)
                printf(", %" PRId64 " different", c->different);
        if (c->doubled > 0)
                printf(", %" PRId64 " more than once", c->doubled);
        putchar('\n');
}

/* --- which file it is ------------------------------------------------------------------------- */

static int read_batch(struct audit *a, size_t most, struct err *e)
{
        int r = 1;

        a->n = 0;
        buf_reset(&a->texts);
        while (r > 0 && a->n < most && a->texts.len < TEXTS) {
                struct line *line = &a->lines[a->n];
                *line = (struct line){ .state = MISSING };
                r = audit_file_next(&a->file, &a->texts, &line->at, e);
                a->n += r > 0;
        }
        return r < 0 ? r : 0;
}

static void take_id(struct audit *a, const struct ident *id)
{
        a->id = *id;
        ident_text(id, a->id_text);
        a->id_text[IDENT_FILE_TEXT] = '\0';
}

struct votes {
        struct map generation;          /* of an id: a pointer into marks */
        char marks[AUDIT_GENERATIONS];
        size_t count[AUDIT_GENERATIONS];
};

static void on_vote(void *arg, const struct lookup_hit *hit)
{
        struct votes *v = arg;
        const char *mark = map_get(&v->generation, key_of(hit->id));

        if (mark)
                v->count[mark - v->marks]++;
}

/* The generation under which most of the first lines stand there.  1: found, 0: none of them does. */
static int try_lines(struct audit *a, struct err *e)
{
        struct votes v = { 0 };
        int best = 0;

        buf_reset(&a->ids);
        for (int g = 0; g < AUDIT_GENERATIONS; g++) {
                struct ident file = audit_file_ident(&a->file, a->host, (uint32_t)g);
                for (size_t i = 0; i < a->n; i++) {
                        struct ident id = ident_of_line(&file, (uint64_t)a->lines[i].at.offset);
                        map_put(&v.generation, put_id(&a->ids, &id), &v.marks[g]);
                }
        }
        int r = lookup_ids(a->lookup, &a->ids, on_vote, &v, e);
        map_fini(&v.generation);
        for (int g = 1; g < AUDIT_GENERATIONS; g++)
                if (v.count[g] > v.count[best])
                        best = g;
        struct ident id = audit_file_ident(&a->file, a->host, (uint32_t)best);
        take_id(a, &id);
        return r < 0 ? r : v.count[best] > 0;
}

static void on_any(void *arg, const struct lookup_hit *hit)
{
        (void)hit;
        ++*(size_t *)arg;
}

/* Documents of a file of this id, at its beginning. */
static int count_places(struct audit *a, const struct ident *id, size_t *ret, struct err *e)
{
        char text[IDENT_FILE_TEXT + 1];

        ident_text(id, text);
        text[IDENT_FILE_TEXT] = '\0';
        *ret = 0;
        return lookup_place(a->lookup, text, 0, a->lines[a->n - 1].at.end, on_any, ret, e);
}

struct names {
        struct audit *audit;
        struct ident v[NAMES];
        size_t n;
};

static void on_name(void *arg, const struct lookup_hit *hit)
{
        struct names *names = arg;
        struct ident id;

        if (!hit->file_id || names->n == NAMES || strlen(hit->file_id) != IDENT_FILE_TEXT || ident_parse(hit->file_id, &id) < 0)
                return;
        for (size_t i = 0; i < names->n; i++)
                if (memcmp(&names->v[i], &id, sizeof(id)) == 0)
                        return;
        names->v[names->n++] = id;
}

/* Of the many files that a name has had over time, those that begin as this one does: with its first line, an event of which
 * that is the first, or what a limit left of it. */
static void on_head(void *arg, const struct lookup_hit *hit)
{
        struct names *names = arg;
        const struct audit *a = names->audit;
        const struct audit_line *first = &a->lines[0].at;
        size_t len = hit->message ? strlen(hit->message) : 0, n = len < first->len ? len : first->len;

        if (hit->message && (len >= first->len || hit->truncated) && memcmp(hit->message, a->texts.data + first->text, n) == 0)
                on_name(arg, hit);
}

/* Cuts what a rotation put behind a name: "app.log.1.gz" is "app.log.1", "app.log", "app".  False: nothing is left. */
static bool cut_name(char *path)
{
        char *base = strrchr(path, '/') + 1, *end = base + strlen(base);

        while (end > base && *end != '.' && *end != '-')
                end--;
        *end = '\0';
        return end > base;
}

/* What was shipped under its name, or under the one it had before it was rotated. */
static int find_names(struct audit *a, struct names *names, struct err *e)
{
        char *path = xstrdup(a->path);
        int r;

        do
                r = lookup_heads(a->lookup, path, on_head, names, e);
        while (r == 0 && names->n < NAMES && cut_name(path));
        free(path);
        if (r == 0 && names->n == 0)    /* its first line is changed, or left out */
                r = lookup_path(a->lookup, a->path, on_name, names, e);
        return r;
}

/* How many of the lines at hand stand there as this file's.  Events of several lines are none. */
static int count_lines(struct audit *a, const struct ident *id, size_t *ret, struct err *e)
{
        take_id(a, id);
        for (size_t i = 0; i < a->n; i++)
                a->lines[i].state = MISSING;
        int r = ask_for_lines(a, e);
        *ret = 0;
        for (size_t i = 0; i < a->n; i++)
                *ret += a->lines[i].state == FOUND;
        return r;
}

struct best { struct ident id; size_t lines, places; };

static int weigh(struct audit *a, const struct ident *id, struct best *best, struct err *e)
{
        size_t lines, places;
        int r = count_lines(a, id, &lines, e);

        if (r == 0)
                r = count_places(a, id, &places, e);
        if (r == 0 && (lines > best->lines || (lines == best->lines && places > best->places)))
                *best = (struct best){ *id, lines, places };
        return r;
}

/* Events of several lines have no line's id, and a copy has another inode: what was shipped from there, or under its name? */
static int try_places(struct audit *a, struct err *e)
{
        struct names names = { .audit = a };
        struct best best = { 0 };
        int r = find_names(a, &names, e);

        for (int g = 0; r == 0 && best.places == 0 && g < AUDIT_GENERATIONS; g++) {
                struct ident id = audit_file_ident(&a->file, a->host, (uint32_t)g);
                r = weigh(a, &id, &best, e);
        }
        for (size_t i = 0; r == 0 && i < names.n; i++)
                r = weigh(a, &names.v[i], &best, e);
        if (r < 0)
                return r;
        if (best.places == 0)
                best.id = audit_file_ident(&a->file, a->host, 0);
        take_id(a, &best.id);
        return best.places > 0;
}

static int identify(struct audit *a, struct err *e)
{
        int r = read_batch(a, SAMPLE, e);

        if (r < 0 || a->n == 0)
                return r;
        r = try_lines(a, e);
        if (r == 0)
                r = try_places(a, e);
        if (r == 0)
                printf("%s: no document of it is there, shipped by host %s or under its name; --host NAME tells another host\n", a->path,
                       a->host);
        audit_file_rewind(&a->file);
        return r < 0 ? r : 0;
}

/* --- a file ----------------------------------------------------------------------------------- */

static int audit_lines(struct audit *a, struct err *e)
{
        int r = identify(a, e);

        while (r == 0) {
                r = read_batch(a, LINES, e);
                if (r < 0 || a->n == 0)
                        break;
                r = ask_for_lines(a, e);
                if (r == 0)
                        r = ask_for_places(a, e);
                if (r == 0)
                        count(a);
        }
        return r;
}

static char *absolute(const char *name)
{
        char cwd[PATH_MAX];
        return name[0] == '/' || !getcwd(cwd, sizeof(cwd)) ? xstrdup(name) : xasprintf("%s/%s", cwd, name);
}

static int audit_one(struct audit *a, const char *name, struct err *e)
{
        a->path = absolute(name);
        a->counts = (struct counts){ 0 };
        a->covered_from = a->covered_to = 0;
        int r = audit_file_open(&a->file, a->path, e);
        if (r == 0)
                r = audit_lines(a, e);
        if (r == 0)
                print_counts(name, &a->counts);
        audit_file_close(&a->file);
        free(a->path);
        a->path = NULL;
        return r;
}

/* --- the verb --------------------------------------------------------------------------------- */

static int exit_code_of(int error)
{
        switch (-error) {
        case EACCES:
                return EX_NOPERM;
        case EHOSTUNREACH:
        case EPROTO:
                return EX_UNAVAILABLE;
        case EILSEQ:
                return EX_DATAERR;
        default:
                return EX_NOINPUT;
        }
}

static void add(struct counts *sum, const struct counts *c)
{
        sum->lines += c->lines;
        sum->found += c->found;
        sum->missing += c->missing;
        sum->different += c->different;
        sum->doubled += c->doubled;
}

static int audit_all(struct audit *a, const char *const *files, size_t n)
{
        struct counts sum = { 0 };
        struct err e = { 0 };
        int code = EX_OK;

        if (!lookup_refresh(a->lookup))
                fputs("sluice-collector: the index was not refreshed: what was indexed in the last seconds may be called missing\n", stderr);
        for (size_t i = 0; i < n; i++) {
                int r = audit_one(a, files[i], &e);
                if (r < 0) {
                        fflush(stdout);
                        fprintf(stderr, "sluice-collector: %s\n", e.msg);
                        code = exit_code_of(r);
                }
                add(&sum, &a->counts);
        }
        if (n > 1)
                print_counts("all", &sum);
        return code == EX_OK && sum.found != sum.lines ? EX_DATAERR : code;
}

/* All names that documents may be under; a pattern twice does no harm. */
static void put_indexes(const struct collector_config *c, struct buf *ret)
{
        struct strlist more = collector_route_indexes(c);

        lookup_pattern(c->elasticsearch.index, ret);
        for (size_t i = 0; i < more.n; i++) {
                buf_putc(ret, ',');
                lookup_pattern(more.v[i], ret);
        }
        free(more.v);
}

int audit_main(const struct collector_config *c, const char *const *files, size_t n)
{
        char host[HOST_NAME_MAX + 1] = "";
        struct audit a = { .config = c, .host = c->audit.host, .file = { .fd = -1 } };
        struct buf index = { 0 };
        struct err e = { 0 };
        int code = EX_CONFIG;

        if (n == 0) {
                fputs("sluice-collector: audit: takes log files, as in: sluice-collector audit --url http://es:9200 /var/log/app/*.log\n",
                      stderr);
                return EX_USAGE;
        }
        if (!a.host) {
                gethostname(host, sizeof(host) - 1);
                a.host = host;
        }
        put_indexes(c, &index);
        a.lookup = lookup_new(&c->elasticsearch, buf_cstr(&index), &e);
        if (a.lookup) {
                a.lines = xcalloc(LINES, sizeof(*a.lines));
                code = audit_all(&a, files, n);
        } else {
                fprintf(stderr, "sluice-collector: %s\n", e.msg);
        }
        lookup_free(a.lookup);
        map_fini(&a.by_id);
        buf_fini(&a.texts);
        buf_fini(&a.ids);
        buf_fini(&a.scratch);
        buf_fini(&index);
        free(a.lines);
        return code;
}
