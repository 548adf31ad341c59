/*
 * A connection of the floor's broker: what it still has to hear, and whether it is read.
 *
 * What a connection is to hear waits as segments of blocks, and leaves with one sendmsg(2) a turn of the loop,
 * as much as the kernel takes (conn_flush_all). Whoever sends to a connection that has CONN_HIGH bytes waiting
 * is not read until half of that is gone: the loop tells conn_hold() after each read.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/bench/peers/floor_block.h"

#define CONN_HIGH (4u << 20)

struct segment {
    struct block *block;
    size_t at;
    size_t len;
};

/* Of the variant that copies and does nothing else: who hears whom. */
enum side { SIDE_NONE, SIDE_PUBLISHER, SIDE_SUBSCRIBER, SIDE_REQUESTER, SIDE_SERVER, N_SIDES };

struct conn {
    int fd;
    uint64_t id;
    bool is_open; /* it has said HELLO */
    bool is_dirty;
    bool is_blocked; /* the kernel takes no more: EPOLLOUT is awaited */
    bool is_blind;   /* its bytes are passed on unread from here on */
    enum side side;
    struct conn *held_by; /* not read, for this one has too much waiting */
    uint32_t selected;    /* sid of the latest SELECT sent to it */
    unsigned n_subs;

    struct block *in; /* its own read block, while a frame in it is not whole */
    size_t in_at;     /* where the first frame stands that has not been handled */
    struct block *copies;

    struct segment *segments; /* a ring would not be one iovec */
    size_t head, tail, room;
    size_t waiting; /* bytes */
};

/* One that had CONN_HIGH bytes waiting since the read began; NULL: none. */
extern struct conn *conn_full;

/** Takes over a connected descriptor, as connection @p id. Never NULL. */
struct conn *conn_new(int epoll_fd, int fd, uint64_t id);
/** The connection of a descriptor; NULL if there is none. */
struct conn *conn_of(int fd);
/** Closes it, and lets go whom it held. Who subscribed must have been taken out of every table. */
void conn_free(struct conn *conn);

/** Lets a connection hear a piece of a block; a piece behind the last one makes that longer. */
void conn_send(struct conn *conn, struct block *block, size_t at, size_t len);
/** Room for @p len bytes of the connection's own, to be filled at once; at most CONN_MAX_COPY. */
uint8_t *conn_copy(struct conn *conn, size_t len);
#define CONN_MAX_COPY 4096

/** Sends what waits. */
void conn_flush(struct conn *conn);
void conn_flush_all(void);

/** Reads @p conn no more until conn_full has room. */
void conn_hold(struct conn *conn);
