/* How uids and connections share: by the numbers, at the edges, and when memory is short. */
#include "broker/guard/quota.h"

#include "tests/unit/quota_kit.h"
#include "tests/unit/scarce_malloc.h"

/* A kind without a basic amount. */
#define KIND QUOTA_DESCRIPTORS

static void start(uint64_t total, uid_t owner)
{
    struct limits limits = plain_limits(total);
    quota_init(&quota, &limits, owner);
}

/* Of a pool of 840 the first uid may have 420, its only connection 210 of them. */
static void each_share_is_a_part_of_what_is_left(void **state)
{
    (void)state;
    start(960, OWNER); /* two reserves of 60 */
    assert_int_equal(quota.pools[KIND].size, 840);
    peer_open(0, 1000);
    assert_int_equal(peer_fill(0, KIND), 840 / 2 / 2);
    peer_open(1, 1000);
    assert_int_equal(peer_fill(1, KIND), (420 - 210) / 3);
    peer_open(2, 1001);
    assert_int_equal(peer_fill(2, KIND), (840 - 280) / 3 / 2);
    /* Of what the first uid may have by now it holds more. */
    assert_int_equal(peer_fill(1, KIND), 70);
    assert_int_equal(account_set(&peers[0], KIND, 0, NULL), STATUS_OK);
    assert_int_equal(peer_fill(1, KIND), (840 - 93) / 3 / 2);
    peers_close();
}

static void who_is_refused_is_told_why(void **state)
{
    struct quota_refusal refusal;
    char text[REFUSAL_TEXT_MAX];
    (void)state;
    start(960, OWNER);
    peer_open(0, 1000);
    peer_open(1, 1000);
    assert_int_equal(account_add(&peers[0], KIND, 100, NULL), STATUS_OK);
    assert_int_equal(account_add(&peers[1], KIND, 107, &refusal), STATUS_QUOTA);
    assert_int_equal(refusal.whose, QUOTA_OF_CONNECTION);
    assert_int_equal(refusal.value, (420 - 100) / 3);
    assert_int_equal(refusal.n_refused, 1);
    assert_string_equal(refusal_text(&refusal, text),
                        "limit descriptors: this connection may hold 106 now, one of 2 of uid "
                        "1000 that share, and holds 0");
    assert_int_equal(account_add(&peers[1], KIND, 321, &refusal), STATUS_QUOTA);
    assert_int_equal(refusal.whose, QUOTA_OF_UID);
    assert_int_equal(refusal.n_refused, 2);
    assert_string_equal(refusal_text(&refusal, text),
                        "limit descriptors: uid 1000 may hold 420 now, and holds 100");
    struct limits limits = plain_limits(960);
    limits.per_connection[KIND] = 120;
    quota_set_limits(&quota, &limits, &peer_walk);
    assert_int_equal(account_set(&peers[0], KIND, 121, &refusal), STATUS_QUOTA);
    assert_string_equal(refusal_text(&refusal, text),
                        "limit descriptors-per-connection: this connection may hold 120 now, and "
                        "holds 100");
    assert_int_equal(account_set(&peers[0], KIND, 120, &refusal), STATUS_OK);
    peers_close();
}

static void connections_are_shared_by_uids_alone(void **state)
{
    struct limits limits = plain_limits(1000);
    struct quota_refusal refusal;
    struct account extra = ACCOUNT_INIT;
    char text[REFUSAL_TEXT_MAX];
    (void)state;
    limits.total[QUOTA_CONNECTIONS] = 32; /* reserves of 2, a pool of 28 */
    quota_init(&quota, &limits, OWNER);
    for (size_t i = 0; i < 14; i++)
        peer_open(i, 1000);
    assert_int_equal(account_open(&extra, &quota, 1000, &refusal), STATUS_QUOTA);
    assert_null(extra.user);
    assert_string_equal(refusal_text(&refusal, text),
                        "limit connections: uid 1000 may hold 14 now, and holds 14");
    for (size_t i = 14; i < 18; i++)
        peer_open(i, QUOTA_ANONYMOUS);
    assert_int_equal(account_open(&extra, &quota, QUOTA_ANONYMOUS, &refusal), STATUS_QUOTA);
    assert_string_equal(refusal_text(&refusal, text),
                        "limit connections: the anonymous may hold 4 now, and holds 4");
    /* Administration stays possible. */
    for (size_t i = 18; i < 18 + 2 + (28 - 18) / 4; i++)
        peer_open(i, 0);
    assert_int_equal(account_open(&extra, &quota, 0, &refusal), STATUS_QUOTA);
    peer_open(40, OWNER);
    peer_open(41, OWNER);
    peers_close();
}

/* So many others that there is nothing left to share: they are refused, and forgotten. */
static void one_that_is_refused_leaves_nothing(void **state)
{
    struct limits limits = plain_limits(1000);
    struct account extra = ACCOUNT_INIT;
    (void)state;
    limits.total[QUOTA_CONNECTIONS] = LIMITS_MIN_CONNECTIONS;
    quota_init(&quota, &limits, OWNER);
    for (size_t i = 0; i < PEERS; i++)
        (void)account_open(&peers[i], &quota, (uid_t)(1000 + i), NULL);
    assert_int_equal(account_open(&extra, &quota, 4000, NULL), STATUS_QUOTA);
    assert_in_range(quota.n_users, 4, 14);
    assert_int_equal(quota_use(&quota, QUOTA_CONNECTIONS), quota.n_users);
    peers_close();
}

static void a_reserve_comes_before_the_pool(void **state)
{
    (void)state;
    start(960, OWNER);
    peer_open(0, 0);
    peer_open(1, OWNER);
    peer_open(2, 1000);
    assert_int_equal(account_set(&peers[0], KIND, 60, NULL), STATUS_OK);
    assert_int_equal(quota.pools[KIND].shared, 0);
    assert_int_equal(quota.pools[KIND].n_active, 0);
    assert_int_equal(peer_fill(2, KIND), 210); /* it notices nothing of root */
    assert_int_equal(peer_fill(0, KIND), (60 + (840 - 210) / 3) / 2);
    assert_int_equal(quota.pools[KIND].n_active, 2);
    assert_int_equal(quota.pools[KIND].shared, 210 + 135 - 60);
    assert_int_equal(peer_fill(1, KIND), (60 + (840 - 285) / 4) / 2);
    peers_close();
    start(960, 0); /* the owner is root: one reserve */
    assert_int_equal(quota.pools[KIND].size, 900);
    peer_open(0, 0);
    assert_int_equal(peer_fill(0, KIND), (60 + 450) / 2);
    peers_close();
}

static void what_is_basic_is_left_to_each(void **state)
{
    struct limits limits = plain_limits(200000);
    (void)state;
    limits.total[QUOTA_CONNECTIONS] = 1000;
    quota_init(&quota, &limits, OWNER);
    enum { BASIC = 16, LEFT = 200000 - 1000 * BASIC };
    assert_int_equal(quota.pools[QUOTA_SUBSCRIPTIONS].basic, BASIC);
    uint64_t pool = LEFT - LEFT / 16 * 2;
    assert_int_equal(quota.pools[QUOTA_SUBSCRIPTIONS].size, pool);
    for (size_t i = 0; i < 10; i++) {
        peer_open(i, (uid_t)(1000 + i % 3));
        peer_fill(i, QUOTA_SUBSCRIPTIONS);
    }
    for (size_t i = 10; i < PEERS; i++) {
        peer_open(i, (uid_t)(1000 + i % 3));
        assert_int_equal(account_add(&peers[i], QUOTA_SUBSCRIPTIONS, BASIC, NULL), STATUS_OK);
        assert_int_equal(account_beyond(&peers[i], QUOTA_SUBSCRIPTIONS), 0);
    }
    assert_int_equal(quota.pools[QUOTA_SUBSCRIPTIONS].n_active, 3);
    peers_close();
}

/* ---- limits that change ----------------------------------------------------- */

static void lower_limits_take_nothing_away(void **state)
{
    struct limits limits = plain_limits(100);
    struct quota_usage usage;
    (void)state;
    start(960, OWNER);
    peer_open(0, 1000);
    peer_open(1, 1001);
    struct account *estate = account_estate(&peers[1]);
    peer_fill(0, KIND);
    assert_int_equal(account_add(estate, QUOTA_RETAINED_BYTES, 90, NULL), STATUS_OK);
    quota_set_limits(&quota, &limits, &peer_walk);
    assert_int_equal(peers[0].use[KIND], 210);
    assert_int_equal(peer_fill(0, KIND), 210);
    assert_int_equal(peer_fill(1, KIND), 0);
    quota_usage(peers[0].user, &usage);
    assert_int_equal(usage.kinds[KIND].use, 210);
    assert_int_equal(usage.kinds[KIND].allowed, 88 / 2);
    assert_int_equal(account_set(&peers[0], KIND, 209, NULL), STATUS_OK);
    assert_int_equal(peer_fill(0, KIND), 209);
    assert_int_equal(account_set(&peers[0], KIND, 0, NULL), STATUS_OK);
    assert_int_equal(peer_fill(0, KIND), 88 / 2 / 2);
    limits = plain_limits(960);
    quota_set_limits(&quota, &limits, &peer_walk);
    assert_int_equal(peer_fill(0, KIND), 210);
    account_sub(estate, QUOTA_RETAINED_BYTES, 90);
    peers_close();
}

/* More connections than that are here: each keeps its basic amount, if the total has it. */
static void fewer_connections_allowed_than_there_are(void **state)
{
    struct limits limits = plain_limits(64);
    (void)state;
    start(100000, OWNER);
    for (size_t i = 0; i < PEERS; i++) {
        peer_open(i, 1000);
        assert_int_equal(account_add(&peers[i], QUOTA_SERVERS, 1, NULL), STATUS_OK);
    }
    limits.total[QUOTA_CONNECTIONS] = 32;
    limits.total[QUOTA_SERVERS] = 64 * 4;
    quota_set_limits(&quota, &limits, &peer_walk);
    assert_int_equal(quota.pools[QUOTA_SERVERS].basic, 2);
    for (size_t i = 0; i < PEERS; i++)
        assert_int_equal(account_add(&peers[i], QUOTA_SERVERS, 1, NULL), STATUS_OK);
    struct account extra = ACCOUNT_INIT;
    assert_int_equal(account_open(&extra, &quota, 1001, NULL), STATUS_QUOTA);
    peers_close();
}

static void a_limit_of_nothing_allows_nothing(void **state)
{
    struct limits limits = plain_limits(0);
    (void)state;
    quota_init(&quota, &limits, OWNER);
    peer_open(0, 0);
    for (unsigned kind = 0; kind < QUOTA_CONNECTIONS; kind++)
        assert_int_equal(peer_fill(0, (enum quota_kind)kind), 0);
    peers_close();
}

/* ---- who gives something up ------------------------------------------------- */

static bool drains(const struct account *account, void *userdata)
{
    (void)userdata;
    return account == &peers[1];
}

/* It took what it could while its uid was alone here, and now stands still. */
static void the_one_that_stands_still_gives_way(void **state)
{
    (void)state;
    start(960, OWNER);
    for (size_t i = 0; i < 4; i++)
        peer_open(i, 1000);
    peer_open(4, 1001);
    assert_int_equal(account_add(&peers[0], KIND, 150, NULL), STATUS_OK);
    assert_int_equal(account_add(&peers[1], KIND, 60, NULL), STATUS_OK);
    assert_int_equal(account_add(&peers[2], KIND, 12, NULL), STATUS_OK);
    assert_false(account_is_crowded_out(&peers[0], KIND));
    assert_false(account_is_crowded_out(&peers[4], KIND));
    assert_false(account_is_crowded_out(&peers[1], KIND)); /* nor is more than half of 74 */
    assert_true(account_is_crowded_out(&peers[2], KIND));
    assert_true(account_is_crowded_out(&peers[3], KIND));
    assert_ptr_equal(quota_heaviest(&peers[3], KIND, &peer_walk, drains), &peers[0]);
    assert_ptr_equal(quota_heaviest(&peers[0], KIND, &peer_walk, drains), NULL);
    assert_int_equal(account_set(&peers[0], KIND, 0, NULL), STATUS_OK);
    assert_int_equal(account_add(&peers[2], KIND, 12, NULL), STATUS_OK);
    /* What is left drains, or holds no more than the average of those who want some. */
    assert_null(quota_heaviest(&peers[3], KIND, &peer_walk, drains));
    assert_null(quota_heaviest(&peers[4], KIND, &peer_walk, drains));
    peers_close();
}

static bool never(const struct account *account, void *userdata)
{
    (void)account;
    (void)userdata;
    return false;
}

static void the_one_that_holds_most_gives_way(void **state)
{
    static const uint32_t amounts[] = { 10, 80, 100, 70, 5 };
    (void)state;
    start(2000, OWNER);
    for (size_t i = 0; i < COUNT_OF(amounts); i++) {
        peer_open(i, 1000);
        assert_int_equal(account_add(&peers[i], KIND, amounts[i], NULL), STATUS_OK);
    }
    assert_ptr_equal(quota_heaviest(&peers[4], KIND, &peer_walk, never), &peers[2]);
    assert_ptr_equal(quota_heaviest(&peers[2], KIND, &peer_walk, never), &peers[1]);
    peers_close();
}

/* ---- what is told ----------------------------------------------------------- */

static void each_uid_is_told_of(void **state)
{
    struct quota_usage usage;
    size_t n = 0;
    (void)state;
    start(960, OWNER);
    for (size_t i = 0; i < 6; i++)
        peer_open(i, i < 3 ? 1000 : i < 5 ? QUOTA_ANONYMOUS : 0);
    assert_int_equal(account_add(&peers[0], QUOTA_SUBSCRIPTIONS, 3, NULL), STATUS_OK);
    peer_fill(4, KIND);
    for (const struct quota_user *user = NULL; (user = quota_next_user(&quota, user)); n++) {
        quota_usage(user, &usage);
        assert_int_equal(usage.is_anonymous, usage.uid == QUOTA_ANONYMOUS);
        assert_int_equal(usage.kinds[QUOTA_CONNECTIONS].use, usage.uid == 1000    ? 3
                                                             : usage.is_anonymous ? 2
                                                                                  : 1);
        assert_int_equal(usage.kinds[QUOTA_SUBSCRIPTIONS].use, usage.uid == 1000 ? 3 : 0);
        assert_int_equal(usage.kinds[KIND].n_refused, usage.is_anonymous);
        assert_int_equal(usage.kinds[KIND].use, usage.is_anonymous ? 210 : 0);
    }
    assert_int_equal(n, 3);
    peers_close();
}

/* Many uids, in and out in another order. */
static void many_uids(void **state)
{
    enum { N = 5000 };
    static struct account many[N];
    (void)state;
    start(960, OWNER);
    for (uint32_t i = 0; i < N; i++)
        assert_int_equal(account_open(&many[i], &quota, 100000 + i % (N / 2), NULL), STATUS_OK);
    assert_int_equal(quota.n_users, N / 2);
    for (uint32_t i = 0; i < N; i++) {
        struct account *account = &many[(uint64_t)i * 2003 % N];
        assert_int_equal(account->user->uid, 100000 + (account - many) % (N / 2));
        account_close(account);
    }
    peers_close();
}

static void without_memory_it_is_refused(void **state)
{
    struct quota_refusal refusal;
    struct account account = ACCOUNT_INIT;
    char text[REFUSAL_TEXT_MAX];
    (void)state;
    start(960, OWNER);
    mallocs_left = 0;
    enum status status = account_open(&account, &quota, 1000, &refusal);
    enum status quiet = account_open(&account, &quota, 1000, NULL);
    mallocs_left = UINT32_MAX;
    assert_int_equal(status, STATUS_NO_MEMORY);
    assert_int_equal(quiet, STATUS_NO_MEMORY);
    assert_int_equal(refusal.status, STATUS_NO_MEMORY);
    assert_int_equal(refusal.kind, QUOTA_CONNECTIONS);
    assert_string_equal(refusal_text(&refusal, text), "the broker is out of memory");
    assert_null(account.user);
    account_close(&account);
    peer_open(0, 1000);
    mallocs_left = 0; /* all else takes none */
    peer_open(1, 1000);
    peer_fill(1, KIND);
    mallocs_left = UINT32_MAX;
    peers_close();
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        kit_test(each_share_is_a_part_of_what_is_left),
        kit_test(who_is_refused_is_told_why),
        kit_test(connections_are_shared_by_uids_alone),
        kit_test(one_that_is_refused_leaves_nothing),
        kit_test(a_reserve_comes_before_the_pool),
        kit_test(what_is_basic_is_left_to_each),
        kit_test(lower_limits_take_nothing_away),
        kit_test(fewer_connections_allowed_than_there_are),
        kit_test(a_limit_of_nothing_allows_nothing),
        kit_test(the_one_that_stands_still_gives_way),
        kit_test(the_one_that_holds_most_gives_way),
        kit_test(each_uid_is_told_of),
        kit_test(many_uids),
        kit_test(without_memory_it_is_refused),
    };
    return kit_run("quota", tests, KIT_LENGTH(tests));
}
