/* The policy in force: what a broker starts with, and what happens when it is swapped. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "broker/route/revoke.h"
#include "broker/session/handlers.h"

enum { SIDS_AT_A_TIME = 1024 };

int policy_default(struct policy_snapshot **ret)
{
    char why[POLICY_WHY_MAX];
    struct policy_builder *builder = policy_builder_new();
    if (!builder)
        return -ENOMEM;
    policy_builder_defaults(builder, POLICY_DEFAULTS_USER, getuid());
    int r = policy_builder_finish(builder, ret, why);
    policy_builder_free(builder);
    return r;
}

const struct policy_rule *policy_keeps_out(struct session *session, const struct rights *rights,
                                           const struct principal *who)
{
    struct asker asker = {
        .rights = rights,
        .who = who,
        .audit = &session->route.audit,
        .now_ns = loop_now_ns(session->loop),
    };
    return permit_refuses(&asker, VERB_CONNECT, NULL, 0);
}

const char *policy_sentence(const struct rights *rights, const struct policy_rule *rule,
                            char buf[PERMIT_TEXT_MAX])
{
    char text[PERMIT_TEXT_MAX];
    snprintf(buf, PERMIT_TEXT_MAX, "%s: %.150s", status_sentence(STATUS_DENIED),
             permit_text(rights, rule, text));
    return buf;
}

/* ---- another one ------------------------------------------------------------ */

static bool is_refused(const struct client *client, const struct registration *reg)
{
    char pattern[MAX_SUBJECT + 1];
    enum policy_verb verb = reg->lane.is_service ? VERB_SERVE : VERB_SUBSCRIBE;
    if (rights_all(client->rights, verb))
        return false;
    size_t len = index_pattern(&client->route->index,
                               slab_at(&client->route->slab, reg->node), pattern);
    return client_refused_all(client, verb, pattern, len);
}

/* Some of what it may not have any more. */
static unsigned find_refused(const struct client *client, uint32_t sids[SIDS_AT_A_TIME])
{
    unsigned n = 0;
    const struct registration *reg = NULL;
    while (n < SIDS_AT_A_TIME && (reg = sid_next(client, reg))) {
        if (is_refused(client, reg))
            sids[n++] = reg->lane.sid;
    }
    return n;
}

static void end_registration(struct client *client, uint32_t sid)
{
    struct registration *reg = sid_find(client, sid);
    if (reg->lane.is_service)
        service_remove(client->route, (struct service *)reg);
    else
        sub_remove(client->route, (struct sub *)reg);
    tell_ended(client, sid, STATUS_DENIED);
}

static void end_refused(struct client *client)
{
    uint32_t sids[SIDS_AT_A_TIME];
    unsigned n;
    do {
        n = find_refused(client, sids);
        for (unsigned i = 0; i < n && conn_is_live(&client->conn); i++)
            end_registration(client, sids[i]);
    } while (n == SIDS_AT_A_TIME && conn_is_live(&client->conn));
}

static void review(struct session *session, struct client *client)
{
    char sentence[PERMIT_TEXT_MAX];
    const struct rights *rights = client->rights;
    const struct policy_rule *rule =
        policy_keeps_out(session, rights, card_principal(client->conn.card));
    if (rule) {
        conn_end(&client->conn, STATUS_DENIED, policy_sentence(rights, rule, sentence));
        return;
    }
    revoke_served(client->route, client);
    if (conn_is_live(&client->conn))
        end_refused(client);
    if (conn_is_live(&client->conn))
        revoke_requests(client->route, client);
}

/* Everybody's rights by that policy, in the order of the connections. NULL: no memory. */
static struct rights **rights_of_all(const struct session *session, struct policy_snapshot *policy)
{
    struct rights **all = calloc(session->net.n_conns + 1, sizeof(struct rights *));
    size_t n = 0;
    int r = all ? 0 : -ENOMEM;
    for (const struct conn *conn = session->net.all; r == 0 && conn; conn = conn->next) {
        struct policy_peer peer = { KIND_UNIX, card_principal(conn->card) };
        r = rights_of(policy, &peer, &all[n]);
        n += r == 0;
    }
    while (r < 0 && n > 0)
        rights_unref(all[--n]);
    if (r < 0)
        free(all);
    return r < 0 ? NULL : all;
}

static void hand_out(struct session *session, struct rights **all)
{
    size_t n = 0;
    for (struct conn *conn = session->net.all; conn; conn = conn->next) {
        struct client *client = (struct client *)conn;
        rights_unref(client->rights);
        client->rights = all[n++];
        client->is_reviewed = false;
    }
    free(all);
}

/* To tell one something may be the end of another, also of the next: then from the start. */
static void review_all(struct session *session)
{
    for (struct conn *conn = session->net.all, *next; conn; conn = next) {
        struct client *client = (struct client *)conn;
        bool is_new = !client->is_reviewed;
        next = conn->next;
        client->is_reviewed = true;
        if (is_new && conn_is_live(conn))
            review(session, client);
        if (next && next->state == CONN_DEAD)
            next = session->net.all;
    }
}

int session_set_policy(struct session *session, struct policy_snapshot *policy)
{
    struct policy_snapshot *before = session->policy;
    route_settle(&session->route); /* may end connections: before they are counted */
    struct rights **all = rights_of_all(session, policy);
    if (!all)
        return -ENOMEM;
    session->policy = policy_ref(policy);
    route_changed(&session->route);
    hand_out(session, all);
    review_all(session);
    policy_unref(before);
    return 0;
}
