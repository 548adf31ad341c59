#include "client/brokerctl/child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

enum { KILL_AFTER_MS = 2000, READ_BYTES = 64 << 10 };

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

/* ---- starting ------------------------------------------------------------------ */

/* The signals that brokerctl handles or ignores are the command's own again. */
static int set_attributes(posix_spawnattr_t *attributes)
{
    static const int signals[] = { SIGPIPE, SIGINT, SIGTERM, SIGHUP };
    sigset_t defaults;

    sigemptyset(&defaults);
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
        sigaddset(&defaults, signals[i]);
    posix_spawnattr_setsigdefault(attributes, &defaults);
    posix_spawnattr_setpgroup(attributes, 0);
    return posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
}

static int spawn(pid_t *ret, char *const *argv, char *const *env, int in, int out)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    int error;

    error = posix_spawn_file_actions_init(&actions);
    if (error)
        return -error;
    error = posix_spawnattr_init(&attributes);
    if (!error) {
        error = set_attributes(&attributes);
        if (!error)
            error = posix_spawn_file_actions_adddup2(&actions, in, STDIN_FILENO);
        if (!error)
            error = posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
        if (!error)
            error = posix_spawnp(ret, argv[0], &actions, &attributes, argv, env);
        posix_spawnattr_destroy(&attributes);
    }
    posix_spawn_file_actions_destroy(&actions);
    return -error;
}

/* Only our ends may not block: the child has descriptions of its own. */
static int open_pipes(int in[2], int out[2])
{
    if (pipe2(in, O_CLOEXEC) < 0)
        return -errno;
    if (pipe2(out, O_CLOEXEC) < 0)
        return -errno;
    if (fcntl(in[1], F_SETFL, O_NONBLOCK) < 0 || fcntl(out[0], F_SETFL, O_NONBLOCK) < 0)
        return -errno;
    return 0;
}

static int watch(struct child *child)
{
    int error;

    child->pid_fd = pidfd_open(child->pid, 0);
    if (child->pid_fd >= 0)
        return 0;
    error = -errno;
    kill(-child->pid, SIGKILL);
    waitpid(child->pid, NULL, 0);
    child->pid = 0;
    return error;
}

int child_start(struct child *child, char *const *argv, char *const *env, struct text *input,
                size_t max_output)
{
    int in[2] = { -1, -1 }, out[2] = { -1, -1 };
    int error = open_pipes(in, out);

    if (!error)
        error = spawn(&child->pid, argv, env, in[0], out[1]);
    if (!error)
        error = watch(child);
    close_fd(&in[0]);
    close_fd(&out[1]);
    if (error) {
        child->pid = 0;
        close_fd(&in[1]);
        close_fd(&out[0]);
        return error;
    }
    child->in = in[1];
    child->out = out[0];
    child->input = *input;
    *input = (struct text)TEXT_INIT;
    child->max_output = max_output;
    return 0;
}

/* ---- running -------------------------------------------------------------------- */

void child_fds(const struct child *child, struct pollfd fds[CHILD_FDS])
{
    fds[0] = (struct pollfd){ child->pid_fd, POLLIN, 0 };
    fds[1] = (struct pollfd){ child->in, POLLOUT, 0 };
    fds[2] = (struct pollfd){ child->out, POLLIN, 0 };
}

/* A command that does not read its input to the end is no failure: SIGPIPE is
 * ignored, EPIPE closes the pipe. */
static void write_input(struct child *child)
{
    ssize_t n = write(child->in, child->input.data + child->n_written,
                      child->input.len - child->n_written);

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n > 0)
        child->n_written += (size_t)n;
    if (n < 0 || child->n_written == child->input.len)
        close_fd(&child->in);
}

/* true while there may be more. */
static bool read_output(struct child *child, uint64_t now_ms)
{
    ssize_t n = read(child->out, text_reserve(&child->output, READ_BYTES), READ_BYTES);

    if (n < 0 && errno == EINTR)
        return true;
    if (n < 0 && errno == EAGAIN)
        return false;
    if (n <= 0) {
        close_fd(&child->out);
        return false;
    }
    child->output.len += (size_t)n;
    if (child->output.len > child->max_output) {
        child->too_large = true;
        close_fd(&child->out);
        child_end(child, now_ms);
        return false;
    }
    return true;
}

/* Before it is reaped its number cannot belong to another group. */
static void reap(struct child *child, uint64_t now_ms)
{
    siginfo_t info = { .si_pid = 0 };

    if (waitid(P_PID, (id_t)child->pid, &info, WEXITED | WNOWAIT | WNOHANG) < 0 || !info.si_pid)
        return;
    while (child->out >= 0 && read_output(child, now_ms))
        ;
    if (child->kill_at_ms)
        kill(-child->pid, SIGKILL); /* what it started and left behind */
    waitpid(child->pid, &child->wait_status, 0);
    child->pid = 0;
    child->done = true;
    close_fd(&child->pid_fd);
    close_fd(&child->in);
    close_fd(&child->out);
}

void child_handle(struct child *child, const struct pollfd fds[CHILD_FDS], uint64_t now_ms)
{
    if (fds[1].revents && child->in >= 0)
        write_input(child);
    if (fds[2].revents && child->out >= 0)
        read_output(child, now_ms);
    if (fds[0].revents && child->pid)
        reap(child, now_ms);
    if (child->pid && child->kill_at_ms && now_ms >= child->kill_at_ms)
        kill(-child->pid, SIGKILL);
}

void child_end(struct child *child, uint64_t now_ms)
{
    if (!child->pid || child->kill_at_ms)
        return;
    kill(-child->pid, SIGTERM);
    child->kill_at_ms = now_ms + KILL_AFTER_MS;
}

void child_deinit(struct child *child)
{
    if (child->pid) {
        kill(-child->pid, SIGKILL);
        waitpid(child->pid, NULL, 0);
    }
    close_fd(&child->pid_fd);
    close_fd(&child->in);
    close_fd(&child->out);
    text_deinit(&child->input);
    text_deinit(&child->output);
    *child = (struct child)CHILD_INIT;
}

int child_exit_code(const struct child *child)
{
    return WIFEXITED(child->wait_status) ? WEXITSTATUS(child->wait_status)
                                         : 128 + WTERMSIG(child->wait_status);
}

int child_find(const char *command)
{
    const char *path = getenv("PATH");
    _cleanup_text_ struct text name = TEXT_INIT;

    if (strchr(command, '/'))
        return access(command, X_OK) < 0 ? -errno : 0;
    if (!path)
        path = "/bin:/usr/bin";
    for (size_t len; ; path += len + 1) {
        len = strcspn(path, ":");
        text_clear(&name);
        text_printf(&name, "%.*s%s%s", (int)len, path, len ? "/" : "./", command);
        if (access(text_string(&name), X_OK) == 0)
            return 0;
        if (!path[len])
            return -ENOENT;
    }
}
