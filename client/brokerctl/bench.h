/* brokerctl bench: the plan of a run, which all its parts read, and what came of it.
 *
 *     bench.c         the verb: options to a plan, a result to an exit code
 *     bench_run.c     a run: when it begins and ends, and what it comes to
 *     bench_report.c  the result for people and for programs
 *     crew.c          the processes; role.c what all of them do
 *     bench_publish.c, bench_receive.c, bench_ask.c: what each of them does
 *     mark.c          what a message carries, and what is missing
 *     histogram.c     latencies; progress.c the bar
 */
#pragma once

#include "client/brokerctl/histogram.h"
#include "client/brokerctl/options.h"
#include "client/brokerctl/progress.h"
#include "client/brokerctl/session.h"

struct role_kind;

struct bench_kind {
    const char *name;
    const struct role_kind *sender, *receiver; /* or NULL */
    unsigned n_senders, n_receivers;           /* 0: as --clients says */
    unsigned clients;                          /* its default; 0: there is no --clients */
};

struct bench_plan {
    const char *url; /* of the very broker that the verb is connected to */
    const struct bench_kind *kind;
    const char *subject;
    size_t size;
    uint64_t count;  /* messages or requests in all; 0: until duration_ms is over */
    int duration_ms; /* -1: until count is reached */
    uint64_t rate;   /* in all, a second; 0: as fast as possible */
    uint64_t batch;  /* messages a cork; requests outstanding */
    int timeout_ms;
    bool waits; /* sub: for the first message as long as it takes */
    unsigned n_senders, n_receivers;
    uint16_t run;
};

enum bench_ending { BENCH_DONE, BENCH_INTERRUPTED, BENCH_TIMEOUT, BENCH_FAILED };

/* Sums over the processes. Of what a kind has none of, 0. */
struct bench_result {
    enum bench_ending ending;
    int code; /* exit code of the first thing that went wrong; it was told */
    uint64_t sent, received;
    uint64_t lost;      /* messages not delivered, requests not answered */
    uint64_t announced; /* messages that the broker said were lost */
    uint64_t misplaced, foreign, refused, matched;
    uint64_t send_ns, receive_ns; /* from the start, of sub from the first message, to the last */
    uint64_t sender_cpu_ns, receiver_cpu_ns;
    bool has_broker_cpu;
    uint64_t broker_cpu_ns;
    struct histogram latency;
};

/* Runs it. What goes wrong is told, and is in the result; what was measured stands all the same. */
void bench_run(const struct bench_plan *plan, struct session *session, struct progress *progress,
               struct bench_result *ret);
/* Prints the result, as the options want it. */
void bench_report(const struct ctl *ctl, const struct bench_plan *plan,
                  const struct bench_result *result);
