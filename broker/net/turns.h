/* Turns: when a connection's input is read and handled, and its backlog written (guard/pace.h).
 *
 * What is ready is served at once while its user is alone and the round is young; else it stands
 * in line for the end of the round, or for a later one. Who handles input looks at the clock now
 * and then, and stops when the turn is over: the rest stays where it is, and the connection goes
 * to the end of its user's line. What a round has made for somebody who keeps up is written at its
 * end, as far as there is time, and paid for by whose messages they are.
 */
#pragma once

#include "broker/net/conn.h"

/* There is something to read, or to go on with. */
void turns_want_read(struct conn *conn);
/* The kernel has room again, or there is more than was written at once. */
void turns_want_write(struct conn *conn);
/* Somebody waits to be let in: net->let_in is called, now or when it is their turn, with the end of
 * that. */
void turns_want_arrivals(struct net *net);
/* Its input was left where it is, since its turn was over. */
void turns_interrupted(struct conn *conn);
/* The end of a round: those who wait, as long as it lasts. */
void turns_take(struct net *net);
/* Has what the round has made written, and paid by those who caused it. While others want a turn,
 * `write` is to stop when it is `until_ns`: who is left over is written, and pays, in a turn of
 * their own. */
void turns_write(struct net *net, void (*write)(struct net *net, uint64_t until_ns));
