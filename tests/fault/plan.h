/*
 * What is to fail: a page of memory that a test shares with the process it is about.
 *
 * The test makes a file, maps it, and starts the process with LD_PRELOAD=interpose.so and FAULT_ENV naming the file;
 * interpose.c maps it there. The test writes the plan (tests/fault/fault.h), at any time; the process asks it at every
 * call, and counts. Nothing is counted, and nothing fails, outside of main(): what the loader and the libraries do
 * before and after it is not ours.
 */
#ifndef TESTS_FAULT_PLAN_H
#define TESTS_FAULT_PLAN_H

#include <stdatomic.h>
#include <stdint.h>

#define FAULT_ENV "BROKER_FAULT_PLAN"

/*
 * What can be told to fail. `memory` is every function that allocates; peer… are the getsockopt(2) of that option, and
 * getsockopt all others. Some stand for their likes: open for openat, sendmsg for send, stat for lstat, fstatat and
 * access, getpwnam for getpwnam_r and getpwuid_r.
 */
#define FAULT_CALL_MAP(X) \
    X(memory)             \
    X(accept4)            \
    X(bind)               \
    X(chmod)              \
    X(chown)              \
    X(close)              \
    X(connect)            \
    X(epoll_create1)      \
    X(epoll_ctl)          \
    X(epoll_wait)         \
    X(fcntl)              \
    X(flock)              \
    X(fopen)              \
    X(fstat)              \
    X(ftruncate)          \
    X(getgrnam)           \
    X(getpwnam)           \
    X(getrandom)          \
    X(getrlimit)          \
    X(getsockname)        \
    X(getsockopt)         \
    X(ioctl)              \
    X(listen)             \
    X(madvise)            \
    X(mkdir)              \
    X(mmap)               \
    X(open)               \
    X(opendir)            \
    X(peercred)           \
    X(peergroups)         \
    X(peerpidfd)          \
    X(peersec)            \
    X(poll)               \
    X(prctl)              \
    X(pread)              \
    X(pwrite)             \
    X(read)               \
    X(readdir)            \
    X(readlink)           \
    X(recvmsg)            \
    X(sendmsg)            \
    X(setgroups)          \
    X(setresgid)          \
    X(setresuid)          \
    X(setrlimit)          \
    X(setsockopt)         \
    X(shutdown)           \
    X(sigaction)          \
    X(signalfd)           \
    X(sigprocmask)        \
    X(socket)             \
    X(stat)               \
    X(syscall)            \
    X(unlink)             \
    X(write)

enum fault_call {
#define FAULT_CALL_ENUM(name) CALL_##name,
    FAULT_CALL_MAP(FAULT_CALL_ENUM)
#undef FAULT_CALL_ENUM
        N_CALLS,
    CALL_every, /* of a plan: any of them but memory and close */
    CALL_none,  /* nothing fails */
};

enum {
    FAULT_SHORT = -1, /* in place of an errno: the call takes less than it is given */
    FAULT_MAX_FD = 1024,
};

#define FAULT_ALL UINT64_MAX

struct fault_plan {
    /* Written by the test. `call` last: while it is CALL_none the rest may change. */
    uint64_t first; /* the first of the calls that fails, from 1 */
    uint64_t n;     /* how many fail from there on; FAULT_ALL: all */
    int32_t error;  /* their errno, or FAULT_SHORT */
    uint32_t short_len;
    _Atomic uint32_t call;
    _Atomic uint8_t spared[FAULT_MAX_FD]; /* 1: calls on this descriptor neither fail nor count */

    /* Written by the process. */
    _Atomic uint32_t in_main;
    _Atomic uint32_t left_main;
    _Atomic uint64_t n_seen;   /* calls that the plan is about, since it began */
    _Atomic uint64_t n_failed; /* of them */
    _Atomic uint32_t failed;   /* the call that failed last */
    _Atomic uint64_t n_calls[N_CALLS];
    _Atomic int64_t n_blocks; /* allocated and not freed */
    _Atomic int64_t n_bytes;
};

#endif
