#include "broker/net/conn_read.h"

#include <errno.h>
#include <string.h>

#include "proto/frame.h"
#include "proto/transport/sys.h"

/* Unfinished input may hold 4 x what was received + 4 KiB. */
enum { IN_GROWTH = 4, IN_SPARE = 4096, KEEP_BLOCK_PART = 4 };

/* Bytes of the frame that `in` begins with, as far as its length is known; never more than
 * the growth allows. */
static uint32_t wanted_cap(const uint8_t *start, uint32_t len)
{
    uint64_t grown = (uint64_t)len * IN_GROWTH + IN_SPARE;
    uint64_t frame = len < FRAME_PREFIX ? FRAME_PREFIX : FRAME_PREFIX + load_be32(start);
    if (frame < len) /* whole frames wait: the connection is held */
        frame = len;
    return (uint32_t)(frame < grown ? frame : grown);
}

/* Keeps block->data[from .. to) as the connection's own input. A held connection's large rest keeps
 * the block instead of a copy. */
static int keep(struct conn *conn, struct block *block, uint32_t from, uint32_t to)
{
    struct block *old = conn->in;
    uint32_t len = to - from;
    if (len == 0) {
        conn->in = NULL;
        block_unref(old);
        return 0;
    }
    if (block == old && (conn->held || old->used < old->cap)) {
        conn->in_from = from;
        return 0;
    }
    if (conn->held && block->pool && len >= block->cap / KEEP_BLOCK_PART) {
        conn->in = block_ref(block);
        conn->in_from = from;
        block_unref(old);
        return 0;
    }
    struct block *in = block_new(wanted_cap(block->data + from, len));
    if (!in)
        return -ENOMEM;
    memcpy(in->data, block->data + from, len);
    in->used = len;
    conn->in = in;
    conn->in_from = 0;
    block_unref(old);
    return 0;
}

/* Offers block->data[from .. to), and keeps what is left of it. */
static void feed(struct conn *conn, struct block *block, uint32_t from, uint32_t to)
{
    block_ref(block);
    uint32_t n = conn->net->ops->input(conn, block, from, to);
    if (conn_is_live(conn) && keep(conn, block, from + n, to) < 0)
        conn_end(conn, STATUS_NO_MEMORY, NULL);
    block_unref(block);
}

void conn_offer(struct conn *conn)
{
    if (conn->in)
        feed(conn, conn->in, conn->in_from, conn->in->used);
}

static void end_of_file(struct conn *conn)
{
    conn->eof = true;
    if (conn->state == CONN_ENDING || conn->hung_up || conn->state == CONN_GREETING) {
        conn_cut(conn, conn->said_goodbye ? STATUS_LEFT : STATUS_VANISHED, NULL);
        return;
    }
    conn->state = CONN_LEAVING;
    if (!conn->net->ops->half_closed(conn))
        conn_finish(conn);
    else
        loop_mod(conn->net->loop, &conn->io, conn->out.blocked ? LOOP_OUT : LOOP_NONE);
}

/* While a farewell lasts, input is read so that closing does not reset. */
static void drain(struct conn *conn)
{
    uint8_t *scratch = conn->net->batch.scratch;
    ssize_t n = sys_recv(conn->io.fd, scratch, BATCH_SCRATCH);
    if (n == -EAGAIN)
        return;
    conn->drained += n > 0 ? (uint32_t)n : 0;
    if (n <= 0 || conn->drained > LINGER_LIMIT_BYTES)
        conn_cut(conn, STATUS_VANISHED, NULL);
}

/* Where the next bytes go: the rest of the frame that has begun, then the read block. */
static int places(struct conn *conn, struct block *shared, struct iovec iov[2])
{
    int n = 0;
    size_t most = conn->state == CONN_GREETING ? MAX_HELLO : READ_BLOCK;
    struct block *in = conn->in;
    if (in) {
        size_t rest = in->cap - in->used;
        iov[n++] = (struct iovec){ in->data + in->used, rest < most ? rest : most };
        if (FRAME_PREFIX + load_be32(in->data) > in->cap || in->used < FRAME_PREFIX)
            return n; /* it has to grow first */
        most -= iov[0].iov_len;
    }
    size_t room = shared->cap - shared->used;
    iov[n++] = (struct iovec){ shared->data + shared->used, room < most ? room : most };
    return n;
}

static void feed_both(struct conn *conn, struct block *shared, uint32_t n)
{
    uint32_t from = shared->used;
    if (conn->in) {
        uint32_t rest = conn->in->cap - conn->in->used;
        uint32_t to_in = n < rest ? n : rest;
        conn->in->used += to_in;
        n -= to_in;
        shared->used += n;
        conn_offer(conn);
    } else {
        shared->used += n;
    }
    if (n == 0 || !conn_is_live(conn))
        return;
    if (!conn->in) {
        feed(conn, shared, from, from + n);
        return;
    }
    /* The first frame did not go through (the connection is held): what came behind it
     * is kept behind it. */
    struct block *in = block_new((size_t)(conn->in->used - conn->in_from) + n);
    if (!in) {
        conn_end(conn, STATUS_NO_MEMORY, NULL);
        return;
    }
    in->used = conn->in->used - conn->in_from;
    memcpy(in->data, conn->in->data + conn->in_from, in->used);
    memcpy(in->data + in->used, shared->data + from, n);
    in->used += n;
    block_unref(conn->in);
    conn->in = in;
    conn->in_from = 0;
}

void conn_read(struct conn *conn)
{
    struct net *net = conn->net;
    if (conn->state == CONN_ENDING) {
        drain(conn);
        return;
    }
    struct block *shared = block_pool_current(&net->blocks);
    if (!shared) {
        conn_end(conn, STATUS_NO_MEMORY, NULL);
        return;
    }
    struct iovec iov[2];
    struct msghdr msg = { .msg_iov = iov };
    msg.msg_iovlen = (size_t)places(conn, shared, iov);
    ssize_t n = sys_recvmsg(conn->io.fd, &msg);
    net->counters->reads++;
    if (n == -EAGAIN)
        return;
    if (n < 0) {
        conn_cut(conn, STATUS_VANISHED, NULL);
    } else if (msg.msg_flags & MSG_CTRUNC) {
        /* Without a control buffer the kernel has closed the descriptors already. */
        conn_end(conn, STATUS_UNEXPECTED_FDS, NULL);
    } else if (n == 0) {
        end_of_file(conn);
    } else {
        net->counters->bytes_in += (uint64_t)n;
        conn->bytes_in += (uint64_t)n;
        feed_both(conn, shared, (uint32_t)n);
    }
}
