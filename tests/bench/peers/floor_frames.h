/*
 * What the floor's broker does with a frame.
 *
 * MESSAGE frames that follow each other and have the same receivers make a run, which goes to each receiver as
 * one piece, at the latest with frames_end(): the loop calls that when it has handled what it has read.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "tests/bench/peers/floor_conn.h"

/** @param copies_only  the variant that passes on the bytes of whoever has sent a payload, unread */
void frames_init(bool copies_only);
/** Handles the frame at @p at in @p block, prefix and all. @return false to end the connection */
bool frames_take(struct conn *conn, struct block *block, size_t at, size_t len);
void frames_end(void);
/** Passes on bytes of a connection that is blind. */
void frames_pass(const struct conn *conn, struct block *block, size_t at, size_t len);
/** Forgets a connection. */
void frames_remove(struct conn *conn);
