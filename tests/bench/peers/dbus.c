/*
 * dbus-broker, by sd-bus; `peer-dbus serve` becomes the broker (dbus_controller.h).
 *
 * D-Bus does not batch: sd_bus_send() writes each message, and queues only what the socket does not take, which
 * sd_bus_flush() then waits for. Match rules are added with sd_bus_call_method_async(), MAX_OPEN of them at a time,
 * requests with sd_bus_call_async(). Reading is sd_bus_process() until it has nothing more to do.
 *
 * Subject a.b.c is signal M of interface b.S at path /a/b/c. A pattern is a path_namespace, which ends before the
 * first wildcard, and is spelled with a `*` in front. A request is a call to the well-known name bench.Echo.
 */
#include <stdio.h>
#include <string.h>

#include "tests/bench/peers/bench.h"
#include "tests/bench/peers/bus.h"
#include "tests/bench/peers/dbus_controller.h"
#include "tests/bench/peers/peer.h"
#include "tests/bench/peers/readers.h"

#define SIGNAL_INTERFACE "b.S"
#define SIGNAL_MEMBER    "M"
#define SERVICE          "bench.Echo" /* the name, and its interface */
#define SERVICE_PATH     "/e"
#define SERVICE_MEMBER   "Echo"
#define MAX_OPEN         200
#define CALL_TIMEOUT_US  60000000
#define STEP_US          1000000

/* -- publish --------------------------------------------------------------------------------- */

static void spell(char *subject, bool is_pattern)
{
    size_t len = strcspn(subject, is_pattern ? "*" : "");
    bool is_namespace = subject[len] == '*';

    if (is_namespace)
        subject[--len] = '\0'; /* the dot before the wildcard */
    memmove(subject + 1 + is_namespace, subject, len + 1);
    memcpy(subject, is_namespace ? "*/" : "/", 1 + is_namespace);
    while ((subject = strchr(subject, '.')))
        *subject = '/';
}

static void *pub_open(unsigned index)
{
    (void)index;
    return bus_dial();
}

static void pub_send(void *bus, const char *path, const void *payload, size_t len)
{
    sd_bus_message *message;

    bus_check(sd_bus_message_new_signal(bus, &message, path, SIGNAL_INTERFACE, SIGNAL_MEMBER),
              "signal");
    bus_append(message, payload, len);
    bus_check(sd_bus_send(bus, message, NULL), "send");
    sd_bus_message_unref(message);
    bus_write(bus);
}

static void pub_flush(void *bus)
{
    bus_check(sd_bus_flush(bus), "flush");
}

/* -- subscribe ------------------------------------------------------------------------------- */

static int on_match(sd_bus_message *message, void *n_open, sd_bus_error *error)
{
    (void)error;
    if (sd_bus_message_is_method_error(message, NULL))
        bench_die("AddMatch: %s", sd_bus_message_get_error(message)->message);
    --*(unsigned *)n_open;
    return 1;
}

static void match_add(sd_bus *bus, const char *pattern, unsigned *n_open)
{
    bool is_namespace = pattern[0] == '*';
    char rule[160];

    snprintf(rule, sizeof(rule), "type='signal',interface='" SIGNAL_INTERFACE "',path%s='%s'",
             is_namespace ? "_namespace" : "", pattern + is_namespace);
    bus_check(sd_bus_call_method_async(bus, NULL, "org.freedesktop.DBus", "/org/freedesktop/DBus",
                                       "org.freedesktop.DBus", "AddMatch", on_match, n_open, "s",
                                       rule),
              "AddMatch");
    ++*n_open;
}

/* Until at most so many of the rules asked for are not in force yet. */
static void matches_await(sd_bus *bus, const unsigned *n_open, unsigned max_open)
{
    while (*n_open > max_open) {
        bus_write(bus);
        if (bus_check(sd_bus_process(bus, NULL), "process") == 0)
            bus_check(sd_bus_wait(bus, STEP_US), "wait");
    }
}

static void *subscriber_open(unsigned connection)
{
    unsigned n, n_open = 0;
    const char *const *patterns = bench_patterns(connection, &n);
    sd_bus *bus = bus_dial();

    for (unsigned i = 0; i < n; i++) {
        match_add(bus, patterns[i], &n_open);
        matches_await(bus, &n_open, MAX_OPEN);
    }
    matches_await(bus, &n_open, 0);
    return bus;
}

static bool subscriber_take(void *bus, unsigned connection)
{
    sd_bus_message *message = NULL;
    bool ended = false;

    while (bus_check(sd_bus_process(bus, &message), "process") > 0) {
        if (message && sd_bus_message_is_signal(message, SIGNAL_INTERFACE, SIGNAL_MEMBER) > 0) {
            size_t len;
            const void *payload = bus_read(message, &len);
            ended |= bench_take(connection, payload, len);
        }
        message = sd_bus_message_unref(message);
    }
    return ended;
}

static int subscriber_fd(void *bus)
{
    return bus_check(sd_bus_get_fd(bus), "fd");
}

static void subs_run(unsigned first, unsigned n)
{
    static const struct reader reader = { subscriber_open, subscriber_fd, subscriber_take, false };

    readers_run(&reader, first, n);
}

static void idle_run(unsigned n)
{
    char path[32];

    for (unsigned i = 0; i < n; i++) {
        unsigned n_open = 0;
        sd_bus *bus = bus_dial();
        snprintf(path, sizeof(path), "/idle/i%u", i);
        match_add(bus, path, &n_open);
        matches_await(bus, &n_open, 0);
    }
    bench_ready();
}

/* -- request --------------------------------------------------------------------------------- */

static void answer(sd_bus *bus, sd_bus_message *request)
{
    sd_bus_message *message;
    size_t len;
    const void *payload = bus_read(request, &len);

    bus_check(sd_bus_message_new_method_return(request, &message), "return");
    bus_append(message, payload, len);
    bus_check(sd_bus_send(bus, message, NULL), "send");
    sd_bus_message_unref(message);
    bus_write(bus);
}

static void serve_run(void)
{
    sd_bus *bus = bus_dial();

    bus_check(sd_bus_request_name(bus, SERVICE, 0), "request name");
    bench_ready();
    for (;;) {
        sd_bus_message *message = NULL;
        if (bus_check(sd_bus_process(bus, &message), "process") == 0)
            bus_check(sd_bus_wait(bus, UINT64_MAX), "wait");
        if (message && sd_bus_message_is_method_call(message, SERVICE, SERVICE_MEMBER) > 0)
            answer(bus, message);
        sd_bus_message_unref(message);
    }
}

static unsigned n_answers;

static int on_answer(sd_bus_message *message, void *data, sd_bus_error *error)
{
    (void)data;
    (void)error;
    if (sd_bus_message_is_method_error(message, NULL))
        bench_die("answer: %s", sd_bus_message_get_error(message)->message);
    n_answers++;
    return 1;
}

static void *req_open(void)
{
    return bus_dial();
}

static void req_send(void *bus, const void *payload, size_t len)
{
    sd_bus_message *message;

    bus_check(sd_bus_message_new_method_call(bus, &message, SERVICE, SERVICE_PATH, SERVICE,
                                             SERVICE_MEMBER),
              "call");
    bus_append(message, payload, len);
    bus_check(sd_bus_call_async(bus, NULL, message, on_answer, NULL, CALL_TIMEOUT_US), "send");
    sd_bus_message_unref(message);
    bus_write(bus);
}

static unsigned req_wait(void *bus)
{
    n_answers = 0;
    for (;;) {
        if (bus_check(sd_bus_process(bus, NULL), "process") > 0)
            continue;
        if (n_answers)
            return n_answers;
        bus_check(sd_bus_wait(bus, UINT64_MAX), "wait");
    }
}

static int broker_run(void)
{
    dbus_broker_become(bench_options->address);
}

const struct peer peer = {
    .name = "dbus-broker",
    .spell = spell,
    .pub_open = pub_open,
    .pub_send = pub_send,
    .pub_flush = pub_flush,
    .subs_run = subs_run,
    .serve_run = serve_run,
    .req_open = req_open,
    .req_send = req_send,
    .req_flush = pub_flush,
    .req_wait = req_wait,
    .idle_run = idle_run,
    .broker_run = broker_run,
};
