/*
 * Wire cases at the client library: a broker of our own making feeds the bytes of each to a handle of a process of its
 * own, over a socket, and compares what the callbacks there have written down (tests/live/wire_library.h).
 *
 * That process has a second handle, the witness, which must notice nothing: it has to get its PONG after each case.
 */
#ifndef TESTS_LIVE_WIRE_CLIENT_H
#define TESTS_LIVE_WIRE_CLIENT_H

#include <sys/types.h>

#include "tests/kit/peer.h"
#include "tests/live/wire_case.h"

struct wire_client {
    pid_t pid; /* of the library's process */
    int control; /* a datagram out says in what state to meet the next case, those that come are reports */
    int listener;
    char path[108];
    struct peer witness; /* our end of its connection */
    int n_fds;           /* of that process, after the first case */
    size_t memory;       /* bytes that it had allocated then */
    int64_t peak;        /* its largest resident size then */
    size_t n_runs;
};

/** Starts the process. */
void wire_client_begin(struct wire_client *wc);
/** Ends it, in good order. */
void wire_client_end(struct wire_client *wc);
/**
 * Runs a case. What differs is told by wire_case_wrong(); a process that dies, hangs, or has not all its descriptors
 * and its memory back, fails the test.
 * @param split  as wire_send() has it
 */
void wire_client_run(struct wire_client *wc, const struct wire_case *c, size_t split);

/** Runs all of them in a process of their own, judges, and closes them. */
void wire_client_play(struct wire_cases *cases, enum wire_part part);
/** The same with each case once for each place where its bytes may be split, and once byte by byte. */
void wire_client_play_split(struct wire_cases *cases);

#endif
