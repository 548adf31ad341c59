#include <stdlib.h>
#include <string.h>

#include "tests/bench/harness/roles.h"
#include "tests/bench/harness/subjects.h"
#include "tests/bench/harness/tally.h"
#include "tests/bench/peers/peer.h"

/* What one connection has heard of one publisher. */
struct ear {
    uint64_t next; /* number */
    bool probed[MAX_TURNS];
    bool ended;
};

/* This process as a receiver. */
static struct {
    struct sink *sink;
    struct ear *ears; /* of each connection n_pubs */
    unsigned first;
    unsigned n_pubs;
    uint64_t n_received;
    size_t n_left; /* ears that have not heard the end */
    bool partial;  /* each connection hears some of the messages only */
    bool reads_all;
} self;

unsigned role_n_probes(void)
{
    return plan.options.n_subs * plan.options.n_pubs * plan.n_subjects;
}

void role_receive(unsigned part)
{
    const unsigned n = plan_share(part, &self.first);

    self.sink = &tally->sinks[part];
    self.n_pubs = plan.options.n_pubs;
    self.n_left = (size_t)n * self.n_pubs;
    self.partial = plan.workload == MANY;
    self.reads_all = plan.workload == LARGE;
    self.ears = calloc(self.n_left, sizeof(*self.ears));
    if (!self.ears)
        bench_die("no memory for %zu ears", self.n_left);
    peer.subs_run(self.first, n);
}

static struct ear *ear_of(unsigned connection, const uint8_t *payload)
{
    if (payload[AT_PUBLISHER] >= self.n_pubs)
        bench_die("a message of a publisher that is none: %u", payload[AT_PUBLISHER]);
    return &self.ears[(size_t)(connection - self.first) * self.n_pubs + payload[AT_PUBLISHER]];
}

/* So that no peer wins by handing over what nobody has touched. */
static void read_all(const uint8_t *payload, size_t len)
{
    uint64_t sum = 0, word;

    for (size_t at = 0; at + sizeof(word) <= len; at += sizeof(word)) {
        memcpy(&word, payload + at, sizeof(word));
        sum += word;
    }
    self.sink->sum += sum;
}

static void take_message(struct ear *ear, const uint8_t *payload, size_t len)
{
    uint64_t number;

    memcpy(&number, payload + AT_NUMBER, sizeof(number));
    if (self.partial ? number < ear->next : number != ear->next)
        self.sink->n_wrong++;
    ear->next = number + 1;
    if (self.reads_all)
        read_all(payload, len);
    atomic_store_explicit(&self.sink->n_received, ++self.n_received, memory_order_relaxed);
}

static void take_probe(struct ear *ear, const uint8_t *payload)
{
    bool *probed = &ear->probed[payload[AT_SUBJECT] % MAX_TURNS];

    if (!*probed)
        atomic_fetch_add(&tally->n_probed, 1);
    *probed = true;
}

/* true with the last end of all. */
static bool take_end(struct ear *ear)
{
    self.n_left -= !ear->ended;
    ear->ended = true;
    if (self.n_left > 0)
        return false;
    self.sink->end_ns = bench_now_ns();
    atomic_store(&self.sink->done, true);
    return true;
}

bool bench_take(unsigned connection, const void *payload, size_t len)
{
    const uint8_t *bytes = payload;

    if (len < MIN_SIZE)
        bench_die("a message of %zu bytes", len);
    struct ear *ear = ear_of(connection, bytes);
    switch (bytes[AT_KIND]) {
    case MARK_MESSAGE:
        take_message(ear, bytes, len);
        return false;
    case MARK_PROBE:
        take_probe(ear, bytes);
        return false;
    case MARK_END:
        return take_end(ear);
    default:
        bench_die("a message that nobody sent: kind %u", bytes[AT_KIND]);
    }
}
