/* libbrokerclient in a libev loop.
 *
 *     struct broker_libev adapter;
 *     broker_libev_attach(&adapter, b, EV_DEFAULT);
 *     ev_run(EV_DEFAULT, 0);
 *
 * The handle is asked what to wait for each time before the loop sleeps, so
 * nothing needs to be said after a call into the library. The adapter is yours
 * and must outlive the handle's callbacks; broker_libev_detach() may be called
 * inside them, and has to be before broker_free(). It detaches itself when the
 * handle closes for good.
 */
#ifndef BROKERCLIENT_LIBEV_H
#define BROKERCLIENT_LIBEV_H

#include <poll.h>

#include <brokerclient.h>
#include <ev.h>

struct broker_libev {
    broker *b; /* NULL: detached */
    struct ev_loop *loop;
    ev_io io;
    ev_timer timer;
    ev_prepare prepare;
};

static inline void broker_libev_detach(struct broker_libev *a)
{
    if (!a->b)
        return;
    ev_io_stop(a->loop, &a->io);
    ev_timer_stop(a->loop, &a->timer);
    ev_prepare_stop(a->loop, &a->prepare);
    a->b = NULL;
}

static inline void broker_libev_process(struct broker_libev *a)
{
    int r = broker_process(a->b);

    if (a->b && (r == -BROKER_E_CLOSED || r == -BROKER_E_FORKED))
        broker_libev_detach(a);
}

static inline void broker_libev_on_io(struct ev_loop *loop, ev_io *w, int revents)
{
    (void)loop;
    (void)revents;
    broker_libev_process((struct broker_libev *)w->data);
}

static inline void broker_libev_on_timer(struct ev_loop *loop, ev_timer *w, int revents)
{
    (void)loop;
    (void)revents;
    broker_libev_process((struct broker_libev *)w->data);
}

static inline void broker_libev_update_io(struct broker_libev *a)
{
    int fd = broker_fd(a->b);
    short wanted = broker_events(a->b);
    int events = (wanted & POLLIN ? EV_READ : 0) | (wanted & POLLOUT ? EV_WRITE : 0);

    if (fd >= 0 && ev_is_active(&a->io) && a->io.fd == fd &&
        (a->io.events & (EV_READ | EV_WRITE)) == events)
        return;
    ev_io_stop(a->loop, &a->io);
    if (fd < 0)
        return;
    ev_io_set(&a->io, fd, events);
    ev_io_start(a->loop, &a->io);
}

static inline void broker_libev_on_prepare(struct ev_loop *loop, ev_prepare *w, int revents)
{
    struct broker_libev *a = (struct broker_libev *)w->data;
    uint64_t deadline = broker_deadline_ns(a->b), now;

    (void)revents;
    broker_libev_update_io(a);
    ev_timer_stop(loop, &a->timer);
    if (deadline == UINT64_MAX)
        return;
    now = broker_now_ns();
    /* libev counts from its own idea of now, which may be a little old. */
    ev_now_update(loop);
    ev_timer_set(&a->timer, deadline > now ? (double)(deadline - now) * 1e-9 : 0., 0.);
    ev_timer_start(loop, &a->timer);
}

static inline void broker_libev_attach(struct broker_libev *a, broker *b, struct ev_loop *loop)
{
    a->b = b;
    a->loop = loop;
    ev_io_init(&a->io, broker_libev_on_io, -1, 0);
    ev_timer_init(&a->timer, broker_libev_on_timer, 0., 0.);
    ev_prepare_init(&a->prepare, broker_libev_on_prepare);
    a->io.data = a->timer.data = a->prepare.data = a;
    ev_prepare_start(loop, &a->prepare);
}

#endif
