/* Opcodes: number, name, who sends it (B: the broker, C: a client, E: either).
 *
 * 0x40-0x5f are kept for streams; unknown ones in 0x60-0x7f are skipped, all
 * other unknown ones end the connection (PROTOCOL.md, "Versions").
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define OPCODE_MAP(X)                                                                              \
    X(0x01, HELLO, C)                                                                              \
    X(0x02, WELCOME, B)                                                                            \
    X(0x03, GOODBYE, E)                                                                            \
    X(0x04, PING, C)                                                                               \
    X(0x05, PONG, B)                                                                               \
    X(0x06, OK, B)                                                                                 \
    X(0x07, ERROR, B)                                                                              \
    X(0x08, REFUSED, B)                                                                            \
    X(0x09, CONFIRM, C)                                                                            \
    X(0x0a, CONFIRMED, B)                                                                          \
    X(0x10, SUB, C)                                                                                \
    X(0x11, UNSUB, C)                                                                              \
    X(0x12, SERVE, C)                                                                              \
    X(0x13, UNSERVE, C)                                                                            \
    X(0x18, SELECT, B)                                                                             \
    X(0x19, PEER, B)                                                                               \
    X(0x1a, GAP, B)                                                                                \
    X(0x1b, ENDED, B)                                                                              \
    X(0x20, MESSAGE, E)                                                                            \
    X(0x21, REQUEST, E)                                                                            \
    X(0x22, REPLY, E)                                                                              \
    X(0x23, END, B)                                                                                \
    X(0x24, CANCEL, E)

enum opcode {
#define OPCODE_ENUM(number, name, from) OP_##name = number,
    OPCODE_MAP(OPCODE_ENUM)
#undef OPCODE_ENUM
};

enum opcode_from { FROM_C = 1, FROM_B = 2, FROM_E = FROM_C | FROM_B };

/* "MESSAGE"; NULL if there is no such opcode. */
static inline const char *opcode_name(uint8_t opcode)
{
    switch (opcode) {
#define OPCODE_NAME(number, name, from) \
    case number:                        \
        return #name;
        OPCODE_MAP(OPCODE_NAME)
#undef OPCODE_NAME
    default:
        return NULL;
    }
}

/* FROM_C, FROM_B, FROM_E; 0 if there is no such opcode. */
static inline unsigned opcode_from(uint8_t opcode)
{
    switch (opcode) {
#define OPCODE_FROM(number, name, from) \
    case number:                        \
        return FROM_##from;
        OPCODE_MAP(OPCODE_FROM)
#undef OPCODE_FROM
    default:
        return 0;
    }
}

/* Kept for what a later version may add and an earlier one may ignore. */
static inline bool opcode_skippable(uint8_t opcode)
{
    return opcode >= 0x60 && opcode <= 0x7f;
}

/* How a subscription's queue behaves when it is full. */
#define POLICY_MAP(X)                                                                              \
    X(0, WAIT, "wait")                                                                             \
    X(1, DROP_OLD, "drop-old")                                                                     \
    X(2, DROP_NEW, "drop-new")                                                                     \
    X(3, LATEST, "latest")                                                                         \
    X(4, DISCONNECT, "disconnect")

enum policy {
#define POLICY_ENUM(number, name, text) POLICY_##name = number,
    POLICY_MAP(POLICY_ENUM)
#undef POLICY_ENUM
};

/* Why messages of a subscription were not delivered. */
#define GAP_MAP(X)                                                                                 \
    X(1, DROPPED_OLD, "dropped-old")   /* policy drop-old: the queue was full */                   \
    X(2, DROPPED_NEW, "dropped-new")   /* policy drop-new: the queue was full */                   \
    X(3, REPLACED, "replaced")         /* policy latest: a newer one took its place */             \
    X(4, STALLED, "stalled")           /* policy wait, but the consumer took nothing */            \
    X(5, NOT_HELD, "not-held")         /* policy wait, but the publisher could not be held */      \
    X(6, CONNECTION_FULL, "connection-full") /* the connection's own limit */                      \
    X(7, TOO_MANY, "too-many")         /* more sids than one SELECT may name */

enum gap {
#define GAP_ENUM(number, name, text) GAP_##name = number,
    GAP_MAP(GAP_ENUM)
#undef GAP_ENUM
};

/* "drop-old"; "unknown" for a number that is not in the table. */
const char *policy_text(uint32_t policy);
const char *gap_text(uint32_t gap);
