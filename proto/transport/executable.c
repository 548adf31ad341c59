#include "proto/transport/executable.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Signal 0 reaches nobody; whether it could, or was forbidden, the process is there. */
static bool is_alive(int pidfd)
{
    return syscall(SYS_pidfd_send_signal, pidfd, 0, NULL, 0) == 0 || errno == EPERM;
}

char *executable_of(pid_t pid, int pidfd)
{
    char link[32];
    char path[PATH_MAX];

    if (pid <= 0 || pidfd < 0)
        return NULL;
    snprintf(link, sizeof(link), "/proc/%d/exe", (int)pid);
    ssize_t len = readlink(link, path, sizeof(path) - 1);
    if (len <= 0 || !is_alive(pidfd)) /* else the pid may have been somebody else's by then */
        return NULL;
    path[len] = '\0';
    return strdup(path);
}
