/* SPDX-License-Identifier: Apache-2.0 */
/* Whatever comes, every part lies inside the text, the message is its end, and the members are JSON. */
#include "event/scan.h"
#include "event/syslog.h"

static void check_inside(const struct syslog_part *part, const char *text, size_t len)
{
        CHECK(part->len == 0 || (part->p >= text && part->p + part->len <= text + len));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        const char *text = (const char *)data;
        struct scan_info info;
        struct syslog s;
        struct buf b = { 0 };

        if (!syslog_parse(text, size, INT64_C(1795000000000000000), 60, &s))
                return 0;
        CHECK(s.message.p + s.message.len == text + size);
        check_inside(&s.host, text, size);
        check_inside(&s.app, text, size);
        check_inside(&s.procid, text, size);
        check_inside(&s.msgid, text, size);
        check_inside(&s.structured, text, size);
        buf_puts(&b, "{\"a\":0,");
        syslog_put_members(&b, &s);
        buf_putc(&b, '}');
        CHECK(scan_json(b.data, b.len, NULL, 0, NULL, &info) == SCAN_IS_OBJECT && !info.invalid_utf8);
        buf_fini(&b);
        return 0;
}
