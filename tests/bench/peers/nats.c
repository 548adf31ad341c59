/*
 * nats-server over TCP loopback (it has no AF_UNIX), by nats.c (libnats).
 *
 * Publishing batches as the library does by default: natsConnection_Publish() appends to its write buffer of
 * 32 KiB, which a thread of the library flushes. For requests and answers that thread's pause would be a millisecond
 * and more a round trip; the library's remedy is natsOptions_SetSendAsap(): each publish is flushed at once.
 *
 * A single subscription is read with natsSubscription_NextMsg(), the library's synchronous way, which costs one
 * thread less. Several get callbacks, all from one delivery thread (nats_SetMessageDeliveryPoolSize()), because
 * bench_take() is for one thread. No limit on what may be pending is left in place.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <nats/nats.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "tests/bench/peers/bench.h"
#include "tests/bench/peers/peer.h"

#define WAIT_MS 60000

static void check(natsStatus status, const char *what)
{
    if (status != NATS_OK)
        bench_die("%s: %s", what, natsStatus_GetText(status));
}

static natsConnection *dial(bool send_asap)
{
    natsConnection *nats;
    natsOptions *options;

    check(natsOptions_Create(&options), "options");
    check(natsOptions_SetURL(options, bench_options->address), "url");
    check(natsOptions_SetSendAsap(options, send_asap), "send asap");
    check(natsOptions_UseGlobalMessageDelivery(options, true), "delivery");
    check(natsConnection_Connect(&nats, options), "connect");
    natsOptions_Destroy(options);
    return nats;
}

/* -- publish --------------------------------------------------------------------------------- */

static void *pub_open(unsigned index)
{
    (void)index;
    return dial(false);
}

static void pub_send(void *nats, const char *subject, const void *payload, size_t len)
{
    check(natsConnection_Publish(nats, subject, payload, (int)len), "publish");
}

static void pub_flush(void *nats)
{
    check(natsConnection_Flush(nats), "flush");
}

/* -- subscribe ------------------------------------------------------------------------------- */

static natsSubscription *subscribe_sync(natsConnection *nats, const char *pattern)
{
    natsSubscription *sub;

    check(natsConnection_SubscribeSync(&sub, nats, pattern), "subscribe");
    check(natsSubscription_SetPendingLimits(sub, -1, -1), "pending limits");
    check(natsConnection_Flush(nats), "flush");
    return sub;
}

static natsMsg *message_next(natsSubscription *sub)
{
    natsMsg *message;

    check(natsSubscription_NextMsg(&message, sub, WAIT_MS), "next message");
    return message;
}

static bool message_take(natsMsg *message, unsigned connection)
{
    bool ended = bench_take(connection, natsMsg_GetData(message), natsMsg_GetDataLength(message));

    natsMsg_Destroy(message);
    return ended;
}

static void subs_run_one(unsigned connection, const char *pattern)
{
    natsSubscription *sub = subscribe_sync(dial(false), pattern);

    bench_ready();
    while (!message_take(message_next(sub), connection))
        ;
}

static sem_t all_ended;

static void on_message(natsConnection *nats, natsSubscription *sub, natsMsg *message,
                       void *connection)
{
    (void)nats;
    (void)sub;
    if (message_take(message, (unsigned)(uintptr_t)connection))
        sem_post(&all_ended);
}

static void subscribe_all(unsigned connection)
{
    natsConnection *nats = dial(false);
    unsigned n;
    const char *const *patterns = bench_patterns(connection, &n);

    for (unsigned i = 0; i < n; i++) {
        natsSubscription *sub;
        check(natsConnection_Subscribe(&sub, nats, patterns[i], on_message,
                                       (void *)(uintptr_t)connection),
              "subscribe");
        check(natsSubscription_SetPendingLimits(sub, -1, -1), "pending limits");
    }
    check(natsConnection_Flush(nats), "flush");
}

static void subs_run(unsigned first, unsigned n)
{
    unsigned n_patterns;
    const char *const *patterns = bench_patterns(first, &n_patterns);

    if (n == 1 && n_patterns == 1) {
        subs_run_one(first, patterns[0]);
        return;
    }
    sem_init(&all_ended, 0, 0);
    check(nats_Open(-1), "open");
    check(nats_SetMessageDeliveryPoolSize(1), "delivery pool");
    for (unsigned i = 0; i < n; i++)
        subscribe_all(first + i);
    bench_ready();
    while (sem_wait(&all_ended) < 0)
        ;
}

/* -- request --------------------------------------------------------------------------------- */

static void serve_run(void)
{
    natsConnection *nats = dial(true);
    natsSubscription *sub = subscribe_sync(nats, REQUEST_SUBJECT);

    bench_ready();
    for (;;) {
        natsMsg *m = message_next(sub);
        check(natsConnection_Publish(nats, natsMsg_GetReply(m), natsMsg_GetData(m),
                                     natsMsg_GetDataLength(m)),
              "answer");
        natsMsg_Destroy(m);
    }
}

static natsInbox *inbox;
static natsSubscription *answers; /* to the one requester of this process */

static void *req_open(void)
{
    natsConnection *nats = dial(true);

    check(natsInbox_Create(&inbox), "inbox");
    answers = subscribe_sync(nats, inbox);
    return nats;
}

static void req_send(void *nats, const void *payload, size_t len)
{
    check(natsConnection_PublishRequest(nats, REQUEST_SUBJECT, inbox, payload, (int)len),
          "request");
}

static void req_flush(void *nats)
{
    (void)nats; /* each was sent at once */
}

static unsigned req_wait(void *nats)
{
    (void)nats;
    natsMsg_Destroy(message_next(answers));
    return 1;
}

/* -- idle ------------------------------------------------------------------------------------ */

/* Ten thousand connections of the library would be as many threads: these speak the protocol by hand. */
static int idle_connect(void)
{
    const char *colon = strrchr(bench_options->address, ':');
    struct sockaddr_in to = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    to.sin_port = htons((uint16_t)strtoul(colon ? colon + 1 : "", NULL, 10));
    if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0)
        bench_die("connect: %s", strerror(errno));
    return fd;
}

/* After the server's greeting its PONG says that the subscription is in force. */
static void idle_await(int fd)
{
    char text[4096] = "";
    size_t len = 0;

    while (!strstr(text, "PONG\r\n")) {
        ssize_t n = recv(fd, text + len, sizeof(text) - 1 - len, 0);
        if (n <= 0)
            bench_die("no PONG: %s", n < 0 ? strerror(errno) : text);
        len += n;
        text[len] = '\0';
    }
}

static void idle_run(unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        int fd = idle_connect();
        if (dprintf(fd,
                    "CONNECT {\"verbose\":false,\"pedantic\":false}\r\nSUB idle.%u 1\r\nPING\r\n",
                    i) < 0)
            bench_die("send: %s", strerror(errno));
        idle_await(fd);
    }
    bench_ready();
}

const struct peer peer = {
    .name = "nats",
    .pub_open = pub_open,
    .pub_send = pub_send,
    .pub_flush = pub_flush,
    .subs_run = subs_run,
    .serve_run = serve_run,
    .req_open = req_open,
    .req_send = req_send,
    .req_flush = req_flush,
    .req_wait = req_wait,
    .idle_run = idle_run,
};
