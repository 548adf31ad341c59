/*
 * Wire cases at a broker: each on a connection of its own, beside a witness that must notice nothing.
 *
 * The witness serves "witness.held", for the state "asking", and asks "state.serve", for the state "serving"; it is
 * pinged after each case, and what it gets of the case is compared as well.
 */
#ifndef TESTS_LIVE_WIRE_BROKER_H
#define TESTS_LIVE_WIRE_BROKER_H

#include "tests/kit/peer.h"
#include "tests/live/wire_case.h"
#include "tests/live/wire_trace.h"

struct wire_broker {
    struct broker_proc *proc;
    struct peer witness;
    struct wire_trace theirs;
    int statm;      /* of the broker, open */
    int n_fds;      /* as they were when the first case began */
    int64_t memory; /* resident bytes, likewise */
    size_t n_runs;
};

/** Starts a broker and the witness. */
void wire_broker_begin(struct wire_broker *wb);
/** Stops the broker, which must end well. */
void wire_broker_end(struct wire_broker *wb);

/**
 * Sends a case, and reads all that comes to the end of the stream. What differs is told by wire_case_wrong(); a broker
 * that does not answer the witness, or has not all its descriptors and its memory back, fails the test.
 * @param split  as wire_send() has it
 */
void wire_broker_run(struct wire_broker *wb, const struct wire_case *c, size_t split);

/** Runs all of them at a broker of their own, judges, and closes them. */
void wire_broker_play(struct wire_cases *cases, enum wire_part part);
/** The same with each case once for each place where its bytes may be split, and once byte by byte. */
void wire_broker_play_split(struct wire_cases *cases);

/** The witness is answered: what was sent before was read, and nothing came of it. */
void wire_broker_ping(struct wire_broker *wb);
/** Resident bytes of the broker. */
int64_t wire_broker_memory(const struct wire_broker *wb);

#endif
