/* The reading half of a connection; see conn.h. */
#pragma once

#include "broker/net/conn.h"

/* The descriptor is readable, or hung up. */
void conn_read(struct conn *conn);
/* Offers the layer above what the connection has kept. */
void conn_offer(struct conn *conn);
