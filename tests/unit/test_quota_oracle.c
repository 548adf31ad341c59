/* Quotas against an oracle that keeps nothing but a list of who holds what, and counts it anew
 * for each question; with random uids, connections, charges and limits.
 */
#include "broker/guard/quota.h"

#include "tests/unit/quota_kit.h"

enum { UIDS = 9, HERE = 24, CHARGES = 60, STEPS = 3000, SEEDS = 20 };

/* Two that are privileged, one that is nobody. */
static const uid_t uids[UIDS] = { 0, OWNER, QUOTA_ANONYMOUS, 1000, 1001, 1002, 1003, 1004, 1005 };

/* Kinds that differ: with a basic amount and without, by number and covered in advance. */
static const enum quota_kind kinds[] = { QUOTA_SUBSCRIPTIONS, QUOTA_DESCRIPTORS, QUOTA_QUEUED_BYTES,
                                         QUOTA_RETAINED_BYTES };

struct held {
    struct charge charge;
    size_t uid;  /* in uids[] */
    size_t peer; /* HERE: the uid's estate */
};

struct world {
    uint64_t random;
    struct limits limits;
    size_t uid_of[HERE];                   /* UIDS: not open */
    uint64_t amounts[HERE][N_QUOTA_KINDS]; /* held without a charge */
    struct held held[CHARGES];
    uint64_t n_granted;
    uint64_t n_refused;
};

/* The quota has answered `status`, the oracle says whether it `fits`. */
static void check_answer(struct world *w, enum status status, bool fits)
{
    assert_int_equal(status, fits ? STATUS_OK : STATUS_QUOTA);
    w->n_granted += fits;
    w->n_refused += !fits;
}

/* ---- the oracle ------------------------------------------------------------- */

static uint64_t count_peers(const struct world *w, size_t uid)
{
    uint64_t n = 0;
    for (size_t i = 0; i < HERE; i++)
        n += uid == UIDS ? w->uid_of[i] < UIDS : w->uid_of[i] == uid;
    return n;
}

/* What one account holds; peer HERE is the estate of the uid. */
static uint64_t sum_account(const struct world *w, size_t uid, size_t peer, unsigned kind)
{
    uint64_t sum = peer < HERE ? w->amounts[peer][kind] : 0;
    for (size_t i = 0; i < CHARGES; i++) {
        const struct held *h = &w->held[i];
        if (h->charge.account && h->charge.kind == kind && h->peer == peer &&
            (peer < HERE || h->uid == uid))
            sum += h->charge.amount;
    }
    return sum;
}

/* limits.h: so much is set aside for as many as there may be, at most half of all. */
static uint64_t basic_for(const struct world *w, size_t peer, unsigned kind)
{
    uint64_t n = w->limits.total[QUOTA_CONNECTIONS];
    uint64_t basic = limits_basic(kind);
    if (basic * n * 2 > w->limits.total[kind])
        basic = w->limits.total[kind] / (2 * n);
    if (basic > w->limits.per_connection[kind])
        basic = w->limits.per_connection[kind];
    return peer == HERE ? 0 : basic;
}

static uint64_t beyond_for(const struct world *w, size_t uid, size_t peer, unsigned kind)
{
    uint64_t use = sum_account(w, uid, peer, kind);
    uint64_t basic = basic_for(w, peer, kind);
    return use > basic ? use - basic : 0;
}

static uint64_t beyond_of_uid(const struct world *w, size_t uid, unsigned kind, uint64_t *ret_n)
{
    uint64_t sum = 0;
    *ret_n = 0;
    for (size_t i = 0; i <= HERE; i++) {
        if (i < HERE && w->uid_of[i] != uid)
            continue;
        uint64_t beyond = beyond_for(w, uid, i, kind);
        sum += beyond;
        *ret_n += beyond > 0;
    }
    return sum;
}

/* Whether the account may hold `amount`: the rule of quota.h without a division. */
static bool may_hold(const struct world *w, size_t uid, size_t peer, unsigned kind, uint64_t amount)
{
    uint64_t left =
        w->limits.total[kind] - basic_for(w, 0, kind) * w->limits.total[QUOTA_CONNECTIONS];
    uint64_t reserve = left / 16;
    int64_t pool = (int64_t)(left - 2 * reserve);
    int64_t n = 1;
    int64_t own_reserve = uid < 2 ? (int64_t)reserve : 0;
    uint64_t n_beyond;
    for (size_t other = 0; other < UIDS; other++) {
        uint64_t beyond = beyond_of_uid(w, other, kind, &n_beyond);
        uint64_t free = other < 2 ? reserve : 0;
        if (other != uid && beyond > free) {
            pool -= (int64_t)(beyond - free);
            n++;
        }
    }
    uint64_t basic = basic_for(w, peer, kind);
    if (amount > w->limits.per_connection[kind])
        return false;
    if (amount <= basic)
        return true;
    int64_t rest = (int64_t)beyond_of_uid(w, uid, kind, &n_beyond);
    uint64_t own = beyond_for(w, uid, peer, kind);
    int64_t m = (int64_t)n_beyond + (own == 0);
    int64_t of_uid = (int64_t)(amount - basic) * (m + 1) + rest - (int64_t)own - own_reserve;
    return of_uid <= 0 || of_uid * (n + 1) <= pool;
}

static void compare(const struct world *w)
{
    uint64_t n_users = 0;
    for (size_t uid = 0; uid < UIDS; uid++) {
        uint64_t held = sum_account(w, uid, HERE, QUOTA_RETAINED_BYTES);
        n_users += count_peers(w, uid) > 0 || held > 0;
    }
    assert_int_equal(quota.n_users, n_users);
    assert_int_equal(quota_use(&quota, QUOTA_CONNECTIONS), count_peers(w, UIDS));
    for (size_t k = 0; k < COUNT_OF(kinds); k++) {
        uint64_t sum = 0;
        for (size_t i = 0; i < HERE; i++) {
            if (w->uid_of[i] == UIDS)
                continue;
            assert_int_equal(peers[i].use[kinds[k]], sum_account(w, 0, i, kinds[k]));
            sum += peers[i].use[kinds[k]];
        }
        for (size_t uid = 0; uid < UIDS; uid++)
            sum += sum_account(w, uid, HERE, kinds[k]);
        assert_int_equal(quota_use(&quota, kinds[k]), sum);
    }
    const struct quota_user *user = NULL;
    while ((user = quota_next_user(&quota, user))) {
        struct quota_usage usage;
        size_t uid = 0;
        while (uids[uid] != user->uid)
            uid++;
        quota_usage(user, &usage);
        for (size_t k = 0; k < COUNT_OF(kinds); k++) {
            uint64_t sum = sum_account(w, uid, HERE, kinds[k]);
            for (size_t i = 0; i < HERE; i++)
                sum += w->uid_of[i] == uid ? peers[i].use[kinds[k]] : 0;
            assert_int_equal(usage.kinds[kinds[k]].use, sum);
        }
    }
}

/* ---- what happens ----------------------------------------------------------- */

static uint64_t some_amount(struct world *w)
{
    return 1 + random_below(&w->random, UINT64_C(1) << random_below(&w->random, 18));
}

static void come(struct world *w, size_t i)
{
    size_t uid = random_below(&w->random, UIDS);
    uint64_t reserve = w->limits.total[QUOTA_CONNECTIONS] / 16;
    uint64_t n = 1;
    int64_t pool = (int64_t)(w->limits.total[QUOTA_CONNECTIONS] - 2 * reserve);
    for (size_t other = 0; other < UIDS; other++) {
        uint64_t free = other < 2 ? reserve : 0;
        if (other != uid && count_peers(w, other) > free) {
            pool -= (int64_t)(count_peers(w, other) - free);
            n++;
        }
    }
    int64_t wanted = (int64_t)count_peers(w, uid) + 1 - (uid < 2 ? (int64_t)reserve : 0);
    bool fits = wanted <= 0 || wanted * ((int64_t)n + 1) <= pool;
    enum status status = account_open(&peers[i], &quota, uids[uid], NULL);
    check_answer(w, status, fits);
    if (fits)
        w->uid_of[i] = uid;
}

static void leave(struct world *w, size_t i)
{
    for (size_t c = 0; c < CHARGES; c++) {
        if (w->held[c].peer == i)
            charge_release(&w->held[c].charge);
    }
    for (unsigned kind = 0; kind < QUOTA_CONNECTIONS; kind++) {
        if (w->amounts[i][kind] > 0)
            account_sub(&peers[i], (enum quota_kind)kind, (uint32_t)w->amounts[i][kind]);
        w->amounts[i][kind] = 0;
    }
    assert_int_equal(peers[i].use[QUOTA_SUBSCRIPTIONS], 0);
    account_close(&peers[i]);
    w->uid_of[i] = UIDS;
}

static void add_some(struct world *w, size_t i)
{
    enum quota_kind kind = kinds[random_below(&w->random, 2)];
    uint64_t amount = some_amount(w);
    uint64_t use = sum_account(w, 0, i, kind);
    bool fits = may_hold(w, w->uid_of[i], i, kind, use + amount);
    check_answer(w, account_add(&peers[i], kind, (uint32_t)amount, NULL), fits);
    if (fits)
        w->amounts[i][kind] += amount;
}

static void cover_some(struct world *w, size_t i)
{
    const enum quota_kind kind = QUOTA_QUEUED_BYTES;
    uint64_t need = some_amount(w);
    bool fits = need <= w->amounts[i][kind] || may_hold(w, w->uid_of[i], i, kind, need);
    check_answer(w, account_cover(&peers[i], kind, need, NULL), fits);
    uint64_t granted = peers[i].use[kind];
    if (fits) {
        assert_true(granted >= need);
        /* As if it had asked for just that: no more than may be. */
        assert_true(granted <= w->amounts[i][kind] || may_hold(w, w->uid_of[i], i, kind, granted));
    }
    w->amounts[i][kind] = granted;
    if (fits && random_below(&w->random, 2)) {
        need = random_below(&w->random, need + 1);
        account_trim(&peers[i], kind, need);
        assert_true(peers[i].use[kind] >= need && peers[i].use[kind] <= granted);
        w->amounts[i][kind] = peers[i].use[kind];
    }
}

static void charge_some(struct world *w, size_t i)
{
    struct held *h = &w->held[random_below(&w->random, CHARGES)];
    uint64_t amount = some_amount(w);
    if (h->charge.account && random_below(&w->random, 3) == 0) {
        charge_release(&h->charge);
        return;
    }
    if (h->charge.account) {
        uint64_t others = sum_account(w, h->uid, h->peer, h->charge.kind) - h->charge.amount;
        bool fits = amount <= h->charge.amount ||
                    may_hold(w, h->uid, h->peer, h->charge.kind, others + amount);
        check_answer(w, charge_resize(&h->charge, (uint32_t)amount, NULL), fits);
        assert_true(!fits || h->charge.amount == amount);
        return;
    }
    bool retain = random_below(&w->random, 2);
    h->uid = w->uid_of[i];
    h->peer = retain ? HERE : i;
    enum quota_kind kind = retain ? QUOTA_RETAINED_BYTES : QUOTA_DESCRIPTORS;
    struct account *account = retain ? account_estate(&peers[i]) : &peers[i];
    uint64_t use = sum_account(w, h->uid, h->peer, kind);
    bool fits = may_hold(w, h->uid, h->peer, kind, use + amount);
    check_answer(w, charge_take(&h->charge, account, kind, (uint32_t)amount, NULL), fits);
}

static void choose_limits(struct world *w)
{
    for (unsigned kind = 0; kind < N_QUOTA_KINDS; kind++) {
        w->limits.total[kind] = random_below(&w->random, UINT64_C(1) << 21);
        w->limits.per_connection[kind] =
            random_below(&w->random, UINT64_C(1) << (4 + random_below(&w->random, 24)));
    }
    /* Not fewer than may be here: their basic amounts would count otherwise. */
    w->limits.total[QUOTA_CONNECTIONS] = HERE + random_below(&w->random, 300);
}

static void do_something(struct world *w)
{
    size_t i = random_below(&w->random, HERE);
    uint64_t what = random_below(&w->random, 100);
    if (what == 0) {
        choose_limits(w);
        quota_set_limits(&quota, &w->limits, &peer_walk);
    } else if (w->uid_of[i] == UIDS) {
        come(w, i);
    } else if (what < 5) {
        leave(w, i);
    } else if (what < 40) {
        add_some(w, i);
    } else if (what < 70) {
        cover_some(w, i);
    } else {
        charge_some(w, i);
    }
}

static void it_does_as_the_oracle_says(void **state)
{
    static struct world w;
    (void)state;
    kit_deadline(120);
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        w = (struct world){ .random = seed };
        for (size_t i = 0; i < HERE; i++)
            w.uid_of[i] = UIDS;
        choose_limits(&w);
        quota_init(&quota, &w.limits, OWNER);
        for (int step = 0; step < STEPS; step++) {
            do_something(&w);
            if (step % 50 == 0)
                compare(&w);
        }
        for (size_t i = 0; i < HERE; i++) {
            if (w.uid_of[i] < UIDS)
                leave(&w, i);
        }
        for (size_t i = 0; i < CHARGES; i++)
            charge_release(&w.held[i].charge);
        assert_int_equal(quota.n_users, 0);
        quota_deinit(&quota);
        assert_true(w.n_granted > STEPS / 5 && w.n_refused > STEPS / 20);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        kit_test(it_does_as_the_oracle_says),
    };
    return kit_run("quota_oracle", tests, KIT_LENGTH(tests));
}
