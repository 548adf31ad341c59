/* Privileges that the broker gives up when it has what needs them: sockets bound,
 * files locked, limits raised. docs/decisions/0019-hardening.md.
 *
 * Driven by the house, at the start only. About the whole process: not for threads.
 */
#pragma once

#include <sys/types.h>

struct config;

/* No program that this process runs has more rights than it has, whatever its file says
 * (PR_SET_NO_NEW_PRIVS, prctl(2)); a seccomp filter needs it, too. What is made from now on is for
 * its owner alone (umask(2)). 0, or -errno after saying what failed in the log. */
int privileges_fence(void);

/* Becomes the user `uid` with the group `gid` and the other groups of that user, as a login has
 * them, without any capability; then tries whether the way back is closed. Who is that user already
 * keeps its groups. 0, or -errno after saying in the log what failed: the process may then be
 * neither, and has to end. credentials(7), capabilities(7). */
int privileges_drop(uid_t uid, gid_t gid);

/* After privileges_drop(): says which files of the configuration a reload will not be able to
 * read any more. */
void privileges_check_files(const struct config *config);
