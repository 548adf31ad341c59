#include "broker/guard/account.h"

#include "broker/guard/quota_internal.h"

static bool is_estate(const struct account *account)
{
    return account == &account->user->estate;
}

uint32_t account_basic(const struct account *account, enum quota_kind kind)
{
    return is_estate(account) ? 0 : account->user->quota->pools[kind].basic;
}

uint64_t account_beyond(const struct account *account, enum quota_kind kind)
{
    return quota_past(account->use[kind], account_basic(account, kind));
}

/* ---- how much --------------------------------------------------------------- */

/* What it may hold beyond its basic amount. */
static uint64_t share_of(const struct account *account, enum quota_kind kind)
{
    const struct quota_tally *tally = &account->user->tallies[kind];
    uint64_t own = account_beyond(account, kind);
    uint64_t n = (uint64_t)tally->n_beyond + (own == 0);
    uint64_t left = quota_past(quota_allowance(account->user, kind), tally->beyond - own);
    return left / (n + 1);
}

static uint64_t maximum_of(const struct account *account, enum quota_kind kind)
{
    return account->user->quota->limits.per_connection[kind];
}

uint64_t account_room(const struct account *account, enum quota_kind kind)
{
    uint64_t room = account_basic(account, kind) + share_of(account, kind);
    uint64_t maximum = maximum_of(account, kind);
    return room < maximum ? room : maximum;
}

/* ---- refusals --------------------------------------------------------------- */

static void refuse_uid(const struct quota_user *user, enum quota_kind kind,
                       struct quota_refusal *ret)
{
    const struct quota_tally *tally = &user->tallies[kind];
    ret->whose = QUOTA_OF_UID;
    ret->limit = limits_name(kind);
    ret->value = tally->use - tally->beyond + quota_allowance(user, kind);
    ret->used = tally->use;
}

static void refuse_account(const struct account *account, enum quota_kind kind,
                           struct quota_refusal *ret)
{
    uint64_t room = account_room(account, kind);
    bool is_maximum = room == maximum_of(account, kind);
    bool is_new = account_beyond(account, kind) == 0;
    ret->whose = is_estate(account) ? QUOTA_OF_UID : QUOTA_OF_CONNECTION;
    ret->limit = is_maximum ? limits_one_name(kind) : limits_name(kind);
    ret->value = room;
    ret->used = account->use[kind];
    ret->n_sharing = is_maximum ? 0 : account->user->tallies[kind].n_beyond + is_new;
}

/* `account` is NULL if there is none yet. It wanted `more` beyond its basic amount. */
static enum status refuse(struct quota_user *user, const struct account *account,
                          enum quota_kind kind, uint64_t more, struct quota_refusal *ret)
{
    struct quota_tally *tally = &user->tallies[kind];
    tally->n_refused++;
    if (!ret)
        return STATUS_QUOTA;
    *ret = (struct quota_refusal){ .status = STATUS_QUOTA, .kind = kind, .uid = user->uid };
    ret->n_refused = tally->n_refused;
    if (account && more <= quota_past(quota_allowance(user, kind), tally->beyond))
        refuse_account(account, kind, ret);
    else
        refuse_uid(user, kind, ret);
    return STATUS_QUOTA;
}

/* ---- coming and going ------------------------------------------------------- */

enum status account_open(struct account *account, struct quota *quota, uid_t uid,
                         struct quota_refusal *ret)
{
    struct quota_user *user = quota_user_get(quota, uid);
    if (!user) {
        if (ret)
            *ret = (struct quota_refusal){ .status = STATUS_NO_MEMORY,
                                           .kind = QUOTA_CONNECTIONS,
                                           .uid = uid };
        return STATUS_NO_MEMORY;
    }
    if (user->tallies[QUOTA_CONNECTIONS].use + 1 > quota_allowance(user, QUOTA_CONNECTIONS)) {
        refuse(user, NULL, QUOTA_CONNECTIONS, 1, ret);
        quota_user_drop(user);
        return STATUS_QUOTA;
    }
    quota_book(user, QUOTA_CONNECTIONS, 0, 1, 0, 1);
    *account = (struct account){ .user = user };
    return STATUS_OK;
}

void account_close(struct account *account)
{
    struct quota_user *user = account->user;
    if (!user)
        return;
    for (unsigned kind = 0; kind < QUOTA_CONNECTIONS; kind++)
        assert(account->use[kind] == 0);
    account->user = NULL;
    quota_book(user, QUOTA_CONNECTIONS, 1, 0, 1, 0);
    quota_user_drop(user);
}

struct account *account_estate(const struct account *account)
{
    return &account->user->estate;
}

/* ---- charging --------------------------------------------------------------- */

static void put(struct account *account, enum quota_kind kind, uint64_t amount)
{
    uint64_t before = account->use[kind];
    uint64_t beyond_before = account_beyond(account, kind);
    account->use[kind] = (uint32_t)amount;
    quota_book(account->user, kind, before, amount, beyond_before, account_beyond(account, kind));
}

static bool is_too_much(const struct account *account, enum quota_kind kind, uint64_t amount)
{
    return amount > account_basic(account, kind) && amount > account_room(account, kind);
}

enum status account_set(struct account *account, enum quota_kind kind, uint64_t amount,
                        struct quota_refusal *ret)
{
    if (amount > account->use[kind] && is_too_much(account, kind, amount)) {
        uint64_t more = quota_past(amount, account_basic(account, kind)) - account_beyond(account, kind);
        return refuse(account->user, account, kind, more, ret);
    }
    put(account, kind, amount);
    return STATUS_OK;
}

/* What is granted for `need`: the basic amount, or a step more, in whole steps. */
static uint64_t covering(const struct account *account, enum quota_kind kind, uint64_t need)
{
    uint64_t basic = account_basic(account, kind);
    uint64_t step = limits_basic(kind) ? limits_basic(kind) : 1;
    return need <= basic ? basic : (need / step + 1) * step;
}

enum status account_raise(struct account *account, enum quota_kind kind, uint64_t need,
                          struct quota_refusal *ret)
{
    uint64_t room = account_room(account, kind);
    uint64_t wanted = need;
    if (need <= room) {
        wanted = covering(account, kind, need);
        wanted = wanted < room ? wanted : room;
    }
    return account_set(account, kind, wanted, ret);
}

void account_trim(struct account *account, enum quota_kind kind, uint64_t need)
{
    uint64_t wanted = covering(account, kind, need);
    if (account->use[kind] > wanted)
        put(account, kind, wanted);
}

/* ---- charges ---------------------------------------------------------------- */

enum status charge_take(struct charge *charge, struct account *account, enum quota_kind kind,
                        uint32_t amount, struct quota_refusal *ret)
{
    assert(!charge->account && amount > 0);
    enum status status = account_add(account, kind, amount, ret);
    if (status == STATUS_OK)
        *charge = (struct charge){ account, amount, kind };
    return status;
}

enum status charge_resize(struct charge *charge, uint32_t amount, struct quota_refusal *ret)
{
    struct account *account = charge->account;
    enum quota_kind kind = (enum quota_kind)charge->kind;
    assert(account && amount > 0 && charge->amount <= account->use[kind]);
    uint64_t others = account->use[kind] - charge->amount;
    enum status status = account_set(account, kind, others + amount, ret);
    if (status == STATUS_OK)
        charge->amount = amount;
    return status;
}

void charge_release(struct charge *charge)
{
    struct account *account = charge->account;
    if (!account)
        return;
    account_sub(account, (enum quota_kind)charge->kind, charge->amount);
    if (is_estate(account))
        quota_user_drop(account->user);
    *charge = (struct charge)CHARGE_INIT;
}
