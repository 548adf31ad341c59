/* Stream sockets without a kernel, and clocks that stand still until they are moved: what a fuzz
 * target does with a broker or a client takes microseconds, and comes out the same each time.
 *
 * socketpair() gives two ends with numbers that no descriptor has; on these all calls below behave
 * as AF_UNIX stream sockets do (unix(7), and what tests/fault provokes in a real kernel): what is
 * sent in part, EAGAIN, a half-close, a reset by one who had not read all. What is about any other
 * descriptor goes to the kernel. A wait for which nothing can come never ends: that is a failure.
 *
 * One thread; to be included once in a program.
 */
#pragma once

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "tests/fuzz/fuzz.h"

enum {
    FAKE_FIRST = 1 << 20, /* no descriptor is numbered so */
    FAKE_EPOLL = FAKE_FIRST - 1,
    FAKE_SOCKETS = 64,
    FAKE_ROOM = 64 << 10,
    FAKE_TICK_NS = 500, /* what the clock moves when it is looked at, at first */
};

/* One end: what has come and was not read. */
struct fake_socket {
    bool open;
    bool shut;         /* sends no more */
    bool has_fds;      /* descriptors came along: a read without room for them says so */
    int error;         /* of the next read; and SO_ERROR */
    int fails_with;    /* the next call of the other side of it: an errno */
    uint32_t room;     /* that may wait to be read here */
    uint32_t at_most;  /* of one read; 0: all */
    uint32_t from, to; /* buf[from..to) waits */
    uint32_t events;   /* epoll's; 0: in no set */
    void *ptr;
    uid_t uid;                 /* who is at the other end */
    struct fake_socket *other; /* NULL: closed */
    uint8_t buf[FAKE_ROOM];
};

static struct {
    uint64_t now_ns;
    uint64_t tick_ns;
    uint32_t n_random;
    int turn; /* of epoll */
    int n_open;
    struct fake_socket sockets[FAKE_SOCKETS];
} fake;

/* Everything but the clock, which goes on by an hour: what is left has run out. */
static void fake_reset(void)
{
    REQUIRE(fake.n_open == 0);
    fake.now_ns += UINT64_C(3600) * 1000000000;
    fake.tick_ns = FAKE_TICK_NS;
    fake.n_random = 0;
    fake.turn = 0;
}

static struct fake_socket *fake_at(int fd)
{
    if (fd < FAKE_FIRST || fd >= FAKE_FIRST + FAKE_SOCKETS)
        return NULL;
    REQUIRE(fake.sockets[fd - FAKE_FIRST].open); /* else it was closed, and used again */
    return &fake.sockets[fd - FAKE_FIRST];
}

static int fake_fail(int error)
{
    errno = error;
    return -1;
}

/* ---- coming and going -------------------------------------------------------------- */

static int fake_open(void)
{
    for (int i = 0; i < FAKE_SOCKETS; i++) {
        struct fake_socket *s = &fake.sockets[i];
        if (s->open)
            continue;
        memset(s, 0, offsetof(struct fake_socket, buf));
        s->open = true;
        s->room = FAKE_ROOM;
        fake.n_open++;
        return i;
    }
    return -1;
}

int socketpair(int domain, int type, int protocol, int fds[2])
{
    (void)type;
    REQUIRE(domain == AF_UNIX && protocol == 0);
    for (int i = 0; i < 2; i++) {
        int place = fake_open();
        REQUIRE(place >= 0);
        fds[i] = FAKE_FIRST + place;
    }
    fake_at(fds[0])->other = fake_at(fds[1]);
    fake_at(fds[1])->other = fake_at(fds[0]);
    return 0;
}

int close(int fd)
{
    struct fake_socket *s;
    if (fd == FAKE_EPOLL)
        return 0;
    s = fake_at(fd);
    if (!s)
        return (int)syscall(SYS_close, fd);
    if (s->other) {
        s->other->other = NULL;
        s->other->error = s->from < s->to ? ECONNRESET : 0;
    }
    s->open = false;
    s->events = 0;
    fake.n_open--;
    return 0;
}

int shutdown(int fd, int how)
{
    struct fake_socket *s = fake_at(fd);
    if (!s)
        return (int)syscall(SYS_shutdown, fd, how);
    s->shut |= how != SHUT_RD;
    if (s->other)
        s->other->shut |= how != SHUT_WR; /* as if that one had sent its last */
    return s->other ? 0 : fake_fail(ENOTCONN);
}

/* ---- bytes -------------------------------------------------------------------------- */

static uint32_t fake_waiting(const struct fake_socket *s)
{
    return s->to - s->from;
}

static int fake_injected(struct fake_socket *s)
{
    int error = s->fails_with;
    s->fails_with = 0;
    return error;
}

static size_t fake_put(struct fake_socket *to, const uint8_t *bytes, size_t len)
{
    size_t room = to->room > fake_waiting(to) ? to->room - fake_waiting(to) : 0;
    len = len < room ? len : room;
    if (len > FAKE_ROOM - to->to) {
        memmove(to->buf, to->buf + to->from, fake_waiting(to));
        to->to -= to->from;
        to->from = 0;
    }
    if (len > 0)
        memcpy(to->buf + to->to, bytes, len);
    to->to += (uint32_t)len;
    return len;
}

ssize_t sendmsg(int fd, const struct msghdr *msg, int flags)
{
    struct fake_socket *s = fake_at(fd);
    size_t sent = 0, wanted = 0;
    if (!s)
        return syscall(SYS_sendmsg, fd, msg, flags);
    int error = fake_injected(s);
    if (error)
        return fake_fail(error);
    if (!s->other || s->shut)
        return fake_fail(EPIPE);
    for (size_t i = 0; i < msg->msg_iovlen; i++) {
        size_t n = fake_put(s->other, msg->msg_iov[i].iov_base, msg->msg_iov[i].iov_len);
        sent += n;
        wanted += msg->msg_iov[i].iov_len;
        if (n < msg->msg_iov[i].iov_len)
            break;
    }
    return sent == 0 && wanted > 0 ? fake_fail(EAGAIN) : (ssize_t)sent;
}

ssize_t recvmsg(int fd, struct msghdr *msg, int flags)
{
    struct fake_socket *s = fake_at(fd);
    size_t got = 0;
    if (!s)
        return syscall(SYS_recvmsg, fd, msg, flags);
    int error = fake_injected(s);
    if (error)
        return fake_fail(error);
    msg->msg_flags = 0;
    msg->msg_controllen = 0;
    if (fake_waiting(s) == 0) {
        error = s->error;
        s->error = 0;
        if (error)
            return fake_fail(error);
        return !s->other || s->other->shut ? 0 : fake_fail(EAGAIN);
    }
    size_t most = s->at_most ? s->at_most : FAKE_ROOM;
    for (size_t i = 0; i < msg->msg_iovlen && got < most && fake_waiting(s) > 0; i++) {
        size_t n = msg->msg_iov[i].iov_len;
        n = n < fake_waiting(s) ? n : fake_waiting(s);
        n = n < most - got ? n : most - got;
        memcpy(msg->msg_iov[i].iov_base, s->buf + s->from, n);
        s->from += (uint32_t)n;
        got += n;
    }
    if (fake_waiting(s) == 0)
        s->from = s->to = 0;
    msg->msg_flags |= s->has_fds ? MSG_CTRUNC : 0;
    s->has_fds = false;
    return (ssize_t)got;
}

/* What the targets themselves use. */
ssize_t send(int fd, const void *bytes, size_t len, int flags)
{
    struct iovec iov = { (void *)(uintptr_t)bytes, len };
    return sendmsg(fd, &(struct msghdr){ .msg_iov = &iov, .msg_iovlen = 1 }, flags);
}

ssize_t write(int fd, const void *bytes, size_t len)
{
    return fake_at(fd) ? send(fd, bytes, len, 0) : syscall(SYS_write, fd, bytes, len);
}

ssize_t read(int fd, void *bytes, size_t len)
{
    struct iovec iov = { bytes, len };
    if (!fake_at(fd))
        return syscall(SYS_read, fd, bytes, len);
    return recvmsg(fd, &(struct msghdr){ .msg_iov = &iov, .msg_iovlen = 1 }, 0);
}

/* ---- waiting ------------------------------------------------------------------------ */

/* EPOLLIN and POLLIN are one, and so are the others. A socket counts as writable when three
 * quarters are free (unix_writable() of net/unix/af_unix.c). */
static uint32_t fake_ready(const struct fake_socket *s)
{
    bool ended = !s->other || s->other->shut;
    uint32_t ready = fake_waiting(s) > 0 || ended || s->error ? EPOLLIN : 0;
    if (!s->other || fake_waiting(s->other) * 4 <= s->other->room)
        ready |= EPOLLOUT;
    if (!s->other || (s->shut && s->other->shut))
        ready |= EPOLLHUP;
    return ready | (s->error ? (uint32_t)EPOLLERR : 0);
}

static void fake_sleep(int timeout_ms)
{
    REQUIRE(timeout_ms >= 0); /* nobody would ever wake it */
    fake.now_ns += (uint64_t)timeout_ms * UINT64_C(1000000);
}

int epoll_create1(int flags)
{
    (void)flags;
    return FAKE_EPOLL; /* the one set there is */
}

int epoll_ctl(int epoll_fd, int op, int fd, struct epoll_event *event)
{
    struct fake_socket *s = fake_at(fd);
    REQUIRE(epoll_fd == FAKE_EPOLL && s);
    REQUIRE((op == EPOLL_CTL_ADD) == (s->events == 0));
    s->events = op == EPOLL_CTL_DEL ? 0 : event->events | EPOLLHUP | EPOLLERR;
    s->ptr = op == EPOLL_CTL_DEL ? NULL : event->data.ptr;
    return 0;
}

int epoll_wait(int epoll_fd, struct epoll_event *events, int max, int timeout_ms)
{
    int n = 0;
    REQUIRE(epoll_fd == FAKE_EPOLL);
    for (int i = 0, left = fake.n_open; i < FAKE_SOCKETS && n < max && left > 0; i++) {
        struct fake_socket *s = &fake.sockets[(fake.turn + i) % FAKE_SOCKETS];
        left -= s->open;
        uint32_t ready = s->open && s->events ? fake_ready(s) & s->events : 0;
        if (ready) {
            events[n].events = ready;
            events[n++].data.ptr = s->ptr;
        }
    }
    fake.turn = (fake.turn + 1) % FAKE_SOCKETS;
    if (n == 0 && timeout_ms != 0)
        fake_sleep(timeout_ms);
    return n;
}

int poll(struct pollfd *fds, nfds_t n_fds, int timeout_ms)
{
    int n = 0;
    for (nfds_t i = 0; i < n_fds; i++) {
        struct fake_socket *s = fds[i].fd < 0 ? NULL : fake_at(fds[i].fd);
        if (fds[i].fd >= 0 && !s)
            return (int)syscall(SYS_poll, fds, n_fds, timeout_ms);
        fds[i].revents =
            s ? (short)(fake_ready(s) & ((uint32_t)fds[i].events | EPOLLHUP | EPOLLERR)) : 0;
        n += fds[i].revents != 0;
    }
    if (n == 0 && timeout_ms != 0)
        fake_sleep(timeout_ms);
    return n;
}

/* ---- what else is asked of the kernel ----------------------------------------------- */

static int fake_option(void *value, socklen_t *len, const void *is, socklen_t size)
{
    REQUIRE(*len >= size);
    memcpy(value, is, size);
    *len = size;
    return 0;
}

int getsockopt(int fd, int level, int name, void *value, socklen_t *len)
{
    const struct fake_socket *s = fake_at(fd);
    struct ucred who = { .pid = 4711 };
    int size = FAKE_ROOM;
    if (!s)
        return (int)syscall(SYS_getsockopt, fd, level, name, value, len);
    who.uid = who.gid = s->uid;
    switch (name) {
    case SO_PEERCRED:
        return fake_option(value, len, &who, sizeof who);
    case SO_PEERGROUPS:
        return fake_option(value, len, &who, 0);
    case SO_SNDBUF:
    case SO_RCVBUF:
        return fake_option(value, len, &size, sizeof size);
    default:
        return fake_fail(ENOPROTOOPT);
    }
}

int setsockopt(int fd, int level, int name, const void *value, socklen_t len)
{
    return fake_at(fd) ? 0 : (int)syscall(SYS_setsockopt, fd, level, name, value, len);
}

int ioctl(int fd, unsigned long what, ...)
{
    va_list args;
    va_start(args, what);
    void *arg = va_arg(args, void *);
    va_end(args);
    const struct fake_socket *s = fake_at(fd);
    if (!s)
        return (int)syscall(SYS_ioctl, fd, what, arg);
    *(int *)arg = s->other ? (int)fake_waiting(s->other) : 0; /* SIOCOUTQ */
    return 0;
}

int clock_gettime(clockid_t clock, struct timespec *ts)
{
    if (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)
        return (int)syscall(SYS_clock_gettime, clock, ts);
    fake.now_ns += fake.tick_ns;
    ts->tv_sec = (time_t)(fake.now_ns / 1000000000);
    ts->tv_nsec = (long)(fake.now_ns % 1000000000);
    return 0;
}

ssize_t getrandom(void *buf, size_t len, unsigned flags)
{
    (void)flags;
    memset(buf, (int)(0x5a + fake.n_random++), len);
    return (ssize_t)len;
}
