/* What a backend of the loop is, and what it sees of the loop. Private to
 * broker/loop: others include loop.h.
 *
 * A backend owns one structure (loop->set) and entry->slot. Its dispatch must
 * bear every change from inside a callback: entries removed, freed, added,
 * their memory used again for another entry.
 */
#pragma once

#include "broker/loop/loop.h"

struct loop_backend {
    const char *name;
    /* Makes loop->set. 0 or -errno. */
    int (*open)(struct loop *loop);
    void (*close)(struct loop *loop);
    /* entry->fd and entry->events are set, entry->slot is 0. */
    int (*add)(struct loop *loop, struct loop_fd *entry);
    /* Only called for a change; entry->events still has the old ones. */
    int (*mod)(struct loop *loop, struct loop_fd *entry, unsigned events);
    void (*del)(struct loop *loop, struct loop_fd *entry);
    /* Waits up to timeout_ms (-1: for ever), calls loop_begin_round(), and
     * dispatches at most LOOP_MAX_READY entries. 0 or -errno. */
    int (*wait)(struct loop *loop, int timeout_ms);
};

struct loop {
    const struct loop_backend *backend;
    void *set;              /* the backend's */
    struct timer_heap timers;
    uint64_t now_ns;
    uint64_t round;
    loop_hook_fn hook;
    void *hook_userdata;
    bool again;
    bool stop;
};

extern const struct loop_backend loop_backend_poll;
extern const struct loop_backend loop_backend_epoll;

/* Right after the wait: reads the clock, counts the round. */
void loop_begin_round(struct loop *loop);
