/* The poll(2) backend: two arrays side by side, without holes, so that poll(2)
 * scans no more than there is. entry->slot is 1 + the index in both.
 *
 * The kernel reports in order of the array; serving begins after the entry
 * served last, so nobody is served twice before all who are ready had a turn.
 * An entry removed meanwhile is replaced by the last one, which may be passed
 * over by that: it is level-triggered, and comes again.
 */
#include <errno.h>
#include <stdlib.h>

#include "broker/loop/backend.h"
#include "proto/transport/sys.h"

enum { SET_FIRST = 16 };

struct poll_set {
    struct pollfd *polled;
    struct loop_fd **entry;
    uint32_t n;
    uint32_t cap;
    uint32_t turn; /* where serving begins */
};

/* poll(2) passes over negative descriptors, but not over a hang-up. */
static struct pollfd to_poll(int fd, unsigned events)
{
    return (struct pollfd){
        .fd = events == LOOP_NONE ? -1 : fd,
        .events = (short)((events & LOOP_IN ? POLLIN : 0) | (events & LOOP_OUT ? POLLOUT : 0)),
    };
}

static unsigned from_poll(short events)
{
    return (events & POLLIN ? (unsigned)LOOP_IN : 0) | (events & POLLOUT ? (unsigned)LOOP_OUT : 0) |
           (events & (POLLHUP | POLLERR | POLLNVAL) ? (unsigned)LOOP_HUP : 0);
}

static int poll_open(struct loop *loop)
{
    loop->set = calloc(1, sizeof(struct poll_set));
    return loop->set ? 0 : -ENOMEM;
}

static void poll_close(struct loop *loop)
{
    struct poll_set *set = loop->set;

    free(set->polled);
    free(set->entry);
    free(set);
}

static int grow(struct poll_set *set)
{
    uint32_t cap = set->cap ? 2 * set->cap : SET_FIRST;
    struct pollfd *polled = realloc(set->polled, cap * sizeof(*polled));
    struct loop_fd **entry;

    if (!polled)
        return -ENOMEM;
    set->polled = polled; /* kept, even if the other one fails */
    entry = realloc(set->entry, cap * sizeof(struct loop_fd *));
    if (!entry)
        return -ENOMEM;
    set->entry = entry;
    set->cap = cap;
    return 0;
}

static int poll_add(struct loop *loop, struct loop_fd *entry)
{
    struct poll_set *set = loop->set;

    if (set->n == set->cap && grow(set) < 0)
        return -ENOMEM;
    set->polled[set->n] = to_poll(entry->fd, entry->events);
    set->entry[set->n] = entry;
    entry->slot = ++set->n & LOOP_MAX_SLOT;
    return 0;
}

static int poll_mod(struct loop *loop, struct loop_fd *entry, unsigned events)
{
    struct poll_set *set = loop->set;
    struct pollfd *polled = &set->polled[entry->slot - 1];
    short seen = polled->revents;

    *polled = to_poll(entry->fd, events);
    if (events != LOOP_NONE)
        polled->revents = seen; /* its turn may be still to come */
    return 0;
}

static void poll_del(struct loop *loop, struct loop_fd *entry)
{
    struct poll_set *set = loop->set;
    uint32_t hole = entry->slot - 1;
    uint32_t last = --set->n;

    if (hole == last)
        return;
    set->polled[hole] = set->polled[last];
    set->entry[hole] = set->entry[last];
    set->entry[hole]->slot = (hole + 1) & LOOP_MAX_SLOT;
}

/* Serves `n_ready` entries from the turn on, once around the array as it was;
 * callbacks may grow, shrink and move it. */
static void serve(struct poll_set *set, int n_ready)
{
    uint32_t i = set->turn;

    for (uint32_t left = set->n; left > 0 && n_ready > 0 && set->n > 0; left--, i++) {
        short revents;

        if (i >= set->n)
            i = 0;
        revents = set->polled[i].revents;
        if (!revents)
            continue;
        set->polled[i].revents = 0;
        n_ready--;
        set->turn = i + 1;
        set->entry[i]->fn(set->entry[i], from_poll(revents));
    }
}

static int poll_wait_round(struct loop *loop, int timeout_ms)
{
    struct poll_set *set = loop->set;
    int n = sys_poll(set->polled, set->n, timeout_ms);

    if (n == -ENOMEM) /* the kernel copies the array; try again, unhurried */
        n = sys_poll(NULL, 0, 1);
    if (n < 0 && n != -EINTR)
        return n;
    loop_begin_round(loop);
    if (n > 0)
        serve(set, n < LOOP_MAX_READY ? n : LOOP_MAX_READY);
    return 0;
}

const struct loop_backend loop_backend_poll = {
    .name = "poll",
    .open = poll_open,
    .close = poll_close,
    .add = poll_add,
    .mod = poll_mod,
    .del = poll_del,
    .wait = poll_wait_round,
};
