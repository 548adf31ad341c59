#include "client/lib/dispatch.h"

#include <string.h>
#include <time.h>

#include "client/lib/conn.h"
#include "client/lib/handle.h"
#include "client/lib/output.h"
#include "client/lib/text.h"
#include "proto/cursor.h"

static void tell_connected(broker *b, const struct envelope *e)
{
    struct broker_event event = { .kind = BROKER_EVENT_CONNECTED, .text = b->url };

    (void)e;
    event_tell(b, &event);
}

static void answer_ok(broker *b, const struct envelope *e)
{
    regs_dispatch_answer(b, e->ref, 0, NULL, NULL);
}

static void answer_error(broker *b, const struct envelope *e)
{
    char text[TEXT_MAX], buf[TEXT_MAX];
    const char *what = text_or_null(buf, &e->error.what);

    text_copy(text, &e->error.sentence, (int)e->error.status);
    if (e->error.op == OP_REQUEST)
        calls_dispatch_refused(b, e->error.ref, (int)e->error.status, text, what);
    else
        regs_dispatch_answer(b, e->error.ref, e->error.status, text, what);
}

static void tell_refused(broker *b, const struct envelope *e)
{
    char text[TEXT_MAX], what[TEXT_MAX];
    struct broker_event event = {
        .kind = BROKER_EVENT_REFUSED,
        .status = -(int)e->refused.status,
        .first = b->dispatch_base + e->refused.first,
        .last = b->dispatch_base + e->refused.last,
        .text = text,
        .what = text_or_null(what, &e->refused.what),
    };

    text_copy(text, &e->refused.sentence, (int)e->refused.status);
    event_tell(b, &event);
}

static void tell_gap(broker *b, const struct envelope *e)
{
    struct reg *reg = regs_find(&b->regs, e->gap.sid);
    struct broker_notice notice = {
        .kind = BROKER_NOTICE_GAP,
        .count = e->gap.count,
        .text = gap_text((uint32_t)e->gap.reason),
    };

    if (reg && !reg->freed)
        reg_notice(reg, &notice);
}

static void cancel(broker *b, const struct envelope *e)
{
    int status = e->cancel.status > 0 ? (int)e->cancel.status : BROKER_E_CANCELLED;

    requests_dispatch_cancel(b, e->cancel.token, status);
}

static void (*const controls[])(broker *b, const struct envelope *e) = {
    [OP_WELCOME] = tell_connected,
    [OP_OK] = answer_ok,
    [OP_ERROR] = answer_error,
    [OP_REFUSED] = tell_refused,
    [OP_CONFIRMED] = confirms_dispatch,
    [OP_PEER] = peers_learn,
    [OP_GAP] = tell_gap,
    [OP_ENDED] = regs_dispatch_ended,
    [OP_END] = calls_dispatch_end,
    [OP_CANCEL] = cancel,
};

/* One that does not take every message: it was freed, or ends after so many. */
static __attribute__((noinline)) bool takes_one_more(struct reg *reg)
{
    return !reg->freed && !reg->is_service && ++reg->n_taken <= reg->after;
}

static inline void hand_to(broker *b, uint32_t sid, const struct broker_message *message)
{
    struct reg *reg = regs_find(&b->regs, sid);

    if (unlikely(!reg) || (unlikely(!reg->takes_all) && !takes_one_more(reg)))
        return;
    b->n_callbacks++;
    reg->fn.message((broker_subscription *)reg, message, reg->userdata);
}

static __attribute__((noinline)) void hand_to_each(broker *b, const struct broker_message *message)
{
    const struct received_select *selected = b->received.selected;

    for (uint32_t i = 0; i < selected->n_sids && !b->freed; i++)
        hand_to(b, selected->sids[i], message);
}

static inline void hand_out(broker *b, const struct broker_message *message)
{
    const struct received_select *selected = b->received.selected;

    if (likely(selected->n_sids == 1))
        hand_to(b, selected->sids[0], message);
    else
        hand_to_each(b, message);
}

static void dispatch_message(broker *b, const struct parsed *parsed)
{
    struct received *received = &b->received;
    struct received_envelope *place = received_find(received, parsed->bytes, parsed->size);

    if (place)
        hand_out(b, received_view(received, place, parsed->bytes, parsed->size - FRAME_PREFIX));
    else
        hand_out(b, received_parsed(received, &parsed->frame));
}

/* With many subscriptions in turn each is a cache miss: that of the SELECT behind the next
 * message is begun now. */
static void fetch_ahead(const broker *b)
{
    const struct block *block = b->in.first;
    size_t at = b->in.head, size = block_frame(block, at);
    uint64_t sid;

    if (size == 0 || size == SIZE_MAX)
        return;
    at += size;
    size = block_frame(block, at);
    if (size <= FRAME_PREFIX + 2 || size == SIZE_MAX ||
        block->bytes[at + FRAME_PREFIX + 1] != OP_SELECT)
        return;
    struct cursor cursor = { block->bytes + at + FRAME_PREFIX + 2, block->bytes + at + size };
    if (cursor_uint(&cursor, &sid))
        __builtin_prefetch(regs_find(&b->regs, sid));
}

static void dispatch_select(broker *b, const struct parsed *parsed)
{
    if (received_select(&b->received, parsed->bytes, parsed->size))
        return;
    received_keep_select(&b->received, &parsed->envelope, parsed->bytes, parsed->size);
    fetch_ahead(b);
}

static void dispatch_control(broker *b, const struct parsed *parsed)
{
    if (parsed->envelope.op == OP_SELECT)
        dispatch_select(b, parsed);
    else if (controls[parsed->envelope.op])
        controls[parsed->envelope.op](b, &parsed->envelope);
}

void dispatch_parsed(broker *b, const struct parsed *parsed)
{
    if (!parsed->is_data) {
        dispatch_control(b, parsed);
    } else if (parsed->frame.op == OP_MESSAGE) {
        dispatch_message(b, parsed);
    } else if (parsed->frame.op == OP_REQUEST) {
        requests_dispatch(b, &parsed->frame);
    } else {
        calls_dispatch_reply(b, &parsed->frame);
    }
}

static bool is_deaf(const broker *b, uint64_t sid)
{
    const struct reg *reg = regs_find(&b->regs, sid);

    return !reg || reg->freed || !reg_hears_notices(reg);
}

static bool is_for_nobody(const broker *b)
{
    const struct received_select *selected = b->received.selected;

    for (uint32_t i = 0; i < selected->n_sids; i++) {
        const struct reg *reg = regs_find(&b->regs, selected->sids[i]);

        if (reg && !reg->freed)
            return false;
    }
    return true;
}

static bool is_silent_data(const broker *b, const struct frame *frame)
{
    switch (frame->op) {
    case OP_MESSAGE:
        return is_for_nobody(b);
    case OP_REPLY:
        return !calls_find(&b->calls, frame->token);
    default:
        return false;
    }
}

bool dispatch_is_silent(const broker *b, const struct parsed *parsed)
{
    const struct envelope *e = &parsed->envelope;

    if (parsed->is_data)
        return is_silent_data(b, &parsed->frame);
    switch (e->op) {
    case OP_WELCOME:
    case OP_REFUSED:
        return !b->event_fn;
    case OP_OK:
        return is_deaf(b, regs_sid_of(e->ref));
    case OP_ERROR:
        return e->error.op == OP_REQUEST ? !calls_find(&b->calls, e->error.ref)
                                         : is_deaf(b, regs_sid_of(e->error.ref));
    case OP_GAP:
        return is_deaf(b, e->gap.sid);
    case OP_ENDED:
        return is_deaf(b, e->ended.sid);
    case OP_END:
        return !calls_find(&b->calls, e->end.token);
    case OP_CONFIRMED:
        return !confirms_would_tell(b, b->epoch);
    case OP_CANCEL:
        return !requests_find(&b->requests, e->cancel.token);
    default: /* SELECT, PEER, PONG */
        return true;
    }
}

/* A frame that does not begin as expected; false: it was not dispatched. */
static __attribute__((noinline)) bool dispatch_other(broker *b, const uint8_t *frame, size_t size)
{
    struct received_envelope *place;

    if (frame[FRAME_PREFIX + 1] == OP_SELECT) {
        if (!received_select(&b->received, frame, size))
            return false;
        b->in.head += size;
        return true;
    }
    place = received_find(&b->received, frame, size);
    if (!place)
        return false;
    b->in.head += size;
    hand_out(b, received_view(&b->received, place, frame, size - FRAME_PREFIX));
    return true;
}

static __attribute__((noinline)) bool dispatch_slowly(broker *b, const uint8_t *frame, size_t size)
{
    bool fresh = b->in.first->at + b->in.head >= b->in.scanned;
    struct parsed parsed;

    /* While a broker is greeted no message is good. */
    if (size != SIZE_MAX && size > FRAME_PREFIX + 1 && !(b->state == STATE_GREETING && fresh) &&
        dispatch_other(b, frame, size))
        return true;
    if (!fresh)
        scan_again(frame, size, &parsed);
    else if (!scan_frame(b, frame, size, &parsed))
        return false;
    b->in.head += size;
    if (!parsed.done)
        dispatch_parsed(b, &parsed);
    return true;
}

/* The block of the head, held in its place; NULL if there is none. */
static __attribute__((noinline)) struct block *next_block(broker *b)
{
    struct block *block = inbox_first(&b->in);

    if (block != b->in.pinned)
        inbox_pin(&b->in);
    return block;
}

/* false: nothing more can be dispatched. */
static inline bool dispatch_one(broker *b)
{
    struct received_envelope *expected = b->received.last->next;
    struct received_select *select;
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
    if (unlikely(!received_is(expected, frame, size - FRAME_PREFIX))) {
        select = b->received.selected->next;
        if (!received_is_select(select, frame, size))
            return dispatch_slowly(b, frame, size);
        b->received.selected = select;
        b->in.head += size;
        return true;
    }
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

void dispatch_all(broker *b)
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

bool dispatch_is_due(const broker *b)
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
