#include "broker/net/conn.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "broker/net/conn_read.h"
#include "proto/transport/sys.h"

#define MS UINT64_C(1000000)

/* The timers of the house. */
enum { TIMERS_SPARE = 64 };

/* ---- what is asked of the loop ------------------------------------------- */

static void ask(struct conn *conn)
{
    unsigned events = conn->out.blocked && !conn->hung_up ? LOOP_OUT : LOOP_NONE;
    if (!conn->held && !conn->eof)
        events |= LOOP_IN;
    loop_mod(conn->net->loop, &conn->io, events);
}

static void on_event(struct loop_fd *io, unsigned events)
{
    struct conn *conn = (struct conn *)io;
    if (events & LOOP_HUP) {
        /* Nobody will read what is queued; what was sent to us is still read,
         * and a held connection leaves the poll set until it is its turn. */
        conn->hung_up = true;
        if (conn->eof) {
            conn_cut(conn, STATUS_VANISHED, NULL);
            return;
        }
        ask(conn);
    }
    if ((events & LOOP_OUT) && !conn->hung_up)
        conn_dirty(conn);
    if ((events & (LOOP_IN | LOOP_HUP)) && !conn->held && !conn->eof)
        conn_read(conn);
}

static void on_timer(struct timer *timer, uint64_t now_ns)
{
    struct conn *conn = (struct conn *)((char *)timer - offsetof(struct conn, timer));
    (void)now_ns;
    if (conn->state == CONN_GREETING)
        conn_end(conn, STATUS_HELLO_TIMEOUT, NULL);
    else
        conn_cut(conn, STATUS_VANISHED, NULL);
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
    struct card *card = card_new(net->last_id + 1, principal);
    if (!card)
        return -ENOMEM;
    conn->net = net;
    conn->timer.fn = on_timer;
    int r = loop_add(net->loop, &conn->io, fd, LOOP_IN, on_event);
    if (r == 0) {
        r = loop_arm(net->loop, &conn->timer, loop_now_ns(net->loop) + HELLO_TIMEOUT_MS * MS);
        if (r < 0)
            loop_del(net->loop, &conn->io);
    }
    if (r < 0) {
        *principal = card->principal;
        free(card);
        return r;
    }
    net->last_id++;
    net->n_conns++;
    conn->card = card;
    conn->listener = listener;
    conn->since_ns = conn->sent_ns = loop_now_ns(net->loop);
    outq_init(&conn->out, &net->entries);
    conn->next = net->all;
    if (net->all)
        net->all->prev = conn;
    net->all = conn;
    return 0;
}

void conn_open(struct conn *conn)
{
    conn->state = CONN_OPEN;
    loop_disarm(conn->net->loop, &conn->timer);
}

/* ---- the end ------------------------------------------------------------- */

void conn_cut(struct conn *conn, enum status status, const char *sentence)
{
    struct net *net = conn->net;
    if (conn->state == CONN_DEAD)
        return;
    bool told = conn->state == CONN_ENDING;
    conn->state = CONN_DEAD;
    loop_del(net->loop, &conn->io);
    loop_disarm(net->loop, &conn->timer);
    sys_close(conn->io.fd);
    if (!told)
        net->ops->ended(conn, status, sentence ? sentence : status_sentence(status));
    outq_deinit(&conn->out);
    block_unref(conn->in);
    conn->in = NULL;
    *(conn->prev ? &conn->prev->next : &net->all) = conn->next;
    if (conn->next)
        conn->next->prev = conn->prev;
    net->n_conns--;
    conn->next = net->dead;
    net->dead = conn;
}

static void send_goodbye(struct conn *conn, enum status status, const char *sentence)
{
    size_t len = strnlen(sentence, MAX_SENTENCE);
    uint8_t buf[FRAME_PREFIX + 16 + MAX_SENTENCE];
    struct envelope goodbye = { .op = OP_GOODBYE };
    goodbye.goodbye.status = status;
    goodbye.goodbye.sentence = (struct piece){ sentence, len };
    conn_send_bytes(conn, buf, envelope_write(buf, sizeof buf, &goodbye));
}

static int linger(struct conn *conn)
{
    struct loop *loop = conn->net->loop;
    return loop_arm(loop, &conn->timer, loop_now_ns(loop) + conn->net->linger_ms * MS);
}

void conn_end(struct conn *conn, enum status status, const char *sentence)
{
    if (!conn_is_live(conn))
        return;
    if (!sentence)
        sentence = status_sentence(status);
    send_goodbye(conn, status, sentence);
    conn->state = CONN_ENDING;
    conn->held = false;
    conn->net->ops->ended(conn, status, sentence);
    block_unref(conn->in);
    conn->in = NULL;
    if (linger(conn) < 0) {
        conn_cut(conn, status, sentence);
        return;
    }
    ask(conn);
    conn_dirty(conn);
}

void conn_finish(struct conn *conn)
{
    if (conn->state != CONN_LEAVING)
        return;
    conn->state = CONN_ENDING;
    conn->net->ops->ended(conn, conn->said_goodbye ? STATUS_LEFT : STATUS_VANISHED,
                          status_sentence(conn->said_goodbye ? STATUS_LEFT : STATUS_VANISHED));
    if (linger(conn) == 0)
        conn_dirty(conn);
    else
        conn_cut(conn, STATUS_VANISHED, NULL);
}

/* ---- writing ------------------------------------------------------------- */

void conn_dirty(struct conn *conn)
{
    if (conn->is_dirty || conn->state == CONN_DEAD)
        return;
    conn->is_dirty = true;
    conn->next_dirty = conn->net->dirty;
    conn->net->dirty = conn;
}

int conn_send_bytes(struct conn *conn, const void *bytes, size_t len)
{
    struct block *block = block_pool_current(&conn->net->blocks);
    if (!block)
        return -ENOMEM;
    uint32_t off = block->used;
    memcpy(block->data + off, bytes, len);
    block->used += (uint32_t)len;
    int r = outq_push(&conn->out, block, off, (uint32_t)len, 1, NULL, NULL, NULL);
    if (r == 0)
        conn_dirty(conn);
    return r;
}

void conn_send(struct conn *conn, const struct envelope *envelope)
{
    uint8_t buf[ENVELOPE_MAX_WRITTEN];
    if (!conn_is_live(conn))
        return;
    if (conn->out.n_bytes > CONN_QUEUE_BYTES + CONTROL_RESERVE) {
        conn_end(conn, STATUS_NOT_READING, NULL);
        return;
    }
    size_t len = envelope_write(buf, sizeof buf, envelope);
    if (len == 0 || conn_send_bytes(conn, buf, len) < 0)
        conn_cut(conn, STATUS_NO_MEMORY, NULL);
}

/* The kernel's default holds 278 small unread sends; while a connection
 * streams it may have more. Both calls may fail, and nothing is lost then. */
enum { LARGE_SNDBUF = 1 << 20, SMALL_SNDBUF = 106496, LARGE_FOR_MS = 1000 };

static void set_buffer(struct conn *conn, bool large)
{
    int size = large ? LARGE_SNDBUF : SMALL_SNDBUF;
    conn->large_buffer = large;
    if (sys_setsockopt_int(conn->io.fd, SOL_SOCKET, SO_SNDBUFFORCE, size) < 0)
        (void)sys_setsockopt_int(conn->io.fd, SOL_SOCKET, SO_SNDBUF, size);
}

static void size_buffer(struct conn *conn)
{
    uint64_t now = loop_now_ns(conn->net->loop);
    if (conn->out.blocked) {
        conn->blocked_ns = now;
        if (!conn->large_buffer)
            set_buffer(conn, true);
    } else if (conn->large_buffer && now - conn->blocked_ns > LARGE_FOR_MS * MS) {
        set_buffer(conn, false);
    }
}

static void flushed(struct conn *conn)
{
    if (conn->state != CONN_ENDING || conn->shut)
        return;
    conn->shut = true;
    if (conn->eof || conn->hung_up || sys_shutdown(conn->io.fd, SHUT_WR) < 0)
        conn_cut(conn, STATUS_VANISHED, NULL);
}

static void flush(struct conn *conn)
{
    struct net *net = conn->net;
    bool was_blocked = conn->out.blocked;
    if (conn->hung_up && outq_is_empty(&conn->out))
        return;
    uint64_t before = net->counters->bytes_out;
    int r = outq_send(&conn->out, conn->io.fd, &net->batch, net->counters);
    if (net->counters->bytes_out != before) {
        conn->sent_ns = loop_now_ns(net->loop);
        conn->bytes_out += net->counters->bytes_out - before;
    }
    if (r < 0 && !conn->eof && conn->state != CONN_ENDING && r != -ENOMEM) {
        /* Nobody reads any more; what the peer has sent before is still read. */
        conn->hung_up = true;
        outq_deinit(&conn->out);
    } else if (r < 0) {
        conn_cut(conn, STATUS_VANISHED, NULL);
        return;
    }
    size_buffer(conn);
    if (conn->out.blocked)
        outq_settle(&conn->out);
    if (conn->out.blocked != was_blocked || r < 0)
        ask(conn);
    if (r == 0 && !conn->out.blocked) {
        conn_dirty(conn); /* its share of the round is used up */
        outq_settle(&conn->out);
        loop_again(net->loop);
    }
    if (conn->wants_room)
        net->ops->room(conn);
    if (outq_is_empty(&conn->out))
        flushed(conn);
}

/* ---- the round ----------------------------------------------------------- */

void conn_hold(struct conn *conn)
{
    conn->held = true;
    ask(conn);
}

void conn_resume(struct conn *conn)
{
    struct net *net = conn->net;
    if (!conn->held)
        return;
    conn->held = false;
    if (conn->is_resumed || !conn_is_live(conn))
        return;
    conn->is_resumed = true;
    conn->next_resumed = NULL;
    *net->resumed_tail = conn;
    net->resumed_tail = &conn->next_resumed;
    loop_again(net->loop);
}

static void go_on(struct net *net)
{
    struct conn *conn = net->resumed;
    net->resumed = NULL;
    net->resumed_tail = &net->resumed;
    while (conn) {
        struct conn *next = conn->next_resumed;
        conn->is_resumed = false;
        if (conn_is_live(conn) && !conn->held)
            conn_offer(conn);
        if (conn_is_live(conn) && !conn->held)
            ask(conn);
        conn = next;
    }
}

static void write_out(struct net *net)
{
    struct conn *conn = net->dirty;
    net->dirty = NULL;
    while (conn) {
        struct conn *next = conn->next_dirty;
        conn->is_dirty = false;
        if (conn->state != CONN_DEAD)
            flush(conn);
        conn = next;
    }
}

/* Frees the dead, but for those that stand in a list of the next round. */
static void bury(struct net *net)
{
    struct conn *conn = net->dead;
    net->dead = NULL;
    while (conn) {
        struct conn *next = conn->next;
        if (conn->is_dirty || conn->is_resumed) {
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
    go_on(net);
    write_out(net);
    bury(net);
}

int net_init(struct net *net, struct loop *loop, const struct conn_ops *ops,
             struct counters *counters)
{
    memset(net, 0, sizeof *net);
    net->loop = loop;
    net->ops = ops;
    net->counters = counters;
    net->resumed_tail = &net->resumed;
    net->linger_ms = LINGER_LIMIT_MS;
    return 0;
}

void net_deinit(struct net *net)
{
    while (net->all)
        conn_cut(net->all, STATUS_SHUTTING_DOWN, NULL);
    net_flush(net);
    block_pool_deinit(&net->blocks);
    entry_pool_deinit(&net->entries);
}
