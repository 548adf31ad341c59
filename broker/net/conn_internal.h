/* What conn.c, conn_read.c and conn_write.c share, and nobody else uses. */
#pragma once

#include "broker/net/conn.h"

/* The descriptor is readable, or hung up. */
void conn_read(struct conn *conn);
/* Nobody reads what is sent to it any more. Idempotent. */
void conn_hung_up(struct conn *conn);
/* How one that leaves by itself has left. */
static inline enum status conn_farewell(const struct conn *conn)
{
    return conn->said_goodbye ? STATUS_LEFT : STATUS_VANISHED;
}
/* There is nothing more to read. */
void conn_eof(struct conn *conn);
/* Offers the layer above what the connection has kept. */
void conn_offer(struct conn *conn);

/* Writes what is queued: the end of a round. */
void conn_flush(struct conn *conn);
/* It has no deadline any more. */
void conn_no_deadline(struct conn *conn);
/* Asks the loop for what the connection can use now. */
void conn_ask(struct conn *conn);
