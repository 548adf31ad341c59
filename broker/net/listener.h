/* Listening sockets: accepting what comes, and surviving what goes wrong.
 *
 * A listener is a path, an abstract name, or a socket that systemd opened. It
 * drives itself from the loop and hands each new descriptor up. Nothing about a
 * peer or a limit ends it:
 *
 * - At the descriptor limit (EMFILE, ENFILE) a spare descriptor is given up for
 *   a moment, the connection accepted with it, refused with a reason, and
 *   closed. So the backlog empties, and the loop does not spin on it.
 * - Short of memory, or without even the spare, accepting pauses for 100 ms.
 */
#pragma once

#include <stdbool.h>

#include "broker/loop/loop.h"
#include "broker/net/setup_error.h"
#include "broker/net/sockpath.h"
#include "proto/address.h"

enum {
    LISTENER_ACCEPTS = 64,          /* per round and listener … */
    LISTENER_NS = 100 * 1000,       /* … as far as they take no longer than this */
    LISTENER_PAUSE_MS = 100,        /* a refusal is to be heard within that time */
};

struct listener;

struct listener_handler {
    /* Somebody waits to be accepted: listener_accept() when it is time; said again in each round
     * until nobody does. NULL: they are accepted at once. Must not free the listener. */
    void (*waiting)(void *userdata, struct listener *from);
    /* A new connection, non-blocking and close-on-exec. `fd` is yours. May
     * free `from`. */
    void (*accepted)(void *userdata, int fd, struct listener *from);
    /* One that cannot be kept, for the reason `status` (STATUS_NO_DESCRIPTORS,
     * STATUS_SHUTTING_DOWN). Send one goodbye without waiting, and leave `fd`
     * alone: it is shut down and closed right after. May be NULL. Must not
     * free the listener. */
    void (*refused)(void *userdata, int fd, int status);
};

/* Opens a unix address and listens: a path is owned as sockpath.h says with
 * `options`, which an abstract name does not look at (it has no mode: anybody
 * in the network namespace may connect to it). Accepts from the next round
 * on. `handler` must outlive the listener. -EAFNOSUPPORT for an address that is
 * not unix; else what sockpath_new(), bind(2) or listen(2) say, with the
 * sentence in *error. */
int listener_new(struct listener **ret, struct loop *loop, const struct address *address,
                 const struct sockpath_options *options, const struct listener_handler *handler,
                 void *userdata, struct setup_error *error);

/* Takes over a socket that is listening already (socket activation), if it is
 * an AF_UNIX stream: else -ENOTSOCK, -EPROTOTYPE or -EINVAL, and `fd` stays the
 * caller's. The path stays whoever opened it's: it is not removed. `name` is
 * copied, and stands in logs. */
int listener_adopt(struct listener **ret, struct loop *loop, int fd, const char *name,
                   const struct listener_handler *handler, void *userdata,
                   struct setup_error *error);

/* Accepts who waits, some of them, until about then (loop_clock_ns()). Nobody need wait. */
void listener_accept(struct listener *listener, uint64_t until_ns);

/* Stops listening, removes the socket's path if it is ours, closes. NULL. */
struct listener *listener_free(struct listener *listener);

/* Refuses with `status` all that wait in the backlog now: the last thing before
 * listener_free() when the broker goes down, so that nobody just sees the
 * connection end. */
void listener_refuse_waiting(struct listener *listener, int status);

/* What it listens on, as an address ("unix:/run/brokerd/brokerd.sock"), or the
 * name it was adopted with. */
const char *listener_name(const struct listener *listener);
