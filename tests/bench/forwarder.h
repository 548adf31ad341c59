/*
 * The floor: a process that reads from one AF_UNIX connection and writes to the others, and looks at nothing.
 *
 * What comes from end 0 goes to all others, what comes from another goes to end 0. It reads up to 256 KiB at a
 * time and waits where the kernel takes no more, so nothing is lost. The roles of peer_forwarder send the
 * same frames through it as the client library sends, copied together by hand and batched in 64 KiB.
 */
#ifndef TESTS_BENCH_FORWARDER_H
#define TESTS_BENCH_FORWARDER_H

#include "tests/bench/peer.h"

#define FORWARDER_MAX_ENDS (PEER_MAX_SUBS + 1)

struct forwarder {
    int taps[FORWARDER_MAX_ENDS]; /* the forwarder's ends */
    int ends[FORWARDER_MAX_ENDS]; /* the roles' ends, for struct work */
    unsigned n;
};

/** Makes @p n pairs of sockets, with 1 MiB of SO_SNDBUF. Fails the test if it cannot. */
void forwarder_init(struct forwarder *forwarder, unsigned n);
/** Closes what is left of them. Idempotent. */
void forwarder_deinit(struct forwarder *forwarder);

/** The role that forwards; its work is the struct forwarder. It serves. */
void forwarder_run(struct role *role);

#endif
