#include "broker/net/socklock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/transport/sys.h"

enum { MAX_TRIES = 100 };

/* The pid that the holder wrote, for the message; 0 if it has not yet. */
static int read_pid(int fd)
{
    char text[16];
    ssize_t n = pread(fd, text, sizeof(text) - 1, 0);

    if (n <= 0)
        return 0;
    text[n] = '\0';
    return atoi(text);
}

static void write_pid(int fd)
{
    char text[16];
    int n = snprintf(text, sizeof(text), "%d\n", (int)getpid());

    /* On a full disk the file stays empty: nothing rests on it. */
    if (ftruncate(fd, 0) == 0)
        (void)!pwrite(fd, text, (size_t)n, 0);
}

static int fail_held(int fd, const char *path, struct setup_error *error)
{
    int pid = read_pid(fd);

    if (pid > 0)
        return setup_fail(error, -EADDRINUSE, "%s is in use by another broker, process %d", path,
                          pid);
    return setup_fail(error, -EADDRINUSE, "%s is in use by another broker", path);
}

/* In a directory with the sticky bit, others may make files, though not remove
 * ours. */
static int check_file(int fd, const char *path, uid_t heir, struct setup_error *error)
{
    struct stat st;

    if (fstat(fd, &st) < 0)
        return setup_fail(error, -errno, "cannot examine %s.lock: %m", path);
    if (!S_ISREG(st.st_mode))
        return setup_fail(error, -EPERM, "%s.lock is no plain file", path);
    if (st.st_uid != geteuid() && st.st_uid != 0 && st.st_uid != heir)
        return setup_fail(error, -EPERM, "%s.lock belongs to uid %u", path, (unsigned)st.st_uid);
    if (st.st_nlink > 1) /* the pid would be written into something else */
        return setup_fail(error, -EPERM, "%s.lock is another file, too: it has %u links", path,
                          (unsigned)st.st_nlink);
    return 0;
}

static bool still_there(int fd, int dir_fd, const char *name)
{
    struct stat held, there;

    return fstat(fd, &held) == 0 && fstatat(dir_fd, name, &there, AT_SYMLINK_NOFOLLOW) == 0 &&
           held.st_dev == there.st_dev && held.st_ino == there.st_ino;
}

/* O_NONBLOCK: something else may stand there, and a FIFO would make us wait. */
static int open_file(int dir_fd, const char *name, const char *path, struct setup_error *error)
{
    int flags = O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
    int fd = openat(dir_fd, name, flags, 0600);

    if (fd >= 0)
        return fd;
    if (errno == ELOOP)
        return setup_fail(error, -ELOOP, "%s.lock is a symbolic link", path);
    return setup_fail(error, -errno, "cannot open %s.lock: %m", path);
}

/* A locked descriptor; -EAGAIN if the file was removed before it was locked. */
static int try_once(int dir_fd, const char *name, const char *path, uid_t heir,
                    struct setup_error *error)
{
    int fd = open_file(dir_fd, name, path, error);
    int r;

    if (fd < 0)
        return fd;
    r = check_file(fd, path, heir, error);
    if (r == 0 && flock(fd, LOCK_EX | LOCK_NB) < 0)
        r = errno == EWOULDBLOCK ? fail_held(fd, path, error)
                                 : setup_fail(error, -errno, "cannot lock %s.lock: %m", path);
    if (r == 0 && !still_there(fd, dir_fd, name))
        r = setup_fail(error, -EAGAIN, "%s.lock does not stay", path);
    if (r < 0) {
        sys_close(fd);
        return r;
    }
    return fd;
}

int socklock_take(struct socklock *ret, int dir_fd, const char *base, const char *path,
                  uid_t heir, struct setup_error *error)
{
    struct socklock lock = SOCKLOCK_INIT;
    int fd = -EAGAIN;
    int n = snprintf(lock.name, sizeof(lock.name), "%s.lock", base);

    if (n < 0 || n >= (int)sizeof(lock.name))
        return setup_fail(error, -ENAMETOOLONG, "%s.lock is too long a name", path);
    for (int tries = 0; tries < MAX_TRIES && fd == -EAGAIN; tries++)
        fd = try_once(dir_fd, lock.name, path, heir, error);
    if (fd < 0)
        return fd;
    write_pid(fd);
    lock.fd = fd;
    *ret = lock;
    return 0;
}

void socklock_release(struct socklock *lock, int dir_fd)
{
    if (lock->fd < 0)
        return;
    /* While the lock is held nobody else can be the file's owner. */
    if (still_there(lock->fd, dir_fd, lock->name))
        (void)unlinkat(dir_fd, lock->name, 0);
    lock->fd = sys_close(lock->fd);
}
