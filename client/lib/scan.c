#include "client/lib/scan.h"

#include "client/lib/conn.h"
#include "client/lib/dispatch.h"
#include "client/lib/farewell.h"
#include "client/lib/handle.h"
#include "client/lib/text.h"

/* false: the frame breaks the wire, or answers what was never asked. */
typedef bool (*scan_fn)(broker *b, const struct envelope *e, bool *ret_done);

static bool scan_welcome(broker *b, const struct envelope *e, bool *ret_done)
{
    (void)ret_done;
    return b->state == STATE_GREETING && greet_welcome(b, e);
}

static bool scan_goodbye(broker *b, const struct envelope *e, bool *ret_done)
{
    char text[TEXT_MAX];
    int status = e->goodbye.status > 0 && e->goodbye.status <= UINT16_MAX
                     ? (int)e->goodbye.status
                     : BROKER_E_VANISHED;

    (void)ret_done;
    text_copy(text, &e->goodbye.sentence, status);
    conn_lost(b, status, "%s", text);
    return true;
}

static bool scan_pong(broker *b, const struct envelope *e, bool *ret_done)
{
    *ret_done = true;
    return pings_scan(b, e->ref);
}

static bool scan_ok(broker *b, const struct envelope *e, bool *ret_done)
{
    (void)ret_done;
    return regs_scan_answer(b, e->ref, 0);
}

static bool scan_error(broker *b, const struct envelope *e, bool *ret_done)
{
    if (e->error.status == 0 || e->error.status > UINT16_MAX)
        return false;
    switch (e->error.op) {
    case OP_SUB:
    case OP_UNSUB:
    case OP_SERVE:
    case OP_UNSERVE:
        return regs_scan_answer(b, e->error.ref, e->error.status);
    case OP_REQUEST:
        *ret_done = calls_scan_end(b, e->error.ref, e->error.status);
        return true;
    default:
        /* A REPLY or CANCEL that crossed the end of its request. */
        *ret_done = true;
        return true;
    }
}

static bool scan_refused(broker *b, const struct envelope *e, bool *ret_done)
{
    (void)ret_done;
    return e->refused.first > 0 && e->refused.first <= e->refused.last &&
           e->refused.last <= b->n_published - b->base + b->posting && e->refused.status > 0 &&
           e->refused.status <= UINT16_MAX;
}

static bool scan_confirmed(broker *b, const struct envelope *e, bool *ret_done)
{
    return confirms_scan(b, e, ret_done);
}

static bool scan_select(broker *b, const struct envelope *e, bool *ret_done)
{
    struct piece sids = e->select.sids;
    uint64_t sid;

    (void)b;
    (void)ret_done;
    while (envelope_next_sid(&sids, &sid)) {
        if (sid == 0 || sid > MAX_SID)
            return false;
    }
    return e->select.n > 0 && e->select.n <= MAX_SIDS;
}

static bool scan_peer(broker *b, const struct envelope *e, bool *ret_done)
{
    (void)b;
    (void)ret_done;
    return peers_valid(e);
}

static bool scan_gap(broker *b, const struct envelope *e, bool *ret_done)
{
    (void)b;
    (void)ret_done;
    return e->gap.reason <= UINT16_MAX;
}

static bool scan_ended(broker *b, const struct envelope *e, bool *ret_done)
{
    (void)ret_done;
    return regs_scan_ended(b, e);
}

static bool scan_end(broker *b, const struct envelope *e, bool *ret_done)
{
    if (e->end.status > UINT16_MAX)
        return false;
    *ret_done = calls_scan_end(b, e->end.token, e->end.status);
    return true;
}

static bool scan_cancel(broker *b, const struct envelope *e, bool *ret_done)
{
    (void)b;
    (void)ret_done;
    return e->cancel.status <= UINT16_MAX;
}

static const scan_fn scans[] = {
    [OP_WELCOME] = scan_welcome, [OP_GOODBYE] = scan_goodbye,     [OP_PONG] = scan_pong,
    [OP_OK] = scan_ok,           [OP_ERROR] = scan_error,         [OP_REFUSED] = scan_refused,
    [OP_SELECT] = scan_select,   [OP_CONFIRMED] = scan_confirmed, [OP_PEER] = scan_peer,
    [OP_GAP] = scan_gap,         [OP_ENDED] = scan_ended,         [OP_END] = scan_end,
    [OP_CANCEL] = scan_cancel,
};

static bool is_data(int op)
{
    return op >= OP_MESSAGE && op <= OP_REPLY;
}

/* What breaks the wire: each says what and where, and ends the connection. Always false. */

/* What is no brokerd says so with its first frame. */
static bool scan_stranger(broker *b)
{
    farewell(b, BROKER_E_BAD_MAGIC, "%s: what answers is no brokerd", b->url);
    return false;
}

static bool scan_bad_length(broker *b, const uint8_t *frame)
{
    uint32_t len = load_be32(frame);

    if (b->state == STATE_GREETING)
        return scan_stranger(b);
    if (len == 0)
        farewell(b, BROKER_E_BAD_FRAME, "from the broker: a frame of no bytes");
    else
        farewell(b, BROKER_E_TOO_LARGE, "from the broker: a frame of %u bytes, the limit is %d",
                 len, MAX_FRAME);
    return false;
}

static bool scan_bad_opcode(broker *b, int op)
{
    if (b->state == STATE_GREETING)
        return scan_stranger(b);
    if (op < 0)
        farewell(b, BROKER_E_BAD_FRAME, "from the broker: a frame that begins with no opcode");
    else if (op == OP_WELCOME)
        farewell(b, BROKER_E_BAD_OPCODE, "from the broker: a second WELCOME");
    else
        farewell(b, BROKER_E_BAD_OPCODE, "from the broker: opcode 0x%02x", (unsigned)op);
    return false;
}

/* Read again, for the place. */
static bool scan_bad_frame(broker *b, const uint8_t *frame, size_t size, int op)
{
    union {
        struct frame frame;
        struct envelope envelope;
    } ignored;
    size_t at = 0, len = size - FRAME_PREFIX;
    const char *name = opcode_name((uint8_t)op);

    if (op == OP_WELCOME && b->state != STATE_GREETING)
        return scan_bad_opcode(b, op);
    bool well = is_data(op) ? frame_read(&ignored.frame, frame + FRAME_PREFIX, len, &at)
                            : envelope_read(&ignored.envelope, frame + FRAME_PREFIX, len, &at);

    if (well)
        farewell(b, BROKER_E_BAD_FRAME, "from the broker: a %s that no broker may send", name);
    else
        farewell(b, BROKER_E_BAD_FRAME,
                 "from the broker: byte %zu of a %s frame breaks the wire format", at, name);
    return false;
}

static bool scan_data(broker *b, const uint8_t *frame, size_t size, int op, struct parsed *ret)
{
    if (!message_read(&ret->frame, frame, size))
        return scan_bad_frame(b, frame, size, op);
    ret->is_data = true;
    ret->done = op == OP_REPLY && calls_scan_reply(b, &ret->frame);
    return true;
}

static bool scan_control(broker *b, const uint8_t *frame, size_t size, int op,
                         struct parsed *ret)
{
    if (!envelope_read(&ret->envelope, frame + FRAME_PREFIX, size - FRAME_PREFIX, NULL) ||
        !scans[op](b, &ret->envelope, &ret->done))
        return b->fd >= 0 ? scan_bad_frame(b, frame, size, op) : false;
    return b->fd >= 0;
}

bool scan_frame(broker *b, const uint8_t *frame, size_t size, struct parsed *ret)
{
    int op;

    ret->is_data = ret->done = false;
    ret->bytes = frame;
    ret->size = size;
    if (size == SIZE_MAX)
        return scan_bad_length(b, frame);
    op = envelope_opcode(frame + FRAME_PREFIX, size - FRAME_PREFIX);
    if (op < 0 || (b->state == STATE_GREETING && op != OP_WELCOME && op != OP_GOODBYE))
        return scan_bad_opcode(b, op);
    if (opcode_skippable((uint8_t)op)) {
        ret->done = true;
        return true;
    }
    if (!(opcode_from((uint8_t)op) & FROM_B))
        return scan_bad_opcode(b, op);
    return is_data(op) ? scan_data(b, frame, size, op, ret)
                       : scan_control(b, frame, size, op, ret);
}

void scan_again(const uint8_t *frame, size_t size, struct parsed *ret)
{
    int op = envelope_opcode(frame + FRAME_PREFIX, size - FRAME_PREFIX);

    ret->is_data = is_data(op);
    ret->done = opcode_skippable((uint8_t)op);
    ret->bytes = frame;
    ret->size = size;
    if (ret->is_data)
        message_read(&ret->frame, frame, size);
    else if (!ret->done)
        envelope_read(&ret->envelope, frame + FRAME_PREFIX, size - FRAME_PREFIX, NULL);
}

/* Nothing before it is left, and nobody is to be told: it is done with here and
 * now, so that a program which only makes blocking calls never fills its inbox. */
static void dispatch_silently(broker *b, const struct parsed *parsed, size_t size)
{
    b->in.head += size;
    if (parsed->done)
        return;
    handle_enter(b);
    dispatch_parsed(b, parsed);
    handle_leave(b);
}

static bool is_silent(const broker *b, const struct parsed *parsed)
{
    if (b->losses)
        return false;
    return parsed->done || (b->depth == 0 && dispatch_is_silent(b, parsed));
}

static bool scan_one(broker *b, const uint8_t *frame, size_t size)
{
    struct inbox *in = &b->in;
    struct parsed parsed;
    uint64_t at = inbox_scanned(in);

    if (!scan_frame(b, frame, size, &parsed))
        return false;
    in->scanned = at + size;
    if (inbox_dispatched(in) == at && is_silent(b, &parsed))
        dispatch_silently(b, &parsed, size);
    return true;
}

/* What was held for a callback that is gone by now. */
static void drain_silent(broker *b)
{
    struct block *block;

    if (b->depth > 0)
        return;
    while (b->losses && loss_is_due(b) && loss_is_silent(b)) {
        handle_enter(b);
        loss_tell(b);
        handle_leave(b);
    }
    while (inbox_held(&b->in) > 0 && (block = inbox_first(&b->in)) != NULL) {
        size_t size = block_frame(block, b->in.head);
        struct parsed parsed;

        scan_again(block->bytes + b->in.head, size, &parsed);
        if (!is_silent(b, &parsed))
            return;
        dispatch_silently(b, &parsed, size);
    }
}

bool scan_all(broker *b)
{
    size_t at = 0;
    struct block *block;

    drain_silent(b);
    block = inbox_scan_block(&b->in, &at);
    while (block && b->fd >= 0) {
        size_t size;

        if (at == block->end && block->next) {
            block = block->next;
            at = 0;
            continue;
        }
        size = block_frame(block, at);
        if (size == 0)
            return true;
        if (!scan_one(b, block->bytes + at, size))
            return false;
        at += size;
    }
    return b->fd >= 0;
}
