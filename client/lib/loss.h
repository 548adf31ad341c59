/* The end of a connection, as a place in the inbox.
 *
 * When a connection ends (conn.c) its state ends at once, but what it had brought
 * may not be dispatched yet. So the end is a record behind the last frame of
 * that connection. When dispatch comes there, the application hears what became
 * of its messages, requests and subscriptions.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <brokerclient.h>

#include "client/lib/text.h"

struct loss {
    struct loss *next;
    uint64_t at; /* in the inbox's stream */
    uint64_t epoch;
    uint64_t next_base; /* n_published at the beginning of what follows */
    int status;         /* positive */
    bool was_open;      /* false: there was none, we could not connect */
    bool for_good;
    uint64_t n_unknown, n_not_sent; /* the last ones before next_base, in this order */
    char text[TEXT_MAX];
};

struct loss *loss_new(void);
/* Puts it at the end of the stream. */
void loss_add(broker *b, struct loss *loss);
/* Whether the first one is what comes next. */
bool loss_is_due(const broker *b);
/* Whether telling it runs no callback. */
bool loss_is_silent(const broker *b);
/* Tells the first one, and frees it. */
void loss_tell(broker *b);
/* Whether messages are among them that never left. */
bool losses_have_unsent(const broker *b);
void losses_deinit(broker *b);

/* Runs the event callback, if there is one. */
void event_tell(broker *b, const struct broker_event *event);
