/* SPDX-License-Identifier: Apache-2.0 */
#include "event/kin.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/plain.h"
#include "event/event.h"
#include "event/scan.h"
#include "event/timestamp.h"

static const char to_time[] = "{\"@timestamp\":\"";
static const char to_id[] = "\",\"event\":{\"id\":\"" IDENT_SCHEME;
static const char to_message[] = "\"},\"message\":\"";
static const char to_offset[] = "\"offset\":";

enum {
        TO_TIME = sizeof(to_time) - 1,
        TO_ID = sizeof(to_id) - 1,
        TO_MESSAGE = sizeof(to_message) - 1,
        TIME_END = EVENT_TIMESTAMP_AT + TIMESTAMP_LEN,
        ID_END = EVENT_ID_AT + IDENT_LINE_TEXT,
        MESSAGE_AT = ID_END + TO_MESSAGE,
        HASH_AT = TIME_END + TO_ID,
        DIGITS_MAX = 20,
};
_Static_assert(sizeof(to_time) - 1 == EVENT_TIMESTAMP_AT, "as event_write writes it");
_Static_assert((int)HASH_AT + (int)IDENT_FILE_TEXT == (int)ID_END, "as event_write writes it");

struct form {
        struct buf text;                /* owned: before, then after */
        size_t before;                  /* how much of it stands before the offset */
};

struct kin {
        struct form forms[KIN_FORMS];
        int n, last, next;              /* known, found last, to make way */

        /* The text learnt last, for kin_place. */
        const char *quote, *digits, *rest, *end;
};

struct kin *kin_new(void)
{
        return xcalloc(1, sizeof(struct kin));
}

void kin_free(struct kin *k)
{
        if (!k)
                return;
        for (int i = 0; i < KIN_FORMS; i++)
                buf_fini(&k->forms[i].text);
        free(k);
}

static bool head_fits(const char *text, size_t len)
{
        return len > MESSAGE_AT && memcmp(text, to_time, TO_TIME) == 0 && memcmp(text + TIME_END, to_id, TO_ID) == 0 &&
               memcmp(text + ID_END, to_message, TO_MESSAGE) == 0 &&
               plain.len(text + TO_TIME, TIMESTAMP_LEN) == TIMESTAMP_LEN &&
               plain.len(text + HASH_AT, IDENT_FILE_TEXT) == IDENT_FILE_TEXT;
}

/* The quote that ends the message; NULL: the event is not of the kind. */
static const char *message_end(const char *text, size_t len)
{
        return head_fits(text, len) ? scan_string_end(text + MESSAGE_AT, text + len) : NULL;
}

/* n bytes are a number without sign, as JSON wants it. */
static bool is_number(const char *p, size_t n)
{
        if (n == 0 || n > DIGITS_MAX || (n > 1 && *p == '0'))
                return false;
        for (size_t i = 0; i < n; i++)
                if (p[i] < '0' || p[i] > '9')
                        return false;
        return true;
}

static bool fits(const struct form *f, const char *quote, const char *end)
{
        size_t n = (size_t)(end - quote), after = f->text.len - f->before;

        return n > f->text.len && memcmp(quote, f->text.data, f->before) == 0 &&
               memcmp(end - after, f->text.data + f->before, after) == 0 &&
               is_number(quote + f->before, n - f->text.len);
}

int kin_find(struct kin *k, const char *text, size_t len)
{
        const char *quote = k->n > 0 ? message_end(text, len) : NULL;

        if (!quote)
                return -1;
        if (fits(&k->forms[k->last], quote, text + len))
                return k->last;
        for (int i = 0; i < k->n; i++)
                if (fits(&k->forms[i], quote, text + len))
                        return k->last = i;
        return -1;
}

int kin_learn(struct kin *k, const char *text, size_t len)
{
        const char *end = text + len, *quote = message_end(text, len);
        const char *offset = quote ? memmem(quote, (size_t)(end - quote), to_offset, sizeof(to_offset) - 1) : NULL;

        if (!offset)
                return -1;
        const char *digits = offset + sizeof(to_offset) - 1, *rest = digits;
        while (rest < end && *rest >= '0' && *rest <= '9')
                rest++;
        size_t before = (size_t)(digits - quote), after = (size_t)(end - rest);
        if (!is_number(digits, (size_t)(rest - digits)) || before + after > KIN_BYTES)
                return -1;
        struct form *f = &k->forms[k->next];
        buf_reset(&f->text);
        buf_put(&f->text, quote, before);
        buf_put(&f->text, rest, after);
        f->before = before;
        k->quote = quote;
        k->digits = digits;
        k->rest = rest;
        k->end = end;
        k->last = k->next;
        k->n = k->n < KIN_FORMS ? k->n + 1 : k->n;
        k->next = (k->next + 1) % KIN_FORMS;
        return k->last;
}

const char *kin_place(const struct kin *k, const char *p)
{
        const struct form *f = &k->forms[k->last];

        if (p >= k->quote && p < k->digits)
                return f->text.data + (p - k->quote);
        if (p >= k->rest && p < k->end)
                return f->text.data + f->before + (p - k->rest);
        return NULL;
}
