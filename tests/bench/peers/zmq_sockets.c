#include "tests/bench/peers/zmq_sockets.h"

#include <errno.h>
#include <pthread.h>
#include <stddef.h>
#include <stdio.h>
#include <zmq.h>

#include "tests/bench/peers/bench.h"

/*
 * High-water marks make the proxy wait instead of dropping. They count subscriptions as well, of which XSUB drops
 * what is beyond it without a word, so they have to be above what w6 makes.
 */
#define MAX_QUEUED       200000
#define MAX_QUEUED_LARGE 64 /* of payloads of LARGE_SIZE and more */
#define LARGE_SIZE       32768
#define MAX_SOCKETS      30000
#define MAX_BACKLOG      8192

void socket_check(int result, const char *what)
{
    if (result < 0)
        bench_die("%s: %s", what, zmq_strerror(errno));
}

static void *context(void)
{
    static void *zmq;

    if (!zmq) {
        zmq = zmq_ctx_new();
        socket_check(zmq_ctx_set(zmq, ZMQ_MAX_SOCKETS, MAX_SOCKETS), "max sockets");
    }
    return zmq;
}

static void option_set(void *socket, int option, int value)
{
    socket_check(zmq_setsockopt(socket, option, &value, sizeof(value)), "zmq_setsockopt");
}

static void *socket_new(int type)
{
    int max_queued = bench_options->size >= LARGE_SIZE ? MAX_QUEUED_LARGE : MAX_QUEUED;
    void *socket = zmq_socket(context(), type);

    if (!socket)
        bench_die("zmq_socket: %s", zmq_strerror(errno));
    option_set(socket, ZMQ_SNDHWM, max_queued);
    option_set(socket, ZMQ_RCVHWM, max_queued);
    option_set(socket, ZMQ_LINGER, 0);
    if (type == ZMQ_XPUB || type == ZMQ_PUB)
        option_set(socket, ZMQ_XPUB_NODROP, 1);
    return socket;
}

static void address_write(char *address, size_t room, const char *endpoint)
{
    if (snprintf(address, room, "ipc://%s/zmq-%s", bench_options->address, endpoint) >= (int)room)
        bench_die("%s: too long", bench_options->address);
}

void *socket_dial(int type, const char *endpoint)
{
    char address[128];
    void *socket = socket_new(type);

    address_write(address, sizeof(address), endpoint);
    socket_check(zmq_connect(socket, address), address);
    return socket;
}

/* -- the broker ------------------------------------------------------------------------------ */

struct proxy {
    void *front;
    void *back;
};

static void *bind_at(int type, const char *endpoint)
{
    char address[128];
    void *socket = socket_new(type);

    address_write(address, sizeof(address), endpoint);
    option_set(socket, ZMQ_BACKLOG, MAX_BACKLOG);
    socket_check(zmq_bind(socket, address), address);
    return socket;
}

static void *proxy_run(void *data)
{
    struct proxy *proxy = data;

    zmq_proxy(proxy->front, proxy->back, NULL);
    return NULL;
}

int proxies_run(void)
{
    struct proxy messages = { bind_at(ZMQ_XSUB, "xsub"), bind_at(ZMQ_XPUB, "xpub") };
    struct proxy requests = { bind_at(ZMQ_ROUTER, "front"), bind_at(ZMQ_DEALER, "back") };
    pthread_t thread;

    if (pthread_create(&thread, NULL, proxy_run, &requests) != 0)
        bench_die("no thread");
    proxy_run(&messages);
    return 1;
}
