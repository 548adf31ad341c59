/* What conn.c, conn_read.c and conn_write.c share, and nobody else uses. */
#pragma once

#include "broker/net/conn.h"

/* What it has kept comes before what is read next: until its turn has offered that, one that
 * was let go is as good as held. */
static inline bool conn_may_read(const struct conn *conn)
{
    return !conn->held && !conn->hungry && !conn->is_resumed && !conn->eof;
}
/* The descriptor is readable, or hung up: reads so much at most, and has it handled. */
void conn_read(struct conn *conn, size_t most);
/* Offers the layer above what the connection has kept. */
void conn_offer(struct conn *conn);
/* Nobody reads what is sent to it any more. Idempotent. */
void conn_hung_up(struct conn *conn);
/* How one that leaves by itself has left. */
static inline enum status conn_farewell(const struct conn *conn)
{
    return conn->said_goodbye ? STATUS_LEFT : STATUS_VANISHED;
}
/* There is nothing more to read. */
void conn_eof(struct conn *conn);
/* Writes what is queued: the end of a round. */
void conn_flush(struct conn *conn);
/* It has no deadline any more. */
void conn_no_deadline(struct conn *conn);
/* The kernel took nothing though it has room: it lacks memory (ENOBUFS, ENOMEM), and level-triggered
 * waiting for room would spin. */
void conn_starve(struct conn *conn);
/* What few connections have; NULL: no memory. */
struct conn_more *conn_get_more(struct conn *conn);
/* What was queued and not written in this round is charged. */
void conn_book(struct conn *conn);
/* Whether a control frame of `len` bytes may be queued. */
bool conn_may_say(struct conn *conn, size_t len);
/* Its input is charged: the frame that has begun, and what waits. The connection may end, or go
 * hungry until there is more for it. */
void conn_book_input(struct conn *conn);
/* How much may be read, beyond the frame that has begun, while the net is short. */
uint32_t conn_read_room(struct conn *conn);
/* What every connection may have is granted. */
void conn_charge_start(struct conn *conn);
/* What is not used any more is given back. */
void conn_give_back(struct conn *conn);
/* All that has been charged is given back. */
void conn_discharge(struct conn *conn);
/* The frame that it was indulged for is handled, or will never be. Idempotent. */
void conn_not_indulged(struct conn *conn);
/* It is not hungry any more. Idempotent. */
void conn_fed(struct conn *conn);
/* Those that are hungry ask again. */
void net_feed(struct net *net);
/* The send buffer: what it begins with. */
void conn_buffer_start(struct conn *conn);
/* The queue has been written, and is blocked. */
void conn_buffer_blocked(struct conn *conn, bool was_blocked);
/* It has not been for a while. */
void conn_buffer_quiet(struct conn *conn);
/* Asks the loop for what the connection can use now. */
void conn_ask(struct conn *conn);
