/* The socket meets the inbox, for broker_process and for blocking calls. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <brokerclient.h>

/* Reads once. 1: something came; 0: nothing is there; -BROKER_E_NOT_CONNECTED:
 * the connection is lost, conn_lost was called. */
int input_read(broker *b);
/* Reads once and scans; as input_read. */
int input_take(broker *b);
/* Reads until the stream ends (or has no more for now), for the reason. */
void input_read_to_end(broker *b);

/* Sleeps until the socket can be read (unless the inbox is full) or, with
 * `write`, written; reads and scans. Runs no callback. 0: something happened;
 * -BROKER_E_TIMEOUT; -BROKER_E_INBOX_FULL: instead of it, or at once without
 * `write`; -BROKER_E_NOT_CONNECTED. */
int input_wait(broker *b, bool write, uint64_t deadline);

/* Sends what waits, then waits until done(b, arg), as blocking calls do. 0, or
 * as input_wait. */
int input_await(broker *b, bool (*done)(const broker *b, const void *arg), const void *arg,
                uint64_t deadline);
