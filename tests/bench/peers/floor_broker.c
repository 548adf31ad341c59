#include "tests/bench/peers/floor_broker.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/bench/peers/bench.h"
#include "tests/bench/peers/floor_frames.h"
#include "tests/bench/peers/floor_socket.h"
#include "tests/bench/peers/floor_wire.h"

#define MAX_EVENTS 256
#define LEAST_ROOM (64 << 10) /* in the block that all share, for a read */
#define LEAST_OWN  (4 << 10)  /* in a connection's own */

static struct block *shared; /* what connections without an unfinished frame read into */

/* -- reading --------------------------------------------------------------------------------- */

static struct block *shared_block(void)
{
    if (shared && shared->n_refs == 1)
        shared->used = 0;
    if (shared && shared->room - shared->used < LEAST_ROOM) {
        block_put(shared);
        shared = NULL;
    }
    if (!shared)
        shared = block_new(block_usual());
    return shared;
}

/* Where the next read of a connection goes: behind its unfinished frame, if there is one. */
static struct block *block_to_read(struct conn *conn)
{
    struct block *block = conn->in;

    if (!block) {
        block = shared_block();
        conn->in_at = block->used;
    }
    return block;
}

/*
 * Handles the whole frames of a block.
 * @param ret_need  bytes of the one that is not whole, as far as is known
 * @return false to end the connection
 */
static bool take_frames(struct conn *conn, struct block *block, size_t *ret_need)
{
    size_t at = conn->in_at;
    bool ok = true;

    *ret_need = FRAME_PREFIX;
    while (ok && !conn->is_blind && block->used - at >= FRAME_PREFIX) {
        const size_t len = FRAME_PREFIX + (size_t)load_be32(block->bytes + at);

        if (UNLIKELY(len > FRAME_PREFIX + MAX_FRAME))
            return false;
        if (block->used - at < len) {
            *ret_need = len;
            break;
        }
        ok = frames_take(conn, block, at, len);
        at += conn->is_blind ? 0 : len;
    }
    conn->in_at = at;
    return ok;
}

/* The block goes to the next reader, or stays with the connection for the rest of a frame. */
static void keep_rest(struct conn *conn, struct block *block, size_t need)
{
    const size_t rest = block->used - conn->in_at;

    if (rest == 0) {
        if (conn->in)
            block_put(conn->in);
        conn->in = NULL;
    } else if (conn->in_at + need > block->room || block->room - block->used < LEAST_OWN) {
        struct block *fresh = block_new(need > block_usual() ? need : block_usual());

        memcpy(fresh->bytes, block->bytes + conn->in_at, rest);
        fresh->used = rest;
        if (conn->in)
            block_put(conn->in);
        else
            block->used = conn->in_at;
        conn->in = fresh;
        conn->in_at = 0;
    } else if (!conn->in) {
        conn->in = block;
        shared = NULL;
    }
}

static void conn_end(struct conn *conn)
{
    frames_end();
    conn_flush(conn);
    frames_remove(conn);
    conn_free(conn);
}

static void conn_read(struct conn *conn)
{
    struct block *block = block_to_read(conn);
    const ssize_t n =
        recv(conn->fd, block->bytes + block->used, block->room - block->used, MSG_DONTWAIT);
    size_t need;

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0) {
        conn_end(conn);
        return;
    }
    block->used += (size_t)n;
    conn_full = NULL;
    if (!take_frames(conn, block, &need)) {
        conn_end(conn);
        return;
    }
    frames_end();
    if (conn->is_blind) {
        frames_pass(conn, block, conn->in_at, block->used - conn->in_at);
        conn->in_at = block->used;
    }
    keep_rest(conn, block, need);
    conn_hold(conn);
}

/* -- the loop -------------------------------------------------------------------------------- */

static void accept_one(int epoll, int listener)
{
    static uint64_t latest_id;
    int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

    if (fd < 0)
        return;
    socket_set_buffer(fd);
    conn_new(epoll, fd, ++latest_id);
}

static void handle(int epoll, int listener, const struct epoll_event *event)
{
    struct conn *conn;

    if (event->data.fd == listener) {
        accept_one(epoll, listener);
        return;
    }
    conn = conn_of(event->data.fd);
    if (conn && (event->events & EPOLLOUT))
        conn_flush(conn);
    if (conn && (event->events & (EPOLLIN | EPOLLHUP | EPOLLERR)))
        conn_read(conn);
}

int floor_broker_run(void)
{
    struct epoll_event events[MAX_EVENTS], event = { .events = EPOLLIN };
    const int listener = socket_listen();
    const int epoll = epoll_create1(EPOLL_CLOEXEC);

    if (bench_options->chunk)
        block_set_usual(bench_options->chunk);
    frames_init(strcmp(bench_options->variant, "copy-nothing") == 0);
    event.data.fd = listener;
    if (epoll < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event) < 0)
        bench_die("epoll: %s", strerror(errno));
    for (;;) {
        const int n = epoll_wait(epoll, events, MAX_EVENTS, -1);

        for (int i = 0; i < n; i++)
            handle(epoll, listener, &events[i]);
        conn_flush_all();
    }
}
