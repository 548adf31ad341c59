/* Accounts: what one connection makes the broker hold, and what it may.
 *
 * An account is embedded in a connection and belongs to the quota of its uid (quota.h, which
 * says how much that is). It is opened when the connection is accepted, which charges
 * the connection itself, and closed when all it held has been given back.
 *
 * Three ways to charge it. What it holds in numbers (subscriptions, open requests) is
 * added and subtracted. What moves with every message (queued bytes) is covered in advance:
 * as long as the amount granted covers what is used, that costs one comparison, and more
 * is granted in steps of the basic amount. What has an owner and an end of its own
 * has a struct charge inside. For one account and kind, use cover or the other two.
 *
 * A refusal leaves everything as it was.
 */
#pragma once

#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "broker/guard/limits.h"
#include "broker/guard/refusal.h"

struct quota;
struct quota_user;

struct account {
    struct quota_user *user;         /* NULL: it is closed */
    uint32_t use[QUOTA_CONNECTIONS]; /* by kind; a connection it is itself */
};

#define ACCOUNT_INIT { .user = NULL }

/* Opens a closed account for a connection of `uid` (QUOTA_ANONYMOUS: of nobody known; they all
 * share one). STATUS_OK; STATUS_QUOTA, it may have no more connections; STATUS_NO_MEMORY.
 * *ret (here and below: may be NULL) is written only if it is refused. */
enum status account_open(struct account *account, struct quota *quota, uid_t uid,
                         struct quota_refusal *ret);
/* All else must have been given back. Idempotent. */
void account_close(struct account *account);

/* From now on it holds `amount` of the kind, whatever it was. STATUS_OK, always if it is less;
 * or STATUS_QUOTA. */
enum status account_set(struct account *account, enum quota_kind kind, uint64_t amount,
                        struct quota_refusal *ret);

/* `n` more. STATUS_OK or STATUS_QUOTA. */
static inline enum status account_add(struct account *account, enum quota_kind kind, uint32_t n,
                                      struct quota_refusal *ret)
{
    return account_set(account, kind, (uint64_t)account->use[kind] + n, ret);
}

/* `n` of those it holds are gone. */
static inline void account_sub(struct account *account, enum quota_kind kind, uint32_t n)
{
    assert(n <= account->use[kind]);
    (void)account_set(account, kind, account->use[kind] - n, NULL);
}

/* Grants a step more than `need`, or as much of it as there is. */
enum status account_raise(struct account *account, enum quota_kind kind, uint64_t need,
                          struct quota_refusal *ret);

/* Makes sure that `need` in all is granted. STATUS_OK or STATUS_QUOTA. */
static inline enum status account_cover(struct account *account, enum quota_kind kind,
                                        uint64_t need, struct quota_refusal *ret)
{
    return need <= account->use[kind] ? STATUS_OK : account_raise(account, kind, need, ret);
}

/* `need` is all that is used: what is granted beyond that, but for a step, is given back. What
 * is basic stays granted: to the connection it is free. */
void account_trim(struct account *account, enum quota_kind kind, uint64_t need);

/* What it may hold whatever others do. */
uint32_t account_basic(const struct account *account, enum quota_kind kind);

/* The most it may hold of the kind now; it may hold more already. */
uint64_t account_room(const struct account *account, enum quota_kind kind);

/* What it holds beyond the basic amount. */
uint64_t account_beyond(const struct account *account, enum quota_kind kind);

/* The account of its uid itself, for what outlives the connection (retained values). It has no
 * basic amounts, and competes with the connections of the uid as one of them. The uid is
 * kept as long as anything is charged here. */
struct account *account_estate(const struct account *account);

/* ---- charges ---------------------------------------------------------------- */

/* Embedded in what it pays for. */
struct charge {
    struct account *account; /* NULL: nothing is charged */
    uint32_t amount;
    uint32_t kind;
};

#define CHARGE_INIT { .account = NULL }

/* The charge must be a released one; the amount is at least 1, here and below. STATUS_OK or
 * STATUS_QUOTA. */
enum status charge_take(struct charge *charge, struct account *account, enum quota_kind kind,
                        uint32_t amount, struct quota_refusal *ret);
/* A taken one. STATUS_OK, always if it is less; or STATUS_QUOTA. */
enum status charge_resize(struct charge *charge, uint32_t amount, struct quota_refusal *ret);
/* Gives all of it back; what it paid for is gone. Idempotent, safe on CHARGE_INIT. */
void charge_release(struct charge *charge);
