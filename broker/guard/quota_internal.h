/* What quota.c and account.c share, and nobody else uses. */
#pragma once

#include "broker/guard/quota.h"

/* The user of that uid, made if there is none; NULL: no memory. */
struct quota_user *quota_user_get(struct quota *quota, uid_t uid);
/* Frees the user if nothing is charged to it. */
void quota_user_drop(struct quota_user *user);

/* What the uid may hold of a kind beyond the basic amounts, if it holds something out of the pool:
 * the reserve and its allowance. */
uint64_t quota_allowance(const struct quota_user *user, enum quota_kind kind);
/* An account of the uid holds `after` now where it held `before`, and beyond its basic amount
 * `beyond_after` where it was `beyond_before`. */
void quota_book(struct quota_user *user, enum quota_kind kind, uint64_t before, uint64_t after,
                uint64_t beyond_before, uint64_t beyond_after);

static inline uint64_t quota_past(uint64_t use, uint64_t limit)
{
    return use > limit ? use - limit : 0;
}
