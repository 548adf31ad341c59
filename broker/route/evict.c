#include "broker/route/evict.h"

#include <stdio.h>

#include "broker/route/route.h"
#include "proto/transport/sys.h"

#define MS UINT64_C(1000000)

enum {
    LOOK_MS = 20, /* walking along all connections costs something */
    EVICTED_A_ROUND = 16,
};

/* ---- who stands still --------------------------------------------------------- */

/* Whether a second has passed since something last went on, of which `mark` was the count. */
static bool is_over(struct conn *conn, uint64_t *since_ns, bool went_on)
{
    uint64_t now = loop_now_ns(conn->net->loop);
    if (went_on)
        *since_ns = now;
    return now - *since_ns >= HOLD_PATIENCE_MS * MS;
}

/* The peer takes nothing of what the kernel holds for it. That may be as much as it was a while
 * ago, if more has been written meanwhile. */
static bool output_stands_still(struct conn *conn)
{
    int unread = sys_outq(conn->io.fd);
    bool went_on = unread != conn->unread || conn->sent_ns > conn->unread_ns;
    conn->unread = unread;
    return is_over(conn, &conn->unread_ns, went_on) && unread > 0;
}

/* It has begun a frame, and nothing more comes. Who is held, hungry or in line is not asked for it. */
static bool input_stands_still(struct conn *conn)
{
    struct conn_more *more = conn->more;
    if (!conn->in || conn->held || conn->hungry || conn->is_resumed || !more)
        return false;
    bool went_on = conn->bytes_in != more->read_bytes;
    more->read_bytes = conn->bytes_in;
    return is_over(conn, &more->read_ns, went_on);
}

static bool stands_still(struct conn *conn)
{
    if (!conn_is_live(conn))
        return false;
    if (conn_input(conn) > conn->out.n_bytes)
        return input_stands_still(conn);
    return output_stands_still(conn);
}

static bool drains(const struct account *account, void *userdata)
{
    (void)userdata;
    return !stands_still(conn_of_account((struct account *)account));
}

static void evict(struct conn *conn, enum quota_kind kind, const char *what)
{
    char sentence[200];
    snprintf(sentence, sizeof sentence,
             "limit %s: %s, and this connection holds %u and has taken nothing for a second",
             limits_name(kind), what, conn->account.use[kind]);
    conn->net->counters->evicted++;
    conn_expel(conn, STATUS_TOO_SLOW, sentence);
}

/* A frame that was let in though it was not granted, and does not come. */
static struct account *indulged_in_vain(const struct account *asker)
{
    struct account *account = asker->user->indulged;
    bool in_vain = account && account != asker && input_stands_still(conn_of_account(account));
    return in_vain ? account : NULL;
}

/* ---- for somebody of the same uid ---------------------------------------------- */

bool evict_for(struct client *client, enum quota_kind kind)
{
    const struct account *account = &client->conn.account;
    struct quota_user *user = account->user;
    uint64_t now = loop_now_ns(client->conn.net->loop);
    if ((!account_is_crowded_out(account, kind) && !user->indulged) ||
        now - user->looked_ns < LOOK_MS * MS)
        return false;
    struct account_walk walk = net_accounts(client->conn.net);
    struct account *heaviest = quota_heaviest(account, kind, &walk, drains);
    if (!heaviest)
        heaviest = indulged_in_vain(account);
    if (!heaviest) {
        user->looked_ns = now;
        return false;
    }
    evict(conn_of_account(heaviest), kind, "others of its uid are left with little");
    if (client->conn.more)
        client->conn.more->refused_round = 0;
    return true;
}

/* ---- for all --------------------------------------------------------------------- */

static struct conn *most_overdrawn(struct net *net)
{
    struct conn_more *most = NULL;
    for (struct conn_more *more = net->more; more; more = more->next) {
        if (more->overdraft > (most ? most->overdraft : 0) && stands_still(more->conn))
            most = more;
    }
    return most ? most->conn : NULL;
}

void evict_beyond(struct route *route)
{
    struct net *net = route->net;
    uint64_t now = loop_now_ns(net->loop);
    for (int i = 0; i < EVICTED_A_ROUND && net_is_full(net); i++) {
        if (now - route->beyond_ns < LOOK_MS * MS)
            return;
        struct conn *conn = most_overdrawn(net);
        if (conn)
            evict(conn, QUOTA_QUEUED_BYTES, "there is no memory for what is beyond it");
        else
            route->beyond_ns = now;
    }
}

void evict_overdone(struct route *route)
{
    struct client *client = route->overdone;
    char sentence[120];
    if (!client)
        return;
    route->overdone = NULL;
    snprintf(sentence, sizeof sentence,
             "limit overlap: more than %d subscriptions or services of this connection match one "
             "subject",
             MAX_OVERLAP);
    conn_end(&client->conn, STATUS_QUOTA, sentence);
}
