/* A client whose broker says whatever bytes it is fed.
 *
 * The client is open on one end of a socket pair; it has two subscriptions, a
 * service, a request, a confirmation and a PING under way, so that each frame
 * of a broker's may be meant for something. Everything runs in one thread.
 */
#ifndef TESTS_UNIT_CLIENT_FEED_H
#define TESTS_UNIT_CLIENT_FEED_H

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <brokerclient.h>

#include "client/lib/conn.h"
#include "client/lib/handle.h"
#include "proto/envelope.h"

struct feed {
    broker *b;
    int peer;
    unsigned n_callbacks;
    broker_subscription *sub;
};

static inline void feed_look(const broker_message *m)
{
    struct broker_credentials who;
    size_t len;
    const uint8_t *payload = broker_message_payload(m, &len);
    volatile uint8_t sum = 0;

    for (size_t i = 0; i < len; i++)
        sum = (uint8_t)(sum + payload[i]);
    payload = broker_message_headers(m, &len);
    for (size_t i = 0; payload && i < len; i++)
        sum = (uint8_t)(sum + payload[i]);
    if (strlen(broker_message_subject(m, &len)) > len)
        abort();
    if (broker_message_credentials(m, &who) == 0 && who.n_groups > 64)
        abort();
}

static inline void feed_on_message(broker_subscription *sub, const broker_message *m, void *data)
{
    (void)sub;
    feed_look(m);
    ((struct feed *)data)->n_callbacks++;
}

static inline void feed_on_notice(broker_subscription *sub, const struct broker_notice *notice,
                                  void *data)
{
    (void)sub;
    if (strlen(notice->text) > MAX_SENTENCE)
        abort();
    ((struct feed *)data)->n_callbacks++;
}

/* Answers one at once, keeps the next. */
static inline void feed_on_request(broker_service *service, broker_request *request, void *data)
{
    struct feed *feed = data;

    (void)service;
    feed_look(broker_request_message(request));
    if (feed->n_callbacks++ % 2 == 0)
        broker_reply(request, "x", 1, 0);
}

static inline void feed_on_reply(broker_call *call, const broker_message *m, void *data)
{
    (void)call;
    feed_look(m);
    ((struct feed *)data)->n_callbacks++;
}

static inline void feed_on_done(broker_call *call, const struct broker_result *result, void *data)
{
    (void)call;
    (void)result;
    ((struct feed *)data)->n_callbacks++;
}

static inline void feed_on_confirmed(broker *b, int status, const struct broker_confirmation *c,
                                     void *data)
{
    (void)b;
    (void)status;
    (void)c;
    ((struct feed *)data)->n_callbacks++;
}

static inline void feed_on_event(broker *b, const struct broker_event *event, void *data)
{
    (void)b;
    if (strlen(event->text) > MAX_SENTENCE + ADDRESS_TEXT_MAX)
        abort();
    ((struct feed *)data)->n_callbacks++;
}

static inline void feed_say(struct feed *feed, const struct envelope *envelope)
{
    uint8_t buf[ENVELOPE_MAX_WRITTEN];
    size_t n = envelope_write(buf, sizeof buf, envelope);

    if (n == 0 || write(feed->peer, buf, n) != (ssize_t)n)
        abort();
}

static inline void feed_hello(struct feed *feed)
{
    struct envelope e = { .op = OP_WELCOME };

    e.welcome.version = 1;
    e.welcome.instance = (struct piece){ "sixteen bytes...", 16 };
    e.welcome.id = 7;
    e.welcome.options = (struct piece){ "\x80", 1 };
    feed_say(feed, &e);
}

static inline void feed_welcome(struct feed *feed)
{
    struct envelope e;

    feed_hello(feed);
    for (unsigned sid = 1; sid <= 2; sid++) { /* the service's is left open */
        e = (struct envelope){ .op = OP_OK };
        e.ref = (uint64_t)sid << REF_SHIFT;
        feed_say(feed, &e);
    }
    while (broker_process(feed->b) > 0)
        ;
}

/* Ends the other way round than conn.c begins: a socket is there already. */
static inline void feed_connect(broker *b, int fd)
{
    b->next_loss = loss_new();
    b->addresses.n = b->n_tried = 1;
    b->connecting = true; /* a failed greeting is the end of the story */
    b->fd = fd;
    greet_start(b);
}

static inline void feed_open(struct feed *feed)
{
    broker_options *options;
    int pair[2];

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) < 0 ||
        broker_options_new(&options) < 0)
        abort();
    *feed = (struct feed){ .peer = pair[0] };
    broker_options_set_reconnect(options, 0);
    broker_new(&feed->b, options);
    broker_options_free(options);
    broker_set_event_fn(feed->b, feed_on_event, feed);
    for (int i = 0; i < 2; i++) {
        broker_subscribe(feed->b, &feed->sub, "a.>", NULL, feed_on_message, feed);
        broker_subscription_set_notice_fn(feed->sub, feed_on_notice, feed);
    }
    broker_serve(feed->b, NULL, "a.>", NULL, feed_on_request, feed);
    feed_connect(feed->b, pair[1]);
}

/* Requests of which the references are known: 1 << 20 | place, and so on. */
static inline void feed_ask(struct feed *feed)
{
    broker *b = feed->b;

    broker_publish(b, "a", "x", 1, 0);
    broker_call_start(b, NULL, "a", "x", 1, 0, 1000, feed_on_reply, feed_on_done, feed);
    broker_call_start(b, NULL, "a", "x", 1, BROKER_SURVEY, 1000, feed_on_reply, feed_on_done,
                         feed);
    broker_confirm_async(b, feed_on_confirmed, feed);
    broker_flush(b, 0);
}

static inline void feed_drain(struct feed *feed)
{
    uint8_t buf[4096];

    while (read(feed->peer, buf, sizeof buf) > 0)
        ;
}

/* The client reads all of it, then the end of the stream. */
static inline void feed_bytes(struct feed *feed, const uint8_t *bytes, size_t len)
{
    while (len > 0) {
        ssize_t n = send(feed->peer, bytes, len, MSG_NOSIGNAL);

        if (n > 0) {
            bytes += n;
            len -= (size_t)n;
        } else if (broker_process(feed->b) < 0) {
            break;
        }
        feed_drain(feed);
    }
}

static inline void feed_end(struct feed *feed)
{
    shutdown(feed->peer, SHUT_WR);
    /* A greeting that failed leaves nothing to process, and no CLOSED. */
    for (int i = 0; i < 10000 && broker_fd(feed->b) >= 0; i++) {
        broker_process(feed->b);
        feed_drain(feed);
    }
    if (broker_fd(feed->b) >= 0)
        abort();
    while (feed->b->state == STATE_CLOSED && broker_process(feed->b) >= 0)
        ;
    broker_free(feed->b);
    close(feed->peer);
}

#endif
