/* $SYS.clients and $SYS.client: who is here. */
#include <stdlib.h>

#include "broker/session/handlers.h"

enum { CLIENTS_PAGE = 100, CLIENT_LIST_MAX = 1000 };

/* Of its subscriptions: a million of them may have nothing queued, so the queue is asked. */
static uint64_t queued_messages(const struct client *client)
{
    uint64_t n = 0;
    for (const struct entry *entry = client->conn.out.head; entry; entry = entry->next) {
        const struct audience *to = entry->block ? entry->to : NULL;
        for (uint32_t i = 0; to && i < to->n; i++)
            n += to->lanes[i]->is_service ? 0 : entry->n;
    }
    return n;
}

enum { BRIEF_PAIRS = 11 };

static void put_brief(msgpack_packer *out, const struct client *client)
{
    const struct card *card = client->conn.card;
    sys_put_uint(out, "id", card->id);
    sys_put_str(out, "name", card_name(card));
    sys_put_uint(out, "uid", card_principal(card)->uid);
    sys_put_uint(out, "gid", card_principal(card)->gid);
    sys_put_pid(out, card->pid);
    sys_put_str(out, "listener", card->identity->listener);
    sys_put_uint(out, "subscriptions", client->n_subs);
    sys_put_uint(out, "services", client_n_services(client));
    sys_put_uint(out, "queued-bytes", client->conn.out.n_bytes);
    sys_put_uint(out, "queued-messages", queued_messages(client));
    sys_put_bool(out, "held", client->held_by != NULL);
}

/* ---- $SYS.clients ------------------------------------------------------------- */

static bool is_listed(const struct conn *conn, uint64_t after)
{
    return ((const struct client *)conn)->said_hello && conn->card->id > after;
}

/* Connections stand newest first, and ids only grow. */
static uint32_t collect(const struct session *session, uint64_t after,
                        const struct client *page[CLIENTS_PAGE], bool *ret_more)
{
    uint32_t total = 0;
    for (struct conn *conn = session->net.all; conn && conn->card->id > after; conn = conn->next)
        total += is_listed(conn, after);
    uint32_t n = total < CLIENTS_PAGE ? total : CLIENTS_PAGE;
    uint32_t at = total;
    for (struct conn *conn = session->net.all; conn && at > 0; conn = conn->next) {
        if (is_listed(conn, after) && --at < n)
            page[at] = (const struct client *)conn;
    }
    *ret_more = total > n;
    return n;
}

static enum status answer_clients(void *userdata, const msgpack_object *body, msgpack_packer *out)
{
    const msgpack_object *after = sys_field(body, "after");
    const struct client *page[CLIENTS_PAGE];
    bool more;
    if ((body && body->type != MSGPACK_OBJECT_MAP) ||
        (after && after->type != MSGPACK_OBJECT_POSITIVE_INTEGER &&
         after->type != MSGPACK_OBJECT_NIL))
        return STATUS_BAD_FIELD;
    bool from_start = !after || after->type == MSGPACK_OBJECT_NIL;
    uint32_t n = collect(userdata, from_start ? 0 : after->via.u64, page, &more);
    msgpack_pack_map(out, 2);
    sys_put_key(out, "clients");
    msgpack_pack_array(out, n);
    for (uint32_t i = 0; i < n; i++) {
        msgpack_pack_map(out, BRIEF_PAIRS);
        put_brief(out, page[i]);
    }
    sys_put_key(out, "next");
    if (more)
        msgpack_pack_uint64(out, page[n - 1]->conn.card->id);
    else
        msgpack_pack_nil(out);
    return STATUS_OK;
}

/* ---- $SYS.client ---------------------------------------------------------------- */

static void put_loss(msgpack_packer *out, uint64_t n, uint8_t reason)
{
    sys_put_uint(out, "lost", n);
    sys_put_str(out, "last-loss", reason ? gap_text(reason) : NULL);
}

static void put_pattern(msgpack_packer *out, const struct registration *reg)
{
    const struct index *index = &reg->client->route->index;
    char pattern[MAX_SUBJECT + 1];
    index_pattern(index, slab_at(index->slab, reg->node), pattern);
    sys_put_str(out, "pattern", pattern);
}

static int by_sid(const void *a, const void *b)
{
    uint32_t sid_a = (*(const struct sub *const *)a)->reg.lane.sid;
    uint32_t sid_b = (*(const struct sub *const *)b)->reg.lane.sid;
    return sid_a < sid_b ? -1 : sid_a > sid_b;
}

/* Any CLIENT_LIST_MAX of them, in order. */
static uint32_t collect_subs(const struct client *client, const struct sub *subs[CLIENT_LIST_MAX])
{
    uint32_t n = 0;
    const struct registration *reg = NULL;
    while (n < CLIENT_LIST_MAX && (reg = sid_next(client, reg))) {
        if (!reg->lane.is_service)
            subs[n++] = (const struct sub *)reg;
    }
    qsort(subs, n, sizeof *subs, by_sid);
    return n;
}

static void put_subs(msgpack_packer *out, const struct client *client)
{
    const struct sub *subs[CLIENT_LIST_MAX];
    uint32_t n = collect_subs(client, subs);
    sys_put_key(out, "subscription-list");
    msgpack_pack_array(out, n);
    for (uint32_t i = 0; i < n; i++) {
        const struct sub *sub = subs[i];
        msgpack_pack_map(out, 8);
        sys_put_uint(out, "sid", sub->reg.lane.sid);
        put_pattern(out, &sub->reg);
        sys_put_str(out, "group", sub_group(sub));
        sys_put_str(out, "policy", policy_text(sub->reg.lane.policy));
        sys_put_uint(out, "queued-bytes", sub->reg.lane.n_bytes);
        sys_put_uint(out, "queued-messages", sub->reg.lane.n_messages);
        put_loss(out, sub->reg.lane.n_lost, sub->reg.lane.last_loss);
    }
}

static void put_services(msgpack_packer *out, const struct client *client)
{
    uint32_t n = client_n_services(client);
    n = n < CLIENT_LIST_MAX ? n : CLIENT_LIST_MAX;
    const struct service *service = client->services;
    sys_put_key(out, "service-list");
    msgpack_pack_array(out, n);
    for (; n > 0; n--, service = service->client_next) {
        msgpack_pack_map(out, 4);
        sys_put_uint(out, "sid", service->reg.lane.sid);
        put_pattern(out, &service->reg);
        sys_put_uint(out, "open", service->n_open);
        sys_put_uint(out, "max-open", service->max_open);
    }
}

static void put_groups(msgpack_packer *out, const struct principal *who)
{
    sys_put_key(out, "groups");
    msgpack_pack_array(out, who->n_groups);
    for (size_t i = 0; i < who->n_groups; i++)
        msgpack_pack_uint64(out, who->groups[i]);
}

/* What is charged to it: of what is granted in advance, all that is granted. */
static void put_account(msgpack_packer *out, const struct account *account)
{
    sys_put_key(out, "charged");
    msgpack_pack_map(out, QUOTA_CONNECTIONS);
    for (unsigned kind = 0; kind < QUOTA_CONNECTIONS; kind++)
        sys_put_uint(out, limits_name((enum quota_kind)kind), account->use[kind]);
}

const struct client *clients_find(const struct session *session, uint64_t id)
{
    const struct conn *conn = session->net.all;
    while (conn && conn->card->id != id)
        conn = conn->next;
    return conn && is_listed(conn, 0) ? (const struct client *)conn : NULL;
}

static void put_whole(msgpack_packer *out, const struct session *session,
                      const struct client *client)
{
    const struct conn *conn = &client->conn;
    msgpack_pack_map(out, BRIEF_PAIRS + 14);
    put_brief(out, client);
    put_groups(out, card_principal(conn->card));
    sys_put_str(out, "label", card_principal(conn->card)->label);
    sys_put_str(out, "executable", card_principal(conn->card)->executable);
    sys_put_uint(out, "connected-ms",
                 (loop_now_ns(session->loop) - conn->card->since_ns) / UINT64_C(1000000));
    sys_put_uint(out, "messages-in", client->n_messages);
    sys_put_uint(out, "bytes-in", conn->bytes_in);
    sys_put_uint(out, "messages-out", conn->out.n_sent);
    sys_put_uint(out, "bytes-out", conn->bytes_out);
    sys_put_uint(out, "open-requests", client->n_calls);
    put_account(out, &conn->account);
    put_loss(out, client->n_lost, client->last_loss);
    put_subs(out, client);
    put_services(out, client);
}

static enum status answer_client(void *userdata, const msgpack_object *body, msgpack_packer *out)
{
    const msgpack_object *id = sys_field(body, "id");
    if (!id || id->type != MSGPACK_OBJECT_POSITIVE_INTEGER)
        return STATUS_BAD_FIELD;
    const struct client *client = clients_find(userdata, id->via.u64);
    if (!client)
        return STATUS_NO_SID;
    put_whole(out, userdata, client);
    return STATUS_OK;
}

void clients_register(struct session *session)
{
    session->clients_service =
        (struct sys_service){ "$SYS.clients", answer_clients, session, NULL, false };
    session->client_service =
        (struct sys_service){ "$SYS.client", answer_client, session, NULL, false };
    sys_register(&session->sys, &session->clients_service);
    sys_register(&session->sys, &session->client_service);
}
