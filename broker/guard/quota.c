#include "broker/guard/quota.h"

#include <assert.h>
#include <stdlib.h>

#include "broker/guard/quota_internal.h"

enum { BASICS_PART = 2 }; /* of a total: more is not set aside */

/* ---- users ------------------------------------------------------------------ */

static struct quota_user **bucket_of(struct quota *quota, uid_t uid)
{
    /* Multiplied, since the uids of one range follow each other (subuid(5)). */
    uint32_t hash = (uint32_t)uid * UINT32_C(0x9e3779b1);
    return &quota->buckets[hash >> (32 - QUOTA_BUCKET_BITS)];
}

static struct quota_user *user_new(struct quota *quota, uid_t uid)
{
    struct quota_user **bucket = bucket_of(quota, uid);
    struct quota_user *user = malloc(sizeof *user);
    if (!user)
        return NULL;
    *user = (struct quota_user){
        .quota = quota,
        .next = quota->users,
        .next_hash = *bucket,
        .uid = uid,
        .is_privileged = uid == 0 || (uid == quota->owner && uid != QUOTA_ANONYMOUS),
        .estate.user = user,
    };
    if (user->next)
        user->next->prev = user;
    quota->users = user;
    *bucket = user;
    quota->n_users++;
    return user;
}

struct quota_user *quota_user_get(struct quota *quota, uid_t uid)
{
    struct quota_user *user = *bucket_of(quota, uid);
    while (user && user->uid != uid)
        user = user->next_hash;
    return user ? user : user_new(quota, uid);
}

void quota_user_drop(struct quota_user *user)
{
    struct quota *quota = user->quota;
    for (unsigned kind = 0; kind < N_QUOTA_KINDS; kind++) {
        if (user->tallies[kind].use > 0)
            return;
    }
    pace_leave(&quota->pace, &user->pace);
    struct quota_user **link = bucket_of(quota, user->uid);
    while (*link != user)
        link = &(*link)->next_hash;
    *link = user->next_hash;
    *(user->prev ? &user->prev->next : &quota->users) = user->next;
    if (user->next)
        user->next->prev = user->prev;
    quota->n_users--;
    free(user);
}

/* ---- the books -------------------------------------------------------------- */

/* What the uid holds out of the pool. */
static uint64_t shared_use(const struct quota_user *user, enum quota_kind kind)
{
    uint64_t reserve = user->is_privileged ? user->quota->pools[kind].reserve : 0;
    return quota_past(user->tallies[kind].beyond, reserve);
}

uint64_t quota_allowance(const struct quota_user *user, enum quota_kind kind)
{
    const struct quota_pool *pool = &user->quota->pools[kind];
    uint64_t own = shared_use(user, kind);
    uint64_t left = quota_past(pool->size, pool->shared - own);
    uint64_t n = (uint64_t)pool->n_active + (own == 0);
    return left / (n + 1) + (user->is_privileged ? pool->reserve : 0);
}

static void book_beyond(struct quota_user *user, enum quota_kind kind, uint64_t before,
                        uint64_t after)
{
    struct quota_pool *pool = &user->quota->pools[kind];
    struct quota_tally *tally = &user->tallies[kind];
    uint64_t shared_before = shared_use(user, kind);
    tally->beyond = tally->beyond - before + after;
    tally->n_beyond += after > 0;
    tally->n_beyond -= before > 0;
    uint64_t shared_after = shared_use(user, kind);
    pool->shared = pool->shared - shared_before + shared_after;
    pool->n_active += shared_after > 0;
    pool->n_active -= shared_before > 0;
}

void quota_book(struct quota_user *user, enum quota_kind kind, uint64_t before, uint64_t after,
                uint64_t beyond_before, uint64_t beyond_after)
{
    struct quota_pool *pool = &user->quota->pools[kind];
    user->tallies[kind].use = user->tallies[kind].use - before + after;
    pool->use = pool->use - before + after;
    if (beyond_before != beyond_after)
        book_beyond(user, kind, beyond_before, beyond_after);
}

/* ---- limits ----------------------------------------------------------------- */

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* A limit that was lowered under what there is does not take their basic amounts from those that
 * are here. */
static void divide(struct quota *quota, enum quota_kind kind)
{
    const struct limits *limits = &quota->limits;
    struct quota_pool *pool = &quota->pools[kind];
    uint64_t n_connections = limits->total[QUOTA_CONNECTIONS];
    if (n_connections < quota->pools[QUOTA_CONNECTIONS].use)
        n_connections = quota->pools[QUOTA_CONNECTIONS].use;
    uint64_t total = limits->total[kind];
    uint64_t basic = least(limits_basic(kind), total / BASICS_PART / n_connections);
    pool->basic = (uint32_t)least(basic, limits->per_connection[kind]);
    uint64_t left = total - pool->basic * n_connections;
    pool->reserve = left / QUOTA_RESERVE_PART;
    pool->size = left - pool->reserve * (quota->owner == 0 ? 1 : 2);
}

void quota_init(struct quota *quota, const struct limits *limits, uid_t owner)
{
    *quota = (struct quota){ .limits = *limits, .owner = owner };
    for (unsigned kind = 0; kind < N_QUOTA_KINDS; kind++)
        divide(quota, (enum quota_kind)kind);
}

void quota_deinit(struct quota *quota)
{
    assert(!quota->users);
    for (unsigned kind = 0; kind < N_QUOTA_KINDS; kind++)
        assert(quota->pools[kind].use == 0);
    *quota = (struct quota){ 0 };
}

static void forget_beyond(struct quota *quota)
{
    for (unsigned kind = 0; kind < N_QUOTA_KINDS; kind++) {
        quota->pools[kind].shared = 0;
        quota->pools[kind].n_active = 0;
        for (struct quota_user *user = quota->users; user; user = user->next) {
            user->tallies[kind].beyond = 0;
            user->tallies[kind].n_beyond = 0;
        }
    }
}

static void book_account(const struct account *account)
{
    for (unsigned kind = 0; kind < QUOTA_CONNECTIONS; kind++)
        book_beyond(account->user, (enum quota_kind)kind, 0,
                    account_beyond(account, (enum quota_kind)kind));
}

void quota_set_limits(struct quota *quota, const struct limits *limits,
                      const struct account_walk *walk)
{
    uint64_t n_connections = 0;
    quota->limits = *limits;
    forget_beyond(quota);
    for (unsigned kind = 0; kind < N_QUOTA_KINDS; kind++)
        divide(quota, (enum quota_kind)kind);
    for (struct quota_user *user = quota->users; user; user = user->next)
        book_account(&user->estate);
    for (struct account *account = NULL; (account = walk->next(account, walk->userdata));) {
        book_beyond(account->user, QUOTA_CONNECTIONS, 0, 1);
        book_account(account);
        n_connections++;
    }
    assert(n_connections == quota->pools[QUOTA_CONNECTIONS].use);
}

/* ---- who gives something up ------------------------------------------------- */

bool account_is_crowded_out(const struct account *account, enum quota_kind kind)
{
    const struct quota_tally *tally = &account->user->tallies[kind];
    return tally->beyond > 0 &&
           account_beyond(account, kind) * 2 * tally->n_beyond <= tally->beyond;
}

struct account *quota_heaviest(const struct account *asker, enum quota_kind kind,
                               const struct account_walk *walk,
                               bool (*drains)(const struct account *account, void *userdata))
{
    const struct quota_tally *tally = &asker->user->tallies[kind];
    uint64_t n_sharing = (uint64_t)tally->n_beyond + (account_beyond(asker, kind) == 0);
    uint64_t average = tally->beyond / n_sharing;
    struct account *heaviest = NULL;
    for (struct account *account = NULL; (account = walk->next(account, walk->userdata));) {
        if (account->user != asker->user || account == asker)
            continue;
        uint64_t most = heaviest ? account_beyond(heaviest, kind) : average;
        if (account_beyond(account, kind) > most && !drains(account, walk->userdata))
            heaviest = account;
    }
    return heaviest;
}

/* ---- what is told of it ----------------------------------------------------- */

const struct quota_user *quota_next_user(const struct quota *quota, const struct quota_user *user)
{
    return user ? user->next : quota->users;
}

/* Of the basic amounts it counts what is used of them. */
void quota_usage(const struct quota_user *user, struct quota_usage *ret)
{
    *ret = (struct quota_usage){
        .uid = user->uid,
        .is_anonymous = user->uid == QUOTA_ANONYMOUS,
    };
    for (unsigned kind = 0; kind < N_QUOTA_KINDS; kind++) {
        const struct quota_tally *tally = &user->tallies[kind];
        ret->kinds[kind].use = tally->use;
        ret->kinds[kind].allowed =
            tally->use - tally->beyond + quota_allowance(user, (enum quota_kind)kind);
        ret->kinds[kind].n_refused = tally->n_refused;
    }
}

uint64_t quota_use(const struct quota *quota, enum quota_kind kind)
{
    return quota->pools[kind].use;
}
