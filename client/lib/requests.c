#include "client/lib/requests.h"

#include <stdlib.h>
#include <string.h>

#include "client/lib/fixed.h"
#include "client/lib/handle.h"
#include "client/lib/reply.h"

enum { FIRST_BUCKETS = 64 };

static struct broker_request **bucket_of(const struct requests *requests, uint64_t token)
{
    /* Tokens are the broker's own numbers; mixing in the upper bits is enough. */
    return &requests->buckets[(token ^ token >> 20) & (requests->n_buckets - 1)];
}

static bool grow(struct requests *requests)
{
    struct requests old = *requests;
    uint32_t n = old.n_buckets > 0 ? 2 * old.n_buckets : FIRST_BUCKETS;
    struct broker_request **buckets = calloc(n, sizeof(struct broker_request *));

    if (!buckets)
        return old.n_buckets > 0;
    requests->buckets = buckets;
    requests->n_buckets = n;
    for (uint32_t i = 0; i < old.n_buckets; i++) {
        while (old.buckets[i]) {
            struct broker_request *request = old.buckets[i];
            struct broker_request **to = bucket_of(requests, request->token);

            old.buckets[i] = request->next;
            request->next = *to;
            *to = request;
        }
    }
    free(old.buckets);
    return true;
}

static bool list(struct requests *requests, struct broker_request *request)
{
    struct broker_request **to;

    if (requests->n >= requests->n_buckets && !grow(requests))
        return false;
    to = bucket_of(requests, request->token);
    request->next = *to;
    *to = request;
    request->listed = true;
    requests->n++;
    return true;
}

static void unlist(struct requests *requests, struct broker_request *request)
{
    struct broker_request **at;

    if (!request->listed)
        return;
    for (at = bucket_of(requests, request->token); *at != request; at = &(*at)->next)
        ;
    *at = request->next;
    request->listed = false;
    requests->n--;
}

/* The callback is over and the request is not: its bytes must not be the
 * inbox's any more. */
static bool keep(broker *b, struct broker_request *request)
{
    struct broker_message *m = &request->message;
    size_t len = m->headers_len + m->payload_len;
    uint8_t *copy = malloc(len > 0 ? len : 1);

    if (!copy)
        return false;
    if (m->headers_len > 0)
        memcpy(copy, m->headers, m->headers_len);
    if (m->payload_len > 0)
        memcpy(copy + m->headers_len, m->payload, m->payload_len);
    if (!list(&b->requests, request)) {
        free(copy);
        return false;
    }
    /* The broker's numbers begin again when it does, so what the PEER table says
     * of the sender later may be said of another. */
    request->peer = peer_copy(peers_find(&b->peers, m->sender));
    m->who = request->peer ? peer_credentials(request->peer) : NULL;
    m->b = NULL;
    request->copy = copy;
    m->headers = copy;
    m->payload = copy + m->headers_len;
    return true;
}

static inline struct broker_request *request_new(broker *b, broker_service *service,
                                                 const struct frame *frame)
{
    struct broker_request *request = b->requests.spare;

    b->requests.spare = NULL;
    if (!request)
        request = malloc(sizeof *request);
    if (!request)
        return NULL;
    request->b = b;
    request->service = service;
    request->token = frame->token;
    request->epoch = b->dispatch_epoch;
    request->in_callback = true;
    request->listed = request->answered = request->void_ = false;
    request->copy = NULL;
    request->peer = NULL;
    request->cancel = NULL;
    message_view(&request->message, frame, request->subject, b);
    return request;
}

/* The struct outlives its last reply, until here: the callback may look at it. */
static void end_of_callback(broker *b, struct broker_request *request)
{
    request->in_callback = false;
    if (request->service->reg.freed)
        request->service = NULL;
    if (request->answered) {
        if (b->requests.spare)
            free(request);
        else
            b->requests.spare = request;
        return;
    }
    if (keep(b, request))
        return;
    /* No memory: the requester is told, and the server when it answers. In no
     * list, it would not hear when its service goes. */
    reply_refuse(b, request->token);
    request->void_ = true;
    request->service = NULL;
    request->message.headers_len = request->message.payload_len = 0;
    request->message.headers = request->message.payload = NULL;
    request->message.b = NULL;
}

static broker_service *selected_service(const broker *b)
{
    uint32_t n;
    const uint32_t *sids = received_sids(&b->received, &n);

    for (uint32_t i = 0; i < n; i++) {
        struct reg *reg = regs_find(&b->regs, sids[i]);

        if (reg && reg->is_service && !reg->freed)
            return (broker_service *)reg;
    }
    return NULL;
}

static inline void serve(broker *b, const struct frame *frame)
{
    broker_service *service = selected_service(b);
    struct broker_request *request;

    if (b->dispatch_epoch != b->epoch)
        return; /* its requester was told that we are gone */
    request = service ? request_new(b, service, frame) : NULL;
    if (!request) {
        reply_refuse(b, frame->token);
        return;
    }
    b->n_callbacks++;
    service->reg.fn.request(service, request, service->reg.userdata);
    end_of_callback(b, request);
}

bool requests_take(broker *b, const uint8_t *frame, size_t size)
{
    struct frame is;

    if (!fixed_request(&is, frame, size))
        return false;
    b->in.head += size;
    serve(b, &is);
    return true;
}

void requests_dispatch(broker *b, const struct frame *frame)
{
    serve(b, frame);
}

struct broker_request *requests_find(const struct requests *requests, uint64_t token)
{
    struct broker_request *request;

    if (requests->n_buckets == 0)
        return NULL;
    request = *bucket_of(requests, token);
    while (request && request->token != token)
        request = request->next;
    return request;
}

static void cancelled(struct broker_request *request, int status)
{
    broker *b = request->b;

    request->void_ = true;
    if (!request->cancel || b->freed)
        return;
    b->n_callbacks++;
    request->cancel(request, -status, request->userdata);
}

void requests_dispatch_cancel(broker *b, uint64_t token, int status)
{
    struct broker_request *request = requests_find(&b->requests, token);

    if (request && !request->void_)
        cancelled(request, status);
}

/* Each bucket anew after a callback, which may free any of them. */
static struct broker_request *next_to_end(const struct requests *requests, uint32_t i,
                                          uint64_t epoch)
{
    struct broker_request *request = requests->buckets[i];

    while (request && (request->void_ || request->epoch > epoch))
        request = request->next;
    return request;
}

void requests_end_epoch(broker *b, uint64_t epoch)
{
    struct requests *requests = &b->requests;

    for (uint32_t i = 0; i < requests->n_buckets; i++) {
        struct broker_request *request;

        while ((request = next_to_end(requests, i, epoch)) != NULL)
            cancelled(request, BROKER_E_REQUESTER_GONE);
    }
}

void requests_forget_service(broker *b, const broker_service *service)
{
    struct requests *requests = &b->requests;

    for (uint32_t i = 0; i < requests->n_buckets; i++) {
        for (struct broker_request *r = requests->buckets[i]; r; r = r->next) {
            if (r->service == service)
                r->service = NULL;
        }
    }
}

bool requests_would_tell(const broker *b, uint64_t epoch)
{
    for (uint32_t i = 0; i < b->requests.n_buckets; i++) {
        const struct broker_request *request = next_to_end(&b->requests, i, epoch);

        if (request && request->cancel)
            return true;
    }
    return false;
}

void request_free(struct broker_request *request)
{
    broker *b = request->b;

    request->answered = true;
    if (request->in_callback)
        return; /* nothing was copied yet */
    free(request->copy);
    free(request->peer);
    request->copy = NULL;
    request->peer = NULL;
    unlist(&b->requests, request);
    handle_bury(b, request);
}

void requests_deinit(broker *b)
{
    struct requests *requests = &b->requests;

    for (uint32_t i = 0; i < requests->n_buckets; i++) {
        while (requests->buckets[i]) {
            struct broker_request *request = requests->buckets[i];

            requests->buckets[i] = request->next;
            free(request->copy);
            free(request->peer);
            free(request);
        }
    }
    free(requests->buckets);
    free(requests->spare);
    *requests = (struct requests){ 0 };
}
