/*
 * The calls of interpose.so about files, and about the process, and what of libc stands for some: each asks the plan,
 * and fails or goes on to the real one. What a fortified build calls instead (__read_chk …) is here too.
 */
#undef _FILE_OFFSET_BITS /* open and open64 are two names here */

#include <dirent.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/fault/interpose_wrap.h"

/* -- descriptors and files ------------------------------------------------------------------- */

/* Whatever it says, the descriptor is closed; close(2). */
int close(int fd)
{
    REAL(close);
    int error = fault_decide(CALL_close, fd);
    int r = real(fd);

    if (error <= 0)
        return r;
    errno = error;
    return -1;
}

WRAP_BYTES(read, read, fd, (int fd, void *buf, size_t len), (fd, buf, len), len)
ssize_t __read_chk(int fd, void *buf, size_t len, size_t size);
WRAP_BYTES(__read_chk, read, fd, (int fd, void *buf, size_t len, size_t size), (fd, buf, len, size),
           len)
WRAP_BYTES(write, write, fd, (int fd, const void *buf, size_t len), (fd, buf, len), len)
WRAP_BYTES(pread, pread, fd, (int fd, void *buf, size_t len, off_t at), (fd, buf, len, at), len)
WRAP_BYTES(pread64, pread, fd, (int fd, void *buf, size_t len, off64_t at), (fd, buf, len, at), len)
ssize_t __pread64_chk(int fd, void *buf, size_t len, off64_t at, size_t size);
WRAP_BYTES(__pread64_chk, pread, fd, (int fd, void *buf, size_t len, off64_t at, size_t size),
           (fd, buf, len, at, size), len)
WRAP_BYTES(pwrite, pwrite, fd, (int fd, const void *buf, size_t len, off_t at), (fd, buf, len, at),
           len)
WRAP_BYTES(pwrite64, pwrite, fd, (int fd, const void *buf, size_t len, off64_t at),
           (fd, buf, len, at), len)
WRAP_BYTES(readlink, readlink, -1, (const char *path, char *buf, size_t len), (path, buf, len), len)
ssize_t __readlink_chk(const char *path, char *buf, size_t len, size_t size);
WRAP_BYTES(__readlink_chk, readlink, -1, (const char *path, char *buf, size_t len, size_t size),
           (path, buf, len, size), len)
WRAP_BYTES(getrandom, getrandom, -1, (void *buf, size_t len, unsigned flags), (buf, len, flags),
           len)

WRAP_INT(fstat, fstat, fd, (int fd, struct stat *st), (fd, st))
WRAP_INT(fstat64, fstat, fd, (int fd, struct stat64 *st), (fd, st))
WRAP_INT(stat, stat, -1, (const char *path, struct stat *st), (path, st))
WRAP_INT(stat64, stat, -1, (const char *path, struct stat64 *st), (path, st))
WRAP_INT(lstat, stat, -1, (const char *path, struct stat *st), (path, st))
WRAP_INT(lstat64, stat, -1, (const char *path, struct stat64 *st), (path, st))
WRAP_INT(fstatat, stat, -1, (int dir, const char *path, struct stat *st, int flags),
         (dir, path, st, flags))
WRAP_INT(fstatat64, stat, -1, (int dir, const char *path, struct stat64 *st, int flags),
         (dir, path, st, flags))
WRAP_INT(access, stat, -1, (const char *path, int mode), (path, mode))
WRAP_INT(faccessat, stat, -1, (int dir, const char *path, int mode, int flags),
         (dir, path, mode, flags))
WRAP_INT(chmod, chmod, -1, (const char *path, mode_t mode), (path, mode))
WRAP_INT(fchmod, chmod, fd, (int fd, mode_t mode), (fd, mode))
WRAP_INT(fchmodat, chmod, -1, (int dir, const char *path, mode_t mode, int flags),
         (dir, path, mode, flags))
WRAP_INT(fchown, chown, fd, (int fd, uid_t uid, gid_t gid), (fd, uid, gid))
WRAP_INT(fchownat, chown, -1, (int dir, const char *path, uid_t uid, gid_t gid, int flags),
         (dir, path, uid, gid, flags))
WRAP_INT(flock, flock, fd, (int fd, int how), (fd, how))
WRAP_INT(ftruncate, ftruncate, fd, (int fd, off_t len), (fd, len))
WRAP_INT(ftruncate64, ftruncate, fd, (int fd, off64_t len), (fd, len))
WRAP_INT(mkdir, mkdir, -1, (const char *path, mode_t mode), (path, mode))
WRAP_INT(unlink, unlink, -1, (const char *path), (path))
WRAP_INT(unlinkat, unlink, -1, (int dir, const char *path, int flags), (dir, path, flags))
WRAP(FILE *, NULL, fopen, fopen, -1, (const char *path, const char *mode), (path, mode))
WRAP(FILE *, NULL, fopen64, fopen, -1, (const char *path, const char *mode), (path, mode))
WRAP(FILE *, NULL, fdopen, fopen, fd, (int fd, const char *mode), (fd, mode))
WRAP(DIR *, NULL, opendir, opendir, -1, (const char *path), (path))
WRAP(DIR *, NULL, fdopendir, opendir, fd, (int fd), (fd))
WRAP(struct dirent *, NULL, readdir, readdir, -1, (DIR * dir), (dir))
WRAP(struct dirent64 *, NULL, readdir64, readdir, -1, (DIR * dir), (dir))
WRAP(void *, MAP_FAILED, mmap, mmap, fd,
     (void *at, size_t len, int protection, int flags, int fd, off_t offset),
     (at, len, protection, flags, fd, offset))
WRAP(void *, MAP_FAILED, mmap64, mmap, fd,
     (void *at, size_t len, int protection, int flags, int fd, off64_t offset),
     (at, len, protection, flags, fd, offset))
WRAP_INT(madvise, madvise, -1, (void *at, size_t len, int advice), (at, len, advice))

/* Those of any number of arguments: the kernel's have at most one of any type behind the fixed ones. */
#define LAST_ARGUMENT(type, last)       \
    va_list list;                       \
    va_start(list, last);               \
    type argument = va_arg(list, type); \
    va_end(list)

#define WRAP_OPEN(name, params, last, args)      \
    int name params                              \
    {                                            \
        REAL(name);                              \
        LAST_ARGUMENT(mode_t, last);             \
        int error = fault_decide(CALL_open, -1); \
        if (error > 0) {                         \
            errno = error;                       \
            return -1;                           \
        }                                        \
        return real args;                        \
    }

WRAP_OPEN(open, (const char *path, int flags, ...), flags, (path, flags, argument))
WRAP_OPEN(open64, (const char *path, int flags, ...), flags, (path, flags, argument))
WRAP_OPEN(openat, (int dir, const char *path, int flags, ...), flags, (dir, path, flags, argument))
WRAP_OPEN(openat64, (int dir, const char *path, int flags, ...), flags,
          (dir, path, flags, argument))
int __open_2(const char *path, int flags);
int __open64_2(const char *path, int flags);
int __openat_2(int dir, const char *path, int flags);
int __openat64_2(int dir, const char *path, int flags);
WRAP_INT(__open_2, open, -1, (const char *path, int flags), (path, flags))
WRAP_INT(__open64_2, open, -1, (const char *path, int flags), (path, flags))
WRAP_INT(__openat_2, open, -1, (int dir, const char *path, int flags), (dir, path, flags))
WRAP_INT(__openat64_2, open, -1, (int dir, const char *path, int flags), (dir, path, flags))

#define WRAP_POINTER(name, call, fd, params, last, args) \
    int name params                                      \
    {                                                    \
        REAL(name);                                      \
        LAST_ARGUMENT(void *, last);                     \
        int error = fault_decide(CALL_##call, fd);       \
        if (error > 0) {                                 \
            errno = error;                               \
            return -1;                                   \
        }                                                \
        return real args;                                \
    }

WRAP_POINTER(fcntl, fcntl, fd, (int fd, int command, ...), command, (fd, command, argument))
WRAP_POINTER(fcntl64, fcntl, fd, (int fd, int command, ...), command, (fd, command, argument))
WRAP_POINTER(ioctl, ioctl, fd, (int fd, unsigned long request, ...), request,
             (fd, request, argument))

/* -- the process ----------------------------------------------------------------------------- */

WRAP_INT(sigaction, sigaction, -1, (int signo, const struct sigaction *new, struct sigaction *old),
         (signo, new, old))
WRAP_INT(sigprocmask, sigprocmask, -1, (int how, const sigset_t *new, sigset_t *old),
         (how, new, old))
WRAP_INT(getrlimit, getrlimit, -1, (__rlimit_resource_t what, struct rlimit *limit), (what, limit))
WRAP_INT(getrlimit64, getrlimit, -1, (__rlimit_resource_t what, struct rlimit64 *limit),
         (what, limit))
WRAP_INT(setrlimit, setrlimit, -1, (__rlimit_resource_t what, const struct rlimit *limit),
         (what, limit))
WRAP_INT(setrlimit64, setrlimit, -1, (__rlimit_resource_t what, const struct rlimit64 *limit),
         (what, limit))
WRAP_INT(setgroups, setgroups, -1, (size_t n, const gid_t *groups), (n, groups))
WRAP_INT(initgroups, setgroups, -1, (const char *user, gid_t group), (user, group))
WRAP_INT(setresuid, setresuid, -1, (uid_t ruid, uid_t euid, uid_t suid), (ruid, euid, suid))
WRAP_INT(setresgid, setresgid, -1, (gid_t rgid, gid_t egid, gid_t sgid), (rgid, egid, sgid))
/* Looking up names: what libc reads, calls and allocates for it is its own affair, and some of it is lost when it runs
 * out of memory (glibc 2.36), so nothing fails in there: the look-up itself does. */
#define LOOK_UP(type, args)       \
    bool counted = fault_pause(); \
    type result_of = real args;   \
    fault_go_on(counted);         \
    return result_of

/* Of these the errno is what they return. */
#define WRAP_LOOKUP(name, call, params, args)      \
    int name params                                \
    {                                              \
        REAL(name);                                \
        int error = fault_decide(CALL_##call, -1); \
        if (error > 0) {                           \
            *result = NULL;                        \
            return error;                          \
        }                                          \
        LOOK_UP(int, args);                        \
    }

WRAP_LOOKUP(getpwnam_r, getpwnam,
            (const char *name, struct passwd *entry, char *buf, size_t size,
             struct passwd **result),
            (name, entry, buf, size, result))
WRAP_LOOKUP(getpwuid_r, getpwnam,
            (uid_t uid, struct passwd *entry, char *buf, size_t size, struct passwd **result),
            (uid, entry, buf, size, result))
WRAP_LOOKUP(getgrnam_r, getgrnam,
            (const char *name, struct group *entry, char *buf, size_t size, struct group **result),
            (name, entry, buf, size, result))
WRAP_LOOKUP(getgrgid_r, getgrnam,
            (gid_t gid, struct group *entry, char *buf, size_t size, struct group **result),
            (gid, entry, buf, size, result))

#define WRAP_FIND(type, failed, name, call, params, args) \
    type name params                                      \
    {                                                     \
        REAL(name);                                       \
        int error = fault_decide(CALL_##call, -1);        \
        if (error > 0) {                                  \
            errno = error;                                \
            return failed;                                \
        }                                                 \
        LOOK_UP(type, args);                              \
    }

WRAP_FIND(int, -1, getgrouplist, getgrnam, (const char *user, gid_t group, gid_t *groups, int *n),
          (user, group, groups, n))
WRAP_FIND(struct passwd *, NULL, getpwnam, getpwnam, (const char *name), (name))
WRAP_FIND(struct passwd *, NULL, getpwuid, getpwnam, (uid_t uid), (uid))
WRAP_FIND(struct group *, NULL, getgrnam, getgrnam, (const char *name), (name))
WRAP_FIND(struct group *, NULL, getgrgid, getgrnam, (gid_t gid), (gid))

int prctl(int option, ...)
{
    unsigned long a[4];
    va_list list;
    REAL(prctl);

    va_start(list, option);
    for (int i = 0; i < 4; i++)
        a[i] = va_arg(list, unsigned long);
    va_end(list);
    int error = fault_decide(CALL_prctl, -1);
    if (error > 0) {
        errno = error;
        return -1;
    }
    return real(option, a[0], a[1], a[2], a[3]);
}

long syscall(long number, ...)
{
    long a[6];
    va_list list;
    REAL(syscall);

    va_start(list, number);
    for (int i = 0; i < 6; i++)
        a[i] = va_arg(list, long);
    va_end(list);
    int error = fault_decide(CALL_syscall, -1);
    if (error > 0) {
        errno = error;
        return -1;
    }
    return real(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}
