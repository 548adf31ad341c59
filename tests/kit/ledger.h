/*
 * Book-keeping of one stream: what was sent in sequence is delivered or announced, in its place.
 *
 * The publisher numbers its messages from 0 and makes their payloads with ledger_payload(). The receiver's side
 * hands every MESSAGE and GAP of the subscription to the ledger, which knows what has to come next, so it finds a
 * loss that was not announced, a gap in the wrong place or of the wrong size, and payloads that were cut or mixed up.
 */
#ifndef TESTS_KIT_LEDGER_H
#define TESTS_KIT_LEDGER_H

#include "tests/kit/wire.h"

#define LEDGER_MAX_REASON 16

struct ledger {
    uint64_t sid;
    uint64_t next; /* the number that has to come next: delivered + lost */
    uint64_t delivered;
    uint64_t lost;
    uint64_t lost_by[LEDGER_MAX_REASON];
    uint64_t n_gaps;
};

/** Writes the payload of message @p number, of any length from 1. */
void ledger_payload(void *payload, size_t len, uint64_t number);

/** Enters a frame of the reader if it concerns the ledger's sid; fails the test if it does not fit. */
void ledger_enter(struct ledger *ledger, const struct wire *wire, const struct wire_frame *frame);

/** Enters all frames up to a PONG with @p ref into each of @p n ledgers. */
void ledger_read_to_pong(struct ledger *ledgers, size_t n, struct wire *wire, uint64_t ref);

/** delivered + announced = sent. */
void ledger_expect(const struct ledger *ledger, uint64_t n_sent);

#endif
