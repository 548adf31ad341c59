#include "broker/net/conn_internal.h"

#include <errno.h>
#include <string.h>

#include "broker/net/turns.h"
#include "proto/frame.h"
#include "proto/transport/sys.h"

/* Unfinished input may hold 4 x what was received + 4 KiB. */
enum { IN_GROWTH = 4, IN_SPARE = 4096, KEEP_BLOCK_PART = 4 };

/* Room for the frame that has begun, as far as its length is known; never more than
 * the growth allows. */
static uint32_t wanted_cap(const uint8_t *start, uint32_t len)
{
    uint64_t grown = (uint64_t)len * IN_GROWTH + IN_SPARE;
    uint64_t frame = len < FRAME_PREFIX ? FRAME_PREFIX : FRAME_PREFIX + load_be32(start);
    if (frame < len) /* whole frames wait: the connection is held */
        frame = len;
    return (uint32_t)(frame < grown ? frame : grown);
}

static void set_in(struct conn *conn, struct block *block, uint32_t from, uint32_t to)
{
    struct block *old = conn->in;
    conn->in = block;
    conn->in_from = from;
    conn->in_to = to;
    block_unref(old);
}

/* Whether block->data[from .. to) may stay where it is: in a buffer of the connection's own,
 * or, while nothing more is read, in any that it fills well. */
static bool may_stay(const struct conn *conn, const struct block *block, uint32_t from, uint32_t to)
{
    bool waits = conn->held || conn->is_resumed;
    if (waits && block->shared)
        return to - from >= block->cap / KEEP_BLOCK_PART;
    /* Others read on into a read block: nothing of ours may be put behind what is kept there. */
    return block == conn->in && (waits || !block->shared);
}

/* 0 or -ENOMEM. */
static int copy_in(struct conn *conn, const struct block *block, uint32_t from, uint32_t to)
{
    uint32_t len = to - from;
    struct block *in = block_pool_new(&conn->net->blocks, wanted_cap(block->data + from, len));
    if (!in)
        return -ENOMEM;
    memcpy(in->data, block->data + from, len);
    in->used = in->cap;
    set_in(conn, in, 0, len);
    return 0;
}

/* Keeps block->data[from .. to) as the connection's own input. */
static int keep(struct conn *conn, struct block *block, uint32_t from, uint32_t to)
{
    if (from == to)
        set_in(conn, NULL, 0, 0);
    else if (may_stay(conn, block, from, to))
        set_in(conn, block_ref(block), from, to);
    else
        return copy_in(conn, block, from, to);
    return 0;
}

/* There is room behind what is kept of a frame. 0 or -ENOMEM. */
static int make_room(struct conn *conn)
{
    struct block *in = conn->in;
    if (!in || in->shared || conn->in_to < in->cap)
        return 0;
    uint32_t cap = wanted_cap(in->data + conn->in_from, conn->in_to - conn->in_from);
    bool is_kept = cap > in->size && block_pool_keeps(&conn->net->blocks, cap);
    if (conn->in_from > 0 || in->refs > 1 || is_kept)
        return copy_in(conn, in, conn->in_from, conn->in_to);
    in = block_grow(in, cap);
    if (!in)
        return -ENOMEM;
    in->used = in->cap;
    conn->in = in;
    return 0;
}

/* Offers block->data[from .. to), and keeps what is left of it. */
static void feed(struct conn *conn, struct block *block, uint32_t from, uint32_t to)
{
    block_ref(block);
    uint32_t n = conn->net->ops->input(conn, block, from, to);
    if (conn->net->is_interrupted)
        turns_interrupted(conn);
    if (n > 0 && conn->indulged)
        conn_not_indulged(conn);
    if (conn_is_live(conn) && keep(conn, block, from + n, to) < 0)
        conn_end(conn, STATUS_NO_MEMORY, NULL);
    else if (conn->in && conn_is_live(conn))
        conn_book_input(conn);
    block_unref(block);
}

void conn_offer(struct conn *conn)
{
    if (conn->in)
        feed(conn, conn->in, conn->in_from, conn->in_to);
}

/* What GOODBYE gave it time for has come; what it asked has deadlines of its own. */
static void await_answers(struct conn *conn)
{
    conn_no_deadline(conn);
    conn_eof(conn);
}

static void end_of_file(struct conn *conn)
{
    conn->eof = true;
    if (conn->state == CONN_ENDING || conn->hung_up || conn->state == CONN_GREETING) {
        conn_cut(conn, conn_farewell(conn), NULL);
        return;
    }
    conn->state = CONN_LEAVING;
    if (!conn->net->ops->half_closed(conn))
        conn_finish(conn);
    else
        await_answers(conn);
}

/* While a farewell lasts, input is read so that closing does not reset. */
static void drain(struct conn *conn)
{
    uint8_t *scratch = conn->net->batch.scratch;
    ssize_t n = sys_recv(conn->io.fd, scratch, BATCH_SCRATCH);
    if (n == -EAGAIN)
        return;
    conn->deadline->drained += n > 0 ? (uint32_t)n : 0;
    if (n == 0 && !outq_is_empty(&conn->out)) {
        conn_eof(conn); /* it has half-closed, and may still read what is queued */
        return;
    }
    if (n <= 0 || conn->deadline->drained > LINGER_LIMIT_BYTES)
        conn_cut(conn, STATUS_VANISHED, NULL);
}

/* Room behind what is kept. In a read block there is none: what lies there is others'. */
static uint32_t room_in(const struct conn *conn)
{
    return conn->in && !conn->in->shared ? conn->in->cap - conn->in_to : 0;
}

/* Whether the frame that has begun in `in` can be finished there. */
static bool fits_in(const struct conn *conn)
{
    uint32_t have = conn->in_to - conn->in_from;
    return have >= FRAME_PREFIX &&
           (uint64_t)conn->in_from + FRAME_PREFIX + load_be32(conn->in->data + conn->in_from) <=
               conn->in->cap;
}

/* Where the next bytes go: the rest of the frame that has begun, then the read block. */
static int places(struct conn *conn, struct block *shared, size_t most, struct iovec iov[2])
{
    int n = 0;
    if (conn->state == CONN_GREETING)
        most = MAX_HELLO;
    if (conn->in) {
        size_t rest = room_in(conn);
        iov[n++] = (struct iovec){ conn->in->data + conn->in_to, rest < most ? rest : most };
        most -= iov[0].iov_len;
        if (!fits_in(conn))
            return n; /* it has to grow first */
    }
    size_t room = shared->cap - shared->used;
    if (net_is_short(conn->net)) {
        size_t granted = conn_read_room(conn);
        room = granted < room ? granted : room;
    }
    iov[n++] = (struct iovec){ shared->data + shared->used, room < most ? room : most };
    return n;
}

/* The frame that was to be finished waits: what came behind it is kept behind it. */
static int keep_behind(struct conn *conn, const struct block *shared, uint32_t from, uint32_t n)
{
    uint32_t have = conn->in_to - conn->in_from;
    struct block *in = block_pool_new(&conn->net->blocks, (size_t)have + n);
    if (!in)
        return -ENOMEM;
    memcpy(in->data, conn->in->data + conn->in_from, have);
    memcpy(in->data + have, shared->data + from, n);
    in->used = in->cap;
    set_in(conn, in, 0, have + n);
    return 0;
}

static void feed_both(struct conn *conn, struct block *shared, uint32_t n)
{
    uint32_t from = shared->used;
    uint32_t rest = room_in(conn);
    uint32_t n_in = n < rest ? n : rest;
    n -= n_in;
    shared->used += n;
    conn->in_to += n_in;
    conn_offer(conn);
    if (n == 0 || !conn_is_live(conn))
        return;
    if (!conn->in)
        feed(conn, shared, from, from + n);
    else if (keep_behind(conn, shared, from, n) < 0)
        conn_end(conn, STATUS_NO_MEMORY, NULL);
    else
        conn_book_input(conn);
}

void conn_read(struct conn *conn, size_t most)
{
    struct net *net = conn->net;
    if (conn->state == CONN_ENDING) {
        drain(conn);
        return;
    }
    struct block *shared = block_pool_current(&net->blocks);
    if (!shared || make_room(conn) < 0) {
        conn_end(conn, STATUS_NO_MEMORY, NULL);
        return;
    }
    struct iovec iov[2];
    struct msghdr msg = { .msg_iov = iov };
    msg.msg_iovlen = (size_t)places(conn, shared, most, iov);
    ssize_t n = sys_recvmsg(conn->io.fd, &msg);
    net->counters->reads++;
    if (n == -EAGAIN)
        return;
    if (n < 0) {
        conn_cut(conn, n == -ENOMEM ? STATUS_NO_MEMORY : STATUS_VANISHED, NULL);
    } else if (msg.msg_flags & MSG_CTRUNC) {
        /* Without a control buffer the kernel has closed the descriptors already. */
        conn_end(conn, STATUS_UNEXPECTED_FDS, NULL);
    } else if (n == 0) {
        end_of_file(conn);
    } else {
        net->counters->bytes_in += (uint64_t)n;
        conn->bytes_in += (uint64_t)n;
        block_ref(shared); /* answers may go into it while input is still in it */
        feed_both(conn, shared, (uint32_t)n);
        block_unref(shared);
    }
}
