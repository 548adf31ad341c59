/*
 * The sockets of the floor, on both sides: AF_UNIX streams at bench_options->address (a path, or unix:PATH), with
 * bench_options->sndbuf bytes of SO_SNDBUF, else 1 MiB.
 */
#pragma once

#include <stddef.h>

/** Each dies when it cannot. */
int socket_listen(void);
int socket_connect(void);
/** Sets SO_SNDBUF, beyond the system's limit where that is allowed. */
void socket_set_buffer(int fd);
/** Sends all of it, waiting as long as that takes. */
void socket_send(int fd, const void *bytes, size_t len);
