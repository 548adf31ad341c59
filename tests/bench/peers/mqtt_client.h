/*
 * A connection of libmosquitto with a loop of its own. Every function ends the process if it fails.
 */
#pragma once

#include <mosquitto.h>
#include <stdbool.h>

/* What the library's callbacks get as their data. */
struct mqtt_client {
    struct mosquitto *mqtt;
    unsigned connection;
    bool connected;
    bool ended;            /* for on_message: what bench_take() said */
    unsigned n_subscribed; /* SUBSCRIBE packets acknowledged */
    unsigned n_answers;
};

void mqtt_check(int result, const char *what);

/* Connects; returns when the broker has said yes. */
struct mqtt_client *mqtt_client_open(unsigned connection);

/* Subscribes to all topics with one packet; returns when they are in force. */
void mqtt_client_subscribe(struct mqtt_client *client, char *const *topics, unsigned n);

/* Waits until the socket has taken what the library has queued. */
void mqtt_client_write(struct mqtt_client *client);

/* One step of a loop: waits, then writes what is queued, or reads a packet. */
void mqtt_client_step(struct mqtt_client *client, int timeout_ms);
