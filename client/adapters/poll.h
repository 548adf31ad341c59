/* libbrokerclient in a poll(2) loop of your own.
 *
 * Before poll: one struct pollfd for each handle, and the timeout.
 *
 *     broker_poll_prepare(b, &fds[0]);
 *     poll(fds, n, broker_poll_timeout(b, -1));
 *     if (broker_poll_process(b, &fds[0]) < 0)
 *         …                                  closed for good
 *
 * Stateless: the handle is asked anew in each round, so it may reconnect and
 * change its descriptor as it likes.
 */
#ifndef BROKERCLIENT_POLL_H
#define BROKERCLIENT_POLL_H

#include <limits.h>
#include <poll.h>

#include <brokerclient.h>

/* Fills *p; without a descriptor it is one that poll ignores. */
static inline void broker_poll_prepare(const broker *b, struct pollfd *p)
{
    p->fd = broker_fd(b);
    p->events = broker_events(b);
    p->revents = 0;
}

/* The milliseconds for poll: the smaller one of timeout_ms (-1: none) and what
 * the handle asks for. */
static inline int broker_poll_timeout(const broker *b, int timeout_ms)
{
    uint64_t deadline = broker_deadline_ns(b), now, left;

    if (deadline == UINT64_MAX)
        return timeout_ms;
    now = broker_now_ns();
    /* Rounded up, lest the last millisecond is spun away. */
    left = deadline > now ? (deadline - now + 999999u) / 1000000u : 0;
    if (timeout_ms >= 0 && left > (uint64_t)timeout_ms)
        return timeout_ms;
    return left > INT_MAX ? INT_MAX : (int)left;
}

/* After poll: processes if there is anything to. As broker_process; 0 if not. */
static inline int broker_poll_process(broker *b, const struct pollfd *p)
{
    if (p->revents == 0 && broker_deadline_ns(b) > broker_now_ns())
        return 0;
    return broker_process(b);
}

#endif
