/*
 * The work that is measured, once over a broker by the client library, once over the do-nothing forwarder.
 *
 * Both sides are the same roles for a crew: a publisher sends numbered messages as fast as it can for a while,
 * then a message with the end number; receivers check that no number is missing or out of its place; a
 * requester has one request open at a time, and a server answers with the request's payload.
 */
#ifndef TESTS_BENCH_PEER_H
#define TESTS_BENCH_PEER_H

#include <stddef.h>
#include <stdint.h>

#include "tests/bench/crew.h"

#define PEER_END      UINT64_MAX /* the number of the message behind the last */
#define PEER_MIN_SIZE 8          /* the payload begins with the number */
#define PEER_MAX_SIZE 65536
#define PEER_BURST    64 /* messages between two looks at the clock */
#define PEER_MAX_SUBS 64

#define PEER_SUBJECT "orders.eu.created"
#define PEER_SECOND  "orders.us.created"
#define PEER_BOTH    "orders.*.created"
#define PEER_SERVICE "svc.echo"

/* Subjects that a publisher uses in turn, and how a receiver subscribes to them. */
enum subjects { ONE_SUBJECT, TWO_BY_ONE_PATTERN, TWO_SUBSCRIPTIONS };

struct work {
    size_t size; /* of a payload */
    int64_t run_ns;
    enum subjects subjects;
    unsigned n_subs;      /* receiving connections */
    unsigned n_sub_roles; /* shared by so many processes */
    const char *url;      /* of the broker */
    const int *ends; /* of the forwarder: [0] the publisher's or requester's, then the others' */
};

struct peer {
    const char *name;
    void (*publish)(struct role *role);
    void (*receive)(struct role *role);
    void (*request)(struct role *role);
    void (*serve)(struct role *role);
};

extern const struct peer peer_brokerd;
extern const struct peer peer_forwarder;

/* The connections of one receiving role: from `first` on, `n` of them. */
struct share {
    unsigned first;
    unsigned n;
};
struct share share_of(const struct work *work, unsigned part);

/* The order of what one connection receives. */
struct sequence {
    uint64_t next;
    uint64_t n_wrong;
    int ended;
};
/** Takes the message whose payload is @p payload; true if it is the end. */
int sequence_take(struct sequence *sequence, const void *payload);
/** Adds what one connection has received to the role's report. */
void sequence_report(const struct sequence *sequence, struct report *report);

#endif
