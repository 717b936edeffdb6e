/* SPDX-License-Identifier: Apache-2.0 */
#include "shipper/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-journal.h>
#include <unistd.h>

#include "base/json.h"
#include "base/mem.h"
#include "event/timestamp.h"

enum {
        FIELD_SHARE = 16,               /* a field other than the message gets at most this part of a line */
        SEVERITIES = 8,
};

struct journal {
        sd_journal *j;                  /* owned */
        int fd;
        size_t max_line_bytes;
        char *dir, *path, *path_new;    /* owned; of the cursor */
        char *cursor;                   /* owned; of the last entry; NULL: none was read */
        char *taken;                    /* owned; of the entry that the last run took, while we stand before it */
        bool stored;                    /* cursor is in the file */
        size_t unread;                  /* fields of the entry that is being written */
        struct buf scratch;
};

const char *journal_version(void)
{
        return SLUICE_LIBSYSTEMD;
}

/* --- where to begin -------------------------------------------------------------------------------- */

/* *ret is the caller's to free; NULL: there is none. */
static int read_cursor(const struct journal *j, char **ret, struct err *e)
{
        size_t size = 0;
        FILE *f = fopen(j->path, "re");

        *ret = NULL;
        if (!f)
                return errno == ENOENT ? 0 : err_set(e, errno, "%s: %s", j->path, strerror(errno));
        errno = 0;
        if (getline(ret, &size, f) < 0) {
                free(*ret);
                *ret = xstrdup("");     /* which is no cursor: the place is lost */
        }
        int r = errno ? err_set(e, errno, "%s: %s", j->path, strerror(errno)) : 0;
        fclose(f);
        return r;
}

/* Asked without the matches, because the entry may be of a unit that is not wanted any more. */
static bool is_there(sd_journal *j, const char *cursor)
{
        return sd_journal_seek_cursor(j, cursor) >= 0 && sd_journal_next(j) > 0 && sd_journal_test_cursor(j, cursor) > 0;
}

static int match(sd_journal *j, const char *field, const char *value, const char *suffix)
{
        char *text = xasprintf("%s=%s%s", field, value, suffix);
        int r = sd_journal_add_match(j, text, 0);

        free(text);
        return r;
}

/* What the units wrote, and what the service manager says of them. */
static int match_units(sd_journal *j, const struct strlist *units)
{
        static const char *const fields[] = { "_SYSTEMD_UNIT", "UNIT" };
        int r = 0;

        for (size_t f = 0; r >= 0 && units->n > 0 && f < ARRAY_LEN(fields); f++) {
                for (size_t i = 0; r >= 0 && i < units->n; i++)
                        r = match(j, fields[f], units->v[i], strchr(units->v[i], '.') ? "" : ".service");
                if (r >= 0)
                        r = f == 0 ? sd_journal_add_disjunction(j) : match(j, "_PID", "1", "");
        }
        return r;
}

static int go_to_begin(struct journal *j, const struct strlist *units, bool *ret_lost, struct err *e)
{
        char *cursor;
        int r = read_cursor(j, &cursor, e);

        if (r < 0) {
                free(cursor);
                return r;
        }
        bool there = cursor && is_there(j->j, cursor);
        *ret_lost = cursor && !there;
        sd_journal_flush_matches(j->j);
        r = match_units(j->j, units);
        if (r >= 0)
                r = there ? sd_journal_seek_cursor(j->j, cursor) : sd_journal_seek_head(j->j);
        if (there)
                j->taken = cursor;
        else
                free(cursor);
        return r < 0 ? err_set(e, -r, "%s", strerror(-r)) : 0;
}

/* --- life ------------------------------------------------------------------------------------------ */

static int open_files(struct journal *j, const char *dir, struct err *e)
{
        int r = *dir ? sd_journal_open_directory(&j->j, dir, 0) : sd_journal_open(&j->j, SD_JOURNAL_LOCAL_ONLY);

        if (r < 0)
                return err_set(e, -r, "%s: %s", *dir ? dir : "the journal", strerror(-r));
        j->fd = sd_journal_get_fd(j->j);
        if (j->fd < 0)
                return err_set(e, -j->fd, "the journal cannot be watched: %s", strerror(-j->fd));
        r = sd_journal_set_data_threshold(j->j, j->max_line_bytes + 1);
        return r < 0 ? err_set(e, -r, "%s", strerror(-r)) : 0;
}

struct journal *journal_open(const struct journal_parts *parts, bool *ret_lost, struct err *e)
{
        struct journal *j = xcalloc(1, sizeof(*j));

        j->max_line_bytes = (size_t)parts->max_line_bytes;
        j->dir = xstrdup(parts->store);
        j->path = xasprintf("%s/cursor", parts->store);
        j->path_new = xasprintf("%s/cursor.new", parts->store);
        if (open_files(j, parts->dir, e) < 0 || go_to_begin(j, parts->units, ret_lost, e) < 0) {
                journal_close(j);
                return NULL;
        }
        return j;
}

void journal_close(struct journal *j)
{
        if (!j)
                return;
        sd_journal_close(j->j);
        buf_fini(&j->scratch);
        free(j->cursor);
        free(j->taken);
        free(j->path_new);
        free(j->path);
        free(j->dir);
        free(j);
}

int journal_fd(const struct journal *j)
{
        return j->fd;
}

int journal_look(struct journal *j)
{
        int r = sd_journal_process(j->j);

        return r < 0 ? r : 0;
}

bool journal_tells(const struct journal *j)
{
        return sd_journal_reliable_fd(j->j) > 0;
}

bool journal_is_empty(struct journal *j)
{
        uint64_t bytes = 0;

        return sd_journal_get_usage(j->j, &bytes) < 0 || bytes == 0;
}

/* --- an entry -------------------------------------------------------------------------------------- */

/* False: the entry has no such field.  *ret is borrowed until the next call. */
static bool get(struct journal *j, const char *field, const char **ret, size_t *ret_len)
{
        const void *data;
        size_t len, skip = strlen(field) + 1;
        int r = sd_journal_get_data(j->j, field, &data, &len);

        if (r < 0 && r != -ENOENT)
                j->unread++;
        if (r < 0 || len < skip)
                return false;
        *ret = (const char *)data + skip;
        *ret_len = len - skip;
        return true;
}

static const char *get_text(struct journal *j, const char *field)
{
        const char *p;
        size_t n;

        if (!get(j, field, &p, &n) || n == 0)
                return NULL;
        buf_reset(&j->scratch);
        buf_put(&j->scratch, p, json_fit(p, n, j->max_line_bytes / FIELD_SHARE));
        return buf_cstr(&j->scratch);
}

/* -1: there is none. */
static int64_t get_number(struct journal *j, const char *field)
{
        const char *text = get_text(j, field);
        char *end;

        if (!text || *text < '0' || *text > '9')
                return -1;
        errno = 0;
        long long n = strtoll(text, &end, 10);
        return errno || *end ? -1 : n;
}

static void put_text(struct journal *j, struct json_out *w, const char *key, const char *field)
{
        const char *text = get_text(j, field);

        if (text)
                json_str(w, key, text);
}

static void put_code(struct json_out *w, const char *key, int64_t code)
{
        if (code < 0)
                return;
        json_open(w, key, '{');
        json_int(w, "code", code);
        json_close(w, '}');
}

static void put_log(struct journal *j, struct json_out *w)
{
        static const char *const levels[SEVERITIES] = { "emergency", "alert",  "critical", "error",
                                                        "warn",      "notice", "info",     "debug" };
        int64_t severity = get_number(j, "PRIORITY");

        json_open(w, "log", '{');
        if (severity >= 0 && severity < SEVERITIES)
                json_str(w, "level", levels[severity]);
        json_open(w, "syslog", '{');
        put_code(w, "severity", severity);
        put_code(w, "facility", get_number(j, "SYSLOG_FACILITY"));
        put_text(j, w, "appname", "SYSLOG_IDENTIFIER");
        put_text(j, w, "hostname", "_HOSTNAME");
        json_close(w, '}');
        json_close(w, '}');
}

static void put_process(struct journal *j, struct json_out *w)
{
        int64_t pid = get_number(j, "_PID");

        json_open(w, "process", '{');
        if (pid >= 0)
                json_int(w, "pid", pid);
        put_text(j, w, "name", "_COMM");
        json_close(w, '}');
        json_open(w, "systemd", '{');
        put_text(j, w, "unit", "_SYSTEMD_UNIT");
        put_text(j, w, "transport", "_TRANSPORT");
        json_close(w, '}');
}

/* Last, because it gets the room that the others leave. */
static void put_message(struct journal *j, struct buf *line, size_t begin, struct journal_line *ret)
{
        static const char head[] = ",\"message\":\"", tail[] = "\"}";
        size_t used = line->len - begin + sizeof(head) + sizeof(tail), n;
        const char *p;

        if (!get(j, "MESSAGE", &p, &n))
                p = "", n = 0;
        size_t fits = json_fit(p, n, j->max_line_bytes > used ? j->max_line_bytes - used : 0);
        ret->cut = n - fits;
        buf_puts(line, head);
        ret->repaired = json_escape(line, p, fits);
        buf_puts(line, tail);
}

static void put_entry(struct journal *j, struct buf *line, struct journal_line *ret)
{
        struct json_out w = { .b = line };
        char time[TIMESTAMP_NS_LEN + 1] = "";
        size_t begin = line->len;

        timestamp_format_ns(ret->time_us * 1000, time);
        json_open(&w, NULL, '{');
        json_str(&w, "@timestamp", time);
        put_log(j, &w);
        put_process(j, &w);
        put_message(j, line, begin, ret);
}

static int keep_cursor(struct journal *j)
{
        char *cursor;
        int r = sd_journal_get_cursor(j->j, &cursor);

        if (r < 0)
                return r;
        free(j->cursor);
        j->cursor = cursor;
        j->stored = false;
        return 1;
}

int journal_next(struct journal *j, struct buf *line, struct journal_line *ret)
{
        uint64_t us;
        int r = sd_journal_next(j->j);

        if (r > 0 && j->taken) {
                bool again = sd_journal_test_cursor(j->j, j->taken) > 0;
                free(j->taken);
                j->taken = NULL;
                if (again)
                        r = sd_journal_next(j->j);
        }
        if (r <= 0)
                return r;
        r = sd_journal_get_realtime_usec(j->j, &us);
        if (r < 0)
                return r;
        *ret = (struct journal_line){ .time_us = (int64_t)us };
        j->unread = 0;
        put_entry(j, line, ret);
        ret->unread = j->unread;
        return keep_cursor(j);
}

/* --- the cursor on disk ---------------------------------------------------------------------------- */

static int write_new(const struct journal *j)
{
        int fd = open(j->path_new, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        size_t n = strlen(j->cursor);

        if (fd < 0)
                return -errno;
        ssize_t done = write(fd, j->cursor, n);
        int r = done < 0 ? -errno : (size_t)done < n ? -ENOSPC : fsync(fd) < 0 ? -errno : 0;
        close(fd);
        return r;
}

/* The order is the promise: content on disk, then the name, then the directory that holds the name. */
static int replace(const struct journal *j)
{
        int r = write_new(j);

        if (r == 0 && rename(j->path_new, j->path) < 0)
                r = -errno;
        int dir = r == 0 ? open(j->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
        if (r == 0 && (dir < 0 || fsync(dir) < 0))
                r = -errno;
        if (dir >= 0)
                close(dir);
        return r;
}

int journal_store(struct journal *j, struct err *e)
{
        if (j->stored || !j->cursor)
                return 0;
        int r = replace(j);
        if (r < 0)
                return err_set(e, -r, "%s: %s", j->path_new, strerror(-r));
        j->stored = true;
        return 0;
}
