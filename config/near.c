/* SPDX-License-Identifier: Apache-2.0 */
#include "config/near.h"

#include <string.h>

/* Longer words are no setting's name, and no guess is offered for them. */
enum { NEAR_MAX = 64 };

static size_t min3(size_t a, size_t b, size_t c)
{
        size_t m = a < b ? a : b;
        return m < c ? m : c;
}

/* The restricted Damerau-Levenshtein distance, by three rows of its matrix. */
static size_t distance(const char *a, size_t na, const char *b, size_t nb)
{
        size_t rows[3][NEAR_MAX + 1];
        size_t *before = rows[0], *last = rows[1], *now = rows[2];

        for (size_t j = 0; j <= nb; j++)
                last[j] = j;
        for (size_t i = 1; i <= na; i++) {
                now[0] = i;
                for (size_t j = 1; j <= nb; j++) {
                        size_t change = a[i - 1] != b[j - 1];
                        now[j] = min3(last[j] + 1, now[j - 1] + 1, last[j - 1] + change);
                        if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
                            before[j - 2] + 1 < now[j])
                                now[j] = before[j - 2] + 1;
                }
                size_t *spare = before;
                before = last;
                last = now;
                now = spare;
        }
        return last[nb];
}

void near_init(struct near *n, const char *word)
{
        *n = (struct near){ .word = word };
}

void near_offer(struct near *n, const char *name)
{
        size_t na = strlen(n->word), nb = strlen(name);

        if (na > NEAR_MAX || nb > NEAR_MAX)
                return;
        size_t d = distance(n->word, na, name, nb);
        if (!n->best || d < n->distance) {
                n->best = name;
                n->distance = d;
        }
}

const char *near_best(const struct near *n)
{
        /* About one slip in three characters; more is another word. */
        if (!n->best || n->distance > (strlen(n->word) + 2) / 3)
                return NULL;
        return n->best;
}
