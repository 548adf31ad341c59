/* The theorem of quota.h, against users and connections that want everything; and that what is
 * given back leaves no trace. */
#include "broker/guard/quota.h"

#include "tests/unit/quota_kit.h"

#define KIND QUOTA_DESCRIPTORS

/* POOL can be divided by 1 … 13: no share is rounded down. The reserves are a sixteenth each. */
enum { USERS = 12, POOL = 360360, TOTAL = POOL / 14 * 16 };

static void start(uint64_t total)
{
    struct limits limits = plain_limits(total);
    limits.total[QUOTA_CONNECTIONS] = TOTAL;
    quota_init(&quota, &limits, OWNER);
}

static int by_size(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x > y ? -1 : x < y;
}

/* Any j of them hold at most whole * j / (j+1): the j largest do. */
static void check_sums(uint64_t *held, size_t n, uint64_t whole)
{
    uint64_t sum = 0;
    qsort(held, n, sizeof *held, by_size);
    for (size_t j = 1; j <= n; j++) {
        sum += held[j - 1];
        assert_true(sum * (j + 1) <= whole * j);
    }
}

static void check_users(enum quota_kind kind)
{
    uint64_t held[USERS];
    size_t n = 0;
    const struct quota_user *user = NULL;
    while ((user = quota_next_user(&quota, user)))
        held[n++] = user->tallies[kind].beyond;
    check_sums(held, n, quota.pools[kind].size);
}

/* ---- uids ------------------------------------------------------------------- */

/* The greedy come one after the other and take all they can. Each has what was promised, and not
 * one more: that is the worst that others can do. */
static void the_last_to_come_has_its_share(void **state)
{
    static struct account accounts[POOL];
    size_t n_open = 0;
    (void)state;
    start(TOTAL);
    assert_int_equal(quota.pools[QUOTA_CONNECTIONS].size, POOL);
    for (size_t i = 1; i <= USERS; i++) {
        size_t before = n_open;
        while (account_open(&accounts[n_open], &quota, (uid_t)(1000 + i), NULL) == STATUS_OK)
            n_open++;
        assert_int_equal(n_open - before, POOL / i / (i + 1));
        assert_int_equal(n_open, POOL * i / (i + 1));
        check_users(QUOTA_CONNECTIONS);
    }
    while (n_open > 0)
        account_close(&accounts[--n_open]);
    peers_close();
}

static void take_or_give(uint64_t *random, size_t i)
{
    uint64_t room = account_room(&peers[i], KIND);
    uint64_t use = peers[i].use[KIND];
    uint64_t what = random_below(random, 8);
    uint64_t amount = what == 0 ? 0 : what == 1 ? random_below(random, use + 1) : room;
    if (what > 5)
        amount = use + random_below(random, 1000);
    (void)account_set(&peers[i], KIND, amount, NULL);
}

/* Whether it gets that, for which its other connections give up what they hold. */
static bool uid_gets(size_t i, uint64_t amount)
{
    uint64_t of_uid = 0;
    for (size_t j = i % USERS; j < PEERS; j += USERS)
        (void)account_set(&peers[j], KIND, 0, NULL);
    /* Its connections take turns: together they come as near to all of it as one likes. */
    for (int turn = 0; turn < 400; turn++) {
        of_uid = 0;
        for (size_t j = i % USERS; j < PEERS; j += USERS) {
            uint64_t room = account_room(&peers[j], KIND);
            if (room > peers[j].use[KIND])
                (void)account_set(&peers[j], KIND, room, NULL);
            of_uid += peers[j].use[KIND];
        }
    }
    return of_uid >= amount;
}

/* Random greed of all, and at any time each can have what is promised to it. */
static void nobody_keeps_another_from_its_share(void **state)
{
    (void)state;
    kit_deadline(120);
    for (uint64_t seed = 0; seed < 20; seed++) {
        uint64_t random = seed;
        start(1 + random_below(&random, UINT32_MAX));
        for (size_t i = 0; i < PEERS; i++)
            peer_open(i, (uid_t)(1000 + i % USERS));
        for (int step = 0; step < 3000; step++) {
            size_t i = random_below(&random, PEERS);
            take_or_give(&random, i);
            check_users(KIND);
            struct quota_user *user = peers[i].user;
            struct quota_usage usage;
            quota_usage(user, &usage);
            uint64_t n = quota.pools[KIND].n_active + (user->tallies[KIND].beyond == 0);
            uint64_t promised = quota.pools[KIND].size / (n * (n + 1));
            assert_true(usage.kinds[KIND].allowed >= promised);
            /* m connections that take turns reach m/(m+1) of it */
            if (step % 100 == 0)
                assert_true(uid_gets(i, promised * 4 / 5 > 100 ? promised * 4 / 5 - 100 : 0));
        }
        assert_true(quota_use(&quota, KIND) < quota.limits.total[KIND]);
        peers_close();
    }
}

/* ---- connections ------------------------------------------------------------ */

static void check_connections(uid_t uid, uint64_t allowance)
{
    uint64_t held[PEERS];
    size_t n = 0;
    for (size_t i = 0; i < PEERS; i++) {
        if (peers[i].user && peers[i].user->uid == uid)
            held[n++] = account_beyond(&peers[i], KIND);
    }
    check_sums(held, n, allowance);
}

/* Of one uid, while nobody else comes. */
static void no_connection_keeps_another_from_its_share(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 20; seed++) {
        uint64_t random = seed;
        start(UINT32_MAX);
        peer_open(0, 1001);
        (void)account_set(&peers[0], KIND, random_below(&random, UINT32_MAX / 4), NULL);
        for (size_t i = 1; i < 30; i++)
            peer_open(i, 1000);
        struct quota_user *user = peers[1].user;
        struct quota_usage usage;
        quota_usage(user, &usage);
        uint64_t allowance = usage.kinds[KIND].allowed;
        for (int step = 0; step < 3000; step++) {
            size_t i = 1 + random_below(&random, 29);
            take_or_give(&random, i);
            check_connections(1000, allowance);
            uint64_t m = user->tallies[KIND].n_beyond + (peers[i].use[KIND] == 0);
            assert_true(account_room(&peers[i], KIND) >= allowance / (m * (m + 1)));
        }
        peers_close();
    }
}

/* Whatever the others hold, of their uid and of other uids, and when others came. */
static void what_is_basic_is_never_refused(void **state)
{
    struct limits limits;
    (void)state;
    limits_default(&limits);
    limits.total[QUOTA_CONNECTIONS] = 16 * PEERS;
    for (uint64_t seed = 0; seed < 20; seed++) {
        uint64_t random = seed;
        limits.total[QUOTA_QUEUED_BYTES] = random_below(&random, 64 << 20);
        quota_init(&quota, &limits, OWNER);
        uint32_t basic = quota.pools[QUOTA_QUEUED_BYTES].basic;
        for (size_t i = 0; i < PEERS; i++) {
            peer_open(i, (uid_t)(random_below(&random, 5) * OWNER / 2));
            for (int step = 0; step < 50; step++) {
                struct account *a = &peers[random_below(&random, i + 1)];
                (void)account_set(a, QUOTA_QUEUED_BYTES, account_room(a, QUOTA_QUEUED_BYTES), NULL);
                a = &peers[random_below(&random, i + 1)];
                (void)account_set(a, QUOTA_QUEUED_BYTES, 0, NULL);
                assert_int_equal(account_set(a, QUOTA_QUEUED_BYTES, basic, NULL), STATUS_OK);
                assert_true(quota_use(&quota, QUOTA_QUEUED_BYTES) <=
                            limits.total[QUOTA_QUEUED_BYTES]);
            }
        }
        peers_close();
    }
}

/* ---- what is given back ----------------------------------------------------- */

/* The books as they are told: pools, and each uid's tallies but for what was refused. */
struct books {
    struct quota_pool pools[N_QUOTA_KINDS];
    struct quota_tally tallies[USERS][N_QUOTA_KINDS];
};

static void write_books(struct books *books)
{
    memset(books, 0, sizeof *books);
    memcpy(books->pools, quota.pools, sizeof books->pools);
    for (size_t i = 0; i < USERS; i++) {
        memcpy(books->tallies[i], peers[i].user->tallies, sizeof books->tallies[i]);
        for (unsigned kind = 0; kind < N_QUOTA_KINDS; kind++)
            books->tallies[i][kind].n_refused = 0;
    }
}

/* Whatever was charged on top, in whatever order it goes. */
static void what_is_given_back_restores_exactly(void **state)
{
    enum { CHARGES = 200 };
    static const enum quota_kind kinds[] = { QUOTA_SUBSCRIPTIONS, QUOTA_QUEUED_BYTES, KIND,
                                             QUOTA_RETAINED_BYTES };
    static struct charge charges[CHARGES];
    static struct books before, after;
    uint64_t random = 17;
    struct limits limits;
    (void)state;
    limits_default(&limits);
    quota_init(&quota, &limits, OWNER);
    for (size_t i = 0; i < PEERS; i++)
        peer_open(i, (uid_t)(i % USERS * OWNER)); /* root and the owner among them */
    for (int round = 0; round < 200; round++) {
        size_t i = random_below(&random, PEERS);
        (void)account_add(&peers[i], kinds[random_below(&random, 2)],
                          (uint32_t)random_below(&random, 1000), NULL);
        write_books(&before);
        for (size_t c = 0; c < CHARGES; c++) {
            struct account *a = &peers[random_below(&random, PEERS)];
            enum quota_kind kind = kinds[random_below(&random, COUNT_OF(kinds))];
            if (random_below(&random, 4) == 0)
                a = account_estate(a);
            (void)charge_take(&charges[c], a, kind, 1 + (uint32_t)random_below(&random, 9999),
                              NULL);
            struct charge *old = &charges[random_below(&random, CHARGES)];
            if (old->account)
                (void)charge_resize(old, 1 + (uint32_t)random_below(&random, 9999), NULL);
        }
        for (size_t c = 0; c < CHARGES; c++)
            charge_release(&charges[c * 77 % CHARGES]);
        write_books(&after);
        assert_memory_equal(&before, &after, sizeof before);
    }
    peers_close();
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        kit_test(the_last_to_come_has_its_share),
        kit_test(nobody_keeps_another_from_its_share),
        kit_test(no_connection_keeps_another_from_its_share),
        kit_test(what_is_basic_is_never_refused),
        kit_test(what_is_given_back_restores_exactly),
    };
    return kit_run("quota_theorem", tests, KIT_LENGTH(tests));
}
