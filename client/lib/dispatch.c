#include "client/lib/dispatch.h"

#include "client/lib/handle.h"
#include "client/lib/stream.h"
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

static void dispatch_message(broker *b, const struct parsed *parsed)
{
    struct received *received = &b->received;
    size_t len = parsed->size - FRAME_PREFIX;
    struct received_envelope *place = received_find(received, parsed->bytes, parsed->size);

    if (place)
        stream_hand_out(b, received_view(received, place, parsed->bytes, len));
    else
        stream_hand_out(b, received_parsed(received, &parsed->frame));
}

static void dispatch_select(broker *b, const struct parsed *parsed)
{
    if (!received_select(&b->received, parsed->bytes, parsed->size))
        received_keep_select(&b->received, &parsed->envelope, parsed->bytes, parsed->size);
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
    uint32_t n;
    const uint32_t *sids = received_sids(&b->received, &n);

    for (uint32_t i = 0; i < n; i++) {
        const struct reg *reg = regs_find(&b->regs, sids[i]);

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
