/* SPDX-License-Identifier: Apache-2.0 */
/* top: the verb `top`: a live view of one running collector or shipper, made of its /status.
 *
 *      URL/status --> once a second --> top_frame(now, a second ago) --> the terminal
 *
 * On a terminal it draws until q or Ctrl-C, in the alternate screen, as large as the window is; elsewhere, or with --once, it
 * prints one frame and ends.  A program that does not answer is asked again, and the frame says so.
 */
#ifndef SLUICE_COLLECTOR_TOP_H
#define SLUICE_COLLECTOR_TOP_H

#include "base/buf.h"
#include "collector/conf.h"

/* args: at most one, "HOST:PORT" or a URL; without it the configuration's own http.  0, EX_USAGE, EX_CONFIG; EX_UNAVAILABLE when the
 * one frame could not be had. */
int top_main(const struct collector_config *c, const char *const *args, size_t n);

struct top_look {
        const char *url;                /* of what is shown */
        const char *now, *before;       /* texts of /status; before NULL: there is no earlier one, so no rates */
        double seconds;                 /* between the two */
        const char *fault;              /* it did not answer this time: why; NULL: it did */
        int width, height;
        bool colour;                    /* with ANSI attributes, each line cleared to its end */
};

/* Appends the frame: at most height - 1 lines, none wider than width.  Any text is taken: what is no /status of ours says so. */
void top_frame(const struct top_look *look, struct buf *ret);

#endif
