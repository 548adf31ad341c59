#include "broker/net/conn.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "broker/net/conn_internal.h"
#include "broker/net/turns.h"
#include "proto/transport/sys.h"

#define MS UINT64_C(1000000)

/* The timers of the house. */
enum { TIMERS_SPARE = 64 };

enum { RETRY_MS = 20 };

enum { GOODBYE_MAX_WRITTEN = FRAME_PREFIX + 16 + MAX_SENTENCE };

/* ---- what is asked of the loop ------------------------------------------- */

void conn_ask(struct conn *conn)
{
    bool writes = conn->out.blocked && !conn->hung_up && !conn->starved;
    unsigned events = writes ? LOOP_OUT : LOOP_NONE;
    if (conn_may_read(conn))
        events |= LOOP_IN;
    if ((conn->eof || conn->held || conn->hungry) && !conn->hung_up)
        events |= LOOP_HUP; /* it may die while it waits */
    if (loop_mod(conn->net->loop, &conn->io, events) < 0) {
        /* No memory to take it into the set again: it ends, but not in here. */
        conn->deaf = true;
        conn_dirty(conn);
        loop_again(conn->net->loop);
    }
}

void conn_eof(struct conn *conn)
{
    conn->eof = true;
    conn_ask(conn);
}

void conn_hung_up(struct conn *conn)
{
    bool was_known = conn->hung_up;
    conn->hung_up = true;
    if (was_known || !conn_is_live(conn))
        return;
    conn->net->ops->hung_up(conn);
    outq_deinit(&conn->out);
}

static void on_event(struct loop_fd *io, unsigned events)
{
    struct conn *conn = (struct conn *)io;
    if (events & LOOP_HUP) {
        /* Nobody will read what is queued; what was sent to us is still read,
         * and a held connection leaves the poll set until it is its turn. */
        if (conn->eof) {
            conn_cut(conn, conn_farewell(conn), NULL);
            return;
        }
        conn_hung_up(conn);
        if (conn->state == CONN_DEAD) /* no memory to tell it to others */
            return;
        conn_ask(conn);
    }
    if ((events & LOOP_OUT) && !conn->hung_up) {
        conn->writable = true;
        turns_want_write(conn);
    }
    if ((events & (LOOP_IN | LOOP_HUP)) && conn_may_read(conn))
        turns_want_read(conn);
}

/* ---- a kernel without memory ---------------------------------------------- */

static void on_retry(struct timer *timer, uint64_t now_ns)
{
    struct net *net = (struct net *)((char *)timer - offsetof(struct net, retry));
    (void)now_ns;
    for (struct conn *conn = net->all; conn; conn = conn->next) {
        bool was_starved = conn->starved;
        conn->starved = false;
        if (was_starved)
            conn_ask(conn);
    }
}

void conn_starve(struct conn *conn)
{
    struct net *net = conn->net;
    conn->starved = true;
    conn_ask(conn);
    if (!net->retry.place) /* a timer of the house: there is room for it */
        (void)loop_arm(net->loop, &net->retry, loop_now_ns(net->loop) + RETRY_MS * MS);
}

/* ---- deadlines ----------------------------------------------------------- */

/* The farewell lasts as long as the peer goes on taking what is queued for it. */
static bool still_takes(const struct conn *conn)
{
    const struct conn_deadline *deadline = conn->deadline;
    return !outq_is_empty(&conn->out) && !conn->hung_up &&
           (conn->sent_ns > deadline->looked_ns || sys_outq(conn->io.fd) < deadline->unread);
}

static int linger(struct conn *conn);

static void on_timer(struct timer *timer, uint64_t now_ns)
{
    struct conn *conn = ((struct conn_deadline *)timer)->conn;
    (void)now_ns;
    if (conn->state == CONN_GREETING)
        conn_end(conn, STATUS_HELLO_TIMEOUT, NULL);
    else if (!still_takes(conn) || linger(conn) < 0)
        conn_cut(conn, conn_farewell(conn), NULL);
}

/* 0 or -ENOMEM. */
static int set_deadline(struct conn *conn, uint32_t ms)
{
    if (!conn->deadline)
        conn->deadline = calloc(1, sizeof *conn->deadline);
    if (!conn->deadline)
        return -ENOMEM;
    conn->deadline->timer.fn = on_timer;
    conn->deadline->conn = conn;
    conn->deadline->looked_ns = loop_now_ns(conn->net->loop);
    return loop_arm(conn->net->loop, &conn->deadline->timer, conn->deadline->looked_ns + ms * MS);
}

static int linger(struct conn *conn)
{
    int r = set_deadline(conn, conn->net->linger_ms);
    if (r == 0)
        conn->deadline->unread = sys_outq(conn->io.fd);
    return r;
}

void conn_no_deadline(struct conn *conn)
{
    if (conn->deadline)
        loop_disarm(conn->net->loop, &conn->deadline->timer);
    free(conn->deadline);
    conn->deadline = NULL;
}

/* ---- the beginning ------------------------------------------------------- */

/* Each connection has one for itself and one for whom it holds: arming them must
 * never fail. */
int net_reserve_timers(struct net *net, uint32_t n)
{
    net->n_reserved = n;
    return loop_reserve_timers(net->loop, 2 * (net->n_conns + 1) + n + TIMERS_SPARE);
}

int conn_start(struct conn *conn, struct net *net, int fd, struct principal *principal,
               const char *listener)
{
    if (net_reserve_timers(net, net->n_reserved) < 0)
        return -ENOMEM;
    conn->net = net;
    int r = loop_add(net->loop, &conn->io, fd, LOOP_IN, on_event);
    if (r < 0)
        return r;
    if (set_deadline(conn, HELLO_TIMEOUT_MS) == 0)
        conn->card = card_new(&net->identities, net->last_id + 1, principal, listener);
    if (!conn->card) {
        conn_no_deadline(conn);
        loop_del(net->loop, &conn->io);
        return -ENOMEM;
    }
    net->last_id++;
    net->n_conns++;
    conn->card->since_ns = conn->sent_ns = loop_now_ns(net->loop);
    outq_init(&conn->out, &net->entries);
    conn_charge_start(conn);
    conn->next = net->all;
    if (net->all)
        net->all->prev = conn;
    net->all = conn;
    return 0;
}

void conn_open(struct conn *conn)
{
    conn->state = CONN_OPEN;
    (void)account_set(&conn->account, QUOTA_UNAUTHENTICATED_BYTES, 0, NULL);
    conn_no_deadline(conn);
}

/* ---- the end ------------------------------------------------------------- */

static size_t write_goodbye(uint8_t buf[GOODBYE_MAX_WRITTEN], enum status status,
                            const char *sentence)
{
    struct envelope goodbye = { .op = OP_GOODBYE };
    goodbye.goodbye.status = status;
    goodbye.goodbye.sentence = (struct piece){ sentence, strnlen(sentence, MAX_SENTENCE) };
    return envelope_write(buf, GOODBYE_MAX_WRITTEN, &goodbye);
}

/* The reason, as long as the stream stands between two frames: past the queue, which is dropped,
 * and without memory, which may be what is missing. */
static void say_why(const struct conn *conn, enum status status, const char *sentence)
{
    uint8_t buf[GOODBYE_MAX_WRITTEN];
    bool left_by_itself = status == STATUS_LEFT || status == STATUS_VANISHED;
    if (left_by_itself || conn->hung_up || conn->torn || !outq_is_between(&conn->out))
        return;
    (void)sys_send(conn->io.fd, buf, write_goodbye(buf, status, sentence));
}

void conn_cut(struct conn *conn, enum status status, const char *sentence)
{
    struct net *net = conn->net;
    if (conn->state == CONN_DEAD)
        return;
    bool told = conn->state == CONN_ENDING;
    if (!sentence)
        sentence = status_sentence(status);
    if (!told)
        say_why(conn, status, sentence);
    conn->state = CONN_DEAD;
    loop_del(net->loop, &conn->io);
    conn_no_deadline(conn);
    sys_close(conn->io.fd);
    if (!told)
        net->ops->ended(conn, status, sentence);
    outq_deinit(&conn->out);
    block_unref(conn->in);
    conn->in = NULL;
    conn_discharge(conn);
    *(conn->prev ? &conn->prev->next : &net->all) = conn->next;
    if (conn->next)
        conn->next->prev = conn->prev;
    net->n_conns--;
    conn->next = net->dead;
    net->dead = conn;
}

/* Nothing of it is handled any more. */
static void stop_handling(struct conn *conn, enum status status, const char *sentence)
{
    conn->state = CONN_ENDING;
    conn->held = false;
    conn_fed(conn);
    conn_not_indulged(conn);
    conn->net->ops->ended(conn, status, sentence);
    block_unref(conn->in);
    conn->in = NULL;
}

static void begin_farewell(struct conn *conn, enum status status, const char *sentence)
{
    if (linger(conn) < 0) { /* no memory for a deadline: what can be said is said now */
        conn_flush(conn);
        conn_cut(conn, status, sentence);
        return;
    }
    conn_ask(conn);
    conn_dirty(conn);
}

void conn_end(struct conn *conn, enum status status, const char *sentence)
{
    uint8_t buf[GOODBYE_MAX_WRITTEN];
    if (!conn_is_live(conn))
        return;
    if (!sentence)
        sentence = status_sentence(status);
    if (conn_send_bytes(conn, buf, write_goodbye(buf, status, sentence)) < 0) {
        conn_cut(conn, status, sentence);
        return;
    }
    stop_handling(conn, status, sentence);
    begin_farewell(conn, status, sentence);
}

void conn_expel(struct conn *conn, enum status status, const char *sentence)
{
    uint8_t buf[GOODBYE_MAX_WRITTEN];
    if (!conn_is_live(conn))
        return;
    stop_handling(conn, status, sentence);
    outq_drop_rest(&conn->out);
    if (conn_send_bytes(conn, buf, write_goodbye(buf, status, sentence)) < 0)
        conn_cut(conn, status, sentence);
    else
        begin_farewell(conn, status, sentence);
    if (conn->state != CONN_DEAD)
        conn_give_back(conn);
}

void conn_goodbye(struct conn *conn)
{
    conn->said_goodbye = true;
    if (linger(conn) < 0)
        conn_cut(conn, STATUS_LEFT, NULL);
}

void conn_finish(struct conn *conn)
{
    if (conn->state != CONN_LEAVING)
        return;
    conn->state = CONN_ENDING;
    conn->net->ops->ended(conn, conn_farewell(conn), status_sentence(conn_farewell(conn)));
    if (linger(conn) == 0)
        conn_dirty(conn);
    else
        conn_cut(conn, STATUS_VANISHED, NULL);
}

/* ---- the round ----------------------------------------------------------- */

void conn_hold(struct conn *conn)
{
    conn->held = true;
    conn_ask(conn);
}

void conn_resume(struct conn *conn)
{
    if (!conn->held)
        return;
    conn->held = false;
    if (!conn_is_live(conn))
        return;
    conn->is_resumed = true;
    turns_want_read(conn);
}

static void write_one(struct conn *conn)
{
    if (conn->state != CONN_DEAD)
        conn_flush(conn);
    if (conn->deaf && conn->state != CONN_DEAD)
        conn_cut(conn, conn_farewell(conn), NULL);
}

/* Who comes too late is written in its turn. */
static void write_all(struct net *net, uint64_t until_ns)
{
    bool is_late = false;
    struct conn *conn = net->dirty;
    net->dirty = NULL;
    while (conn) {
        struct conn *next = conn->next_dirty;
        conn->is_dirty = false;
        if (is_late && conn_is_live(conn) && !conn->deaf)
            turns_want_write(conn);
        else
            write_one(conn);
        is_late = until_ns != UINT64_MAX && loop_clock_ns() >= until_ns;
        conn = next;
    }
    net_settle(net); /* of those that had a share all have written it */
}

/* Frees the dead, but for those that stand in a list of the next round. */
static void bury(struct net *net)
{
    struct conn *conn = net->dead;
    net->dead = NULL;
    while (conn) {
        struct conn *next = conn->next;
        if (conn->is_dirty || pace_waits(&conn->turn)) {
            conn->next = net->dead;
            net->dead = conn;
        } else {
            card_unref(conn->card);
            net->ops->freed(conn);
        }
        conn = next;
    }
}

void net_flush(struct net *net)
{
    if (net->hungry)
        net_feed(net);
    turns_take(net);
    turns_write(net, write_all);
    if (net->dirty) /* an end in write_all was told to others */
        loop_again(net->loop);
    bury(net);
}

int net_init(struct net *net, struct loop *loop, const struct conn_ops *ops,
             struct counters *counters, struct quota *quota)
{
    memset(net, 0, sizeof *net);
    net->loop = loop;
    net->ops = ops;
    net->counters = counters;
    net->quota = quota;
    net->retry.fn = on_retry;
    net->linger_ms = LINGER_LIMIT_MS;
    net->entries.blocks = &net->blocks;
    net->burst = net->entries.burst = burst_new();
    if (!net->burst)
        return -ENOMEM;
    net->batch.share = BATCH_BYTES_MAX;
    net_limits_changed(net);
    return 0;
}

void net_deinit(struct net *net)
{
    while (net->all)
        conn_cut(net->all, STATUS_SHUTTING_DOWN, NULL);
    while (net->burst && net->dead) /* who stands in line is not freed before its turn */
        net_flush(net);
    if (net->loop)
        loop_disarm(net->loop, &net->retry);
    net->burst = burst_free(net->burst);
    block_pool_deinit(&net->blocks);
    entry_pool_deinit(&net->entries);
}
