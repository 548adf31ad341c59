/* The way in: bytes of one connection, walked frame by frame.
 */
#pragma once

#include "broker/net/conn.h"

/* conn_ops.input: handles the whole frames in block->data[from .. to). Returns the bytes
 * consumed. */
uint32_t ingest(struct conn *conn, struct block *block, uint32_t from, uint32_t to);
