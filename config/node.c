/* SPDX-License-Identifier: Apache-2.0 */
#include "config/node.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

/* The longest name of a setting in a path. */
enum { PATH_STEP_MAX = 64 };

struct node *node_new(enum node_type type, const char *name, const char *where)
{
        struct node *n = xcalloc(1, sizeof(*n));

        n->type = type;
        n->name = name ? xstrdup(name) : NULL;
        n->where = xstrdup(where);
        return n;
}

struct node *node_new_text(enum node_type type, const char *where, const char *text)
{
        struct node *n = node_new(type, NULL, where);

        n->text = xstrdup(text);
        return n;
}

struct node *node_copy(const struct node *n)
{
        struct node *copy = node_new(n->type, n->name, n->where);

        copy->text = n->text ? xstrdup(n->text) : NULL;
        copy->number = n->number;
        struct node **tail = &copy->child;
        for (const struct node *c = n->child; c; c = c->next) {
                *tail = node_copy(c);
                tail = &(*tail)->next;
        }
        return copy;
}

void node_free(struct node *n)
{
        if (!n)
                return;
        while (n->child) {
                struct node *c = n->child;
                n->child = c->next;
                node_free(c);
        }
        free(n->name);
        free(n->where);
        free(n->text);
        free(n);
}

void node_append(struct node *parent, struct node **child)
{
        struct node **tail = &parent->child;

        while (*tail)
                tail = &(*tail)->next;
        *tail = *child;
        *child = NULL;
}

const struct node *node_find(const struct node *group, const char *name)
{
        for (const struct node *c = group->child; c; c = c->next)
                if (strcmp(c->name, name) == 0)
                        return c;
        return NULL;
}

size_t node_count(const struct node *n)
{
        size_t count = 0;

        for (const struct node *c = n->child; c; c = c->next)
                count++;
        return count;
}

/* --- putting a value at a path ------------------------------------------------------------------ */

struct step {
        char text[PATH_STEP_MAX];
        const char *rest; /* behind the dot; NULL: this is the last step */
};

static bool step_take(const char *path, struct step *ret)
{
        size_t n = strcspn(path, ".");

        if (n == 0 || n >= sizeof(ret->text))
                return false;
        memcpy(ret->text, path, n);
        ret->text[n] = '\0';
        ret->rest = path[n] == '.' ? path + n + 1 : NULL;
        return true;
}

static bool is_every(const char *step)
{
        return step[0] == '*' && (step[1] == '\0' || step[1] == '.');
}

static bool is_index(const char *step)
{
        return isdigit((unsigned char)step[0]) || is_every(step);
}

/* What stands where the path goes on: a group, or a list when the next step is an index. */
static struct node *node_for_rest(const char *name, const char *rest, const char *where)
{
        return node_new(is_index(rest) ? NODE_LIST : NODE_GROUP, name, where);
}

/* *slot (a place in a list of children) becomes a copy of value, with the name of the place. */
static void slot_replace(struct node **slot, const char *name, const struct node *value)
{
        struct node *copy = node_copy(value);

        free(copy->name);
        copy->name = name ? xstrdup(name) : NULL;
        if (*slot) {
                copy->next = (*slot)->next;
                node_free(*slot);
        }
        *slot = copy;
}

static int slot_put(struct node **slot, const char *name, const struct step *s, const struct node *value,
                    struct err *e)
{
        if (!s->rest) {
                slot_replace(slot, name, value);
                return 0;
        }
        if (!*slot)
                *slot = node_for_rest(name, s->rest, value->where);
        return node_put(*slot, s->rest, value, e);
}

static int put_in_group(struct node *group, const struct step *s, const struct node *value, struct err *e)
{
        struct node **slot = &group->child;

        if (is_index(s->text))
                return err_set(e, EINVAL, "\"%s\" counts in a list, but there is a table", s->text);
        while (*slot && strcmp((*slot)->name, s->text) != 0)
                slot = &(*slot)->next;
        return slot_put(slot, s->text, s, value, e);
}

static int put_in_each(struct node *list, const struct step *s, const struct node *value, struct err *e)
{
        struct node **slot = &list->child;
        int r = 0;

        do {
                r = slot_put(slot, NULL, s, value, e);
                slot = &(*slot)->next;
        } while (r == 0 && *slot);
        return r;
}

static int put_in_list(struct node *list, const struct step *s, const struct node *value, struct err *e)
{
        struct node **slot = &list->child;
        char *end;

        if (is_every(s->text))
                return put_in_each(list, s, value, e);
        unsigned long index = strtoul(s->text, &end, 10);
        if (!is_index(s->text) || *end != '\0')
                return err_set(e, EINVAL,
                               "\"%s\" is a name, but there is a list: write a number, 0 is the first",
                               s->text);
        for (; index > 0 && *slot; index--)
                slot = &(*slot)->next;
        if (index > 0)
                return err_set(e, EINVAL, "\"%s\" is past the end of a list of %zu", s->text,
                               node_count(list));
        return slot_put(slot, NULL, s, value, e);
}

int node_put(struct node *root, const char *path, const struct node *value, struct err *e)
{
        struct step s;

        if (!step_take(path, &s))
                return err_set(e, EINVAL, "not a path: write names with dots between them");
        if (root->type == NODE_GROUP)
                return put_in_group(root, &s, value, e);
        if (root->type == NODE_LIST)
                return put_in_list(root, &s, value, e);
        return err_set(e, EINVAL, "\"%s\" stands below something that is neither table nor list", s.text);
}
