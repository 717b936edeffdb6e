/* SPDX-License-Identifier: Apache-2.0 */
/* Three steps, the last two for what is foreign only:
 *
 *   look    every key in an index of the tables: one that is named there with a value of that type, one that
 *           stands twice or one with an escape makes the event worth the rest
 *   plan    which shape; for each member: stays, is left out, or is moved, that is, added at a path
 *   write   members in their order, an object with what was added to it spliced in front, then new objects
 *
 * A path is free when the event has nothing there and nothing was added there before.
 */
#include "event/shape.h"

#include <stdlib.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/json.h"
#include "base/mem.h"
#include "event/ident.h"
#include "event/shape_convert.h"
#include "event/shape_rules.h"

enum {
        INDEX_SLOTS = 512,              /* of the keys the tables name, some 150 */
        SEEN_SLOTS = 2 * SHAPE_MEMBERS, /* of other keys; a power of two */
        ADDED_MAX = 2 * SHAPE_MEMBERS,
};

/* A key that the tables name. */
struct known {
        const char *key; /* NULL: a free slot */
        size_t len;
        unsigned takes;                  /* by any rule: V_ bits */
        const struct shape_rule *common; /* its first row there, or NULL */
        uint64_t seen;                   /* in this event */
};

/* Any other key that was met.  Valid while `event` is this one's number. */
struct seen {
        uint64_t event;
        const char *key;
        size_t len;
};

struct part {
        const char *name; /* the key with its escapes undone */
        size_t len;
        bool gone; /* moved, or left out as a double */
};

/* What is written at a path: both lie in `made`. */
struct added {
        size_t path_at, path_len;
        size_t value_at, value_len;
        bool written;
};

struct shape {
        struct known index[INDEX_SLOTS];
        struct seen seen[SEEN_SLOTS];
        uint64_t event; /* number of the event, or of the look at it */

        struct scan_member list[SHAPE_MEMBERS];
        struct scan_members members;

        /* The plan. */
        const struct shape_known *known; /* NULL: of no known origin */
        bool ecs;                        /* says so of itself: only what must go is moved */
        bool dotted;                     /* a key at the top holds a dot */
        struct part parts[SHAPE_MEMBERS];
        struct added added[ADDED_MAX];
        size_t nadded;
        struct buf made, names;
};

/* --- the index ------------------------------------------------------------------------------ */

/* The key's slot, or the free one where it would stand. */
static struct known *find_known(struct shape *s, const char *key, size_t len)
{
        unsigned first = (uint8_t)key[0], middle = (uint8_t)key[len / 2], last = (uint8_t)key[len - 1];
        size_t i = first * 7 + middle * 131 + last * 31 + len * 17;

        for (;; i++) {
                struct known *k = &s->index[i % INDEX_SLOTS];
                if (!k->key || (k->len == len && memcmp(k->key, key, len) == 0))
                        return k;
        }
}

static struct known *know(struct shape *s, const char *key, unsigned takes)
{
        size_t len = strlen(key);
        struct known *k = find_known(s, key, len);

        k->key = key;
        k->len = len;
        k->takes |= takes;
        return k;
}

struct shape *shape_new(void)
{
        struct shape *s = xcalloc(1, sizeof(*s));

        s->members = (struct scan_members){ .list = s->list, .max = SHAPE_MEMBERS };
        for (size_t i = 0; i < shape_common.n; i++) {
                const struct shape_rule *rule = &shape_common.rows[i];
                struct known *k = know(s, rule->key, rule->takes);
                if (!k->common)
                        k->common = rule;
        }
        for (size_t i = 0; i < shape_nknown; i++)
                know(s, shape_known[i].needs[0].key, shape_known[i].needs[0].is);
        return s;
}

void shape_free(struct shape *s)
{
        if (!s)
                return;
        buf_fini(&s->made);
        buf_fini(&s->names);
        free(s);
}

struct scan_members *shape_members(struct shape *s)
{
        return &s->members;
}

/* True when this event had it before. */
static bool seen_before(struct shape *s, const char *key, size_t len)
{
        for (size_t i = XXH3_64bits(key, len);; i++) {
                struct seen *at = &s->seen[i % SEEN_SLOTS];
                if (at->event != s->event) {
                        *at = (struct seen){ .event = s->event, .key = key, .len = len };
                        return false;
                }
                if (at->len == len && memcmp(at->key, key, len) == 0)
                        return true;
        }
}

static bool is_double(struct shape *s, const char *key, size_t len, unsigned *ret_takes)
{
        struct known *k = len ? find_known(s, key, len) : NULL;

        *ret_takes = 0;
        if (!k || !k->key)
                return seen_before(s, key, len);
        *ret_takes = k->takes;
        if (k->seen == s->event)
                return true;
        k->seen = s->event;
        return false;
}

/* What shape_value_is may say of a value of this type. */
static const unsigned may_be[] = {
        [SCAN_ABSENT] = 0,
        [SCAN_STRING] = V_TEXT | V_PATH | V_TOKEN,
        [SCAN_NUMBER] = V_NUMBER,
        [SCAN_BOOL] = V_BOOL,
        [SCAN_NULL] = V_NULL,
        [SCAN_OBJECT] = V_OBJECT,
        [SCAN_ARRAY] = V_LIST | V_OBJECTS,
};

static bool needs_plan(struct shape *s)
{
        s->event++;
        for (size_t i = 0; i < s->members.n; i++) {
                const struct scan_member *m = &s->list[i];
                unsigned takes;
                if (m->key_escaped || is_double(s, m->key, m->key_len, &takes) ||
                    takes & may_be[m->value.type])
                        return true;
        }
        return false;
}

/* --- the plan ------------------------------------------------------------------------------- */

/* Names every member, leaves out the doubles and returns their number. */
static size_t name_parts(struct shape *s)
{
        size_t doubles = 0, escaped = 0;
        unsigned takes;

        for (size_t i = 0; i < s->members.n; i++)
                escaped += s->list[i].key_escaped ? s->list[i].key_len : 0;
        buf_reset(&s->names);
        CHECK(buf_reserve(&s->names, escaped + 1)); /* names point into it: it may not move */

        s->event++;
        s->dotted = false;
        for (size_t i = 0; i < s->members.n; i++) {
                const struct scan_member *m = &s->list[i];
                struct part *part = &s->parts[i];
                *part = (struct part){ .name = m->key, .len = m->key_len };
                if (m->key_escaped) {
                        size_t at = s->names.len;
                        scan_unescape(&s->names, &(struct scan_value){ SCAN_STRING, m->key, m->key_len });
                        part->name = s->names.data + at;
                        part->len = s->names.len - at;
                }
                s->dotted |= memchr(part->name, '.', part->len) != NULL;
                part->gone = is_double(s, part->name, part->len, &takes);
                doubles += part->gone;
        }
        return doubles;
}

static const struct scan_value *member(const struct shape *s, const char *name, size_t len, size_t *ret_i)
{
        for (size_t i = 0; i < s->members.n; i++) {
                const struct part *p = &s->parts[i];
                if (p->len == len && memcmp(p->name, name, len) == 0) {
                        *ret_i = i;
                        return &s->list[i].value;
                }
        }
        return NULL;
}

static bool has(const struct shape *s, const struct shape_need *need)
{
        size_t i;
        const struct scan_value *v = member(s, need->key, strlen(need->key), &i);

        return v && shape_value_is(v) & need->is;
}

static const struct shape_known *recognise(const struct shape *s)
{
        for (const struct shape_known *k = shape_known; k < shape_known + shape_nknown; k++) {
                size_t n = 0;
                while (n < ARRAY_LEN(k->needs) && k->needs[n].key && has(s, &k->needs[n]))
                        n++;
                if (n == ARRAY_LEN(k->needs) || !k->needs[n].key)
                        return k;
        }
        return NULL;
}

static bool says_ecs(const struct shape *s)
{
        static const char *const id_path[] = { "id" };
        const struct scan_value *event;
        struct scan_value id;
        size_t i;

        if (has(s, &(struct shape_need){ "ecs", V_OBJECT }))
                return true;
        event = member(s, "event", strlen("event"), &i);
        if (!event || event->type != SCAN_OBJECT)
                return false;
        scan_json(event->p, event->len, id_path, 1, &id, NULL);
        return id.type == SCAN_STRING && id.len >= strlen(IDENT_SCHEME) &&
               memcmp(id.p, IDENT_SCHEME, strlen(IDENT_SCHEME)) == 0;
}

/* True when one is the other, or leads to it. */
static bool paths_meet(const char *a, size_t alen, const char *b, size_t blen)
{
        size_t n = alen < blen ? alen : blen;

        if (memcmp(a, b, n) != 0)
                return false;
        return alen == blen || (alen > blen ? a[n] : b[n]) == '.';
}

/* Whether an object lacks the path, and has only objects on the way to it. */
static bool object_lacks(const char *text, size_t len, const char *path, size_t path_len)
{
        char copy[256];
        const char *const paths[] = { copy };
        struct scan_value found;

        if (path_len >= sizeof(copy))
                return false;
        memcpy(copy, path, path_len);
        copy[path_len] = '\0';
        scan_json(text, len, paths, 1, &found, NULL);
        if (found.type != SCAN_ABSENT)
                return false;
        for (char *dot = copy; (dot = strchr(dot, '.')); *dot++ = '.') {
                *dot = '\0';
                scan_json(text, len, paths, 1, &found, NULL);
                if (found.type != SCAN_ABSENT && found.type != SCAN_OBJECT)
                        return false;
        }
        return true;
}

/* "host.name" at the top is host.name as well. */
static bool dotted_meets(const struct shape *s, const char *path, size_t len)
{
        for (size_t i = 0; i < s->members.n; i++) {
                const struct part *p = &s->parts[i];
                if (memchr(p->name, '.', p->len) && paths_meet(p->name, p->len, path, len))
                        return true;
        }
        return false;
}

/* self: the member that would be moved there; that its own name is in the way does not matter. */
static bool is_free(const struct shape *s, const char *path, size_t len, size_t self)
{
        const char *dot = memchr(path, '.', len);
        size_t root = dot ? (size_t)(dot - path) : len, i;

        for (size_t k = 0; k < s->nadded; k++)
                if (paths_meet(s->made.data + s->added[k].path_at, s->added[k].path_len, path, len))
                        return false;
        const struct scan_value *v = member(s, path, root, &i);
        if (v && i != self && v->type != SCAN_NULL) {
                if (root == len || shape_value_is(v) & V_OBJECTS)
                        return false;
                if (v->type == SCAN_OBJECT && !object_lacks(v->p, v->len, path + root + 1, len - root - 1))
                        return false;
        }
        return !s->dotted || !dotted_meets(s, path, len);
}

static bool add(struct shape *s, size_t i, const char *path, size_t len, enum shape_convert convert)
{
        struct added *a = &s->added[s->nadded];
        size_t start = s->made.len;

        if (s->nadded == ADDED_MAX || !is_free(s, path, len, i))
                return false;
        buf_put(&s->made, path, len);
        if (!shape_convert(&s->made, convert, &s->list[i].value)) {
                s->made.len = start;
                return false;
        }
        *a = (struct added){ .path_at = start, .path_len = len, .value_at = start + len };
        a->value_len = s->made.len - a->value_at;
        s->nadded++;
        s->parts[i].gone = true;
        return true;
}

/* To labels under a name that is one word there. */
static bool add_label(struct shape *s, size_t i, const char *name, size_t len)
{
        struct buf path = { 0 };

        if (!(shape_value_is(&s->list[i].value) & V_SCALAR) || len == 0)
                return false;
        buf_puts(&path, "labels.");
        for (size_t k = 0; k < len; k++)
                buf_putc(&path, name[k] == '.' ? '_' : name[k]);
        bool ok = add(s, i, path.data, path.len, C_AS_IS);
        buf_fini(&path);
        return ok;
}

/* The place that there is always: its own name and as many underscores as it takes. */
static void add_beside(struct shape *s, size_t i)
{
        struct buf path = { 0 };

        buf_put(&path, s->parts[i].name, s->parts[i].len);
        do
                buf_putc(&path, '_');
        while (!add(s, i, path.data, path.len, C_AS_IS));
        buf_fini(&path);
}

enum pass { FIRST_WHAT_MUST, THEN_THE_REST }; /* so that `hostname` does not take the place of `host` */

/* Tries the rows of one key, the first of which is `rule`.  *must is set when one of them says so. */
static bool apply(struct shape *s, size_t i, const struct shape_rules *rules, const struct shape_rule *rule,
                  bool take_all, bool *must)
{
        unsigned is = shape_value_is(&s->list[i].value);
        bool moved = false;

        for (const char *key = rule->key; rule < rules->rows + rules->n && strcmp(rule->key, key) == 0;
             rule++) {
                if (!(rule->takes & is))
                        continue;
                *must |= (rule->flags & R_MUST) != 0;
                if (!(take_all || (rule->flags & R_MUST)) || !rule->to)
                        continue;
                moved |= add(s, i, rule->to, strlen(rule->to), rule->convert);
                if (moved && !(rule->flags & R_ALSO))
                        break;
        }
        return moved;
}

static const struct shape_rule *own_rule(const struct shape *s, const char *name, size_t len)
{
        for (size_t k = 0; s->known && k < s->known->rules.n; k++) {
                const struct shape_rule *rule = &s->known->rules.rows[k];
                if (strlen(rule->key) == len && memcmp(rule->key, name, len) == 0) /* a name may hold NUL */
                        return rule;
        }
        return NULL;
}

static bool apply_name(struct shape *s, size_t i, const char *name, size_t len, enum pass pass, bool *must)
{
        const struct shape_rule *own = own_rule(s, name, len);
        struct known *k = len ? find_known(s, name, len) : NULL;
        bool rest = pass == THEN_THE_REST;

        if (own && apply(s, i, &s->known->rules, own, !s->ecs, must))
                return true;
        return k && k->key && k->common && apply(s, i, &shape_common, k->common, rest && !s->ecs, must);
}

static void plan_part(struct shape *s, size_t i, enum pass pass)
{
        const struct part *p = &s->parts[i];
        bool must = false,
             stripped = s->known && s->known->strip_underscore && p->len > 1 && p->name[0] == '_';

        if (stripped && pass == FIRST_WHAT_MUST)
                return; /* the sender's own fields give way to what the format itself says */
        if (stripped && apply_name(s, i, p->name + 1, p->len - 1, pass, &must))
                return;
        if (stripped && add_label(s, i, p->name + 1, p->len - 1))
                return;
        must = false;
        if (apply_name(s, i, p->name, p->len, pass, &must) || !must)
                return;
        if (s->list[i].value.type == SCAN_NULL)
                s->parts[i].gone = true; /* and nothing is lost */
        else if (!add_label(s, i, p->name, p->len))
                add_beside(s, i);
}

static void plan(struct shape *s)
{
        buf_reset(&s->made);
        s->nadded = 0;
        s->known = recognise(s);
        s->ecs = says_ecs(s);
        for (int pass = FIRST_WHAT_MUST; pass <= THEN_THE_REST; pass++)
                for (size_t i = 0; i < s->members.n; i++)
                        if (!s->parts[i].gone)
                                plan_part(s, i, (enum pass)pass);
}

/* --- writing -------------------------------------------------------------------------------- */

static void put_comma(struct buf *b)
{
        if (b->len && b->data[b->len - 1] != '{')
                buf_putc(b, ',');
}

static void put_added(struct shape *s, struct added *a, size_t at, struct buf *b)
{
        put_comma(b);
        json_string(b, s->made.data + a->path_at + at, a->path_len - at);
        buf_putc(b, ':');
        buf_put(b, s->made.data + a->value_at, a->value_len);
        a->written = true;
}

static bool object_has(const struct scan_value *object, const char *key, size_t len)
{
        bool lacks = object_lacks(object->p, object->len, key, len);

        return !lacks;
}

/* The members that an object had, behind those that were added to it. */
static void put_old(const struct scan_value *object, struct buf *b)
{
        const char *p = object->p + 1, *end = object->p + object->len - 1;

        while (p < end && strchr(" \t\r\n", *p))
                p++;
        if (p == end)
                return;
        put_comma(b);
        buf_put(b, p, (size_t)(end - p));
}

/* Everything added that shares the path of `first` up to `at`, from the name that stands there on.
 * old: the object of that name in the event, or NULL. */
static void put_tree(struct shape *s, struct added *first, size_t at, const struct scan_value *old,
                     struct buf *b)
{
        const char *path = s->made.data + first->path_at;
        const char *dot = memchr(path + at, '.', first->path_len - at);

        if (!dot) {
                put_added(s, first, at, b);
                return;
        }
        size_t next = (size_t)(dot - path) + 1;
        put_comma(b);
        json_string(b, path + at, next - 1 - at);
        buf_puts(b, ":{");
        for (struct added *a = first; a < s->added + s->nadded; a++) {
                const char *its = s->made.data + a->path_at;
                if (a->written || a->path_len <= next || memcmp(its, path, next) != 0)
                        continue;
                const char *end = memchr(its + next, '.', a->path_len - next);
                if (old && end && object_has(old, its + next, (size_t)(end - its) - next))
                        put_added(s, a, next, b); /* "file.path" beside an object `file` */
                else
                        put_tree(s, a, next, NULL, b);
        }
        if (old)
                put_old(old, b);
        buf_putc(b, '}');
}

/* The first thing added under this name at the top, or NULL. */
static struct added *added_under(struct shape *s, const char *name, size_t len)
{
        for (struct added *a = s->added; a < s->added + s->nadded; a++) {
                const char *path = s->made.data + a->path_at;
                if (a->path_len >= len && memcmp(path, name, len) == 0 &&
                    (a->path_len == len || path[len] == '.'))
                        return a;
        }
        return NULL;
}

static void put_part(struct shape *s, size_t i, struct buf *b)
{
        const struct scan_member *m = &s->list[i];
        struct added *a;

        if (s->parts[i].gone)
                return;
        a = added_under(s, s->parts[i].name, s->parts[i].len);
        if (a) { /* else it would not be free: an object, or null, which is nothing beside what was added */
                if (!a->written)
                        put_tree(s, a, 0, m->value.type == SCAN_OBJECT ? &m->value : NULL, b);
                return;
        }
        const char *end = m->value.p + m->value.len + (m->value.type == SCAN_STRING);
        put_comma(b);
        buf_put(b, m->key - 1, (size_t)(end - (m->key - 1)));
}

static void put_document(struct shape *s, struct buf *b)
{
        struct added *time = added_under(s, "@timestamp", strlen("@timestamp"));

        buf_putc(b, '{');
        if (time)
                put_tree(s, time, 0, NULL, b);
        for (size_t i = 0; i < s->members.n; i++)
                put_part(s, i, b);
        for (struct added *a = s->added; a < s->added + s->nadded; a++)
                if (!a->written)
                        put_tree(s, a, 0, NULL, b);
        buf_putc(b, '}');
}

struct shape_verdict shape_write(struct shape *s, const char *text, size_t len, struct buf *b)
{
        struct shape_verdict v = { .kind = SHAPE_ECS };

        if (s->members.n > SHAPE_MEMBERS) {
                buf_puts(b, "{\"message\":");
                json_string(b, text, len);
                buf_putc(b, '}');
                return (struct shape_verdict){ .kind = SHAPE_JSON, .rewritten = true };
        }
        if (!needs_plan(s))
                return v;
        v.doubles = name_parts(s);
        plan(s);
        for (size_t i = 0; i < s->members.n; i++)
                v.rewritten |= s->parts[i].gone;
        if (v.rewritten) {
                v.kind = SHAPE_JSON;
                put_document(s, b);
        }
        if (s->known)
                v.kind = s->known->kind;
        return v;
}
