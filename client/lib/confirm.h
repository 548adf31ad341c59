/* Barriers: PING and CONFIRM, and what they say about the messages sent before.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <brokerclient.h>

#include "proto/envelope.h"

/* PINGs that are out: what the PONG of each says is routed. Of more than these
 * only the PONG itself counts. */
enum { PINGS_KEPT = 16 };

struct pings {
    uint64_t sent, answered; /* references: the last ones */
    uint64_t covers[PINGS_KEPT];
    uint64_t marked;    /* n_published at the last one of our own accord, */
    uint64_t marked_at; /* and the bytes sent until then */
};

struct confirm_waiter {
    bool done;
    bool orphan; /* its struct confirm is gone */
    struct broker_confirmation is;
};

/* A CONFIRM that is out. */
struct confirm {
    struct confirm *next;
    uint64_t ref;
    uint64_t epoch;
    bool answered; /* it was scanned, not dispatched yet */
    bool is_blocking;
    struct confirm_waiter *waiter; /* until the blocking call gives up */
    broker_confirm_fn fn;
    void *userdata;
};

struct confirms {
    struct confirm *first; /* answered in order */
    uint64_t serial;
};

/* A PING; its reference. */
uint64_t ping_send(broker *b);
/* Now and then one of our own accord, so that what is reported as unknown after
 * a loss is at most a thousand messages or eight megabytes of them. */
void ping_sometimes(broker *b);

bool pings_scan(broker *b, uint64_t ref);
/* *ret_done: a blocking call took it. */
bool confirms_scan(broker *b, const struct envelope *envelope, bool *ret_done);
/* Whether someone waits for a callback. */
bool confirms_would_tell(const broker *b, uint64_t epoch);
void confirms_dispatch(broker *b, const struct envelope *envelope);
void confirms_end_epoch(broker *b, uint64_t epoch);
void confirms_deinit(broker *b);
