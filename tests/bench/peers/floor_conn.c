#include "tests/bench/peers/floor_conn.h"

#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "tests/bench/peers/bench.h"
#include "tests/bench/peers/floor_wire.h"

#define MAX_CONNS  70000
#define MAX_IOVECS 256

struct conn *conn_full;

/* The connections by descriptor, those with something to send, and those that are not read. */
static struct conn *conns[MAX_CONNS], *dirty[MAX_CONNS], *held[MAX_CONNS];
static unsigned n_dirty, n_held;
static int loop_fd;

static void conn_watch(const struct conn *conn, int op)
{
    struct epoll_event event = { .events = (conn->held_by ? 0 : EPOLLIN) |
                                           (conn->is_blocked ? EPOLLOUT : 0),
                                 .data.fd = conn->fd };

    epoll_ctl(loop_fd, op, conn->fd, &event);
}

struct conn *conn_new(int epoll_fd, int fd, uint64_t id)
{
    struct conn *conn = calloc(1, sizeof(*conn));

    if (!conn || fd >= MAX_CONNS)
        bench_die("no room for another connection");
    loop_fd = epoll_fd;
    conn->fd = fd;
    conn->id = id;
    conns[fd] = conn;
    conn_watch(conn, EPOLL_CTL_ADD);
    return conn;
}

struct conn *conn_of(int fd)
{
    return conns[fd];
}

static void take_out(struct conn *list[], unsigned *n, const struct conn *conn)
{
    for (unsigned i = 0; i < *n; i++) {
        if (list[i] == conn)
            list[i--] = list[--*n];
    }
}

/* -- holding --------------------------------------------------------------------------------- */

void conn_hold(struct conn *conn)
{
    if (!conn_full || conn->held_by)
        return;
    conn->held_by = conn_full;
    held[n_held++] = conn;
    conn_watch(conn, EPOLL_CTL_MOD);
}

static void let_go(const struct conn *full)
{
    for (unsigned i = 0; i < n_held;) {
        struct conn *conn = held[i];

        if (conn->held_by != full) {
            i++;
            continue;
        }
        conn->held_by = NULL;
        conn_watch(conn, EPOLL_CTL_MOD);
        held[i] = held[--n_held];
    }
}

void conn_free(struct conn *conn)
{
    take_out(dirty, &n_dirty, conn);
    take_out(held, &n_held, conn);
    let_go(conn);
    if (conn_full == conn)
        conn_full = NULL;
    while (conn->head < conn->tail)
        block_put(conn->segments[conn->head++].block);
    if (conn->in)
        block_put(conn->in);
    if (conn->copies)
        block_put(conn->copies);
    conns[conn->fd] = NULL;
    close(conn->fd);
    free(conn->segments);
    free(conn);
}

/* -- sending --------------------------------------------------------------------------------- */

static void make_room(struct conn *conn)
{
    const size_t n = conn->tail - conn->head;

    if (conn->head > conn->room / 2) {
        memmove(conn->segments, conn->segments + conn->head, n * sizeof(*conn->segments));
        conn->head = 0;
        conn->tail = n;
        return;
    }
    conn->room = conn->room ? conn->room * 2 : 16;
    conn->segments = realloc(conn->segments, conn->room * sizeof(*conn->segments));
    if (!conn->segments)
        bench_die("no memory for %zu segments", conn->room);
}

void conn_send(struct conn *conn, struct block *block, size_t at, size_t len)
{
    struct segment *last = conn->tail > conn->head ? &conn->segments[conn->tail - 1] : NULL;

    if (last && last->block == block && last->at + last->len == at) {
        last->len += len;
    } else {
        if (conn->tail == conn->room)
            make_room(conn);
        conn->segments[conn->tail++] = (struct segment){ block, at, len };
        block->n_refs++;
    }
    conn->waiting += len;
    if (UNLIKELY(conn->waiting >= CONN_HIGH))
        conn_full = conn;
    if (!conn->is_dirty && !conn->is_blocked) {
        conn->is_dirty = true;
        dirty[n_dirty++] = conn;
    }
}

uint8_t *conn_copy(struct conn *conn, size_t len)
{
    struct block *block = conn->copies;

    if (block && block->n_refs == 1)
        block->used = 0;
    if (!block || block->room - block->used < len) {
        if (block)
            block_put(block);
        conn->copies = block = block_new(BLOCK_SMALL);
    }
    const size_t at = block->used;
    block->used += len;
    conn_send(conn, block, at, len);
    return block->bytes + at;
}

/* As much as one call takes; -1 when the kernel takes nothing. */
static ssize_t send_some(const struct conn *conn, size_t *ret_wanted)
{
    struct iovec iovecs[MAX_IOVECS];
    struct msghdr message = { .msg_iov = iovecs };

    *ret_wanted = 0;
    for (size_t i = conn->head; i < conn->tail && message.msg_iovlen < MAX_IOVECS; i++) {
        const struct segment *segment = &conn->segments[i];

        iovecs[message.msg_iovlen].iov_base = segment->block->bytes + segment->at;
        iovecs[message.msg_iovlen++].iov_len = segment->len;
        *ret_wanted += segment->len;
    }
    return sendmsg(conn->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void conn_sent(struct conn *conn, size_t n)
{
    const bool was_full = conn->waiting >= CONN_HIGH / 2;

    conn->waiting -= n;
    if (n_held && was_full && conn->waiting < CONN_HIGH / 2)
        let_go(conn);
    while (n > 0) {
        struct segment *segment = &conn->segments[conn->head];

        if (n < segment->len) {
            segment->at += n;
            segment->len -= n;
            return;
        }
        n -= segment->len;
        block_put(segment->block);
        conn->head++;
    }
}

/* Asks for EPOLLOUT, or for it no more. */
static void conn_set_blocked(struct conn *conn, bool is_blocked)
{
    if (conn->is_blocked == is_blocked)
        return;
    conn->is_blocked = is_blocked;
    conn_watch(conn, EPOLL_CTL_MOD);
}

void conn_flush(struct conn *conn)
{
    while (conn->head < conn->tail) {
        size_t wanted;
        const ssize_t n = send_some(conn, &wanted);

        conn_sent(conn, n > 0 ? (size_t)n : 0);
        if (n < (ssize_t)wanted) {
            conn_set_blocked(conn, true);
            return;
        }
    }
    conn->head = conn->tail = 0;
    if (conn->copies)
        block_put(conn->copies);
    conn->copies = NULL;
    conn_set_blocked(conn, false);
}

void conn_flush_all(void)
{
    for (unsigned i = 0; i < n_dirty; i++) {
        dirty[i]->is_dirty = false;
        conn_flush(dirty[i]);
    }
    n_dirty = 0;
}
