#include "broker/loop/signals.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "proto/transport/sys.h"

struct signals {
    struct loop_fd entry;
    struct loop *loop;
    const struct signals_handler *handler;
    void *userdata;
    int fd;
    sigset_t old_mask;
    struct sigaction old_pipe;
};

static int next_signal(int fd)
{
    struct signalfd_siginfo info;
    ssize_t n = read(fd, &info, sizeof(info));

    return n == (ssize_t)sizeof(info) ? (int)info.ssi_signo : 0;
}

/* One a call: whoever is called may free us, and the descriptor stays ready. */
static void on_signal(struct loop_fd *entry, unsigned events)
{
    struct signals *signals = (struct signals *)((char *)entry - offsetof(struct signals, entry));
    int signo = next_signal(signals->fd);

    (void)events;
    if (signo == SIGHUP)
        signals->handler->reload(signals->userdata);
    else if (signo)
        signals->handler->stop(signals->userdata, signo);
}

static void restore(const struct signals *signals)
{
    (void)sigaction(SIGPIPE, &signals->old_pipe, NULL);
    (void)sigprocmask(SIG_SETMASK, &signals->old_mask, NULL);
}

static int block(struct signals *signals, sigset_t *ret_mask)
{
    struct sigaction ignore = { .sa_handler = SIG_IGN };

    sigemptyset(ret_mask);
    sigaddset(ret_mask, SIGTERM);
    sigaddset(ret_mask, SIGINT);
    sigaddset(ret_mask, SIGHUP);
    if (sigprocmask(SIG_BLOCK, ret_mask, &signals->old_mask) < 0)
        return -errno;
    (void)sigaction(SIGPIPE, &ignore, &signals->old_pipe);
    return 0;
}

static int listen_for(struct signals *signals, const sigset_t *mask)
{
    int r;

    signals->fd = signalfd(-1, mask, SFD_NONBLOCK | SFD_CLOEXEC);
    if (signals->fd < 0)
        return -errno;
    r = loop_add(signals->loop, &signals->entry, signals->fd, LOOP_IN, on_signal);
    if (r < 0)
        signals->fd = sys_close(signals->fd);
    return r;
}

int signals_new(struct signals **ret, struct loop *loop, const struct signals_handler *handler,
                void *userdata)
{
    struct signals *signals = calloc(1, sizeof(*signals));
    sigset_t mask;
    int r;

    if (!signals)
        return -ENOMEM;
    signals->loop = loop;
    signals->handler = handler;
    signals->userdata = userdata;
    r = block(signals, &mask);
    if (r == 0) {
        r = listen_for(signals, &mask);
        if (r < 0)
            restore(signals);
    }
    if (r < 0) {
        free(signals);
        return r;
    }
    *ret = signals;
    return 0;
}

struct signals *signals_free(struct signals *signals)
{
    if (!signals)
        return NULL;
    loop_del(signals->loop, &signals->entry);
    while (next_signal(signals->fd))
        ;
    sys_close(signals->fd);
    restore(signals);
    free(signals);
    return NULL;
}
