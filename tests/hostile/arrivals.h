/*
 * Ten thousand who come: connects, says HELLO on each connection, and notes when the broker said something to whom.
 * All connections stay open until it is told to stop.
 */
#ifndef TESTS_HOSTILE_ARRIVALS_H
#define TESTS_HOSTILE_ARRIVALS_H

#include "client/brokerctl/histogram.h"
#include "tests/hostile/attack.h"

enum { N_ARRIVALS = 10000 };

struct arrivals {
    int64_t gap_ns;         /* is told: one comes each so often; 0: as fast as they can */
    struct histogram waits; /* from connect(2) to the first frame */
    uint64_t n_served;      /* by a WELCOME */
    uint64_t n_refused;     /* by a GOODBYE */
    uint64_t n_dropped;     /* by an end without a word */
    int64_t took_ns;        /* until the last one had connected */
};

/** For contest_disturb(): @p data is a struct arrivals in shared memory, zero but for what it is told. */
void arrivals_run(const char *path, struct attack_report *report, void *data);

#endif
