/*
 * Whether the broker took no harm: it answers another connection, and its descriptors and memory are back.
 */
#ifndef TESTS_KIT_HEALTH_H
#define TESTS_KIT_HEALTH_H

#include "tests/kit/peer.h"

struct health {
    struct broker_proc *broker;
    struct peer witness; /* a client that nobody harms */
    int n_fds;
    int64_t rss;
};

/** Starts the witness and takes the figures. @p health needs no initialiser. */
void health_begin(struct health *health, struct broker_proc *broker);
/** The witness is answered and gets nothing else. */
void health_check(struct health *health);
/**
 * And the descriptors are as many as at the start, within 2 s; resident memory is at most @p slack_bytes above it
 * (not looked at under a sanitizer).
 */
void health_check_all(struct health *health, int64_t slack_bytes);
void health_end(struct health *health);

#endif
