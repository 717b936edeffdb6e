/* SPDX-License-Identifier: Apache-2.0 */
#include "sinks/es_answer.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <yajl/yajl_parse.h>
#include <yajl/yajl_version.h>

#include "base/check.h"
#include "base/mem.h"

/* yajl gathers a token that spans pieces, and a byte for each open bracket. Both are the server's to
 * choose, so both are bounded. */
enum { TOKEN_MAX = 1 << 20, DEPTH_MAX = 64 };

/*  START -{-> ROOT -[items-> ITEMS -{-> ITEM -{create-> RESULT -{error-> ITEM_ERROR
 *               |                                                  each closing bracket goes one back
 *               +-{error-> ROOT_ERROR                              ROOT -}-> END
 *
 * Any other bracket opens a part that is skipped whole. */
enum place { START, ROOT, ROOT_ERROR, ITEMS, ITEM, RESULT, ITEM_ERROR, END };

static const enum place outer[] = {
        [ROOT] = END,   [ROOT_ERROR] = ROOT, [ITEMS] = ROOT,
        [ITEM] = ITEMS, [RESULT] = ITEM,     [ITEM_ERROR] = RESULT,
};

/* The key whose value comes next. */
enum field { F_OTHER, F_ERRORS, F_ITEMS, F_ERROR, F_STATUS, F_TYPE, F_REASON, F_FAILURE_STORE };

struct es_parse {
        bool strange;      /* yajl reads; until then all was as usual */
        int step;          /* of the usual answer, and how much of it was there */
        size_t same;
        size_t told;       /* items that the owner knows of already */

        enum place place;
        enum field field;
        unsigned skip; /* open brackets of a part that is skipped */
        size_t silent; /* bytes since the last token */
        bool ended;

        unsigned status;  /* of the item at hand */
        unsigned results; /* actions in it: one */
        bool failure_store;
        struct es_error error;
};

/* yajl's word for go on and stop. */
enum { STOP = 0, GO = 1 };

static int fault(struct es_answer *a, const char *why)
{
        if (!a->fault)
                a->fault = why;
        return STOP;
}

static void copy_text(char *to, size_t size, const unsigned char *p, size_t n)
{
        if (n >= size) {
                n = size - 1;
                while (n > 0 && (p[n] & 0xC0) == 0x80) /* not within a UTF-8 character */
                        n--;
        }
        memcpy(to, p, n);
        to[n] = '\0';
}

static struct es_error *error_here(struct es_answer *a)
{
        return a->parse->place == ITEM_ERROR ? &a->parse->error : &a->error;
}

/* ---- items -------------------------------------------------------------------------------------- */

static void item_begins(struct es_parse *p)
{
        p->status = 0;
        p->results = 0;
        p->failure_store = false;
        p->error.type[0] = p->error.reason[0] = '\0';
}

static int item_ends(struct es_answer *a)
{
        struct es_parse *p = a->parse;

        if (p->results != 1)
                return fault(a, "an item without exactly one action");
        if (p->status < 100 || p->status > 999)
                return fault(a, "an item without a status");
        if (a->items == a->max_items)
                return fault(a, "more items than actions");
        struct es_item item = {
                .index = a->items++,
                .status = p->status,
                .failure_store = p->failure_store,
                .error = &p->error,
        };
        if (a->item && item.index >= p->told)
                a->item(a->arg, &item);
        return GO;
}

/* ---- brackets ----------------------------------------------------------------------------------- */

static bool opens(const struct es_parse *p, bool map, enum place *ret_to)
{
        switch (p->place) {
        case START:
                *ret_to = ROOT;
                return map;
        case ROOT:
                *ret_to = map ? ROOT_ERROR : ITEMS;
                return p->field == (map ? F_ERROR : F_ITEMS);
        case ITEMS:
                *ret_to = ITEM;
                return map;
        case ITEM:
                *ret_to = RESULT;
                return map;
        case RESULT:
                *ret_to = ITEM_ERROR;
                return map && p->field == F_ERROR;
        case ROOT_ERROR:
        case ITEM_ERROR:
        case END:
                break;
        }
        return false;
}

static int open_bracket(struct es_answer *a, bool map)
{
        struct es_parse *p = a->parse;
        enum place to;

        p->silent = 0;
        if (p->skip == 0 && opens(p, map, &to)) {
                p->place = to;
                if (to == ITEM)
                        item_begins(p);
                if (to == RESULT)
                        p->results++;
                return GO;
        }
        if (p->place == START || p->place == ITEMS)
                return fault(a, "not the shape of a bulk answer");
        if (++p->skip > DEPTH_MAX)
                return fault(a, "nested too deeply");
        return GO;
}

static int close_bracket(struct es_answer *a)
{
        struct es_parse *p = a->parse;

        p->silent = 0;
        if (p->skip > 0) {
                p->skip--;
                return GO;
        }
        enum place from = p->place;
        p->place = outer[from];
        return from == ITEM ? item_ends(a) : GO;
}

static int on_map(void *a)
{
        return open_bracket(a, true);
}

static int on_array(void *a)
{
        return open_bracket(a, false);
}

static int on_close(void *a)
{
        return close_bracket(a);
}

/* ---- keys and values ---------------------------------------------------------------------------- */

static enum field field_of(const unsigned char *key, size_t n)
{
        static const struct {
                const char *name;
                enum field field;
        } fields[] = {
                { "status", F_STATUS },
                { "error", F_ERROR },
                { "type", F_TYPE },
                { "reason", F_REASON },
                { "errors", F_ERRORS },
                { "items", F_ITEMS },
                { "failure_store", F_FAILURE_STORE },
        };
        for (size_t i = 0; i < ARRAY_LEN(fields); i++)
                if (strlen(fields[i].name) == n && memcmp(fields[i].name, key, n) == 0)
                        return fields[i].field;
        return F_OTHER;
}

static int on_key(void *arg, const unsigned char *key, size_t n)
{
        struct es_answer *a = arg;
        struct es_parse *p = a->parse;

        p->silent = 0;
        if (p->skip == 0)
                p->field = field_of(key, n);
        return GO;
}

/* A scalar where only objects belong. */
static int stray(struct es_answer *a)
{
        struct es_parse *p = a->parse;

        p->silent = 0;
        if (p->skip == 0 && (p->place == START || p->place == ITEMS || p->place == ITEM))
                return fault(a, "not the shape of a bulk answer");
        return GO;
}

static int on_string(void *arg, const unsigned char *s, size_t n)
{
        struct es_answer *a = arg;
        struct es_parse *p = a->parse;

        if (!stray(a))
                return STOP;
        if (p->skip > 0)
                return GO;
        if (p->place == ROOT_ERROR || p->place == ITEM_ERROR) {
                if (p->field == F_TYPE)
                        copy_text(error_here(a)->type, ES_TYPE_MAX, s, n);
                else if (p->field == F_REASON)
                        copy_text(error_here(a)->reason, ES_REASON_MAX, s, n);
        } else if (p->place == RESULT && p->field == F_FAILURE_STORE) {
                p->failure_store = n == 4 && memcmp(s, "used", 4) == 0;
        } else if (p->place == RESULT && p->field == F_ERROR) {
                copy_text(p->error.reason, ES_REASON_MAX, s, n);
        } else if (p->place == ROOT && p->field == F_ERROR) {
                copy_text(a->error.reason, ES_REASON_MAX, s, n);
        }
        return GO;
}

static int on_number(void *arg, const char *s, size_t n)
{
        struct es_answer *a = arg;
        struct es_parse *p = a->parse;

        if (!stray(a))
                return STOP;
        if (p->skip > 0 || p->place != RESULT || p->field != F_STATUS)
                return GO;
        p->status = 0;
        for (size_t i = 0; i < n; i++) {
                if (s[i] < '0' || s[i] > '9' || n != 3)
                        return fault(a, "a status that is no status");
                p->status = p->status * 10 + (unsigned)(s[i] - '0');
        }
        return GO;
}

static int on_bool(void *arg, int value)
{
        struct es_answer *a = arg;
        struct es_parse *p = a->parse;

        if (!stray(a))
                return STOP;
        if (p->skip == 0 && p->place == ROOT && p->field == F_ERRORS) {
                a->errors = value;
                a->errors_seen = true;
        }
        return GO;
}

static int on_null(void *arg)
{
        return stray(arg);
}

static const yajl_callbacks callbacks = {
        .yajl_null = on_null,
        .yajl_boolean = on_bool,
        .yajl_number = on_number,
        .yajl_string = on_string,
        .yajl_start_map = on_map,
        .yajl_map_key = on_key,
        .yajl_end_map = on_close,
        .yajl_start_array = on_array,
        .yajl_end_array = on_close,
};

/* ---- the usual answer ------------------------------------------------------------------------------- */

/* Nearly every answer is this text, with an item for each action.  It is compared, not parsed; from the first byte that
 * differs on yajl reads, and before that what was compared. */
enum step { BEGIN, FIRST, MORE, FINISH, DONE };
static const struct {
        const char *text;
        size_t len;
} usual[] = {
#define USUAL(text) { text, sizeof(text) - 1 }
        [BEGIN] = USUAL("{\"errors\":false,\"items\":["),
        [FIRST] = USUAL("{\"create\":{\"status\":201}}"),
        [MORE] = USUAL(",{\"create\":{\"status\":201}}"),
        [FINISH] = USUAL("]}"),
        [DONE] = USUAL(""),
#undef USUAL
};

static void usual_item(struct es_answer *a)
{
        static const struct es_error none;
        const struct es_item item = { .index = a->items, .status = 201, .error = &none };

        if (a->items == a->max_items) {
                fault(a, "more items than actions");
                return;
        }
        a->parse->told = ++a->items;
        if (a->item)
                a->item(a->arg, &item);
}

static void step_done(struct es_answer *a)
{
        struct es_parse *p = a->parse;

        if (p->step == BEGIN)
                a->errors_seen = true;
        else if (p->step == FIRST || p->step == MORE)
                usual_item(a);
        p->same = 0;
        p->step += p->step != MORE;
}

/* How many of the n bytes are as usual. */
static size_t take_usual(struct es_answer *a, const char *text, size_t n)
{
        struct es_parse *p = a->parse;
        size_t took = 0;

        while (took < n && !a->fault) {
                if (p->step == MORE && p->same == 0 && text[took] == ']')
                        p->step = FINISH;
                size_t left = usual[p->step].len - p->same, some = n - took < left ? n - took : left;
                if (some == 0 || memcmp(usual[p->step].text + p->same, text + took, some) != 0)
                        break;
                took += some;
                p->same += some;
                if (some == left)
                        step_done(a);
        }
        return took;
}

static bool parse(struct es_answer *a, const char *p, size_t n)
{
        a->parse->silent += n;
        if (yajl_parse(a->yajl, (const unsigned char *)p, n) != yajl_status_ok)
                fault(a, "not JSON");
        else if (a->parse->silent > TOKEN_MAX)
                fault(a, "a text in it is too long");
        return !a->fault;
}

/* False: it was no answer even so far. */
static bool become_strange(struct es_answer *a)
{
        struct es_parse *p = a->parse;
        size_t items = a->items;
        bool ok = true;

        p->strange = true;
        a->items = 0;
        if (p->step != BEGIN)
                ok = parse(a, usual[BEGIN].text, usual[BEGIN].len);
        for (size_t i = 0; i < items; i++)
                ok = ok && parse(a, usual[i == 0 ? FIRST : MORE].text, usual[i == 0 ? FIRST : MORE].len);
        if (p->step == DONE)
                ok = ok && parse(a, usual[FINISH].text, usual[FINISH].len);
        return ok && parse(a, usual[p->step].text, p->same);
}

/* ---- the whole ---------------------------------------------------------------------------------- */

void es_answer_init(struct es_answer *a, size_t max_items,
                    void (*item)(void *arg, const struct es_item *item), void *arg)
{
        *a = (struct es_answer){ .max_items = max_items, .item = item, .arg = arg };
        a->parse = xcalloc(1, sizeof *a->parse);
        a->yajl = yajl_alloc(&callbacks, NULL, a);
        CHECK(a->yajl != NULL);
        /* A reason may quote the bytes of a broken document; that is no fault of the answer. */
        yajl_config(a->yajl, yajl_dont_validate_strings, 1);
}

void es_answer_fini(struct es_answer *a)
{
        if (a->yajl)
                yajl_free(a->yajl);
        free(a->parse);
        a->yajl = NULL;
        a->parse = NULL;
}

bool es_answer_feed(struct es_answer *a, const char *p, size_t n)
{
        if (a->fault)
                return false;
        if (!a->parse->strange) {
                size_t took = take_usual(a, p, n);
                if (took == n || a->fault)
                        return !a->fault;
                p += took;
                n -= took;
                if (!become_strange(a))
                        return false;
        }
        return parse(a, p, n);
}

bool es_answer_end(struct es_answer *a)
{
        if (!a->fault && !a->parse->strange) {
                if (a->parse->step == DONE)
                        return a->parse->ended = true;
                become_strange(a);
        }
        if (!a->fault && yajl_complete_parse(a->yajl) != yajl_status_ok)
                fault(a, "cut off");
        if (!a->fault && a->parse->place != END)
                fault(a, "empty or cut off");
        a->parse->ended = !a->fault;
        return a->parse->ended;
}

bool es_answer_complete(const struct es_answer *a, size_t n)
{
        if (!a->parse->ended || !a->errors_seen)
                return false;
        return !a->errors || a->items == n;
}

int es_answer_version(void)
{
        return yajl_version();
}
