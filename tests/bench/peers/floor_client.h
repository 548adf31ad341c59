/*
 * A client of the floor: as little as a client can do. It speaks brokerd's protocol as far as the floor does, so it
 * works with brokerd too.
 *
 * Frames gather in 64 KiB and leave when those are full, or with client_flush(); large payloads are not copied.
 * One that breaks the wire, or that ends the connection, ends the process.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct client;

/* What a client does with what it hears; payloads stay where they are until the function returns. */
struct client_sink {
    /* Of a subscription. @return true when that was the last: client_read() returns true */
    bool (*message)(void *userdata, const void *payload, size_t len);
    void (*request)(struct client *client, uint64_t token, const void *payload, size_t len);
    void (*reply)(struct client *client, uint64_t token);
};

/** Connects and says hello. Never NULL. */
struct client *client_new(const struct client_sink *sink, void *userdata);
/** The descriptor, for a loop. */
int client_fd(const struct client *client);
void *client_userdata(const struct client *client);

/** Subscribes to patterns, or serves them; returns when they are in force. */
void client_subscribe(struct client *client, const char *const *patterns, unsigned n, bool serves);

/** Sends a MESSAGE, a REQUEST or a REPLY (which has no subject). */
void client_send(struct client *client, uint8_t op, uint64_t token, const char *subject,
                 const void *payload, size_t len);
void client_flush(struct client *client);

/** Reads once and handles every whole frame; without @p waits only what is there. */
bool client_read(struct client *client, bool waits);
