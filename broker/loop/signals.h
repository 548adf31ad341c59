/* Signals as events of the loop: SIGTERM and SIGINT ask to stop, SIGHUP to read
 * the configuration again. SIGPIPE is ignored, a peer that left is an EPIPE.
 *
 * The signals are blocked for the process and read from a signalfd(2), so
 * nothing ever runs in a signal handler, and callbacks may do anything. One at a
 * time in a process, since the mask is the process's. Other signals keep their
 * defaults.
 */
#pragma once

#include "broker/loop/loop.h"

struct signals;

struct signals_handler {
    /* SIGTERM or SIGINT, each time one comes: a second may mean "now". */
    void (*stop)(void *userdata, int signo);
    void (*reload)(void *userdata);
};

/* Blocks the signals and listens for them. Call it before threads or children
 * are made: both inherit the mask. `handler` must outlive the result. 0, or
 * -errno of sigprocmask(2), signalfd(2) or loop_add; nothing is changed then. */
int signals_new(struct signals **ret, struct loop *loop, const struct signals_handler *handler,
                void *userdata);

/* Drops what is pending (a second Ctrl-C during an orderly end must not kill at
 * the very last moment), and puts mask and SIGPIPE back as they were. NULL. May
 * be called from its own callbacks. */
struct signals *signals_free(struct signals *signals);
