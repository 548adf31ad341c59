/* brokerctl bench: the subscriber. */
#include "client/brokerctl/role.h"

#include <stdatomic.h>

static void on_message(broker_subscription *subscription, const broker_message *m, void *userdata)
{
    struct role_report *report = ((struct role *)userdata)->report;
    struct mark mark;
    size_t len;
    const void *payload = broker_message_payload(m, &len);

    (void)subscription;
    if (!tally_take(&report->tally, payload, len, &mark))
        return;
    if (mark.kind == MARK_TIMED) {
        uint64_t now_ns = broker_now_ns();

        histogram_add(&report->latency, now_ns > mark.at_ns ? now_ns - mark.at_ns : 0);
    }
}

static void on_notice(broker_subscription *subscription, const struct broker_notice *notice,
                      void *userdata)
{
    struct role *role = userdata;

    (void)subscription;
    if (notice->kind == BROKER_NOTICE_GAP && notice->count < UINT64_MAX)
        role->report->announced += notice->count;
    else if (notice->kind == BROKER_NOTICE_REFUSED || notice->kind == BROKER_NOTICE_ENDED)
        role_note(role, notice->status ? notice->status : -BROKER_E_ENDED,
                  "the subscription ended: %s", notice->text);
}

static void subscribe(struct role *role)
{
    broker_subscription *subscription;
    int status =
        broker_subscribe(role->b, &subscription, role->plan->subject, NULL, on_message, role);

    if (status == 0) {
        broker_subscription_set_notice_fn(subscription, on_notice, role);
        status = broker_flush(role->b, role->plan->timeout_ms);
    }
    if (status == 0)
        status = broker_subscription_status(subscription);
    if (status < 0)
        role_fail(role, status, "cannot subscribe");
}

/* The clock is read once for all that came together. */
static void receive(struct role *role)
{
    struct role_report *report = role->report;
    uint64_t before = report->tally.received, now_ns;

    role_wait(role);
    if (report->tally.received == before)
        return;
    now_ns = broker_now_ns();
    if (!report->from_ns)
        report->from_ns = now_ns;
    report->until_ns = now_ns;
    atomic_store_explicit(&report->n, report->tally.received, memory_order_relaxed);
}

/* Of `sub` nobody here sends, and it ends when it is told to. */
static bool is_over(const struct role *role)
{
    enum board_phase phase = role_phase(role);

    return phase == BOARD_LEAVES || (phase == BOARD_STOPS && !role->plan->n_senders) ||
           tally_ended(&role->report->tally) || role->report->code;
}

static void run(struct role *role)
{
    role->report->tally.from_start = role->plan->n_senders > 0;
    if (role->plan->n_senders) {
        role->report->tally.has_run = true;
        role->report->tally.run = role->plan->run;
    }
    role_connect(role);
    subscribe(role);
    role_ready(role);
    if (role->plan->n_senders)
        role->report->from_ns = role->board->start_ns;
    while (!is_over(role))
        receive(role);
    role_done(role);
    role_leave(role);
}

const struct role_kind role_subscriber = { "subscriber", ROLE_RECEIVES, run };
