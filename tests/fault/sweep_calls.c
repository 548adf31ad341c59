/* Sweeps of system calls. */
#include "tests/fault/sweep.h"

#include <string.h>

#include "tests/fault/errno_pairs.h"
#include "tests/kit/runner.h"

/* -- an errno each --------------------------------------------------------------------------- */

enum { PAIR_OCCURRENCES = 20, IN_A_ROW = 10 };

/* In which its call comes often enough. */
static const struct scenario *scenario_of(const struct pair *pair)
{
    static const struct scenario everything = { "everything", play_everything, false };
    static const struct scenario sleepers = { "sleepers", play_sleepers, true };
    bool is_of_sleepers = pair->call == CALL_setsockopt || pair->call == CALL_ioctl;

    return is_of_sleepers ? &sleepers : &everything;
}

static void sweep_pair(struct rig *rig, const struct pair *pair, unsigned offset, unsigned step)
{
    const struct scenario *scenario = scenario_of(pair);
    struct wish wish = { pair->call, 1 + offset, 1, pair->error, 0 };
    struct outcome exact;

    if (rig_count(rig, scenario, pair->call, &exact) < PAIR_OCCURRENCES)
        stage_fail(NULL, "%s is not called %d times", fault_call_name(pair->call),
                   PAIR_OCCURRENCES);
    for (; wish.first <= PAIR_OCCURRENCES; wish.first += step)
        rig_try(rig, scenario, &wish, pair->unseen ? &exact : NULL);
    wish = (struct wish){ pair->call, 3, IN_A_ROW, pair->error, 0 };
    rig_try(rig, scenario, &wish, NULL);
}

/* Those of the loop that it runs on. */
static const struct pair *loop_pairs(const struct rig *rig, size_t *ret_n)
{
    bool polls = strcmp(rig->loop, "poll") == 0;

    *ret_n = polls ? KIT_LENGTH(poll_pairs) : KIT_LENGTH(epoll_pairs);
    return polls ? poll_pairs : epoll_pairs;
}

static void print_pairs(size_t n, unsigned step)
{
    print_message("  %zu pairs of a call and an errno, each at %u of its first %d places\n", n,
                  (PAIR_OCCURRENCES + step - 1) / step, PAIR_OCCURRENCES);
}

void sweep_pairs(struct rig *rig, unsigned step)
{
    size_t n;
    const struct pair *of_loop = loop_pairs(rig, &n);

    rig_start(rig);
    for (size_t i = 0; i < KIT_LENGTH(peer_pairs); i++)
        sweep_pair(rig, &peer_pairs[i], (unsigned)i % step, step);
    for (size_t i = 0; i < n; i++)
        sweep_pair(rig, &of_loop[i], (unsigned)i % step, step);
    rig_stop(rig);
    print_pairs(KIT_LENGTH(peer_pairs) + n, step);
}

/* -- strace ---------------------------------------------------------------------------------- */

/* strace knows getsockopt, and not of which option. */
static bool is_traced_alike(const struct pair *a, const struct pair *b)
{
    bool both_look_up = a->call >= CALL_peercred && a->call <= CALL_peersec &&
                        b->call >= CALL_peercred && b->call <= CALL_peersec;

    return a->error == b->error && (a->call == b->call || both_look_up);
}

static void trace_pair(struct rig *rig, const struct pair *pair, unsigned offset, unsigned step)
{
    const struct scenario *scenario = scenario_of(pair);
    bool looks_up = pair->call >= CALL_peercred && pair->call <= CALL_peersec;
    struct outcome exact;
    const char *why;

    rig_count(rig, scenario, pair->call, &exact);
    for (unsigned when = 1 + offset; when <= PAIR_OCCURRENCES; when += step) {
        if (rig_try_traced(rig, scenario, pair, when, pair->unseen && !looks_up ? &exact : NULL,
                           &why))
            continue;
        print_message("%s", why);
        rig_stop(rig);
        rig_deinit(rig);
        kit_skip("strace(1) is not installed, or may not trace here (ptrace): see above");
    }
}

static bool is_traced_before(size_t i)
{
    for (size_t j = 0; j < i; j++) {
        if (is_traced_alike(&peer_pairs[j], &peer_pairs[i]))
            return true;
    }
    return false;
}

void sweep_traced(struct rig *rig, unsigned step)
{
    size_t n_pairs = 0, n;
    const struct pair *of_loop = loop_pairs(rig, &n);

    bool with_peers =
        of_loop == epoll_pairs; /* on either loop they are the same calls at the same places */

    rig_start(rig);
    for (size_t i = 0; with_peers && i < KIT_LENGTH(peer_pairs); i++) {
        if (!is_traced_before(i))
            trace_pair(rig, &peer_pairs[i], (unsigned)(n_pairs++ % step), step);
    }
    for (size_t i = 0; i < n; i++)
        trace_pair(rig, &of_loop[i], (unsigned)(n_pairs++ % step), step);
    rig_stop(rig);
    print_pairs(n_pairs, step);
}

/* -- every call ------------------------------------------------------------------------------ */

void sweep_every_call(struct rig *rig, unsigned step)
{
    rig_start(rig);
    for (size_t i = 0; i < n_scenarios; i++) {
        const struct scenario *scenario = &scenarios[i];
        if (!sweep_takes(scenario))
            continue;
        uint64_t n = rig_count(rig, scenario, CALL_every, NULL);
        print_message("  %s: %llu calls\n", scenario->name, (unsigned long long)n);
        for (uint64_t first = sweep_first(step, scenario); first <= n;
             first = sweep_next(first, step))
            rig_try(rig, scenario, &(struct wish){ CALL_every, first, 1, EIO, 0 }, NULL);
    }
    rig_stop(rig);
}

/* -- what lasts, and what nobody notices ----------------------------------------------------- */

void sweep_lasting(struct rig *rig, unsigned step)
{
    static const struct pair lasting[] = {
        { CALL_accept4, EMFILE, false },   { CALL_accept4, ENFILE, false },
        { CALL_accept4, ENOMEM, false },   { CALL_accept4, ENOBUFS, false },
        { CALL_sendmsg, ENOBUFS, false },  { CALL_sendmsg, ENOMEM, false },
        { CALL_epoll_ctl, ENOMEM, false }, { CALL_epoll_ctl, ENOSPC, false },
        { CALL_memory, ENOMEM, false },    { CALL_epoll_wait, EBADF, false },
        { CALL_poll, ENOMEM, false },      { CALL_poll, EINVAL, false },
    };

    (void)step;
    rig_start(rig);
    for (size_t i = 0; i < KIT_LENGTH(lasting); i++)
        rig_try_long(rig, &(struct wish){ lasting[i].call, 1, FAULT_ALL, lasting[i].error, 0 },
                     300);
    rig_stop(rig);
}

static void try_unseen(struct rig *rig, const struct scenario *scenario,
                       const struct outcome *exact)
{
    const uint64_t n = scenario->is_large ? 500 : 5000;
    const struct wish wishes[] = {
        { CALL_recvmsg, 1, n, FAULT_SHORT, 1 },  { CALL_sendmsg, 1, n, FAULT_SHORT, 1 },
        { CALL_recvmsg, 1, n, FAULT_SHORT, 19 }, { CALL_sendmsg, 1, n, FAULT_SHORT, 19 },
        { CALL_recvmsg, 1, 20, EINTR, 0 },       { CALL_sendmsg, 1, 20, EINTR, 0 },
        { CALL_sendmsg, 1, 20, EAGAIN, 0 },      { CALL_recvmsg, 1, 20, EAGAIN, 0 },
        { CALL_accept4, 1, 20, EINTR, 0 },       { CALL_epoll_wait, 1, 20, EINTR, 0 },
        { CALL_poll, 1, 20, EINTR, 0 },          { CALL_sendmsg, 1, 3, ENOBUFS, 0 },
        { CALL_setsockopt, 1, 20, EPERM, 0 },    { CALL_ioctl, 1, 20, EIO, 0 },
        { CALL_peerpidfd, 1, 20, EMFILE, 0 },    { CALL_peersec, 1, 20, ENOPROTOOPT, 0 },
    };

    for (size_t i = 0; i < KIT_LENGTH(wishes); i++)
        rig_try(rig, scenario, &wishes[i], exact);
}

void sweep_unseen(struct rig *rig, unsigned step)
{
    struct outcome exact;

    (void)step;
    rig_start(rig);
    for (size_t i = 0; i < n_scenarios; i++) {
        if (!sweep_takes(&scenarios[i]))
            continue;
        rig_count(rig, &scenarios[i], CALL_every, &exact);
        print_message("  %s\n", scenarios[i].name);
        try_unseen(rig, &scenarios[i], &exact);
    }
    rig_stop(rig);
}
