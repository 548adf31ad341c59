/* What each message of a bench begins with, and the tally of those that came.
 *
 * The 16 bytes are in the machine's own order: both ends run on it, and one
 * clock, CLOCK_MONOTONIC, stamps them and reads the stamps.
 *
 * A publisher numbers its messages from 0 and sends an END behind the last. So a
 * tally knows what is missing without being told, and may be held against what
 * the broker announced as lost. Pure; a tally that is all zero is an empty one.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    MARK_SIZE = 16,
    MARK_PUBLISHERS = 256, /* of one run */
};

enum mark_kind {
    MARK_PLAIN = 0xb0,
    MARK_TIMED = 0xb1, /* one whose latency is to be measured */
    MARK_END = 0xb2,   /* no message: its publisher has sent all */
};

struct mark {
    uint64_t at_ns;  /* TIMED: when it was to be sent; END: how many publishers there are */
    uint32_t number; /* of its publisher, the low 32 bits; END: how many it sent */
    uint16_t run;    /* tells the messages of one command from those of another */
    uint8_t publisher;
    uint8_t kind;
};

_Static_assert(sizeof(struct mark) == MARK_SIZE, "a mark has no holes");

struct tally {
    bool from_start; /* all messages from number 0 on should come; else from the first one on */
    bool has_run;
    uint16_t run; /* the first one that was seen */
    unsigned n_ended;
    uint64_t n_wanted; /* publishers, as an END said; 0: not known yet */
    uint64_t received;
    uint64_t missing;   /* numbers that were left out */
    uint64_t misplaced; /* numbers that came again, or behind a later one */
    uint64_t foreign;   /* what is no message of this run */
    struct {
        uint32_t next;
        bool seen;
        bool ended;
    } publishers[MARK_PUBLISHERS];
};

/* Takes a payload, and its mark. false: it is foreign, and *ret undefined. */
bool tally_take(struct tally *tally, const void *payload, size_t len, struct mark *ret);
/* Every publisher of the run has sent its END. */
bool tally_ended(const struct tally *tally);
