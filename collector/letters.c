/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/letters.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "collector/dead.h"

struct letters *letters_open(const struct collector_config *c, struct err *e)
{
        struct letters *ls = dead_in_topic(&c->dlq) ? letters_open_topic(c, e) : letters_open_files(c, e);

        if (ls)
                ls->place = dead_place(&c->dlq);
        return ls;
}

void letters_close(struct letters *ls)
{
        if (!ls)
                return;
        map_fini(&ls->redriven);
        free(ls->place);
        ls->ops->close(ls);
}

void letters_note(struct letters *ls, uint64_t key)
{
        static char there;

        map_put(&ls->redriven, key, &there);
}

void letters_remember(struct batch *b, struct record *r, const struct letter *l)
{
        batch_header(b, r, "letter", l->name.p, l->name.len);
}

struct letter_text letters_recall(const struct batch *b, const struct record *r)
{
        CHECK(r->nheaders == 1);
        struct slice name = b->headers[r->first_header].value;
        return (struct letter_text){ batch_at(b, name), name.len };
}

bool letters_stands(const struct record *r)
{
        return r->verdict == VERDICT_DONE || r->verdict == VERDICT_DUPLICATE;
}
