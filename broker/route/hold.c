#include "broker/route/hold.h"

#include "broker/route/overflow.h"
#include "broker/route/route.h"
#include "proto/transport/sys.h"

#define MS UINT64_C(1000000)

enum { HOLD_LOOK_MS = 20 }; /* looking at all connections costs something */

static uint64_t now_of(const struct client *client)
{
    return loop_now_ns(client->conn.net->loop);
}

static void look(struct client *client)
{
    client->hold->mark = sys_outq(client->conn.io.fd);
    client->hold->mark_sent = client->conn.bytes_out;
}

/* Whether it took anything since the last look. */
static bool took_something(const struct client *client)
{
    return client->conn.bytes_out != client->hold->mark_sent ||
           sys_outq(client->conn.io.fd) < client->hold->mark;
}

static void wake_at(struct client *client, uint64_t when_ns)
{
    /* Its room was reserved with the connection (net_reserve_timers): this cannot fail. */
    (void)loop_arm(client->conn.net->loop, &client->hold->timer, when_ns);
}

static void on_timer(struct timer *timer, uint64_t now_ns);

/* The client has one from now on; false: no memory. */
static bool make_hold(struct client *client)
{
    if (client->hold)
        return true;
    struct hold *hold = slab_take(&client->route->slab, sizeof *hold);
    if (hold)
        *hold = (struct hold){ .client = client, .timer.fn = on_timer };
    client->hold = hold;
    return hold;
}

/* It has none any more, if nobody and nothing needs it. */
static void free_hold(struct client *client)
{
    struct hold *hold = client->hold;
    if (!hold || hold->first || hold->stalled)
        return;
    loop_disarm(client->conn.net->loop, &hold->timer);
    slab_give(hold);
    client->hold = NULL;
}

static void stall(struct client *client)
{
    if (!make_hold(client))
        return; /* the next message tries again */
    client->hold->stalled = true;
    look(client);
    hold_release_all(client);
    wake_at(client, now_of(client) + HOLD_PENALTY_MS * MS);
}

/* Once a second while it holds; at the end of the penalty, and then once a
 * second until it takes something. */
static void on_timer(struct timer *timer, uint64_t now_ns)
{
    struct client *client = ((struct hold *)timer)->client;
    bool took = took_something(client);
    if (client->hold->stalled && took) {
        client->hold->stalled = false;
        free_hold(client);
    } else if (client->hold->stalled) {
        wake_at(client, now_ns + HOLD_PATIENCE_MS * MS);
    } else if (!took) {
        stall(client);
    } else {
        look(client);
        wake_at(client, now_ns + HOLD_PATIENCE_MS * MS);
    }
}

/* Several that stopped at one time must not each cost a second: one that has let its
 * socket stand full for so long has used up its own. */
static bool stands_still(const struct conn *conn)
{
    uint64_t since = loop_now_ns(conn->net->loop) - conn->unread_ns;
    return conn->out.blocked && since >= HOLD_PATIENCE_MS * MS &&
           sys_outq(conn->io.fd) >= conn->unread;
}

/* One's own uid always. */
static bool has_right(const struct passage *passage, const struct client *subscriber)
{
    uid_t uid = card_principal(subscriber->conn.card)->uid;
    return uid == card_principal(passage->publisher->conn.card)->uid ||
           !client_refused(subscriber, VERB_HOLD, passage->subject, passage->subject_len);
}

bool hold_allowed(const struct passage *passage, struct client *subscriber, enum gap *ret_reason)
{
    if (!has_right(passage, subscriber)) {
        *ret_reason = GAP_NOT_HELD;
        return false;
    }
    *ret_reason = GAP_STALLED;
    if (subscriber->hold)
        return !subscriber->hold->stalled;
    if (!stands_still(&subscriber->conn))
        return true;
    stall(subscriber);
    return false;
}

/* Who stops now will hold the same publisher next: its second begins now. */
static void look_around(struct route *route)
{
    uint64_t now = loop_now_ns(route->net->loop);
    if (now - route->looked_ns < HOLD_LOOK_MS * MS)
        return;
    route->looked_ns = now;
    for (struct conn *conn = route->net->all; conn; conn = conn->next) {
        int unread = conn->out.blocked ? sys_outq(conn->io.fd) : conn->unread;
        if (unread < conn->unread) {
            conn->unread = unread;
            conn->unread_ns = now;
        }
    }
}

/* In order of the time since which they wait. */
static void link_held(struct client *subscriber, struct client *publisher)
{
    struct hold *hold = subscriber->hold;
    struct client *prev = hold->last;
    while (prev && prev->held_ns > publisher->held_ns)
        prev = prev->held_prev;
    publisher->held_prev = prev;
    publisher->held_next = prev ? prev->held_next : hold->first;
    *(publisher->held_prev ? &publisher->held_prev->held_next : &hold->first) = publisher;
    *(publisher->held_next ? &publisher->held_next->held_prev : &hold->last) = publisher;
}

void hold_start(struct client *subscriber, struct client *publisher)
{
    if (!make_hold(subscriber)) {
        conn_cut(&subscriber->conn, STATUS_NO_MEMORY, NULL);
        if (!conn_is_live(&publisher->conn)) /* it would have waited for itself */
            return;
        conn_hold(&publisher->conn); /* and on with the next round */
        conn_resume(&publisher->conn);
        return;
    }
    if (!subscriber->hold->first) {
        look(subscriber);
        wake_at(subscriber, now_of(subscriber) + HOLD_PATIENCE_MS * MS);
        look_around(subscriber->route);
    }
    /* Who did not get on since it was let go keeps its turn. */
    if (publisher->held_ns == 0)
        publisher->held_ns = now_of(publisher);
    publisher->held_by = subscriber;
    link_held(subscriber, publisher);
    subscriber->conn.wants_room = true;
    publisher->route->counters->holds++;
    conn_hold(&publisher->conn);
}

void hold_passed(struct client *publisher)
{
    if (publisher->held_ns == 0)
        return;
    publisher->route->counters->held_ns += now_of(publisher) - publisher->held_ns;
    publisher->held_ns = 0;
}

void hold_release(struct client *publisher)
{
    struct client *subscriber = publisher->held_by;
    if (!subscriber)
        return;
    struct hold *hold = subscriber->hold;
    *(publisher->held_prev ? &publisher->held_prev->held_next : &hold->first) =
        publisher->held_next;
    *(publisher->held_next ? &publisher->held_next->held_prev : &hold->last) =
        publisher->held_prev;
    publisher->held_by = NULL;
    subscriber->conn.wants_room = hold->first != NULL;
    free_hold(subscriber);
    conn_resume(&publisher->conn);
}

void hold_release_all(struct client *subscriber)
{
    while (subscriber->hold && subscriber->hold->first)
        hold_release(subscriber->hold->first);
}

static bool conn_is_half_full(const struct conn *conn)
{
    uint64_t room = conn_room(conn, QUOTA_QUEUED_BYTES);
    uint64_t n_room = conn_room(conn, QUOTA_QUEUED_MESSAGES);
    return conn->out.n_bytes > (room < CONN_QUEUE_BYTES ? room : CONN_QUEUE_BYTES) / 2 ||
           conn->out.n_messages > n_room / 2;
}

static bool is_half_full(const struct lane *lane)
{
    return !lane->is_service && lane->policy == POLICY_WAIT &&
           (lane->n_bytes > lane->max_bytes / 2 || lane->n_messages > lane->max_messages / 2);
}

/* There may be a million lanes: as long as the one found last is full, nobody looks for others. */
static bool is_half_empty(const struct client *client)
{
    struct hold *hold = client->hold;
    if (conn_is_half_full(&client->conn) || (hold->full && is_half_full(hold->full)))
        return false;
    hold->full = NULL;
    const struct registration *reg = NULL;
    while (!hold->full && (reg = sid_next(client, reg)))
        hold->full = is_half_full(&reg->lane) ? &reg->lane : NULL;
    return !hold->full;
}

void hold_room(struct client *subscriber)
{
    if (subscriber->hold && subscriber->hold->first && is_half_empty(subscriber))
        hold_release_all(subscriber);
}

void hold_forget_lane(struct client *subscriber, const struct lane *lane)
{
    if (subscriber->hold && subscriber->hold->full == lane)
        subscriber->hold->full = NULL;
}

void hold_forget(struct client *client)
{
    hold_release_all(client);
    hold_release(client);
    if (client->hold)
        client->hold->stalled = false;
    free_hold(client);
}
