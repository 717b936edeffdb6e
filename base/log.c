/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/json.h"

enum {
        TEXT_MAX = 2048,  /* of a message; cut beyond */
        SAMPLE_MAX = 256, /* of one that is held back */
        SITES = 512,      /* more than the program has call sites */
};

/* A call site, and what it said in its current period. */
struct site {
        const char *fmt; /* the literal's address is the key; NULL: free */
        const char *component;
        enum log_level level;
        int64_t period_ms; /* when it began */
        int printed;
        uint64_t said[LOG_BURST]; /* hashes of the printed texts */
        uint64_t held;            /* since the last line that was printed */
        char sample[SAMPLE_MAX];  /* the first of them */
};

static struct {
        enum log_level min;
        enum log_format format;
        int fd;
        const struct clock *clock;
} setup = { LOG_INFO, LOG_TEXT, STDERR_FILENO, &clock_system };

/* A mutex, where others send messages: a log line must be out before its caller goes on. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct site sites[SITES];

void log_setup(enum log_level min, enum log_format format, int fd)
{
        setup.min = min;
        setup.format = format;
        setup.fd = fd;
}

void log_use_clock(const struct clock *clock)
{
        setup.clock = clock;
}

bool log_wants(enum log_level level)
{
        return level >= setup.min;
}

/* --- writing a line ------------------------------------------------------------------------ */

static const char *const level_name[] = {
        [LOG_DEBUG] = "debug",
        [LOG_INFO] = "info",
        [LOG_WARN] = "warn",
        [LOG_ERROR] = "error",
};

static void put_time(struct buf *b)
{
        int64_t ns = setup.clock->wall_ns(setup.clock);
        time_t sec = (time_t)(ns / 1000000000);
        struct tm tm;

        gmtime_r(&sec, &tm);
        buf_printf(b, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday,
                   tm.tm_hour, tm.tm_min, tm.tm_sec, (int)(ns / 1000000 % 1000));
}

/* A path may hold a newline or a terminal's escape sequence: neither reaches the terminal. */
static void put_printable(struct buf *b, const char *s)
{
        for (; *s != '\0'; s++) {
                unsigned char c = (unsigned char)*s;

                if (c < 0x20 || c == 0x7f)
                        buf_printf(b, "\\x%02x", c);
                else
                        buf_putc(b, *s);
        }
}

static void put_text(struct buf *b, enum log_level level, const char *component, const char *text)
{
        put_time(b);
        buf_printf(b, " %-5s %s  ", level_name[level], component);
        put_printable(b, text);
}

static void put_json(struct buf *b, enum log_level level, const char *component, const char *text)
{
        buf_puts(b, "{\"@timestamp\":\"");
        put_time(b);
        buf_printf(b, "\",\"log.level\":\"%s\",\"log.logger\":", level_name[level]);
        json_cstring(b, component);
        buf_puts(b, ",\"message\":");
        json_cstring(b, text);
        buf_putc(b, '}');
}

/* One write for a whole line, so that threads do not mix theirs.  A rest after a short
 * write follows; a descriptor that takes nothing costs the line, not the program. */
static void write_line(const struct buf *b)
{
        for (size_t done = 0; done < b->len;) {
                ssize_t n = write(setup.fd, b->data + done, b->len - done);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n <= 0)
                        return;
                done += (size_t)n;
        }
}

static void emit(enum log_level level, const char *component, const char *text, uint64_t held)
{
        char with_count[TEXT_MAX + 64];
        struct buf b = { 0 };

        if (held > 0) {
                snprintf(with_count, sizeof(with_count), "%s (%llu more like this)", text,
                         (unsigned long long)held);
                text = with_count;
        }
        if (setup.format == LOG_JSON)
                put_json(&b, level, component, text);
        else
                put_text(&b, level, component, text);
        buf_putc(&b, '\n');
        write_line(&b);
        buf_fini(&b);
}

/* --- holding back what repeats ------------------------------------------------------------- */

static uint64_t hash_text(const char *s)
{
        uint64_t h = UINT64_C(0xcbf29ce484222325); /* FNV-1a */

        for (; *s != '\0'; s++)
                h = (h ^ (unsigned char)*s) * UINT64_C(0x100000001b3);
        return h;
}

/* Should the table ever be full, sites share a place: held back too soon, but still counted. */
static struct site *site_of(const char *fmt)
{
        size_t first = ((uintptr_t)fmt * UINT64_C(0x9e3779b97f4a7c15) >> 32) % SITES;

        for (size_t i = 0; i < SITES; i++) {
                struct site *s = &sites[(first + i) % SITES];

                if (s->fmt == NULL)
                        s->fmt = fmt;
                if (s->fmt == fmt)
                        return s;
        }
        return &sites[first];
}

static int64_t now_ms(void)
{
        return setup.clock->mono_ns(setup.clock) / 1000000;
}

static bool may_print(struct site *s, uint64_t hash)
{
        int64_t now = now_ms();

        if (s->printed == 0 || now - s->period_ms >= LOG_PERIOD_MS) {
                s->period_ms = now;
                s->printed = 0;
        }
        for (int i = 0; i < s->printed; i++)
                if (s->said[i] == hash)
                        return false;
        if (s->printed == LOG_BURST)
                return false;
        s->said[s->printed++] = hash;
        return true;
}

static void hold(struct site *s, enum log_level level, const char *component, const char *text)
{
        size_t n = strnlen(text, sizeof(s->sample) - 1);

        if (s->held++ > 0)
                return;
        s->level = level;
        s->component = component;
        memcpy(s->sample, text, n);
        s->sample[n] = '\0';
}

/* True when the line may go out; then *ret_held tells how many did not since the last. */
static bool admit(enum log_level level, const char *component, const char *fmt, const char *text,
                  uint64_t *ret_held)
{
        struct site *s;
        bool ok;

        pthread_mutex_lock(&lock);
        s = site_of(fmt);
        ok = may_print(s, hash_text(text));
        if (ok) {
                *ret_held = s->held;
                s->held = 0;
        } else {
                hold(s, level, component, text);
        }
        pthread_mutex_unlock(&lock);
        return ok;
}

void log_at(enum log_level level, const char *component, const char *fmt, ...)
{
        char text[TEXT_MAX];
        uint64_t held = 0;
        va_list ap;

        if (!log_wants(level))
                return;
        va_start(ap, fmt);
        vsnprintf(text, sizeof(text), fmt, ap);
        va_end(ap);
        if (level == LOG_DEBUG || admit(level, component, fmt, text, &held))
                emit(level, component, text, held);
}

void log_flush_repeats(void)
{
        for (size_t i = 0; i < SITES; i++) {
                struct site quiet = { 0 }, *s = &sites[i];

                pthread_mutex_lock(&lock);
                if (s->held > 0 && now_ms() - s->period_ms >= LOG_PERIOD_MS) {
                        quiet = *s;
                        s->held = 0;
                }
                pthread_mutex_unlock(&lock);
                /* The sample is one of those that were held, so "more" are one fewer. */
                if (quiet.held > 0)
                        emit(quiet.level, quiet.component, quiet.sample, quiet.held - 1);
        }
}

void log_each_line(const char *component, const char *what, const char *text)
{
        while (*text) {
                size_t n = strcspn(text, "\n");

                log_error(component, "%s: %.*s", what, (int)n, text);
                text += n + (text[n] != '\0');
        }
}
