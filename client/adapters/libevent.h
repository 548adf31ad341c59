/* libbrokerclient in a libevent 2 loop.
 *
 *     struct broker_libevent adapter;
 *     broker_libevent_attach(&adapter, b, base);
 *     event_base_dispatch(base);
 *
 * libevent 2.1 has no hook before it sleeps, so after a call into the library
 * from outside its callbacks (a publish from a timer of yours, say) call
 * broker_libevent_update(). The adapter is yours and must outlive the handle's
 * callbacks; broker_libevent_detach() may be called inside them, and has to be
 * before broker_free(). It detaches itself when the handle closes for good.
 */
#ifndef BROKERCLIENT_LIBEVENT_H
#define BROKERCLIENT_LIBEVENT_H

#include <poll.h>

#include <brokerclient.h>
#include <event2/event.h>

struct broker_libevent {
    broker *b; /* NULL: detached */
    struct event_base *base;
    struct event *io;
    struct event *timer;
    int fd; /* what io watches */
    short events;
};

static inline void broker_libevent_drop_io(struct broker_libevent *a)
{
    if (a->io)
        event_free(a->io);
    a->io = NULL;
    a->fd = -1;
}

static inline void broker_libevent_detach(struct broker_libevent *a)
{
    broker_libevent_drop_io(a);
    if (a->timer)
        event_free(a->timer);
    a->timer = NULL;
    a->b = NULL;
}

static inline int broker_libevent_update(struct broker_libevent *a);

static inline void broker_libevent_process(struct broker_libevent *a)
{
    int r = broker_process(a->b);

    if (!a->b)
        return; /* detached in a callback */
    if (r == -BROKER_E_CLOSED || r == -BROKER_E_FORKED)
        broker_libevent_detach(a);
    else
        broker_libevent_update(a);
}

static inline void broker_libevent_on_event(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    broker_libevent_process((struct broker_libevent *)arg);
}

static inline int broker_libevent_update_io(struct broker_libevent *a)
{
    int fd = broker_fd(a->b);
    short events = broker_events(a->b);

    if (fd == a->fd && events == a->events)
        return 0;
    broker_libevent_drop_io(a);
    if (fd < 0)
        return 0;
    a->io = event_new(a->base, fd,
                      (short)(EV_PERSIST | (events & POLLIN ? EV_READ : 0) |
                              (events & POLLOUT ? EV_WRITE : 0)),
                      broker_libevent_on_event, a);
    if (!a->io || event_add(a->io, NULL) < 0)
        return -BROKER_E_NO_MEMORY;
    a->fd = fd;
    a->events = events;
    return 0;
}

/* Asks the handle what to wait for. 0 or -BROKER_E_NO_MEMORY. */
static inline int broker_libevent_update(struct broker_libevent *a)
{
    uint64_t deadline, now, left = 0;
    struct timeval tv;

    if (!a->b)
        return 0;
    deadline = broker_deadline_ns(a->b);
    now = broker_now_ns();
    if (deadline > now)
        left = (deadline - now + 999u) / 1000u;
    tv.tv_sec = (time_t)(left / 1000000u);
    tv.tv_usec = (suseconds_t)(left % 1000000u);
    if (deadline == UINT64_MAX ? event_del(a->timer) < 0 : event_add(a->timer, &tv) < 0)
        return -BROKER_E_NO_MEMORY;
    return broker_libevent_update_io(a);
}

/* 0 or -BROKER_E_NO_MEMORY. */
static inline int broker_libevent_attach(struct broker_libevent *a, broker *b,
                                         struct event_base *base)
{
    a->b = b;
    a->base = base;
    a->io = NULL;
    a->fd = -1;
    a->events = 0;
    a->timer = event_new(base, -1, 0, broker_libevent_on_event, a);
    if (a->timer && broker_libevent_update(a) == 0)
        return 0;
    broker_libevent_detach(a);
    return -BROKER_E_NO_MEMORY;
}

#endif
