/*
 * The plan of a run: what the command line of a peer's program asks for, with every default filled in.
 *
 * plan_read() fills it before anything else happens; afterwards it does not change, and each role has its copy.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "tests/bench/peers/bench.h"

#define MAX_PUBS  64 /* processes that publish */
#define MAX_PROCS 64 /* processes that subscribe */

enum workload {
    SERVE,   /* be the broker */
    ONE,     /* w1: 1 -> 1 */
    FAN_OUT, /* w2: 1 -> N */
    FAN_IN,  /* w3: N -> 1 */
    REQUEST, /* w4: request and reply */
    LARGE,   /* w5: large payloads, of which receivers read every byte */
    MANY,    /* w6: many subscriptions */
    IDLE,    /* w7: as w4, beside connections that do nothing */
};

struct plan {
    enum workload workload;
    struct bench_options options; /* the part that peers see */
    unsigned broker_pid;          /* whose processor time and memory are taken; 0: nobody's */
    double seconds;               /* publish, or ask, for so long … */
    uint64_t count;               /* … or so many messages each, unless 0 */
    uint64_t window;         /* messages that a publisher may have on their way; 0: any number */
    double timeout_s;        /* of each stage */
    unsigned n_conns;        /* w6: connections that share the subscriptions */
    unsigned n_names;        /* w6: subscriptions */
    unsigned wild;           /* w6: every wild-th has a wildcard; 0: none */
    unsigned n_subjects;     /* w1, w2: 1, or 2 that take turns */
    const char *subjects_by; /* of two subjects: "subscription" each, or one "pattern" for both */
};
extern struct plan plan;

/** Reads the command line. Ends the process after --help, and after what it does not understand (64). */
void plan_read(int argc, char *argv[]);

/** Whether the workload is requests, not streams. */
bool plan_asks(void);

/** How many of the subscribing connections process @p part has, and the first of them. */
unsigned plan_share(unsigned part, unsigned *ret_first);
