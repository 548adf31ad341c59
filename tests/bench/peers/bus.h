/*
 * What is the same wherever sd-bus is used here. Every function ends the process if it fails.
 */
#pragma once

#include <stddef.h>
#include <systemd/sd-bus.h>

/* Ends the process on a negative errno; else returns the result. */
int bus_check(int result, const char *what);

/* Connects to the bus at bench_options->address, a path; returns when it has got its name. */
sd_bus *bus_dial(void);

/* Waits until the socket has taken what it did not take at once. */
void bus_write(sd_bus *bus);

/* A message's body is one array of bytes. What is read belongs to the message. */
void bus_append(sd_bus_message *message, const void *payload, size_t len);
const void *bus_read(sd_bus_message *message, size_t *ret_len);
