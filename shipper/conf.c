/* SPDX-License-Identifier: Apache-2.0 */
#include "shipper/conf.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "event/filter.h"
#include "shipper/endpoint.h"
#include "shipper/journal.h"
#include "shipper/line_end.h"
#include "shipper/rate.h"
#include "shipper/ring.h"


enum { PARTIAL_TIMEOUT_MS = 5000, CLOSE_IDLE_MS = 5 * 60 * 1000 };      /* as in the rows; of files named on the command line */

static const char *const watch_hows[] = { "auto", "stat", NULL };

static const char *const record_formats[] = { [FORMAT_EVENT] = "event", [FORMAT_BATCH] = "batch", NULL };

static const char *const start_ats[] = { "beginning", "end", NULL };

static const char *const event_extents[] = { [EXTENT_FULL] = "full", [EXTENT_SMALL] = "small", NULL };

static const char *const framings[] = { "auto", "lines", "octets", NULL };

static const struct opt input_rows[] = {
        { "paths", OPT_LIST, offsetof(struct input_config, paths),
          .help = "files to tail: names or glob patterns; ** is any number of directories; this or listen" },
        { "exclude_paths", OPT_LIST, offsetof(struct input_config, exclude_paths),
          .help = "glob patterns of files that are left alone although paths names them" },
        { "ignore_older", OPT_DURATION, offsetof(struct input_config, ignore_older_ms), .def = "0 s", .min = 0,
          .max = 10ll * 365 * 24 * 3600 * 1000,
          .help = "new files not written to for so long are left alone until they are; 0 s: none is too old" },
        { "start_at", OPT_CHOICE, offsetof(struct input_config, start_at), .def = "beginning", .choices = start_ats,
          .help = "of files that are there at the very first start; end: only what is written from then on; a file that "
                  "comes later is read from its beginning" },
        { "close_idle", OPT_DURATION, offsetof(struct input_config, close_idle_ms), .def = "5 m", .min = 0,
          .max = 7 * 24 * 3600 * 1000, .help = "closes a file that was quiet so long; it is opened again when it grows; "
                                               "0 s: never" },
        { "close_removed_after", OPT_DURATION, offsetof(struct input_config, close_removed_ms), .def = "0 s", .min = 0,
          .max = 30ll * 24 * 3600 * 1000, .help = "gives up a deleted file that is still not shipped after so long, so that "
                                                  "its disk space is freed; what is lost is counted; 0 s: never" },
        { "listen", OPT_STRING, offsetof(struct input_config, listen),
          .help = "where lines come in instead: tcp://HOST:PORT, udp://HOST:PORT, unix://PATH, unixgram://PATH, "
                  "journald:// (this machine's journal), journald://DIRECTORY or stdin://" },
        { "framing", OPT_CHOICE, offsetof(struct input_config, framing), .def = "auto", .choices = framings,
          .help = "of tcp and unix (RFC 6587); auto: octets where a count and '<' begin a message, else lines" },
        { "ring_size", OPT_SIZE, offsetof(struct input_config, ring_size), .def = "64 MiB", .min = 1 << 20,
          .max = 1ll << 40, .help = "disk space for what listen took and Kafka has not; when it is full, streams wait "
                                    "and datagrams are dropped" },
        { "max_connections", OPT_INT, offsetof(struct input_config, max_connections), .def = "256", .min = 1,
          .max = 100000, .help = "of tcp and unix; one more is closed and counted" },
        { "idle_timeout", OPT_DURATION, offsetof(struct input_config, idle_timeout_ms), .def = "0 s", .min = 0,
          .max = 7 * 24 * 3600 * 1000, .help = "closes a connection that is quiet so long; 0 s: never, because its sender "
                                               "may lose a line by it (peers that are gone are found without it)" },
        { "socket_mode", OPT_STRING, offsetof(struct input_config, socket_mode), .def = "0660",
          .help = "of the file of unix and unixgram, octal" },
        { "units", OPT_LIST, offsetof(struct input_config, units),
          .help = "of journald: only what these systemd units wrote, and what systemd says of them; absent: everything" },
        { "service", OPT_STRING, offsetof(struct input_config, service),
          .help = "service.name of their lines; absent: the field is left out" },
        { "event", OPT_CHOICE, offsetof(struct input_config, event), .def = "full", .choices = event_extents,
          .help = "full: every event names its file and host; small: time, id, message, log.offset and what you ask for" },
        PARSE_OPTS("parse", offsetof(struct input_config, parse)),
        REDACT_OPTS(offsetof(struct input_config, redact)),
        { "encoding", OPT_CHOICE, offsetof(struct input_config, encoding), .def = "utf-8", .choices = encoding_names,
          .help = "of the files; utf-16: by the mark at their beginning, utf-16le without one" },
        { "terminator", OPT_STRING, offsetof(struct input_config, terminator), .def = "lf",
          .help = "what ends a line: lf (a CR before it goes too), crlf, cr, nul, or a text of your own" },
        { "container", OPT_CHOICE, offsetof(struct input_config, container), .def = "none",
          .choices = container_format_names,
          .help = "the files are a container runtime's: cri (containerd, CRI-O), docker (json-file), auto: each line by "
                  "its form" },
        { "multiline", OPT_CHOICE, offsetof(struct input_config, multiline.preset), .def = "none",
          .choices = multiline_presets, .help = "whose stack traces become one event each" },
        { "multiline_start", OPT_STRING, offsetof(struct input_config, multiline.start),
          .help = "PCRE2 pattern that is found in the first line of every event, in place of a preset" },
        { "multiline_continue", OPT_STRING, offsetof(struct input_config, multiline.continues),
          .help = "PCRE2 pattern that is found in every line of an event but its first, in place of a preset" },
        { "multiline_negate", OPT_BOOL, offsetof(struct input_config, multiline.negate), .def = "false",
          .help = "the pattern says which lines are not meant" },
        { "multiline_lines", OPT_INT, offsetof(struct input_config, multiline.max_lines), .def = "2000", .min = 2,
          .max = 1000000, .help = "of one event at most; what follows is the next; max_line_bytes bounds it too" },
        { "multiline_timeout", OPT_DURATION, offsetof(struct input_config, multiline.timeout_ms), .def = "3 s",
          .min = 100, .max = 3600 * 1000, .help = "how long the last event of a quiet file waits for another line" },
        { "partial_timeout", OPT_DURATION, offsetof(struct input_config, partial_timeout_ms), .def = "5 s", .min = 100,
          .max = 3600 * 1000, .help = "how long a last line without an end waits for it; what comes later is an event of its own" },
        { "include", OPT_LIST, offsetof(struct input_config, include),
          .help = "PCRE2 patterns: only lines in which one is found are shipped" },
        { "exclude", OPT_LIST, offsetof(struct input_config, exclude),
          .help = "PCRE2 patterns: lines in which one is found are dropped and counted" },
        { "rate_limit", OPT_STRING, offsetof(struct input_config, rate_limit),
          .help = "of the input's lines, as in \"1000/s\", \"600/m\" or \"100/h\"; what is beyond is dropped and counted" },
        { "rate_burst", OPT_INT, offsetof(struct input_config, rate_burst), .def = "0", .min = 0, .max = 1000000000,
          .help = "lines that may come at once after a pause; 0: what the rate allows in a second" },
        { "rate_sample", OPT_INT, offsetof(struct input_config, rate_sample), .def = "0", .min = 0, .max = 1000000000,
          .help = "of the lines beyond the rate one of so many is kept; 0: none" },
};

/* What an entry becomes is fixed, see take_json. */
static void check_journal(const struct input_config *in, struct opt_errors *errors)
{
        if (!journal_version())
                opt_complain(errors, "listen: \"%s\": this build is without libsystemd; build it with -D SLUICE_JOURNALD=ON, "
                                     "or tail the files that the services write", in->listen);
        if (in->parse.how != PARSE_TEXT)
                opt_complain(errors, "parse: is not for journald, whose entries have their fields");
        if (in->start_at != START_AT_BEGINNING)
                opt_complain(errors, "start_at: is for inputs with paths; a journal is read from its oldest entry");
        if (in->multiline.preset != 0 || in->multiline.start || in->multiline.continues)
                opt_complain(errors, "multiline: is not for journald, whose entries are whole");
}

static void check_listen(const struct input_config *in, struct opt_errors *errors)
{
        struct endpoint ep;
        struct err e = { 0 };
        char *end;

        if (endpoint_parse(in->listen, &ep, &e) < 0)
                opt_complain(errors, "listen: %s", e.msg);
        else if (ep.kind == ENDPOINT_JOURNAL)
                check_journal(in, errors);
        unsigned long mode = strtoul(in->socket_mode, &end, 8);
        if (!*in->socket_mode || *end || mode > 0777)
                opt_complain(errors, "socket_mode: \"%s\": not an octal mode, as in \"0660\"", in->socket_mode);
}

static void check_lines(const struct input_config *in, struct opt_errors *errors)
{
        struct parser *parser = NULL;
        struct filter *filter = NULL;
        struct redact *redact = NULL;
        struct multiline *multiline = NULL;
        struct rate rate;
        struct err e = { 0 };

        if (parser_new(&in->parse, &parser, &e) < 0)
                opt_complain(errors, "%s", e.msg);
        parser_free(parser);
        if (filter_new(&in->include, &in->exclude, &filter, &e) < 0)
                opt_complain(errors, "%s", e.msg);
        filter_free(filter);
        if (redact_new(&in->redact, &redact, &e) < 0)
                opt_complain(errors, "%s", e.msg);
        redact_free(redact);
        if (multiline_new(&in->multiline, &multiline, &e) < 0)
                opt_complain(errors, "%s", e.msg);
        multiline_free(multiline);
        if (rate_init(&rate, in->rate_limit, in->rate_burst, in->rate_sample, &e) < 0)
                opt_complain(errors, "%s", e.msg);
}

static void check_encoding(const struct input_config *in, struct opt_errors *errors)
{
        enum encoding encoding = (enum encoding)in->encoding;
        struct line_end end;
        struct err e = { 0 };

        if (line_end_init(&end, in->terminator, encoding == ENCODING_UTF16 ? ENCODING_UTF16LE : encoding, &e) < 0)
                opt_complain(errors, "%s", e.msg);
        else if (in->listen && !line_end_is_plain(&end))
                opt_complain(errors, "encoding, terminator: are for inputs with paths");
        else if (in->container != CONTAINER_NONE && !line_end_is_plain(&end))
                opt_complain(errors, "encoding, terminator: a container's runtime writes UTF-8 and lf, leave them out beside "
                                     "container");
}

/* Fields that the path gives are not for the configuration to say. */
static void check_container(const struct input_config *in, struct opt_errors *errors)
{
        static const char *const ours[] = { "container.", "kubernetes." };

        if (in->container == CONTAINER_NONE)
                return;
        if (in->listen)
                opt_complain(errors, "container: is for inputs with paths");
        for (size_t i = 0; i < in->parse.fields.n; i++)
                for (size_t k = 0; k < ARRAY_LEN(ours); k++)
                        if (strncmp(in->parse.fields.v[i], ours[k], strlen(ours[k])) == 0)
                                opt_complain(errors, "fields: \"%s\": container and kubernetes fields are taken from the path",
                                             in->parse.fields.v[i]);
}

static bool is_journal(const struct input_config *in)
{
        struct endpoint ep;

        return in->listen && endpoint_parse(in->listen, &ep, NULL) == 0 && ep.kind == ENDPOINT_JOURNAL;
}

static void check_input(const void *conf, struct opt_errors *errors)
{
        const struct input_config *in = conf;

        if (in->listen && in->paths.n > 0)
                opt_complain(errors, "paths and listen: an input has one of them, not both");
        else if (in->listen && in->exclude_paths.n > 0)
                opt_complain(errors, "exclude_paths: is for inputs with paths");
        else if (in->listen)
                check_listen(in, errors);
        else if (in->paths.n == 0)
                opt_complain(errors, "paths: must be set, or listen");
        else if (in->parse.how == PARSE_SYSLOG)
                opt_complain(errors, "parse: \"syslog\" is for inputs with listen");
        if (in->units.n > 0 && !is_journal(in))
                opt_complain(errors, "units: is for inputs with listen = \"journald://\"");
        check_encoding(in, errors);
        check_container(in, errors);
        check_lines(in, errors);
}

static const struct opt_table input_opts = { input_rows, ARRAY_LEN(input_rows), sizeof(struct input_config),
                                             check_input };

static const struct opt rows[] = {
        { "inputs", OPT_TABLES, offsetof(struct shipper_config, inputs), .table = &input_opts,
          .help = "what to tail" },
        { "output", OPT_CHOICE, offsetof(struct shipper_config, output), .def = "kafka", .choices = output_names,
          .flag = "output", .flag_arg = "NAME", .help = "where lines go; kafka, elasticsearch and file have a table each" },
        { "format", OPT_CHOICE, offsetof(struct shipper_config, format), .def = "event", .choices = record_formats,
          .flag = "format", .flag_arg = "NAME",
          .help = "of the records in Kafka; event: one line each, as JSON; batch: many lines each, as an LZ4 frame, for the "
                  "least cost" },
        { "kafka", OPT_TABLE, offsetof(struct shipper_config, kafka), .table = &kafka_producer_opts,
          .help = "output kafka" },
        { "elasticsearch", OPT_TABLE, offsetof(struct shipper_config, elasticsearch), .table = &es_opts,
          .help = "output elasticsearch: lines are indexed without a Kafka on the way" },
        { "file", OPT_TABLE, offsetof(struct shipper_config, file), .table = &file_opts, .help = "output file" },
        { "service", OPT_STRING, offsetof(struct shipper_config, service), .flag = "service", .flag_arg = "NAME",
          .help = "service.name of lines from files named on the command line" },
        { "host", OPT_STRING, offsetof(struct shipper_config, host),
          .help = "host.name and part of every line's id; absent: the system's host name" },
        { "state", OPT_STRING, offsetof(struct shipper_config, state), .def = "/var/lib/sluice-shipper",
          .flag = "state", .flag_arg = "DIR", .help = "directory of the checkpoint; one process at a time" },
        { "memory", OPT_SIZE, offsetof(struct shipper_config, memory), .def = "16 MiB", .min = 8 << 20,
          .max = 1ll << 40, .help = "byte budget of the process; when it is full, reading stops" },
        { "max_line_bytes", OPT_SIZE, offsetof(struct shipper_config, max_line_bytes), .def = "512 KiB",
          .min = 1024, .max = 2 << 20, .help = "a longer line is cut here and marked truncated" },
        { "scan_interval", OPT_DURATION, offsetof(struct shipper_config, scan_interval_ms), .def = "10 s",
          .min = 100, .max = 3600 * 1000, .help = "how often patterns are matched again, whatever the kernel tells" },
        { "max_files", OPT_INT, offsetof(struct shipper_config, max_files), .def = "0", .min = 0, .max = 10000000,
          .help = "held open at a time; the quietest of more are closed and opened again when they grow; 0: as many as the "
                  "process may open" },
        { "watch", OPT_CHOICE, offsetof(struct shipper_config, watch), .def = "auto", .choices = watch_hows,
          .help = "how growth is seen; auto: by the kernel's events and each scan; stat: by each scan alone" },
        { "read_on_stop", OPT_BOOL, offsetof(struct shipper_config, read_on_stop), .def = "false",
          .help = "a stop first reads every file to its end, within stop_timeout: for a sidecar whose files go with its pod" },
        LIFE_ROWS(struct shipper_config, "127.0.0.1:9600",
                  "ship what is there to its end, then exit; 0 only when all of it is acknowledged"),
        { "stdin", OPT_BOOL, offsetof(struct shipper_config, from_stdin), .def = "false", .flag = "stdin",
          .help = "ship the lines of stdin too, by way of a ring in the state directory; exit when it ends and all is "
                  "acknowledged" },
};

struct output_config shipper_output(const struct shipper_config *c)
{
        return (struct output_config){ .kafka = &c->kafka, .elasticsearch = &c->elasticsearch, .file = &c->file };
}

static void check(const void *conf, struct opt_errors *errors)
{
        const struct shipper_config *c = conf;
        struct output_config parts = shipper_output(c);

        if (c->format == FORMAT_BATCH && c->output != OUTPUT_KAFKA)
                opt_complain(errors, "format: \"batch\" is for output \"kafka\"");
        if (!c->life.dry_run)                /* which sends nothing, so it needs to know of no server */
                output_check((enum output)c->output, &parts, errors);
}

const struct opt_table shipper_opts = { rows, ARRAY_LEN(rows), sizeof(struct shipper_config), check };

static void add_input(struct shipper_config *c, const char *const *paths, size_t n)
{
        c->inputs.v = xrealloc(c->inputs.v, (c->inputs.n + 1) * sizeof(struct input_config));
        struct input_config *in = (struct input_config *)c->inputs.v + c->inputs.n++;
        *in = (struct input_config){ .paths = { xcalloc(n, sizeof(char *)), n }, .partial_timeout_ms = PARTIAL_TIMEOUT_MS,
                                     .close_idle_ms = CLOSE_IDLE_MS };
        for (size_t i = 0; i < n; i++)
                in->paths.v[i] = xstrdup(paths[i]);
        if (c->service)
                in->service = xstrdup(c->service);
}

/* With the defaults of the table. */
static void add_stdin(struct shipper_config *c)
{
        static const char *const set = "listen=\"stdin://\"";
        const struct opt_source source = { .sets = &set, .nsets = 1 };
        struct opt_errors errors = { 0 };

        c->inputs.v = xrealloc(c->inputs.v, (c->inputs.n + 1) * sizeof(struct input_config));
        struct input_config *in = (struct input_config *)c->inputs.v + c->inputs.n++;
        CHECK(opt_load(&input_opts, &source, in, &errors) == 0);
        if (c->service)
                in->service = xstrdup(c->service);
}

static int make_absolute(char **path, struct err *e)
{
        char cwd[PATH_MAX];

        if ((*path)[0] == '/')
                return 0;
        if (!getcwd(cwd, sizeof(cwd)))
                return err_set(e, errno, "current directory: %s", strerror(errno));
        char *absolute = xasprintf("%s/%s", cwd, *path);
        free(*path);
        *path = absolute;
        return 0;
}

static int make_all_absolute(const struct strlist *list, struct err *e)
{
        int r = 0;

        for (size_t i = 0; r == 0 && i < list->n; i++)
                r = make_absolute(&list->v[i], e);
        return r;
}

static void tail_its_ring(const char *state, struct input_config *in)
{
        in->paths = (struct strlist){ xcalloc(1, sizeof(char *)), 1 };
        in->paths.v[0] = ring_pattern(state, in->listen);
}

/* An entry of the journal stands in its ring as an event's members. */
static void take_json(struct input_config *in)
{
        in->parse.how = PARSE_JSON;
        free(in->parse.json_at);
        in->parse.json_at = xstrdup("top");
}

/* Two inputs with one ring would read each other's lines. */
static int check_rings(const struct shipper_config *c, struct err *e)
{
        const struct input_config *in = c->inputs.v;

        for (size_t i = 0; i < c->inputs.n; i++)
                for (size_t k = 0; in[i].listen && k < i; k++)
                        if (in[k].listen && strcmp(in[i].paths.v[0], in[k].paths.v[0]) == 0)
                                return err_set(e, EINVAL, "inputs.%zu.listen: \"%s\": is taken by inputs.%zu", i,
                                               in[i].listen, k);
        return 0;
}

int shipper_config_finish(struct shipper_config *c, const char *const *paths, size_t n, struct err *e)
{
        if (c->format == FORMAT_BATCH)
                c->kafka.compression = KAFKA_NONE;      /* the records are compressed already */
        if (n > 0)
                add_input(c, paths, n);
        if (c->from_stdin && c->life.dry_run)
                return err_set(e, EINVAL, "--stdin and --dry-run: stdin cannot be given back; see its events with "
                                          "--stdin --output stdout and a --state of their own");
        if (c->from_stdin)
                add_stdin(c);
        if (c->inputs.n == 0)
                return err_set(e, EINVAL, "nothing to tail: name files on the command line, say --stdin, or name inputs "
                                          "in the configuration (-c FILE)");
        struct input_config *in = c->inputs.v;
        for (size_t i = 0; i < c->inputs.n; i++) {
                if (in[i].listen)
                        tail_its_ring(c->state, &in[i]);
                if (is_journal(&in[i]))
                        take_json(&in[i]);
                int r = make_all_absolute(&in[i].paths, e);
                if (r == 0)
                        r = make_all_absolute(&in[i].exclude_paths, e);
                if (r < 0)
                        return r;
        }
        int r = check_rings(c, e);
        if (r < 0)
                return r;
        if (!c->host) {
                char name[HOST_NAME_MAX + 1] = "";
                gethostname(name, sizeof(name) - 1);
                c->host = xstrdup(name);
        }
        return 0;
}
