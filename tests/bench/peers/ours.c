/*
 * brokerd, on the public client library alone: what an application would write.
 *
 * Publishing is corked, so messages leave in pieces of 64 KiB. A process with one subscribing connection calls
 * broker_run(); one with several has an epoll loop on the loop contract. Subscriptions have the default policy,
 * `wait`, and a gap fails the run. --addr is a URL.
 */
#include <brokerclient.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "tests/bench/peers/bench.h"
#include "tests/bench/peers/peer.h"

#define MAX_EVENTS 64

static broker *connect_as(const char *name)
{
    broker_options *options;
    broker *b;

    if (broker_options_new(&options) < 0 ||
        broker_options_set_url(options, bench_options->address) < 0 ||
        broker_options_set_name(options, name) < 0 ||
        broker_options_set_reconnect(options, 0) < 0 || broker_new(&b, options) < 0)
        bench_die("%s: no memory, or no URL: %s", name, bench_options->address);
    broker_options_free(options);
    if (broker_connect(b, BROKER_DEFAULT) < 0)
        bench_die("%s: %s", name, broker_error_text(b));
    return b;
}

/* -- publishing ------------------------------------------------------------------------------ */

static void *pub_open(unsigned index)
{
    broker *b = connect_as("publisher");

    (void)index;
    broker_cork(b);
    return b;
}

static void pub_send(void *publisher, const char *subject, const void *payload, size_t len)
{
    if (broker_publish(publisher, subject, payload, len, 0) < 0)
        bench_die("publish: %s", broker_error_text(publisher));
}

static void pub_flush(void *publisher)
{
    if (broker_uncork(publisher) < 0)
        bench_die("publish: %s", broker_error_text(publisher));
    broker_cork(publisher);
}

/* -- subscribing ----------------------------------------------------------------------------- */

struct subscriber {
    broker *b;
    unsigned connection;
    short events; /* that epoll watches */
};

static bool ended; /* every connection of this process has heard the end */

static void on_message(broker_subscription *sub, const broker_message *m, void *userdata)
{
    const struct subscriber *subscriber = userdata;
    size_t len;
    const void *payload = broker_message_payload(m, &len);

    if (!bench_take(subscriber->connection, payload, len))
        return;
    ended = true;
    broker_stop(broker_subscription_broker(sub));
}

static void on_notice(broker_subscription *sub, const struct broker_notice *notice, void *userdata)
{
    (void)userdata;
    if (notice->kind != BROKER_NOTICE_ACTIVE)
        bench_die("%s: %s", broker_subscription_pattern(sub), notice->text);
}

static void subscriber_open(struct subscriber *subscriber, unsigned connection)
{
    unsigned n;
    const char *const *patterns = bench_patterns(connection, &n);
    broker_subscription *sub;

    subscriber->b = connect_as("subscriber");
    subscriber->connection = connection;
    broker_cork(subscriber->b);
    for (unsigned i = 0; i < n; i++) {
        if (broker_subscribe(subscriber->b, &sub, patterns[i], NULL, on_message, subscriber) < 0)
            bench_die("subscribe: %s", broker_error_text(subscriber->b));
        broker_subscription_set_notice_fn(sub, on_notice, subscriber);
    }
    if (broker_uncork(subscriber->b) < 0 || broker_flush(subscriber->b, BROKER_DEFAULT) < 0)
        bench_die("subscribe: %s", broker_error_text(subscriber->b));
}

/* Tells epoll what the library wants to hear of, when that has changed. */
static void watch(int epoll, struct subscriber *subscriber, int op)
{
    const short events = broker_events(subscriber->b);
    struct epoll_event event = { .events = (uint32_t)events, .data.ptr = subscriber };

    if (op == EPOLL_CTL_MOD && events == subscriber->events)
        return;
    if (epoll_ctl(epoll, op, broker_fd(subscriber->b), &event) < 0)
        bench_die("epoll_ctl: %s", strerror(errno));
    subscriber->events = events;
}

static void process(int epoll, struct subscriber *subscriber)
{
    do {
        if (broker_process(subscriber->b) < 0)
            bench_die("receive: %s", broker_error_text(subscriber->b));
    } while (!ended && broker_deadline_ns(subscriber->b) <= broker_now_ns());
    watch(epoll, subscriber, EPOLL_CTL_MOD);
}

static void run_all(struct subscriber *subscribers, unsigned n)
{
    struct epoll_event events[MAX_EVENTS];
    int epoll = epoll_create1(EPOLL_CLOEXEC);

    for (unsigned i = 0; i < n; i++) {
        watch(epoll, &subscribers[i], EPOLL_CTL_ADD);
        process(epoll, &subscribers[i]); /* what came while it subscribed */
    }
    while (!ended) {
        int n_events = epoll_wait(epoll, events, MAX_EVENTS, -1);

        for (int i = 0; i < n_events; i++)
            process(epoll, events[i].data.ptr);
    }
}

static void subs_run(unsigned first, unsigned n)
{
    struct subscriber *subscribers = calloc(n, sizeof(*subscribers));

    if (!subscribers)
        bench_die("no memory for %u subscribers", n);
    for (unsigned i = 0; i < n; i++)
        subscriber_open(&subscribers[i], first + i);
    bench_ready();
    if (n > 1)
        run_all(subscribers, n);
    else if (broker_run(subscribers->b) < 0)
        bench_die("receive: %s", broker_error_text(subscribers->b));
}

/* -- requests -------------------------------------------------------------------------------- */

static void on_request(broker_service *service, broker_request *request, void *userdata)
{
    size_t len;
    const void *payload = broker_message_payload(broker_request_message(request), &len);

    (void)service;
    if (broker_reply(request, payload, len, 0) < 0)
        bench_die("reply: %s", broker_error_text(userdata));
}

static void serve_run(void)
{
    broker *b = connect_as("server");
    broker_service *service;

    if (broker_serve(b, &service, REQUEST_SUBJECT, NULL, on_request, b) < 0 ||
        broker_flush(b, BROKER_DEFAULT) < 0 || broker_service_status(service) != BROKER_OK)
        bench_die("serve: %s", broker_error_text(b));
    bench_ready();
    broker_run(b);
    bench_die("serve: %s", broker_error_text(b));
}

static unsigned n_answers; /* since the last req_wait() */

static void on_reply(broker_call *call, const broker_message *part, void *userdata)
{
    size_t len;

    (void)call;
    (void)userdata;
    broker_message_payload(part, &len);
    if (len != bench_options->size)
        bench_die("an answer of %zu bytes", len);
}

static void on_done(broker_call *call, const struct broker_result *result, void *userdata)
{
    (void)call;
    (void)userdata;
    if (result->status < 0)
        bench_die("request: %s", result->text);
    n_answers++;
}

static void *req_open(void)
{
    broker *b = connect_as("requester");

    broker_cork(b);
    return b;
}

static void req_send(void *requester, const void *payload, size_t len)
{
    if (broker_call_start(requester, NULL, REQUEST_SUBJECT, payload, len, 0, BROKER_DEFAULT,
                          on_reply, on_done, NULL) < 0)
        bench_die("request: %s", broker_error_text(requester));
}

static unsigned req_wait(void *requester)
{
    for (n_answers = 0; n_answers == 0;) {
        if (broker_wait(requester, BROKER_FOREVER) < 0)
            bench_die("request: %s", broker_error_text(requester));
    }
    return n_answers;
}

static void idle_run(unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        connect_as("idle");
    bench_ready();
}

const struct peer peer = {
    .name = "ours",
    .pub_open = pub_open,
    .pub_send = pub_send,
    .pub_flush = pub_flush,
    .subs_run = subs_run,
    .serve_run = serve_run,
    .req_open = req_open,
    .req_send = req_send,
    .req_flush = pub_flush,
    .req_wait = req_wait,
    .idle_run = idle_run,
};
