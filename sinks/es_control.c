/* SPDX-License-Identifier: Apache-2.0 */
#include "sinks/es_control.h"

#include "base/check.h"

enum {
        BASELINE_MS = 60 * 1000,
        BASELINE_SAMPLES = 3,      /* one after the other, are averaged */
        TOO_LARGE_MS = 600 * 1000, /* then a larger body is tried again: somebody may have raised the limit */
        BYTES_UP = 64 << 10,
};

static const double slow = 2.0, steady = 1.5; /* times the baseline */
static const double slack_s = 0.02;           /* a difference that is no matter */

void es_control_init(struct es_control *c, const struct es_control_config *config)
{
        CHECK(config->max_requests > 0);
        *c = (struct es_control){ .config = *config, .slowness = 1, .stepped_ms = INT64_MIN };
        c->requests = config->fixed_requests ? config->fixed_requests : 1;
        c->looking = BASELINE_SAMPLES;
        c->bytes = config->fixed_bytes ? (double)config->fixed_bytes : ES_BYTES_MAX;
}

unsigned es_control_requests(const struct es_control *c)
{
        return (unsigned)c->requests;
}

size_t es_control_bytes(const struct es_control *c)
{
        return (size_t)(c->too_large > 0 && c->too_large < c->bytes ? c->too_large : c->bytes);
}

/* ---- down ---------------------------------------------------------------------------------------- */

static void fewer_requests(struct es_control *c, double factor)
{
        if (c->config.fixed_requests)
                return;
        c->requests = c->requests * factor > 1 ? c->requests * factor : 1;
}

/* From what was sent, not from a limit that was never reached. */
static void fewer_bytes(struct es_control *c, size_t sent)
{
        double from = (double)sent < c->bytes ? (double)sent : c->bytes;

        if (c->config.fixed_bytes)
                return;
        c->bytes = from / 2 > ES_BYTES_MIN ? from / 2 : ES_BYTES_MIN;
}

static void stepped_down(struct es_control *c, int64_t now_ms)
{
        c->stepped_ms = now_ms;
        c->slowness = 1;
        c->looking = 0;
        c->met_limit = true;
}

static enum es_step load(struct es_control *c, const struct es_sample *s)
{
        bool alone = es_control_requests(c) == 1;

        if (s->load == ES_LOAD_TIMEOUT || alone)
                fewer_bytes(c, s->bytes);
        fewer_requests(c, 0.5);
        stepped_down(c, s->now_ms);
        return s->load == ES_LOAD_TIMEOUT ? ES_STEP_TIMEOUT : ES_STEP_REFUSED;
}

/* ---- latency -------------------------------------------------------------------------------------- */

/* Two classes a power of two. */
static struct es_baseline *baseline_of(struct es_control *c, size_t bytes)
{
        unsigned power = 0;

        while (power < ES_SIZE_CLASSES / 2 - 1 && bytes >> (power + 1) > 0)
                power++;
        bool upper = power > 0 && (bytes >> (power - 1)) & 1;
        return &c->baselines[2 * power + upper];
}

/* Down with what it sees; up only by being measured anew, else it would follow the load it is to tell. */
static void baseline_learn(struct es_baseline *b, const struct es_sample *s)
{
        double off = s->seconds - b->seconds;

        if (b->samples == 0)
                b->since_ms = s->now_ms;
        if (b->samples < BASELINE_SAMPLES)
                b->seconds += off / ++b->samples;
        else if (off < 0)
                b->seconds += off / 4;
}

/* One request at a time for a few answers: what takes long then is not our doing. */
static enum es_step look(struct es_control *c, struct es_baseline *b, int64_t now_ms)
{
        double before = c->requests;
        bool met_limit = c->met_limit;

        *b = (struct es_baseline){ 0 };
        stepped_down(c, now_ms);
        c->met_limit = met_limit;
        if (c->config.fixed_requests)
                return ES_STEP_NONE;
        c->looking = BASELINE_SAMPLES;
        c->resume = before;
        c->requests = 1;
        return ES_STEP_LOOK;
}

static enum es_step latency(struct es_control *c, const struct es_sample *s)
{
        struct es_baseline *b = baseline_of(c, s->bytes);

        if (b->samples >= BASELINE_SAMPLES && s->now_ms - b->since_ms >= BASELINE_MS)
                return look(c, b, s->now_ms);
        baseline_learn(b, s);
        double ratio = s->seconds - b->seconds < slack_s ? 1 : s->seconds / b->seconds;
        c->slowness += (ratio - c->slowness) / 8;
        if (c->slowness < slow)
                return ES_STEP_NONE;
        if (es_control_requests(c) == 1) {
                *b = (struct es_baseline){ 0 };
                c->slowness = 1;
                return ES_STEP_NONE;
        }
        fewer_requests(c, 0.75);
        stepped_down(c, s->now_ms);
        return ES_STEP_SLOW;
}

/* ---- up ------------------------------------------------------------------------------------------- */

static void more_requests(struct es_control *c)
{
        double max = c->config.max_requests;

        /* Quickly until the first sign of load; then an eighth more a round, so that refusals stay few. */
        c->requests += c->met_limit ? 1 / (8 * c->requests) : 0.5;
        if (c->requests > max)
                c->requests = max;
}

static enum es_step more(struct es_control *c, const struct es_sample *s)
{
        if (c->looking > 0) {
                if (--c->looking == 0 && c->resume > c->requests)
                        c->requests = c->resume;
                return ES_STEP_NONE;
        }
        if (c->slowness >= steady)
                return ES_STEP_NONE;
        if (s->cut && !c->config.fixed_bytes && c->bytes < ES_BYTES_MAX) {
                c->bytes += BYTES_UP;
                return ES_STEP_UP;
        }
        if (!s->crowded || c->config.fixed_requests || c->requests >= c->config.max_requests)
                return ES_STEP_NONE;
        more_requests(c);
        return ES_STEP_UP;
}

enum es_step es_control_sample(struct es_control *c, const struct es_sample *s)
{
        enum es_step step;

        if (c->too_large > 0 && s->now_ms >= c->too_large_until_ms)
                c->too_large = 0;
        if (s->sent_ms <= c->stepped_ms)
                return ES_STEP_NONE;
        if (s->load != ES_LOAD_NONE)
                return load(c, s);
        step = latency(c, s);
        return step != ES_STEP_NONE ? step : more(c, s);
}

void es_control_too_large(struct es_control *c, int64_t now_ms, size_t bytes)
{
        double half = (double)bytes / 2;

        if (c->too_large == 0 || half < c->too_large)
                c->too_large = half > 1 ? half : 1;
        c->too_large_until_ms = now_ms + TOO_LARGE_MS;
}
