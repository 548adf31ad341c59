#include <string.h>

#include "client/lib/conn.h"
#include "client/lib/deadline.h"
#include "client/lib/handle.h"
#include "client/lib/output.h"
#include "client/lib/post.h"
#include "proto/opcode.h"
#include "proto/subject.h"

static int bad_subject(broker *b, const char *subject)
{
    struct subject_error error = { 0, "it is missing" };

    if (subject && strnlen(subject, MAX_SUBJECT + 1) > MAX_SUBJECT)
        error = (struct subject_error){ MAX_SUBJECT, "more than 255 bytes" };
    else if (subject)
        subject_valid(subject, strlen(subject), &error);
    return handle_fail(b, BROKER_E_BAD_SUBJECT, "the subject, at byte %zu: %s", error.at,
                       error.why);
}

/* Checks a subject and keeps its envelope, for those that follow. */
static int keep_envelope(broker *b, const char *subject)
{
    struct envelope_cache *cache = &b->cache;
    struct kept_envelope *kept = &cache->at[cache->oldest];
    size_t len = subject ? strnlen(subject, MAX_SUBJECT + 1) : 0;
    struct frame frame = { .op = OP_MESSAGE, .subject = kept->subject, .subject_len = len };

    if (len == 0 || len > MAX_SUBJECT || !subject_valid(subject, len, NULL))
        return bad_subject(b, subject);
    memcpy(kept->subject, subject, len + 1);
    kept->len = frame_write_head(kept->bytes, &frame);
    if (kept->len > ENVELOPE_COPIED)
        kept->len = ENVELOPE_SLOW;
    cache->oldest = (cache->oldest + 1) % ENVELOPES_KEPT;
    cache->last = kept;
    return 0;
}

/* Makes it the last one used, if it is kept. */
static __attribute__((noinline)) bool find_kept(struct envelope_cache *cache, const char *subject)
{
    for (unsigned i = 0; i < ENVELOPES_KEPT; i++) {
        struct kept_envelope *kept = &cache->at[i];

        if (kept->subject[0] != '\0' && strcmp(subject, kept->subject) == 0) {
            cache->last = kept;
            return true;
        }
    }
    return false;
}

static int64_t publish_slowly(broker *b, const char *subject, struct frame *frame, unsigned flags)
{
    int r = b->state == STATE_OPEN ? handle_check(b) : conn_ensure_open(b, 0);

    if (r == 0 && (flags & ~(unsigned)BROKER_MSGPACK))
        r = handle_fail(b, BROKER_E_INVALID, "unknown flags");
    if (r == 0 && (!subject || !find_kept(&b->cache, subject)))
        r = keep_envelope(b, subject);
    if (r < 0)
        return r;
    frame->op = OP_MESSAGE;
    frame->word = post_word(flags);
    frame->subject = b->cache.last->subject;
    frame->subject_len = strlen(frame->subject);
    r = post_frame(b, frame, POST_OUT, b->publish_timeout_ms);
    return r < 0 ? r : (int64_t)++b->n_published;
}

/* Apart, so that the fast path need not clear a frame. */
static __attribute__((noinline)) int64_t publish_plainly(broker *b, const char *subject,
                                                         const void *payload, size_t len,
                                                         unsigned flags)
{
    struct frame frame = { .payload = payload, .payload_len = len };

    return publish_slowly(b, subject, &frame, flags);
}

int64_t broker_publish(broker *b, const char *subject, const void *payload, size_t len,
                       unsigned flags)
{
    const struct kept_envelope *kept;
    size_t size;
    uint8_t *p;

    if (unlikely(!payload) && len == 0)
        payload = "";
    /* What gathers, and has a subject that is kept, is two copies. */
    if (unlikely(!b->page->open || b->hold == 0 || len > b->small_max || flags > BROKER_MSGPACK ||
                 !payload || !subject))
        return publish_plainly(b, subject, payload, len, flags);
    if (unlikely(strcmp(subject, b->cache.last->subject) != 0) && !find_kept(&b->cache, subject))
        return publish_plainly(b, subject, payload, len, flags);
    kept = b->cache.last;
    size = kept->len + len;
    if (unlikely(b->out.end + size > b->out.batch))
        return publish_plainly(b, subject, payload, len, flags);
    p = b->out.buf + b->out.end;
    memcpy(p, kept->bytes, ENVELOPE_COPIED);
    store_be32(p, (uint32_t)(size - FRAME_PREFIX));
    p[FRAME_AT_WORD] = (uint8_t)(flags << 7); /* the word's first bit */
    memcpy(p + kept->len, payload, len);
    outbox_add(&b->out, size);
    return (int64_t)++b->n_published;
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
    b->hold++;
}

int broker_uncork(broker *b)
{
    int r;

    if (!handle_is_ours(b))
        return handle_check(b);
    if (b->cork == 0)
        return handle_fail(b, BROKER_E_INVALID, "broker_uncork without broker_cork");
    b->cork--;
    b->hold--;
    if (b->hold > 0 || b->fd < 0 || outbox_pending(&b->out) == 0)
        return 0;
    r = output_wait(b, NULL, deadline_in(b->publish_timeout_ms));
    return r < 0 && r != -BROKER_E_NOT_CONNECTED ? handle_fail(b, -r, NULL) : r;
}
