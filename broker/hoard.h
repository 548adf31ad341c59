/* The hoard: memory that malloc keeps of what was given back, and that the system gets.
 *
 * Entries of queues and open requests are small, come by the hundred thousand, and go in any order;
 * what is left in between pins the heap below its top (mallopt(3), M_TRIM_THRESHOLD). So when much
 * less is held than a while ago, the pages of all that is free are given back: malloc_trim(3).
 * That is looked at every 10 ms at most, costs a comparison in between, and is done at most once a
 * second, and only if for a second no more than half of the highest was held. The highest is
 * forgotten with it: who builds up and drains in turns pays once. Lists of receivers that nobody will
 * ask for any more go first, which in a busy broker the rounds see to.
 */
#pragma once

#include "broker/session/session.h"

struct hoard {
    struct timer timer; /* while it may come to be worth it */
    struct session *session;
    uint64_t looked_ns;
    uint64_t most;      /* bytes that were held since the last time */
    uint64_t recent;    /* the most since the timer last fired */
    uint64_t seen;      /* what was held when the timer last fired */
    uint64_t n_trimmed; /* for tests */
};

enum {
    HOARD_LOOK_MS = 10,
    HOARD_REST_MS = 1000,
    HOARD_MIN = 4 << 20, /* bytes that are worth it */
};

/* The session outlives it; stays where it is. Zeroed before. */
void hoard_init(struct hoard *hoard, struct session *session);
/* Disarms its timer. Idempotent, safe on a zeroed one. */
void hoard_deinit(struct hoard *hoard);
/* The end of a round. */
void hoard_round(struct hoard *hoard);
