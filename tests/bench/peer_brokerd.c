/* The roles over a broker, as an application would write them. */
#include <brokerclient.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "tests/bench/peer.h"
#include "tests/kit/runner.h"

static broker *connect_as(const char *name, const struct work *work)
{
    broker_options *options;
    broker *b;

    if (broker_options_new(&options) < 0 || broker_options_set_url(options, work->url) < 0 ||
        broker_options_set_name(options, name) < 0 ||
        broker_options_set_reconnect(options, 0) < 0 || broker_new(&b, options) < 0)
        role_die(name, "no memory");
    broker_options_free(options);
    if (broker_connect(b, BROKER_DEFAULT) < 0)
        role_die(name, broker_error_text(b));
    return b;
}

static void leave(broker *b, const char *name)
{
    if (broker_close(b, BROKER_DEFAULT) < 0)
        role_die(name, broker_error_text(b));
    broker_free(b);
}

/* -- publish --------------------------------------------------------------------------------- */

static void send_one(broker *b, const char *subject, char *payload, size_t size, uint64_t number)
{
    memcpy(payload, &number, sizeof(number));
    if (broker_publish(b, subject, payload, size, 0) < 0)
        role_die("publish", broker_error_text(b));
}

static void publish(struct role *role)
{
    static const char *const subjects[] = { PEER_SUBJECT, PEER_SECOND };
    static char payload[PEER_MAX_SIZE];
    const struct work *work = role->work;
    const unsigned mask = work->subjects != ONE_SUBJECT;
    broker *b = connect_as("publisher", work);
    uint64_t n = 0;

    role_ready(role);
    role_await_gate(role);
    const int64_t until_ns = role->report->start_ns + work->run_ns;
    broker_cork(b);
    do {
        for (unsigned i = 0; i < PEER_BURST; i++, n++)
            send_one(b, subjects[n & mask], payload, work->size, n);
    } while (kit_now_ns() < until_ns);
    send_one(b, PEER_SUBJECT, payload, work->size, PEER_END);
    if (broker_uncork(b) < 0)
        role_die("uncork", broker_error_text(b));
    role->report->n = n;
    role_done(role);
    leave(b, "publisher");
}

/* -- receive --------------------------------------------------------------------------------- */

struct ear {
    broker *b;
    struct sequence sequence;
};

static void on_message(broker_subscription *sub, const broker_message *m, void *userdata)
{
    struct ear *ear = userdata;
    size_t len;

    if (sequence_take(&ear->sequence, broker_message_payload(m, &len)))
        broker_stop(broker_subscription_broker(sub));
}

static void on_notice(broker_subscription *sub, const struct broker_notice *notice, void *userdata)
{
    struct ear *ear = userdata;

    (void)sub;
    if (notice->kind == BROKER_NOTICE_GAP)
        ear->sequence.n_wrong += notice->count;
}

static void subscribe(struct ear *ear, const char *pattern)
{
    broker_subscription *sub;

    if (broker_subscribe(ear->b, &sub, pattern, NULL, on_message, ear) < 0 ||
        broker_flush(ear->b, BROKER_DEFAULT) < 0 || broker_subscription_status(sub) != BROKER_OK)
        role_die("subscribe", broker_error_text(ear->b));
    broker_subscription_set_notice_fn(sub, on_notice, ear);
}

static void ear_open(struct ear *ear, const struct work *work)
{
    ear->b = connect_as("subscriber", work);
    subscribe(ear, work->subjects == TWO_BY_ONE_PATTERN ? PEER_BOTH : PEER_SUBJECT);
    if (work->subjects == TWO_SUBSCRIPTIONS)
        subscribe(ear, PEER_SECOND);
}

/* The loop contract over several handles, with poll(2). */
static void run_all(struct ear *ears, unsigned n)
{
    struct pollfd fds[PEER_MAX_SUBS];
    unsigned n_ended = 0;

    while (n_ended < n) {
        for (unsigned i = 0; i < n; i++)
            fds[i] = (struct pollfd){ broker_fd(ears[i].b), broker_events(ears[i].b), 0 };
        poll(fds, n, 1000);
        for (unsigned i = 0; i < n; i++) {
            int before = ears[i].sequence.ended;
            if (fds[i].revents && broker_process(ears[i].b) < 0)
                role_die("receive", broker_error_text(ears[i].b));
            n_ended += ears[i].sequence.ended != before;
        }
    }
}

static void receive(struct role *role)
{
    struct share share = share_of(role->work, role->part);
    struct ear *ears = calloc(share.n, sizeof(*ears));

    for (unsigned i = 0; i < share.n; i++)
        ear_open(&ears[i], role->work);
    role_ready(role);
    if (share.n > 1)
        run_all(ears, share.n);
    else if (broker_run(ears[0].b) < 0)
        role_die("receive", broker_error_text(ears[0].b));
    role->report->end_ns = kit_now_ns();
    role_done(role);
    for (unsigned i = 0; i < share.n; i++) {
        sequence_report(&ears[i].sequence, role->report);
        leave(ears[i].b, "subscriber");
    }
    free(ears);
}

/* -- request --------------------------------------------------------------------------------- */

static void ask(broker *b, struct role *role, char *payload, size_t size, uint64_t number)
{
    void *answer;
    size_t len;
    int64_t asked_ns = kit_now_ns();

    memcpy(payload, &number, sizeof(number));
    if (broker_call_wait(b, PEER_SERVICE, payload, size, 0, BROKER_DEFAULT, &answer, &len, NULL,
                            NULL) < 0)
        role_die("request", broker_error_text(b));
    role_sample(role, kit_now_ns() - asked_ns);
    role->report->n_wrong += len != size || memcmp(answer, payload, size) != 0;
    free(answer);
}

static void request(struct role *role)
{
    static char payload[PEER_MAX_SIZE];
    const struct work *work = role->work;
    broker *b = connect_as("requester", work);

    role_ready(role);
    role_await_gate(role);
    const int64_t until_ns = role->report->start_ns + work->run_ns;
    while (kit_now_ns() < until_ns)
        ask(b, role, payload, work->size, role->report->n++);
    role->report->end_ns = kit_now_ns();
    role_done(role);
    leave(b, "requester");
}

static void on_request(broker_service *service, broker_request *request, void *userdata)
{
    size_t len;
    const void *payload = broker_message_payload(broker_request_message(request), &len);

    (void)service;
    if (broker_reply(request, payload, len, 0) < 0)
        role_die("reply", broker_error_text(userdata));
}

static void serve(struct role *role)
{
    broker *b = connect_as("server", role->work);
    broker_service *service;

    if (broker_serve(b, &service, PEER_SERVICE, NULL, on_request, b) < 0 ||
        broker_flush(b, BROKER_DEFAULT) < 0 || broker_service_status(service) != BROKER_OK)
        role_die("serve", broker_error_text(b));
    role_ready(role);
    broker_run(b);
    role_die("serve", broker_error_text(b));
}

const struct peer peer_brokerd = { "brokerd", publish, receive, request, serve };
