/* What holds of a session between any two steps, and when all have gone. */
#pragma once

#include "tests/fuzz/session_kit.h"

/* ---- the books ------------------------------------------------------------------- */

/* What the accounts of a user hold (NULL: of all), its estate's included. */
static inline uint64_t held_by_accounts(const struct quota_user *user, enum quota_kind kind)
{
    struct account_walk walk = net_accounts(&here->session.net);
    uint64_t sum = 0;
    for (struct account *account = NULL; (account = walk.next(account, walk.userdata));) {
        if (account->user == user)
            sum += kind == QUOTA_CONNECTIONS ? 1 : account->use[kind];
    }
    return kind == QUOTA_CONNECTIONS ? sum : sum + user->estate.use[kind];
}

/* Every sum is the sum of what it is said to be of. */
static inline void check_quota(void)
{
    const struct quota *quota = &here->session.quota;
    for (unsigned i = 0; i < N_QUOTA_KINDS; i++) {
        enum quota_kind kind = (enum quota_kind)i;
        uint64_t use = 0, beyond = 0;
        for (const struct quota_user *user = quota->users; user; user = user->next) {
            const struct quota_tally *tally = &user->tallies[kind];
            REQUIRE(tally->use == held_by_accounts(user, kind) && tally->beyond <= tally->use);
            REQUIRE((tally->beyond > 0) == (tally->n_beyond > 0));
            use += tally->use;
            beyond += tally->beyond;
        }
        REQUIRE(quota->pools[kind].use == use && quota->pools[kind].shared <= beyond);
        REQUIRE(quota->pools[kind].n_active <= quota->n_users);
    }
}

/* ---- connections ------------------------------------------------------------------ */

static inline void check_conn(const struct conn *conn)
{
    const struct client *client = (const struct client *)conn;
    const struct registration *reg = NULL;
    uint64_t bytes = 0;
    uint32_t n = 0, n_subs = 0;
    for (const struct entry *e = conn->out.head; e; e = e->next)
        bytes += e->len;
    REQUIRE(bytes == conn->out.n_bytes);
    for (; (reg = sid_next(client, reg)); n++, n_subs += !reg->lane.is_service)
        REQUIRE(reg->lane.n_messages == 0 || conn->out.head);
    REQUIRE(n == client->sids.n && n_subs == client->n_subs);
    REQUIRE(!client->held_by || (client->held_by->hold && client->held_by->hold->first));
    REQUIRE(conn->account.user && conn->account.user->uid == card_principal(conn->card)->uid);
}

static inline void check_sums(void)
{
    const struct session *session = &here->session;
    uint32_t n = 0, n_subs = 0, n_services = 0, n_clients = 0;
    for (const struct conn *conn = session->net.all; conn; conn = conn->next, n++) {
        const struct client *client = (const struct client *)conn;
        check_conn(conn);
        n_subs += client->n_subs;
        n_services += client_n_services(client);
        n_clients += client->said_hello && conn_is_live(conn);
    }
    REQUIRE(n == session->net.n_conns && n_subs == session->route.n_subs);
    REQUIRE(n_services == session->route.n_services && n_clients == session->route.n_clients);
}

/* Counters only grow. */
static inline void check_counters(void)
{
    const struct counters *now = &here->counters;
    bool less = false;
#define CHECK_GROWN(name, sentence) less |= now->name < here->before.name;
    COUNTERS_MAP(CHECK_GROWN)
#undef CHECK_GROWN
    REQUIRE(!less);
    here->before = *now;
    REQUIRE(now->lost_left <= now->deliveries && now->writes_short <= now->writes);
}

static inline void check_step(void)
{
    if (!world.moved)
        return;
    world.moved = false;
    check_quota();
    check_sums();
    check_counters();
}

/* ---- when all have gone ------------------------------------------------------------ */

static inline void check_all_counted(void)
{
    const struct counters *c = &here->counters;
    REQUIRE(c->accepted == c->refused_identity + c->refused_denied + c->refused_quota +
                               c->refused_memory + c->refused_shutdown + c->refused_hello +
                               c->left + c->vanished + c->expelled);
}

static inline void check_end(void)
{
    const struct session *session = &here->session;
    const struct route *route = &session->route;
    turn(3); /* who stands in a list of the next round is buried behind it */
    REQUIRE(session->net.n_conns == 0 && !session->net.all && !session->net.dead);
    REQUIRE(!session->net.dirty && !session->net.hungry && session->quota.pace.n_waiting == 0);
    REQUIRE(!session->net.more && session->net.overdrawn == 0 && !session->net.identities.first);
    REQUIRE(route->n_subs == 0 && route->n_services == 0 && route->n_clients == 0);
    REQUIRE(route->index.n_nodes == 0 && route->calls.n_open == 0);
    REQUIRE(!route->run.dest && !route->overdone && !session->events);
    REQUIRE(session->quota.n_users == 0 && !session->quota.users);
    for (unsigned kind = 0; kind < N_QUOTA_KINDS; kind++)
        REQUIRE(session->quota.pools[kind].use == 0 && session->quota.pools[kind].shared == 0 &&
                session->quota.pools[kind].n_active == 0);
    check_all_counted();
}
