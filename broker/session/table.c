/* Which handler takes which frame, and in which state. */
#include <stdarg.h>
#include <stdio.h>

#include "broker/session/handlers.h"

struct handler {
    void (*control)(struct client *client, const struct envelope *envelope);
};

static const struct handler handlers[128] = {
    [OP_HELLO] = { handle_hello },
    [OP_GOODBYE] = { handle_goodbye },
    [OP_PING] = { handle_ping },
    [OP_CONFIRM] = { handle_confirm },
    [OP_SUB] = { handle_sub },
    [OP_UNSUB] = { handle_unsub },
    [OP_SERVE] = { handle_serve },
    [OP_UNSERVE] = { handle_unserve },
    [OP_CANCEL] = { handle_cancel },
};

static void break_off(struct client *client, enum status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void break_off(struct client *client, enum status status, const char *format, ...)
{
    char sentence[200];
    va_list args;
    va_start(args, format);
    vsnprintf(sentence, sizeof sentence, format, args);
    va_end(args);
    flush_refusals(client); /* of what was sent before */
    conn_end(&client->conn, status, sentence);
}

static void refuse_opcode(struct client *client, int op)
{
    const char *name = op < 0 ? NULL : opcode_name((uint8_t)op);
    if (op < 0)
        break_off(client, STATUS_BAD_FRAME,
                  "byte 0 of a frame: not an array that begins with an opcode");
    else if (!name)
        break_off(client, STATUS_BAD_OPCODE, "opcode 0x%02x is unknown", (unsigned)op);
    else if (!(opcode_from((uint8_t)op) & FROM_C))
        break_off(client, STATUS_BAD_OPCODE, "%s is for the broker to send", name);
    else
        break_off(client, STATUS_BAD_OPCODE, "%s is not allowed in this state", name);
}

static void handle_control(struct client *client, const uint8_t *buf, size_t len, uint8_t op)
{
    struct envelope envelope;
    size_t at;
    if (envelope_read(&envelope, buf, len, &at))
        handlers[op].control(client, &envelope);
    else
        break_off(client, STATUS_BAD_FRAME, "byte %zu of a %s frame breaks the wire format", at,
                  opcode_name(op));
}

/* Word, id and token where they belong, so that the frame can go on. */
static struct block *rewrite(struct block_pool *blocks, const struct frame *frame)
{
    size_t body = frame->headers_len + frame->payload_len;
    struct block *block = block_pool_new(blocks, FRAME_MAX_HEAD + body);
    if (!block)
        return NULL;
    size_t head = frame_write_head(block->data, frame);
    memcpy(block->data + head, frame->headers, body);
    block->used = (uint32_t)(head + body);
    return block;
}

static enum handled handle_parcel(struct client *client, const struct parcel *parcel)
{
    if (parcel->frame->op == OP_MESSAGE)
        return handle_message(client, parcel);
    if (parcel->frame->op == OP_REQUEST)
        handle_request(client, parcel);
    else
        handle_reply(client, parcel);
    return HANDLED;
}

static enum handled handle_rewritten(struct client *client, struct frame *frame)
{
    struct block *block = rewrite(&client->conn.net->blocks, frame);
    if (!block) {
        conn_end(&client->conn, STATUS_NO_MEMORY, NULL);
        return HANDLED;
    }
    client->route->counters->frames_rewritten++;
    struct parcel parcel = { frame, block, 0, block->used };
    enum handled handled = handle_parcel(client, &parcel);
    run_end(client->route); /* before the block may go */
    block_unref(block);
    return handled;
}

static enum handled handle_payload(struct client *client, struct block *block, uint32_t off,
                                   uint32_t len)
{
    struct frame frame;
    size_t at;
    const uint8_t *buf = block->data + off + FRAME_PREFIX;
    if (!frame_read(&frame, buf, len - FRAME_PREFIX, &at)) {
        break_off(client, STATUS_BAD_FRAME, "byte %zu of a %s frame breaks the wire format", at,
                  opcode_name((uint8_t)envelope_opcode(buf, len - FRAME_PREFIX)));
        return HANDLED;
    }
    /* What will be refused anyway need not be rewritten first. */
    if (!frame.fixed && frame.n_extra == 0 && frame.subject_len <= MAX_SUBJECT)
        return handle_rewritten(client, &frame);
    struct parcel parcel = { &frame, block, off, len };
    return handle_parcel(client, &parcel);
}

enum handled handle_frame(struct client *client, struct block *block, uint32_t off, uint32_t len)
{
    const uint8_t *buf = block->data + off + FRAME_PREFIX;
    int op = envelope_opcode(buf, len - FRAME_PREFIX);

    run_end(client->route);
    if (!conn_is_live(&client->conn)) /* it may have ended with it */
        return HANDLED;
    if (!client->said_hello && op != OP_HELLO) {
        conn_end(&client->conn, STATUS_BAD_MAGIC, NULL);
        return HANDLED;
    }
    if (op == OP_MESSAGE || op == OP_REQUEST || op == OP_REPLY)
        return handle_payload(client, block, off, len);
    if (op >= 0 && opcode_skippable((uint8_t)op))
        return HANDLED;
    if (op < 0 || !handlers[op].control || (op == OP_HELLO && client->said_hello)) {
        refuse_opcode(client, op);
        return HANDLED;
    }
    handle_control(client, buf, len - FRAME_PREFIX, (uint8_t)op);
    return client->conn.said_goodbye ? LEFT : HANDLED;
}
