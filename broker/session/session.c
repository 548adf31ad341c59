#include "broker/session/session.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "broker/guard/admission.h"
#include "broker/route/dest.h"
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

static void on_freed(struct conn *conn)
{
    struct client *client = (struct client *)conn;
    slab_give(client->refusal);
    slab_give(client);
}

static void on_room(struct conn *conn)
{
    hold_room((struct client *)conn);
}

static const struct conn_ops conn_ops = {
    .input = ingest,
    .half_closed = on_half_closed,
    .hung_up = on_hung_up,
    .ended = on_ended,
    .freed = on_freed,
    .room = on_room,
};

static const struct route_ops route_ops = {
    .sub_ended = tell_ended,
    .lost = event_loss,
};

/* ---- the whole ----------------------------------------------------------------- */

int session_init(struct session *session, struct loop *loop, struct counters *counters)
{
    memset(session, 0, sizeof *session);
    session->loop = loop;
    session->counters = counters;
    session->own_uid = getuid();
    session->events_tail = &session->events;
    if (getrandom(session->instance, INSTANCE_LEN, 0) != INSTANCE_LEN)
        return -errno;
    int r = net_init(&session->net, loop, &conn_ops, counters);
    if (r == 0)
        r = route_init(&session->route, &session->net, &route_ops);
    if (r < 0)
        return r;
    clients_register(session);
    subjects_register(session);
    return 0;
}

void session_deinit(struct session *session)
{
    net_deinit(&session->net);
    events_free(session);
    route_deinit(&session->route);
}

void session_round(struct session *session)
{
    events_publish(session);
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

static void refuse(struct session *session, int fd, const struct principal *who,
                   enum status status, const char *sentence)
{
    struct counters *counters = session->counters;
    counters->refused_denied += status == STATUS_DENIED;
    counters->refused_identity += status == STATUS_NO_IDENTITY;
    counters->refused_memory += status == STATUS_NO_MEMORY;
    counters->refused_shutdown += status == STATUS_SHUTTING_DOWN;
    if (!sentence)
        sentence = status_sentence(status);
    if (who)
        log_info("connection refused: %s (uid %u, pid %d)", sentence, who->uid, who->pid);
    else
        log_info("connection refused: %s", sentence);
    session_turn_away(fd, status, sentence);
    sys_close(fd);
}

static void admit(struct session *session, int fd, struct principal *principal,
                  const char *listener)
{
    struct client *client = slab_take(&session->route.slab, sizeof *client);
    if (client) {
        *client = (struct client){ .route = &session->route };
        if (conn_start(&client->conn, &session->net, fd, principal, listener) == 0)
            return;
        slab_give(client);
    }
    refuse(session, fd, principal, STATUS_NO_MEMORY, NULL);
}

void session_adopt(struct session *session, int fd, const char *listener)
{
    struct principal principal = PRINCIPAL_INIT;
    const char *sentence = NULL;
    session->counters->accepted++;
    bool known = principal_from_socket(&principal, fd, PRINCIPAL_LABEL | PRINCIPAL_EXECUTABLE) == 0;
    int status = admission_check(known ? &principal : NULL, session->own_uid, &sentence);
    if (session->draining)
        refuse(session, fd, known ? &principal : NULL, STATUS_SHUTTING_DOWN, NULL);
    else if (status != STATUS_OK)
        refuse(session, fd, known ? &principal : NULL, (enum status)status, sentence);
    else
        admit(session, fd, &principal, listener);
    principal_deinit(&principal);
}

void session_drain(struct session *session)
{
    session->draining = true;
    session->net.linger_ms = DRAIN_LIMIT_MS;
    for (struct conn *conn = session->net.all, *next; conn; conn = next) {
        next = conn->next;
        conn_end(conn, STATUS_SHUTTING_DOWN, NULL);
    }
}
