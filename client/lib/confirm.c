#include "client/lib/confirm.h"

#include <stdlib.h>

#include "client/lib/conn.h"
#include "client/lib/deadline.h"
#include "client/lib/handle.h"
#include "client/lib/input.h"
#include "client/lib/output.h"
#include "proto/opcode.h"

enum { MARK_MESSAGES = 1024, MARK_BYTES = 8 << 20 };

uint64_t ping_send(broker *b)
{
    struct envelope e = { .op = OP_PING };

    e.ref = ++b->pings.sent;
    b->pings.covers[e.ref % PINGS_KEPT] = b->n_published;
    output_control(b, &e);
    return e.ref;
}

void ping_sometimes(broker *b)
{
    struct pings *pings = &b->pings;

    if (b->n_published - pings->marked < MARK_MESSAGES &&
        b->out.sent - pings->marked_at < MARK_BYTES)
        return;
    pings->marked = b->n_published;
    pings->marked_at = b->out.sent;
    /* Who only publishes never reads; the answers must not pile up. */
    if (pings->answered != pings->sent && !inbox_full(&b->in) && input_take(b) < 0)
        return;
    if (pings->answered != pings->sent)
        return;
    handle_hold(b);
    ping_send(b);
    handle_unhold(b);
}

bool pings_scan(broker *b, uint64_t ref)
{
    struct pings *pings = &b->pings;

    if (ref <= pings->answered || ref > pings->sent)
        return false;
    pings->answered = ref;
    if (pings->sent - ref < PINGS_KEPT && pings->covers[ref % PINGS_KEPT] > b->n_confirmed)
        b->n_confirmed = pings->covers[ref % PINGS_KEPT];
    return true;
}

struct ping_wait {
    uint64_t ref;
    uint64_t epoch;
};

static bool pinged(const broker *b, const void *arg)
{
    const struct ping_wait *wait = arg;

    return b->epoch == wait->epoch && b->pings.answered >= wait->ref;
}

int broker_flush(broker *b, int timeout_ms)
{
    uint64_t deadline = deadline_in(timeout_ms), end_at;
    struct ping_wait wait;
    int r = conn_ensure_open(b, deadline);

    if (r < 0)
        return r;
    handle_hold(b);
    wait.epoch = b->epoch;
    wait.ref = ping_send(b);
    handle_unhold(b);
    end_at = outbox_position(&b->out);
    r = input_await(b, pinged, &wait, deadline);
    if (r == -BROKER_E_NOT_CONNECTED)
        return b->lost_sent >= end_at ? -BROKER_E_UNKNOWN_FATE : r;
    return r < 0 ? handle_fail(b, -r, NULL) : 0;
}

/* Each struct confirm is a CONFIRM that is out. */

static int confirm_send(broker *b, struct confirm **ret)
{
    struct envelope e = { .op = OP_CONFIRM };
    struct confirm *confirm = calloc(1, sizeof *confirm), **at = &b->confirms.first;

    if (!confirm)
        return handle_fail(b, BROKER_E_NO_MEMORY, NULL);
    while (*at)
        at = &(*at)->next;
    *at = confirm;
    confirm->epoch = b->epoch;
    confirm->ref = e.ref = ++b->confirms.serial;
    *ret = confirm;
    handle_hold(b);
    output_control(b, &e);
    handle_unhold(b);
    return 0;
}

static struct confirm *take_first(broker *b)
{
    struct confirm *confirm = b->confirms.first;

    b->confirms.first = confirm->next;
    return confirm;
}

/* The first one of a connection that was not answered yet: it is next. */
static struct confirm *next_unanswered(const broker *b, uint64_t epoch)
{
    struct confirm *confirm = b->confirms.first;

    while (confirm && (confirm->answered || confirm->epoch != epoch))
        confirm = confirm->next;
    return confirm;
}

static void remove_confirm(broker *b, struct confirm *confirm)
{
    struct confirm **at = &b->confirms.first;

    while (*at != confirm)
        at = &(*at)->next;
    *at = confirm->next;
    free(confirm);
}

static struct broker_confirmation confirmation_of(uint64_t base, const struct envelope *e)
{
    return (struct broker_confirmation){
        .last = base + e->confirmed.last,
        .matched = e->confirmed.matched,
        .refused = e->confirmed.refused,
    };
}

bool confirms_scan(broker *b, const struct envelope *envelope, bool *ret_done)
{
    struct confirm *confirm = next_unanswered(b, b->epoch);

    if (!confirm || confirm->ref != envelope->confirmed.ref ||
        envelope->confirmed.last > b->n_published - b->base + b->posting)
        return false;
    confirm->answered = true;
    if (b->base + envelope->confirmed.last > b->n_confirmed)
        b->n_confirmed = b->base + envelope->confirmed.last;
    *ret_done = confirm->is_blocking;
    if (!confirm->is_blocking)
        return true;
    if (confirm->waiter) {
        confirm->waiter->is = confirmation_of(b->base, envelope);
        confirm->waiter->done = true;
    }
    remove_confirm(b, confirm);
    return true;
}

bool confirms_would_tell(const broker *b, uint64_t epoch)
{
    const struct confirm *confirm = b->confirms.first;

    while (confirm && (confirm->is_blocking || confirm->epoch > epoch))
        confirm = confirm->next;
    return confirm != NULL;
}

void confirms_dispatch(broker *b, const struct envelope *envelope)
{
    struct confirm *confirm = b->confirms.first;
    struct broker_confirmation is = confirmation_of(b->dispatch_base, envelope);

    while (confirm && confirm->ref != envelope->confirmed.ref)
        confirm = confirm->next;
    if (!confirm || confirm->is_blocking)
        return;
    broker_confirm_fn fn = confirm->fn;
    void *userdata = confirm->userdata;

    remove_confirm(b, confirm);
    b->n_callbacks++;
    fn(b, 0, &is, userdata);
}

void confirms_end_epoch(broker *b, uint64_t epoch)
{
    while (b->confirms.first && b->confirms.first->epoch <= epoch && !b->freed) {
        struct confirm *confirm = take_first(b);
        struct confirm ended = *confirm;
        struct broker_confirmation nothing = { 0 };

        if (confirm->waiter)
            confirm->waiter->orphan = true;
        free(confirm);
        if (ended.is_blocking)
            continue;
        b->n_callbacks++;
        ended.fn(b, -BROKER_E_UNKNOWN_FATE, &nothing, ended.userdata);
    }
}

void confirms_deinit(broker *b)
{
    while (b->confirms.first)
        free(take_first(b));
}

static bool confirmed(const broker *b, const void *arg)
{
    const struct confirm_waiter *waiter = arg;

    (void)b;
    return waiter->done;
}

int broker_confirm(broker *b, struct broker_confirmation *ret, int timeout_ms)
{
    uint64_t deadline = deadline_in(timeout_ms), end_at;
    struct confirm_waiter waiter = { 0 };
    struct confirm *confirm = NULL;
    int r = conn_ensure_open(b, deadline);

    if (r < 0 || (r = confirm_send(b, &confirm)) < 0)
        return r;
    confirm->is_blocking = true;
    confirm->waiter = &waiter;
    end_at = outbox_position(&b->out);
    r = input_await(b, confirmed, &waiter, deadline);
    if (r == 0 && ret)
        *ret = waiter.is;
    if (r < 0 && !waiter.orphan)
        confirm->waiter = NULL;
    if (r == -BROKER_E_NOT_CONNECTED)
        return b->lost_sent >= end_at ? -BROKER_E_UNKNOWN_FATE : r;
    return r < 0 ? handle_fail(b, -r, NULL) : 0;
}

int broker_confirm_async(broker *b, broker_confirm_fn fn, void *userdata)
{
    struct confirm *confirm = NULL;
    int r = conn_ensure_open(b, 0);

    if (r == 0 && !fn)
        r = handle_fail(b, BROKER_E_INVALID, "a confirmation needs a callback");
    if (r < 0 || (r = confirm_send(b, &confirm)) < 0)
        return r;
    confirm->fn = fn;
    confirm->userdata = userdata;
    if (b->hold == 0)
        output_send(b, NULL);
    return 0;
}
