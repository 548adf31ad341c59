#include "client/lib/loss.h"

#include <stdlib.h>

#include "client/lib/handle.h"

struct loss *loss_new(void)
{
    return calloc(1, sizeof(struct loss));
}

void loss_add(broker *b, struct loss *loss)
{
    struct loss **at = &b->losses;

    loss->at = inbox_scanned(&b->in);
    loss->next = NULL;
    while (*at)
        at = &(*at)->next;
    *at = loss;
}

bool loss_is_due(const broker *b)
{
    return b->losses && b->losses->at <= inbox_dispatched(&b->in);
}

bool loss_is_silent(const broker *b)
{
    uint64_t epoch = b->losses->epoch;

    return !b->event_fn && !calls_would_tell(b, epoch) && !confirms_would_tell(b, epoch) &&
           !requests_would_tell(b, epoch);
}

void event_tell(broker *b, const struct broker_event *event)
{
    if (!b->event_fn || b->freed)
        return;
    b->n_callbacks++;
    b->event_fn(b, event, b->event_data);
}

static void tell(broker *b, const struct loss *loss, enum broker_event_kind kind)
{
    struct broker_event event = { .kind = kind, .status = -loss->status, .text = loss->text };

    event_tell(b, &event);
}

static void tell_range(broker *b, enum broker_event_kind kind, int status, uint64_t last,
                       uint64_t n)
{
    struct broker_event event = {
        .kind = kind,
        .status = -status,
        .first = last - n + 1,
        .last = last,
        .text = broker_status_text(status),
    };

    if (n > 0)
        event_tell(b, &event);
}

static void tell_fates(broker *b, const struct loss *loss)
{
    uint64_t last = loss->next_base;

    tell(b, loss, BROKER_EVENT_DISCONNECTED);
    tell_range(b, BROKER_EVENT_UNKNOWN, BROKER_E_UNKNOWN_FATE, last - loss->n_not_sent,
               loss->n_unknown);
    tell_range(b, BROKER_EVENT_NOT_SENT, BROKER_E_NOT_SENT, last, loss->n_not_sent);
    confirms_end_epoch(b, loss->epoch);
    calls_end_epoch(b, loss->epoch);
    requests_end_epoch(b, loss->epoch);
    regs_forget(b, loss->epoch);
}

void loss_tell(broker *b)
{
    struct loss *loss = b->losses;

    b->losses = loss->next;
    if (loss->was_open) {
        b->dispatch_epoch = loss->epoch + 1;
        b->dispatch_base = loss->next_base;
        received_init(&b->received, b);
        peers_clear(b);
        tell_fates(b, loss);
    } else {
        tell(b, loss, BROKER_EVENT_DISCONNECTED);
    }
    if (loss->for_good)
        tell(b, loss, BROKER_EVENT_CLOSED);
    free(loss);
}

bool losses_have_unsent(const broker *b)
{
    for (const struct loss *loss = b->losses; loss; loss = loss->next) {
        if (loss->n_not_sent > 0)
            return true;
    }
    return false;
}

void losses_deinit(broker *b)
{
    while (b->losses) {
        struct loss *loss = b->losses;

        b->losses = loss->next;
        free(loss);
    }
    free(b->next_loss);
    b->next_loss = NULL;
}
