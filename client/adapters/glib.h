/* libbrokerclient in a GLib main loop.
 *
 *     GSource *source = broker_glib_attach(b, NULL);       the default context
 *     g_main_loop_run(loop);
 *     broker_glib_detach(source);
 *
 * The handle is asked what to wait for each time before the loop sleeps, so
 * nothing needs to be said after a call into the library. broker_glib_detach()
 * may be called inside the broker's callbacks, and has to be before
 * broker_free(). The source destroys itself when the handle closes for good.
 */
#ifndef BROKERCLIENT_GLIB_H
#define BROKERCLIENT_GLIB_H

#include <poll.h>

#include <brokerclient.h>
#include <glib.h>

struct broker_glib {
    GSource source;
    broker *b; /* NULL: detached */
    gpointer tag;
    int fd;              /* what tag watches, */
    GIOCondition events; /* and for what */
};

static inline GIOCondition broker_glib_events(const broker *b)
{
    short events = broker_events(b);

    return (GIOCondition)((events & POLLIN ? G_IO_IN : 0) | (events & POLLOUT ? G_IO_OUT : 0) |
                          G_IO_HUP | G_IO_ERR);
}

static inline void broker_glib_update_io(struct broker_glib *a)
{
    int fd = broker_fd(a->b);
    GIOCondition events = broker_glib_events(a->b);

    if (a->tag && a->fd != fd) {
        g_source_remove_unix_fd(&a->source, a->tag);
        a->tag = NULL;
    }
    if (fd < 0)
        return;
    /* Only if it changes: this wakes the loop, which asks again before it sleeps. */
    if (a->tag && a->events != events)
        g_source_modify_unix_fd(&a->source, a->tag, events);
    else if (!a->tag)
        a->tag = g_source_add_unix_fd(&a->source, fd, events);
    a->fd = fd;
    a->events = events;
}

static inline gboolean broker_glib_prepare(GSource *source, gint *timeout_ms)
{
    struct broker_glib *a = (struct broker_glib *)source;
    uint64_t deadline;

    *timeout_ms = -1;
    if (!a->b)
        return FALSE;
    broker_glib_update_io(a);
    deadline = broker_deadline_ns(a->b);
    /* g_get_monotonic_time() is CLOCK_MONOTONIC, in microseconds. */
    g_source_set_ready_time(source,
                            deadline == UINT64_MAX ? -1 : (gint64)((deadline + 999) / 1000));
    return FALSE;
}

static inline gboolean broker_glib_check(GSource *source)
{
    struct broker_glib *a = (struct broker_glib *)source;

    return a->b && a->tag && g_source_query_unix_fd(source, a->tag) != 0;
}

static inline gboolean broker_glib_dispatch(GSource *source, GSourceFunc callback, gpointer data)
{
    struct broker_glib *a = (struct broker_glib *)source;
    int r;

    (void)callback;
    (void)data;
    if (!a->b)
        return G_SOURCE_REMOVE;
    r = broker_process(a->b);
    return a->b && r != -BROKER_E_CLOSED && r != -BROKER_E_FORKED ? G_SOURCE_CONTINUE
                                                                  : G_SOURCE_REMOVE;
}

/* Takes the handle out of its loop, and drops the reference. */
static inline void broker_glib_detach(GSource *source)
{
    ((struct broker_glib *)source)->b = NULL;
    g_source_destroy(source);
    g_source_unref(source);
}

/* A source with one reference, the caller's. */
static inline GSource *broker_glib_attach(broker *b, GMainContext *context)
{
    static GSourceFuncs funcs = { broker_glib_prepare, broker_glib_check, broker_glib_dispatch,
                                  NULL, NULL, NULL };
    GSource *source = g_source_new(&funcs, sizeof(struct broker_glib));

    ((struct broker_glib *)source)->b = b;
    ((struct broker_glib *)source)->fd = -1;
    g_source_attach(source, context);
    return source;
}

#endif
