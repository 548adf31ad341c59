/*
 * The floor: our own clients and our own broker, each as little as it can be (floor_broker.h, floor_client.h), to
 * see what the protocol itself costs.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "proto/opcode.h"
#include "tests/bench/peers/bench.h"
#include "tests/bench/peers/floor_broker.h"
#include "tests/bench/peers/floor_client.h"
#include "tests/bench/peers/peer.h"

#define MAX_EVENTS 64
#define MAX_OPEN   4096

/* -- publishing ------------------------------------------------------------------------------ */

static const struct client_sink hears_nothing;

static void *pub_open(unsigned index)
{
    (void)index;
    return client_new(&hears_nothing, NULL);
}

static void pub_send(void *publisher, const char *subject, const void *payload, size_t len)
{
    client_send(publisher, OP_MESSAGE, 0, subject, payload, len);
}

static void flush(void *client)
{
    client_flush(client);
}

/* -- subscribing ----------------------------------------------------------------------------- */

static bool on_message(void *userdata, const void *payload, size_t len)
{
    return bench_take((unsigned)(uintptr_t)userdata, payload, len);
}

static const struct client_sink hears_messages = { .message = on_message };

static void read_all(struct client *const *clients, unsigned n)
{
    struct epoll_event events[MAX_EVENTS];
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    bool ended = false;

    for (unsigned i = 0; i < n; i++) {
        struct epoll_event event = { .events = EPOLLIN, .data.ptr = clients[i] };

        if (epoll_ctl(epoll, EPOLL_CTL_ADD, client_fd(clients[i]), &event) < 0)
            bench_die("epoll_ctl: %s", strerror(errno));
    }
    while (!ended) {
        int n_events = epoll_wait(epoll, events, MAX_EVENTS, -1);

        for (int i = 0; i < n_events; i++)
            ended |= client_read(events[i].data.ptr, false);
    }
}

static void subs_run(unsigned first, unsigned n)
{
    struct client **clients = calloc(n, sizeof(*clients));

    if (!clients)
        bench_die("no memory for %u clients", n);
    for (unsigned i = 0; i < n; i++) {
        unsigned n_patterns;
        const char *const *patterns = bench_patterns(first + i, &n_patterns);

        clients[i] = client_new(&hears_messages, (void *)(uintptr_t)(first + i));
        client_subscribe(clients[i], patterns, n_patterns, false);
    }
    bench_ready();
    if (n > 1)
        read_all(clients, n);
    while (n == 1 && !client_read(clients[0], true))
        ;
}

/* -- requests -------------------------------------------------------------------------------- */

static void on_request(struct client *client, uint64_t token, const void *payload, size_t len)
{
    client_send(client, OP_REPLY, token, NULL, payload, len);
}

static const struct client_sink hears_requests = { .request = on_request };

static void serve_run(void)
{
    static const char *const patterns[] = { REQUEST_SUBJECT };
    struct client *client = client_new(&hears_requests, NULL);

    client_subscribe(client, patterns, 1, true);
    bench_ready();
    for (;;) {
        client_read(client, true);
        client_flush(client);
    }
}

/* The open requests: references count upwards, and a place each says whether it is open. */
static struct {
    uint64_t next;
    unsigned n_answers;
    bool is_open[MAX_OPEN];
} calls;

static void on_reply(struct client *client, uint64_t token)
{
    bool *is_open = &calls.is_open[token % MAX_OPEN];

    (void)client;
    if (calls.next - token > MAX_OPEN || !*is_open)
        bench_die("an answer to a request that is not open");
    *is_open = false;
    calls.n_answers++;
}

static const struct client_sink hears_replies = { .reply = on_reply };

static void *req_open(void)
{
    return client_new(&hears_replies, NULL);
}

static void req_send(void *requester, const void *payload, size_t len)
{
    calls.is_open[calls.next % MAX_OPEN] = true;
    client_send(requester, OP_REQUEST, calls.next++, REQUEST_SUBJECT, payload, len);
}

static unsigned req_wait(void *requester)
{
    for (calls.n_answers = 0; calls.n_answers == 0;)
        client_read(requester, true);
    return calls.n_answers;
}

static void idle_run(unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        client_new(&hears_nothing, NULL);
    bench_ready();
}

const struct peer peer = {
    .name = "floor",
    .pub_open = pub_open,
    .pub_send = pub_send,
    .pub_flush = flush,
    .subs_run = subs_run,
    .serve_run = serve_run,
    .req_open = req_open,
    .req_send = req_send,
    .req_flush = flush,
    .req_wait = req_wait,
    .idle_run = idle_run,
    .broker_run = floor_broker_run,
};
