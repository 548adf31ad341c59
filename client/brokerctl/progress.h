/* A bar on standard error, while it is a terminal that can erase a line.
 *
 * It is drawn anew some times a second, as wide as the terminal is at that
 * moment, and hidden before anything else is printed: at the end nothing of it
 * is left. Colour as elsewhere: not with NO_COLOR.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct progress {
    const char *title;
    bool on;                  /* there is a terminal for it */
    bool shown;               /* it is on the terminal now */
    uint64_t next_ms;         /* when it is drawn again */
    uint64_t last_ms, last_n; /* since when messages a second are counted */
    double per_s;
};

/* title: what runs; it stays the caller's. */
void progress_init(struct progress *progress, const char *title);
/* share: 0 to 1 of it is done, -1 if nobody can know; n: messages so far. */
void progress_show(struct progress *progress, double share, uint64_t n);
/* Erases it. */
void progress_hide(struct progress *progress);
