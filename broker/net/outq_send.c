#include "broker/net/outq_send.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "broker/net/outq_internal.h"
#include "proto/envelope.h"
#include "proto/transport/sys.h"
#include "proto/writer.h"

/* ---- preambles ----------------------------------------------------------- */

static size_t write_select(uint8_t *buf, const struct audience *to)
{
    struct writer w = { buf + FRAME_PREFIX, buf + PREAMBLE_MAX, false };
    writer_array(&w, 1 + to->n);
    writer_uint(&w, OP_SELECT);
    for (uint32_t i = 0; i < to->n; i++)
        writer_uint(&w, to->lanes[i]->sid);
    size_t len = (size_t)(w.p - buf);
    store_be32(buf, (uint32_t)(len - FRAME_PREFIX));
    return len;
}

static size_t write_gap(uint8_t *buf, const struct entry *gap)
{
    struct envelope envelope = { .op = OP_GAP };
    envelope.gap.sid = gap->to->lanes[0]->sid;
    envelope.gap.count = gap->n;
    envelope.gap.reason = gap->reason;
    return envelope_write(buf, PREAMBLE_MAX, &envelope);
}

static bool peer_is_known(const struct outq *outq, uint64_t id)
{
    return outq->peers && outq->peers[id % PEER_CACHE] == id;
}

/* The place in the table is taken when the frame is written into the batch;
 * should the send fall short before it, undo_rest() takes that back. */
static size_t write_peer(struct outq *outq, uint8_t *buf, const struct card *card,
                         struct part *part)
{
    if (!outq->peers)
        outq->peers = calloc(PEER_CACHE, sizeof *outq->peers);
    if (outq->peers) {
        part->tells_peer = true;
        part->place = (uint8_t)(card->id % PEER_CACHE);
        part->held = outq->peers[part->place];
        outq->peers[part->place] = card->id;
    }
    return card_write_peer(card, buf);
}

/* A SELECT of one small sid, as nearly all are, without ceremony. */
static inline size_t write_select_fast(uint8_t *buf, const struct audience *to)
{
    uint32_t sid = to->lanes[0]->sid;
    if (to->n > 1 || sid > 127)
        return write_select(buf, to);
    store_be32(buf, 3);
    buf[4] = 0x92;
    buf[5] = OP_SELECT;
    buf[6] = (uint8_t)sid;
    return 7;
}

static void write_preamble(struct outq *outq, struct batch *batch, struct entry *entry,
                           struct part *part)
{
    uint8_t *start = batch->scratch + batch->scratch_used;
    uint8_t *p = start;
    if (!entry->block) {
        p += write_gap(p, entry);
    } else if (entry->to) {
        if (entry->card && !peer_is_known(outq, entry->card->id))
            p += write_peer(outq, p, entry->card, part);
        if (!audience_equal(batch->selected, entry->to)) {
            p += write_select_fast(p, entry->to);
            part->selects = true;
            batch->selected = entry->to;
        }
    }
    part->scratch_at = (uint32_t)batch->scratch_used;
    part->preamble = (uint16_t)(p - start);
    batch->scratch_used += part->preamble;
}

/* ---- gathering ----------------------------------------------------------- */

static void add_piece(struct batch *batch, void *bytes, size_t len)
{
    struct iovec *last = batch->n_iov ? &batch->iov[batch->n_iov - 1] : NULL;
    if (last && (uint8_t *)last->iov_base + last->iov_len == bytes)
        last->iov_len += len;
    else
        batch->iov[batch->n_iov++] = (struct iovec){ bytes, len };
    batch->n_bytes += len;
}

static void add_body(struct batch *batch, uint8_t *body, uint32_t len)
{
    if (len <= BATCH_COPY_MAX) {
        memcpy(batch->scratch + batch->scratch_used, body, len);
        body = batch->scratch + batch->scratch_used;
        batch->scratch_used += len;
    }
    add_piece(batch, body, len);
}

static bool batch_has_room(const struct batch *batch)
{
    return batch->n_parts < BATCH_ENTRIES && batch->n_iov + 2 <= BATCH_IOVECS &&
           batch->scratch_used + PREAMBLE_MAX + BATCH_COPY_MAX <= BATCH_SCRATCH &&
           batch->n_bytes < BATCH_BYTES_MAX;
}

static void batch_begin(struct batch *batch, const struct outq *outq)
{
    batch->selected = outq->selected;
    batch->n_bytes = batch->scratch_used = 0;
    batch->n_parts = 0;
    batch->n_iov = 0;
}

static void gather(struct outq *outq, struct batch *batch)
{
    batch_begin(batch, outq);
    if (outq->pending_len > 0)
        add_piece(batch, outq->pending, outq->pending_len);
    uint32_t skip = outq->head_sent;
    struct entry *entry = outq->head;
    for (; entry && batch_has_room(batch); entry = entry->next, skip = 0) {
        struct part *part = &batch->parts[batch->n_parts++];
        *part = (struct part){ .body = entry->len - skip };
        /* Behind a preamble that is half sent, or a body, nothing is selected again:
         * outq->selected was set when that preamble began to leave. */
        if (skip == 0)
            write_preamble(outq, batch, entry, part);
        if (part->preamble > 0)
            add_piece(batch, batch->scratch + part->scratch_at, part->preamble);
        if (entry->block)
            add_body(batch, entry->block->data + entry->off + skip, part->body);
    }
    batch->next = entry;
}

/* ---- what the kernel took ------------------------------------------------ */

static int keep_pending(struct outq *outq, const uint8_t *bytes, size_t len)
{
    if (!outq->pending)
        outq->pending = malloc(PREAMBLE_MAX);
    if (!outq->pending)
        return -ENOMEM;
    memmove(outq->pending, bytes, len);
    outq->pending_len = (uint16_t)len;
    return 0;
}

static void preamble_leaves(struct outq *outq, const struct entry *entry, const struct part *part)
{
    if (!part->selects)
        return;
    struct audience *before = outq->selected;
    outq->selected = audience_ref(entry->to);
    audience_unref(before);
}

/* The last first: the same place may have been taken twice. */
static void undo_rest(struct outq *outq, const struct batch *batch, unsigned from)
{
    for (unsigned i = batch->n_parts; i-- > from;) {
        const struct part *part = &batch->parts[i];
        if (part->tells_peer)
            outq->peers[part->place] = part->held;
    }
}

/* Walks the parts that `sent` bytes cover. The head is always the entry of the
 * part that is looked at. */
static int settle_parts(struct outq *outq, const struct batch *batch, size_t sent,
                        struct counters *counters)
{
    for (unsigned i = 0; i < batch->n_parts; i++) {
        const struct part *part = &batch->parts[i];
        struct entry *entry = outq->head;
        if (sent == 0) {
            undo_rest(outq, batch, i);
            return 0;
        }
        preamble_leaves(outq, entry, part);
        counters->gaps += !entry->block;
        if (sent < part->preamble) {
            undo_rest(outq, batch, i + 1);
            const uint8_t *rest = batch->scratch + part->scratch_at + sent;
            int r = keep_pending(outq, rest, part->preamble - sent);
            if (!entry->block)
                unlink_entry(outq, entry);
            return r;
        }
        sent -= part->preamble;
        if (!entry->block) {
            unlink_entry(outq, entry);
            continue;
        }
        if (sent == 0 && part->body > 0) {
            undo_rest(outq, batch, i + 1);
            return 0;
        }
        entry_tell(entry, true);
        uint32_t taken = sent < part->body ? (uint32_t)sent : part->body;
        sent -= taken;
        bool whole = taken == part->body;
        if (!whole)
            undo_rest(outq, batch, i + 1);
        outq_consume(outq, taken);
        if (!whole)
            return 0;
    }
    return 0;
}

static int take_sent(struct outq *outq, const struct batch *batch, size_t sent,
                     struct counters *counters)
{
    if (sent < outq->pending_len) {
        undo_rest(outq, batch, 0);
        return keep_pending(outq, outq->pending + sent, outq->pending_len - sent);
    }
    sent -= outq->pending_len;
    outq->pending_len = 0;
    return settle_parts(outq, batch, sent, counters);
}

/* ---- shares -------------------------------------------------------------- */

/* What was written into the workplace since `start` is a piece, if it is anything. */
static void end_piece(struct batch *batch, uint8_t **start, uint8_t *end)
{
    if (end > *start)
        add_piece(batch, *start, (size_t)(end - *start));
    *start = end;
}

/* The shares from the first on, as many as fit. */
static void gather_shares(struct outq *outq, struct batch *batch)
{
    const struct burst *burst = outq->pool->burst;
    uint32_t at = outq->first_share;
    uint8_t *start, *p;
    batch_begin(batch, outq);
    batch->n_messages = 0;
    start = p = batch->scratch;
    while (at && p <= batch->scratch + BATCH_SCRATCH - (PREAMBLE_MAX + BATCH_COPY_MAX) &&
           batch->n_iov + 2 <= BATCH_IOVECS && batch->n_bytes < batch->share) {
        const struct share *share = &burst->shares[at - 1];
        const struct stretch *stretch = &burst->stretches[share->stretch];
        uint8_t *body = stretch->block->data + stretch->off;
        if (share->to && !audience_equal(batch->selected, share->to)) {
            p += write_select_fast(p, share->to);
            batch->selected = share->to;
        }
        if (stretch->len <= BATCH_COPY_MAX) {
            memcpy(p, body, stretch->len);
            p += stretch->len;
        } else {
            end_piece(batch, &start, p);
            add_piece(batch, body, stretch->len);
        }
        batch->n_messages += stretch->n;
        at = share->next;
    }
    end_piece(batch, &start, p);
    batch->next_share = at;
}

static void shares_leave(struct outq *outq, const struct batch *batch)
{
    outq->first_share = batch->next_share;
    outq->n_sent += batch->n_messages;
    if (batch->selected == outq->selected)
        return;
    struct audience *before = outq->selected;
    outq->selected = audience_ref(batch->selected);
    audience_unref(before);
}

/* The kernel took a part: as entries, the same bytes would have gone. */
static int shares_stay(struct outq *outq, struct batch *batch, size_t sent,
                       struct counters *counters)
{
    int r = outq_age(outq);
    while (r == 0 && sent > 0) {
        gather(outq, batch);
        size_t n = sent < batch->n_bytes ? sent : batch->n_bytes;
        r = take_sent(outq, batch, n, counters);
        sent -= n;
    }
    return r;
}

/* ---- the whole ----------------------------------------------------------- */

/* The end of the batch stays, as if the kernel had not taken it. */
static void cut_batch(struct batch *batch)
{
    size_t n_bytes = 0;
    int n = 0;
    while (n_bytes < batch->share)
        n_bytes += batch->iov[n++].iov_len;
    batch->iov[n - 1].iov_len -= n_bytes - batch->share;
    batch->n_iov = n;
    batch->n_bytes = batch->share;
}

/* What the kernel took: 0 for "no more now". -errno: the connection is broken. */
static ssize_t send_batch(struct batch *batch, int fd, struct counters *counters)
{
    struct msghdr msg = { .msg_iov = batch->iov, .msg_iovlen = (size_t)batch->n_iov };
    ssize_t sent = sys_sendmsg(fd, &msg);
    counters->writes++;
    if (sent == -EAGAIN || sent == -ENOBUFS || sent == -ENOMEM)
        sent = 0;
    if (sent < 0)
        return sent;
    counters->bytes_out += (uint64_t)sent;
    counters->writes_short += (size_t)sent < batch->n_bytes;
    return sent;
}

/* One batch. *ret_sent: the bytes that have left. */
static int send_some(struct outq *outq, int fd, struct batch *batch, struct counters *counters,
                     size_t *ret_sent)
{
    bool shares = !outq->head && outq->pending_len == 0;
    if (shares)
        gather_shares(outq, batch);
    else
        gather(outq, batch);
    size_t n_bytes = batch->n_bytes;
    if (batch->cuts && n_bytes > batch->share)
        cut_batch(batch);
    ssize_t sent = send_batch(batch, fd, counters);
    if (sent < 0)
        return (int)sent;
    *ret_sent += (size_t)sent;
    outq->blocked = (size_t)sent < batch->n_bytes;
    if (!shares)
        return take_sent(outq, batch, (size_t)sent, counters);
    if ((size_t)sent < n_bytes)
        return shares_stay(outq, batch, (size_t)sent, counters);
    shares_leave(outq, batch);
    return 0;
}

int outq_send(struct outq *outq, int fd, struct batch *batch, struct counters *counters)
{
    size_t sent = 0;
    int r = outq->broken ? -ENOMEM : 0; /* nothing may go that stands behind the hole */
    outq->blocked = false;
    while (r == 0 && !outq->blocked && !outq_is_empty(outq) && sent < batch->share)
        r = send_some(outq, fd, batch, counters, &sent);
    int aged = outq_age(outq); /* after an error too: what is lost with it is counted */
    if (r == 0)
        r = aged;
    if (r < 0)
        return r;
    if (outq_is_empty(outq)) {
        block_unref(outq->own);
        outq->own = NULL;
        free(outq->pending);
        outq->pending = NULL;
    }
    return outq_is_empty(outq);
}
