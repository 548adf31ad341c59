#include <stdlib.h>
#include <string.h>

#include <brokerclient.h>

#include "client/lib/conn.h"
#include "client/lib/deadline.h"
#include "client/lib/handle.h"
#include "client/lib/input.h"
#include "client/lib/output.h"
#include "client/lib/post.h"
#include "proto/opcode.h"
#include "proto/writer.h"

/* How much longer than the broker a blocking call waits for its word that the
 * deadline passed. */
enum { GRACE_MS = 1000 };

/* Of a head, and of what kept_copy may write beyond. */
enum { REQUEST_ROOM = FRAME_MAX_HEAD + KEPT_COPIED };

static uint64_t timeout_of(int timeout_ms)
{
    if (timeout_ms == BROKER_FOREVER || timeout_ms > MAX_TIMEOUT_MS)
        return MAX_TIMEOUT_MS;
    if (timeout_ms < 0)
        return DEFAULT_TIMEOUT_MS;
    return timeout_ms > 0 ? (uint64_t)timeout_ms : 1; /* 0 is refused */
}

/* Opens a call and posts its REQUEST. `frame` has headers and payload. */
static __attribute__((noinline)) int ask(broker *b, struct broker_call **ret, struct frame *frame,
                                         const char *subject, unsigned flags, int timeout_ms)
{
    const struct kept *kept = subject ? kept_subject(&b->kept, subject) : NULL;
    struct broker_call *call;
    int r;

    if (flags & ~(unsigned)(BROKER_MSGPACK | BROKER_SURVEY))
        return handle_fail(b, BROKER_E_INVALID, "unknown flags");
    if (!kept)
        return post_bad_subject(b, subject);
    if ((r = call_new(b, &call)) < 0)
        return r;
    call->is_survey = (flags & BROKER_SURVEY) != 0;
    frame->op = OP_REQUEST;
    frame->word = post_word(flags & BROKER_MSGPACK);
    frame->token = call->ref;
    frame->subject = kept->subject;
    frame->subject_len = kept->subject_len;
    frame->mode = call->is_survey ? REQUEST_ALL : REQUEST_ONE;
    frame->timeout_ms = timeout_of(timeout_ms);
    r = post_frame(b, frame, POST_QUEUE, b->publish_timeout_ms);
    if (r < 0) {
        call_drop(call);
        return r;
    }
    call->end_at = outbox_position(&b->out);
    *ret = call;
    return 0;
}

/* ---- without waiting ---- */

/* Its envelope, the payload's length in its prefix; where the payload goes. */
static uint8_t *write_head(uint8_t *p, const struct kept *kept, const struct broker_call *call,
                           uint64_t timeout_ms, uint32_t word, size_t len)
{
    enum { START = FRAME_AT_SUBJECT, TOKEN = 9 };
    struct writer w = { p + kept->len + TOKEN, p + REQUEST_ROOM, false };

    memcpy(p, kept->head, START);
    kept_copy(p + START + TOKEN, kept->head + START, kept->len - START);
    p[FRAME_PREFIX] = 0x97;
    p[FRAME_PREFIX + 1] = OP_REQUEST;
    store_be32(p + FRAME_AT_WORD, word);
    p[START] = 0xcf;
    store_be64(p + FRAME_AT_TOKEN, call->ref);
    *w.p++ = call->is_survey ? REQUEST_ALL : REQUEST_ONE;
    writer_uint(&w, timeout_ms);
    store_be32(p, (uint32_t)((size_t)(w.p - p) - FRAME_PREFIX + len));
    return w.p;
}

/* As ask(), for what only joins those that wait. 0: it is not that simple. */
static int gather(broker *b, struct broker_call **ret, const char *subject, const void *payload,
                  size_t len, unsigned flags, int timeout_ms)
{
    const struct kept *kept;
    uint8_t *p;
    int r;

    if (len >= b->page->gather_end || !subject || (!payload && len > 0) ||
        (flags & ~(unsigned)(BROKER_MSGPACK | BROKER_SURVEY)) ||
        b->out.end + REQUEST_ROOM + len > b->out.batch)
        return 0;
    kept = kept_subject(&b->kept, subject);
    if (!kept)
        return 0;
    if ((r = call_new(b, ret)) < 0)
        return r;
    (*ret)->is_survey = (flags & BROKER_SURVEY) != 0;
    p = write_head(b->out.buf + b->out.end, kept, *ret, timeout_of(timeout_ms),
                   post_word(flags & BROKER_MSGPACK), len);
    if (len > 0)
        memcpy(p, payload, len);
    b->out.end = (size_t)(p - b->out.buf) + len;
    (*ret)->end_at = outbox_position(&b->out);
    return 1;
}

static inline void tell(struct broker_call *call, broker_reply_fn reply, broker_done_fn done,
                        void *userdata, broker_call **ret)
{
    call->reply = reply;
    call->done = done;
    call->userdata = userdata;
    if (ret)
        *ret = call;
}

int broker_call_start(broker *b, broker_call **ret, const char *subject, const void *payload,
                         size_t len, unsigned flags, int timeout_ms, broker_reply_fn reply,
                         broker_done_fn done, void *userdata)
{
    struct broker_call *call;
    int r = gather(b, &call, subject, payload, len, flags, timeout_ms);

    if (r == 0)
        return broker_call_start_headers(b, ret, subject, NULL, 0, payload, len, flags,
                                            timeout_ms, reply, done, userdata);
    if (r < 0)
        return r;
    tell(call, reply, done, userdata, ret);
    return 0;
}

int broker_call_start_headers(broker *b, broker_call **ret, const char *subject,
                                 const void *headers, size_t headers_len, const void *payload,
                                 size_t len, unsigned flags, int timeout_ms,
                                 broker_reply_fn reply, broker_done_fn done, void *userdata)
{
    struct frame frame = {
        .headers = headers,
        .headers_len = headers_len,
        .payload = payload,
        .payload_len = len,
    };
    struct broker_call *call;
    int r = conn_ensure_open(b, 0);

    if (r == 0)
        r = ask(b, &call, &frame, subject, flags, timeout_ms);
    if (r < 0)
        return r;
    tell(call, reply, done, userdata, ret);
    return 0;
}

static void send_cancel(broker *b, uint64_t ref)
{
    struct envelope e = { .op = OP_CANCEL };

    e.cancel.token = ref;
    e.cancel.status = BROKER_E_CANCELLED;
    output_control(b, &e);
}

void broker_call_cancel(broker_call *call)
{
    broker *b;

    if (!call || call->over)
        return;
    b = call->b;
    if (handle_is_ours(b) && b->state == STATE_OPEN && call->epoch == b->epoch)
        send_cancel(b, call->ref);
    call_drop(call);
}

broker *broker_call_broker(const broker_call *call)
{
    return call->b;
}

/* ---- and waiting ---- */

static bool is_over(const broker *b, const void *arg)
{
    (void)b;
    return ((const struct waiter *)arg)->over;
}

static uint64_t grace_deadline(int timeout_ms)
{
    return deadline_in((int)timeout_of(timeout_ms) + GRACE_MS);
}

static const char *sentence_of(int status)
{
    return status == BROKER_E_UNKNOWN_FATE || status == BROKER_E_NOT_SENT
               ? calls_fate_text(status)
               : broker_status_text(status);
}

/* The outcome of a call that is over. */
static int hand_over(broker *b, struct waiter *waiter, void **ret_payload, size_t *ret_len,
                     unsigned *ret_flags, uint32_t *ret_error)
{
    if (waiter->status != 0 && waiter->status != BROKER_E_FAILED) {
        free(waiter->bytes);
        return handle_fail(b, waiter->status, "%s", sentence_of(waiter->status));
    }
    if (!waiter->bytes && !(waiter->bytes = calloc(1, 1)))
        return handle_fail(b, BROKER_E_NO_MEMORY, NULL);
    if (ret_payload)
        *ret_payload = waiter->bytes;
    else
        free(waiter->bytes);
    if (ret_len)
        *ret_len = waiter->len;
    if (ret_flags)
        *ret_flags = waiter->word & WORD_MSGPACK ? BROKER_MSGPACK : 0u;
    if (ret_error)
        *ret_error = waiter->error;
    return waiter->status != 0 ? handle_fail(b, waiter->status, NULL) : 0;
}

int broker_call_wait(broker *b, const char *subject, const void *payload, size_t len,
                        unsigned flags, int timeout_ms, void **ret_payload, size_t *ret_len,
                        unsigned *ret_flags, uint32_t *ret_error)
{
    struct frame frame = { .payload = payload, .payload_len = len };
    uint64_t deadline = grace_deadline(timeout_ms);
    struct waiter waiter = { 0 };
    struct broker_call *call;
    int r = conn_ensure_open(b, deadline);

    if (r == 0 && (flags & BROKER_SURVEY))
        r = handle_fail(b, BROKER_E_INVALID, "a survey has no single answer to wait for");
    if (r == 0)
        r = ask(b, &call, &frame, subject, flags, timeout_ms);
    if (r < 0)
        return r;
    call->waiter = &waiter;
    r = input_await(b, is_over, &waiter, deadline);
    if (!waiter.over) {
        waiter.over = true;
        waiter.status = -r;
        broker_call_cancel(call);
    } else {
        call_drop(call);
    }
    return hand_over(b, &waiter, ret_payload, ret_len, ret_flags, ret_error);
}
