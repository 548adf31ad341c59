/*
 * One run of a bench: the roles of a peer put to work once, over a broker or over a forwarder of their own.
 *
 * Whatever was lost, came out of order or was answered wrongly fails the test. A run leaves no process behind.
 */
#ifndef TESTS_BENCH_RUN_H
#define TESTS_BENCH_RUN_H

#include "tests/bench/peer.h"
#include "tests/kit/broker_proc.h"

/* What a stream cost. */
struct stream_cost {
    double sent_per_s;
    double delivered_per_s;
    double middle_ns;     /* processor time of the broker or forwarder, per message sent */
    double publisher_ns;  /* of the publisher, per message sent */
    double subscriber_ns; /* of the subscribers, per message delivered */
};

/**
 * A publisher sends for work->run_ns to work->n_subs connections; the clock runs until each has heard the end.
 * @param broker  whom to measure; NULL: the forwarder
 * @param work    its url and ends are set here
 */
struct stream_cost run_stream(struct broker_proc *broker, struct work *work);

struct latency {
    double p50_us;
    double p99_us;
    uint64_t n;
};

/** A requester with one request open, and a server. @param broker  as run_stream() */
struct latency run_requests(struct broker_proc *broker, struct work *work,
                            enum placement placement);

#endif
