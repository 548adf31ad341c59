#include "tests/bench/peers/readers.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "tests/bench/peers/bench.h"

#define EVENTS_PER_TURN 64

static int watch_all(const struct reader *reader, void **connections, unsigned n)
{
    int epoll_fd = epoll_create1(EPOLL_CLOEXEC);

    for (unsigned i = 0; i < n; i++) {
        struct epoll_event event = { .events = EPOLLIN, .data.u32 = i };
        if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, reader->fd(connections[i]), &event) < 0)
            bench_die("epoll_ctl: %s", strerror(errno));
    }
    return epoll_fd;
}

static void take_from_all(const struct reader *reader, void **connections, unsigned first,
                          unsigned n)
{
    struct epoll_event events[EVENTS_PER_TURN];
    int epoll_fd = watch_all(reader, connections, n);
    bool ended = false;

    while (!ended) {
        int n_events = epoll_wait(epoll_fd, events, EVENTS_PER_TURN, -1);
        if (n_events < 0 && errno != EINTR)
            bench_die("epoll_wait: %s", strerror(errno));
        for (int i = 0; i < n_events; i++) {
            unsigned index = events[i].data.u32;
            ended |= reader->take(connections[index], first + index);
        }
    }
}

void readers_run(const struct reader *reader, unsigned first, unsigned n)
{
    void **connections = calloc(n, sizeof(*connections));

    if (!connections)
        bench_die("no memory");
    for (unsigned i = 0; i < n; i++)
        connections[i] = reader->open(first + i);
    bench_ready();
    if (n > 1 || !reader->blocks) {
        take_from_all(reader, connections, first, n);
        return;
    }
    while (!reader->take(connections[0], first))
        ;
}
