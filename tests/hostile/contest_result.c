/* What came of a run, and how the broker is afterwards. */
#include <string.h>

#include "tests/hostile/contest.h"
#include "tests/kit/peer.h"
#include "tests/kit/runner.h"

enum { NEWCOMER_MS = 30000 };

/* As peer_open() and peer_ping(), with more patience. */
static bool newcomer_is_served(const struct contest *contest)
{
    struct peer peer;

    peer_connect(&peer, contest->broker);
    peer_hello(&peer, NULL);
    const struct got *got = peer_next(&peer, NEWCOMER_MS);
    bool served = got && got->op == OP_WELCOME;
    peer_close(&peer);
    return served;
}

struct contest_recovery contest_await_recovery(struct contest *contest)
{
    struct contest_recovery ret = { 0 };
    int64_t start_ns = kit_now_ns();

    ret.silent = contest->is_silent = !newcomer_is_served(contest);
    ret.took_ns = kit_now_ns() - start_ns;
    if (!broker_proc_running(contest->broker))
        fail_msg("the broker has died");
    if (ret.silent)
        return ret;
    broker_proc_expect_n_fds(contest->broker, contest->n_fds);
    if (!KIT_SANITIZED)
        ret.rss = broker_proc_rss(contest->broker) - contest->rss;
    return ret;
}

void contest_expect_unharmed(const struct contest_run *run)
{
    const struct victim_report *v = &run->victim;

    if (v->n_cut || v->n_unannounced || v->n_failed)
        fail_msg(
            "%llu connections cut, %llu messages lost without a word (%llu announced), %llu requests failed: %s",
            (unsigned long long)v->n_cut, (unsigned long long)v->n_unannounced,
            (unsigned long long)v->n_announced, (unsigned long long)v->n_failed, v->trouble);
}

static void add_victim(struct victim_report *sum, const struct victim_report *round)
{
    histogram_merge(&sum->trips, &round->trips);
    histogram_merge(&sum->seldom, &round->seldom);
    sum->work_ns += round->work_ns;
    sum->bulk_took_ns += round->bulk_took_ns;
    sum->n_sent += round->n_sent;
    sum->n_got += round->n_got;
    sum->n_announced += round->n_announced;
    sum->n_unannounced += round->n_unannounced;
    sum->n_failed += round->n_failed;
    sum->n_cut += round->n_cut;
    sum->n_bulk += round->n_bulk;
    if (!sum->trouble[0])
        memcpy(sum->trouble, round->trouble, sizeof sum->trouble);
}

void contest_add(struct contest_run *sum, const struct contest_run *round)
{
    add_victim(&sum->victim, &round->victim);
    sum->wall_ns += round->wall_ns;
    sum->disturber_ns += round->disturber_ns;
    sum->broker_ns += round->broker_ns;
    sum->n_sleeps += round->n_sleeps;
    sum->n_threads = round->n_threads;
    sum->n_opened += round->n_opened;
    sum->n_cut += round->n_cut;
    sum->bytes_out += round->bytes_out;
    sum->bytes_in += round->bytes_in;
    if (round->rss_grown > sum->rss_grown)
        sum->rss_grown = round->rss_grown;
    sum->recovery.silent |= round->recovery.silent;
    if (round->recovery.took_ns > sum->recovery.took_ns)
        sum->recovery.took_ns = round->recovery.took_ns;
    if (round->recovery.rss > sum->recovery.rss)
        sum->recovery.rss = round->recovery.rss;
}
