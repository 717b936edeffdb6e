/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/dlq_filter.h"

#include <errno.h>
#include <string.h>

#include "config/units.h"
#include "event/timestamp.h"

static int parse_time(const char *text, const char *flag, int64_t now_ms, int64_t *ret_ms, struct err *e)
{
        int64_t ns, ago_ms;

        *ret_ms = 0;
        if (!text || !*text)
                return 0;
        if (timestamp_parse(text, strlen(text), &ns) == 0)
                *ret_ms = ns / 1000000;
        else if (units_parse_duration(text, &ago_ms, NULL) == 0)
                *ret_ms = now_ms - ago_ms;
        else
                return err_set(e, EINVAL, "--%s %s: takes a time, as 2026-11-23T10:00:00Z, or how long ago, as \"2 h\"", flag, text);
        return 0;
}

int dlq_filter_init(struct dlq_filter *f, const struct dlq_config *c, int64_t now_ms, struct err *e)
{
        *f = (struct dlq_filter){ .reason = c->reason && *c->reason ? c->reason : NULL };
        int r = parse_time(c->since, "since", now_ms, &f->since_ms, e);
        return r < 0 ? r : parse_time(c->until, "until", now_ms, &f->until_ms, e);
}

bool dlq_fits(const struct dlq_filter *f, const struct letter *l)
{
        struct letter_text type = letter_error_type(l);

        if (f->reason && !letter_text_is(&l->reason, f->reason) && !letter_text_is(&type, f->reason))
                return false;
        return (!f->since_ms || l->refused_ms >= f->since_ms) && (!f->until_ms || l->refused_ms < f->until_ms);
}
