/* Quotas: how what the broker can hold is shared by uids, and by the connections of a uid.
 *
 * The session layer owns the one struct quota; connections have accounts in it (account.h).
 * Nothing here allocates but the first account of a uid, and nothing is looked up but then.
 *
 * Of each kind (limits.h) the total is divided in three.
 * - Each connection may have a *basic* amount, whatever others do. So much is set aside for as many
 *   connections as there may be, and only what a connection holds beyond it is counted
 *   in what follows.
 * - Root and the broker's own uid have a *reserve* each, a sixteenth, before they share with
 *   others.
 * - The rest, the *pool* E, is shared. A uid may hold at most what others leave of it divided by
 *   the number of uids that hold something of it, itself included, plus one: its
 *   allowance (dbus-broker's rule, src/util/user.c there). A connection may hold at most what the
 *   others of its uid leave of the allowance, divided in the same way by the number of those.
 *
 * Theorem. Let nobody change the limits.
 * 1. A connection is never refused what is basic.
 * 2. Any j uids together never hold more than E·j/(j+1) of the pool. So a uid that is one of n to
 *    hold something of it may always hold E/(n(n+1)), whatever the others do and did.
 * 3. As long as the allowance A of a uid (and its reserve, if it has one) does not become less,
 *    any j of its connections together never hold more than A·j/(j+1) beyond their basic amounts,
 *    and one of m may always hold A/(m(m+1)).
 * 4. The sum of all that is held is never more than the total.
 * Proof of 2, by induction over what is granted. Uid i, one of n that hold something, is granted
 * x in all, so x(n+1) <= E - S, where S is what the others hold. Take any j <= n of them, i among
 * these; the j-1 others hold T <= S, and by induction T <= E(j-1)/j. Then x <= (E-T)/(j+1), and
 * T + x <= E/(j+1) + Tj/(j+1) <= E/(j+1) + E(j-1)/(j+1) = Ej/(j+1). What is given back makes no
 * sum larger. The second sentence: S <= E(n-1)/n, so (E-S)/(n+1) >= E/(n(n+1)). 3 is the same
 * with A for E.
 *
 * The allowance of a uid becomes less when others begin to hold something. Its connections may then
 * hold more than it, and one that has nothing has to make do with its basic amount: unless
 * those that hold most and do not drain give it up (account_is_crowded_out, quota_heaviest).
 *
 * The limits may change at any time. Where less is allowed now than is held, nothing is taken away,
 * and nothing more is granted until enough has been given back; until then 2 and 3 need not hold.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "broker/guard/account.h"
#include "broker/guard/pace.h"

enum {
    QUOTA_BUCKET_BITS = 10, /* for uids, of which there are no more than connections */
    QUOTA_BUCKETS = 1 << QUOTA_BUCKET_BITS,
    QUOTA_RESERVE_PART = 16, /* of the total less the basic amounts */
};

/* Of one kind. */
struct quota_pool {
    uint64_t size;     /* E */
    uint64_t reserve;  /* of each privileged uid */
    uint64_t use;      /* all that is held */
    uint64_t shared;   /* of it, out of the pool */
    uint32_t n_active; /* uids that hold something out of the pool */
    uint32_t basic;
};

/* Of one uid and kind. */
struct quota_tally {
    uint64_t use;       /* all that is held */
    uint64_t beyond;    /* of it, beyond the basic amounts */
    uint64_t n_refused; /* how often something was refused */
    uint32_t n_beyond;  /* accounts that hold something beyond it */
};

struct quota_user {
    struct quota *quota;
    struct quota_user *next; /* of all, the latest first */
    struct quota_user *prev;
    struct quota_user *next_hash;
    uid_t uid;
    bool is_privileged;
    struct account estate;
    struct pace_user pace;    /* its share of each round */
    uint64_t looked_ns;       /* when nobody was found who could give something up; 0: never */
    uint32_t n_hungry;        /* connections whose input waits for a grant */
    struct account *indulged; /* takes in a frame that it is not granted; NULL: none does */
    struct quota_tally tallies[N_QUOTA_KINDS];
};

struct quota {
    struct limits limits;
    uid_t owner;
    uint32_t n_users;
    struct quota_user *users;
    struct pace pace; /* how users share a round */
    struct quota_pool pools[N_QUOTA_KINDS];
    struct quota_user *buckets[QUOTA_BUCKETS];
};

/* `limits` must be good (limits_check); it is copied. `owner`: the uid that the broker runs as. */
void quota_init(struct quota *quota, const struct limits *limits, uid_t owner);
/* All accounts must be closed and all charges released. Idempotent, safe on a zeroed one. */
void quota_deinit(struct quota *quota);

/* How to see all accounts that are open: whoever owns the connections knows. */
struct account_walk {
    /* The one behind `account`, the first for NULL; NULL: that was all. */
    struct account *(*next)(struct account *account, void *userdata);
    void *userdata;
};

/* Other limits from now on, good ones, which are copied. Walks all accounts. */
void quota_set_limits(struct quota *quota, const struct limits *limits,
                      const struct account_walk *walk);

/* ---- who gives something up ------------------------------------------------- */

/* Whether it is its neighbours' doing that `account` was refused: it holds at most half of what
 * those of its uid that hold something beyond the basic amount hold on the average. */
bool account_is_crowded_out(const struct account *account, enum quota_kind kind);
/* Of the connections of the same uid the one that should give something up for `asker`: of those
 * that hold more than the average, the asker counted in, and that `drains` (with the walk's
 * userdata) does not vouch for, the one that holds most. NULL: there is none. Walks all accounts. */
struct account *quota_heaviest(const struct account *asker, enum quota_kind kind,
                               const struct account_walk *walk,
                               bool (*drains)(const struct account *account, void *userdata));

/* ---- what is told of it ----------------------------------------------------- */

/* For $SYS.users. */
struct quota_usage {
    uid_t uid;
    bool is_anonymous;
    struct {
        uint64_t use;     /* what its connections and its estate hold, */
        uint64_t allowed; /* may hold now */
        uint64_t n_refused;
    } kinds[N_QUOTA_KINDS];
};

/* All that have an account, in no order: the first for NULL, else the one behind `user`; NULL: that
 * was all. None may come or go in between. */
const struct quota_user *quota_next_user(const struct quota *quota, const struct quota_user *user);
void quota_usage(const struct quota_user *user, struct quota_usage *ret);
/* What all hold together. */
uint64_t quota_use(const struct quota *quota, enum quota_kind kind);
