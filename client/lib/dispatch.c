#include "client/lib/dispatch.h"

#include <string.h>
#include <time.h>

#include "client/lib/conn.h"
#include "client/lib/handle.h"
#include "client/lib/output.h"
#include "client/lib/text.h"

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

static void remember_sids(broker *b, const struct envelope *e)
{
    struct received *received = &b->received;
    struct piece sids = e->select.sids;
    uint64_t sid;

    received->n_sids = 0;
    while (received->n_sids < MAX_SIDS && envelope_next_sid(&sids, &sid))
        received->sids[received->n_sids++] = (uint32_t)sid;
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
    [OP_WELCOME] = tell_connected, [OP_OK] = answer_ok,
    [OP_ERROR] = answer_error,     [OP_REFUSED] = tell_refused,
    [OP_SELECT] = remember_sids,   [OP_CONFIRMED] = confirms_dispatch,
    [OP_PEER] = peers_learn,       [OP_GAP] = tell_gap,
    [OP_ENDED] = regs_dispatch_ended, [OP_END] = calls_dispatch_end,
    [OP_CANCEL] = cancel,
};

static inline void hand_to(broker *b, uint32_t sid)
{
    struct reg *reg = regs_find(&b->regs, sid);

    if (unlikely(!reg || reg->freed || reg->is_service))
        return;
    if (unlikely(reg->after > 0) && ++reg->n_taken > reg->after)
        return;
    b->n_callbacks++;
    reg->fn.message((broker_subscription *)reg, &b->received.message, reg->userdata);
}

static inline void hand_out(broker *b)
{
    struct received *received = &b->received;

    if (likely(received->n_sids == 1)) {
        hand_to(b, received->sids[0]);
        return;
    }
    for (uint32_t i = 0; i < received->n_sids && !b->freed; i++)
        hand_to(b, received->sids[i]);
}

/* A MESSAGE whose envelope is new: it becomes the one to compare with. */
static void dispatch_message(broker *b, const struct frame *frame)
{
    struct received *received = &b->received;
    size_t len = FRAME_AT_SUBJECT - FRAME_PREFIX + (frame->subject_len < 32 ? 1u : 2u) +
                 frame->subject_len;

    message_view(&received->message, frame, received->subject, b);
    received->envelope_len = SIZE_MAX;
    if (frame->fixed && frame->n_extra == 0) {
        memcpy(received->envelope, frame->headers - len, len);
        received->envelope_len = len;
    }
    hand_out(b);
}

void dispatch_parsed(broker *b, const struct parsed *parsed)
{
    if (!parsed->is_data) {
        if (controls[parsed->envelope.op])
            controls[parsed->envelope.op](b, &parsed->envelope);
    } else if (parsed->frame.op == OP_MESSAGE) {
        dispatch_message(b, &parsed->frame);
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
    for (uint32_t i = 0; i < b->received.n_sids; i++) {
        const struct reg *reg = regs_find(&b->regs, b->received.sids[i]);

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

/* The same envelope as before: only the payload is new. */
static inline bool is_like_last(const struct received *received, const uint8_t *frame, size_t size)
{
    return received->envelope_len <= size - FRAME_PREFIX &&
           memcmp(frame + FRAME_PREFIX, received->envelope, received->envelope_len) == 0;
}

static inline bool dispatch_like_last(broker *b, const uint8_t *frame, size_t size)
{
    struct broker_message *message = &b->received.message;
    size_t head = FRAME_PREFIX + b->received.envelope_len;

    if (unlikely(message->headers_len > size - head))
        return false;
    message->headers = frame + head;
    message->payload = message->headers + message->headers_len;
    message->payload_len = size - head - message->headers_len;
    hand_out(b);
    return true;
}

static bool dispatch_slowly(broker *b, const uint8_t *frame, size_t size, bool fresh)
{
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

/* false: nothing more can be dispatched. */
static inline bool dispatch_one(broker *b)
{
    struct block *block = b->in.first;
    const uint8_t *frame;
    size_t size;

    if (unlikely(!block || b->in.head == block->end))
        block = inbox_first(&b->in);
    if (unlikely(block != b->in.pinned))
        inbox_pin(&b->in);
    if (unlikely(!block))
        return false;
    size = block_frame(block, b->in.head);
    if (size == 0)
        return false;
    frame = block->bytes + b->in.head;
    if (likely(size != SIZE_MAX) && is_like_last(&b->received, frame, size) &&
        b->state != STATE_GREETING) {
        b->in.head += size;
        if (likely(dispatch_like_last(b, frame, size)))
            return true;
        b->in.head -= size;
    }
    return dispatch_slowly(b, frame, size, block->at + b->in.head >= b->in.scanned);
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

    b->hold++;
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
    b->hold--;
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
