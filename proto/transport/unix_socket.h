/* AF_UNIX stream sockets, by path or abstract name. unix(7). */
#pragma once

#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "proto/address.h"

/* Fills *ret for a unix address. The length to pass to bind(2) or connect(2);
 * -EAFNOSUPPORT if the address is not unix; -ENAMETOOLONG beyond 107 bytes
 * (which address_parse() does not let through); -EINVAL if the name is empty. */
int unix_sockaddr(struct sockaddr_un *ret, const struct address *address);

/* A non-blocking connection, there at once or not at all: on AF_UNIX connect(2)
 * is never "in progress". The descriptor, or -errno: -ECONNREFUSED (nobody
 * listens), -ENOENT, -EAGAIN (the backlog is full: the broker lives, try again
 * soon), -EACCES. */
int unix_connect(const struct address *address);

/* A socket bound to the address, not listening yet; the descriptor or -errno.
 * A path's mode comes from the umask. */
int unix_bind(const struct address *address);

/* listen(2) with the largest backlog the kernel allows (somaxconn). */
int unix_listen(int fd);
