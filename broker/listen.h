/* What a broker listens on: sockets that systemd hands over, those that the
 * configuration names, or the one default socket.
 *
 * Driven by the house. Embedded; starts zeroed.
 */
#pragma once

#include "broker/config.h"
#include "broker/net/listener.h"

enum { LISTEN_MAX = 64 };

struct listen {
    struct loop *loop;
    const struct listener_handler *handler;
    void *userdata;
    struct listener *listeners[LISTEN_MAX];
    char *shown[LISTEN_MAX]; /* of one that was handed over: address and name */
    size_t n;
};

/* Opens all of them, or none that outlives listen_close(). 0; or an exit code of
 * options.h, after saying in the log what was wrong. */
int listen_open(struct listen *listen, const struct config *config);
/* How one is called: its address, and the unit's name for it. */
const char *listen_name(const struct listen *listen, size_t i);
/* Tells who waits that the broker goes, and gives paths back at once, so that a
 * successor can start. Idempotent. */
void listen_refuse(struct listen *listen);
/* Idempotent, safe on a zeroed one. */
void listen_close(struct listen *listen);
