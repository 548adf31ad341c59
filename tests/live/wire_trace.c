#include "tests/live/wire_trace.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

uint32_t wire_digest_more(uint32_t digest, const uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++)
        digest = (digest ^ bytes[i]) * UINT32_C(0x01000193);
    return digest;
}

size_t wire_escape(char *to, size_t room, const void *text, size_t len)
{
    const uint8_t *p = text;
    size_t at = 0;

    to[0] = '\0';
    for (size_t i = 0; i < len && at + 4 < room; i++) {
        bool plain = p[i] > 0x20 && p[i] < 0x7f && p[i] != '%';
        at += (size_t)snprintf(to + at, room - at, plain ? "%c" : "%%%02x", p[i]);
    }
    return at;
}

static void item(struct wire_trace *trace, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void item(struct wire_trace *trace, const char *format, ...)
{
    size_t room = sizeof trace->text - trace->len;
    va_list args;

    if (trace->len > 0)
        trace->len += (size_t)snprintf(trace->text + trace->len, room, "; ");
    room = sizeof trace->text - trace->len;
    va_start(args, format);
    int n = vsnprintf(trace->text + trace->len, room, format, args);
    va_end(args);
    if ((size_t)n + 16 > room)
        fail_msg("more came than a trace holds: %s", trace->text);
    trace->len += (size_t)n;
}

static const char *name_of(uint64_t status)
{
    const char *name = status <= UINT32_MAX ? status_name((uint32_t)status) : NULL;

    return name ? name : "?";
}

static const char *sender(const struct wire_trace *trace, uint64_t id)
{
    return id == 0                ? "broker"
           : id == trace->self    ? "self"
           : id == trace->witness ? "witness"
                                  : "another";
}

/* -- REFUSED --------------------------------------------------------------------------------- */

static void write_refusal(struct wire_trace *trace)
{
    if (trace->refusal.first > 0)
        item(trace, "REFUSED %" PRIu64 "-%" PRIu64 " %s", trace->refusal.first, trace->refusal.last,
             name_of(trace->refusal.status));
    trace->refusal.first = 0;
}

static void hold_refusal(struct wire_trace *trace, const struct envelope *e)
{
    char what[sizeof trace->refusal.what];

    wire_escape(what, sizeof what, e->refused.what.p, e->refused.what.len);
    if (trace->refusal.first > 0 && trace->refusal.last + 1 == e->refused.first &&
        trace->refusal.status == e->refused.status && strcmp(trace->refusal.what, what) == 0) {
        trace->refusal.last = e->refused.last;
        return;
    }
    write_refusal(trace);
    trace->refusal.first = e->refused.first;
    trace->refusal.last = e->refused.last;
    trace->refusal.status = e->refused.status;
    memcpy(trace->refusal.what, what, sizeof what);
}

/* -- the rest -------------------------------------------------------------------------------- */

static void add_body(struct wire_trace *trace, const struct frame *frame)
{
    size_t room = sizeof trace->text - trace->len;

    trace->len += (size_t)snprintf(trace->text + trace->len, room, " %zu %zu %08x",
                                   frame->headers_len, frame->payload_len,
                                   wire_digest_more(WIRE_DIGEST_START, frame->headers,
                                                    frame->headers_len + frame->payload_len));
}

static void add_message(struct wire_trace *trace, const struct frame *frame)
{
    char subject[3 * MAX_SUBJECT + 8];

    if (frame->id == 0)
        return; /* an event */
    wire_escape(subject, sizeof subject, frame->subject, frame->subject_len);
    item(trace, "MESSAGE %08x %s %s", frame->word, sender(trace, frame->id), subject);
    add_body(trace, frame);
}

static void add_reply(struct wire_trace *trace, const struct frame *frame)
{
    write_refusal(trace);
    item(trace, "REPLY %08x %s %" PRIu64 " %" PRIu64, frame->word, sender(trace, frame->id),
         frame->token, frame->status);
    if (frame->id != 0)
        add_body(trace, frame);
}

static void add_error(struct wire_trace *trace, const struct envelope *e)
{
    const char *op = e->error.op < 128 ? opcode_name((uint8_t)e->error.op) : NULL;
    uint64_t ref = e->error.ref;

    for (unsigned i = 0; i < trace->n_tokens; i++) {
        if (ref == trace->tokens[i].sent) {
            ref = trace->tokens[i].known;
            break;
        }
    }
    item(trace, "ERROR %s %" PRIu64 " %s", op ? op : "?", ref, name_of(e->error.status));
}

static void add_goodbye(struct wire_trace *trace, const struct envelope *e)
{
    write_refusal(trace);
    item(trace, "GOODBYE %s%s", name_of(e->goodbye.status),
         e->goodbye.sentence.len > 0 ? "" : " without a sentence");
}

static void add_end(struct wire_trace *trace, const struct envelope *e)
{
    item(trace,
         "END %" PRIu64 " %s %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64
         " %" PRIu64,
         e->end.token, name_of(e->end.status), e->end.left_queue, e->end.asked, e->end.answered,
         e->end.refused, e->end.gone, e->end.timed_out, e->end.cancelled);
}

static void add_confirmed(struct wire_trace *trace, const struct envelope *e)
{
    write_refusal(trace);
    item(trace, "CONFIRMED %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64, e->confirmed.ref,
         e->confirmed.last, e->confirmed.matched, e->confirmed.refused);
}

void wire_trace_add(struct wire_trace *trace, const struct got *got)
{
    const struct envelope *e = &got->control;

    switch (got->op) {
    case OP_SELECT:
    case OP_PEER:
        break;
    case OP_WELCOME:
        trace->self = e->welcome.id;
        item(trace, "WELCOME %" PRIu64 " %" PRIu64, e->welcome.version, e->welcome.features);
        break;
    case OP_GOODBYE:
        add_goodbye(trace, e);
        break;
    case OP_PONG:
        write_refusal(trace);
        item(trace, "PONG %" PRIu64, e->ref);
        break;
    case OP_OK:
        item(trace, "OK %" PRIu64, e->ref);
        break;
    case OP_ERROR:
        add_error(trace, e);
        break;
    case OP_REFUSED:
        hold_refusal(trace, e);
        break;
    case OP_CONFIRMED:
        add_confirmed(trace, e);
        break;
    case OP_ENDED:
        item(trace, "ENDED %" PRIu64 " %s", e->ended.sid, name_of(e->ended.status));
        break;
    case OP_MESSAGE:
        add_message(trace, &got->payload);
        break;
    case OP_REPLY:
        add_reply(trace, &got->payload);
        break;
    case OP_END:
        add_end(trace, e);
        break;
    case OP_CANCEL:
        item(trace, "CANCEL %s", name_of(e->cancel.status));
        break;
    default:
        item(trace, "%s", opcode_name(got->op));
    }
}

void wire_trace_end(struct wire_trace *trace)
{
    write_refusal(trace);
}
