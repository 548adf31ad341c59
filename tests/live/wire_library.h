/*
 * The process in which the client library meets the wire cases: what it has open there, and what it writes down.
 */
#ifndef TESTS_LIVE_WIRE_LIBRARY_H
#define TESTS_LIVE_WIRE_LIBRARY_H

#include <stddef.h>

/** What of a case is not in its trace. */
struct wire_report {
    int n_fds;     /* open descriptors, once the handle was freed */
    size_t memory; /* bytes allocated then */
    char trace[8192];
};

enum {
    WIRE_GREETING = 'g', /* a handle that connects */
    WIRE_BUSY = 'b',     /* and has something open of everything: wire_states.py, open_all() */
    WIRE_CONNECTED = 'c' /* said by the process: the rest may be sent */
};

/**
 * The process: meets one broker at @p url for each datagram of @p control, until that is closed.
 * @return its exit status
 */
int wire_library_main(const char *url, int control);

#endif
