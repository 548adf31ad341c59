/* brokerctl bench: the publisher. */
#include "client/brokerctl/role.h"

#include "client/brokerctl/text.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum {
    /* Unpaced in batches, reading the clock for each would cost as much as sending it. */
    TIMED_EVERY = 16,
    HEAR_NS = 1000000,  /* how often it hears whether messages are refused */
    LATE_NS = 50000000, /* what was due before the end is sent, up to so late */
};

struct publisher {
    struct role *role;
    char *payload;
    uint64_t n; /* messages sent */
    uint64_t max;
    uint64_t end_ns; /* of --duration */
    uint64_t heard_ns;
    bool times_all;
};

static bool is_over(const struct publisher *p)
{
    return p->n >= p->max || role_phase(p->role) != BOARD_RUNS || p->role->report->refused;
}

static void send_mark(struct publisher *p, const struct mark *mark, size_t size)
{
    int64_t number;

    memcpy(p->payload, mark, MARK_SIZE);
    number = broker_publish(p->role->b, p->role->plan->subject, p->payload, size, 0);
    if (number < 0)
        role_fail(p->role, (int)number, "cannot publish");
}

/* due_ns: when it was to be sent; 0: now is as good as any other time. */
static void send_one(struct publisher *p, uint64_t due_ns)
{
    bool timed = p->times_all || p->n % TIMED_EVERY == 0;
    const struct mark mark = {
        .at_ns = !timed || due_ns ? due_ns : broker_now_ns(),
        .number = (uint32_t)p->n,
        .run = p->role->plan->run,
        .publisher = (uint8_t)p->role->part,
        .kind = timed ? MARK_TIMED : MARK_PLAIN,
    };

    send_mark(p, &mark, p->role->plan->size);
    p->n++;
}

static void send_batch(struct publisher *p, uint64_t due_ns)
{
    uint64_t n = p->role->plan->batch, left = p->max - p->n;
    int status = 0;

    n = n < left ? n : left;
    if (n > 1)
        broker_cork(p->role->b);
    for (uint64_t i = 0; i < n; i++)
        send_one(p, due_ns);
    if (n > 1)
        status = broker_uncork(p->role->b);
    if (status < 0)
        role_fail(p->role, status, "cannot publish");
    atomic_store_explicit(&p->role->report->n, p->n, memory_order_relaxed);
}

/* Refusals come while it publishes; a client that never reads is cut off. */
static void hear(struct publisher *p, uint64_t now_ns)
{
    if (now_ns - p->heard_ns < HEAR_NS)
        return;
    role_wait_until(p->role, 0);
    p->heard_ns = now_ns;
}

static void publish_unpaced(struct publisher *p)
{
    for (uint64_t now_ns = 0; !is_over(p) && now_ns < p->end_ns;) {
        send_batch(p, 0);
        now_ns = p->role->report->until_ns = broker_now_ns();
        hear(p, now_ns);
    }
}

/* A batch is due as a whole. What is late keeps the time it was due at, so that
 * a broker that stands still is not measured by the few messages that met it. */
static void publish_paced(struct publisher *p)
{
    while (!is_over(p)) {
        uint64_t due_ns = role_due_ns(p->role, p->n), now_ns = broker_now_ns();

        if (due_ns >= p->end_ns || (p->end_ns < UINT64_MAX && now_ns > p->end_ns + LATE_NS))
            return;
        if (now_ns < due_ns) {
            role_wait_until(p->role, due_ns);
            continue;
        }
        send_batch(p, due_ns);
        p->role->report->until_ns = now_ns;
        hear(p, now_ns);
    }
}

/* All that was sent is routed, or refused. */
static void confirm(struct publisher *p)
{
    struct broker_confirmation confirmation;
    int status = broker_confirm(p->role->b, &confirmation, p->role->plan->timeout_ms);

    if (status < 0)
        role_fail(p->role, status, "not confirmed");
    p->role->report->until_ns = broker_now_ns();
    p->role->report->matched = confirmation.matched;
    if (confirmation.refused)
        role_wait_until(p->role, 0);
}

static void send_end(struct publisher *p)
{
    const struct mark mark = {
        .at_ns = p->role->plan->n_senders,
        .number = (uint32_t)p->n,
        .run = p->role->plan->run,
        .publisher = (uint8_t)p->role->part,
        .kind = MARK_END,
    };

    if (p->role->report->refused)
        return;
    send_mark(p, &mark, MARK_SIZE);
    if (broker_flush(p->role->b, p->role->plan->timeout_ms) < 0)
        role_note(p->role, -BROKER_E_TIMEOUT, "the end is not confirmed");
}

static void run(struct role *role)
{
    const struct bench_plan *plan = role->plan;
    struct publisher p = {
        .role = role,
        .payload = xrealloc(NULL, plan->size),
        .max = plan->count ? role_share(role, plan->count) : UINT64_MAX,
        .times_all = plan->rate || plan->batch == 1,
    };

    memset(p.payload, 0, plan->size);
    role_connect(role);
    role_ready(role);
    p.end_ns = role_deadline_ns(role);
    role->report->from_ns = role->board->start_ns;
    if (plan->rate)
        publish_paced(&p);
    else
        publish_unpaced(&p);
    confirm(&p);
    send_end(&p);
    role_done(role);
    role_leave(role);
    free(p.payload);
}

const struct role_kind role_publisher = { "publisher", ROLE_SENDS, run };
