#include "broker/net/conn.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "broker/net/conn_internal.h"
#include "broker/net/turns.h"
#include "proto/transport/sys.h"

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
    size_t len = envelope_write(buf, sizeof buf, envelope);
    if (!conn_may_say(conn, len))
        conn_end(conn, STATUS_NOT_READING, NULL);
    else if (len == 0 || conn_send_bytes(conn, buf, len) < 0)
        conn_cut(conn, STATUS_NO_MEMORY, NULL);
}

/* What a peer that seems to stand still is compared with. */
static void look_at_unread(struct conn *conn)
{
    conn->unread = sys_outq(conn->io.fd);
    conn->unread_ns = loop_now_ns(conn->net->loop);
}

static void flushed(struct conn *conn)
{
    if (conn->state != CONN_ENDING || conn->shut)
        return;
    conn->shut = true;
    if (conn->eof || conn->hung_up || sys_shutdown(conn->io.fd, SHUT_WR) < 0)
        conn_cut(conn, STATUS_VANISHED, NULL);
}

/* Sends what the kernel takes. false: the connection is cut. */
static bool send_some(struct conn *conn)
{
    struct net *net = conn->net;
    uint64_t before = net->counters->bytes_out;
    int r = outq_send(&conn->out, conn->io.fd, &net->batch, net->counters);
    if (net->counters->bytes_out != before) {
        conn->torn = r < 0;
        conn->sent_ns = loop_now_ns(net->loop);
        conn->bytes_out += net->counters->bytes_out - before;
    }
    if (r >= 0)
        return true;
    bool is_gone = r == -EPIPE || r == -ECONNRESET;
    if (conn->eof || conn->state == CONN_ENDING || !is_gone) {
        conn_cut(conn, r == -ENOMEM ? STATUS_NO_MEMORY : conn_farewell(conn), NULL);
        return false;
    }
    /* Nobody reads any more; what the peer has sent before is still read. One that reads all
     * the same would miss what is dropped now, so it sees the end. */
    (void)sys_shutdown(conn->io.fd, SHUT_WR);
    conn_hung_up(conn);
    outq_deinit(&conn->out);
    return conn->state != CONN_DEAD;
}

static void write_queue(struct conn *conn)
{
    bool was_blocked = conn->out.blocked;
    bool has_room = conn->writable;
    uint64_t before = conn->bytes_out;
    conn->writable = false;
    if (!send_some(conn))
        return;
    if (has_room && conn->out.blocked && conn->bytes_out == before)
        conn_starve(conn);
    if (conn->out.blocked && (!was_blocked || conn->sent_ns == loop_now_ns(conn->net->loop)))
        look_at_unread(conn);
    if (conn->out.blocked)
        conn_buffer_blocked(conn, was_blocked);
    if (conn->out.blocked != was_blocked || conn->hung_up)
        conn_ask(conn);
    if (!outq_is_empty(&conn->out) && !conn->out.blocked) {
        turns_want_write(conn); /* its share is used up */
        loop_again(conn->net->loop);
    }
    if (conn->wants_room)
        conn->net->ops->room(conn);
    if (outq_is_empty(&conn->out))
        flushed(conn);
}

void conn_write_now(struct conn *conn)
{
    if (conn_is_live(conn) && !conn->hung_up && !conn->out.blocked)
        conn_flush(conn);
}

void conn_flush(struct conn *conn)
{
    if (conn->hung_up && outq_is_empty(&conn->out))
        return;
    if (!conn->out.blocked || conn->writable)
        write_queue(conn);
    if (conn->state == CONN_DEAD)
        return;
    if (outq_age(&conn->out) < 0) {
        conn_cut(conn, STATUS_NO_MEMORY, NULL);
        return;
    }
    if (!outq_is_empty(&conn->out))
        outq_settle(&conn->out);
    if (conn->more || !outq_is_empty(&conn->out))
        conn_book(conn);
}

/* ---- the burst ----------------------------------------------------------- */

static struct conn *next_in_burst(struct net *net)
{
    struct outq *outq = burst_pop(net->burst);
    return outq ? (struct conn *)((char *)outq - offsetof(struct conn, out)) : NULL;
}

void net_write_burst(struct net *net)
{
    struct conn *conn;
    while ((conn = next_in_burst(net))) {
        if (conn->state != CONN_DEAD)
            conn_flush(conn);
    }
    burst_clear(net->burst);
}

void net_settle(struct net *net)
{
    struct conn *conn;
    while ((conn = next_in_burst(net)))
        (void)outq_age(&conn->out); /* one that fails is broken, and ends when the round writes */
    burst_clear(net->burst);
}
