/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/letters.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "collector/dead.h"

/* What its topic refused is in files, too; the files of another user cannot be read, and the topic still can. */
static struct letters *open_files_beside(const struct collector_config *c)
{
        char *dir = dead_dir(&c->dlq);
        struct letters *files = NULL;
        struct err e = { 0 };
        int there = letters_are_in_files(dir, &e);

        if (there > 0)
                files = letters_open_files(c, &e);
        if (there != 0 && !files)
                fprintf(stderr, "sluice-collector: letters in files are passed over: %s\n", e.msg);
        free(dir);
        return files;
}

struct letters *letters_open(const struct collector_config *c, struct err *e)
{
        if (!dead_in_topic(&c->dlq))
                return letters_open_files(c, e);

        struct letters *files = open_files_beside(c);
        struct letters *topic = letters_open_topic(c, e);
        if (!files || (!topic && e->code == ENOENT))    /* no letter was ever written to it */
                return topic ? topic : files;
        if (topic)
                return letters_join(topic, files);
        err_set(e, e->code, "%s; %s alone: --set 'dlq.topic=\"\"'", e->msg, files->place);
        letters_close(files);
        return NULL;
}

void letters_close(struct letters *ls)
{
        if (!ls)
                return;
        map_fini(&ls->redriven);
        free(ls->place);
        ls->ops->close(ls);
}

/* "3:4711"; a letter in a file has no colon in its name. */
bool letters_is_of_topic(const struct letter_text *name)
{
        return name->len > 0 && memchr(name->p, ':', name->len);
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
        CHECK(r->nheaders >= 1);
        struct slice name = b->headers[r->first_header].value;
        return (struct letter_text){ batch_at(b, name), name.len };
}

bool letters_stands(const struct record *r)
{
        return r->verdict == VERDICT_DONE || r->verdict == VERDICT_DUPLICATE;
}
