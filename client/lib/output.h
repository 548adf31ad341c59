/* The outbox meets the socket. Every function may find that the connection is
 * lost; it then says so with a negative status, and conn_lost was called.
 */
#pragma once

#include <stdint.h>
#include <sys/uio.h>

#include <brokerclient.h>

#include "proto/envelope.h"

/* Hands the kernel what it takes of the outbox, and then of *extra (may be
 * NULL). 0: all is out; 1: some waits; -BROKER_E_NOT_CONNECTED. */
int output_send(broker *b, struct iovec *extra);
/* After that: waits until all is out, reading meanwhile. 0; -BROKER_E_TIMEOUT,
 * -BROKER_E_INBOX_FULL, -BROKER_E_NOT_CONNECTED. */
int output_wait(broker *b, struct iovec *extra, uint64_t deadline);
/* Both, with relative milliseconds: the clock is asked only when it has to wait. */
int output_all(broker *b, struct iovec *extra, int timeout_ms);
/* Puts a control frame into the outbox, and sends unless frames gather. Does
 * nothing without a connection; without memory, ends it. */
void output_control(broker *b, const struct envelope *envelope);
