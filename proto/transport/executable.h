/* The executable of a process, for people: what /proc says, while a pidfd vouches that the
 * pid still means the same process. Advisory: a process may run what it likes, and
 * whoever may trace it may be it.
 */
#pragma once

#include <sys/types.h>

/* The path of the program that `pid` runs ("/usr/bin/python3.11"), malloced; NULL if it cannot
 * be known (the process has ended, /proc hides it, no memory). proc(5), pidfd_send_signal(2). */
char *executable_of(pid_t pid, int pidfd);
