/* What each kind of thing costs that a peer can make the broker hold: no more than its line in broker/guard/limits.h says,
 * and given back when the peer has gone. FAULTS: "state has a fixed cost per kind". */
#include <stdio.h>
#include <stdlib.h>

#include "broker/guard/limits.h"
#include "tests/kit/health.h"

enum {
    N_MANY = 50000,
    AT_ONCE = 500, /* between two answers */
    KEPT_KIB = 4 << 10,
    KEPT_OF_REQUESTS_KIB = 18 << 10, /* between pooled entries the allocator cannot give it back */
};

/* Of the table. */
enum {
#define COST(kind, name, one, total, per_connection, basic, cost) COST_##kind = cost,
    LIMITS_MAP(COST)
#undef COST
};

static struct broker_proc *broker;
static struct health health;
static struct peer peer;

static void begin(void)
{
    broker = broker_proc_new();
    broker_proc_start(broker, NULL);
    health_begin(&health, broker);
    peer_open(&peer, broker);
}

/** @param cost  bytes each of @p n may have cost */
static void expect_cost(const char *what, uint64_t n, uint64_t cost)
{
    int64_t grown = broker_proc_rss(broker) - health.rss;

    print_message("  %lld bytes %s, at most %llu\n", (long long)(grown / (int64_t)n), what,
                  (unsigned long long)cost);
    if (!KIT_SANITIZED && grown > (int64_t)(n * cost) + (512 << 10))
        fail_msg("%lld bytes are more than %llu %s", (long long)grown,
                 (unsigned long long)(n * cost), what);
}

/** @param kept_kib  may stay, for others to come */
static void finish(int64_t kept_kib)
{
    peer_close(&peer);
    health_check_all(&health, kept_kib << 10);
    health_end(&health);
    assert_int_equal(broker_proc_stop(broker), 0);
    broker_proc_free(broker);
}

/* Each with a pattern of its own, as long as patterns often are. */
static void register_many(uint8_t op, const char *format_tail, uint64_t n)
{
    char pattern[64];

    for (uint64_t sid = 1; sid <= n; sid++) {
        struct envelope e = { .op = op };
        struct piece text = { pattern, 0 };
        text.len =
            (size_t)snprintf(pattern, sizeof pattern, "some.thing.%d%s", (int)sid, format_tail);
        if (op == OP_SUB) {
            e.sub.ref = e.sub.sid = sid;
            e.sub.pattern = text;
        } else {
            e.serve.ref = e.serve.sid = sid;
            e.serve.pattern = text;
        }
        peer_send(&peer, &e);
        for (int i = 0; sid % AT_ONCE == 0 && i < AT_ONCE; i++)
            peer_expect(&peer, OP_OK);
    }
}

static void subscriptions(void **state)
{
    (void)state;
    begin();
    register_many(OP_SUB, "", N_MANY);
    expect_cost("a subscription", N_MANY, COST_SUBSCRIPTIONS);
    finish(KEPT_KIB);
}

static void patterns_with_wildcards(void **state)
{
    (void)state;
    begin();
    register_many(OP_SUB, ".*.a", N_MANY);
    expect_cost("a subscription with a wildcard", N_MANY, COST_SUBSCRIPTIONS + COST_WILDCARDS);
    finish(KEPT_KIB);
}

static void services(void **state)
{
    enum { N_SERVICES = 15000 };

    (void)state;
    begin();
    register_many(OP_SERVE, "", N_SERVICES);
    expect_cost("a service", N_SERVICES, COST_SERVERS);
    finish(KEPT_KIB);
}

/* At a server that never answers, and never reads: what waits for it costs besides, as a message does. */
static void requests(void **state)
{
    enum { N_REQUESTS = 40000, MAX_OPEN = 65536 };
    struct peer server;

    (void)state;
    begin();
    peer_open(&server, broker);
    peer_serve(&server, 1, "s", MAX_OPEN);
    for (uint64_t reference = 1; reference <= N_REQUESTS; reference++) {
        peer_request(&peer, reference, "s", REQUEST_ONE, 600000);
        if (reference % AT_ONCE == 0)
            peer_ping(&peer);
    }
    expect_cost("a request that waits", N_REQUESTS, COST_REQUESTS + COST_QUEUED_MESSAGES + 64);
    peer_close(&server);
    finish(KEPT_OF_REQUESTS_KIB);
}

static void queued_messages(void **state)
{
    struct peer reader;

    (void)state;
    begin();
    peer_open(&reader, broker);
    peer_sub(&reader, 1, "m");
    for (int i = 1; i <= N_MANY; i++) {
        peer_publish(&peer, "m", "12345678", 8);
        if (i % AT_ONCE == 0)
            peer_ping(&peer);
    }
    expect_cost("a message of 31 bytes that waits", N_MANY, COST_QUEUED_MESSAGES + 31);
    peer_close(&reader);
    finish(KEPT_KIB);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        kit_test(subscriptions), kit_test(patterns_with_wildcards), kit_test(services),
        kit_test(requests),      kit_test(queued_messages),
    };
    return kit_run("costs", tests, KIT_LENGTH(tests));
}
