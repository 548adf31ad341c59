#include "client/lib/calls.h"

#include <stdlib.h>
#include <string.h>

#include "client/lib/fixed.h"
#include "client/lib/handle.h"
#include "client/lib/text.h"
#include "proto/opcode.h"
#include "proto/status.h"

enum { PLACE_BITS = 20, FIRST_PLACES = 16, MOST_SPARE = 1024 /* 96 KB */ };

#define PLACE_MASK ((UINT64_C(1) << PLACE_BITS) - 1)

static bool grow(struct calls *calls)
{
    uint32_t n = calls->n > 0 ? 2 * calls->n : FIRST_PLACES;
    struct broker_call **at = realloc(calls->at, n * sizeof(struct broker_call *));
    uint32_t *free_places;

    if (!at)
        return false;
    calls->at = at;
    free_places = realloc(calls->free_places, n * sizeof *free_places);
    if (!free_places)
        return false;
    calls->free_places = free_places;
    for (uint32_t i = n; i > calls->n; i--) {
        at[i - 1] = NULL;
        free_places[calls->n_free++] = i - 1;
    }
    calls->n = n;
    return true;
}

/* glibc's malloc(3) keeps seven of a size at hand; a burst of requests is more. */
static struct broker_call *take_spare(struct calls *calls)
{
    struct broker_call *call = calls->spare;

    if (!call)
        return malloc(sizeof *call);
    calls->spare = call->next;
    calls->n_spare--;
    return call;
}

int call_new(broker *b, struct broker_call **ret)
{
    struct calls *calls = &b->calls;
    struct broker_call *call;
    uint32_t place;

    if (calls->n_free == 0 && calls->n > PLACE_MASK)
        return handle_fail(b, BROKER_E_QUOTA, "too many requests open");
    if (calls->n_free == 0 && !grow(calls))
        return handle_fail(b, BROKER_E_NO_MEMORY, NULL);
    call = take_spare(calls);
    if (!call)
        return handle_fail(b, BROKER_E_NO_MEMORY, NULL);
    place = calls->free_places[--calls->n_free];
    calls->at[place] = call;
    *call = (struct broker_call){
        .b = b,
        .ref = ++calls->serial << PLACE_BITS | place,
        .epoch = b->epoch,
        .end_at = UINT64_MAX,
    };
    *ret = call;
    return 0;
}

void calls_reuse(struct calls *calls)
{
    if (!calls->over)
        return;
    calls->last_over->next = calls->spare;
    calls->spare = calls->over;
    calls->n_spare += calls->n_over;
    calls->over = NULL;
    calls->n_over = 0;
    while (calls->n_spare > MOST_SPARE)
        free(take_spare(calls));
}

void call_drop(struct broker_call *call)
{
    struct calls *calls = &call->b->calls;
    uint32_t place = (uint32_t)(call->ref & PLACE_MASK);

    if (call->over)
        return;
    call->over = true;
    calls->at[place] = NULL;
    calls->free_places[calls->n_free++] = place;
    call->next = calls->over;
    if (!calls->over)
        calls->last_over = call;
    calls->over = call;
    calls->n_over++;
    if (call->b->depth == 0)
        calls_reuse(calls);
}

struct broker_call *calls_find(const struct calls *calls, uint64_t ref)
{
    uint64_t place = ref & PLACE_MASK;
    struct broker_call *call = place < calls->n ? calls->at[place] : NULL;

    return call && call->ref == ref ? call : NULL;
}

static void finish(struct broker_call *call, const struct broker_result *result)
{
    broker *b = call->b;

    /* Out of the table first: `done` may cancel, or ask again. */
    call_drop(call);
    if (!call->done)
        return;
    b->n_callbacks++;
    call->done(call, result, call->userdata);
}

/* A reply in parts is joined. */
static bool waiter_add(struct waiter *waiter, const struct frame *frame)
{
    size_t need = waiter->len + frame->payload_len + 1;

    if (need > waiter->cap) {
        size_t cap = need > 2 * waiter->cap ? need : 2 * waiter->cap;
        uint8_t *bytes = realloc(waiter->bytes, cap);

        if (!bytes)
            return false;
        waiter->bytes = bytes;
        waiter->cap = cap;
    }
    if (frame->payload_len > 0)
        memcpy(waiter->bytes + waiter->len, frame->payload, frame->payload_len);
    waiter->len += frame->payload_len;
    waiter->bytes[waiter->len] = 0; /* who takes it for a string is not harmed */
    return true;
}

bool calls_scan_reply(broker *b, const struct frame *frame)
{
    struct broker_call *call = calls_find(&b->calls, frame->token);
    struct waiter *waiter = call ? call->waiter : NULL;

    if (!waiter)
        return !call;
    if (!waiter_add(waiter, frame)) {
        waiter->over = true;
        waiter->status = BROKER_E_NO_MEMORY;
        return true;
    }
    waiter->word = frame->word;
    if (frame->word & WORD_MORE)
        return true;
    waiter->error = (uint32_t)frame->status;
    waiter->status = frame->status != 0 ? BROKER_E_FAILED : 0;
    waiter->over = !call->is_survey;
    return true;
}

bool calls_scan_end(broker *b, uint64_t ref, uint64_t status)
{
    struct broker_call *call = calls_find(&b->calls, ref);

    if (!call || !call->waiter)
        return !call;
    call->waiter->over = true;
    call->waiter->status = (int)status;
    return true;
}

/* A part of an answer, or all of it. Inline whatever the compiler's estimate says of
 * it, which counts what checks the lengths of copies: 28 instructions of a request. */
static inline __attribute__((always_inline)) void take_part(struct broker_call *call,
                                                             const struct frame *frame)
{
    struct broker_result result = { 0 };
    struct broker_message message;
    char no_subject[1];
    broker *b = call->b;

    if (call->reply) {
        message_view(&message, frame, no_subject, b);
        b->n_callbacks++;
        call->reply(call, &message, call->userdata);
    }
    if (call->over || b->freed || call->is_survey || (frame->word & WORD_MORE))
        return;
    if (frame->status != 0)
        result.status = -BROKER_E_FAILED;
    result.text = broker_status_text(frame->status != 0 ? BROKER_E_FAILED : 0);
    finish(call, &result);
}

bool calls_take_reply(broker *b, const uint8_t *frame, size_t size)
{
    struct broker_call *call;
    struct frame is;

    if (!fixed_reply(&is, frame, size))
        return false;
    call = calls_find(&b->calls, is.token);
    if (!call || call->waiter)
        return false;
    b->in.head += size;
    take_part(call, &is);
    return true;
}

void calls_dispatch_reply(broker *b, const struct frame *frame)
{
    struct broker_call *call = calls_find(&b->calls, frame->token);

    if (call && !call->waiter)
        take_part(call, frame);
}

void calls_dispatch_end(broker *b, const struct envelope *envelope)
{
    struct broker_call *call = calls_find(&b->calls, envelope->end.token);
    char what[TEXT_MAX];
    struct broker_result result = {
        .status = -(int)envelope->end.status,
        .left_queue = envelope->end.left_queue != 0,
        .asked = envelope->end.asked,
        .answered = envelope->end.answered,
        .refused = envelope->end.refused,
        .gone = envelope->end.gone,
        .timed_out = envelope->end.timed_out,
        .cancelled = envelope->end.cancelled,
        .text = broker_status_text((int)envelope->end.status),
        .what = text_or_null(what, &envelope->end.what),
    };

    if (call && !call->waiter)
        finish(call, &result);
}

void calls_dispatch_refused(broker *b, uint64_t ref, int status, const char *text,
                            const char *what)
{
    struct broker_call *call = calls_find(&b->calls, ref);
    struct broker_result result = { .status = -status, .text = text, .what = what };

    if (call && !call->waiter)
        finish(call, &result);
}

const char *calls_fate_text(int fate)
{
    return fate == BROKER_E_UNKNOWN_FATE ? "the broker went away before the answer came; the "
                                           "server may have seen the request"
                                         : "the broker went away before the request was sent";
}

void calls_lost(broker *b, uint64_t sent)
{
    for (uint32_t i = 0; i < b->calls.n; i++) {
        struct broker_call *call = b->calls.at[i];

        if (!call || call->epoch != b->epoch)
            continue;
        call->fate = call->end_at <= sent ? BROKER_E_UNKNOWN_FATE : BROKER_E_NOT_SENT;
        if (call->waiter)
            call->waiter->over = true;
        if (call->waiter)
            call->waiter->status = call->fate;
    }
}

void calls_end_epoch(broker *b, uint64_t epoch)
{
    for (uint32_t i = 0; i < b->calls.n && !b->freed; i++) {
        struct broker_call *call = b->calls.at[i];
        struct broker_result result = { 0 };

        if (!call || call->epoch > epoch || call->waiter)
            continue;
        result.status = -call->fate;
        result.text = calls_fate_text(call->fate);
        finish(call, &result);
    }
}

bool calls_would_tell(const broker *b, uint64_t epoch)
{
    for (uint32_t i = 0; i < b->calls.n; i++) {
        const struct broker_call *call = b->calls.at[i];

        if (call && call->epoch <= epoch && call->done)
            return true;
    }
    return false;
}

static void free_all(struct broker_call *call)
{
    while (call) {
        struct broker_call *next = call->next;

        free(call);
        call = next;
    }
}

void calls_deinit(broker *b)
{
    for (uint32_t i = 0; i < b->calls.n; i++)
        free(b->calls.at[i]);
    free(b->calls.at);
    free(b->calls.free_places);
    free_all(b->calls.spare);
    free_all(b->calls.over);
    b->calls = (struct calls){ 0 };
}
