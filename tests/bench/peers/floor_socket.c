#include "tests/bench/peers/floor_socket.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/bench/peers/bench.h"

#define SNDBUF   (1 << 20)
#define BACKLOG  4096
#define RETRY_US 1000

static void make_address(struct sockaddr_un *ret)
{
    const char *path = bench_options->address;
    const size_t scheme_len = strncmp(path, "unix:", 5) == 0 ? 5 : 0;

    *ret = (struct sockaddr_un){ .sun_family = AF_UNIX };
    if (strlen(path + scheme_len) >= sizeof(ret->sun_path) || !path[scheme_len])
        bench_die("--addr has to be a path of 1 to %zu bytes", sizeof(ret->sun_path) - 1);
    memcpy(ret->sun_path, path + scheme_len, strlen(path + scheme_len));
}

static int open_socket(void)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0)
        bench_die("socket: %s", strerror(errno));
    return fd;
}

int socket_listen(void)
{
    struct sockaddr_un address;
    int fd = open_socket();

    make_address(&address);
    unlink(address.sun_path);
    if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 || listen(fd, BACKLOG) < 0)
        bench_die("listen at %s: %s", address.sun_path, strerror(errno));
    return fd;
}

int socket_connect(void)
{
    struct sockaddr_un address;
    int fd = open_socket();

    make_address(&address);
    socket_set_buffer(fd);
    /* EAGAIN: the backlog is full. */
    while (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
        if (errno != EAGAIN && errno != EINTR)
            bench_die("connect to %s: %s", address.sun_path, strerror(errno));
        usleep(RETRY_US);
    }
    return fd;
}

void socket_set_buffer(int fd)
{
    const int size = bench_options->sndbuf ? (int)bench_options->sndbuf : SNDBUF;

    if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size)) < 0)
        setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
}

void socket_send(int fd, const void *bytes, size_t len)
{
    for (const char *at = bytes; len > 0;) {
        const ssize_t n = send(fd, at, len, MSG_NOSIGNAL);

        if (n < 0 && errno != EINTR)
            bench_die("send: %s", strerror(errno));
        at += n > 0 ? n : 0;
        len -= n > 0 ? (size_t)n : 0;
    }
}
