#include "tests/fault/cast.h"

#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SETTLE_MS = 10000, QUIET_MS = 3, STATUS_LAST = BROKER_E_SYSTEM };

/* -- the program's own calls ------------------------------------------------------------------- */

static const char *about_play = "";
static const char *about_wish = "";

void own_begin(void)
{
    plan->in_main = 0;
}

void own_end(void)
{
    plan->in_main = 1;
}

void wrong_about(const char *play, const char *wish)
{
    about_play = play;
    about_wish = wish;
}

_Noreturn void wrong(const char *format, ...)
{
    va_list list;

    own_begin();
    fprintf(stderr, "%s; %s: ", about_play, about_wish);
    va_start(list, format);
    vfprintf(stderr, format, list);
    va_end(list);
    fputc('\n', stderr);
    exit(1);
}

int cast_answer(const char *of, int64_t status)
{
    if (status < -STATUS_LAST ||
        (status < 0 && strcmp(broker_status_name((int)status), "UNKNOWN") == 0))
        wrong("%s returned %lld, which is no status", of, (long long)status);
    return (int)status;
}

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

static void on_event_a(broker *b, const struct broker_event *event, void *userdata)
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

static void on_event_b(broker *b, const struct broker_event *event, void *userdata)
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

/* -- driving --------------------------------------------------------------------------------- */

/* At most until one of them has something to do. Returns the callbacks that ran. */
static int turn(struct cast *cast, int timeout_ms)
{
    broker *both[2] = { cast->a, cast->b };
    struct pollfd fds[2];
    int n = 0;

    own_begin();
    for (int i = 0; i < 2; i++) {
        fds[i] = (struct pollfd){ .fd = both[i] ? broker_fd(both[i]) : -1 };
        fds[i].events = both[i] ? broker_events(both[i]) : 0;
    }
    (void)poll(fds, 2, timeout_ms);
    own_end();
    for (int i = 0; i < 2; i++) {
        int r = both[i] ? cast_answer("broker_process", broker_process(both[i])) : 0;
        n += r > 0 ? r : 0;
    }
    return n;
}

static uint64_t now_ms(void)
{
    return broker_now_ns() / 1000000;
}

void cast_run(struct cast *cast, int ms)
{
    uint64_t end = now_ms() + (uint64_t)ms;

    do
        turn(cast, 1);
    while (now_ms() < end);
}

static bool has_open_calls(const struct cast *cast)
{
    for (int i = 0; i < cast->n_calls; i++) {
        if (cast->call[i])
            return true;
    }
    return cast->n_confirms > 0;
}

bool cast_settle(struct cast *cast)
{
    uint64_t end = now_ms() + SETTLE_MS, quiet_since = now_ms();

    while (has_open_calls(cast) || now_ms() < quiet_since + QUIET_MS) {
        if (now_ms() > end)
            return false;
        if (turn(cast, 1) > 0)
            quiet_since = now_ms();
    }
    return true;
}

/* -- the whole ------------------------------------------------------------------------------- */

static broker *make(struct cast *cast, const char *url, const char *name, broker_event_fn fn)
{
    broker_options *options = NULL;
    broker *b = NULL;

    if (cast_answer("broker_options_new", broker_options_new(&options)) < 0)
        return NULL;
    bool told = cast_answer("broker_options_set_url", broker_options_set_url(options, url)) == 0;
    cast_answer("broker_options_set_name", broker_options_set_name(options, name));
    if (!told || cast_answer("broker_new", broker_new(&b, options)) < 0)
        b = NULL;
    broker_options_free(options);
    if (!b)
        return NULL;
    broker_set_event_fn(b, fn, cast);
    broker_set_publish_timeout(b, 300);
    int r = cast_answer("broker_connect", broker_connect(b, 2000));
    if (r < 0 && !*broker_error_text(b))
        wrong("broker_connect failed without a sentence (%s)", broker_status_name(r));
    return b;
}

void cast_begin(struct cast *cast, const char *url)
{
    memset(cast, 0, sizeof *cast);
    cast->last = -1;
    cast->a = make(cast, url, "a", on_event_a);
    cast->b = make(cast, url, "b", on_event_b);
}

static void expect_back(struct cast *cast, broker *b, bool is_closed, const char *who)
{
    uint64_t end = now_ms() + SETTLE_MS;

    if (!b || is_closed)
        return;
    while (broker_flush(b, 1000) < 0) {
        if (now_ms() > end)
            wrong("client %s does not come back: %s", who, broker_error_text(b));
        cast_run(cast, 5);
    }
}

static void check_messages(const struct cast *cast)
{
    uint64_t n_taken = 0, n_arrived = 0, n_unknown = 0;

    for (int i = 0; i < cast->n_messages; i++) {
        if (cast->arrived[i] && cast->fate[i] != FATE_TAKEN && cast->fate[i] != FATE_UNKNOWN)
            wrong("message %d arrived, though it was %s", i,
                  cast->fate[i] == FATE_NOT_SENT ? "reported as not sent" : "refused");
        n_taken += cast->fate[i] == FATE_TAKEN;
        n_unknown += cast->fate[i] == FATE_UNKNOWN;
        n_arrived += cast->arrived[i];
    }
    bool exact =
        cast->hears_all && !cast->lost_unknown && cast->n_lost_b == 0 && !cast->is_closed_b;
    if (exact &&
        (n_arrived + cast->n_lost < n_taken || n_arrived + cast->n_lost > n_taken + n_unknown))
        wrong("%llu messages arrived and %llu were announced as lost, of %llu (and %llu unknown)",
              (unsigned long long)n_arrived, (unsigned long long)cast->n_lost,
              (unsigned long long)n_taken, (unsigned long long)n_unknown);
}

void cast_check(struct cast *cast)
{
    expect_back(cast, cast->a, cast->is_closed_a, "a");
    expect_back(cast, cast->b, cast->is_closed_b, "b");
    if (!cast_settle(cast))
        wrong("a call has no end");
    if (cast->b && !cast->is_closed_b)
        expect_back(cast, cast->b, false, "b"); /* what is on its way has come */
    if (!cast_settle(cast))
        wrong("a call has no end");
    check_messages(cast);
    for (int i = 0; i < cast->n_calls; i++) {
        if (cast->n_told[i] > 1)
            wrong("call %d ended %d times", i, cast->n_told[i]);
    }
    if (cast->n_confirms != 0)
        wrong("%d confirmations too many", -cast->n_confirms);
}

void cast_end(struct cast *cast)
{
    cast->a = broker_free(cast->a);
    cast->b = broker_free(cast->b);
}
