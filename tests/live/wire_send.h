/*
 * Sending bytes in one go, in two, or one by one, to a peer that may hang up at any of them, as it should.
 */
#ifndef TESTS_LIVE_WIRE_SEND_H
#define TESTS_LIVE_WIRE_SEND_H

#include <stddef.h>
#include <stdint.h>

#define WIRE_AT_ONCE      ((size_t)0)
#define WIRE_BYTE_BY_BYTE SIZE_MAX

enum { WIRE_PATIENCE_MS = 20000 };

/** @param split  the peer has read so many bytes before the others are sent; or one of the two above */
void wire_send(int fd, const uint8_t *bytes, size_t len, size_t split);
/** Waits until the peer has read all that was sent, or has gone, for at most some seconds. */
void wire_await_read(int fd);

#endif
