/* SPDX-License-Identifier: Apache-2.0 */
#include "shipper/scrub.h"

#include "event/syslog.h"

void scrub_set(struct scrub *s, const struct input_config *in)
{
        struct err e = { 0 };

        redact_free(s->redact);
        CHECK(redact_new(&in->redact, &s->redact, &e) == 0);    /* the configuration's check has made it before */
        s->syslog = in->parse.how == PARSE_SYSLOG;
}

void scrub_fini(struct scrub *s)
{
        redact_free(s->redact);
        buf_fini(&s->text);
}

/* The message is the end of the text. */
static size_t scrub_message(struct scrub *s, const char **text, size_t *len)
{
        struct syslog parts;

        if (!syslog_parse(*text, *len, 0, 0, &parts))
                return 0;
        const char *message = parts.message.p;
        size_t n = parts.message.len, count = redact_run(s->redact, &message, &n);
        if (count == 0)
                return 0;
        buf_reset(&s->text);
        buf_put(&s->text, *text, *len - parts.message.len);
        buf_put(&s->text, message, n);
        *text = s->text.data;
        *len = s->text.len;
        return count;
}

size_t scrub_run(struct scrub *s, const char **text, size_t *len)
{
        size_t count = 0;

        if (!s->redact)
                return 0;
        if (s->syslog)
                count = scrub_message(s, text, len);
        return count + redact_run(s->redact, text, len);
}
