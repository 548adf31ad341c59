#include "tests/fault/tracer.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/kit/runner.h"

enum { ATTACH_MS = 10000 };

static _Noreturn void exec_strace(const struct tracer *tracer, pid_t pid, const char *call,
                                  const char *error, unsigned when, int says)
{
    char trace[64], inject[120], target[16];

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    snprintf(trace, sizeof trace, "trace=%s", call);
    snprintf(inject, sizeof inject, "inject=%s:error=%s:when=%u", call, error, when);
    snprintf(target, sizeof target, "%d", (int)pid);
    dup2(says, STDERR_FILENO);
    execlp("strace", "strace", "-o", tracer->log, "-e", trace, "-e", "signal=none", "-e", inject,
           "-p", target, (char *)NULL);
    dprintf(STDERR_FILENO, "cannot execute strace: %s\n", strerror(errno));
    _exit(127);
}

/* Reads what it says until it has attached; false: it ended. */
static bool has_attached(struct tracer *tracer, int says)
{
    size_t len = 0;
    const int64_t end_ns = kit_now_ns() + ATTACH_MS * INT64_C(1000000);

    while (len < sizeof(tracer->why) - 1 && kit_now_ns() < end_ns) {
        struct pollfd pollfd = { .fd = says, .events = POLLIN };
        if (poll(&pollfd, 1, ATTACH_MS) <= 0)
            break;
        ssize_t n = read(says, tracer->why + len, sizeof(tracer->why) - 1 - len);
        if (n <= 0)
            break;
        len += (size_t)n;
        tracer->why[len] = '\0';
        if (strstr(tracer->why, "attached"))
            return true;
    }
    return false;
}

bool tracer_attach(struct tracer *tracer, pid_t pid, const char *call, const char *error,
                   unsigned when)
{
    int says[2];

    *tracer = (struct tracer){ 0 };
    snprintf(tracer->log, sizeof tracer->log, "%.120s/trace-%d", kit_dir(), (int)pid);
    if (pipe2(says, O_CLOEXEC) < 0)
        fail_msg("pipe: %s", strerror(errno));
    fflush(NULL);
    tracer->pid = fork();
    if (tracer->pid == 0)
        exec_strace(tracer, pid, call, error, when, says[1]);
    close(says[1]);
    bool attached = tracer->pid > 0 && has_attached(tracer, says[0]);
    close(says[0]);
    if (!attached)
        tracer_detach(tracer);
    return attached;
}

static unsigned count_injected(const char *path)
{
    char line[512];
    unsigned n = 0;
    FILE *file = fopen(path, "re");

    while (file && fgets(line, sizeof line, file))
        n += strstr(line, "(INJECTED)") != NULL;
    if (file)
        fclose(file);
    return n;
}

unsigned tracer_detach(struct tracer *tracer)
{
    if (tracer->pid <= 0)
        return 0;
    kill(tracer->pid, SIGINT); /* it lets go, and ends */
    waitpid(tracer->pid, NULL, 0);
    tracer->pid = 0;
    unsigned n = count_injected(tracer->log);
    unlink(tracer->log);
    return n;
}
