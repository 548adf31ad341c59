/*
 * The calls of interpose.so about sockets, and about waiting: each asks the plan, and fails or goes on to the real one.
 * What a fortified build calls instead (__poll_chk …) is here too.
 */
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>

#include "tests/fault/interpose_wrap.h"

#ifndef SO_PEERPIDFD
#    define SO_PEERPIDFD 77
#endif

/* -- sockets --------------------------------------------------------------------------------- */

WRAP_INT(socket, socket, -1, (int domain, int type, int protocol), (domain, type, protocol))
WRAP_INT(bind, bind, fd, (int fd, const struct sockaddr *addr, socklen_t len), (fd, addr, len))
WRAP_INT(listen, listen, fd, (int fd, int backlog), (fd, backlog))
WRAP_INT(connect, connect, fd, (int fd, const struct sockaddr *addr, socklen_t len),
         (fd, addr, len))
WRAP_INT(accept4, accept4, fd, (int fd, struct sockaddr *addr, socklen_t *len, int flags),
         (fd, addr, len, flags))
WRAP_INT(shutdown, shutdown, fd, (int fd, int how), (fd, how))
WRAP_INT(getsockname, getsockname, fd, (int fd, struct sockaddr *addr, socklen_t *len),
         (fd, addr, len))
WRAP_INT(setsockopt, setsockopt, fd,
         (int fd, int level, int name, const void *value, socklen_t len),
         (fd, level, name, value, len))

static enum fault_call call_of_option(int level, int name)
{
    if (level != SOL_SOCKET)
        return CALL_getsockopt;
    switch (name) {
    case SO_PEERCRED:
        return CALL_peercred;
    case SO_PEERGROUPS:
        return CALL_peergroups;
    case SO_PEERPIDFD:
        return CALL_peerpidfd;
    case SO_PEERSEC:
        return CALL_peersec;
    default:
        return CALL_getsockopt;
    }
}

int getsockopt(int fd, int level, int name, void *value, socklen_t *len)
{
    REAL(getsockopt);
    int error = fault_decide(call_of_option(level, name), fd);
    if (error > 0) {
        errno = error;
        return -1;
    }
    return real(fd, level, name, value, len);
}

/* The message with less room; `iov` has as many as it needs. */
static struct msghdr shorten(const struct msghdr *msg, struct iovec *iov, size_t n_iov)
{
    struct msghdr less = *msg;
    size_t total = 0, left;

    for (size_t i = 0; i < msg->msg_iovlen; i++)
        total += msg->msg_iov[i].iov_len;
    left = fault_shortened(total);
    less.msg_iov = iov;
    less.msg_iovlen = 0;
    for (size_t i = 0; i < msg->msg_iovlen && i < n_iov && left > 0; i++) {
        iov[i] = msg->msg_iov[i];
        if (iov[i].iov_len > left)
            iov[i].iov_len = left;
        left -= iov[i].iov_len;
        less.msg_iovlen++;
    }
    return less;
}

enum { IOVECS = 64 };

ssize_t recvmsg(int fd, struct msghdr *msg, int flags)
{
    REAL(recvmsg);
    int error = fault_decide(CALL_recvmsg, fd);
    if (error > 0) {
        errno = error;
        return -1;
    }
    if (error == 0)
        return real(fd, msg, flags);
    struct iovec iov[IOVECS];
    struct msghdr less = shorten(msg, iov, IOVECS);
    ssize_t n = real(fd, &less, flags);
    msg->msg_flags = less.msg_flags;
    msg->msg_controllen = less.msg_controllen;
    msg->msg_namelen = less.msg_namelen;
    return n;
}

ssize_t sendmsg(int fd, const struct msghdr *msg, int flags)
{
    REAL(sendmsg);
    int error = fault_decide(CALL_sendmsg, fd);
    if (error > 0) {
        errno = error;
        return -1;
    }
    if (error == 0)
        return real(fd, msg, flags);
    struct iovec iov[IOVECS];
    struct msghdr less = shorten(msg, iov, IOVECS);
    return real(fd, &less, flags);
}

WRAP_BYTES(recv, recvmsg, fd, (int fd, void *buf, size_t len, int flags), (fd, buf, len, flags),
           len)
WRAP_BYTES(send, sendmsg, fd, (int fd, const void *buf, size_t len, int flags),
           (fd, buf, len, flags), len)

/* -- waiting --------------------------------------------------------------------------------- */

WRAP_INT(epoll_create1, epoll_create1, -1, (int flags), (flags))
WRAP_INT(epoll_ctl, epoll_ctl, fd, (int set, int op, int fd, struct epoll_event *event),
         (set, op, fd, event))
WRAP_INT(epoll_wait, epoll_wait, -1, (int set, struct epoll_event *events, int max, int timeout_ms),
         (set, events, max, timeout_ms))
WRAP_INT(poll, poll, -1, (struct pollfd * fds, nfds_t n, int timeout_ms), (fds, n, timeout_ms))
int __poll_chk(struct pollfd *fds, nfds_t n, int timeout_ms, size_t size);
WRAP_INT(__poll_chk, poll, -1, (struct pollfd * fds, nfds_t n, int timeout_ms, size_t size),
         (fds, n, timeout_ms, size))
WRAP_INT(signalfd, signalfd, -1, (int fd, const sigset_t *mask, int flags), (fd, mask, flags))
