/* The requests this client has open.
 *
 * A reference names a place in a table in its low 20 bits (the broker takes no
 * more than that many) and a serial above, so finding a call is one comparison,
 * and a reference is never used twice.
 *
 * Who asks does it again: some calls that are over are kept for the next ones.
 *
 * A call of broker_call_wait has a `waiter`: its answer is taken as it is
 * scanned. All others are answered as their frames are dispatched.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <brokerclient.h>

#include "proto/envelope.h"
#include "proto/frame.h"

/* What broker_call_wait collects. */
struct waiter {
    bool over;
    int status; /* positive, or 0 */
    uint32_t error;
    uint32_t word;
    uint8_t *bytes;
    size_t len, cap;
};

struct broker_call {
    struct broker_call *next; /* spare, or over */
    broker *b;
    uint64_t ref;
    uint64_t epoch;
    uint64_t end_at; /* of its frame, in the outbox's stream */
    bool is_survey;
    bool over;
    int fate; /* the connection was lost: how it will end; positive */
    struct waiter *waiter;
    broker_reply_fn reply;
    broker_done_fn done;
    void *userdata;
};

struct calls {
    struct broker_call **at;
    uint32_t *free_places; /* a stack of n_free */
    uint32_t n, n_free;
    uint64_t serial;
    struct broker_call *spare; /* for the next ones */
    uint32_t n_spare;
    /* Over, and a callback that runs may still look at them. */
    struct broker_call *over, *last_over;
    uint32_t n_over;
};

/* A call with a reference of its own. 0, or -BROKER_E_NO_MEMORY, -BROKER_E_QUOTA. */
int call_new(broker *b, struct broker_call **ret);
/* Forgets it: what still comes for it is stepped over. */
void call_drop(struct broker_call *call);
/* No callback runs any more: those that are over are spare. */
void calls_reuse(struct calls *calls);
struct broker_call *calls_find(const struct calls *calls, uint64_t ref);

/* A REPLY, an END, or an ERROR that says a request was refused: as it is
 * scanned, for a waiter; true if nothing is left to dispatch. */
bool calls_scan_reply(broker *b, const struct frame *frame);
bool calls_scan_end(broker *b, uint64_t ref, uint64_t status);
/* A REPLY that lies at the head of the inbox, in its fixed form, for a call
 * without a waiter: takes it, and runs its callbacks. false: it is another. */
bool calls_take_reply(broker *b, const uint8_t *frame, size_t size);
/* And as it is dispatched. */
void calls_dispatch_reply(broker *b, const struct frame *frame);
void calls_dispatch_end(broker *b, const struct envelope *envelope);
void calls_dispatch_refused(broker *b, uint64_t ref, int status, const char *text,
                            const char *what);

/* What a lost connection means for a request: a sentence. */
const char *calls_fate_text(int fate);
/* The connection is lost: decides how each call of it ends. */
void calls_lost(broker *b, uint64_t sent);
/* Its end was dispatched: tells those who asked. */
void calls_end_epoch(broker *b, uint64_t epoch);
/* Whether that would run a callback. */
bool calls_would_tell(const broker *b, uint64_t epoch);
void calls_deinit(broker *b);
