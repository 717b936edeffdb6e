/* SPDX-License-Identifier: Apache-2.0 */
/* es_control: how many bulk requests at the same time, and how large, from the answers to those before.
 *
 *      requests                                     429, 5xx, timeout: halved (and the bytes too after a timeout)
 *         |        /|      /|         /             slow against its own baseline: a quarter less
 *         |    /|/  |    /  |      /                once a minute: one for three answers, to measure the baseline
 *         |  /      |  /    |   /                   else more, while the limit is what holds back
 *         |/         |/      |/
 *         +--------------------------------> time
 *
 * Only signs of load come in here: what is wrong with one document, one index or one node does not.
 * A sign is believed once a round: requests sent before the last step down say nothing new.  Bytes go down
 * when one request at a time is still too many, and come back first.
 *
 * Latency is compared among bodies of like size (a class spans a factor of 1.4): a small bulk after a quiet
 * hour says nothing about a full one.  Alone in the store (one request) slowness is not ours, so it becomes
 * the new baseline.  Pure: no clock, no I/O.  One thread.
 */
#ifndef SLUICE_SINKS_ES_CONTROL_H
#define SLUICE_SINKS_ES_CONTROL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
        ES_BYTES_MIN = 32 << 10,
        ES_BYTES_MAX = 64 << 20,
        ES_SIZE_CLASSES = 64,
};

struct es_control_config {
        unsigned max_requests;                  /* at least 1 */
        unsigned fixed_requests;                /* 0: adaptive */
        size_t fixed_bytes;                     /* 0: adaptive */
};

enum es_load { ES_LOAD_NONE, ES_LOAD_REFUSED, ES_LOAD_TIMEOUT };

/* What one answer says. */
struct es_sample {
        int64_t sent_ms, now_ms;
        double seconds;
        size_t bytes;                           /* of the body before compression */
        enum es_load load;
        bool crowded;                           /* it was sent as the last one that the limit allows */
        bool cut;                               /* the limit of bytes made it smaller than it would have been */
};

enum es_step { ES_STEP_NONE, ES_STEP_UP, ES_STEP_REFUSED, ES_STEP_TIMEOUT, ES_STEP_SLOW, ES_STEP_LOOK };

struct es_baseline { double seconds; unsigned samples; int64_t since_ms; };

struct es_control {
        struct es_control_config config;
        double requests;
        double bytes;
        double too_large;                       /* bytes: a server or proxy refuses bodies from here on; 0: not known */
        int64_t too_large_until_ms;
        int64_t stepped_ms;                     /* the last step down */
        bool met_limit;                         /* a sign of load was seen */
        unsigned looking;                       /* answers until the baseline is measured; one request at a time */
        double resume;                          /* requests afterwards */
        double slowness;                        /* 1: as the baseline; smoothed */
        struct es_baseline baselines[ES_SIZE_CLASSES];
};

void es_control_init(struct es_control *c, const struct es_control_config *config);

unsigned es_control_requests(const struct es_control *c);
size_t es_control_bytes(const struct es_control *c);

enum es_step es_control_sample(struct es_control *c, const struct es_sample *s);

/* 413 for more than one document of so many bytes together: a fact about the way there, kept for a while. */
void es_control_too_large(struct es_control *c, int64_t now_ms, size_t bytes);

#endif
