#include "client/lib/input.h"

#include <errno.h>
#include <string.h>

#include "client/lib/conn.h"
#include "client/lib/deadline.h"
#include "client/lib/farewell.h"
#include "client/lib/handle.h"
#include "client/lib/output.h"
#include "client/lib/scan.h"
#include "proto/transport/sys.h"

static int read_failed(broker *b, ssize_t n)
{
    switch (n) {
    case -EAGAIN:
        return 0;
    case 0:
        conn_lost(b, BROKER_E_VANISHED, NULL);
        break;
    case -EBADMSG:
        farewell(b, BROKER_E_UNEXPECTED_FDS, "%s",
                 broker_status_text(BROKER_E_UNEXPECTED_FDS));
        break;
    case -ENOMEM:
        conn_lost(b, BROKER_E_NO_MEMORY, "no memory for what is to be read");
        break;
    default:
        conn_lost(b, BROKER_E_VANISHED, "receive: %s", strerror((int)-n));
    }
    return -BROKER_E_NOT_CONNECTED;
}

int input_read(broker *b)
{
    ssize_t n = inbox_read(&b->in, b->fd);

    return n > 0 ? 1 : read_failed(b, n);
}

int input_take(broker *b)
{
    int r;

    /* Inside a callback whole frames may lie behind its own. */
    if (!scan_all(b))
        return -BROKER_E_NOT_CONNECTED;
    r = input_read(b);
    return r > 0 && !scan_all(b) ? -BROKER_E_NOT_CONNECTED : r;
}

void input_read_to_end(broker *b)
{
    /* Bounded: the broker has ended, so what comes is what the kernel holds. A
     * peer that talks on without listening is cut off at twice the limit. */
    while (inbox_held(&b->in) < 2 * b->in.limit && input_take(b) > 0)
        ;
}

/* Asking again and again for a while, where a wake-up is too slow. */
static int spin(broker *b)
{
    uint64_t until;

    if (b->options.spin_us == 0)
        return 0;
    until = deadline_now() + (uint64_t)b->options.spin_us * 1000;
    do {
        int r = input_take(b);

        if (r != 0)
            return r;
    } while (deadline_now() < until);
    return 0;
}

static int sleep_for(broker *b, bool write, bool full, uint64_t deadline)
{
    struct pollfd p = { .fd = b->fd };
    int r;

    p.events = (short)((full ? 0 : POLLIN) | (write ? POLLOUT : 0));
    r = sys_poll(&p, 1, deadline_left_ms(deadline));
    if (r < 0 || (r == 0 && !deadline_over(deadline)))
        return 0; /* a signal, or a little early: the caller comes again */
    if (r == 0)
        return full ? -BROKER_E_INBOX_FULL : -BROKER_E_TIMEOUT;
    if (full && (p.revents & (POLLHUP | POLLERR))) {
        input_read_to_end(b);
        if (b->fd >= 0)
            conn_lost(b, BROKER_E_VANISHED, NULL);
        return -BROKER_E_NOT_CONNECTED;
    }
    if (p.revents & (POLLIN | POLLHUP | POLLERR))
        r = input_take(b);
    return r < 0 ? r : 0;
}

int input_wait(broker *b, bool write, uint64_t deadline)
{
    bool full;
    int r;

    if (!scan_all(b))
        return -BROKER_E_NOT_CONNECTED;
    full = inbox_full(&b->in);
    if (full && !write)
        return -BROKER_E_INBOX_FULL;
    r = write ? 0 : spin(b);
    if (r != 0)
        return r < 0 ? r : 0;
    return sleep_for(b, write, full, deadline);
}

int input_await(broker *b, bool (*done)(const broker *b, const void *arg), const void *arg,
                uint64_t deadline)
{
    uint64_t epoch = b->epoch;

    if (b->fd < 0)
        return -BROKER_E_NOT_CONNECTED;
    for (;;) {
        int r = output_send(b, NULL);

        if (r >= 0 && !done(b, arg))
            r = input_wait(b, r > 0, deadline);
        if (done(b, arg))
            return 0;
        if (b->fd < 0 || b->epoch != epoch)
            return -BROKER_E_NOT_CONNECTED;
        if (r < 0)
            return r;
    }
}
