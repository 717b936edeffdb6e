/* SPDX-License-Identifier: Apache-2.0 */
/* Dead letters in a topic, and those that it refused, in files: read one after the other, as if they were in one place. */
#include <errno.h>
#include <stdlib.h>

#include "base/mem.h"
#include "collector/letters.h"

enum { TOPIC, FILES, PLACES };

struct both {
        struct letters letters;
        struct letters *v[PLACES];      /* owned */

        letters_fn *fn;                 /* of the reading that goes on */
        void *arg;
        bool stopped;
};

static struct both *both_of(struct letters *ls)
{
        return container_of(ls, struct both, letters);
}

static bool on_letter(void *arg, const struct letter *l)
{
        struct both *b = arg;

        b->stopped = !b->fn(b->arg, l);
        return !b->stopped;
}

static int both_read(struct letters *ls, letters_fn *fn, void *arg, struct err *e)
{
        struct both *b = both_of(ls);
        int r = 0;

        b->fn = fn;
        b->arg = arg;
        b->stopped = false;
        ls->strangers = 0;
        for (int i = 0; r == 0 && !b->stopped && i < PLACES; i++) {
                r = letters_read(b->v[i], on_letter, b, e);
                ls->strangers += b->v[i]->strangers;
        }
        return r;
}

/* Each marks what is its own. */
static int both_mark(struct letters *ls, const struct batch *batch, struct err *e)
{
        struct both *b = both_of(ls);
        int r = 0;

        for (int i = 0; r == 0 && i < PLACES; i++)
                r = letters_mark(b->v[i], batch, e);
        return r;
}

static void both_close(struct letters *ls)
{
        struct both *b = both_of(ls);

        for (int i = 0; i < PLACES; i++)
                letters_close(b->v[i]);
        free(b);
}

static const struct letters_ops ops = { .read = both_read, .mark = both_mark, .close = both_close };

struct letters *letters_join(struct letters *topic, struct letters *files)
{
        struct both *b = xcalloc(1, sizeof(*b));

        b->letters.ops = &ops;
        b->v[TOPIC] = topic;
        b->v[FILES] = files;
        b->letters.place = xasprintf("%s and %s", topic->place, files->place);
        return &b->letters;
}
