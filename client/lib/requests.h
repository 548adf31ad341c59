/* Requests that came to the services of this client.
 *
 * One that is answered inside its callback is never copied: its message is a
 * view into the inbox, its struct the spare one. If it outlives the callback
 * it is copied, and listed by its token, since a CANCEL may come for it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <brokerclient.h>

#include "client/lib/message.h"
#include "proto/envelope.h"
#include "proto/frame.h"

struct broker_request {
    void *buried; /* first: struct buried (handle.h) */
    broker *b;
    struct broker_service *service; /* NULL: freed */
    struct broker_request *next; /* in its bucket */
    uint64_t token;
    uint64_t epoch;
    bool in_callback; /* which frees it afterwards, nobody before */
    bool listed;
    bool answered; /* the last reply is out, or it was given up */
    bool void_;    /* nobody waits for an answer any more */
    struct broker_message message;
    uint8_t *copy; /* of headers and payload; owned */
    struct peer *peer; /* a copy, owned; NULL: the PEER table has it, or nobody */
    broker_cancel_fn cancel;
    void *userdata;
    char subject[MAX_SUBJECT + 1];
};

struct requests {
    struct broker_request **buckets;
    uint32_t n_buckets; /* a power of two */
    uint32_t n;
    struct broker_request *spare;
};

/* A REQUEST that lies at the head of the inbox, in its fixed form: takes it, and
 * runs the callback. false: it is another frame. */
bool requests_take(broker *b, const uint8_t *frame, size_t size);
/* A REQUEST that is dispatched. */
void requests_dispatch(broker *b, const struct frame *frame);
void requests_dispatch_cancel(broker *b, uint64_t token, int status);
/* One that outlived its callback, or NULL. */
struct broker_request *requests_find(const struct requests *requests, uint64_t token);
void requests_end_epoch(broker *b, uint64_t epoch);
/* The application let go of a service: its requests stay. */
void requests_forget_service(broker *b, const broker_service *service);
bool requests_would_tell(const broker *b, uint64_t epoch);
/* Takes it out of the list and frees it. */
void request_free(struct broker_request *request);
void requests_deinit(broker *b);
