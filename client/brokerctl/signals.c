#include "client/brokerctl/signals.h"

#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

static volatile sig_atomic_t stopping;
static int event_fd = -1;

static void on_signal(int signo)
{
    int saved = errno;
    uint64_t one = 1;

    (void)signo;
    stopping = 1;
    if (write(event_fd, &one, sizeof one) < 0)
        stopping = 1; /* nothing else to be done in a handler */
    errno = saved;
}

int signals_init(void)
{
    static const int signals[] = { SIGINT, SIGTERM, SIGHUP };
    /* No SA_RESTART: a write to a pipe that nobody reads must end too. */
    struct sigaction action = { .sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND };

    if (event_fd >= 0)
        return 0;
    event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (event_fd < 0)
        return -errno;
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) {
        struct sigaction old;

        /* nohup means it; a script's `&`, which ignores SIGINT, does not mean
         * that `kill -INT` should be in vain. */
        if (signals[i] == SIGHUP && sigaction(SIGHUP, NULL, &old) == 0 &&
            old.sa_handler == SIG_IGN)
            continue;
        sigaction(signals[i], &action, NULL);
    }
    return 0;
}

int signals_fd(void)
{
    return event_fd;
}

bool signals_stopping(void)
{
    return stopping;
}
