/* libbrokerclient in an sd-event loop.
 *
 *     struct broker_sd_event adapter;
 *     broker_sd_event_attach(&adapter, b, event);
 *     sd_event_loop(event);
 *
 * The handle is asked what to wait for each time before the loop sleeps, so
 * nothing needs to be said after a call into the library. The adapter is yours
 * and must outlive the handle's callbacks; broker_sd_event_detach() may be
 * called inside them, and has to be before broker_free(). It detaches itself
 * when the handle closes for good. Functions return -errno, as sd-event's do.
 */
#ifndef BROKERCLIENT_SD_EVENT_H
#define BROKERCLIENT_SD_EVENT_H

#include <poll.h>
#include <sys/epoll.h>

#include <brokerclient.h>
#include <systemd/sd-event.h>

/* CLOCK_MONOTONIC, which <time.h> hides from -std=c11; Linux never changes it. */
enum { BROKER_SD_EVENT_CLOCK = 1 };

struct broker_sd_event {
    broker *b; /* NULL: detached */
    sd_event *event;
    sd_event_source *io;
    sd_event_source *timer; /* always on, so that its prepare callback is */
    int fd;                 /* what io watches */
};

static inline void broker_sd_event_drop_io(struct broker_sd_event *a)
{
    if (a->io)
        sd_event_source_set_enabled(a->io, SD_EVENT_OFF);
    a->io = sd_event_source_unref(a->io);
    a->fd = -1;
}

static inline void broker_sd_event_detach(struct broker_sd_event *a)
{
    if (!a->b)
        return;
    a->b = NULL;
    broker_sd_event_drop_io(a);
    sd_event_source_set_enabled(a->timer, SD_EVENT_OFF);
    a->timer = sd_event_source_unref(a->timer);
}

static inline int broker_sd_event_process(struct broker_sd_event *a)
{
    int r = broker_process(a->b);

    if (a->b && (r == -BROKER_E_CLOSED || r == -BROKER_E_FORKED))
        broker_sd_event_detach(a);
    return 0;
}

static inline int broker_sd_event_on_io(sd_event_source *s, int fd, uint32_t revents, void *arg)
{
    (void)s;
    (void)fd;
    (void)revents;
    return broker_sd_event_process((struct broker_sd_event *)arg);
}

static inline int broker_sd_event_on_time(sd_event_source *s, uint64_t usec, void *arg)
{
    (void)usec;
    sd_event_source_set_time(s, UINT64_MAX); /* until it is prepared again */
    return broker_sd_event_process((struct broker_sd_event *)arg);
}

static inline int broker_sd_event_update_io(struct broker_sd_event *a)
{
    int fd = broker_fd(a->b);
    short wanted = broker_events(a->b);
    uint32_t events = (wanted & POLLIN ? (uint32_t)EPOLLIN : 0u) |
                      (wanted & POLLOUT ? (uint32_t)EPOLLOUT : 0u);
    int r;

    if (fd == a->fd)
        return a->io ? sd_event_source_set_io_events(a->io, events) : 0;
    broker_sd_event_drop_io(a);
    if (fd < 0)
        return 0;
    r = sd_event_add_io(a->event, &a->io, fd, events, broker_sd_event_on_io, a);
    if (r >= 0)
        a->fd = fd;
    return r;
}

static inline int broker_sd_event_prepare(sd_event_source *s, void *arg)
{
    struct broker_sd_event *a = (struct broker_sd_event *)arg;
    uint64_t deadline = broker_deadline_ns(a->b);
    int r = broker_sd_event_update_io(a);

    if (r < 0)
        return r;
    return sd_event_source_set_time(s, deadline == UINT64_MAX ? UINT64_MAX
                                                              : (deadline + 999) / 1000);
}

/* 0 or -errno. */
static inline int broker_sd_event_attach(struct broker_sd_event *a, broker *b, sd_event *event)
{
    int r;

    a->b = b;
    a->event = event;
    a->io = a->timer = NULL;
    a->fd = -1;
    r = sd_event_add_time(event, &a->timer, BROKER_SD_EVENT_CLOCK, UINT64_MAX, 1,
                          broker_sd_event_on_time, a);
    if (r >= 0)
        r = sd_event_source_set_enabled(a->timer, SD_EVENT_ON);
    if (r >= 0)
        r = sd_event_source_set_prepare(a->timer, broker_sd_event_prepare);
    if (r < 0)
        broker_sd_event_detach(a);
    return r < 0 ? r : 0;
}

#endif
