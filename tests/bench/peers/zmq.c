/*
 * libzmq over ipc://; --addr is a folder, its sockets are in there.
 *
 * ZeroMQ has no broker: `peer-zmq serve` is the one its guide builds, XSUB/XPUB for publishers and subscribers and
 * ROUTER/DEALER for requesters and servers, a zmq_proxy(3) and a thread each (zmq_sockets.h). Batching is the
 * library's own: zmq_msg_send(3) queues, and the I/O thread writes what is queued together; there is nothing to
 * flush. A message is one frame, "subject\0payload": the prefix match works on it as on a frame of its own, and a
 * second frame would be as much work again.
 *
 * A subscription is a prefix: a pattern ends before its first wildcard. Nothing acknowledges subscriptions: the
 * probes of the harness do where they are few, for those of w6 there is a pause.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tests/bench/peers/bench.h"
#include "tests/bench/peers/peer.h"
#include "tests/bench/peers/zmq_sockets.h"

#define MESSAGES_PER_TURN 1000

/* Pauses for what nothing acknowledges. */
#define SETTLE_MS      100  /* a connection */
#define SETTLE_SUBS_MS 2000 /* the subscriptions of w6 in the broker … */
#define SETTLE_PUB_MS  500  /* … and from there in a publisher, which does the matching */
#define SETTLE_IDLE_MS 1000 /* idle connections, and 0.1 ms for each */

static void settle(unsigned ms)
{
    struct timespec pause = { ms / 1000, ms % 1000 * 1000000L };

    nanosleep(&pause, NULL);
}

static void settle_many(unsigned ms)
{
    if (strcmp(bench_options->workload, "w6") == 0)
        settle(ms);
}

/* -- publish --------------------------------------------------------------------------------- */

static void spell(char *subject, bool is_pattern)
{
    if (is_pattern)
        subject[strcspn(subject, "*")] = '\0';
}

static void *pub_open(unsigned index)
{
    void *socket = socket_dial(ZMQ_PUB, "xsub");

    (void)index;
    settle_many(SETTLE_PUB_MS);
    return socket;
}

static void pub_send(void *socket, const char *subject, const void *payload, size_t len)
{
    size_t subject_len = strlen(subject) + 1;
    zmq_msg_t message;

    socket_check(zmq_msg_init_size(&message, subject_len + len), "no memory");
    char *frame = zmq_msg_data(&message);
    memcpy(frame, subject, subject_len);
    memcpy(frame + subject_len, payload, len);
    socket_check(zmq_msg_send(&message, socket, 0), "send");
}

static void flush_nothing(void *socket)
{
    (void)socket;
}

/* -- subscribe ------------------------------------------------------------------------------- */

static void subscribe(void *socket, const char *prefix)
{
    socket_check(zmq_setsockopt(socket, ZMQ_SUBSCRIBE, prefix, strlen(prefix)), "subscribe");
}

static void *subscriber_open(unsigned connection)
{
    unsigned n;
    const char *const *patterns = bench_patterns(connection, &n);
    void *socket = socket_dial(ZMQ_SUB, "xpub");

    for (unsigned i = 0; i < n; i++)
        subscribe(socket, patterns[i]);
    return socket;
}

/* Takes one message; false: there is none now. */
static bool message_take(void *socket, unsigned connection, int flags, bool *ended)
{
    zmq_msg_t message;

    zmq_msg_init(&message);
    if (zmq_msg_recv(&message, socket, flags) < 0) {
        socket_check(errno == EAGAIN ? 0 : -1, "receive");
        return false;
    }
    const char *frame = zmq_msg_data(&message);
    size_t subject_len = strlen(frame) + 1;
    *ended |= bench_take(connection, frame + subject_len, zmq_msg_size(&message) - subject_len);
    zmq_msg_close(&message);
    return true;
}

static void subs_take(zmq_pollitem_t *items, unsigned first, unsigned n)
{
    bool ended = false;

    while (!ended) {
        socket_check(zmq_poll(items, (int)n, -1), "poll");
        for (unsigned i = 0; i < n; i++)
            for (int k = 0; (items[i].revents & ZMQ_POLLIN) && k < MESSAGES_PER_TURN; k++)
                if (!message_take(items[i].socket, first + i, ZMQ_DONTWAIT, &ended))
                    break;
    }
}

static void subs_run(unsigned first, unsigned n)
{
    zmq_pollitem_t *items = calloc(n, sizeof(*items));
    bool ended = false;

    if (!items)
        bench_die("no memory");
    for (unsigned i = 0; i < n; i++)
        items[i] = (zmq_pollitem_t){ .socket = subscriber_open(first + i), .events = ZMQ_POLLIN };
    settle_many(SETTLE_SUBS_MS);
    bench_ready();
    if (n > 1)
        subs_take(items, first, n);
    while (n == 1 && !ended)
        message_take(items[0].socket, first, 0, &ended);
}

static void idle_run(unsigned n)
{
    char subject[32];

    for (unsigned i = 0; i < n; i++) {
        snprintf(subject, sizeof(subject), "idle.%u", i);
        subscribe(socket_dial(ZMQ_SUB, "xpub"), subject);
    }
    settle(SETTLE_IDLE_MS + n / 10);
    bench_ready();
}

/* -- request --------------------------------------------------------------------------------- */

static void serve_run(void)
{
    void *socket = socket_dial(ZMQ_REP, "back");

    bench_ready();
    for (;;) {
        zmq_msg_t message;
        zmq_msg_init(&message);
        socket_check(zmq_msg_recv(&message, socket, 0), "request");
        socket_check(zmq_msg_send(&message, socket, 0), "answer");
    }
}

static void *req_open(void)
{
    void *socket = socket_dial(ZMQ_DEALER, "front");

    settle(SETTLE_MS);
    return socket;
}

/* What REQ would do, had it not to await an answer before the next request: an empty frame, then the request. */
static void req_send(void *socket, const void *payload, size_t len)
{
    socket_check(zmq_send(socket, "", 0, ZMQ_SNDMORE), "send");
    socket_check(zmq_send(socket, payload, len, 0), "send");
}

static bool frame_drop(void *socket, int flags)
{
    zmq_msg_t frame;

    zmq_msg_init(&frame);
    int len = zmq_msg_recv(&frame, socket, flags);
    socket_check(len < 0 && errno == EAGAIN ? 0 : len, "receive");
    zmq_msg_close(&frame);
    return len >= 0;
}

static unsigned req_wait(void *socket)
{
    unsigned n = 0;

    while (frame_drop(socket, n ? ZMQ_DONTWAIT : 0)) {
        frame_drop(socket, 0);
        n++;
    }
    return n;
}

const struct peer peer = {
    .name = "zmq",
    .spell = spell,
    .pub_open = pub_open,
    .pub_send = pub_send,
    .pub_flush = flush_nothing,
    .subs_run = subs_run,
    .serve_run = serve_run,
    .req_open = req_open,
    .req_send = req_send,
    .req_flush = flush_nothing,
    .req_wait = req_wait,
    .idle_run = idle_run,
    .broker_run = proxies_run,
};
