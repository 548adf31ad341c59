/* Posting: a MESSAGE, a REQUEST or a REPLY on its way to the broker.
 *
 * Small payloads are copied into the outbox; from POST_BIG on they go from the
 * caller's memory to the kernel, and only a rest that the kernel does not take
 * in time is copied.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <brokerclient.h>

#include "proto/frame.h"

enum { POST_BIG = 32 << 10 };

enum post_mode {
    POST_OUT,   /* is with the kernel when it returns, unless frames gather */
    POST_QUEUE, /* may wait in the outbox, up to its limit */
};

/* Waits for room, reading meanwhile. 0; -BROKER_E_TIMEOUT or
 * -BROKER_E_INBOX_FULL (nothing of it was or will be sent),
 * -BROKER_E_NOT_CONNECTED, -BROKER_E_TOO_LARGE, -BROKER_E_NO_MEMORY,
 * -BROKER_E_INVALID (headers without the map's first byte). */
int post_frame(broker *b, const struct frame *frame, enum post_mode mode, int timeout_ms);

/* Says what is wrong with a subject, which may be NULL: -BROKER_E_BAD_SUBJECT. */
int post_bad_subject(broker *b, const char *subject);

/* The word's flags for those of the public header. */
static inline uint32_t post_word(unsigned flags)
{
    return (flags & BROKER_MSGPACK ? WORD_MSGPACK : 0) | (flags & BROKER_MORE ? WORD_MORE : 0);
}

/* Whether headers may begin so: with a map. */
static inline bool post_is_map(uint8_t first)
{
    return (first & 0xf0) == 0x80 || first == 0xde || first == 0xdf;
}
