#include "tests/bench/forwarder.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/kit/runner.h"

#define CHUNK  (256 << 10)
#define SNDBUF (1 << 20)

void forwarder_init(struct forwarder *forwarder, unsigned n)
{
    forwarder->n = 0;
    for (unsigned i = 0; i < n; i++) {
        int pair[2], size = SNDBUF;

        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
        for (int j = 0; j < 2; j++)
            setsockopt(pair[j], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
        forwarder->taps[i] = pair[0];
        forwarder->ends[i] = pair[1];
        forwarder->n++;
    }
}

void forwarder_deinit(struct forwarder *forwarder)
{
    for (unsigned i = 0; i < forwarder->n; i++) {
        close(forwarder->taps[i]);
        close(forwarder->ends[i]);
    }
    forwarder->n = 0;
}

static void send_all(int fd, const char *at, size_t len)
{
    struct pollfd pollfd = { .fd = fd, .events = POLLOUT };

    while (len > 0) {
        ssize_t n = send(fd, at, len, MSG_NOSIGNAL | MSG_DONTWAIT);

        if (n < 0 && errno == EAGAIN)
            poll(&pollfd, 1, -1);
        else if (n < 0)
            return; /* it has left */
        at += n > 0 ? n : 0;
        len -= n > 0 ? (size_t)n : 0;
    }
}

static void forward(const struct forwarder *forwarder, unsigned from)
{
    static char chunk[CHUNK];
    ssize_t n = recv(forwarder->taps[from], chunk, sizeof(chunk), MSG_DONTWAIT);

    if (n <= 0)
        return;
    if (from > 0)
        send_all(forwarder->taps[0], chunk, (size_t)n);
    for (unsigned i = 1; from == 0 && i < forwarder->n; i++)
        send_all(forwarder->taps[i], chunk, (size_t)n);
}

void forwarder_run(struct role *role)
{
    const struct forwarder *forwarder = role->work;
    struct epoll_event events[FORWARDER_MAX_ENDS];
    int epoll = epoll_create1(EPOLL_CLOEXEC);

    for (unsigned i = 0; i < forwarder->n; i++) {
        struct epoll_event event = { .events = EPOLLIN, .data.u32 = i };

        if (epoll_ctl(epoll, EPOLL_CTL_ADD, forwarder->taps[i], &event) < 0)
            role_die("epoll_ctl", strerror(errno));
    }
    role_ready(role);
    for (;;) {
        int n = epoll_wait(epoll, events, FORWARDER_MAX_ENDS, -1);

        for (int i = 0; i < n; i++)
            forward(forwarder, events[i].data.u32);
    }
}
