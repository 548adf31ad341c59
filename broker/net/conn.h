/* Connections: descriptors to frames, and queues to descriptors.
 *
 * A `struct net` is what all connections of a broker share: the loop, the
 * pools, the workplace, the list of those that have something to write. A
 * `struct conn` is embedded, as its first member, in what the layer above makes
 * of a client; that layer allocates it and hands bytes back as consumed.
 *
 * Reading: one recvmsg(2) a connection and round, of at most 256 KiB, into the
 * read block that all share. What the layer above does not consume, a frame that
 * is not whole yet or all that stands behind a frame that must wait, moves to
 * a buffer of the connection's own (`in`), which grows with what was received,
 * never with what a length claims. Writing: everything that is queued in a round
 * leaves at its end, by one sendmsg(2) a connection as a rule (outq_send.h).
 *
 * What it keeps is charged to its account (guard/account.h): bytes and messages that are
 * queued, input that waits, and the kernel's send buffer. conn_grant.c and conn_buffer.c do
 * that; a message that is sent in the round in which it came pays a comparison.
 *
 * A connection ends in one of three ways: conn_end (the broker ends it: GOODBYE,
 * half-close, and a bounded time for the peer to read it), by the peer's
 * end of file, or by an error of the socket. However it ends, ops->ended is
 * called exactly once; the memory is given back by ops->freed at the end of the
 * round, so a connection may end inside any callback, its own included.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "broker/guard/card.h"
#include "broker/guard/quota.h"
#include "broker/loop/loop.h"
#include "broker/net/block.h"
#include "broker/net/outq.h"
#include "broker/net/outq_send.h"
#include "broker/watch/counters.h"
#include "proto/envelope.h"
#include "proto/status.h"

struct conn;

struct conn_ops {
    /* Bytes from `from` up to `to` of the block, at least one. Returns how many of them
     * were consumed (whole frames); the rest is offered again, with more behind it. */
    uint32_t (*input)(struct conn *conn, struct block *block, uint32_t from, uint32_t to);
    /* The peer has half-closed; it still reads. Returns whether anything may still have
     * to be sent to it later (open calls); if not, the connection closes when its queue is empty. */
    bool (*half_closed)(struct conn *conn);
    /* The peer is gone altogether: nothing sent to it arrives any more. What it had sent
     * is still offered, which may take long if it is held; then it ends. */
    void (*hung_up)(struct conn *conn);
    /* The connection is over, for the reason `status`. No call into it from now on. */
    void (*ended)(struct conn *conn, enum status status, const char *sentence);
    void (*freed)(struct conn *conn);
    /* Its queue has become shorter (only if conn->wants_room). */
    void (*room)(struct conn *conn);
    /* It was refused more of a kind. Whether somebody gave something up for it; others, and no
     * more than others, may have ended. */
    bool (*refused)(struct conn *conn, enum quota_kind kind);
};

struct net {
    struct loop *loop;
    const struct conn_ops *ops;
    struct counters *counters;
    struct block_pool blocks;
    struct entry_pool entries;
    struct burst *burst;      /* of the round */
    struct quota *quota;      /* of the accounts of all connections; outlives it */
    struct conn *dirty;       /* have something to write */
    struct conn *dead;        /* to be freed at the end of the round */
    struct conn *all;         /* newest first */
    struct conn_more *more;   /* of all that have one */
    struct conn_more *hungry; /* whose input waits for a grant, the longest first */
    struct timer more_timer;
    uint64_t overdrawn;     /* what all have queued beyond their grants, */
    uint64_t overdraft_max; /* and how much that may be; */
    uint64_t unasked_max;   /* what an empty queue may be sent in a round without being granted:
                                * nothing while there is more */
    uint64_t blocks_max;    /* bytes that blocks may take */
    uint64_t reclaimed_ns;  /* when all had to give back what they did not use */
    uint64_t turn_until_ns; /* when the turn at hand is over, */
    uint32_t look_at;       /* and where in the input at hand the clock is looked at */
    uint64_t cpu_ns;        /* processor time that was used, when it was looked at */
    uint64_t cpu_looked_ns;
    struct pace_user arrivals; /* who is not connected yet, and its place in line */
    struct pace_turn door;
    void (*let_in)(void *userdata, uint64_t until_ns);
    void *let_in_userdata;
    struct identities identities;
    struct timer retry;  /* of those that are starved */
    bool is_interrupted; /* by the end of its turn: the rest of the input goes on later */
    uint32_t n_conns;
    uint32_t linger_ms;  /* how long a farewell may take */
    uint32_t n_reserved; /* timers that others than connections may have armed */
    uint64_t last_id;
    struct batch batch;
};

enum conn_state {
    CONN_GREETING, /* before HELLO */
    CONN_OPEN,
    CONN_LEAVING, /* the peer has half-closed */
    CONN_ENDING,  /* GOODBYE is queued, input is thrown away */
    CONN_DEAD,
};

/* What a connection has only while it greets, and while it takes its leave. */
struct conn_deadline {
    struct timer timer;
    struct conn *conn;
    uint64_t looked_ns; /* when the farewell was last looked at */
    int unread;         /* bytes in the kernel then */
    uint32_t drained;   /* bytes thrown away since GOODBYE */
};

/* What a connection has only while it holds more than every connection may, or has been blocked of
 * late. */
struct conn_more {
    struct conn *conn;
    struct conn_more *next;
    struct conn_more *prev;
    struct conn_more *next_hungry;
    uint64_t blocked_ns;    /* when the kernel last took less than there was */
    uint64_t refused_round; /* the last in which it was refused more, */
    uint32_t refused_bytes; /* and the least that it was refused then */
    uint32_t refused_messages;
    uint32_t overdraft; /* what is queued beyond the grant */
    uint32_t n_reserve; /* bytes of control frames that were queued beyond it */
    bool has_buffer;    /* its send buffer was raised, or holds more than it may now */
    uint64_t read_ns;   /* when bytes_in was looked at, and what it was (route/evict.c) */
    uint64_t read_bytes;
};

/* In order of use: what every event looks at is in the first cache line, what every message
 * that leaves looks at in the next two. */
struct conn {
    struct loop_fd io;
    uint8_t state;
    bool held : 1;    /* input waits (route/hold.h) */
    bool hung_up : 1; /* the peer is gone altogether */
    bool is_dirty : 1;
    bool is_resumed : 1; /* what it has kept goes on when it is its turn, ahead of what is read */
    bool eof : 1;
    bool shut : 1; /* we have half-closed */
    bool wants_room : 1;
    bool said_goodbye : 1;
    bool writable : 1;   /* the loop says so, of a queue that is blocked */
    bool hungry : 1;     /* input waits until more is granted … */
    bool indulged : 1;   /* … or does not, though none is: the only one of its uid */
    bool has_input : 1;  /* the loop says so */
    bool has_output : 1; /* that goes on in its turn */
    bool deaf : 1;       /* the loop could not take it back: it ends as soon as it may */
    bool torn : 1;       /* a send went wrong in the middle: nobody knows where the stream stands */
    bool starved : 1;    /* the kernel has room, and no memory: it is asked again a little later */
    int unread;          /* SIOCOUTQ at unread_ns */
    struct net *net;
    struct card *card;
    struct account account; /* of all that it holds here */
    struct block *in;       /* unconsumed input: in->data[in_from .. in_to) */
    uint32_t in_from;
    uint32_t in_to;
    struct outq out;
    struct conn *next_dirty;
    struct pace_turn turn;
    uint64_t bytes_in;
    uint64_t bytes_out;
    uint64_t sent_ns;               /* when the kernel last took something */
    struct conn_more *more;         /* NULL: it has no need of one */
    uint64_t unread_ns;             /* when `unread` was looked at, or was found to be less */
    struct conn_deadline *deadline; /* NULL: it has none */
    struct conn *next;
    struct conn *prev;
};

/* 0 or -ENOMEM. */
int net_init(struct net *net, struct loop *loop, const struct conn_ops *ops,
             struct counters *counters, struct quota *quota);
void net_deinit(struct net *net);
/* The end of a round: goes on with who was held, writes, frees. */
void net_flush(struct net *net);

/* Starts a connection on a *conn that is zeroed but for its account, which is open, and stays the
 * caller's to close: takes over fd and *principal (on success only).
 * 0, -ENOMEM, or what the loop said. */
int conn_start(struct conn *conn, struct net *net, int fd, struct principal *principal,
               const char *listener);
/* HELLO was right: the first deadline is over. */
void conn_open(struct conn *conn);

/* Writes what is in the burst, ahead of the end of the round. May end connections. */
void net_write_burst(struct net *net);
/* Lets all of the burst age: the books of all lanes are right, and no audience is borrowed any
 * more. */
void net_settle(struct net *net);

/* Queues the connection for writing at the end of the round. */
static inline void conn_dirty(struct conn *conn)
{
    if (conn->is_dirty || conn->state == CONN_DEAD)
        return;
    conn->is_dirty = true;
    conn->next_dirty = conn->net->dirty;
    conn->net->dirty = conn;
}
/* Writes now, ahead of the end of the round, unless the kernel takes no more: what is queued
 * need not overflow a small queue while its reader keeps up. May end the connection. */
void conn_write_now(struct conn *conn);
/* Queues a control frame. Past the connection's limit and its reserve, the
 * connection ends (NOT_READING). */
void conn_send(struct conn *conn, const struct envelope *envelope);
/* Queues bytes that the caller has made: whole control frames, at most READ_ROOM_MIN. */
int conn_send_bytes(struct conn *conn, const void *bytes, size_t len);

/* Ends it with a reason: GOODBYE, then the bounded farewell. `sentence` (NULL: the status's
 * own) is copied. Idempotent. */
void conn_end(struct conn *conn, enum status status, const char *sentence);
/* The peer has said GOODBYE: it has a bounded time to half-close. */
void conn_goodbye(struct conn *conn);
/* Cuts it at once. Idempotent. */
void conn_cut(struct conn *conn, enum status status, const char *sentence);

/* Whether the turn at hand is over, by the clock and by what is yet to be written on behalf of its
 * user: then `input` stops where it is, and goes on when it is its turn again. */
static inline bool net_turn_is_over(struct net *net, uint64_t n_delivered)
{
    enum { BYTES_PER_NS = 4 }; /* what a sendmsg(2) copies */
    net->is_interrupted = loop_clock_ns() + n_delivered / BYTES_PER_NS >= net->turn_until_ns;
    return net->is_interrupted;
}

/* Something was as dear as so many bytes of input. */
static inline void net_look_sooner(struct net *net, uint32_t n_bytes)
{
    net->look_at -= n_bytes < net->look_at ? n_bytes : net->look_at;
}

/* Its input stops being handled / goes on when it is its turn. */
void conn_hold(struct conn *conn);
void conn_resume(struct conn *conn);
/* Makes sure that `n` timers can be armed besides those that connections may need. 0 or
 * -ENOMEM. */
int net_reserve_timers(struct net *net, uint32_t n);
/* Ends it like conn_end, and gives up at once what is queued for it: it holds too much. What the
 * peer reads is the rest of the message that has begun to leave, and GOODBYE. */
void conn_expel(struct conn *conn, enum status status, const char *sentence);
/* A half-closed connection has nothing more to wait for (the last open call ended). */
void conn_finish(struct conn *conn);

static inline bool conn_is_live(const struct conn *conn)
{
    return conn->state < CONN_ENDING;
}

/* ---- what it may keep (conn_grant.c) ------------------------------------------ */

/* All connections that have an account in the net's quota. */
struct account_walk net_accounts(struct net *net);
static inline struct conn *conn_of_account(struct account *account)
{
    return (struct conn *)((char *)account - offsetof(struct conn, account));
}

/* What it keeps of input, or will: the whole of a frame that has begun. */
uint64_t conn_input(const struct conn *conn);
/* Bytes queued, both ways. */
static inline uint64_t conn_queued(const struct conn *conn)
{
    return conn->out.n_bytes + (conn->in ? conn_input(conn) : 0);
}
/* Whether so many bytes and messages in all are granted; asks for more if they are not. */
bool conn_raise(struct conn *conn, uint64_t n_bytes, uint64_t n_messages);
static inline bool conn_covers(struct conn *conn, uint64_t n_bytes, uint64_t n_messages)
{
    return (n_bytes <= conn->account.use[QUOTA_QUEUED_BYTES] &&
            n_messages <= conn->account.use[QUOTA_QUEUED_MESSAGES]) ||
           conn_raise(conn, n_bytes, n_messages);
}
/* Bytes that its queue may hold more, as far as they are granted already; a limit that it
 * is over leaves nothing. */
uint32_t conn_left(const struct conn *conn);
/* The most it could be granted now. */
uint64_t conn_room(const struct conn *conn, enum quota_kind kind);

/* Whether a new entry of `len` bytes fits: one always fits an empty queue. */
static inline bool conn_fits(struct conn *conn, size_t len)
{
    (void)outq_age(&conn->out); /* should that fail, it ends soon */
    if (outq_is_empty(&conn->out))
        return true;
    return conn->out.n_bytes + len <= CONN_QUEUE_BYTES &&
           conn_covers(conn, conn_queued(conn) + len, (uint64_t)conn->out.n_messages + 1);
}

/* What is written in the round in which it came is not charged; if the kernel does not take it, it
 * is, and some of it may be more than is granted: an overdraft. If there are more of them than
 * may be, nothing is taken in that is not granted before. */
static inline bool net_is_short(const struct net *net)
{
    return net->unasked_max == 0;
}
/* Whether blocks take more memory than queued-bytes has in all. */
static inline bool net_is_full(const struct net *net)
{
    return net->blocks.n_bytes > net->blocks_max;
}
/* The quota has other limits now. */
void net_limits_changed(struct net *net);
