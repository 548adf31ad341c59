/*
 * The report of a run: what it cost, as one line of JSON on standard output.
 */
#pragma once

#include <stdint.h>

#include "tests/bench/harness/process.h"

/* What is taken twice, before the gate opens and after the last message. */
struct reading {
    int64_t broker_ns;
    struct process_times broker;
    int64_t sending_ns;   /* of publishers, or of who asks */
    int64_t receiving_ns; /* of subscribers, or of who serves */
};

struct measures {
    struct reading before, after;
    uint64_t memory_start_kb; /* of the broker, alone */
    uint64_t memory_idle_kb;  /* with subscriptions or idle connections */
    uint64_t memory_end_kb;
    uint64_t memory_peak_kb;
    double setup_s;
};

void reading_take(struct reading *ret);

/** Prints the line of a run that ended. @return the exit status: 1 if messages were lost or out of order */
int report_print(const struct measures *measures);
/** Prints the line of a run that did not. @return 1 */
int report_failure(const char *why);
