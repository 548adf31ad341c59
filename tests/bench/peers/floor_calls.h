/*
 * The open requests of the floor's broker: a slot each, whose number with a generation is the token that the
 * server sees.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "tests/bench/peers/floor_conn.h"

void calls_init(void);
/** @return the token for the server; 0 if every slot is taken */
uint64_t calls_open(struct conn *requester, struct conn *server, uint64_t reference);
/**
 * Ends the request that @p token is of.
 * @param ret_requester  NULL if it has left
 * @return false if the token is of no request of this server
 */
bool calls_close(const struct conn *server, uint64_t token, struct conn **ret_requester,
                 uint64_t *ret_reference);
/** Nobody waits for this connection any more, or it for nobody. */
void calls_remove(const struct conn *conn);
