#include "proto/transport/sys.h"

#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <unistd.h>

static int or_errno(int result)
{
    return result < 0 ? -errno : result;
}

ssize_t sys_recv(int fd, void *bytes, size_t size)
{
    struct iovec iov = { .iov_base = bytes, .iov_len = size };
    struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };

    return sys_recvmsg(fd, &msg);
}

ssize_t sys_send(int fd, const void *bytes, size_t len)
{
    /* sendmsg only reads; the const goes because readv shares the struct. */
    struct iovec iov = { .iov_base = (void *)(uintptr_t)bytes, .iov_len = len };
    struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };

    return sys_sendmsg(fd, &msg);
}

int sys_socket(int domain, int type, int protocol)
{
    return or_errno(socket(domain, type | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol));
}

int sys_bind(int fd, const struct sockaddr *addr, socklen_t len)
{
    return or_errno(bind(fd, addr, len));
}

int sys_listen(int fd, int backlog)
{
    return or_errno(listen(fd, backlog));
}

int sys_accept(int fd)
{
    int r;

    do
        r = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    while (r < 0 && errno == EINTR);
    return or_errno(r);
}

int sys_connect(int fd, const struct sockaddr *addr, socklen_t len)
{
    return or_errno(connect(fd, addr, len));
}

int sys_shutdown(int fd, int how)
{
    return or_errno(shutdown(fd, how));
}

int sys_close(int fd)
{
    int saved = errno;

    if (fd >= 0)
        (void)close(fd);
    errno = saved;
    return -1;
}

int sys_getsockopt(int fd, int level, int name, void *value, socklen_t *len)
{
    return or_errno(getsockopt(fd, level, name, value, len));
}

int sys_getsockopt_int(int fd, int level, int name, int *ret)
{
    int value = 0;
    socklen_t len = sizeof(value);
    int r = sys_getsockopt(fd, level, name, &value, &len);

    if (r < 0)
        return r;
    if (len != sizeof(value))
        return -EPROTO;
    *ret = value;
    return 0;
}

int sys_setsockopt_int(int fd, int level, int name, int value)
{
    return or_errno(setsockopt(fd, level, name, &value, sizeof(value)));
}

int sys_outq(int fd)
{
    int bytes = 0;

    return ioctl(fd, SIOCOUTQ, &bytes) < 0 ? -errno : bytes;
}

int sys_poll(struct pollfd *fds, nfds_t n_fds, int timeout_ms)
{
    return or_errno(poll(fds, n_fds, timeout_ms));
}

int sys_epoll_create(void)
{
    return or_errno(epoll_create1(EPOLL_CLOEXEC));
}

int sys_epoll_ctl(int epoll_fd, int op, int fd, uint32_t events, void *ptr)
{
    struct epoll_event event = { .events = events, .data.ptr = ptr };

    return or_errno(epoll_ctl(epoll_fd, op, fd, &event));
}
