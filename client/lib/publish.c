#include <string.h>

#include "client/lib/conn.h"
#include "client/lib/deadline.h"
#include "client/lib/handle.h"
#include "client/lib/output.h"
#include "client/lib/post.h"
#include "proto/opcode.h"

static int64_t publish_slowly(broker *b, const char *subject, struct frame *frame, unsigned flags)
{
    const struct kept *kept;
    int r = b->state == STATE_OPEN ? handle_check(b) : conn_ensure_open(b, 0);

    if (r == 0 && (flags & ~(unsigned)BROKER_MSGPACK))
        r = handle_fail(b, BROKER_E_INVALID, "unknown flags");
    if (r < 0)
        return r;
    kept = subject ? kept_subject(&b->kept, subject) : NULL;
    if (!kept)
        return post_bad_subject(b, subject);
    frame->op = OP_MESSAGE;
    frame->word = post_word(flags);
    frame->subject = kept->subject;
    frame->subject_len = kept->subject_len;
    r = post_frame(b, frame, POST_OUT, b->publish_timeout_ms);
    return r < 0 ? r : (int64_t)++b->n_published;
}

/* Apart, so that the fast path need not clear a frame. */
static __attribute__((noinline)) int64_t publish_plainly(broker *b, const char *subject,
                                                         const void *payload, size_t len,
                                                         unsigned flags)
{
    struct frame frame = { .payload = payload || len > 0 ? payload : "", .payload_len = len };

    return publish_slowly(b, subject, &frame, flags);
}

int64_t broker_publish(broker *b, const char *subject, const void *payload, size_t len,
                       unsigned flags)
{
    struct kept *kept;
    size_t head, end;
    uint8_t *p;

    /* What gathers is two copies. */
    if (unlikely(len >= b->page->gather_end || flags > BROKER_MSGPACK || !payload || !subject))
        return publish_plainly(b, subject, payload, len, flags);
    kept = kept_expected(&b->kept);
    if (unlikely(!kept_is(kept, subject)) && !(kept = kept_find(&b->kept, subject)))
        return publish_plainly(b, subject, payload, len, flags);
    head = kept->len;
    end = b->out.end + head + len;
    if (unlikely(end > b->out.batch))
        return publish_plainly(b, subject, payload, len, flags);
    p = b->out.buf + b->out.end;
    b->kept.last = kept;
    b->out.end = end;
    b->n_published++;
    kept_copy(p, kept->head, head);
    store_be32(p, (uint32_t)(head + len - FRAME_PREFIX));
    p[FRAME_AT_WORD] = (uint8_t)(flags << 7); /* the word's first bit */
    memcpy(p + head, payload, len);
    return (int64_t)b->n_published;
}

int64_t broker_publish_headers(broker *b, const char *subject, const void *headers,
                               size_t headers_len, const void *payload, size_t len,
                               unsigned flags)
{
    struct frame frame = {
        .headers = headers,
        .headers_len = headers_len,
        .payload = payload,
        .payload_len = len,
    };

    return publish_slowly(b, subject, &frame, flags);
}

void broker_set_publish_timeout(broker *b, int timeout_ms)
{
    b->publish_timeout_ms = timeout_ms;
}

void broker_cork(broker *b)
{
    b->cork++;
    handle_hold(b);
}

int broker_uncork(broker *b)
{
    int r;

    if (!handle_is_ours(b))
        return handle_check(b);
    if (b->cork == 0)
        return handle_fail(b, BROKER_E_INVALID, "broker_uncork without broker_cork");
    b->cork--;
    handle_unhold(b);
    if (b->hold > 0 || b->fd < 0 || outbox_pending(&b->out) == 0)
        return 0;
    r = output_all(b, NULL, b->publish_timeout_ms);
    return r < 0 && r != -BROKER_E_NOT_CONNECTED ? handle_fail(b, -r, NULL) : r;
}
