/*
 * Of 64 clients of one user, one stands still: only that one loses, and only what its policy says. FAULTS: "From rivals'
 * history" has the bus on which all 64 were cut off.
 */
#include "tests/kit/ledger.h"
#include "tests/live/live.h"

enum { N_HEALTHY = 63, SID = 1, N_BURSTS = 14, PER_BURST = 50, LEN = 16 << 10 };

struct party {
    struct live live;
    struct wire *publisher;
    struct wire *stalled;
    struct wire *healthy[N_HEALTHY];
    struct ledger ledgers[N_HEALTHY];
    uint64_t n_sent;
};

static void gather(struct party *party, enum policy policy)
{
    *party = (struct party){ .live = live_begin() };
    party->publisher = wire_open(party->live.path);
    party->stalled = wire_open(party->live.path);
    wire_sub(party->stalled,
             &(struct wire_sub){ .sid = SID, .pattern = "news.*", .policy = policy });
    for (int i = 0; i < N_HEALTHY; i++) {
        party->healthy[i] = wire_open(party->live.path);
        party->ledgers[i] = (struct ledger){ .sid = SID };
        wire_sub(party->healthy[i], &(struct wire_sub){ .sid = SID, .pattern = "news.*" });
    }
}

static void publish_burst(struct party *party)
{
    static uint8_t payload[LEN];

    wire_cork(party->publisher);
    for (int i = 0; i < PER_BURST; i++) {
        ledger_payload(payload, sizeof payload, party->n_sent);
        wire_publish(party->publisher, party->n_sent % 2 ? "news.a" : "news.b", payload,
                     sizeof payload);
        party->n_sent++;
    }
    wire_flush(party->publisher);
    wire_barrier(party->publisher); /* at most a second more than usual, and once only */
}

static void read_burst(struct party *party)
{
    for (int i = 0; i < N_HEALTHY; i++) {
        wire_ping(party->healthy[i], 1);
        ledger_read_to_pong(&party->ledgers[i], 1, party->healthy[i], 1);
        ledger_expect(&party->ledgers[i], party->n_sent);
        assert_int_equal(party->ledgers[i].lost, 0);
    }
}

static void expect_its_loss(struct party *party, enum policy policy)
{
    struct ledger ledger = { .sid = SID };

    if (policy == POLICY_DISCONNECT) {
        struct wire_frame f;
        int n;
        while ((n = wire_wait(party->stalled, &f, RAW_DEADLINE_MS)) == 1 && f.op != OP_GOODBYE)
            continue;
        if (n ==
            1) /* what is queued may be too much for a farewell: then the end comes without it */
            assert_int_equal(f.envelope.goodbye.status, STATUS_TOO_SLOW);
        else
            assert_int_equal(n, 0);
        return;
    }
    wire_ping(party->stalled, 2);
    ledger_read_to_pong(&ledger, 1, party->stalled, 2);
    ledger_expect(&ledger, party->n_sent);
    assert_int_not_equal(ledger.lost, 0);
}

static void part(struct party *party)
{
    for (int i = 0; i < N_HEALTHY; i++)
        wire_close(party->healthy[i]);
    wire_close(party->stalled);
    wire_close(party->publisher);
    live_end(&party->live);
}

static void one_of_64_stands_still(enum policy policy)
{
    static struct party party;

    gather(&party, policy);
    for (int i = 0; i < N_BURSTS; i++) {
        publish_burst(&party);
        read_burst(&party);
    }
    expect_its_loss(&party, policy);
    assert_int_equal(wire_stat(party.live.path, "expelled"), policy == POLICY_DISCONNECT);
    part(&party);
}

static void and_others_are_to_wait_for_it(void **state)
{
    (void)state;
    one_of_64_stands_still(POLICY_WAIT);
}

static void and_drops_what_is_old(void **state)
{
    (void)state;
    one_of_64_stands_still(POLICY_DROP_OLD);
}

static void and_drops_what_is_new(void **state)
{
    (void)state;
    one_of_64_stands_still(POLICY_DROP_NEW);
}

static void and_wants_the_latest_only(void **state)
{
    (void)state;
    one_of_64_stands_still(POLICY_LATEST);
}

static void and_is_to_be_cut_off(void **state)
{
    (void)state;
    one_of_64_stands_still(POLICY_DISCONNECT);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        kit_test(and_others_are_to_wait_for_it), kit_test(and_drops_what_is_old),
        kit_test(and_drops_what_is_new),         kit_test(and_wants_the_latest_only),
        kit_test(and_is_to_be_cut_off),
    };

    return kit_run("one of 64 stands still", tests, KIT_LENGTH(tests));
}
