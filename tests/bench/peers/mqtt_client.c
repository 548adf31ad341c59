#include "tests/bench/peers/mqtt_client.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "tests/bench/peers/bench.h"

#define KEEPALIVE_S 3600
#define STEP_MS     1000

void mqtt_check(int result, const char *what)
{
    if (result != MOSQ_ERR_SUCCESS)
        bench_die("%s: %s", what,
                  result == MOSQ_ERR_ERRNO ? strerror(errno) : mosquitto_strerror(result));
}

void mqtt_client_write(struct mqtt_client *client)
{
    while (mosquitto_want_write(client->mqtt)) {
        struct pollfd writable = { mosquitto_socket(client->mqtt), POLLOUT, 0 };
        poll(&writable, 1, STEP_MS);
        mqtt_check(mosquitto_loop_write(client->mqtt, 1), "write");
    }
}

void mqtt_client_step(struct mqtt_client *client, int timeout_ms)
{
    struct pollfd ready = { mosquitto_socket(client->mqtt), POLLIN, 0 };

    if (mosquitto_want_write(client->mqtt))
        ready.events |= POLLOUT;
    if (poll(&ready, 1, timeout_ms) <= 0)
        return;
    if (ready.revents & POLLOUT)
        mqtt_check(mosquitto_loop_write(client->mqtt, 1), "write");
    if (ready.revents & (POLLIN | POLLHUP))
        mqtt_check(mosquitto_loop_read(client->mqtt, 1), "read");
}

static void on_connect(struct mosquitto *mqtt, void *data, int code)
{
    struct mqtt_client *client = data;

    (void)mqtt;
    if (code != 0)
        bench_die("connect: %s", mosquitto_connack_string(code));
    client->connected = true;
}

static void on_subscribe(struct mosquitto *mqtt, void *data, int id, int n, const int *granted)
{
    struct mqtt_client *client = data;

    (void)mqtt;
    (void)id;
    for (int i = 0; i < n; i++) {
        if (granted[i] != 0)
            bench_die("a subscription is refused: %d", granted[i]);
    }
    client->n_subscribed++;
}

struct mqtt_client *mqtt_client_open(unsigned connection)
{
    struct mqtt_client *client = calloc(1, sizeof(*client));

    mosquitto_lib_init();
    if (!client || !(client->mqtt = mosquitto_new(NULL, true, client)))
        bench_die("no memory");
    client->connection = connection;
    mosquitto_connect_callback_set(client->mqtt, on_connect);
    mosquitto_subscribe_callback_set(client->mqtt, on_subscribe);
    mqtt_check(mosquitto_connect(client->mqtt, bench_options->address, 0, KEEPALIVE_S), "connect");
    while (!client->connected)
        mqtt_client_step(client, STEP_MS);
    return client;
}

void mqtt_client_subscribe(struct mqtt_client *client, char *const *topics, unsigned n)
{
    unsigned n_before = client->n_subscribed;

    mqtt_check(mosquitto_subscribe_multiple(client->mqtt, NULL, (int)n, topics, 0, 0, NULL),
               "subscribe");
    while (client->n_subscribed == n_before)
        mqtt_client_step(client, STEP_MS);
}
