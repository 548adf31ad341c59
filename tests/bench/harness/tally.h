/*
 * The tally: the memory that all processes of a run share, in which each role writes down what it did.
 *
 * Made before the first role is forked. What a role counts while it works stands on cache lines of its own.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "tests/bench/harness/plan.h"

#define MAX_LATENCIES 400000

/* A process that publishes. */
struct source {
    _Alignas(128) _Atomic uint64_t n_sent; /* stored once, at the end */
    int64_t start_ns;
    uint64_t n_throttled; /* times that it slept because of the window */
};

/* A process that subscribes. */
struct sink {
    _Alignas(128) _Atomic uint64_t n_received; /* over all of its connections, kept up to date */
    _Atomic bool done;                         /* every connection has heard the end; then: */
    int64_t end_ns;
    uint64_t n_wrong; /* messages out of their place */
    uint64_t sum;     /* of all payloads' words, so that reading them cannot be left out */
};

/* The process that asks. */
struct asker {
    _Atomic bool done;
    uint64_t n_answered;
    int64_t start_ns;
    int64_t end_ns;
    uint32_t latencies_ns[MAX_LATENCIES]; /* with one request open at a time */
};

struct tally {
    atomic_uint n_ready;  /* roles that called bench_ready */
    atomic_uint n_probed; /* probes heard for the first time */
    atomic_uint n_warm;   /* publishers and requesters that wait for the gate */
    atomic_bool open;     /* the gate */
    char complaint[256];  /* of the role that died last; "" */
    struct source sources[MAX_PUBS];
    struct sink sinks[MAX_PROCS];
    struct asker asker;
};
extern struct tally *tally;

/** Makes it. Dies if it cannot. */
void tally_init(void);
