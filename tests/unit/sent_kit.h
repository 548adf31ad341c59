/* What the tests of sending share: a kernel that stops at any byte we like, a
 * receiver that checks every frame, and the list of what each lane was sent, which
 * in the end must have come, or have been announced as lost, in its place.
 */
#pragma once

#include <errno.h>
#include <sys/socket.h>

#include "broker/net/outq_send.h"
#include "tests/unit/net_kit.h"

/* ---- the kernel ----------------------------------------------------------------- */

static struct {
    size_t budget; /* what it takes until it says EAGAIN */
    int error;     /* instead */
    uint8_t bytes[1 << 21];
    size_t len;
} sink;

ssize_t sendmsg(int fd, const struct msghdr *msg, int flags)
{
    size_t taken = 0;
    (void)fd;
    (void)flags;
    if (sink.error || sink.budget == 0) {
        errno = sink.error ? sink.error : EAGAIN;
        return -1;
    }
    for (size_t i = 0; i < msg->msg_iovlen && sink.budget > 0; i++) {
        size_t n = msg->msg_iov[i].iov_len;
        n = n < sink.budget ? n : sink.budget;
        assert_true(n <= sizeof sink.bytes - sink.len);
        memcpy(sink.bytes + sink.len, msg->msg_iov[i].iov_base, n);
        sink.len += n;
        sink.budget -= n;
        taken += n;
    }
    return (ssize_t)taken;
}

static struct batch batch = { .share = BATCH_BYTES_MAX };
static struct counters counters;

static inline int send_bytes(struct queue *q, size_t budget)
{
    sink.budget = budget;
    int r = outq_send(&q->outq, -1, &batch, &counters);
    check_books(q);
    return r;
}

static inline void send_all(struct queue *q)
{
    int r;
    while ((r = send_bytes(q, SIZE_MAX)) == 0)
        ;
    assert_int_equal(r, 1);
    assert_int_equal(q->outq.n_bytes, 0);
    assert_null(q->outq.pending);
    assert_null(q->outq.own);
}

/* ---- the receiver ----------------------------------------------------------------- */

enum { NUMBERS_MAX = 1 << 16, REASONS = 9 };

/* What a lane was sent, in order; `gone` was taken back without a gap. */
struct told_lane {
    uint32_t n;
    uint32_t at;
    bool credentials;
    uint64_t lost[REASONS]; /* what the queue said was lost, by reason */
    uint64_t announced[REASONS];
    uint32_t numbers[NUMBERS_MAX]; /* 0: a loss without a message */
};

static struct told_lane told[LANES_MAX];
static bool gone[NUMBERS_MAX];
static uint32_t senders[NUMBERS_MAX];

struct receiver {
    uint64_t sids[MAX_SIDS];
    uint32_t n_sids;
    uint64_t peers[PEER_CACHE];
    uint64_t last_number; /* of a message or a PONG */
    uint32_t n_frames;
    uint32_t n_messages;
    uint32_t n_peers;
    uint32_t n_selects;
};

static inline void expect_next(struct told_lane *lane, uint32_t number)
{
    while (lane->at < lane->n && lane->numbers[lane->at] && gone[lane->numbers[lane->at]])
        lane->at++;
    assert_true(lane->at < lane->n);
    if (number)
        assert_int_equal(lane->numbers[lane->at], number);
    lane->at++;
}

static inline void got_message(struct receiver *r, const uint8_t *body, size_t len)
{
    struct frame frame;
    assert_true(frame_read(&frame, body, len, NULL));
    uint32_t number = (uint32_t)load_be64(frame.payload);
    assert_true(r->n_sids > 0);
    assert_true(number > r->last_number);
    assert_false(gone[number]);
    r->last_number = number;
    for (size_t i = 8; i < frame.payload_len; i++)
        assert_int_equal(frame.payload[i], number & 0xff);
    for (uint32_t i = 0; i < r->n_sids; i++) {
        struct told_lane *lane = &told[r->sids[i] - 1];
        expect_next(lane, number);
        if (lane->credentials)
            assert_int_equal(r->peers[senders[number] % PEER_CACHE], senders[number]);
    }
    r->n_messages++;
}

static inline void got_select(struct receiver *r, const struct envelope *e)
{
    struct piece sids = e->select.sids;
    uint64_t now[MAX_SIDS];
    uint32_t n = 0;
    while (envelope_next_sid(&sids, &now[n]))
        n++;
    assert_int_equal(n, e->select.n);
    assert_false(n == r->n_sids && memcmp(now, r->sids, n * sizeof *now) == 0);
    memcpy(r->sids, now, sizeof now);
    r->n_sids = n;
    r->n_selects++;
}

static inline void got_gap(const struct envelope *e)
{
    struct told_lane *lane = &told[e->gap.sid - 1];
    assert_true(e->gap.count > 0 && e->gap.reason < REASONS);
    lane->announced[e->gap.reason] += e->gap.count;
    for (uint64_t i = 0; i < e->gap.count; i++)
        expect_next(lane, 0);
}

static inline void got_peer(struct receiver *r, const struct envelope *e)
{
    uint64_t *place = &r->peers[e->peer.id % PEER_CACHE];
    assert_int_equal(e->peer.uid, 1000 + e->peer.id);
    assert_int_not_equal(*place, e->peer.id); /* only if another was there */
    *place = e->peer.id;
    r->n_peers++;
}

static inline void got_frame(struct receiver *r, const uint8_t *body, size_t len)
{
    struct envelope e;
    r->n_frames++;
    if (envelope_opcode(body, len) == OP_MESSAGE) {
        got_message(r, body, len);
        return;
    }
    assert_true(envelope_read(&e, body, len, NULL));
    if (e.op == OP_SELECT)
        got_select(r, &e);
    else if (e.op == OP_PEER)
        got_peer(r, &e);
    else if (e.op == OP_GAP)
        got_gap(&e);
    else {
        assert_int_equal(e.op, OP_PONG);
        assert_true(e.ref > r->last_number);
        r->last_number = e.ref;
    }
}

/* Reads all that was sent. */
static inline struct receiver receive(void)
{
    struct receiver r = { 0 };
    size_t at = 0;
    while (at < sink.len) {
        assert_true(sink.len - at >= FRAME_PREFIX);
        uint32_t len = load_be32(sink.bytes + at);
        assert_true(len > 0 && len <= sink.len - at - FRAME_PREFIX);
        got_frame(&r, sink.bytes + at + FRAME_PREFIX, len);
        at += FRAME_PREFIX + len;
    }
    return r;
}

/* Nothing is lost without a word, and nothing is announced that was not lost. */
static inline void check_told(const struct queue *q)
{
    for (uint32_t i = 0; i < q->n_lanes; i++) {
        struct told_lane *lane = &told[i];
        while (lane->at < lane->n && lane->numbers[lane->at] && gone[lane->numbers[lane->at]])
            lane->at++;
        assert_int_equal(lane->at, lane->n);
        uint64_t announced = 0;
        uint64_t lost = 0;
        for (int reason = 0; reason < REASONS; reason++) { /* a gap has the reason of its first */
            announced += lane->announced[reason];
            lost += lane->lost[reason];
        }
        assert_int_equal(announced, lost);
    }
}

/* ---- a queue with all there is in it ------------------------------------------------ */

static struct card *cards[3]; /* two of them share a place in the table of PEERs */

static inline void open_all(struct queue *q, uint32_t n_lanes)
{
    static const uint64_t ids[] = { 1, 257, 3 };
    queue_open(q, n_lanes);
    for (int i = 0; i < 3; i++)
        cards[i] = make_card(ids[i]);
    for (int i = 0; i < LANES_MAX; i++)
        memset(&told[i], 0, offsetof(struct told_lane, numbers));
    memset(gone, 0, sizeof gone);
    sink.len = 0;
    sink.error = 0;
}

static inline void close_all(struct queue *q)
{
    queue_close(q);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(cards[i]->refs, 1);
        card_unref(cards[i]);
    }
}

static inline void ask_credentials(struct queue *q, uint32_t lane)
{
    q->lanes[lane]->solo.credentials = true;
    told[lane].credentials = true;
}

static inline struct entry *publish(struct queue *q, struct audience *to, uint32_t number,
                                    int sender, uint32_t size, bool apart)
{
    struct entry *entry = NULL;
    uint32_t len = put_message(q, number, cards[sender]->id, size);
    assert_int_equal(outq_push(&q->outq, q->block, q->block->used - len, len, 1, to, cards[sender],
                               apart ? &entry : NULL),
                     0);
    senders[number] = (uint32_t)cards[sender]->id;
    for (uint32_t i = 0; i < to->n; i++) {
        struct told_lane *lane = &told[to->lanes[i]->sid - 1];
        lane->numbers[lane->n++] = number;
    }
    return entry;
}

static inline void gap_behind(struct queue *q, uint32_t lane, enum gap reason, uint32_t n)
{
    assert_int_equal(outq_gap(&q->outq, q->lanes[lane], reason, n), 0);
    told[lane].lost[reason] += n;
    while (n-- > 0)
        told[lane].numbers[told[lane].n++] = 0;
}

/* ---- runs, pushed and shared ---------------------------------------------------------- */

/* Its shares stand in a burst of its own. */
static inline void open_sharing(struct queue *q, uint32_t n_lanes)
{
    open_all(q, n_lanes);
    q->pool.burst = burst_new();
    assert_non_null(q->pool.burst);
}

/* Messages number .. number + n of `size` bytes in one piece; its length, where it begins in
 * *ret_off. */
static inline uint32_t put_run(struct queue *q, const struct audience *to, uint32_t number,
                               uint32_t n, uint32_t size, uint32_t *ret_off)
{
    if (q->block->cap - q->block->used < n * (FRAME_MAX_HEAD + size)) {
        block_unref(q->block);
        q->block = block_new(NET_KIT_BLOCK);
        assert_non_null(q->block);
    }
    *ret_off = q->block->used;
    for (uint32_t i = 0; i < n; i++) {
        put_message(q, number + i, cards[0]->id, size < 8 ? 8 : size);
        senders[number + i] = (uint32_t)cards[0]->id;
        for (uint32_t j = 0; j < to->n; j++) {
            struct told_lane *lane = &told[(to->lanes[j]->sid - 1) % LANES_MAX];
            lane->numbers[lane->n++] = number + i;
        }
    }
    return q->block->used - *ret_off;
}

static inline void publish_run(struct queue *q, struct audience *to, uint32_t number, uint32_t n,
                               uint32_t size)
{
    uint32_t off;
    uint32_t len = put_run(q, to, number, n, size, &off);
    assert_int_equal(outq_push(&q->outq, q->block, off, len, n, to, NULL, NULL), 0);
}

static inline void share(struct queue *q, struct audience *to, uint32_t number, uint32_t n,
                         uint32_t size)
{
    uint32_t off;
    uint32_t len = put_run(q, to, number, n, size, &off);
    assert_true(burst_has_room(q->pool.burst, 1));
    outq_share(&q->outq, q->pool.burst, burst_open(q->pool.burst, q->block, off), to);
    burst_close(q->pool.burst, len, n);
}
