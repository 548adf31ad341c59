#include <stdlib.h>
#include <string.h>

#include "tests/bench/harness/clock.h"
#include "tests/bench/harness/roles.h"
#include "tests/bench/harness/subjects.h"
#include "tests/bench/harness/tally.h"
#include "tests/bench/peers/peer.h"

#define PROBE_US   5000
#define GATE_US    200
#define BURST      64    /* messages between two looks at the clock */
#define LARGE_SIZE 65536 /* payloads worth a look each */
#define ALIGN      64
#define SEED       12345 /* the same names in the same order for each peer */

struct publisher {
    void *connection;
    unsigned index;
    uint8_t *payload;
    const char *turns[MAX_TURNS];
    uint64_t turn_mask; /* 0 or 1: subjects take turns */
    uint64_t n_sent;
    uint64_t n_room; /* so many may be sent in all, as far as is known */
    uint64_t n_throttled;
    int64_t until_ns;
    uint32_t random; /* of w6 */
};

static void publisher_init(struct publisher *publisher, unsigned index)
{
    const size_t room = (plan.options.size + 2 * ALIGN - 1) / ALIGN * ALIGN;

    *publisher = (struct publisher){ .index = index, .random = SEED + index };
    publisher->turn_mask = subjects_turns(publisher->turns) - 1;
    publisher->payload = aligned_alloc(ALIGN, room);
    if (!publisher->payload)
        bench_die("no memory for a payload");
    memset(publisher->payload, 'x', room);
    publisher->payload[AT_KIND] = MARK_MESSAGE;
    publisher->payload[AT_PUBLISHER] = (uint8_t)index;
    publisher->connection = peer.pub_open(index);
}

/* -- probes and the end ---------------------------------------------------------------------- */

static void send_mark(struct publisher *publisher, enum mark mark, unsigned subject)
{
    uint8_t payload[MIN_SIZE] = { (uint8_t)mark, (uint8_t)publisher->index, (uint8_t)subject };

    peer.pub_send(publisher->connection, subject ? publisher->turns[subject] : subjects_control(),
                  payload, sizeof(payload));
}

static void warm_up(struct publisher *publisher)
{
    const unsigned n_probes = role_n_probes();

    while (atomic_load(&tally->n_probed) < n_probes) {
        for (unsigned i = 0; i < plan.n_subjects; i++)
            send_mark(publisher, MARK_PROBE, i);
        peer.pub_flush(publisher->connection);
        clock_sleep_us(PROBE_US);
    }
    atomic_fetch_add(&tally->n_warm, 1);
    while (!atomic_load(&tally->open))
        clock_sleep_us(GATE_US);
}

/* -- the window ------------------------------------------------------------------------------ */

static uint64_t received_by(unsigned part)
{
    return atomic_load_explicit(&tally->sinks[part].n_received, memory_order_relaxed);
}

/* What each receiver has of one publisher's messages, at least. Of w6 only one has each message. */
static uint64_t received(void)
{
    uint64_t least = UINT64_MAX, sum = 0;

    for (unsigned i = 0; i < plan.options.n_procs; i++) {
        unsigned first;
        uint64_t n = received_by(i) / ((uint64_t)plan_share(i, &first) * plan.options.n_pubs);
        sum += received_by(i);
        least = n < least ? n : least;
    }
    return plan.workload == MANY ? sum : least;
}

static bool is_over(const struct publisher *publisher)
{
    return !plan.count && bench_now_ns() >= publisher->until_ns;
}

static void await_room(struct publisher *publisher)
{
    bool flushed = false;

    while ((publisher->n_room = received() + plan.window) <= publisher->n_sent &&
           !is_over(publisher)) {
        if (!flushed)
            peer.pub_flush(publisher->connection);
        flushed = true;
        publisher->n_throttled++;
        clock_sleep_us(plan.options.size >= LARGE_SIZE ? 20 : 50);
    }
}

/* -- the stream ------------------------------------------------------------------------------ */

static const char *next_subject(struct publisher *publisher)
{
    if (plan.workload != MANY)
        return publisher->turns[publisher->n_sent & publisher->turn_mask];
    publisher->random = publisher->random * 1664525u + 1013904223u;
    return subjects_name((publisher->random >> 8) % plan.n_names);
}

static void send_one(struct publisher *publisher)
{
    memcpy(publisher->payload + AT_NUMBER, &publisher->n_sent, sizeof(publisher->n_sent));
    peer.pub_send(publisher->connection, next_subject(publisher), publisher->payload,
                  plan.options.size);
    publisher->n_sent++;
}

static void send_all(struct publisher *publisher)
{
    const uint64_t burst = plan.options.size >= LARGE_SIZE ? 1 : BURST;
    const uint64_t n_all = plan.count ? plan.count : UINT64_MAX;

    while (publisher->n_sent < n_all && (publisher->n_sent % burst || !is_over(publisher))) {
        if (publisher->n_sent >= publisher->n_room) {
            await_room(publisher);
            if (publisher->n_sent >= publisher->n_room)
                return; /* there was none before the time was over */
        }
        send_one(publisher);
    }
}

void role_publish(unsigned index)
{
    struct publisher publisher;
    struct source *source = &tally->sources[index];

    clock_be_exact();
    publisher_init(&publisher, index);
    warm_up(&publisher);
    source->start_ns = bench_now_ns();
    publisher.until_ns = source->start_ns + (int64_t)(plan.seconds * 1e9);
    publisher.n_room = plan.window ? 0 : UINT64_MAX;
    send_all(&publisher);
    source->n_throttled = publisher.n_throttled;
    atomic_store(&source->n_sent, publisher.n_sent);
    send_mark(&publisher, MARK_END, 0);
    peer.pub_flush(publisher.connection);
}
