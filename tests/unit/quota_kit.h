/* What the tests of quotas share: a quota with limits of their own, and connections by number.
 *
 * A peer is a connection that may be open; all of them are what is walked.
 */
#pragma once

#include "broker/guard/quota.h"

#include "tests/kit/runner.h"
#include "tests/unit/unit.h"

enum { PEERS = 64, OWNER = 500 };

static struct quota quota;
static struct account peers[PEERS];

static inline struct account *peer_next(struct account *account, void *userdata)
{
    (void)userdata;
    for (size_t i = account ? (size_t)(account - peers) + 1 : 0; i < PEERS; i++) {
        if (peers[i].user)
            return &peers[i];
    }
    return NULL;
}

static const struct account_walk peer_walk = { peer_next, NULL };

/* Room for everything, and nothing that is basic: `total` of each kind, of which 16 / 15 is shared
 * if the owner is root. */
static inline struct limits plain_limits(uint64_t total)
{
    struct limits limits;
    for (unsigned kind = 0; kind < N_QUOTA_KINDS; kind++) {
        limits.total[kind] = total;
        limits.per_connection[kind] = UINT32_MAX;
    }
    limits.total[QUOTA_CONNECTIONS] = 100000;
    return limits;
}

static inline void peer_open(size_t i, uid_t uid)
{
    assert_int_equal(account_open(&peers[i], &quota, uid, NULL), STATUS_OK);
}

/* Gives everything back, too. */
static inline void peer_close(size_t i)
{
    for (unsigned kind = 0; peers[i].user && kind < QUOTA_CONNECTIONS; kind++)
        assert_int_equal(account_set(&peers[i], (enum quota_kind)kind, 0, NULL), STATUS_OK);
    account_close(&peers[i]);
    account_close(&peers[i]);
}

static inline void peers_close(void)
{
    for (size_t i = 0; i < PEERS; i++)
        peer_close(i);
    assert_int_equal(quota.n_users, 0);
    quota_deinit(&quota);
    quota_deinit(&quota);
}

/* Takes as much as it is let, and returns what it holds then. */
static inline uint64_t peer_fill(size_t i, enum quota_kind kind)
{
    struct quota_refusal refusal;
    uint64_t room = account_room(&peers[i], kind);
    if (room > peers[i].use[kind])
        assert_int_equal(account_set(&peers[i], kind, room, NULL), STATUS_OK);
    assert_int_equal(account_add(&peers[i], kind, 1, &refusal), STATUS_QUOTA);
    assert_int_equal(refusal.status, STATUS_QUOTA);
    assert_int_equal(refusal.kind, kind);
    return peers[i].use[kind];
}
