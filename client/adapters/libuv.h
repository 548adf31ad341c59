/* libbrokerclient in a libuv loop.
 *
 *     struct broker_libuv *adapter = broker_libuv_attach(b, uv_default_loop());
 *     uv_run(uv_default_loop(), UV_RUN_DEFAULT);
 *
 * The handle is asked what to wait for each time before the loop sleeps, so
 * nothing needs to be said after a call into the library. libuv closes its
 * handles later, so the adapter is its own: broker_libuv_detach() may be called
 * in the broker's callbacks, and has to be before broker_free(); the memory goes
 * when the loop has run once more. When the broker handle closes for good,
 * detach it in BROKER_EVENT_CLOSED or after uv_run, which then ends.
 *
 * <uv.h> wants POSIX: with -std=c11 define _POSIX_C_SOURCE as 200809L.
 */
#ifndef BROKERCLIENT_LIBUV_H
#define BROKERCLIENT_LIBUV_H

#include <poll.h>
#include <stdlib.h>

#include <brokerclient.h>
#include <uv.h>

struct broker_libuv {
    broker *b; /* NULL: closed or detached */
    uv_loop_t *loop;
    uv_poll_t *io; /* a new one for each descriptor */
    int fd, events;
    uv_timer_t timer;
    uv_prepare_t prepare;
    int n_open; /* of timer and prepare */
};

static inline void broker_libuv_on_io_closed(uv_handle_t *handle)
{
    free(handle);
}

static inline void broker_libuv_drop_io(struct broker_libuv *a)
{
    if (a->io) {
        uv_poll_stop(a->io);
        uv_close((uv_handle_t *)a->io, broker_libuv_on_io_closed);
    }
    a->io = NULL;
    a->fd = -1;
    a->events = 0;
}

/* Nothing is waited for any more. */
static inline void broker_libuv_stop(struct broker_libuv *a)
{
    broker_libuv_drop_io(a);
    uv_timer_stop(&a->timer);
    uv_prepare_stop(&a->prepare);
    a->b = NULL;
}

static inline void broker_libuv_on_closed(uv_handle_t *handle)
{
    struct broker_libuv *a = (struct broker_libuv *)handle->data;

    if (--a->n_open == 0)
        free(a);
}

static inline void broker_libuv_detach(struct broker_libuv *a)
{
    broker_libuv_stop(a);
    uv_close((uv_handle_t *)&a->timer, broker_libuv_on_closed);
    uv_close((uv_handle_t *)&a->prepare, broker_libuv_on_closed);
}

static inline void broker_libuv_process(struct broker_libuv *a)
{
    int r = broker_process(a->b);

    if (a->b && (r == -BROKER_E_CLOSED || r == -BROKER_E_FORKED))
        broker_libuv_stop(a);
}

static inline void broker_libuv_on_io(uv_poll_t *io, int status, int events)
{
    (void)status;
    (void)events;
    broker_libuv_process((struct broker_libuv *)io->data);
}

static inline void broker_libuv_on_timer(uv_timer_t *timer)
{
    struct broker_libuv *a = (struct broker_libuv *)timer->data;

    if (a->b)
        broker_libuv_process(a);
}

static inline void broker_libuv_new_io(struct broker_libuv *a, int fd)
{
    broker_libuv_drop_io(a);
    if (fd < 0)
        return;
    a->io = (uv_poll_t *)malloc(sizeof *a->io);
    if (!a->io)
        return; /* asked again before the next sleep */
    if (uv_poll_init(a->loop, a->io, fd) < 0) {
        free(a->io);
        a->io = NULL;
        return;
    }
    a->io->data = a;
    a->fd = fd;
}

static inline void broker_libuv_update_io(struct broker_libuv *a)
{
    int fd = broker_fd(a->b);
    short wanted = broker_events(a->b);
    int events = (wanted & POLLIN ? UV_READABLE : 0) | (wanted & POLLOUT ? UV_WRITABLE : 0);

    if (fd != a->fd)
        broker_libuv_new_io(a, fd);
    if (a->io && events != a->events && uv_poll_start(a->io, events, broker_libuv_on_io) == 0)
        a->events = events;
}

static inline void broker_libuv_on_prepare(uv_prepare_t *prepare)
{
    struct broker_libuv *a = (struct broker_libuv *)prepare->data;
    uint64_t deadline = broker_deadline_ns(a->b), now;

    broker_libuv_update_io(a);
    uv_timer_stop(&a->timer);
    if (deadline == UINT64_MAX)
        return;
    uv_update_time(a->loop);
    now = broker_now_ns();
    uv_timer_start(&a->timer, broker_libuv_on_timer,
                   deadline > now ? (deadline - now + 999999u) / 1000000u : 0, 0);
}

/* NULL without memory. */
static inline struct broker_libuv *broker_libuv_attach(broker *b, uv_loop_t *loop)
{
    struct broker_libuv *a = (struct broker_libuv *)calloc(1, sizeof *a);

    if (!a)
        return NULL;
    a->b = b;
    a->loop = loop;
    a->fd = -1;
    a->n_open = 2;
    uv_timer_init(loop, &a->timer);
    uv_prepare_init(loop, &a->prepare);
    a->timer.data = a->prepare.data = a;
    uv_prepare_start(&a->prepare, broker_libuv_on_prepare);
    return a;
}

#endif
