#include "broker/session/session.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <unistd.h>

#include "broker/route/dest.h"
#include "broker/route/evict.h"
#include "broker/route/hold.h"
#include "broker/session/handlers.h"
#include "broker/session/ingest.h"
#include "broker/watch/log.h"
#include "proto/transport/sys.h"

/* ---- what connections ask for ------------------------------------------------ */

static bool on_half_closed(struct conn *conn)
{
    struct client *client = (struct client *)conn;
    route_forget(client->route, client, true);
    return client->n_calls > 0;
}

static void on_hung_up(struct conn *conn)
{
    struct client *client = (struct client *)conn;
    route_hung_up(client->route, client);
}

static uint64_t *counter_of(struct counters *counters, enum status status, bool said_hello)
{
    if (status == STATUS_LEFT)
        return &counters->left;
    if (status == STATUS_VANISHED)
        return &counters->vanished;
    return said_hello ? &counters->expelled : &counters->refused_hello;
}

static void on_ended(struct conn *conn, enum status status, const char *sentence)
{
    struct client *client = (struct client *)conn;
    struct counters *counters = client->route->counters;
    route_forget(client->route, client, false);
    ++*counter_of(counters, status, client->said_hello);
    if (status != STATUS_LEFT && status != STATUS_VANISHED && status != STATUS_SHUTTING_DOWN)
        log_info("client %llu (%s, uid %u, pid %d) ended: %s",
                 (unsigned long long)conn->card->id, card_name(conn->card),
                 card_principal(conn->card)->uid, conn->card->pid, sentence);
    if (!client->said_hello)
        return;
    client->route->n_clients--;
    event_left(client, status, sentence);
}

static void client_free(struct client *client)
{
    slab_give(client->refusal);
    rights_unref(client->rights);
    account_close(&client->conn.account);
    slab_give(client);
}

static void on_freed(struct conn *conn)
{
    client_free((struct client *)conn);
}

static void on_room(struct conn *conn)
{
    hold_room((struct client *)conn);
}

static bool on_refused(struct conn *conn, enum quota_kind kind)
{
    return evict_for((struct client *)conn, kind);
}

static const struct conn_ops conn_ops = {
    .input = ingest,
    .half_closed = on_half_closed,
    .hung_up = on_hung_up,
    .ended = on_ended,
    .freed = on_freed,
    .room = on_room,
    .refused = on_refused,
};

static void on_sub_ended(struct client *client, uint32_t sid)
{
    tell_ended(client, sid, STATUS_ENDED);
}

static const struct route_ops route_ops = {
    .sub_ended = on_sub_ended,
    .lost = event_loss,
};

/* ---- limits -------------------------------------------------------------------- */

/* sysconf(3), getrlimit(2): 0 where they do not say. */
static void limits_for_here(struct limits *limits)
{
    long n_pages = sysconf(_SC_PHYS_PAGES);
    long page = sysconf(_SC_PAGE_SIZE);
    struct rlimit files = { 0, 0 };
    if (getrlimit(RLIMIT_NOFILE, &files) < 0 || files.rlim_cur == RLIM_INFINITY)
        files.rlim_cur = 0;
    limits_default(limits);
    limits_fit(limits, n_pages > 0 && page > 0 ? (uint64_t)n_pages * (uint64_t)page : 0,
               files.rlim_cur);
}

void session_set_limits(struct session *session, const struct limits *limits)
{
    struct account_walk walk = net_accounts(&session->net);
    quota_set_limits(&session->quota, limits, &walk);
    net_limits_changed(&session->net);
}

/* ---- the whole ----------------------------------------------------------------- */

int session_init(struct session *session, struct loop *loop, struct counters *counters)
{
    memset(session, 0, sizeof *session);
    session->loop = loop;
    session->counters = counters;
    session->events_tail = &session->events;
    if (getrandom(session->instance, INSTANCE_LEN, 0) != INSTANCE_LEN)
        return -errno;
    struct limits limits;
    limits_for_here(&limits);
    quota_init(&session->quota, &limits, getuid());
    int r = net_init(&session->net, loop, &conn_ops, counters, &session->quota);
    if (r == 0)
        r = route_init(&session->route, &session->net, &route_ops);
    if (r == 0)
        r = policy_default(&session->policy);
    if (r < 0)
        return r;
    clients_register(session);
    subjects_register(session);
    users_register(session);
    explain_register(session);
    return 0;
}

void session_deinit(struct session *session)
{
    net_deinit(&session->net);
    events_free(session);
    route_deinit(&session->route);
    session->policy = policy_unref(session->policy);
    quota_deinit(&session->quota);
}

void session_round(struct session *session)
{
    events_publish(session);
    if (session->route.overdone)
        evict_overdone(&session->route);
    if (net_is_full(&session->net))
        evict_beyond(&session->route);
    net_flush(&session->net);
    dest_sweep(&session->route);
    if (session->events)
        loop_again(session->loop);
}

/* ---- coming and going ------------------------------------------------------------ */

void session_turn_away(int fd, enum status status, const char *sentence)
{
    uint8_t buf[FRAME_PREFIX + 16 + MAX_SENTENCE];
    struct envelope envelope = { .op = OP_GOODBYE };
    envelope.goodbye.status = status;
    envelope.goodbye.sentence = piece_of(sentence ? sentence : status_sentence(status));
    size_t len = envelope_write(buf, sizeof buf, &envelope);
    (void)sys_send(fd, buf, len);
}

static void log_refused(const struct principal *who, const char *sentence)
{
    if (who)
        log_info("connection refused: %s (uid %u, pid %d)", sentence, who->uid, who->pid);
    else
        log_info("connection refused: %s", sentence);
}

static void refuse(struct session *session, int fd, const struct principal *who, enum status status,
                   const char *sentence)
{
    struct counters *counters = session->counters;
    counters->refused_denied += status == STATUS_DENIED;
    counters->refused_identity += status == STATUS_NO_IDENTITY;
    counters->refused_quota += status == STATUS_QUOTA;
    counters->refused_memory += status == STATUS_NO_MEMORY;
    counters->refused_shutdown += status == STATUS_SHUTTING_DOWN;
    if (!sentence)
        sentence = status_sentence(status);
    if (status != STATUS_QUOTA) /* of which there may be many */
        log_refused(who, sentence);
    session_turn_away(fd, status, sentence);
    sys_close(fd);
}

/* Charged, and nothing more yet. NULL: *ret_status says why, *refusal which limit it was. */
static struct client *client_new(struct session *session, uid_t uid, enum status *ret_status,
                                 struct quota_refusal *refusal)
{
    struct client *client = slab_take(&session->route.slab, sizeof *client);
    *ret_status = STATUS_NO_MEMORY;
    if (!client)
        return NULL;
    *client = (struct client){ .route = &session->route };
    *ret_status = account_open(&client->conn.account, &session->quota, uid, refusal);
    if (*ret_status == STATUS_OK)
        return client;
    slab_give(client);
    return NULL;
}

static enum status no_identity(int error)
{
    return error == -ENOMEM ? STATUS_NO_MEMORY : STATUS_NO_IDENTITY;
}

/* STATUS_OK: *principal and fd are taken over. */
static enum status admit(struct session *session, struct client *client, int fd,
                         struct principal *principal, const char *listener,
                         char sentence[PERMIT_TEXT_MAX])
{
    struct policy_peer peer = { KIND_UNIX, principal };
    int r = principal_complete(principal, fd, PRINCIPAL_LABEL | PRINCIPAL_EXECUTABLE);
    if (r < 0)
        return no_identity(r);
    if (rights_of(session->policy, &peer, &client->rights) < 0)
        return STATUS_NO_MEMORY;
    const struct policy_rule *rule = policy_keeps_out(session, client->rights, principal);
    if (rule) {
        policy_sentence(client->rights, rule, sentence);
        return STATUS_DENIED;
    }
    r = conn_start(&client->conn, &session->net, fd, principal, listener);
    return r < 0 ? STATUS_NO_MEMORY : STATUS_OK;
}

static bool admit_or_refuse(struct session *session, struct client *client, int fd,
                            struct principal *principal, const char *listener)
{
    char sentence[PERMIT_TEXT_MAX];
    enum status status = admit(session, client, fd, principal, listener, sentence);
    if (status == STATUS_OK)
        return true;
    refuse(session, fd, status == STATUS_NO_IDENTITY ? NULL : principal, status,
           status == STATUS_DENIED ? sentence : NULL);
    client_free(client);
    return false;
}

static void refuse_charge(struct session *session, int fd, const struct principal *principal,
                          enum status status, const struct quota_refusal *refusal)
{
    char sentence[REFUSAL_TEXT_MAX];
    bool is_limit = status == STATUS_QUOTA;
    refuse(session, fd, principal, status, is_limit ? refusal_text(refusal, sentence) : NULL);
    if (is_limit)
        refusal_log(refusal, sentence);
}

/* Many may come at once of whom few may stay: of the others nothing is asked but the uid. Who stays
 * pays for it. */
static void adopt(struct session *session, int fd, struct principal *principal,
                  const char *listener)
{
    struct quota_refusal refusal;
    enum status status;
    uint64_t from_ns = loop_clock_ns();
    struct client *client = client_new(session, principal->uid, &status, &refusal);
    if (client && admit_or_refuse(session, client, fd, principal, listener))
        pace_spent(&client->conn.account.user->pace, loop_clock_ns() - from_ns);
    else if (!client)
        refuse_charge(session, fd, principal, status, &refusal);
}

void session_adopt(struct session *session, int fd, const char *listener)
{
    struct principal principal = PRINCIPAL_INIT;
    session->counters->accepted++;
    int r = principal_begin(&principal, fd);
    if (session->draining)
        refuse(session, fd, r == 0 ? &principal : NULL, STATUS_SHUTTING_DOWN, NULL);
    else if (r < 0)
        refuse(session, fd, NULL, no_identity(r), NULL);
    else
        adopt(session, fd, &principal, listener);
    principal_deinit(&principal);
}

/* To tell one may be the end of another, also of the next: then from the start. */
void session_drain(struct session *session)
{
    session->draining = true;
    session->net.linger_ms = DRAIN_LIMIT_MS;
    for (struct conn *conn = session->net.all, *next; conn; conn = next) {
        next = conn->next;
        conn_end(conn, STATUS_SHUTTING_DOWN, NULL);
        if (next && next->state == CONN_DEAD)
            next = session->net.all;
    }
}
