/*
 * The calls that a broker makes about its peers, with each errno that their man pages list (and those that the kernel
 * gives besides: of accept4 the pending network errors, of getsockopt what a look-up of a process can end in).
 */
#ifndef TESTS_FAULT_ERRNO_PAIRS_H
#define TESTS_FAULT_ERRNO_PAIRS_H

#include <errno.h>

#include "tests/fault/rig.h"

static const struct pair peer_pairs[] = {
    /* accept(2) */
    { CALL_accept4, EAGAIN, true },
    { CALL_accept4, EBADF, true },
    { CALL_accept4, ECONNABORTED, true },
    { CALL_accept4, EFAULT, true },
    { CALL_accept4, EHOSTDOWN, true },
    { CALL_accept4, EHOSTUNREACH, true },
    { CALL_accept4, EINTR, true },
    { CALL_accept4, EINVAL, true },
    { CALL_accept4, EMFILE, false },
    { CALL_accept4, ENETDOWN, true },
    { CALL_accept4, ENETUNREACH, true },
    { CALL_accept4, ENFILE, false },
    { CALL_accept4, ENOBUFS, true },
    { CALL_accept4, ENOMEM, true },
    { CALL_accept4, ENONET, true },
    { CALL_accept4, ENOPROTOOPT, true },
    { CALL_accept4, ENOTSOCK, true },
    { CALL_accept4, EOPNOTSUPP, true },
    { CALL_accept4, EPERM, true },
    { CALL_accept4, EPROTO, true },
    /* getsockopt(2), unix(7), socket(7): who the peer is; without uid, gid and groups it is not let in */
    { CALL_peercred, EBADF, false },
    { CALL_peercred, EFAULT, false },
    { CALL_peercred, EINVAL, false },
    { CALL_peercred, ENOPROTOOPT, false },
    { CALL_peercred, ENOTSOCK, false },
    { CALL_peergroups, EBADF, false },
    { CALL_peergroups, EFAULT, false },
    { CALL_peergroups, EINVAL, false },
    { CALL_peergroups, ENODATA, false },
    { CALL_peergroups, ENOPROTOOPT, false },
    { CALL_peergroups, ERANGE, false },
    { CALL_peerpidfd, EBADF, true },
    { CALL_peerpidfd, EINVAL, true },
    { CALL_peerpidfd, EMFILE, true },
    { CALL_peerpidfd, ENFILE, true },
    { CALL_peerpidfd, ENODATA, true },
    { CALL_peerpidfd, ENOMEM, true },
    { CALL_peerpidfd, ENOPROTOOPT, true },
    { CALL_peerpidfd, ESRCH, true },
    { CALL_peersec, EBADF, true },
    { CALL_peersec, EINVAL, true },
    { CALL_peersec, ENOMEM, true },
    { CALL_peersec, ENOPROTOOPT, true },
    { CALL_peersec, ERANGE, true },
    /* recvmsg(2), read(2) */
    { CALL_recvmsg, EAGAIN, true },
    { CALL_recvmsg, EBADF, false },
    { CALL_recvmsg, ECONNREFUSED, false },
    { CALL_recvmsg, ECONNRESET, false },
    { CALL_recvmsg, EFAULT, false },
    { CALL_recvmsg, EINTR, true },
    { CALL_recvmsg, EINVAL, false },
    { CALL_recvmsg, EIO, false },
    { CALL_recvmsg, ENOMEM, false },
    { CALL_recvmsg, ENOTCONN, false },
    { CALL_recvmsg, ENOTSOCK, false },
    { CALL_recvmsg, ETIMEDOUT, false },
    /* sendmsg(2), write(2) */
    { CALL_sendmsg, EACCES, false },
    { CALL_sendmsg, EAGAIN, true },
    { CALL_sendmsg, EBADF, false },
    { CALL_sendmsg, ECONNRESET, false },
    { CALL_sendmsg, EDESTADDRREQ, false },
    { CALL_sendmsg, EFAULT, false },
    { CALL_sendmsg, EINTR, true },
    { CALL_sendmsg, EINVAL, false },
    { CALL_sendmsg, EIO, false },
    { CALL_sendmsg, EISCONN, false },
    { CALL_sendmsg, EMSGSIZE, false },
    { CALL_sendmsg, ENOBUFS, true },
    { CALL_sendmsg, ENOMEM, true },
    { CALL_sendmsg, ENOTCONN, false },
    { CALL_sendmsg, ENOTSOCK, false },
    { CALL_sendmsg, EOPNOTSUPP, false },
    { CALL_sendmsg, EPIPE, false },
    { CALL_sendmsg, ETOOMANYREFS, false },
    /* shutdown(2), setsockopt(2), ioctl(2) */
    { CALL_shutdown, ENOTCONN, false },
    { CALL_setsockopt, EPERM, true },
    { CALL_setsockopt, ENOMEM, true },
    { CALL_ioctl, EFAULT, true },
    { CALL_ioctl, EINVAL, true },
};

/* epoll_wait(2), epoll_ctl(2), poll(2): of the loop that the broker runs on. */
static const struct pair epoll_pairs[] = {
    { CALL_epoll_wait, EINTR, true },  { CALL_epoll_wait, EBADF, true },
    { CALL_epoll_wait, EFAULT, true }, { CALL_epoll_wait, EINVAL, true },
    { CALL_epoll_ctl, EBADF, false },  { CALL_epoll_ctl, EEXIST, false },
    { CALL_epoll_ctl, EINVAL, false }, { CALL_epoll_ctl, ELOOP, false },
    { CALL_epoll_ctl, ENOENT, false }, { CALL_epoll_ctl, ENOMEM, false },
    { CALL_epoll_ctl, ENOSPC, false }, { CALL_epoll_ctl, EPERM, false },
};
static const struct pair poll_pairs[] = {
    { CALL_poll, EINTR, true },
    { CALL_poll, EFAULT, true },
    { CALL_poll, EINVAL, true },
    { CALL_poll, ENOMEM, true },
};

#endif
