#include "broker/harden/syscalls_list.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include <linux/sockios.h>

#define WORD UINT32_MAX /* an int: what stands above it in the register means nothing */
#define CALL(name)    \
    {                 \
        name, 0, 0, 0 \
    }
#define WITH(name, argument, mask, value) \
    {                                     \
        name, mask, value, argument       \
    }

enum { WRITES = O_ACCMODE | O_CREAT | O_TRUNC };

/* Those of the hot path first. They have no conditions: the kernel keeps a bitmap of such (Linux
 * 5.11), so that they cost next to nothing. */
static const struct syscalls_rule list[] = {
    /* peers: sockets that are there, and those that are accepted */
    CALL("recvmsg"),
    CALL("sendmsg"),
    CALL("epoll_wait"),
    CALL("epoll_pwait"),
    CALL("epoll_pwait2"),
    CALL("epoll_ctl"),
    CALL("poll"),
    CALL("ppoll"),
    CALL("recvfrom"),
    CALL("sendto"),
    CALL("accept4"),
    CALL("shutdown"),
    CALL("close"),
    CALL("getsockopt"),
    CALL("getsockname"),
    CALL("getpeername"),
    WITH("setsockopt", 1, WORD, SOL_SOCKET),
    WITH("ioctl", 1, WORD, SIOCOUTQ),
    WITH("ioctl", 1, WORD, FIONREAD),
    WITH("ioctl", 1, WORD, TCGETS),        /* isatty(3): stdio */
    WITH("pidfd_send_signal", 1, WORD, 0), /* is it alive */
    CALL("readlink"),
    CALL("readlinkat"),

    /* time, signals, the loop */
    CALL("clock_gettime"),
    CALL("clock_getres"),
    CALL("clock_nanosleep"),
    CALL("nanosleep"),
    CALL("gettimeofday"),
    CALL("time"),
    CALL("timerfd_create"),
    CALL("timerfd_settime"),
    CALL("timerfd_gettime"),
    CALL("epoll_create1"),
    CALL("eventfd2"),
    CALL("rt_sigaction"),
    CALL("rt_sigprocmask"),
    CALL("rt_sigreturn"),
    CALL("rt_sigpending"),
    CALL("sigaltstack"),
    CALL("signalfd4"),
    CALL("restart_syscall"),
    CALL("futex"),
    CALL("sched_yield"),
    CALL("sched_getaffinity"),
    CALL("getcpu"),
    CALL("getrandom"),
    CALL("exit"),
    CALL("exit_group"),

    /* memory: never what may be written and run, nor what was written made to run */
    CALL("brk"),
    CALL("munmap"),
    CALL("mremap"),
    CALL("madvise"),
    WITH("mmap", 2, PROT_WRITE | PROT_EXEC, 0),
    WITH("mmap", 2, PROT_WRITE | PROT_EXEC, PROT_WRITE),
    WITH("mmap", 2, PROT_WRITE | PROT_EXEC, PROT_EXEC), /* a library of the name service */
    WITH("mprotect", 2, PROT_EXEC, 0),

    /* configuration and name service: files are read, and never written */
    WITH("openat", 2, WRITES, 0),
    WITH("open", 1, WRITES, 0),
    CALL("read"),
    CALL("readv"),
    CALL("pread64"),
    CALL("write"), /* the log, which is open */
    CALL("writev"),
    CALL("lseek"),
    CALL("fstat"),
    CALL("stat"),
    CALL("lstat"),
    CALL("newfstatat"),
    CALL("statx"),
    CALL("statfs"),
    CALL("fstatfs"),
    CALL("access"),
    CALL("faccessat"),
    CALL("faccessat2"),
    CALL("getdents64"),
    CALL("getcwd"),
    WITH("fcntl", 1, WORD, F_GETFD),
    WITH("fcntl", 1, WORD, F_SETFD),
    WITH("fcntl", 1, WORD, F_GETFL),
    WITH("fcntl", 1, WORD, F_SETFL),
    WITH("fcntl", 1, WORD, F_DUPFD_CLOEXEC),
    WITH("unlinkat", 2, WORD, 0), /* its own sockets, at the end */

    /* name service and systemd: sockets of this machine */
    WITH("socket", 0, WORD, AF_UNIX),
    WITH("socketpair", 0, WORD, AF_UNIX),
    CALL("connect"),

    /* what it asks of itself */
    CALL("getpid"),
    CALL("gettid"),
    CALL("getppid"),
    CALL("getuid"),
    CALL("geteuid"),
    CALL("getgid"),
    CALL("getegid"),
    CALL("getresuid"),
    CALL("getresgid"),
    CALL("getgroups"),
    CALL("getrlimit"),
    CALL("getrusage"),
    CALL("times"),
    CALL("sysinfo"),
    CALL("uname"),
    WITH("prlimit64", 2, UINT64_MAX, 0), /* asks, and sets nothing */

    /* its end by a signal of its own, beside what syscalls.c allows it to send itself */
    WITH("prctl", 0, WORD, PR_SET_DUMPABLE),
};

const struct syscalls_rule *syscalls_list(size_t *ret_n)
{
    *ret_n = sizeof list / sizeof list[0];
    return list;
}
