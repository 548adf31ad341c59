#include "tests/fault/actor.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proto/envelope.h"
#include "tests/fault/stage.h"
#include "tests/kit/runner.h"

enum { READ_ROOM = 256 << 10, REFERENCE_OF_PINGS = 1 << 20 };

/* -- bytes ----------------------------------------------------------------------------------- */

static void make_room(struct buffer *buffer, size_t room)
{
    if (buffer->at > 0 && buffer->at == buffer->len)
        buffer->at = buffer->len = 0;
    if (buffer->cap - buffer->len >= room)
        return;
    if (buffer->at > 0)
        memmove(buffer->bytes, buffer->bytes + buffer->at, buffer->len - buffer->at);
    buffer->len -= buffer->at;
    buffer->at = 0;
    if (buffer->cap - buffer->len >= room)
        return;
    buffer->cap = 2 * buffer->cap + room;
    buffer->bytes = realloc(buffer->bytes, buffer->cap);
    assert_non_null(buffer->bytes);
}

void actor_bytes(struct actor *actor, const void *bytes, size_t len)
{
    if (actor->is_shut || actor->fd < 0)
        return;
    make_room(&actor->out, len);
    memcpy(actor->out.bytes + actor->out.len, bytes, len);
    actor->out.len += len;
}

void actor_write(struct actor *actor)
{
    struct buffer *out = &actor->out;

    while (out->at < out->len) {
        ssize_t n =
            send(actor->fd, out->bytes + out->at, out->len - out->at, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n > 0) {
            out->at += (size_t)n;
        } else if (n < 0 && errno == EAGAIN) {
            return;
        } else if (n < 0 && errno != EINTR) {
            actor->is_shut = true; /* the reason may be there to read */
            out->at = out->len = 0;
        }
    }
    if (actor->leaves && !actor->is_shut) {
        actor->is_shut = true;
        (void)shutdown(actor->fd, SHUT_WR);
    }
}

void actor_read(struct actor *actor)
{
    make_room(&actor->in, READ_ROOM);
    ssize_t n = recv(actor->fd, actor->in.bytes + actor->in.len, actor->in.cap - actor->in.len,
                     MSG_DONTWAIT);
    if (n > 0) {
        actor->in.len += (size_t)n;
        actor_take(actor);
    } else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
        actor->over = true;
        actor->torn = actor->in.at < actor->in.len;
        actor->cut = n < 0 || actor->torn;
        actor->is_shut = true;
        actor->out.at = actor->out.len = 0;
    }
}

void actor_close(struct actor *actor)
{
    if (actor->fd >= 0)
        close(actor->fd);
    actor->fd = -1;
    actor->is_shut = true;
}

void actor_deinit(struct actor *actor)
{
    actor_close(actor);
    free(actor->in.bytes);
    free(actor->out.bytes);
    *actor = (struct actor){ .fd = -1 };
}

/* -- what is open ---------------------------------------------------------------------------- */

static void open_new(struct actor *actor, uint8_t op, uint64_t ref, bool survey)
{
    if (actor->is_shut || actor->fd < 0)
        return;
    if (actor->n_open == OPEN_MAX)
        stage_fail(actor->stage, "%s has %d questions open", actor->name, OPEN_MAX);
    actor->open[actor->n_open++] = (struct open){ .op = op, .ref = ref, .survey = survey };
}

bool actor_end_open(struct actor *actor, uint8_t op, uint64_t ref)
{
    for (size_t i = 0; i < actor->n_open; i++) {
        if (actor->open[i].op == op && actor->open[i].ref == ref) {
            actor->open[i] = actor->open[--actor->n_open];
            return true;
        }
    }
    return false;
}

bool actor_is_settled(const struct actor *actor)
{
    if (actor->fd < 0 || actor->over || actor->deaf)
        return true;
    return actor->n_open == 0 && actor->out.at == actor->out.len && !actor->is_shut;
}

struct tally *actor_tally(struct actor *actor, uint32_t sid)
{
    for (size_t i = 0; i < actor->n_tallies; i++) {
        if (actor->tally[i].sid == sid)
            return &actor->tally[i];
    }
    return NULL;
}

/* -- control frames -------------------------------------------------------------------------- */

static void send_envelope(struct actor *actor, const struct envelope *envelope)
{
    uint8_t buf[ENVELOPE_MAX_WRITTEN];
    size_t len = envelope_write(buf, sizeof(buf), envelope);

    assert_int_not_equal(len, 0);
    actor_bytes(actor, buf, len);
}

static struct piece piece(const char *text)
{
    return (struct piece){ text, text ? strlen(text) : 0 };
}

/* SUB and its like are told apart by their reference, which is the sid's, so their opcode does not matter. */
static void ask_envelope(struct actor *actor, const struct envelope *envelope, uint64_t ref)
{
    send_envelope(actor, envelope);
    open_new(actor, OP_SUB, ref, false);
}

void actor_hello(struct actor *actor)
{
    struct envelope hello = { .op = OP_HELLO };

    hello.hello.magic = piece(HELLO_MAGIC);
    hello.hello.version = PROTO_VERSION;
    hello.hello.options = (struct piece){ "\x81\xa4name\xa5"
                                          "actor",
                                          12 };
    send_envelope(actor, &hello);
    open_new(actor, OP_HELLO, 0, false);
}

void actor_goodbye(struct actor *actor)
{
    struct envelope goodbye = { .op = OP_GOODBYE };

    goodbye.goodbye.sentence = piece("by");
    send_envelope(actor, &goodbye);
    open_new(actor, OP_GOODBYE, 0, false);
    actor->may_end = actor->leaves = true;
}

void actor_ping(struct actor *actor)
{
    struct envelope ping = { .op = OP_PING, .ref = REFERENCE_OF_PINGS + ++actor->ref };

    send_envelope(actor, &ping);
    open_new(actor, OP_PING, ping.ref, false);
}

void actor_confirm(struct actor *actor)
{
    struct envelope confirm = { .op = OP_CONFIRM, .ref = ++actor->ref };

    send_envelope(actor, &confirm);
    open_new(actor, OP_CONFIRM, confirm.ref, false);
}

static void tally_new(struct actor *actor, uint32_t sid, const struct wanted *wanted)
{
    if (actor->n_tallies == TALLIES_MAX || actor_tally(actor, sid))
        return; /* nobody asks for its books */
    struct tally *tally = &actor->tally[actor->n_tallies++];
    *tally = (struct tally){
        .sid = sid,
        .streams = wanted->streams,
        .group = wanted->group_number,
        .loose = wanted->loose || wanted->after,
    };
    for (int i = 0; i < STREAMS_MAX; i++)
        tally->last[i] = -1;
}

void actor_sub(struct actor *actor, uint32_t sid, const struct wanted *wanted)
{
    struct envelope sub = { .op = OP_SUB };

    sub.sub.ref = sub.sub.sid = sid;
    sub.sub.pattern = piece(wanted->pattern);
    sub.sub.group = piece(wanted->group);
    sub.sub.policy = wanted->policy;
    sub.sub.queue_messages = wanted->messages;
    sub.sub.after = wanted->after;
    sub.sub.flags = wanted->credentials ? SUB_CREDENTIALS : 0;
    tally_new(actor, sid, wanted);
    ask_envelope(actor, &sub, sid);
}

void actor_unsub(struct actor *actor, uint32_t sid)
{
    struct envelope unsub = { .op = OP_UNSUB };
    struct tally *tally = actor_tally(actor, sid);

    unsub.unsub.ref = unsub.unsub.sid = sid;
    if (tally)
        tally->loose = true;
    ask_envelope(actor, &unsub, sid);
}

void actor_serve(struct actor *actor, uint32_t sid, const char *pattern, uint32_t max_open,
                 enum manner manner)
{
    struct envelope serve = { .op = OP_SERVE };

    serve.serve.ref = serve.serve.sid = sid;
    serve.serve.pattern = piece(pattern);
    serve.serve.max_open = max_open;
    actor->manner = manner;
    ask_envelope(actor, &serve, sid);
}

void actor_unserve(struct actor *actor, uint32_t sid)
{
    struct envelope unserve = { .op = OP_UNSERVE };

    unserve.unsub.ref = unserve.unsub.sid = sid;
    ask_envelope(actor, &unserve, sid);
}

void actor_cancel(struct actor *actor, uint64_t ref)
{
    struct envelope cancel = { .op = OP_CANCEL };

    cancel.cancel.token = ref;
    send_envelope(actor, &cancel);
}

/* -- frames with a payload -------------------------------------------------------------------- */

static void send_frame(struct actor *actor, const struct frame *frame)
{
    uint8_t head[FRAME_MAX_HEAD];
    size_t len = frame_write_head(head, frame);

    assert_int_not_equal(len, 0);
    actor_bytes(actor, head, len);
    if (frame->payload_len)
        actor_bytes(actor, frame->payload, frame->payload_len);
}

static void publish(struct actor *actor, const char *subject, const void *payload, size_t len)
{
    struct frame frame = { .op = OP_MESSAGE, .subject = subject, .subject_len = strlen(subject) };

    frame.payload = payload;
    frame.payload_len = len;
    send_frame(actor, &frame);
    if (!actor->is_shut)
        actor->n_messages++;
}

void actor_publish(struct actor *actor, unsigned stream, const char *subject, size_t len)
{
    static uint8_t payload[128 << 10];
    struct stream *to = stage_stream(actor->stage, actor, stream);

    assert_in_range(len, STREAM_HEAD, sizeof(payload));
    if (to->n_sent == NUMBERS_MAX || actor->n_messages == NUMBERS_MAX)
        stage_fail(actor->stage, "%s has published %d messages", actor->name, NUMBERS_MAX);
    if (actor->is_shut || actor->fd < 0)
        return;
    store_be32(payload, stream);
    store_be32(payload + 4, to->n_sent);
    memset(payload + STREAM_HEAD, (int)(to->n_sent & 127), len - STREAM_HEAD);
    actor->published[actor->n_messages] = stream << 16 | to->n_sent++;
    publish(actor, subject, payload, len);
}

void actor_publish_bad(struct actor *actor, const char *subject)
{
    if (actor->n_messages < NUMBERS_MAX)
        actor->published[actor->n_messages] = STREAMS_MAX << 16;
    publish(actor, subject, "x", 1);
}

static void request(struct actor *actor, const struct frame *frame)
{
    send_frame(actor, frame);
    open_new(actor, OP_REQUEST, frame->token, frame->mode == REQUEST_ALL);
}

uint64_t actor_request(struct actor *actor, const char *subject, bool survey, uint32_t timeout_ms)
{
    struct frame frame = { .op = OP_REQUEST, .subject = subject, .subject_len = strlen(subject) };

    frame.token = ++actor->ref;
    frame.mode = survey ? REQUEST_ALL : REQUEST_ONE;
    frame.timeout_ms = timeout_ms;
    request(actor, &frame);
    return frame.token;
}

void actor_ask(struct actor *actor, const char *subject, const void *body, size_t len)
{
    struct frame frame = { .op = OP_REQUEST, .subject = subject, .subject_len = strlen(subject) };

    frame.token = ++actor->ref;
    frame.timeout_ms = 8000;
    frame.payload = body;
    frame.payload_len = len;
    request(actor, &frame);
}

void actor_reply(struct actor *actor, uint64_t token, uint32_t status, bool more)
{
    struct frame frame = { .op = OP_REPLY, .token = token, .status = status };

    frame.word = more ? WORD_MORE : 0;
    frame.payload = (const uint8_t *)"done";
    frame.payload_len = 4;
    send_frame(actor, &frame);
}
