#include "broker/net/outq.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "broker/net/outq_internal.h"

enum {
    POOLED_ENTRIES_MAX = 4096,
    OWN_BLOCK_MIN = 1024,
    OWN_BLOCK_MAX = LARGE_BLOCK_MIN, /* goes back to the system by itself; a few are kept */
    DROPPED_MIN = 1 << 20, /* less is not worth moving the rest */
};

/* ---- entries ------------------------------------------------------------ */

struct entry *entry_new(struct entry_pool *pool)
{
    struct entry *entry = pool->free;
    if (!entry)
        return malloc(sizeof *entry);
    pool->free = entry->next;
    pool->n_free--;
    return entry;
}

static void entry_free(struct entry_pool *pool, struct entry *entry)
{
    block_unref(entry->block);
    audience_unref(entry->to);
    card_unref(entry->card);
    if (pool->n_free == POOLED_ENTRIES_MAX) {
        free(entry);
        return;
    }
    entry->next = pool->free;
    pool->free = entry;
    pool->n_free++;
}

void entry_pool_deinit(struct entry_pool *pool)
{
    while (pool->free) {
        struct entry *entry = pool->free;
        pool->free = entry->next;
        free(entry);
    }
    *pool = (struct entry_pool){ 0 };
}

void entry_tell(struct entry *entry, bool sent)
{
    while (entry->hooks) {
        struct entry_hook *hook = entry->hooks;
        entry->hooks = hook->next;
        hook->left(hook, sent);
    }
}

void entry_watch(struct entry *entry, struct entry_hook *hook)
{
    hook->next = entry->hooks;
    entry->hooks = hook;
}

/* ---- the list ------------------------------------------------------------ */

void link_before(struct outq *outq, struct entry *entry, struct entry *next)
{
    entry->next = next;
    entry->prev = next ? next->prev : outq->tail;
    *(entry->prev ? &entry->prev->next : &outq->head) = entry;
    *(next ? &next->prev : &outq->tail) = entry;
}

void forget(struct lane *lane, const struct entry *entry)
{
    if (lane->oldest == entry)
        lane->oldest = NULL;
    if (lane->front_gap == entry)
        lane->front_gap = NULL;
    if (lane->tail_gap == entry)
        lane->tail_gap = NULL;
}

void unlink_entry(struct outq *outq, struct entry *entry)
{
    for (uint32_t i = 0; entry->to && i < entry->to->n; i++)
        forget(entry->to->lanes[i], entry);
    if (outq->settled == entry)
        outq->settled = entry->prev;
    if (outq->head == entry)
        outq->head_sent = 0;
    *(entry->prev ? &entry->prev->next : &outq->head) = entry->next;
    *(entry->next ? &entry->next->prev : &outq->tail) = entry->prev;
    entry_free(outq->pool, entry);
}

static void charge(struct entry *entry, uint64_t n, uint32_t len)
{
    const struct audience *to = entry->to;
    for (uint32_t i = 0; to && i < to->n; i++) {
        struct lane *lane = to->lanes[i];
        if (lane->n_messages == 0)
            lane->oldest = entry;
        lane->n_messages += (uint32_t)n;
        lane->n_bytes += len;
        lane->tail_gap = NULL; /* a loss after this message is another gap */
    }
}

void discharge(const struct audience *to, uint64_t n, uint32_t len)
{
    for (uint32_t i = 0; to && i < to->n; i++) {
        to->lanes[i]->n_messages -= (uint32_t)n;
        to->lanes[i]->n_bytes -= len;
    }
}

void outq_init(struct outq *outq, struct entry_pool *pool)
{
    *outq = (struct outq){ .pool = pool };
}

void outq_deinit(struct outq *outq)
{
    while (outq->head) {
        struct entry *entry = outq->head;
        entry_tell(entry, false);
        if (entry->block)
            discharge(entry->to, entry->n, entry->len);
        unlink_entry(outq, entry);
    }
    audience_unref(outq->selected);
    block_unref(outq->own);
    free(outq->peers);
    free(outq->pending);
    struct outq left = *outq;
    outq_init(outq, outq->pool);
    outq->in_burst = left.in_burst; /* it stays in the list */
    outq->next_in_burst = left.next_in_burst;
}

/* ---- in ------------------------------------------------------------------ */

static bool continues(const struct entry *entry, const struct block *block, uint32_t off,
                      const struct audience *to, const struct card *card)
{
    return entry && entry->block == block && entry->off + entry->len == off && entry->to == to &&
           entry->card == card && !entry->hooks;
}

static int push_entry(struct outq *outq, struct block *block, uint32_t off, uint32_t len,
                      uint32_t n, struct audience *to, struct card *card, struct entry **ret)
{
    struct entry *entry = outq->tail;
    bool single = ret || (to && to->single);
    if (!single && continues(entry, block, off, to, card)) {
        entry->len += len;
        entry->n += n;
    } else {
        entry = entry_new(outq->pool);
        if (!entry)
            return -ENOMEM;
        *entry = (struct entry){
            .block = block_ref(block),
            .to = to ? audience_ref(to) : NULL,
            .card = card ? card_ref(card) : NULL,
            .off = off,
            .len = len,
            .n = n,
        };
        link_before(outq, entry, NULL);
    }
    outq->n_bytes += len;
    outq->n_messages += n;
    charge(entry, n, len);
    if (ret)
        *ret = entry;
    return 0;
}

/* An entry each, since each may have to be taken back. */
static int push_requests(struct outq *outq, const struct stretch *stretch, struct audience *service)
{
    uint32_t off = stretch->off;
    for (uint32_t i = 0; i < stretch->n; i++) {
        struct entry *entry;
        uint32_t len = FRAME_PREFIX + load_be32(stretch->block->data + off);
        if (push_entry(outq, stretch->block, off, len, 1, service, NULL, &entry) < 0)
            return -ENOMEM;
        outq->pool->request_queued(outq, entry);
        off += len;
    }
    return 0;
}

static int push_share(struct outq *outq, const struct share *share)
{
    const struct stretch *stretch = &outq->pool->burst->stretches[share->stretch];
    if (share->to && share->to->lanes[0]->is_service)
        return push_requests(outq, stretch, share->to);
    return push_entry(outq, stretch->block, stretch->off, stretch->len, stretch->n, share->to, NULL,
                      NULL);
}

int outq_make_entries(struct outq *outq)
{
    while (outq->first_share && !outq->broken) {
        const struct share *share = &outq->pool->burst->shares[outq->first_share - 1];
        int r = push_share(outq, share);
        outq->first_share = share->next;
        outq->broken = r < 0;
    }
    outq->first_share = 0; /* nothing stands behind a hole */
    return outq->broken ? -ENOMEM : 0;
}

int outq_push(struct outq *outq, struct block *block, uint32_t off, uint32_t len, uint32_t n,
              struct audience *to, struct card *card, struct entry **ret)
{
    if (!to || !to->credentials)
        card = NULL;
    if (outq->pool->burst)
        outq->pool->burst->era++;
    int r = outq_age(outq);
    return r < 0 ? r : push_entry(outq, block, off, len, n, to, card, ret);
}

/* ---- out ----------------------------------------------------------------- */

/* The part of the head that is gone in whole messages leaves the books; the
 * rest of the message that is half gone stays charged in full. */
void outq_consume(struct outq *outq, uint32_t sent)
{
    struct entry *entry = outq->head;
    uint32_t gone = 0;
    uint64_t n = 0;

    sent += outq->head_sent;
    if (sent == entry->len) {
        outq->n_bytes -= entry->len;
        outq->n_messages -= (uint32_t)entry->n;
        outq->n_sent += entry->n;
        discharge(entry->to, entry->n, entry->len);
        unlink_entry(outq, entry);
        return;
    }
    for (uint32_t len; (len = message_len(entry, entry->off + gone)) <= sent - gone; n++)
        gone += len;
    discharge(entry->to, n, gone);
    outq->n_bytes -= gone;
    outq->n_messages -= (uint32_t)n;
    outq->n_sent += n;
    entry->off += gone;
    entry->len -= gone;
    entry->n -= n;
    outq->head_sent = sent - gone;
}

bool outq_remove(struct outq *outq, struct entry *entry)
{
    if (entry == outq->head && outq->head_sent > 0)
        return false;
    entry_tell(entry, false);
    outq->n_dropped += entry->len;
    outq->n_bytes -= entry->len;
    outq->n_messages -= (uint32_t)entry->n;
    discharge(entry->to, entry->n, entry->len);
    unlink_entry(outq, entry);
    return true;
}

void outq_drop_rest(struct outq *outq)
{
    struct entry *last;
    (void)outq_age(outq); /* should that fail, it is not sent either */
    while ((last = outq->tail) && !(last == outq->head && outq->head_sent > 0)) {
        if (last->block)
            outq_remove(outq, last);
        else
            unlink_entry(outq, last);
    }
    outq->n_dropped = 0;
    if (outq->head)
        return;
    block_unref(outq->own);
    outq->own = NULL;
}

/* ---- settling ------------------------------------------------------------ */

static bool own_room(struct outq *outq, uint32_t len)
{
    struct block *own = outq->own;
    if (own && own->refs == 1)
        own->used = 0;
    if (own && own->cap - own->used >= len)
        return true;
    size_t cap = OWN_BLOCK_MIN;
    while (cap < OWN_BLOCK_MAX && cap < outq->n_bytes)
        cap *= 2;
    struct block_pool *blocks = outq->pool->blocks;
    if (cap < len)
        cap = len;
    struct block *next = blocks ? block_pool_new(blocks, cap) : block_new(cap);
    if (!next)
        return false;
    block_unref(own);
    outq->own = next;
    return true;
}

static void copy_out(struct outq *outq, struct entry *entry)
{
    struct block *own = outq->own;
    uint32_t off = own->used;
    memcpy(own->data + off, entry->block->data + entry->off, entry->len);
    own->used += entry->len;
    block_unref(entry->block);
    entry->block = block_ref(own);
    entry->off = off;

    struct entry *prev = entry->prev;
    bool single = entry->hooks || (entry->to && entry->to->single);
    if (single || !continues(prev, own, off, entry->to, entry->card))
        return;
    prev->len += entry->len;
    prev->n += entry->n;
    for (uint32_t i = 0; entry->to && i < entry->to->n; i++) {
        if (entry->to->lanes[i]->oldest == entry)
            entry->to->lanes[i]->oldest = prev;
    }
    unlink_entry(outq, entry);
}

/* What was copied together need not be dropped together: a short message that is left of a
 * block pins all of it. Everything is copied anew, at the cost of what was dropped. */
static void unsettle(struct outq *outq)
{
    block_unref(outq->own);
    outq->own = NULL;
    outq->settled = NULL;
    outq->n_dropped = 0;
}

/* A read block is one that many share: keeping a corner of it alive for a
 * receiver that does not read would pin all of it. */
void outq_settle(struct outq *outq)
{
    if (outq->n_dropped >= outq->n_bytes + DROPPED_MIN)
        unsettle(outq);
    struct entry *entry = outq->settled ? outq->settled->next : outq->head;
    while (entry) {
        struct entry *next = entry->next;
        outq->settled = entry;
        if (entry->block && entry->block != outq->own && entry->len < entry->block->size / 4 &&
            own_room(outq, entry->len))
            copy_out(outq, entry);
        entry = next;
    }
}
