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

static __attribute__((noinline)) int64_t
publish_with_headers(broker *b, const char *subject, const void *headers, size_t headers_len,
                     const void *payload, size_t len, unsigned flags)
{
    struct frame frame = {
        .headers = headers,
        .headers_len = headers_len,
        .payload = payload,
        .payload_len = len,
    };

    return publish_slowly(b, subject, &frame, flags);
}

/* What gathers is two copies, or three. Where its head goes, with room for all
 * of it, which is added; NULL if it is not that simple. */
static inline uint8_t *gather(broker *b, const char *subject, size_t headers_len, size_t len,
                              unsigned flags, size_t *ret_head)
{
    struct kept *kept = kept_expected(&b->kept);
    size_t head, end;
    uint8_t *p;

    if (unlikely(!kept_is(kept, subject)) && !(kept = kept_find(&b->kept, subject)))
        return NULL;
    head = kept->len;
    end = b->out.end + head + headers_len + len;
    if (unlikely(end > b->out.batch))
        return NULL;
    p = b->out.buf + b->out.end;
    b->kept.last = kept;
    b->out.end = end;
    b->n_published++;
    kept_copy(p, kept->head, head);
    store_be32(p, (uint32_t)(head + headers_len + len - FRAME_PREFIX));
    p[FRAME_AT_WORD] = (uint8_t)(flags << 7); /* the word's first bit */
    *ret_head = head;
    return p;
}

int64_t broker_publish(broker *b, const char *subject, const void *payload, size_t len,
                       unsigned flags)
{
    size_t head;
    uint8_t *p;

    if (unlikely(len >= b->page->gather_end || flags > BROKER_MSGPACK || !payload || !subject) ||
        unlikely(!(p = gather(b, subject, 0, len, flags, &head))))
        return publish_plainly(b, subject, payload, len, flags);
    memcpy(p + head, payload, len);
    return (int64_t)b->n_published;
}

int64_t broker_publish_headers(broker *b, const char *subject, const void *headers,
                               size_t headers_len, const void *payload, size_t len,
                               unsigned flags)
{
    size_t head;
    uint8_t *p;

    if (unlikely(len >= b->page->gather_end || flags > BROKER_MSGPACK || !payload || !subject) ||
        unlikely(!headers || headers_len - 1 >= MAX_HEADERS) ||
        unlikely(!post_is_map(*(const uint8_t *)headers)) ||
        unlikely(!(p = gather(b, subject, headers_len, len, flags, &head))))
        return publish_with_headers(b, subject, headers, headers_len, payload, len, flags);
    p[FRAME_AT_WORD + 2] = (uint8_t)(headers_len >> 8);
    p[FRAME_AT_WORD + 3] = (uint8_t)headers_len;
    memcpy(p + head, headers, headers_len);
    memcpy(p + head + headers_len, payload, len);
    return (int64_t)b->n_published;
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
    if (b->state == STATE_OPEN)
        ping_sometimes(b);
    r = b->fd < 0 ? -BROKER_E_NOT_CONNECTED : output_all(b, NULL, b->publish_timeout_ms);
    return r < 0 && r != -BROKER_E_NOT_CONNECTED ? handle_fail(b, -r, NULL) : r;
}
