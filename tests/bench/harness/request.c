#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/bench/harness/clock.h"
#include "tests/bench/harness/roles.h"
#include "tests/bench/harness/tally.h"
#include "tests/bench/peers/peer.h"

#define WARM_UP 300
#define GATE_US 200

static void *requester;
static uint8_t *payload;
static int64_t until_ns; /* no more is asked from then on, … */
static uint64_t n_max;   /* … nor beyond so many */

static void ask(unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        peer.req_send(requester, payload, plan.options.size);
    peer.req_flush(requester);
}

/* One open at a time: each one's latency. */
static void ask_singly(struct asker *asker)
{
    int64_t asked_ns = asker->start_ns;

    while (asked_ns < until_ns && asker->n_answered < n_max) {
        ask(1);
        peer.req_wait(requester);
        const int64_t now_ns = bench_now_ns();
        asker->latencies_ns[asker->n_answered++] = (uint32_t)(now_ns - asked_ns);
        asked_ns = now_ns;
    }
}

static void ask_many(struct asker *asker)
{
    unsigned n_open = plan.options.n_out;

    ask(n_open);
    while (n_open > 0) {
        const unsigned n = peer.req_wait(requester);

        asker->n_answered += n;
        n_open -= n;
        if (n > 0 && asker->n_answered + n_open + n <= n_max && bench_now_ns() < until_ns) {
            ask(n);
            n_open += n;
        }
    }
}

static void limit(int64_t start_ns)
{
    const uint64_t n_kept = plan.options.n_out == 1 ? MAX_LATENCIES : UINT64_MAX;

    n_max = plan.count && plan.count < n_kept ? plan.count : n_kept;
    until_ns = plan.count ? INT64_MAX : start_ns + (int64_t)(plan.seconds * 1e9);
}

void role_ask(unsigned index)
{
    struct asker *asker = &tally->asker;

    (void)index;
    clock_be_exact();
    requester = peer.req_open();
    payload = calloc(1, plan.options.size);
    if (!payload)
        bench_die("no memory for a payload");
    payload[AT_KIND] = MARK_REQUEST;
    for (unsigned i = 0; i < WARM_UP; i++) {
        ask(1);
        peer.req_wait(requester);
    }
    atomic_fetch_add(&tally->n_warm, 1);
    while (!atomic_load(&tally->open))
        clock_sleep_us(GATE_US);
    asker->start_ns = bench_now_ns();
    limit(asker->start_ns);
    if (plan.options.n_out == 1)
        ask_singly(asker);
    else
        ask_many(asker);
    asker->end_ns = bench_now_ns();
    atomic_store(&asker->done, true);
}

void role_serve(unsigned index)
{
    (void)index;
    peer.serve_run();
}

void role_idle(unsigned index)
{
    (void)index;
    peer.idle_run(plan.options.n_idle);
}
