/* What was received before: the last envelopes of messages and the last SELECTs
 * of several, as bytes, whole, beside what they say.
 *
 * Most frames begin with the bytes of one of the last few: then nothing has to
 * be parsed. Streams come in turn as a rule, so each place remembers which one
 * came after it, and that one is compared first. A SELECT of one is read each
 * time, which is as quick. Driven by stream.c and dispatch.c; a connection's end
 * forgets all.
 *
 * Nothing here points to a registration. A sid is looked up when a message is
 * handed out, so there is nothing to go stale when one is released in a
 * callback, or its sid used again.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "client/lib/key.h"
#include "client/lib/message.h"
#include "proto/envelope.h"
#include "proto/frame.h"
#include "proto/limits.h"

enum {
    RECEIVED_PLACES = TAGS,
    /* Of 64 sids in their shortest forms; other encodings are not kept. */
    RECEIVED_SELECT = FRAME_PREFIX + 4 + 5 * MAX_SIDS,
};

struct received_envelope {
    struct received_envelope *next; /* came after it, the last time */
    size_t len;                     /* of the envelope */
    size_t need;                    /* of envelope and headers; SIZE_MAX: it is like no other */
    struct broker_message message;
    uint8_t bytes[FRAME_MAX_HEAD]; /* the envelope, and a NUL behind its subject, its end */
};

struct received_select {
    struct received_select *next;
    size_t size; /* of the frame, its prefix included; 0: it is like no other */
    uint32_t n_sids;
    uint32_t sids[MAX_SIDS];
    uint8_t bytes[RECEIVED_SELECT];
};

struct received {
    struct received_envelope *last;
    uint32_t sid; /* whom messages are for now; 0: several, or at first nobody */
    unsigned oldest_envelope, oldest_select;
    uint64_t fetched; /* up to where SELECTs were looked at ahead of their turn */
    struct received_select *several; /* them, if sid is 0 */
    uint8_t tags[RECEIVED_PLACES];   /* of the envelopes */
    struct received_envelope envelopes[RECEIVED_PLACES];
    struct received_select selects[RECEIVED_PLACES];
};

void received_init(struct received *received, const broker *b);

/* Whether a frame of `len` bytes behind its prefix has this envelope. */
static inline bool received_is(const struct received_envelope *place, const uint8_t *frame,
                               size_t len)
{
    return place->need <= len && memcmp(frame + FRAME_PREFIX, place->bytes, place->len) == 0;
}

/* Whether a frame, its prefix included, is this SELECT. */
static inline bool received_is_select(const struct received_select *place, const uint8_t *frame,
                                      size_t size)
{
    return place->size == size && memcmp(frame, place->bytes, size) == 0;
}

/* The message of a frame that has this envelope. It is the last one then. */
static inline struct broker_message *received_view(struct received *received,
                                                   struct received_envelope *place,
                                                   const uint8_t *frame, size_t len)
{
    struct broker_message *message = &place->message;

    message->headers = frame + FRAME_PREFIX + place->len;
    message->payload = frame + FRAME_PREFIX + place->need;
    message->payload_len = len - place->need;
    received->last = place;
    return message;
}

/* The place of a MESSAGE whose envelope is not the expected one: found, or the
 * oldest, which is this envelope's from now on. The frame is whole and may be
 * any; NULL if it is no MESSAGE that is good, or in an uncommon form. */
struct received_envelope *received_find(struct received *received, const uint8_t *frame,
                                        size_t size);
/* Whether a SELECT of several that is not the expected one has a place. It is the
 * one selected then. */
bool received_select(struct received *received, const uint8_t *frame, size_t size);

/* A MESSAGE that was parsed, for its views. Takes the oldest place, and can not
 * be found there. */
struct broker_message *received_parsed(struct received *received, const struct frame *parsed);
/* A SELECT that was parsed is the one selected; of several it is kept. */
void received_keep_select(struct received *received, const struct envelope *select,
                          const uint8_t *frame, size_t size);

/* The sids that messages are for now; how many in *ret_n. */
static inline const uint32_t *received_sids(const struct received *received, uint32_t *ret_n)
{
    *ret_n = received->sid > 0 ? 1 : received->several->n_sids;
    return received->sid > 0 ? &received->sid : received->several->sids;
}
