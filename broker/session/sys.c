/* Requests to the broker itself. */
#include <string.h>

#include "broker/session/handlers.h"
#include "proto/cursor.h"
#include "proto/subject.h"
#include "proto/writer.h"

enum { SYS_BODY_MAX = 64 << 10, SYS_BODY_DEPTH = 8 };

/* false: there was no memory, and that has been told instead. */
static bool reply(struct client *client, uint64_t reference, enum status status, const void *body,
                  size_t len)
{
    struct block *block = block_new(FRAME_MAX_HEAD + len);
    struct frame frame = {
        .op = OP_REPLY,
        .word = WORD_MSGPACK,
        .token = reference,
        .status = status,
        .payload_len = len,
    };
    bool ok = false;
    if (block) {
        size_t head = frame_write_head(block->data, &frame);
        memcpy(block->data + head, body, len);
        ok = outq_push(&client->conn.out, block, 0, (uint32_t)(head + len), 1, NULL, NULL,
                       NULL) == 0;
        block_unref(block);
    }
    if (ok)
        conn_dirty(&client->conn);
    else
        request_refuse(client, reference, STATUS_NO_MEMORY, NULL);
    return ok;
}

/* The error's sentence, as the body of an error reply. */
static bool reply_error(struct client *client, uint64_t reference, enum status status)
{
    uint8_t body[5 + MAX_SENTENCE];
    struct writer w = { body, body + sizeof body, false };
    const char *sentence = status_sentence(status);
    writer_str(&w, sentence, strlen(sentence));
    return reply(client, reference, status, body, (size_t)(w.p - body));
}

/* The bounded cursor looks at the bytes before msgpack-c may. */
static bool body_is_good(const struct frame *frame)
{
    return frame->payload_len == 0 ||
           (frame->payload_len <= SYS_BODY_MAX &&
            msgpack_valid(frame->payload, frame->payload_len, SYS_BODY_DEPTH, NULL));
}

static enum status answer(const struct sys_service *service, const struct frame *frame,
                          msgpack_packer *out)
{
    msgpack_unpacked unpacked;
    msgpack_unpacked_init(&unpacked);
    bool empty = frame->payload_len == 0;
    msgpack_unpack_return r = MSGPACK_UNPACK_SUCCESS;
    if (!empty)
        r = msgpack_unpack_next(&unpacked, (const char *)frame->payload, frame->payload_len, NULL);
    enum status status = r == MSGPACK_UNPACK_NOMEM_ERROR ? STATUS_NO_MEMORY : STATUS_BAD_FIELD;
    if (r == MSGPACK_UNPACK_SUCCESS)
        status = service->answer(service->userdata, empty ? NULL : &unpacked.data, out);
    msgpack_unpacked_destroy(&unpacked);
    return status;
}

void sys_request(struct client *client, const struct parcel *parcel)
{
    const struct frame *frame = parcel->frame;
    struct session *session = session_of(client);
    struct sys_service *service = sys_lookup(&session->sys, frame->subject, frame->subject_len);
    if (!service) {
        bool valid = subject_valid(frame->subject, frame->subject_len, NULL);
        request_refuse(client, frame->token, valid ? STATUS_NO_SERVER : STATUS_BAD_SUBJECT, NULL);
        return;
    }
    const struct policy_rule *rule =
        service->admin ? client_refused(client, VERB_ADMIN, NULL, 0) : NULL;
    if (rule) {
        deny_request(client, frame->token, rule);
        return;
    }
    if (!conn_fits(&client->conn, SYS_BODY_MAX)) {
        request_refuse(client, frame->token, STATUS_OVERFLOW, NULL);
        return;
    }
    route_settle(client->route); /* some answers tell of queues */
    struct sys_body body;
    msgpack_packer out;
    sys_body_init(&body, &out);
    enum status status = body_is_good(frame) ? answer(service, frame, &out) : STATUS_BAD_FIELD;
    if (body.failed)
        status = STATUS_NO_MEMORY;
    /* A reload may have ended who asked for it, and behind a GOODBYE nothing is said. */
    bool told = conn_is_live(&client->conn) &&
                (status == STATUS_OK
                     ? reply(client, frame->token, STATUS_OK, body.bytes.data, body.bytes.size)
                     : reply_error(client, frame->token, status));
    sys_body_deinit(&body);
    if (told && frame->mode == REQUEST_ALL && conn_is_live(&client->conn)) {
        struct envelope end = { .op = OP_END };
        end.end.token = frame->token;
        end.end.asked = end.end.answered = 1;
        conn_send(&client->conn, &end);
    }
}
