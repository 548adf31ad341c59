/* Every limit of the wire and of the broker, with its origin.
 * WELCOME states those a client must know.
 */
#pragma once

#include <stdint.h>

enum {
    PROTO_VERSION = 1,

    /* The wire (PROTOCOL.md, "Limits"). */
    MAX_ENVELOPE = 1024,
    MAX_HEADERS = 65535,              /* 16 bits of the word */
    MAX_PAYLOAD = 16 << 20,
    MAX_HELLO = 4096,                 /* its frame, length prefix included */
    MAX_FRAME = MAX_ENVELOPE + MAX_HEADERS + MAX_PAYLOAD, /* after the prefix */
    FRAME_PREFIX = 4,

    /* Subjects. */
    MAX_SUBJECT = 255,                /* one byte of length in msgpack's str8 */
    MAX_TOKENS = 16,                  /* bounds a walk of the subject index */
    MAX_GROUP = 64,                   /* queue group name, one token */
    MAX_NAME = 64,                    /* a client's name for itself */
    MAX_SENTENCE = 400,               /* leaves an envelope room for the rest */

    /* Nesting that the cursor follows before it refuses; envelopes need 2,
     * the $SYS bodies 6, payloads of applications what JSON parsers allow. */
    MAX_DEPTH = 64,

    MAX_SIDS = 64,                    /* sids one SELECT names */
    MAX_OVERLAP = 128,                /* of one connection that one subject may match: beyond 64 it
                                       * is told of each message that it was not delivered */
    MAX_SID = (1 << 24) - 1,
    PEER_CACHE = 256,                 /* credentials both ends remember */

    /* Queues (PROTOCOL.md, "Subscriptions"). */
    SUB_QUEUE_BYTES = 8 << 20,
    SUB_QUEUE_MESSAGES = 65536,
    CONN_QUEUE_BYTES = 32 << 20,
    CONTROL_RESERVE = 64 << 10,

    /* Calls. */
    MAX_TIMEOUT_MS = 3600 * 1000,
    MAX_OPEN_CALLS = 1 << 20,         /* 20 bits of the token */
    SERVE_OPEN_DEFAULT = 1024,        /* requests a server takes at a time */

    /* Time. */
    HELLO_TIMEOUT_MS = 5000,
    HOLD_PATIENCE_MS = 1000,          /* a waiting consumer must take something */
    HOLD_PENALTY_MS = 10000,          /* else it is treated as drop-old so long */
    DRAIN_LIMIT_MS = 5000,            /* flushing the queues at the end */
    LINGER_LIMIT_MS = 1000,           /* draining a peer that was refused */
    LINGER_LIMIT_BYTES = 1 << 20,
};

/* Connection ids and message numbers stay exact in a double. */
#define MAX_ID ((UINT64_C(1) << 53) - 1)
