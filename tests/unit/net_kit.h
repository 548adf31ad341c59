/* What the tests of the output queue share: lanes, cards, blocks of real
 * MESSAGE frames, and a check of the books that may be called after every step.
 *
 * A message carries its number as its payload's first eight bytes, so that who
 * reads the stream knows which one it is.
 */
#pragma once

#include "broker/net/outq.h"
#include "broker/net/outq_internal.h"
#include "broker/net/slab.h"
#include "proto/envelope.h"
#include "proto/frame.h"
#include "tests/kit/runner.h"
#include "tests/unit/unit.h"

enum { LANES_MAX = 8, NET_KIT_BLOCK = 64 << 10 };

struct queue {
    struct slab slab;
    struct entry_pool pool;
    struct outq outq;
    struct lane *lanes[LANES_MAX];
    uint32_t n_lanes;
    struct block *block; /* what messages are written into */
};

static inline void queue_open(struct queue *q, uint32_t n_lanes)
{
    *q = (struct queue){ .n_lanes = n_lanes };
    outq_init(&q->outq, &q->pool);
    for (uint32_t i = 0; i < n_lanes; i++) {
        q->lanes[i] = slab_take(&q->slab, sizeof(struct lane));
        assert_non_null(q->lanes[i]);
        lane_init(q->lanes[i], i + 1, 1 << 20, 1 << 16);
    }
    q->block = block_new(NET_KIT_BLOCK);
    assert_non_null(q->block);
}

static inline void queue_close(struct queue *q)
{
    outq_deinit(&q->outq);
    assert_int_equal(q->outq.n_bytes, 0);
    q->pool.burst = burst_free(q->pool.burst);
    for (uint32_t i = 0; i < q->n_lanes; i++) {
        assert_int_equal(q->lanes[i]->n_messages, 0);
        assert_int_equal(q->lanes[i]->n_bytes, 0);
        assert_int_equal(q->lanes[i]->solo.refs, 1);
        assert_null(q->lanes[i]->oldest);
        assert_null(q->lanes[i]->front_gap);
        assert_null(q->lanes[i]->tail_gap);
        lane_unref(q->lanes[i]);
    }
    assert_int_equal(q->block->refs, 1);
    block_unref(q->block);
    entry_pool_deinit(&q->pool);
    slab_deinit(&q->slab);
}

/* Writes MESSAGE `number` of `size` payload bytes (at least 8) into the block. */
static inline uint32_t put_message(struct queue *q, uint64_t number, uint64_t id, uint32_t size)
{
    struct frame frame = {
        .op = OP_MESSAGE,
        .id = id,
        .subject = "a.b",
        .subject_len = 3,
        .payload_len = size,
    };
    if (q->block->cap - q->block->used < FRAME_MAX_HEAD + size) {
        block_unref(q->block);
        q->block = block_new(NET_KIT_BLOCK);
        assert_non_null(q->block);
    }
    uint8_t *p = q->block->data + q->block->used;
    uint32_t head = (uint32_t)frame_write_head(p, &frame);
    memset(p + head, (int)(number & 0xff), size);
    store_be64(p + head, number);
    q->block->used += head + size;
    return head + size;
}

/* Queues message `number`; returns its length. */
static inline uint32_t push_message(struct queue *q, struct audience *to, uint64_t number,
                                    uint32_t size)
{
    uint32_t len = put_message(q, number, 7, size);
    assert_int_equal(outq_push(&q->outq, q->block, q->block->used - len, len, 1, to, NULL, NULL),
                     0);
    return len;
}

static inline uint32_t push_control(struct queue *q, uint64_t number)
{
    struct envelope pong = { .op = OP_PONG, .ref = number };
    if (q->block->cap - q->block->used < 32) {
        block_unref(q->block);
        q->block = block_new(NET_KIT_BLOCK);
        assert_non_null(q->block);
    }
    uint32_t off = q->block->used;
    uint32_t len = (uint32_t)envelope_write(q->block->data + off, 32, &pong);
    q->block->used += len;
    assert_int_equal(outq_push(&q->outq, q->block, off, len, 1, NULL, NULL, NULL), 0);
    return len;
}

static struct identities identities;

static inline struct card *make_card(uint64_t id)
{
    struct principal who = PRINCIPAL_INIT;
    who.uid = (uid_t)(1000 + id);
    who.gid = 100;
    who.pid = 4711;
    struct card *card = card_new(&identities, id, &who, "test");
    assert_non_null(card);
    return card;
}

static inline bool is_queued(const struct outq *outq, const struct entry *entry)
{
    const struct entry *e = outq->head;
    while (e && e != entry)
        e = e->next;
    return e != NULL;
}

static inline uint32_t count_entries(const struct outq *outq)
{
    uint32_t n = 0;
    for (const struct entry *e = outq->head; e; e = e->next)
        n++;
    return n;
}

/* Frames of an entry, each with its prefix; they must fill it exactly. */
static inline uint64_t frames_in(const struct entry *entry)
{
    uint64_t n = 0;
    uint32_t off = 0;
    while (off < entry->len) {
        off += message_len(entry, entry->off + off);
        n++;
    }
    assert_int_equal(off, entry->len);
    return n;
}

static inline void check_list(const struct outq *outq)
{
    const struct entry *prev = NULL;
    uint64_t bytes = 0;
    for (const struct entry *e = outq->head; e; prev = e, e = e->next) {
        assert_ptr_equal(e->prev, prev);
        if (e->block) {
            bytes += e->len;
            assert_true(e->off + e->len <= e->block->cap);
            assert_int_equal(frames_in(e), e->n);
        } else {
            assert_true(e->n > 0);
            assert_int_equal(e->to->n, 1);
        }
    }
    assert_ptr_equal(outq->tail, prev);
    assert_int_equal(outq->n_bytes, bytes);
    assert_true(!outq->settled || is_queued(outq, outq->settled));
}

static inline void check_lane(const struct outq *outq, const struct lane *lane)
{
    uint64_t n = 0;
    uint64_t bytes = 0;
    const struct entry *first = NULL;
    for (const struct entry *e = outq->head; e; e = e->next) {
        if (!e->block || !e->to || !audience_has(e->to, lane))
            continue;
        n += e->n;
        bytes += e->len;
        first = first ? first : e;
    }
    assert_int_equal(lane->n_messages, n);
    assert_int_equal(lane->n_bytes, bytes);
    if (lane->oldest)
        assert_ptr_equal(lane->oldest, first);
    for (int i = 0; i < 2; i++) {
        const struct entry *gap = i ? lane->front_gap : lane->tail_gap;
        assert_true(!gap || (is_queued(outq, gap) && !gap->block && audience_has(gap->to, lane)));
    }
}

/* Everything that must hold between two calls. */
static inline void check_books(const struct queue *q)
{
    check_list(&q->outq);
    for (uint32_t i = 0; i < q->n_lanes; i++)
        check_lane(&q->outq, q->lanes[i]);
}

/* Takes the whole queue out as the kernel would, `step` bytes of runs at a time. */
static inline void consume_all(struct queue *q, uint32_t step)
{
    while (q->outq.head) {
        struct entry *head = q->outq.head;
        if (!head->block) {
            unlink_entry(&q->outq, head);
            continue;
        }
        uint32_t left = head->len - q->outq.head_sent;
        entry_tell(head, true);
        outq_consume(&q->outq, step < left ? step : left);
        check_books(q);
    }
}
