/*
 * mosquitto over AF_UNIX, MQTT at QoS 0, by libmosquitto.
 *
 * The library does not batch: mosquitto_publish() writes the message before it returns, and queues only what the
 * socket does not take; mosquitto_loop_write() writes the rest, and whatever a callback has published. Reading is
 * mosquitto_loop_read() on mosquitto_socket(), as mosquitto.h has it for applications with a loop of their own; it
 * takes one packet a call.
 *
 * A subject's dots are slashes here, its `*` is a `+`. A request is a message on one topic, its answer one on
 * another.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/bench/peers/bench.h"
#include "tests/bench/peers/mqtt_client.h"
#include "tests/bench/peers/peer.h"
#include "tests/bench/peers/readers.h"

#define REQUEST_TOPIC     "svc/echo"
#define ANSWER_TOPIC      "svc/reply"
#define TOPICS_PER_PACKET 100

/* -- publish --------------------------------------------------------------------------------- */

static void spell(char *subject, bool is_pattern)
{
    for (; *subject; subject++) {
        if (*subject == '.')
            *subject = '/';
        else if (is_pattern && *subject == '*')
            *subject = '+';
    }
}

static void *pub_open(unsigned index)
{
    return mqtt_client_open(index);
}

static void pub_send(void *data, const char *topic, const void *payload, size_t len)
{
    struct mqtt_client *client = data;

    mqtt_check(mosquitto_publish(client->mqtt, NULL, topic, (int)len, payload, 0, false),
               "publish");
    mqtt_client_write(client);
}

static void flush_nothing(void *client)
{
    (void)client;
}

/* -- subscribe ------------------------------------------------------------------------------- */

static void on_message(struct mosquitto *mqtt, void *data, const struct mosquitto_message *message)
{
    struct mqtt_client *client = data;

    (void)mqtt;
    client->ended |= bench_take(client->connection, message->payload, message->payloadlen);
}

static void *subscriber_open(unsigned connection)
{
    struct mqtt_client *client = mqtt_client_open(connection);
    unsigned n;
    const char *const *patterns = bench_patterns(connection, &n);

    mosquitto_message_callback_set(client->mqtt, on_message);
    for (unsigned i = 0; i < n; i += TOPICS_PER_PACKET) {
        unsigned n_rest = n - i;
        /* the library does not write to them */
        mqtt_client_subscribe(client, (char *const *)(patterns + i),
                              n_rest < TOPICS_PER_PACKET ? n_rest : TOPICS_PER_PACKET);
    }
    return client;
}

static int subscriber_fd(void *data)
{
    const struct mqtt_client *client = data;

    return mosquitto_socket(client->mqtt);
}

static bool subscriber_take(void *data, unsigned connection)
{
    const struct mqtt_client *client = data;

    (void)connection;
    mqtt_check(mosquitto_loop_read(client->mqtt, 1), "read");
    return client->ended;
}

static void subs_run(unsigned first, unsigned n)
{
    static const struct reader reader = { subscriber_open, subscriber_fd, subscriber_take, false };

    readers_run(&reader, first, n);
}

/* -- request --------------------------------------------------------------------------------- */

static struct mqtt_client *listener_open(const char *topic,
                                         void (*on_it)(struct mosquitto *, void *,
                                                       const struct mosquitto_message *))
{
    struct mqtt_client *client = mqtt_client_open(0);
    char *topics[] = { (char *)topic };

    mosquitto_message_callback_set(client->mqtt, on_it);
    mqtt_client_subscribe(client, topics, 1);
    return client;
}

static void on_request(struct mosquitto *mqtt, void *data, const struct mosquitto_message *message)
{
    (void)data;
    mqtt_check(mosquitto_publish(mqtt, NULL, ANSWER_TOPIC, message->payloadlen, message->payload, 0,
                                 false),
               "answer");
}

static void serve_run(void)
{
    struct mqtt_client *client = listener_open(REQUEST_TOPIC, on_request);

    bench_ready();
    for (;;) {
        mqtt_client_step(client, -1);
        mqtt_check(mosquitto_loop_write(client->mqtt, 1), "write");
        mqtt_client_write(client);
    }
}

static void on_answer(struct mosquitto *mqtt, void *data, const struct mosquitto_message *message)
{
    struct mqtt_client *client = data;

    (void)mqtt;
    (void)message;
    client->n_answers++;
}

static void *req_open(void)
{
    return listener_open(ANSWER_TOPIC, on_answer);
}

static void req_send(void *client, const void *payload, size_t len)
{
    pub_send(client, REQUEST_TOPIC, payload, len);
}

static unsigned req_wait(void *data)
{
    struct mqtt_client *client = data;

    client->n_answers = 0;
    while (!client->n_answers)
        mqtt_client_step(client, -1);
    return client->n_answers;
}

/* -- idle ------------------------------------------------------------------------------------ */

/* A client of the library is three descriptors: ten thousand of them speak MQTT 3.1.1 by hand. */
static int idle_connect(void)
{
    struct sockaddr_un to = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    strncpy(to.sun_path, bench_options->address, sizeof(to.sun_path) - 1);
    if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0)
        bench_die("connect: %s", strerror(errno));
    return fd;
}

/* CONNECT of a clean session, and SUBSCRIBE at QoS 0 to a topic that is named as the client is. */
static void idle_send(int fd, unsigned index)
{
    char packets[] = "\x10\x12\0\4MQTT\4\2\0\0\0\6i00000"
                     "\x82\x0b\0\1\0\6i00000\0";
    char name[16];

    snprintf(name, sizeof(name), "i%05u", index % 100000);
    memcpy(packets + 14, name, 6);
    memcpy(packets + 26, name, 6);
    if (send(fd, packets, sizeof(packets) - 1, 0) != sizeof(packets) - 1)
        bench_die("send: %s", strerror(errno));
}

static void idle_run(unsigned n)
{
    char acks[9]; /* CONNACK and SUBACK */

    for (unsigned i = 0; i < n; i++) {
        int fd = idle_connect();
        idle_send(fd, i);
        if (recv(fd, acks, sizeof(acks), MSG_WAITALL) != sizeof(acks))
            bench_die("not acknowledged");
    }
    bench_ready();
}

const struct peer peer = {
    .name = "mosquitto",
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
};
