#include "tests/bench/peers/bus.h"

#include <stdio.h>
#include <string.h>

#include "tests/bench/peers/bench.h"

int bus_check(int result, const char *what)
{
    if (result < 0)
        bench_die("%s: %s", what, strerror(-result));
    return result;
}

sd_bus *bus_dial(void)
{
    const char *name;
    char address[256];
    sd_bus *bus;

    snprintf(address, sizeof(address), "unix:path=%s", bench_options->address);
    bus_check(sd_bus_new(&bus), "new");
    bus_check(sd_bus_set_address(bus, address), "address");
    bus_check(sd_bus_set_bus_client(bus, 1), "bus client");
    bus_check(sd_bus_start(bus), "start");
    bus_check(sd_bus_get_unique_name(bus, &name), "hello");
    return bus;
}

void bus_write(sd_bus *bus)
{
    uint64_t n_queued;

    bus_check(sd_bus_get_n_queued_write(bus, &n_queued), "queued");
    if (n_queued)
        bus_check(sd_bus_flush(bus), "flush");
}

void bus_append(sd_bus_message *message, const void *payload, size_t len)
{
    bus_check(sd_bus_message_append_array(message, 'y', payload, len), "append");
}

const void *bus_read(sd_bus_message *message, size_t *ret_len)
{
    const void *payload;

    bus_check(sd_bus_message_read_array(message, 'y', &payload, ret_len), "payload");
    return payload;
}
