#include "tests/hostile/arrivals.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "tests/kit/runner.h"

enum { EVENTS = 64, SETTLE_NS = 2000000000 };

struct crowd {
    struct arrivals *arrivals;
    int64_t came_ns[N_ARRIVALS];
    int fds[N_ARRIVALS];
    int epoll_fd;
    unsigned n_told;
};

static void allow_descriptors(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
}

/* What was said to it first. From then on nobody listens to it any more. */
static void note(struct crowd *crowd, unsigned i)
{
    uint8_t said[1024];
    ssize_t n = recv(crowd->fds[i], said, sizeof said, MSG_DONTWAIT);
    int op = n > FRAME_PREFIX ? envelope_opcode(said + FRAME_PREFIX, (size_t)n - FRAME_PREFIX) : -1;

    if (n < 0 && errno == EAGAIN)
        return;
    histogram_add(&crowd->arrivals->waits, (uint64_t)(kit_now_ns() - crowd->came_ns[i]));
    crowd->arrivals->n_served += op == OP_WELCOME;
    crowd->arrivals->n_refused += op == OP_GOODBYE;
    crowd->arrivals->n_dropped += op != OP_WELCOME && op != OP_GOODBYE;
    crowd->n_told++;
    epoll_ctl(crowd->epoll_fd, EPOLL_CTL_DEL, crowd->fds[i], NULL);
}

static void look_around(struct crowd *crowd, int timeout_ms)
{
    struct epoll_event events[EVENTS];
    int n = epoll_wait(crowd->epoll_fd, events, EVENTS, timeout_ms);

    for (int i = 0; i < n; i++)
        note(crowd, events[i].data.u32);
}

static bool come(struct crowd *crowd, unsigned i, const char *path)
{
    struct link link = LINK_INIT;

    if (link_open(&link, path) < 0)
        return false;
    crowd->came_ns[i] = kit_now_ns();
    crowd->fds[i] = link.fd;
    link_put_hello(&link);
    (void)link_push(&link, SIZE_MAX); /* who refused it may have gone already */
    free(link.own);
    struct epoll_event event = { .events = EPOLLIN, .data.u32 = i };
    epoll_ctl(crowd->epoll_fd, EPOLL_CTL_ADD, link.fd, &event);
    return true;
}

void arrivals_run(const char *path, struct attack_report *report, void *data)
{
    static struct crowd crowd;
    struct arrivals *arrivals = data;
    const int64_t start_ns = kit_now_ns();

    crowd = (struct crowd){ .arrivals = arrivals, .epoll_fd = epoll_create1(EPOLL_CLOEXEC) };
    allow_descriptors();
    report->is_up = true;
    for (unsigned i = 0; i < N_ARRIVALS && !report->stop;) {
        bool due = kit_now_ns() - start_ns >= arrivals->gap_ns * i;
        bool came = due && come(&crowd, i, path);
        i += came;
        look_around(&crowd, came ? 0 : 1);
    }
    arrivals->took_ns = kit_now_ns() - start_ns;
    while (crowd.n_told < N_ARRIVALS && kit_now_ns() - start_ns < arrivals->took_ns + SETTLE_NS)
        look_around(&crowd, 10);
    while (!report->stop)
        kit_nap();
}
