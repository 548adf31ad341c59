/* The system-call seam: every call the broker and the library make about a
 * peer goes through here, so that one place can make it fail on purpose.
 *
 * Each returns what the call returns (>= 0) or -errno, never -1. No socket made
 * here blocks, survives exec, or raises SIGPIPE. EINTR is retried where the call
 * did nothing yet; the exceptions are named at their functions. Stateless and
 * safe in any callback.
 */
#pragma once

#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>

/* The two hot ones, inline. Both never wait (-EAGAIN). recvmsg(2) because
 * recv(2) silently drops descriptors that came with the bytes; those it hands
 * over are close-on-exec, and belong to the caller, also after MSG_CTRUNC. */
static inline ssize_t sys_recvmsg(int fd, struct msghdr *msg)
{
    ssize_t n;

    do
        n = recvmsg(fd, msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    while (n < 0 && errno == EINTR);
    return n < 0 ? -errno : n;
}

static inline ssize_t sys_sendmsg(int fd, const struct msghdr *msg)
{
    ssize_t n;

    do
        n = sendmsg(fd, msg, MSG_DONTWAIT | MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR);
    return n < 0 ? -errno : n;
}

/* A contiguous piece of either, without descriptors. What sys_recv is not told
 * of is dropped by the kernel, so it is for draining only. */
ssize_t sys_recv(int fd, void *bytes, size_t size);
ssize_t sys_send(int fd, const void *bytes, size_t len);

/* socket(2), non-blocking and close-on-exec; the descriptor. */
int sys_socket(int domain, int type, int protocol);
int sys_bind(int fd, const struct sockaddr *addr, socklen_t len);
int sys_listen(int fd, int backlog);
/* accept4(2) without the peer's address, non-blocking and close-on-exec. */
int sys_accept(int fd);
/* connect(2). Not repeated after EINTR, which Linux turns into a connection
 * that goes on by itself: -EINTR means "in progress", as -EINPROGRESS does. On
 * AF_UNIX -EAGAIN says that the backlog is full. */
int sys_connect(int fd, const struct sockaddr *addr, socklen_t len);
int sys_shutdown(int fd, int how);
/* close(2). Never repeated: Linux has closed the descriptor whatever it says,
 * and the number may already be somebody else's. A negative fd is ignored.
 * Keeps errno. Always -1, so that `fd = sys_close(fd)` forgets it. */
int sys_close(int fd);

int sys_getsockopt(int fd, int level, int name, void *value, socklen_t *len);
/* An int option: its value in *ret. -EPROTO if the kernel's is no int. */
int sys_getsockopt_int(int fd, int level, int name, int *ret);
int sys_setsockopt_int(int fd, int level, int name, int value);
/* SIOCOUTQ: bytes the peer has not taken yet. On AF_UNIX this is kernel memory
 * (the skbs' overhead included), so it tells "less than before" and "zero"
 * exactly, and payload bytes only roughly. */
int sys_outq(int fd);

/* Waiting. Not repeated after EINTR: the time is partly gone, and only the
 * caller knows its deadline. */
int sys_poll(struct pollfd *fds, nfds_t n_fds, int timeout_ms);
int sys_epoll_create(void);
int sys_epoll_ctl(int epoll_fd, int op, int fd, uint32_t events, void *ptr);
static inline int sys_epoll_wait(int epoll_fd, struct epoll_event *events, int max, int timeout_ms)
{
    int n = epoll_wait(epoll_fd, events, max, timeout_ms);

    return n < 0 ? -errno : n;
}
