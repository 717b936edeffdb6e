/* SPDX-License-Identifier: Apache-2.0 */
/* trace: the ids of a trace as a line tells them, and what of them may become a header.
 *
 *      traceparent   00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01        (W3C Trace Context, section 3.2)
 *                    ver trace id: 32 hex digits, not all 0    span id: 16    flags
 *
 * trace_id is 32 hex digits, or the 16 of B3; span_id is 16.  Anything else is text: it stays in the event
 * and is no header.  Thread-safe.
 */
#ifndef SLUICE_EVENT_TRACE_H
#define SLUICE_EVENT_TRACE_H

#include <stdbool.h>
#include <stddef.h>

enum { TRACE_PARENT_LEN = 55, TRACE_ID_LEN = 32, TRACE_B3_LEN = 16, SPAN_ID_LEN = 16, TRACE_USER_MAX = 256 };

/* Header values; length 0: none. Hex digits are lower case, whatever the line has. */
struct trace_headers {
        char traceparent[TRACE_PARENT_LEN];
        char trace_id[TRACE_ID_LEN];
        char span_id[SPAN_ID_LEN];
        size_t traceparent_len, trace_id_len, span_id_len;
        const char *user_id;            /* borrowed from the line */
        size_t user_id_len;
};

/* Takes what is well-formed; each returns false for what is not, and leaves h as it was.  traceparent gives
 * trace and span id too. */
bool trace_take_parent(struct trace_headers *h, const char *p, size_t n);
bool trace_take_id(struct trace_headers *h, const char *p, size_t n);
bool trace_take_span(struct trace_headers *h, const char *p, size_t n);
bool trace_take_user(struct trace_headers *h, const char *p, size_t n);        /* printable ASCII */

/* Makes the traceparent of a trace id of 32 digits and a span id when the line had none of its own; whether it was
 * sampled is not known then, so its flags are 00. */
void trace_complete(struct trace_headers *h);

#endif
