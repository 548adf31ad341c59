#include "client/lib/stream.h"

#include <time.h>

#include "client/lib/dispatch.h"
#include "client/lib/fixed.h"
#include "client/lib/handle.h"
#include "client/lib/output.h"

enum {
    FEW_SIDS = 512, /* what messages meet of so many stays in the cache by itself */
    FETCH_AHEAD = 8,
};

/* ---- messages ---- */

/* One that does not take every message: it was freed, or ends after so many. */
static __attribute__((noinline)) void hand_if_taken(broker *b, struct reg *reg,
                                                    const broker_message *message)
{
    if (!reg || reg->freed || reg->is_service || ++reg->n_taken > reg->after)
        return;
    b->n_callbacks++;
    reg->fn.message((broker_subscription *)reg, message, reg->userdata);
}

static inline void hand_to(broker *b, uint32_t sid, const broker_message *message)
{
    const struct reg_slot *slot;

    if (unlikely(sid >= b->regs.n))
        return;
    slot = &b->regs.at[sid];
    if (unlikely(!slot->fn)) {
        hand_if_taken(b, slot->reg, message);
        return;
    }
    b->n_callbacks++;
    slot->fn((broker_subscription *)slot->reg, message, slot->userdata);
}

static __attribute__((noinline)) void hand_to_each(broker *b, const broker_message *message)
{
    const struct received_select *several = b->received.several;

    for (uint32_t i = 0; i < several->n_sids && !b->freed; i++)
        hand_to(b, several->sids[i], message);
}

static inline void hand_out(broker *b, const broker_message *message)
{
    uint32_t sid = b->received.sid;

    if (likely(sid > 0))
        hand_to(b, sid, message);
    else
        hand_to_each(b, message);
}

void stream_hand_out(broker *b, const broker_message *message)
{
    hand_out(b, message);
}

/* ---- frames that begin as one did before, or have their fixed form ---- */

/* With many subscriptions in turn each is a cache miss: those of the next
 * messages are begun now. It reads on where it stopped the last time. */
static __attribute__((noinline)) void fetch_ahead(broker *b)
{
    const struct block *block = b->in.first;
    uint64_t fetched = b->received.fetched;
    bool is_ahead = fetched > block->at + b->in.head && fetched <= block->at + block->end;
    size_t at = is_ahead ? (size_t)(fetched - block->at) : b->in.head;
    unsigned n = is_ahead ? 1 : FETCH_AHEAD;

    while (n > 0) {
        size_t size = block_frame(block, at);
        uint32_t sid;

        if (size - 1 >= SIZE_MAX - 1)
            break;
        sid = fixed_select(block->bytes + at, size);
        at += size;
        if (sid == 0 || sid >= b->regs.n)
            continue;
        __builtin_prefetch(&b->regs.at[sid]);
        n--;
    }
    b->received.fetched = block->at + at;
}

static inline void select_one(broker *b, uint32_t sid, size_t size)
{
    b->received.sid = sid;
    b->in.head += size;
    if (unlikely(b->regs.n > FEW_SIDS))
        fetch_ahead(b);
}

static bool select_several(broker *b, const uint8_t *frame, size_t size)
{
    if (!received_select(&b->received, frame, size))
        return false;
    b->in.head += size;
    return true;
}

/* A MESSAGE, perhaps; false: it was not dispatched. */
static __attribute__((noinline)) bool take_message(broker *b, const uint8_t *frame, size_t size)
{
    struct received_envelope *place = received_find(&b->received, frame, size);

    if (!place)
        return false;
    b->in.head += size;
    hand_out(b, received_view(&b->received, place, frame, size - FRAME_PREFIX));
    return true;
}

/* Another one; false: as above. */
static __attribute__((noinline)) bool take_known(broker *b, const uint8_t *frame, size_t size)
{
    switch (frame[FIXED_AT_OP]) {
    case OP_SELECT:
        return select_several(b, frame, size);
    case OP_REPLY:
        return calls_take_reply(b, frame, size);
    case OP_REQUEST:
        return requests_take(b, frame, size);
    default:
        return false;
    }
}

static __attribute__((noinline)) bool dispatch_slowly(broker *b, const uint8_t *frame, size_t size)
{
    bool fresh = b->in.first->at + b->in.head >= b->in.scanned;
    struct parsed parsed;

    if (!fresh)
        scan_again(frame, size, &parsed);
    else if (!scan_frame(b, frame, size, &parsed))
        return false;
    b->in.head += size;
    if (!parsed.done)
        dispatch_parsed(b, &parsed);
    return true;
}

/* ---- the stream ---- */

/* The block of the head, held in its place; NULL if there is none. */
static __attribute__((noinline)) struct block *next_block(broker *b)
{
    struct block *block = inbox_first(&b->in);

    if (block != b->in.pinned)
        inbox_pin(&b->in);
    return block;
}

/* A frame that does not begin as expected. */
static inline bool dispatch_other(broker *b, const uint8_t *frame, size_t size)
{
    uint32_t sid = fixed_select(frame, size);

    /* While a broker is greeted nothing of all this is good. */
    if (unlikely(b->state == STATE_GREETING))
        return dispatch_slowly(b, frame, size);
    if (sid > 0) {
        select_one(b, sid, size);
        return true;
    }
    if (size > FIXED_AT_OP && (frame[FIXED_AT_OP] == OP_MESSAGE ? take_message(b, frame, size)
                                                                : take_known(b, frame, size)))
        return true;
    return dispatch_slowly(b, frame, size);
}

/* false: nothing more can be dispatched. */
static inline bool dispatch_one(broker *b)
{
    struct received_envelope *expected = b->received.last->next;
    struct block *block = b->in.first;
    const uint8_t *frame;
    size_t size;

    if (unlikely(!block || b->in.head == block->end || block != b->in.pinned) &&
        !(block = next_block(b)))
        return false;
    size = block_frame(block, b->in.head);
    frame = block->bytes + b->in.head;
    if (unlikely(size - 1 >= SIZE_MAX - 1))
        return size != 0 && dispatch_slowly(b, frame, size);
    if (unlikely(!received_is(expected, frame, size - FRAME_PREFIX)))
        return dispatch_other(b, frame, size);
    b->in.head += size;
    hand_out(b, received_view(&b->received, expected, frame, size - FRAME_PREFIX));
    return true;
}

/* What callbacks send gathers, but is not kept back for longer than a tick of
 * the coarse clock, a few milliseconds, when they take their time. */
static void send_if_late(broker *b, long *since)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    if (*since != now.tv_nsec && *since >= 0 && b->cork == 0) {
        output_send(b, NULL);
        now.tv_nsec = -1;
    }
    *since = now.tv_nsec;
}

void stream_dispatch(broker *b)
{
    long since = -1;

    handle_hold(b);
    while (!b->halt) {
        if (unlikely(b->losses) && loss_is_due(b)) {
            loss_tell(b);
            continue;
        }
        if (!dispatch_one(b))
            break;
        if (outbox_pending(&b->out) > 0 && !b->freed)
            send_if_late(b, &since);
    }
    handle_unhold(b);
    inbox_unpin(&b->in);
}

bool stream_is_due(const broker *b)
{
    const struct block *block = b->in.first;
    size_t head = b->in.head;

    if (b->losses && loss_is_due(b))
        return true;
    if (block && head == block->end && block->next) {
        block = block->next;
        head = 0;
    }
    return block && block_frame(block, head) != 0;
}
