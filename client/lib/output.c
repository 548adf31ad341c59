#include "client/lib/output.h"

#include <errno.h>
#include <string.h>

#include "client/lib/conn.h"
#include "client/lib/deadline.h"
#include "client/lib/handle.h"
#include "client/lib/input.h"

int output_send(broker *b, struct iovec *extra)
{
    int r = outbox_send(&b->out, b->fd, extra);

    if (r == 0)
        return 0;
    if (r == -EAGAIN || r == -ENOBUFS || r == -ENOMEM)
        return 1;
    /* The reason, if the broker gave one, is still to be read. */
    input_read_to_end(b);
    if (b->fd >= 0)
        conn_lost(b, BROKER_E_VANISHED, "send: %s", strerror(-r));
    return -BROKER_E_NOT_CONNECTED;
}

int output_wait(broker *b, struct iovec *extra, uint64_t deadline)
{
    uint64_t epoch = b->epoch;
    int r;

    do {
        r = input_wait(b, true, deadline);
        if (b->epoch != epoch || b->fd < 0)
            return -BROKER_E_NOT_CONNECTED;
        if (r == 0)
            r = output_send(b, extra);
    } while (r > 0);
    return r;
}

int output_all(broker *b, struct iovec *extra, int timeout_ms)
{
    int r = output_send(b, extra);

    return r <= 0 ? r : output_wait(b, extra, deadline_in(timeout_ms));
}

void output_control(broker *b, const struct envelope *envelope)
{
    uint8_t *p;
    size_t n;

    if (b->fd < 0)
        return;
    p = outbox_room(&b->out, ENVELOPE_MAX_WRITTEN);
    n = p ? envelope_write(p, ENVELOPE_MAX_WRITTEN, envelope) : 0;
    if (n == 0) {
        conn_lost(b, BROKER_E_NO_MEMORY, "no memory for what is to be sent");
        return;
    }
    outbox_add(&b->out, n);
    if (b->hold == 0)
        output_send(b, NULL);
}
