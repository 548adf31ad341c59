#include <brokerclient.h>

#include "client/lib/conn.h"
#include "client/lib/deadline.h"
#include "client/lib/handle.h"
#include "client/lib/input.h"
#include "client/lib/output.h"
#include "proto/transport/sys.h"

int conn_ensure_open(broker *b, uint64_t deadline)
{
    int r = handle_check(b);

    if (r < 0 || b->state == STATE_OPEN)
        return r;
    if (b->options.reconnect)
        conn_step(b);
    while (b->state == STATE_GREETING) {
        r = input_wait(b, outbox_pending(&b->out) > 0, deadline);
        if (r == -BROKER_E_TIMEOUT || r == -BROKER_E_INBOX_FULL)
            break;
        if (b->state == STATE_GREETING && output_send(b, NULL) < 0)
            break;
    }
    return b->state == STATE_OPEN ? 0 : handle_fail(b, BROKER_E_NOT_CONNECTED, NULL);
}

static void sleep_until(uint64_t until, uint64_t deadline)
{
    sys_poll(NULL, 0, deadline_left_ms(until < deadline ? until : deadline));
}

/* Steps and waits until the attempt has come to an end, one way or the other. */
static int connect_until(broker *b, uint64_t deadline)
{
    for (;;) {
        conn_step(b);
        if (b->state == STATE_OPEN)
            return 0;
        if (b->state == STATE_CLOSED)
            return -BROKER_E_CLOSED;
        if (b->state == STATE_GREETING) {
            if (input_wait(b, outbox_pending(&b->out) > 0, deadline) == -BROKER_E_TIMEOUT)
                return handle_fail(b, BROKER_E_TIMEOUT, "the broker at %s did not answer in time",
                                   b->url);
            if (b->state == STATE_GREETING)
                output_send(b, NULL);
            continue;
        }
        if (b->n_tried > 0)
            continue; /* more addresses */
        if (!b->may_retry || !b->options.reconnect || deadline_over(deadline))
            return -b->attempt_status;
        sleep_until(b->retry_ns, deadline);
    }
}

int broker_connect(broker *b, int timeout_ms)
{
    uint64_t deadline;
    int r = handle_check(b);

    if (r < 0 || b->state == STATE_OPEN)
        return r;
    deadline = timeout_ms == BROKER_DEFAULT ? deadline_in(b->options.handshake_ms)
                                            : deadline_in(timeout_ms);
    if (b->state == STATE_IDLE)
        b->retry_ns = 0;
    b->connecting = true;
    r = connect_until(b, deadline);
    b->connecting = false;
    if (r == 0 && outbox_pending(&b->out) > 0)
        output_send(b, NULL);
    return r;
}

static int say_goodbye(broker *b, uint64_t deadline)
{
    struct envelope e = { .op = OP_GOODBYE };
    int r;

    e.goodbye.status = BROKER_E_LEFT;
    handle_hold(b);
    ping_send(b); /* its answer says that all before was routed */
    output_control(b, &e);
    handle_unhold(b);
    r = output_send(b, NULL);
    if (r > 0)
        r = output_wait(b, NULL, deadline);
    if (r == 0)
        sys_shutdown(b->fd, SHUT_WR);
    return r;
}

/* Everything the broker still has to say goes into the inbox. */
static int hear_out(broker *b, uint64_t deadline)
{
    int r = 0;

    while (b->fd >= 0 && r == 0)
        r = input_wait(b, false, deadline);
    return b->fd < 0 ? 0 : r;
}

int broker_close(broker *b, int timeout_ms)
{
    uint64_t deadline = deadline_in(timeout_ms);
    int r = handle_check(b);

    if (r < 0)
        return r;
    if (b->state != STATE_OPEN) {
        conn_close(b, BROKER_E_LEFT, broker_status_text(BROKER_E_LEFT));
    } else {
        handle_state(b, STATE_LEAVING);
        r = say_goodbye(b, deadline);
        r = r == 0 ? hear_out(b, deadline) : r;
        conn_lost(b, r < 0 ? -r : BROKER_E_LEFT, NULL);
    }
    if (r < 0 && r != -BROKER_E_NOT_CONNECTED)
        return r;
    return losses_have_unsent(b) ? handle_fail(b, BROKER_E_NOT_CONNECTED, NULL) : 0;
}
