/* The lock file beside a socket: who holds it owns the path.
 *
 * An flock(2) on PATH.lock, which the kernel releases when its holder dies. The
 * file has mode 0600: whoever may open a file may lock it. It holds the pid of
 * its owner, for people and error messages only.
 *
 * The file may be removed between somebody's open and lock; so whoever has the
 * lock looks whether the name still leads to what was locked, and starts again
 * if not. Only the holder of the lock removes the file.
 */
#pragma once

#include <sys/types.h>

#include "broker/net/setup_error.h"

struct socklock {
    int fd;             /* -1: not held */
    char name[256];     /* in its directory */
};

#define SOCKLOCK_INIT { .fd = -1 }

/* Takes the lock for `base` in the directory dir_fd; `path` is for messages; the
 * file may also be of uid `heir` ((uid_t)-1: nobody). 0; -EADDRINUSE (held by
 * another process, named by its pid); -EPERM (not a plain file of ours alone); -ELOOP (a symlink); -ENAMETOOLONG; -EAGAIN (it went away a
 * hundred times); or what openat(2) says. */
int socklock_take(struct socklock *ret, int dir_fd, const char *base, const char *path,
                  uid_t heir, struct setup_error *error);

/* Removes the file, if it is still the one that was locked, and lets go.
 * Idempotent, safe on SOCKLOCK_INIT. */
void socklock_release(struct socklock *lock, int dir_fd);
