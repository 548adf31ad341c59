#include "tests/bench/run.h"

#include "tests/bench/figures.h"
#include "tests/bench/forwarder.h"
#include "tests/kit/runner.h"

/* What the roles talk through. */
struct middle {
    const struct peer *peer;
    struct crew *crew;
    struct forwarder forwarder;
};

static void middle_init(struct middle *middle, struct broker_proc *broker, struct work *work,
                        unsigned n_ends, enum placement placement)
{
    *middle = (struct middle){ .peer = broker ? &peer_brokerd : &peer_forwarder,
                               .crew = crew_new(placement) };
    if (broker) {
        work->url = broker_proc_url(broker);
        crew_watch(middle->crew, broker_proc_pid(broker));
        return;
    }
    forwarder_init(&middle->forwarder, n_ends);
    work->ends = middle->forwarder.ends;
    crew_add(middle->crew, ROLE_SERVES, forwarder_run, &middle->forwarder);
    crew_watch(middle->crew, crew_latest_pid(middle->crew));
}

static void middle_deinit(struct middle *middle)
{
    crew_free(middle->crew);
    forwarder_deinit(&middle->forwarder);
}

/* -- streams --------------------------------------------------------------------------------- */

/* The reports of all receiving roles in one: their sums, and the end of the last. */
static void sum(struct report *ret, struct report *const reports[], unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        ret->n += reports[i]->n;
        ret->n_wrong += reports[i]->n_wrong;
        ret->cpu_ns += reports[i]->cpu_ns;
        if (reports[i]->end_ns > ret->end_ns)
            ret->end_ns = reports[i]->end_ns;
    }
}

static struct stream_cost cost_of(const struct middle *middle, const struct report *sent,
                                  const struct report *received)
{
    const double seconds = (double)(received->end_ns - sent->start_ns) / 1e9;

    return (struct stream_cost){
        .sent_per_s = (double)sent->n / seconds,
        .delivered_per_s = (double)received->n / seconds,
        .middle_ns = (double)crew_watched_ns(middle->crew) / (double)sent->n,
        .publisher_ns = (double)sent->cpu_ns / (double)sent->n,
        .subscriber_ns = (double)received->cpu_ns / (double)received->n,
    };
}

struct stream_cost run_stream(struct broker_proc *broker, struct work *work)
{
    struct report received = { 0 }, *reports[PEER_MAX_SUBS];
    struct middle middle;

    middle_init(&middle, broker, work, 1 + work->n_subs, ALL_PROCESSORS);
    for (unsigned i = 0; i < work->n_sub_roles; i++)
        reports[i] = crew_add(middle.crew, ROLE_WORKS, middle.peer->receive, work);
    struct report *sent = crew_add(middle.crew, ROLE_WORKS, middle.peer->publish, work);
    crew_run(middle.crew);

    sum(&received, reports, work->n_sub_roles);
    if (received.n != sent->n * work->n_subs || received.n_wrong)
        fail_msg("%s, %zu bytes: sent %ju to %u, delivered %ju, of these out of order or announced "
                 "as lost %ju",
                 middle.peer->name, work->size, (uintmax_t)sent->n, work->n_subs,
                 (uintmax_t)received.n, (uintmax_t)received.n_wrong);
    struct stream_cost cost = cost_of(&middle, sent, &received);
    middle_deinit(&middle);
    return cost;
}

/* -- requests -------------------------------------------------------------------------------- */

struct latency run_requests(struct broker_proc *broker, struct work *work, enum placement placement)
{
    struct middle middle;
    struct latency latency;

    middle_init(&middle, broker, work, 2, placement);
    crew_add(middle.crew, ROLE_SERVES, middle.peer->serve, work);
    struct report *asked = crew_add(middle.crew, ROLE_WORKS, middle.peer->request, work);
    crew_run(middle.crew);

    if (asked->n == 0 || asked->n_wrong)
        fail_msg("%s: %ju requests, of these answered wrongly %ju", middle.peer->name,
                 (uintmax_t)asked->n, (uintmax_t)asked->n_wrong);
    uint32_t *samples = crew_samples(middle.crew, &latency.n);
    latency.p50_us = samples_percentile(samples, latency.n, 0.5) / 1000;
    latency.p99_us = samples_percentile(samples, latency.n, 0.99) / 1000;
    middle_deinit(&middle);
    return latency;
}
