/* SPDX-License-Identifier: Apache-2.0 */
#include "sinks/sink.h"

static bool room(const struct sink *s)
{
        if (s->closed)
                return false;
        return s->batches == 0 || (s->batches < s->limits.max_batches && s->bytes < s->limits.max_bytes);
}

bool sink_has_room(struct sink *s)
{
        bool yes = room(s);

        if (!yes)
                s->starved = true;
        return yes;
}

static void charge(struct sink *s, struct batch *b)
{
        b->charged = batch_bytes(b);
        s->batches++;
        s->bytes += b->charged;
}

void sink_submit(struct sink *s, struct batch **b)
{
        CHECK(room(s) && (*b)->n > 0 && (*b)->waiting == (*b)->n);
        charge(s, *b);
        s->ops->submit(s, b);
        CHECK(*b == NULL);
}

void sink_split(struct sink *s, struct batch *b, struct batch *part)
{
        CHECK(b->charged > 0 && part->charged == 0);
        charge(s, part);
}

void sink_done(struct sink *s, struct batch **b)
{
        CHECK((*b)->waiting == 0 && (*b)->sink_data == NULL);
        CHECK(s->batches > 0 && s->bytes >= (*b)->charged);
        s->batches--;
        s->bytes -= (*b)->charged;
        (*b)->charged = 0;
        s->owner.done(s->owner.arg, b);
        CHECK(*b == NULL);
        if (s->starved && room(s)) {
                s->starved = false;
                s->owner.room(s->owner.arg);
        }
}

void sink_close(struct sink *s)
{
        if (s->closed)
                return;
        s->closed = true;
        s->ops->close(s);
        CHECK(s->batches == 0 && s->bytes == 0);
}

void sink_free(struct sink *s)
{
        if (s == NULL)
                return;
        sink_close(s);
        s->ops->free(s);
}
