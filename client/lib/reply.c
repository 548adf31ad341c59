#include "client/lib/reply.h"

#include <string.h>

#include "client/lib/handle.h"
#include "client/lib/post.h"
#include "proto/opcode.h"

enum { REFUSED_BY_US = 1 }; /* the number of an error reply without more to say */

void reply_refuse(broker *b, uint64_t token)
{
    struct frame frame = { .op = OP_REPLY, .token = token, .status = REFUSED_BY_US };

    if (b->state == STATE_OPEN)
        post_frame(b, &frame, POST_QUEUE, b->publish_timeout_ms);
}

static int check(broker_request *request, unsigned flags, uint32_t error)
{
    broker *b = request->b;
    int r = handle_check(b);

    if (r == -BROKER_E_FORKED)
        return r;
    if (request->answered)
        return handle_fail(b, BROKER_E_INVALID, "the request was answered before");
    if (flags & ~(unsigned)(BROKER_MSGPACK | BROKER_MORE))
        return handle_fail(b, BROKER_E_INVALID, "unknown flags");
    if (error > UINT16_MAX)
        return handle_fail(b, BROKER_E_INVALID, "an error reply's number is 1 to 65535");
    if (!request->void_ && request->epoch == b->epoch && b->state == STATE_OPEN)
        return 0;
    request_free(request);
    return handle_fail(b, BROKER_E_NO_CALL, NULL);
}

static int reply(broker_request *request, const struct frame *frame, unsigned flags)
{
    broker *b = request->b;
    struct frame copy = *frame;
    int r = check(request, flags, (uint32_t)frame->status);

    if (r < 0)
        return r;
    copy.op = OP_REPLY;
    copy.token = request->token;
    copy.word = post_word(flags);
    r = post_frame(b, &copy, POST_QUEUE, b->publish_timeout_ms);
    if (r == 0 && !(flags & BROKER_MORE))
        request_free(request);
    return r;
}

/* The head of a REPLY that is no error; its size is always the same. */
enum { HEAD = FRAME_AT_TOKEN + 8 + 1 };

static inline void write_head(uint8_t *p, uint64_t token, uint32_t word, size_t len)
{
    store_be32(p, (uint32_t)(HEAD - FRAME_PREFIX + len));
    store_be32(p + FRAME_PREFIX, 0x9522ce00); /* an array of five, REPLY, the word */
    store_be32(p + FRAME_AT_WORD, word);
    p[FRAME_AT_ID - 1] = 0xcf;
    store_be64(p + FRAME_AT_ID, 0);
    p[FRAME_AT_TOKEN - 1] = 0xcf;
    store_be64(p + FRAME_AT_TOKEN, token);
    p[HEAD - 1] = 0;
}

/* The only or the last part, which only joins those that wait: two copies. */
int broker_reply(broker_request *request, const void *payload, size_t len, unsigned flags)
{
    broker *b = request->b;
    uint8_t *p;

    if (len >= b->page->gather_end || flags > BROKER_MSGPACK || (!payload && len > 0) ||
        request->answered || request->void_ || request->epoch != b->epoch ||
        b->out.end + HEAD + len > b->out.batch)
        return broker_reply_headers(request, NULL, 0, payload, len, flags);
    p = b->out.buf + b->out.end;
    write_head(p, request->token, post_word(flags), len);
    if (len > 0)
        memcpy(p + HEAD, payload, len);
    b->out.end += HEAD + len;
    request_free(request);
    return 0;
}

int broker_reply_headers(broker_request *request, const void *headers, size_t headers_len,
                         const void *payload, size_t len, unsigned flags)
{
    struct frame frame = {
        .headers = headers,
        .headers_len = headers_len,
        .payload = payload,
        .payload_len = len,
    };

    return reply(request, &frame, flags);
}

int broker_reply_error(broker_request *request, uint32_t error, const void *payload, size_t len,
                       unsigned flags)
{
    struct frame frame = { .status = error, .payload = payload, .payload_len = len };

    if (error == 0 || (flags & BROKER_MORE))
        return handle_fail(request->b, BROKER_E_INVALID, "an error reply is the last part");
    return reply(request, &frame, flags);
}

const broker_message *broker_request_message(const broker_request *request)
{
    return &request->message;
}

broker_service *broker_request_service(const broker_request *request)
{
    return request->service;
}

void broker_request_set_cancel_fn(broker_request *request, broker_cancel_fn fn, void *userdata)
{
    request->cancel = fn;
    request->userdata = userdata;
}

broker_request *broker_request_drop(broker_request *request)
{
    if (!request || request->answered)
        return NULL;
    if (handle_is_ours(request->b) && !request->void_ && request->epoch == request->b->epoch)
        reply_refuse(request->b, request->token);
    request_free(request);
    return NULL;
}
