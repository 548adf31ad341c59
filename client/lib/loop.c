#include <limits.h>

#include <brokerclient.h>

#include "client/lib/conn.h"
#include "client/lib/deadline.h"
#include "client/lib/handle.h"
#include "client/lib/input.h"
#include "client/lib/output.h"
#include "client/lib/stream.h"
#include "proto/transport/sys.h"

int broker_fd(const broker *b)
{
    return b->fd;
}

/* Corked frames wait for their 64 KiB, or for broker_uncork. */
static bool wants_write(const broker *b)
{
    size_t pending = outbox_pending(&b->out);

    return b->fd >= 0 && (b->cork > 0 ? pending >= OUTBOX_BATCH : pending > 0);
}

short broker_events(const broker *b)
{
    if (b->fd < 0)
        return 0;
    return (short)(POLLIN | (wants_write(b) ? POLLOUT : 0));
}

uint64_t broker_deadline_ns(const broker *b)
{
    if (stream_is_due(b))
        return 0;
    return conn_deadline(b);
}

/* Reads once; a large frame until it is whole, or nothing more is there. */
static void read_some(broker *b)
{
    while (b->fd >= 0 && !stream_is_due(b)) {
        if (input_read(b) <= 0 || b->in.drained)
            return;
    }
}

static void process(broker *b)
{
    b->halt = false;
    b->n_callbacks = 0;
    read_some(b);
    stream_dispatch(b);
    if (b->freed)
        return;
    conn_step(b);
    if (b->state == STATE_OPEN && wants_write(b))
        ping_sometimes(b);
    if (wants_write(b))
        output_send(b, NULL);
}

/* As broker_process; *ret_gone: the handle was freed in a callback. */
static int process_once(broker *b, bool *ret_gone)
{
    int n;

    if (!handle_is_ours(b))
        return handle_check(b);
    if (b->depth > 0)
        return handle_fail(b, BROKER_E_INVALID, "a callback is running");
    if (b->state == STATE_CLOSED && !stream_is_due(b))
        return handle_fail(b, BROKER_E_CLOSED, NULL);
    handle_enter(b);
    process(b);
    n = b->n_callbacks;
    *ret_gone = !handle_leave(b);
    return n;
}

int broker_process(broker *b)
{
    bool gone = false;

    return process_once(b, &gone);
}

static int wait_for(broker *b, uint64_t deadline)
{
    struct pollfd p = { .fd = b->fd, .events = broker_events(b) };

    return sys_poll(&p, b->fd >= 0 ? 1 : 0, deadline_left_ms(deadline));
}

/* Asking again and again for a while, where a wake-up is too slow. */
static int spin_for(broker *b, uint64_t deadline)
{
    uint64_t until = deadline_now() + (uint64_t)b->options.spin_us * 1000;
    int r = 0;

    if (b->options.spin_us == 0)
        return 0;
    do
        r = wait_for(b, 0);
    while (r == 0 && deadline_now() < (until < deadline ? until : deadline));
    return r;
}

static int wait_once(broker *b, uint64_t deadline, bool *ret_gone)
{
    uint64_t own;

    if (!handle_is_ours(b) || b->depth > 0 || (b->state == STATE_CLOSED && !stream_is_due(b)))
        return process_once(b, ret_gone);
    own = broker_deadline_ns(b);
    if (own > 0) {
        deadline = own < deadline ? own : deadline;
        if (spin_for(b, deadline) == 0 && wait_for(b, deadline) < 0)
            return 0; /* a signal: who waits for one wants to look */
    }
    return process_once(b, ret_gone);
}

int broker_wait(broker *b, int timeout_ms)
{
    bool gone = false;

    return wait_once(b, deadline_in(timeout_ms), &gone);
}

int broker_run(broker *b)
{
    bool gone = false;
    int r = 0;

    while (r >= 0 && !gone && !b->stop)
        r = wait_once(b, DEADLINE_NEVER, &gone);
    if (gone)
        return -BROKER_E_CLOSED;
    b->stop = false;
    return r < 0 ? r : 0;
}

void broker_stop(broker *b)
{
    b->stop = b->halt = true;
}
