/* What an actor makes of the frames that it gets. */
#include "tests/fault/actor.h"

#include <string.h>

#include "proto/cursor.h"
#include "proto/envelope.h"
#include "tests/fault/stage.h"
#include "tests/kit/runner.h"

#define FAIL(actor, ...) stage_fail((actor)->stage, __VA_ARGS__)

/* -- answers --------------------------------------------------------------------------------- */

static void answered(struct actor *actor, uint8_t asked, uint64_t ref, const char *by)
{
    if (!actor_end_open(actor, asked, ref))
        FAIL(actor, "%s got %s to %llu, which it did not ask, or was told already", actor->name, by,
             (unsigned long long)ref);
}

static void got_ok(struct actor *actor, uint64_t ref)
{
    struct tally *tally = actor_tally(actor, (uint32_t)ref);

    answered(actor, OP_SUB, ref, "OK");
    if (tally)
        tally->active = true;
}

static void got_error(struct actor *actor, const struct envelope *e)
{
    uint8_t op = (uint8_t)e->error.op;

    if (op == OP_REQUEST)
        answered(actor, OP_REQUEST, e->error.ref, "ERROR");
    else if (op != OP_REPLY && op != OP_CANCEL) /* those cross with the end of the request */
        answered(actor, OP_SUB, e->error.ref, "ERROR");
}

static void got_refused(struct actor *actor, uint64_t first, uint64_t last)
{
    if (first == 0 || last < first || last > actor->n_messages)
        FAIL(actor, "%s was refused messages %llu to %llu of %llu", actor->name,
             (unsigned long long)first, (unsigned long long)last,
             (unsigned long long)actor->n_messages);
    actor->n_refused += last - first + 1;
    for (uint64_t i = first; i <= last && i <= NUMBERS_MAX; i++) {
        unsigned stream = actor->published[i - 1] >> 16, number = actor->published[i - 1] & 0xffff;
        if (stream < STREAMS_MAX)
            actor->stage->streams[stream].refused[number] = true;
    }
}

static void got_end(struct actor *actor, const struct envelope *e)
{
    if (e->end.asked !=
        e->end.answered + e->end.refused + e->end.gone + e->end.timed_out + e->end.cancelled)
        FAIL(actor, "%s: the counts of an END do not add up: %llu asked", actor->name,
             (unsigned long long)e->end.asked);
    answered(actor, OP_REQUEST, e->end.token, "END");
}

/* -- calls ----------------------------------------------------------------------------------- */

static void got_request(struct actor *actor, uint64_t token)
{
    switch (actor->manner) {
    case ANSWERS_IN_PARTS:
        actor_reply(actor, token, 0, true);
        actor_reply(actor, token, 0, true);
        actor_reply(actor, token, 0, false);
        break;
    case ANSWERS:
        actor_reply(actor, token, 0, false);
        break;
    case ANSWERS_ERROR:
        actor_reply(actor, token, 7, false);
        break;
    case HANGS_UP:
        actor_close(actor);
        break;
    case IS_SILENT:
        break;
    }
}

static void got_reply(struct actor *actor, const struct frame *frame)
{
    for (size_t i = 0; i < actor->n_open; i++) {
        struct open *open = &actor->open[i];
        if (open->op != OP_REQUEST || open->ref != frame->token)
            continue;
        if (!open->survey && !(frame->word & WORD_MORE))
            actor_end_open(actor, OP_REQUEST, frame->token);
        return;
    }
    FAIL(actor, "%s got a REPLY to %llu, which is not open", actor->name,
         (unsigned long long)frame->token);
}

/* -- messages -------------------------------------------------------------------------------- */

static void got_select(struct actor *actor, const struct envelope *e)
{
    struct piece sids = e->select.sids;
    uint64_t sid;

    actor->n_selected = 0;
    while (actor->n_selected < SELECTED_MAX && envelope_next_sid(&sids, &sid))
        actor->selected[actor->n_selected++] = (uint32_t)sid;
}

static void enter(struct actor *actor, struct tally *tally, unsigned stream, uint32_t number)
{
    if ((int32_t)number <= tally->last[stream])
        FAIL(actor, "%s, subscription %u: message %u of stream %u came after %d", actor->name,
             tally->sid, number, stream, tally->last[stream]);
    tally->last[stream] = (int32_t)number;
    tally->n_delivered++;
}

static void got_message(struct actor *actor, const struct frame *frame)
{
    if (frame->payload_len < STREAM_HEAD || frame->id == 0)
        return; /* of no stream */
    uint32_t stream = load_be32(frame->payload), number = load_be32(frame->payload + 4);
    struct stream *from = &actor->stage->streams[stream % STREAMS_MAX];
    if (stream >= STREAMS_MAX || number >= from->n_sent ||
        (frame->payload_len > STREAM_HEAD &&
         frame->payload[frame->payload_len - 1] != (number & 127)))
        FAIL(actor, "%s got a message that nobody sent", actor->name);
    from->arrived[number] = true;
    for (size_t i = 0; i < actor->n_selected; i++) {
        struct tally *tally = actor_tally(actor, actor->selected[i]);
        if (tally)
            enter(actor, tally, stream, number);
    }
}

static void got_gap(struct actor *actor, const struct envelope *e)
{
    struct tally *tally = actor_tally(actor, (uint32_t)e->gap.sid);

    if (e->gap.count == 0)
        FAIL(actor, "%s got a gap of nothing", actor->name);
    if (tally)
        tally->n_lost += e->gap.count;
}

/* -- frames ---------------------------------------------------------------------------------- */

static void took_payload(struct actor *actor, const struct frame *frame)
{
    if (frame->op == OP_MESSAGE)
        got_message(actor, frame);
    else if (frame->op == OP_REQUEST)
        got_request(actor, frame->token);
    else
        got_reply(actor, frame);
}

static void took_control(struct actor *actor, const struct envelope *e)
{
    switch (e->op) {
    case OP_WELCOME:
        answered(actor, OP_HELLO, 0, "WELCOME");
        break;
    case OP_PONG:
        answered(actor, OP_PING, e->ref, "PONG");
        break;
    case OP_CONFIRMED:
        answered(actor, OP_CONFIRM, e->confirmed.ref, "CONFIRMED");
        break;
    case OP_OK:
        got_ok(actor, e->ref);
        break;
    case OP_ERROR:
        got_error(actor, e);
        break;
    case OP_REFUSED:
        got_refused(actor, e->refused.first, e->refused.last);
        break;
    case OP_END:
        got_end(actor, e);
        break;
    case OP_SELECT:
        got_select(actor, e);
        break;
    case OP_GAP:
        got_gap(actor, e);
        break;
    case OP_GOODBYE:
        actor->farewell = (int)e->goodbye.status;
        break;
    case OP_PEER:
    case OP_ENDED:
    case OP_CANCEL:
        break;
    default:
        FAIL(actor, "%s got opcode %d, which is no client's", actor->name, e->op);
    }
}

static void take_frame(struct actor *actor, const uint8_t *body, size_t len)
{
    int op = envelope_opcode(body, len);
    struct frame frame;
    struct envelope envelope;
    bool has_payload = op >= OP_MESSAGE && op <= OP_REPLY;

    if (op < 0 || op >= OPCODES_MAX ||
        !(has_payload ? frame_read(&frame, body, len, NULL)
                      : envelope_read(&envelope, body, len, NULL)))
        FAIL(actor, "%s got a frame that breaks the wire (opcode %d)", actor->name, op);
    if (actor->farewell >= 0)
        FAIL(actor, "%s got %s behind GOODBYE", actor->name, opcode_name((uint8_t)op));
    actor->n_of[op]++;
    if (has_payload)
        took_payload(actor, &frame);
    else
        took_control(actor, &envelope);
}

void actor_take(struct actor *actor)
{
    struct buffer *in = &actor->in;

    while (actor->fd >= 0 && in->len - in->at >= FRAME_PREFIX) {
        size_t len = load_be32(in->bytes + in->at);
        if (len > MAX_FRAME)
            FAIL(actor, "%s got a length of %zu", actor->name, len);
        if (in->len - in->at < FRAME_PREFIX + len)
            return;
        in->at += FRAME_PREFIX + len;
        take_frame(actor, in->bytes + in->at - len, len);
    }
}
