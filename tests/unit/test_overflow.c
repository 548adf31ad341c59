/* The five policies, each with a queue that is full. */
#include "broker/route/overflow.h"

#include "tests/unit/route_kit.h"

/* Nothing of a queue leaves while its client is deaf: another round makes it full. */
static struct cli *open_deaf(struct wish wish)
{
    small_buffers = true;
    struct cli *s = cli_open();
    cli_sub_as(s, 1, "x.>", wish);
    return s;
}

static void publish_rows(struct cli *p, uint64_t n)
{
    for (uint64_t i = 0; i < n; i++)
        cli_publish(p, "x.y", i, 20000);
    cli_sync(p);
}

static uint32_t count_gaps(const struct outq *outq)
{
    uint32_t n = 0;
    for (const struct entry *e = outq->head; e; e = e->next)
        n += !e->block;
    return n;
}

struct sum {
    uint64_t got;
    uint64_t lost;
    uint64_t last;   /* number of the last message */
    uint64_t reason; /* of the gaps; all are the same */
};

/* Everything there is to hear. Numbers only grow. */
static struct sum hear_all(struct cli *s)
{
    struct sum sum = { 0 };
    for (struct heard *h; (h = hear(s));) {
        if (h->op == OP_GAP) {
            assert_true(!sum.reason || sum.reason == h->e.gap.reason);
            sum.reason = h->e.gap.reason;
            sum.lost += h->e.gap.count;
            assert_int_equal(h->e.gap.sid, 1);
        } else if (h->op == OP_MESSAGE) {
            assert_true(sum.got == 0 || number_of(h) > sum.last);
            /* what is missing between two is announced between them */
            assert_int_equal(number_of(h), sum.got + sum.lost);
            sum.last = number_of(h);
            sum.got++;
        }
    }
    return sum;
}

static void drop_old_keeps_the_newest(void **state)
{
    (void)state;
    start();
    struct cli *s = open_deaf((struct wish){ .policy = POLICY_DROP_OLD, .messages = 5 });
    struct cli *p = cli_open();
    publish_rows(p, 50);
    struct sum sum = hear_all(s);
    assert_int_equal(sum.got + sum.lost, 50);
    assert_int_equal(sum.last, 49);
    assert_int_equal(sum.reason, GAP_DROPPED_OLD);
    assert_int_equal(counters.lost_drop_old, sum.lost);
    assert_int_equal(s->client->n_lost, sum.lost);
    assert_in_range(sum.got, 5, 8);
    cli_close(s);
    cli_close(p);
    stop();
}

static void drop_new_keeps_the_oldest(void **state)
{
    (void)state;
    start();
    struct cli *s = open_deaf((struct wish){ .policy = POLICY_DROP_NEW, .messages = 5 });
    struct cli *p = cli_open();
    publish_rows(p, 50);
    assert_int_equal(count_gaps(&s->client->conn.out), 1);
    struct sum sum = hear_all(s);
    assert_int_equal(sum.got + sum.lost, 50);
    assert_in_range(sum.last, 4, 8);
    assert_int_equal(sum.reason, GAP_DROPPED_NEW);
    assert_int_equal(counters.lost_drop_new, sum.lost);
    cli_close(s);
    cli_close(p);
    stop();
}

static void latest_keeps_one_of_each(void **state)
{
    uint64_t got = 0;
    uint64_t lost = 0;
    uint64_t last[3] = { 0 };
    char subject[8];
    (void)state;
    start();
    struct cli *s = open_deaf((struct wish){ .policy = POLICY_LATEST });
    struct cli *p = cli_open();
    for (uint64_t i = 0; i < 60; i++) {
        snprintf(subject, sizeof subject, "x.%d", (int)(i % 3));
        cli_publish(p, subject, i, 9000);
    }
    cli_sync(p);
    for (struct heard *h; (h = hear(s));) {
        got += h->op == OP_MESSAGE;
        lost += h->op == OP_GAP ? h->e.gap.count : 0;
        if (h->op == OP_GAP)
            assert_int_equal(h->e.gap.reason, GAP_REPLACED);
        if (h->op == OP_MESSAGE)
            last[h->f.subject[2] - '0'] = number_of(h);
    }
    assert_int_equal(got + lost, 60);
    assert_in_range(got, 3, 10);
    for (uint64_t i = 0; i < 3; i++)
        assert_int_equal(last[i], 57 + i);
    assert_int_equal(counters.lost_latest, lost);
    cli_close(s);
    cli_close(p);
    stop();
}

static void latest_when_full_drops_the_oldest(void **state)
{
    uint64_t got = 0;
    uint64_t lost[9] = { 0 };
    char subject[16];
    (void)state;
    start();
    struct cli *s = open_deaf((struct wish){ .policy = POLICY_LATEST, .messages = 4 });
    struct cli *p = cli_open();
    for (uint64_t i = 0; i < 40; i++) {
        snprintf(subject, sizeof subject, "x.%d", (int)i);
        cli_publish(p, subject, i, 9000);
    }
    cli_sync(p);
    for (struct heard *h; (h = hear(s));) {
        got += h->op == OP_MESSAGE;
        if (h->op == OP_GAP)
            lost[h->e.gap.reason] += h->e.gap.count;
    }
    assert_int_equal(got + lost[GAP_DROPPED_OLD], 40);
    assert_true(lost[GAP_DROPPED_OLD] > 20);
    cli_close(s);
    cli_close(p);
    stop();
}

static void disconnect_says_why(void **state)
{
    (void)state;
    start();
    struct cli *s = open_deaf((struct wish){ .policy = POLICY_DISCONNECT, .messages = 3 });
    struct cli *p = cli_open();
    cli_sub(s, 2, "x.>"); /* it goes down with the other */
    publish_rows(p, 20);
    struct heard *h;
    do
        h = hear(s);
    while (h && h->op != OP_GOODBYE);
    assert_non_null(h);
    assert_int_equal(h->e.goodbye.status, STATUS_TOO_SLOW);
    assert_int_equal(session.route.n_subs, 0);
    assert_int_equal(counters.expelled, 1);
    cli_close(s);
    cli_close(p);
    stop();
}

/* The connection's own limit, whatever the subscription's says. */
static void a_full_connection_meets_each_policy(void **state)
{
    static const enum policy policies[] = { POLICY_DROP_OLD, POLICY_DROP_NEW, POLICY_LATEST };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(policies); i++) {
        start();
        struct cli *s = open_deaf((struct wish){ .policy = policies[i] });
        struct cli *p = cli_open();
        stuff(s, CONN_QUEUE_BYTES - 1000);
        cli_publish(p, "x.a", 0, 500);
        cli_publish(p, "x.b", 1, 600);
        cli_sync(p);
        assert_int_equal(counters.lost_connection_full, 1);
        struct lane *lane = &sid_any(s->client)->lane;
        assert_int_equal(lane->last_loss, GAP_CONNECTION_FULL);
        assert_int_equal(lane->n_messages, 1);
        cli_close(s);
        cli_close(p);
        stop();
    }
}

static void one_always_fits_an_empty_queue(void **state)
{
    (void)state;
    start();
    struct cli *s = cli_open();
    struct cli *p = cli_open();
    cli_sub(s, 1, "x", .policy = POLICY_DROP_NEW, .bytes = 10);
    cli_publish(p, "x", 5, 5000);
    assert_int_equal(number_of(expect(s, OP_MESSAGE)), 5);
    cli_close(s);
    cli_close(p);
    stop();
}

/* Several lanes of one client: each has its own fate, the others get their copy. */
static void each_subscription_for_itself(void **state)
{
    uint64_t got[4] = { 0 };
    uint64_t lost[4] = { 0 };
    (void)state;
    start();
    struct cli *s = open_deaf((struct wish){ .policy = POLICY_DROP_OLD, .messages = 2 });
    struct cli *p = cli_open();
    cli_sub(s, 2, "x.y", .policy = POLICY_DROP_NEW, .messages = 3);
    cli_sub(s, 3, "x.*", .policy = POLICY_LATEST);
    publish_rows(p, 30);
    for (struct heard *h; (h = hear(s));) {
        for (uint32_t i = 0; h->op == OP_MESSAGE && i < s->n_sids; i++)
            got[s->sids[i]]++;
        if (h->op == OP_GAP)
            lost[h->e.gap.sid] += h->e.gap.count;
    }
    for (int i = 1; i < 4; i++) {
        assert_int_equal(got[i] + lost[i], 30);
        assert_true(got[i] > 0 && lost[i] > 0);
    }
    cli_close(s);
    cli_close(p);
    stop();
}

static void the_broker_itself_waits_for_nobody(void **state)
{
    (void)state;
    start();
    struct cli *s = cli_open();
    struct sub sub = { .reg.lane.policy = POLICY_WAIT };
    enum gap reason;
    const struct passage event = { .route = &session.route, .subject = "$SYS.event.left" };
    const struct passage own = { .route = &session.route, .publisher = s->client, .subject = "a" };
    assert_int_equal(overflow_policy(&event, s->client, &sub, &reason), POLICY_DROP_OLD);
    assert_int_equal(reason, GAP_DROPPED_OLD);
    assert_int_equal(overflow_policy(&own, s->client, &sub, &reason), POLICY_WAIT);
    struct hold stalled = { .client = s->client, .stalled = true };
    s->client->hold = &stalled;
    assert_int_equal(overflow_policy(&own, s->client, &sub, &reason), POLICY_DROP_OLD);
    assert_int_equal(reason, GAP_STALLED);
    s->client->hold = NULL;
    cli_close(s);
    stop();
}

/* The first ENDED is one frame too much: the client ends, and with it the other
 * subscriptions that were to end with this message. */
static void an_end_may_be_the_end_of_all(void **state)
{
    (void)state;
    start();
    struct cli *s = cli_open();
    struct cli *p = cli_open();
    for (uint32_t sid = 1; sid <= 5; sid++)
        cli_sub(s, sid, "x", .after = 1);
    struct outq *outq = &s->client->conn.out;
    uint32_t more = CONN_QUEUE_BYTES + CONTROL_RESERVE; /* an empty queue takes any message */
    outq->n_bytes += more;
    cli_publish(p, "x", 1, 8);
    assert_int_equal(loop_run_once(loop, 0), 0);
    assert_int_equal(s->client->conn.state, CONN_ENDING);
    assert_int_equal(session.route.n_subs, 0);
    outq->n_bytes -= more;
    cli_close(s);
    cli_close(p);
    stop();
}

static size_t n_entries(const struct outq *outq)
{
    size_t n = 0;
    for (const struct entry *entry = outq->head; entry; entry = entry->next)
        n++;
    return n;
}

enum { N_PLACES = 12000, ROUNDS = 4 };

static void subscribe_to_all(struct cli *cli, enum policy policy)
{
    char subject[16];
    for (uint32_t sid = 1; sid <= N_PLACES; sid++) {
        struct quota_refusal refusal;
        struct sub_wish wish = { .sid = sid, .policy = policy, .pattern = subject };
        wish.pattern_len = (size_t)snprintf(subject, sizeof subject, "t.%u", sid);
        wish.max_bytes = 1000;
        wish.max_messages = 1;
        assert_int_equal(sub_add(&session.route, cli->client, &wish, &refusal), STATUS_OK);
    }
}

/* Of each subject the latest is to be had, and nobody reads: what is queued of others is not looked
 * at, or this takes minutes; and there is one gap for each subscription, however much it lost. */
static void one_place_among_very_many(void **state)
{
    static const enum policy policies[] = { POLICY_LATEST, POLICY_DROP_OLD };
    char subject[16];
    (void)state;
    for (size_t i = 0; i < sizeof policies / sizeof *policies; i++) {
        start();
        small_buffers = true;
        struct cli *s = cli_open();
        struct cli *p = cli_open();
        stuff(s, 200000);
        turn();
        subscribe_to_all(s, policies[i]);
        for (uint32_t j = 0; j < N_PLACES * ROUNDS; j++) {
            snprintf(subject, sizeof subject, "t.%u", 1 + j % N_PLACES);
            cli_publish(p, subject, j, 8);
            if (j % 100 == 99)
                turn();
        }
        assert_int_equal(counters.messages_in, N_PLACES * ROUNDS);
        assert_int_equal(counters.lost_latest + counters.lost_drop_old, N_PLACES * (ROUNDS - 1));
        assert_in_range(n_entries(&s->client->conn.out), N_PLACES, 2 * N_PLACES + 2);
        cli_close(s);
        cli_close(p);
        stop();
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        kit_test(drop_old_keeps_the_newest),
        kit_test(drop_new_keeps_the_oldest),
        kit_test(latest_keeps_one_of_each),
        kit_test(latest_when_full_drops_the_oldest),
        kit_test(disconnect_says_why),
        kit_test(a_full_connection_meets_each_policy),
        kit_test(one_always_fits_an_empty_queue),
        kit_test(each_subscription_for_itself),
        kit_test(the_broker_itself_waits_for_nobody),
        kit_test(an_end_may_be_the_end_of_all),
        kit_test(one_place_among_very_many),
    };
    return kit_run("overflow", tests, KIT_LENGTH(tests));
}
