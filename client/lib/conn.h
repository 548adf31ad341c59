/* The connection: finding a broker, greeting it, losing it. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <brokerclient.h>

#include "proto/envelope.h"

/* Does what is due without waiting: begins an attempt, gives one up. */
void conn_step(broker *b);
/* Begins an attempt at the next step, whatever the schedule says. */
void conn_retry_now(broker *b);
/* For blocking calls: steps, and waits for a greeting that is under way. 0 when
 * the connection is open, else a negative status. */
int conn_ensure_open(broker *b, uint64_t deadline);
/* When conn_step has to be called next; UINT64_MAX: never. */
uint64_t conn_deadline(const broker *b);

/* The connection is over, for this reason (a sentence, or NULL for the
 * status's own): drops it, decides what became of what was sent, and plans the
 * next attempt. What came before stays in the inbox. */
void conn_lost(broker *b, int status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Drops it and does not come back. */
void conn_close(broker *b, int status, const char *text);

/* Says HELLO on a fresh socket. */
void greet_start(broker *b);
/* A WELCOME that is scanned. false: it is not acceptable. */
bool greet_welcome(broker *b, const struct envelope *envelope);
