#include "broker/route/deliver.h"

#include <stdlib.h>

#include "broker/route/group.h"
#include "broker/route/hold.h"
#include "broker/route/latest.h"
#include "broker/route/overflow.h"
#include "broker/route/route.h"

static struct card *sender_of(const struct run *run)
{
    return run->from ? run->from->conn.card : NULL;
}

/* ---- a run that fits ------------------------------------------------------ */

/* What each of them lost is told where it stands in its own stream, and counted for the client once. */
static void tell_row(struct route *route, const struct run *run, const struct row *row)
{
    struct client *client = sub_of(row->beyond[0])->reg.client;
    struct outq *outq = &client->conn.out;
    if (!conn_is_live(&client->conn))
        return;
    for (uint32_t i = 0; i < row->n_beyond; i++) {
        if (outq_gap(outq, row->beyond[i], GAP_TOO_MANY, run->n) < 0) {
            conn_cut(&client->conn, STATUS_NO_MEMORY, NULL);
            return;
        }
    }
    route_lost(route, client, row->beyond[0], GAP_TOO_MANY, (uint64_t)run->n * row->n_beyond);
}

static void tell_beyond(struct route *route, const struct run *run, const struct dest *dest)
{
    for (uint32_t i = 0; i < dest->n_rows; i++)
        tell_row(route, run, dest->rows[i]);
}

void deliver_share(struct burst *burst, const struct run *run, const struct dest *dest)
{
    uint32_t stretch = burst_open(burst, run->block, run->off);
    for (const struct receiver *r = dest->receivers, *end = r + dest->n_receivers; r < end; r++) {
        struct conn *conn = &r->client->conn;
        if (!conn_is_live(conn))
            continue;
        __builtin_prefetch(r->to); /* its sids are wanted when the burst is written */
        outq_share(&conn->out, burst, stretch, r->to);
        conn_dirty(conn);
    }
}

void deliver_run(struct route *route, const struct run *run, struct dest *dest)
{
    for (uint32_t i = 0; i < dest->n_receivers; i++) {
        struct receiver *receiver = &dest->receivers[i];
        struct conn *conn = &receiver->client->conn;
        if (!conn_is_live(conn))
            continue;
        if (outq_push(&conn->out, run->block, run->off, run->len, run->n, receiver->to,
                      sender_of(run), NULL) < 0)
            conn_cut(conn, STATUS_NO_MEMORY, NULL);
        else
            conn_dirty(conn);
    }
    if (dest->n_rows > 0)
        tell_beyond(route, run, dest);
}

/* ---- one message ---------------------------------------------------------- */

/* Making room for it may have been what showed that nobody is there any more. */
static bool reads(const struct client *client)
{
    return conn_is_live(&client->conn) && !client->conn.hung_up;
}

/* Who has to be waited for before the message may go to anybody. */
static struct client *find_holder(const struct passage *passage, const struct dest *dest)
{
    enum gap reason;
    for (uint32_t i = 0; i < dest->n_receivers; i++) {
        struct client *client = dest->receivers[i].client;
        const struct audience *to = dest->receivers[i].to;
        for (uint32_t j = 0; conn_is_live(&client->conn) && j < to->n; j++) {
            struct sub *sub = sub_of(to->lanes[j]);
            bool full = !overflow_fits(client, to->lanes[j], passage->len);
            if (full && reads(client) &&
                overflow_policy(passage, client, sub, &reason) == POLICY_WAIT)
                return client;
        }
    }
    return NULL;
}

/* Ends the subscriptions that had so many messages to go. */
static void count_down(struct route *route, struct client *client, struct audience *to)
{
    /* Telling of one end may be the end of the client, and of all its subscriptions. */
    for (uint32_t i = 0; i < to->n && conn_is_live(&client->conn); i++) {
        struct sub *sub = sub_of(to->lanes[i]);
        if (sub_remaining(sub) == 0 || --sub->extra->remaining > 0)
            continue;
        uint32_t sid = to->lanes[i]->sid;
        sub_remove(route, sub);
        route->ops->sub_ended(client, sid);
    }
}

static int remember_latest(const struct passage *passage, struct audience *to,
                           struct entry *entry)
{
    for (uint32_t i = 0; i < to->n; i++) {
        struct latest *latest = sub_latest(sub_of(to->lanes[i]));
        if (latest && latest_add(latest, passage->hash, entry) < 0)
            return -1;
    }
    return 0;
}

static void push(const struct passage *passage, const struct run *run, struct client *client,
                 struct audience *to)
{
    struct entry *entry = NULL;
    int r = outq_push(&client->conn.out, run->block, run->off, run->len, 1, to, sender_of(run),
                      to->single ? &entry : NULL);
    if (r == 0 && entry)
        r = remember_latest(passage, to, entry);
    if (r < 0) {
        conn_cut(&client->conn, STATUS_NO_MEMORY, NULL);
        return;
    }
    conn_dirty(&client->conn);
    count_down(passage->route, client, to);
}

/* Delivers to those of the lanes that let it in. */
static void deliver_lanes(const struct passage *passage, const struct run *run,
                          struct client *client, struct lane *const *lanes, uint32_t n,
                          struct audience *whole)
{
    struct lane *in[MAX_SIDS];
    uint32_t n_in = 0;
    for (uint32_t i = 0; i < n && conn_is_live(&client->conn); i++) {
        if (overflow_admit(passage, client, sub_of(lanes[i])))
            in[n_in++] = lanes[i];
    }
    if (n_in == 0 || !conn_is_live(&client->conn))
        return;
    struct audience *to = n_in == n && whole ? audience_ref(whole) : audience_new(in, n_in);
    if (to)
        push(passage, run, client, to);
    else
        conn_cut(&client->conn, STATUS_NO_MEMORY, NULL);
    audience_unref(to);
}

/* The lanes of a client's plain audience (may be NULL) and of the picks that fell on it;
 * a client gets one copy of a message. */
static void deliver_client(const struct passage *passage, const struct run *run,
                           struct client *client, struct audience *plain,
                           const struct pick *picks)
{
    struct lane *lanes[MAX_SIDS];
    uint32_t n = 0;
    uint32_t next = client->mark;
    client->mark = 0;
    if (!conn_is_live(&client->conn))
        return;
    for (; plain && n < plain->n; n++)
        lanes[n] = plain->lanes[n];
    for (; next; next = picks[next - 1].next) {
        struct lane *lane = picks[next - 1].member->to->lanes[0];
        if (n < MAX_SIDS) {
            lanes[n++] = lane;
        } else if (outq_gap(&client->conn.out, lane, GAP_TOO_MANY, 1) == 0) {
            route_lost(passage->route, client, lane, GAP_TOO_MANY, 1);
        } else {
            conn_cut(&client->conn, STATUS_NO_MEMORY, NULL);
            return;
        }
    }
    bool alone = plain && n == plain->n;
    deliver_lanes(passage, run, client, lanes, n, alone ? plain : NULL);
}

static void deliver_all(const struct passage *passage, const struct run *run, struct dest *dest)
{
    for (uint32_t i = 0; i < dest->n_receivers; i++)
        deliver_client(passage, run, dest->receivers[i].client, dest->receivers[i].to,
                       dest->picks);
    for (uint32_t i = 0; i < dest->n_groups; i++) {
        struct receiver *member = dest->picks[i].member;
        if (member && member->client->mark)
            deliver_client(passage, run, member->client, NULL, dest->picks);
    }
    tell_beyond(passage->route, run, dest);
}

/* Picks a member of each group, and threads the picks of each client together. */
static struct client *pick_members(const struct passage *passage, struct dest *dest)
{
    struct client *holder = NULL;
    for (uint32_t i = 0; i < dest->n_groups && !holder; i++)
        dest->picks[i].member =
            group_pick(passage, dest, &dest->groups[i], &holder);
    for (uint32_t i = 0; i < dest->n_groups && !holder; i++) {
        struct pick *pick = &dest->picks[i];
        if (!pick->member)
            continue;
        pick->next = pick->member->client->mark;
        pick->member->client->mark = i + 1;
    }
    return holder;
}

bool deliver_one(struct route *route, const struct run *run, struct dest *dest)
{
    struct passage passage = {
        .route = route,
        .publisher = run->from,
        .subject = dest_subject(dest),
        .subject_len = dest->subject_len,
        .hash = dest->hash,
        .len = run->len,
    };
    struct client *holder = find_holder(&passage, dest);
    if (!holder)
        holder = pick_members(&passage, dest);
    if (holder) {
        /* To look for room in its own queue may have been the end of it. */
        if (conn_is_live(&run->from->conn))
            hold_start(holder, run->from);
        return false;
    }
    deliver_all(&passage, run, dest);
    return true;
}
