/* Requests to the broker itself. */
#include <string.h>

#include "broker/session/handlers.h"
#include "proto/cursor.h"

enum { SYS_BODY_MAX = 64 << 10, SYS_BODY_DEPTH = 8 };

static void reply(struct client *client, uint64_t reference, enum status status,
                  const msgpack_sbuffer *body)
{
    struct block *block = block_new(FRAME_MAX_HEAD + body->size);
    struct frame frame = {
        .op = OP_REPLY,
        .word = WORD_MSGPACK,
        .token = reference,
        .status = status,
        .payload_len = body->size,
    };
    bool ok = false;
    if (block) {
        size_t head = frame_write_head(block->data, &frame);
        memcpy(block->data + head, body->data, body->size);
        ok = outq_push(&client->conn.out, block, 0, (uint32_t)(head + body->size), 1, NULL, NULL,
                       NULL) == 0;
        block_unref(block);
    }
    if (ok)
        conn_dirty(&client->conn);
    else
        conn_cut(&client->conn, STATUS_NO_MEMORY, NULL);
}

/* The error's sentence, as the body of an error reply. */
static void reply_error(struct client *client, uint64_t reference, enum status status)
{
    msgpack_sbuffer body;
    msgpack_packer out;
    msgpack_sbuffer_init(&body);
    msgpack_packer_init(&out, &body, msgpack_sbuffer_write);
    const char *sentence = status_sentence(status);
    msgpack_pack_str_with_body(&out, sentence, strlen(sentence));
    reply(client, reference, status, &body);
    msgpack_sbuffer_destroy(&body);
}

/* The bounded cursor looks at the bytes before msgpack-c may. */
static bool body_is_good(const struct frame *frame)
{
    return frame->payload_len == 0 ||
           (frame->payload_len <= SYS_BODY_MAX &&
            msgpack_valid(frame->payload, frame->payload_len, SYS_BODY_DEPTH, NULL));
}

static enum status answer(const struct sys_service *service, const struct frame *frame,
                          msgpack_sbuffer *body)
{
    msgpack_packer out;
    msgpack_unpacked unpacked;
    msgpack_packer_init(&out, body, msgpack_sbuffer_write);
    msgpack_unpacked_init(&unpacked);
    bool empty = frame->payload_len == 0;
    enum status status = STATUS_BAD_FIELD;
    if (empty || msgpack_unpack_next(&unpacked, (const char *)frame->payload, frame->payload_len,
                                     NULL) == MSGPACK_UNPACK_SUCCESS)
        status = service->answer(service->userdata, empty ? NULL : &unpacked.data, &out);
    msgpack_unpacked_destroy(&unpacked);
    return status;
}

void sys_request(struct client *client, const struct parcel *parcel)
{
    const struct frame *frame = parcel->frame;
    struct session *session = session_of(client);
    struct sys_service *service = sys_lookup(&session->sys, frame->subject, frame->subject_len);
    if (!service) {
        request_refuse(client, frame->token, STATUS_NO_SERVER, NULL);
        return;
    }
    if (!conn_fits(&client->conn, SYS_BODY_MAX)) {
        request_refuse(client, frame->token, STATUS_OVERFLOW, NULL);
        return;
    }
    route_settle(client->route); /* some answers tell of queues */
    msgpack_sbuffer body;
    msgpack_sbuffer_init(&body);
    enum status status =
        body_is_good(frame) ? answer(service, frame, &body) : STATUS_BAD_FIELD;
    if (status == STATUS_OK)
        reply(client, frame->token, STATUS_OK, &body);
    else
        reply_error(client, frame->token, status);
    msgpack_sbuffer_destroy(&body);
    if (frame->mode == REQUEST_ALL && conn_is_live(&client->conn)) {
        struct envelope end = { .op = OP_END };
        end.end.token = frame->token;
        end.end.asked = end.end.answered = 1;
        conn_send(&client->conn, &end);
    }
}
