/* What the two do, and what the library tells them. */
#include <stdlib.h>
#include <string.h>

#include "tests/fault/cast.h"

/* -- what the library tells -------------------------------------------------------------------- */

static void note_fate(struct cast *cast, const struct broker_event *event, enum fate fate)
{
    if (event->first == 0 || event->last < event->first || event->last >= 2 * CAST_MESSAGES)
        wrong("an event about messages %llu to %llu", (unsigned long long)event->first,
              (unsigned long long)event->last);
    for (uint64_t number = event->first; number <= event->last; number++) {
        int i = cast->of_number[number] - 1;
        if (i >= 0 && cast->fate[i] == FATE_TAKEN)
            cast->fate[i] = fate;
    }
}

void cast_on_event_a(broker *b, const struct broker_event *event, void *userdata)
{
    struct cast *cast = userdata;

    (void)b;
    if (!event->text)
        wrong("an event without a sentence");
    cast->n_lost_a += event->kind == BROKER_EVENT_DISCONNECTED;
    cast->is_closed_a |= event->kind == BROKER_EVENT_CLOSED;
    if (event->kind == BROKER_EVENT_REFUSED)
        note_fate(cast, event, FATE_REFUSED);
    else if (event->kind == BROKER_EVENT_NOT_SENT)
        note_fate(cast, event, FATE_NOT_SENT);
    else if (event->kind == BROKER_EVENT_UNKNOWN)
        note_fate(cast, event, FATE_UNKNOWN);
}

void cast_on_event_b(broker *b, const struct broker_event *event, void *userdata)
{
    struct cast *cast = userdata;

    (void)b;
    cast->n_lost_b += event->kind == BROKER_EVENT_DISCONNECTED;
    cast->is_closed_b |= event->kind == BROKER_EVENT_CLOSED;
}

static void on_message(broker_subscription *sub, const broker_message *m, void *userdata)
{
    struct cast *cast = userdata;
    size_t len;
    const void *payload = broker_message_payload(m, &len);
    int i;

    (void)sub;
    if (len < sizeof i)
        wrong("a message of %zu bytes", len);
    memcpy(&i, payload, sizeof i);
    if (i < 0 || i >= cast->n_messages)
        wrong("a message that nobody published");
    if (i <= cast->last)
        wrong("message %d came after %d", i, cast->last);
    cast->last = i;
    cast->arrived[i] = true;
}

static void on_notice(broker_subscription *sub, const struct broker_notice *notice, void *userdata)
{
    struct cast *cast = userdata;

    (void)sub;
    if (notice->kind == BROKER_NOTICE_GAP && notice->count == UINT64_MAX)
        cast->lost_unknown = true;
    else if (notice->kind == BROKER_NOTICE_GAP)
        cast->n_lost += notice->count;
    cast->is_active |= notice->kind == BROKER_NOTICE_ACTIVE;
    cast->is_refused |= notice->kind == BROKER_NOTICE_REFUSED;
}

static void on_request(broker_service *service, broker_request *request, void *userdata)
{
    size_t len;
    const char *subject = broker_message_subject(broker_request_message(request), &len);

    (void)service;
    (void)userdata;
    if (strstr(subject, "parts"))
        cast_answer("broker_reply", broker_reply(request, "part", 4, BROKER_MORE));
    if (strstr(subject, "error")) {
        cast_answer("broker_reply_error", broker_reply_error(request, 7, "no", 2, 0));
    } else if (strstr(subject, "late") == NULL) {
        int r = cast_answer("broker_reply", broker_reply(request, "whole", 5, 0));
        if (r < 0 && r != -BROKER_E_NO_CALL)
            broker_request_drop(request);
    } else {
        broker_request_drop(request);
    }
}

static int number_of(struct cast *cast, const broker_call *call)
{
    for (int i = 0; i < cast->n_calls; i++) {
        if (cast->call[i] == call)
            return i;
    }
    wrong("a callback of a call that is over");
}

static void on_reply(broker_call *call, const broker_message *part, void *userdata)
{
    (void)part;
    (void)number_of(userdata, call);
}

static void on_done(broker_call *call, const struct broker_result *result, void *userdata)
{
    struct cast *cast = userdata;
    int i = number_of(cast, call);

    cast_answer("a call", result->status);
    if (!result->text)
        wrong("a result without a sentence");
    cast->call[i] = NULL;
    cast->n_told[i]++;
}

static void on_confirm(broker *b, int status, const struct broker_confirmation *c, void *userdata)
{
    struct cast *cast = userdata;

    (void)b;
    (void)c;
    cast_answer("a confirmation", status);
    cast->n_confirms--;
}

/* -- steps ----------------------------------------------------------------------------------- */

void cast_subscribe(struct cast *cast, const char *pattern, bool credentials)
{
    broker_sub_options *options = NULL;

    if (!cast->b)
        return;
    if (cast_answer("broker_sub_options_new", broker_sub_options_new(&options)) < 0)
        return;
    cast_answer("broker_sub_options_set_policy",
                broker_sub_options_set_policy(options, BROKER_DROP_OLD));
    cast_answer("broker_sub_options_set_credentials",
                broker_sub_options_set_credentials(options, credentials));
    broker_subscription *sub = NULL;
    if (cast_answer("broker_subscribe",
                    broker_subscribe(cast->b, &sub, pattern, options, on_message, cast)) == 0) {
        cast->sub = sub;
        broker_subscription_set_notice_fn(sub, on_notice, cast);
    }
    broker_sub_options_free(options);
}

void cast_serve(struct cast *cast, const char *pattern)
{
    if (cast->b)
        cast_answer("broker_serve",
                    broker_serve(cast->b, &cast->service, pattern, NULL, on_request, cast));
}

void cast_publish(struct cast *cast, const char *subject, size_t len)
{
    static char payload[256 << 10];
    int i = cast->n_messages;

    if (!cast->a)
        return;
    if (i == CAST_MESSAGES || len > sizeof(payload))
        wrong("the play is too long");
    memcpy(payload, &i, sizeof i);
    if (i == 0)
        cast->hears_all = cast->sub && broker_subscription_status(cast->sub) == 0;
    cast->n_messages++;
    cast->fate[i] = FATE_TAKEN; /* an event may speak of it before the call returns */
    int64_t number = broker_publish(cast->a, subject, payload, len, 0);
    if (cast_answer("broker_publish", number) < 0)
        cast->fate[i] = FATE_FAILED;
    else if (number == 0 || number >= 2 * CAST_MESSAGES || cast->of_number[number])
        wrong("message %d got number %lld", i, (long long)number);
    else
        cast->of_number[number] = i + 1;
}

int cast_ask(struct cast *cast, const char *subject, bool survey, int timeout_ms)
{
    int i = cast->n_calls;

    if (!cast->a)
        return -1;
    if (i == CAST_CALLS)
        wrong("the play asks too often");
    cast->n_calls++;
    int r = broker_call_start(cast->a, &cast->call[i], subject, "?", 1, survey ? BROKER_SURVEY : 0,
                              timeout_ms, on_reply, on_done, cast);
    if (cast_answer("broker_call_start", r) == 0)
        return i;
    cast->call[i] = NULL;
    cast->n_calls--;
    return -1;
}

void cast_cancel(struct cast *cast, int call)
{
    if (call < 0 || !cast->call[call])
        return;
    broker_call_cancel(cast->call[call]);
    cast->call[call] = NULL;
}

void cast_confirm(struct cast *cast)
{
    if (!cast->a)
        return;
    cast->n_confirms++;
    if (cast_answer("broker_confirm_async", broker_confirm_async(cast->a, on_confirm, cast)) < 0)
        cast->n_confirms--;
}
