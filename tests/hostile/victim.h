/*
 * The victim: two connections of a user who does nothing wrong, in a process of its own.
 *
 * One serves, receives a numbered stream, and answers at once. The other asks it a question, the next one as soon as
 * the answer is there, and times each round trip; and publishes to the stream, a message every millisecond. Then, in
 * a second part, it streams as much as it can. In a third it asks only now and then, and is silent for longer in
 * between than the broker remembers it. What comes is checked against what was sent: what is missing must have been
 * announced in its place.
 */
#ifndef TESTS_HOSTILE_VICTIM_H
#define TESTS_HOSTILE_VICTIM_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "client/brokerctl/histogram.h"

/** What it tells: in memory shared with whoever staged it, which zeroes it. */
struct victim_report {
    atomic_bool is_ready; /* told: both connections are there */
    atomic_bool go;       /* is told: now, and how long each part is */
    int64_t work_ns;
    int64_t bulk_ns;
    unsigned n_seldom;

    struct histogram trips;  /* round trips of requests */
    struct histogram seldom; /* of those that came after a silence */
    uint64_t n_sent;         /* of the stream */
    uint64_t n_got;
    uint64_t n_announced;   /* as lost */
    uint64_t n_unannounced; /* lost without a word, or come twice */
    uint64_t n_failed;      /* requests that were not answered */
    uint64_t n_cut;         /* connections that were ended */
    uint64_t n_bulk;        /* messages received in the second part */
    int64_t bulk_took_ns;
    char trouble[200]; /* the first thing that went wrong, or empty */
};

/** Connects to the broker at @p path, waits for `go`, does it all, and returns. */
void victim_run(const char *path, struct victim_report *report);

#endif
