/* The epoll(7) backend: constant cost, whatever the number of descriptors.
 *
 * The kernel hands entries back by pointer. An entry removed while a batch is
 * dispatched is blotted out of what remains of the batch, so no event reaches
 * freed memory, nor another entry that lives there by now. Level-triggered
 * epoll puts what it reported at the end of its list: that is the turn.
 */
#include <errno.h>
#include <stdlib.h>

#include "broker/loop/backend.h"
#include "proto/transport/sys.h"

/* entry->slot */
enum {
    SLOT_OUT = 1, /* registered with the loop, asks for nothing */
    SLOT_IN,      /* in the kernel's set as well */
};

struct epoll_set {
    int fd;
    int next; /* events[next..n) are still to be dispatched */
    int n;
    struct epoll_event events[LOOP_MAX_READY];
};

static uint32_t to_epoll(unsigned events)
{
    return (events & LOOP_IN ? (uint32_t)EPOLLIN : 0) |
           (events & LOOP_OUT ? (uint32_t)EPOLLOUT : 0);
}

static unsigned from_epoll(uint32_t events)
{
    return (events & EPOLLIN ? (unsigned)LOOP_IN : 0) |
           (events & EPOLLOUT ? (unsigned)LOOP_OUT : 0) |
           (events & (EPOLLHUP | EPOLLERR) ? (unsigned)LOOP_HUP : 0);
}

static int epoll_open(struct loop *loop)
{
    struct epoll_set *set = calloc(1, sizeof(*set));

    if (!set)
        return -ENOMEM;
    set->fd = sys_epoll_create();
    if (set->fd < 0) {
        int r = set->fd;

        free(set);
        return r;
    }
    loop->set = set;
    return 0;
}

static void epoll_close(struct loop *loop)
{
    struct epoll_set *set = loop->set;

    sys_close(set->fd);
    free(set);
}

static int epoll_mod(struct loop *loop, struct loop_fd *entry, unsigned events)
{
    struct epoll_set *set = loop->set;
    int op = EPOLL_CTL_MOD;
    int r;

    if (entry->slot != SLOT_IN)
        op = EPOLL_CTL_ADD;
    else if (events == LOOP_NONE)
        op = EPOLL_CTL_DEL; /* or its EPOLLHUP would be reported for ever */
    r = sys_epoll_ctl(set->fd, op, entry->fd, to_epoll(events), entry);
    if (r == 0)
        entry->slot = events == LOOP_NONE ? SLOT_OUT : SLOT_IN;
    return r;
}

static int epoll_add(struct loop *loop, struct loop_fd *entry)
{
    entry->slot = SLOT_OUT;
    return entry->events == LOOP_NONE ? 0 : epoll_mod(loop, entry, entry->events);
}

static void epoll_del(struct loop *loop, struct loop_fd *entry)
{
    struct epoll_set *set = loop->set;

    if (entry->slot == SLOT_IN)
        (void)sys_epoll_ctl(set->fd, EPOLL_CTL_DEL, entry->fd, 0, NULL);
    for (int i = set->next; i < set->n; i++)
        if (set->events[i].data.ptr == entry)
            set->events[i].data.ptr = NULL;
}

static int epoll_wait_round(struct loop *loop, int timeout_ms)
{
    struct epoll_set *set = loop->set;
    int n = sys_epoll_wait(set->fd, set->events, LOOP_MAX_READY, timeout_ms);

    if (n < 0 && n != -EINTR)
        return n;
    loop_begin_round(loop);
    set->n = n > 0 ? n : 0;
    for (set->next = 0; set->next < set->n;) {
        struct epoll_event *event = &set->events[set->next++];
        struct loop_fd *entry = event->data.ptr;

        /* An earlier callback may have taken it out of the set meanwhile. */
        if (entry && entry->slot == SLOT_IN)
            entry->fn(entry, from_epoll(event->events));
    }
    set->n = set->next = 0;
    return 0;
}

const struct loop_backend loop_backend_epoll = {
    .name = "epoll",
    .open = epoll_open,
    .close = epoll_close,
    .add = epoll_add,
    .mod = epoll_mod,
    .del = epoll_del,
    .wait = epoll_wait_round,
};
