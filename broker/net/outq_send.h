/* Sending an output queue: entries to bytes.
 *
 * A batch gathers as many entries as one sendmsg(2) should take. Ahead of a run
 * goes its preamble: PEER where the receiver asked for credentials and does not
 * hold them, SELECT where the audience is another than before. Preambles, gaps
 * and short runs are copied into one scratch piece, so that small messages do
 * not cost an iovec each; long runs are sent from where they lie. While a queue
 * is nothing but shares, a batch is made of those, and if the kernel takes all of
 * it they never become entries.
 */
#pragma once

#include <sys/uio.h>

#include "broker/net/outq.h"
#include "broker/watch/counters.h"

enum {
    BATCH_ENTRIES = 512,
    BATCH_IOVECS = 128,
    BATCH_SCRATCH = 64 << 10,
    BATCH_COPY_MAX = 512, /* runs up to this are cheaper copied than pointed at */
    BATCH_BYTES_MAX = 1 << 20,
    PREAMBLE_MAX = 1024,
};

/* The workplace; one for all connections. */
struct batch {
    struct entry *next;
    struct audience *selected;
    size_t share; /* bytes of one connection at a time; whoever sends sets it, and: */
    bool cuts;    /* no call sends a byte more than that; else what is queued stays in one piece */
    size_t n_bytes;
    size_t scratch_used;
    uint64_t n_messages; /* of shares: how many, */
    uint32_t next_share; /* and where the next batch begins */
    unsigned n_parts;
    int n_iov;
    struct part {
        uint16_t preamble; /* bytes in front */
        uint32_t body;
        uint32_t scratch_at; /* where the preamble lies */
        bool selects;
        bool tells_peer;
        uint8_t place; /* of the table of PEERs, and what it held before */
        uint64_t held;
    } parts[BATCH_ENTRIES];
    struct iovec iov[BATCH_IOVECS];
    uint8_t scratch[BATCH_SCRATCH];
};

/* Sends what is queued, until the queue is empty (returns 1), the kernel takes no more, and
 * then outq->blocked is set, or a round's share is used up (both return 0). -errno:
 * the connection is broken (EPIPE, ECONNRESET), or -ENOMEM. */
int outq_send(struct outq *outq, int fd, struct batch *batch, struct counters *counters);
