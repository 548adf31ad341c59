/* Ownership of a socket's path in the file system.
 *
 * Whoever holds the lock on PATH.lock owns PATH, for as long as the process
 * lives; the kernel lets go of the lock when it dies, however it dies. With the
 * lock in hand, a socket that is found at PATH is probed by connecting to it:
 * refused means stale, and it is replaced; anything else means that somebody is
 * there, and is left alone. Two brokers started at once on a stale socket: the
 * lock lets one through.
 *
 * The socket has its mode from the moment it exists (umask, see umask(2)), and
 * its owner and group before anybody can connect, since that takes listen(2),
 * which the caller does after sockpath_new().
 *
 * A directory is trusted if root or we own it, or who we become afterwards (and a
 * directory that is made here belongs to the latter, so that what is in it can be removed at the
 * end), and if nobody else may write to it, or it is sticky. Its parents are not examined: whoever can rename those
 * can move the whole tree.
 *
 * umask(2) belongs to the process: not for threads.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "broker/net/setup_error.h"

/* Who may connect is decided at accept, from what the kernel says of the peer;
 * the mode is a second fence. So a system's socket is open to all, and a user's
 * to that user. */
enum {
    SOCKPATH_MODE_USER = 0600,
    SOCKPATH_MODE_SYSTEM = 0666,
};

struct sockpath_options {
    mode_t mode;            /* at most 0777 */
    uid_t owner;            /* (uid_t)-1: stays ours */
    gid_t group;            /* (gid_t)-1: stays ours */
    uid_t heir;             /* (uid_t)-1: nobody; else we become that user, who is trusted as we are */
    mode_t parent_mode;     /* makes the last directory with it; 0: must exist */
};

#define SOCKPATH_OPTIONS_INIT \
    { .mode = SOCKPATH_MODE_USER, .owner = (uid_t)-1, .group = (gid_t)-1, .heir = (uid_t)-1 }

struct sockpath;

/* Takes `path` (absolute, at most 107 bytes) and binds a new stream socket to
 * it, which is not listening yet. *ret_fd belongs to the caller, *ret is freed
 * with sockpath_free(). On failure nothing is left behind, *error has the
 * sentence, and the result is -EINVAL (path or mode), -ENOENT / -ENOTDIR (no
 * such directory), -EPERM (directory or lock file not to be trusted), -ELOOP (a
 * symlink), -EEXIST (no socket), -EADDRINUSE (a live broker, named with its pid
 * if that can be known), or what the system said. */
int sockpath_new(struct sockpath **ret, int *ret_fd, const char *path,
                 const struct sockpath_options *options, struct setup_error *error);

/* Removes the socket if it is still the one that was bound, then the lock file,
 * then lets go of the lock. Call it before closing the socket. */
struct sockpath *sockpath_free(struct sockpath *own);
