/* Sending: whatever the kernel takes and wherever it stops, what the receiver reads
 * is whole frames that say what was sent and what is missing.
 */
#include "broker/net/outq_send.h"

#include "tests/unit/sent_kit.h"

static void fill(struct queue *q)
{
    struct audience *both = audience_new(q->lanes, 2);
    ask_credentials(q, 2);
    uint32_t number = 1;
    for (int i = 0; i < 3; i++)
        publish(q, &q->lanes[0]->solo, number++, 0, 20, false);
    publish(q, both, number++, 0, 600, false); /* too long to be copied */
    gap_behind(q, 1, GAP_DROPPED_NEW, 300);
    for (int i = 0; i < 4; i++)
        publish(q, &q->lanes[2]->solo, number++, i % 3, 10, false);
    push_control(q, number++);
    publish(q, &q->lanes[2]->solo, number++, 1, 10, false);
    publish(q, &q->lanes[2]->solo, number++, 0, 10, false);
    gap_behind(q, 2, GAP_STALLED, 1);
    gap_behind(q, 2, GAP_NOT_HELD, 1);
    publish(q, both, number++, 0, 9, false);
    audience_unref(both);
}

static void the_whole_in_one_go(void **state)
{
    (void)state;
    struct queue q;
    open_all(&q, 3);
    fill(&q);
    uint64_t writes = counters.writes;
    send_all(&q);
    assert_int_equal(counters.writes, writes + 1);
    struct receiver r = receive();
    assert_int_equal(r.n_messages, 11);
    assert_int_equal(r.n_selects, 4);
    assert_int_equal(r.n_peers, 6); /* 1 257 3 1 257 1 */
    check_told(&q);
    close_all(&q);
}

/* The bytes are the same wherever the kernel stops, once or twice. */
static void every_cut_gives_the_same_bytes(void **state)
{
    static uint8_t whole[8192];
    size_t whole_len = 0;
    (void)state;
    for (size_t cut = SIZE_MAX; cut != whole_len; cut = cut == SIZE_MAX ? 1 : cut + 1) {
        struct queue q;
        open_all(&q, 3);
        fill(&q);
        for (size_t step = cut, i = 0; send_bytes(&q, step) == 0; step = i++ % 2 ? cut : 7) {
            assert_true(q.outq.blocked);
            if (cut % 3 == 0)
                outq_settle(&q.outq);
        }
        assert_false(q.outq.blocked);
        if (cut == SIZE_MAX) {
            memcpy(whole, sink.bytes, sink.len);
            whole_len = sink.len;
        }
        assert_int_equal(sink.len, whole_len);
        assert_memory_equal(sink.bytes, whole, whole_len);
        close_all(&q);
    }
}

static void nothing_is_selected_twice(void **state)
{
    (void)state;
    struct queue q;
    open_all(&q, 2);
    for (uint32_t i = 1; i < 50; i++) {
        publish(&q, &q.lanes[0]->solo, i, 0, 10, true);
        if (i % 5 == 0)
            send_all(&q);
    }
    send_all(&q);
    assert_int_equal(receive().n_selects, 1);
    check_told(&q);
    close_all(&q);
}

/* The half of a preamble is sent, then the message it was for is taken back. */
static void a_pending_preamble_is_finished(void **state)
{
    (void)state;
    bool begun = false;
    for (size_t cut = 1; !begun; cut++) {
        struct queue q;
        open_all(&q, 2);
        ask_credentials(&q, 0);
        struct entry *entry = publish(&q, &q.lanes[0]->solo, 1, 0, 10, true);
        assert_int_equal(send_bytes(&q, cut), 0);
        begun = q.outq.head_sent > 0;
        assert_int_equal(outq_remove(&q.outq, entry), !begun);
        gone[1] = !begun;
        send_bytes(&q, 0);
        send_bytes(&q, 1);
        publish(&q, &q.lanes[0]->solo, 2, 0, 10, false);
        send_all(&q);
        receive();
        check_told(&q);
        close_all(&q);
    }
}

static void a_round_has_its_share(void **state)
{
    (void)state;
    struct queue q;
    open_all(&q, 1);
    for (uint32_t i = 1; i < 30; i++)
        publish(&q, &q.lanes[0]->solo, i, 0, 60000, false);
    assert_int_equal(send_bytes(&q, SIZE_MAX), 0);
    assert_false(q.outq.blocked);
    assert_true(sink.len >= BATCH_BYTES_MAX);
    assert_true(q.outq.n_bytes > 0);
    send_all(&q);
    receive();
    check_told(&q);
    close_all(&q);
}

/* More entries than a batch has parts, more long runs than it has pieces. */
static void more_than_a_batch_takes(void **state)
{
    (void)state;
    struct queue q;
    open_all(&q, 2);
    uint32_t number = 1;
    for (uint32_t i = 0; i < 3 * BATCH_ENTRIES; i++)
        publish(&q, &q.lanes[i % 2]->solo, number++, 0, 10, false);
    for (uint32_t i = 0; i < 3 * BATCH_IOVECS; i++)
        publish(&q, &q.lanes[i % 2]->solo, number++, 0, BATCH_COPY_MAX + 1, false);
    for (uint32_t i = 0; i < 300; i++)
        publish(&q, &q.lanes[i % 2]->solo, number++, 0, BATCH_COPY_MAX - 50, false);
    send_all(&q);
    assert_int_equal(receive().n_messages, number - 1);
    check_told(&q);
    close_all(&q);
}

static void a_broken_connection_is_told(void **state)
{
    (void)state;
    struct queue q;
    open_all(&q, 1);
    publish(&q, &q.lanes[0]->solo, 1, 0, 10, false);
    sink.error = EPIPE;
    assert_int_equal(send_bytes(&q, 1), -EPIPE);
    sink.error = ENOBUFS; /* as if it took nothing */
    assert_int_equal(send_bytes(&q, 1), 0);
    assert_true(q.outq.blocked);
    sink.error = 0;
    send_all(&q);
    close_all(&q);
}

static void the_largest_select(void **state)
{
    (void)state;
    struct lane *lanes[MAX_SIDS];
    struct queue q;
    struct envelope e;
    open_all(&q, 1);
    for (uint32_t i = 0; i < MAX_SIDS; i++) {
        lanes[i] = slab_take(&q.slab, sizeof(struct lane));
        lane_init(lanes[i], MAX_SID - i, 1000, 10);
        lanes[i]->solo.credentials = true;
    }
    struct audience *to = audience_new(lanes, MAX_SIDS);
    uint32_t len = put_message(&q, 1, 1, 10);
    assert_int_equal(outq_push(&q.outq, q.block, q.block->used - len, len, 1, to, cards[0], NULL),
                     0);
    send_all(&q);
    size_t peer = FRAME_PREFIX + load_be32(sink.bytes);
    assert_true(
        envelope_read(&e, sink.bytes + peer + FRAME_PREFIX, load_be32(sink.bytes + peer), NULL));
    assert_int_equal(e.select.n, MAX_SIDS);
    assert_int_equal(lanes[0]->n_messages, 0);
    audience_unref(to);
    for (uint32_t i = 0; i < MAX_SIDS; i++)
        lane_unref(lanes[i]);
    close_all(&q);
}

/* ---- anything, in any order ------------------------------------------------------------ */

/* The last lane is a service's: nothing is lost, but requests are taken back. */
enum { WATCHED = 16, LOSING = 4 };

struct watch {
    struct entry_hook hook;
    struct entry *entry;
    uint32_t number;
    int times;
    bool sent;
};

static struct watch watches[WATCHED];

static void on_left(struct entry_hook *hook, bool sent)
{
    struct watch *watch = (struct watch *)hook;
    watch->times++;
    watch->sent = sent;
    watch->entry = NULL;
}

struct game {
    struct queue q;
    uint64_t random;
    uint32_t number;
    struct audience *sets[7]; /* as a cache of receivers holds them */
};

static void play_publish(struct game *g)
{
    static const uint32_t sizes[] = { 8, 20, 100, 511, 3000 };
    struct audience *to = g->sets[random_below(&g->random, COUNT_OF(g->sets))];
    int sender = (int)random_below(&g->random, 3);
    uint32_t row = 1 + (uint32_t)random_below(&g->random, 6);
    uint32_t size = sizes[random_below(&g->random, COUNT_OF(sizes))];
    while (row-- > 0)
        publish(&g->q, to, g->number++, sender, size, false);
}

/* All but lanes 1 and 3, which want credentials, may have shares. */
static void play_share(struct game *g)
{
    static const uint32_t sizes[] = { 8, 20, 100, 511, 3000 };
    static const int sets[] = { 0, 2, 6 };
    uint32_t n = 1 + (uint32_t)random_below(&g->random, 4);
    share(&g->q, g->sets[sets[random_below(&g->random, COUNT_OF(sets))]], g->number, n,
          sizes[random_below(&g->random, COUNT_OF(sizes))]);
    g->number += n;
}

static void play_settle(struct game *g)
{
    assert_int_equal(outq_age(&g->q.outq), 0);
    burst_clear(g->q.pool.burst);
    outq_settle(&g->q.outq);
}

static void play_watched(struct game *g)
{
    struct watch *watch = &watches[random_below(&g->random, WATCHED)];
    if (watch->entry)
        return;
    uint32_t lane = (uint32_t)random_below(&g->random, g->q.n_lanes);
    *watch = (struct watch){
        .hook = { .left = on_left, .lane = g->q.lanes[lane] },
        .number = g->number,
    };
    watch->entry = publish(&g->q, &g->q.lanes[lane]->solo, g->number++, 0, 50, true);
    entry_watch(watch->entry, &watch->hook);
}

static void play_with_watched(struct game *g)
{
    struct watch *watch = &watches[random_below(&g->random, WATCHED)];
    if (!watch->entry)
        return;
    struct lane *lane = watch->hook.lane;
    if (lane->sid <= LOSING) {
        assert_int_equal(outq_replace(&g->q.outq, lane, watch->entry, GAP_REPLACED), 0);
        told[lane->sid - 1].lost[GAP_REPLACED]++;
    } else {
        assert_true(outq_remove(&g->q.outq, watch->entry));
        gone[watch->number] = true;
    }
    assert_int_equal(watch->times, 1);
    assert_false(watch->sent);
}

static void play_drop(struct game *g)
{
    uint32_t i = (uint32_t)random_below(&g->random, LOSING);
    enum gap reason = random_below(&g->random, 2) ? GAP_DROPPED_OLD : GAP_STALLED;
    uint64_t n =
        outq_drop_oldest(&g->q.outq, g->q.lanes[i], 1 + random_below(&g->random, 4), reason);
    told[i].lost[reason] += n;
}

static void play_make_room(struct game *g)
{
    uint32_t i = (uint32_t)random_below(&g->random, LOSING);
    struct lane *lane = g->q.lanes[i];
    uint64_t before = lane->n_lost;
    uint32_t len = (uint32_t)random_below(&g->random, 3000);
    lane->max_messages = 1 + (uint32_t)random_below(&g->random, 20);
    bool fits = outq_make_room(&g->q.outq, lane, len, GAP_DROPPED_OLD);
    assert_int_equal(fits, lane_fits(lane, len));
    told[i].lost[GAP_DROPPED_OLD] += lane->n_lost - before;
}

static void play_send(struct game *g, size_t budget)
{
    batch.cuts = random_below(&g->random, 2);
    batch.share = batch.cuts ? 1 + random_below(&g->random, 500) : BATCH_BYTES_MAX;
    send_bytes(&g->q, budget);
}

static void play(struct game *g)
{
    uint64_t what = random_below(&g->random, 100);
    if (what < 20)
        play_publish(g);
    else if (what < 35)
        play_share(g);
    else if (what < 45)
        play_watched(g);
    else if (what < 52)
        play_with_watched(g);
    else if (what < 60)
        play_drop(g);
    else if (what < 63)
        play_make_room(g);
    else if (what < 68)
        gap_behind(&g->q, (uint32_t)random_below(&g->random, LOSING),
                   what < 66 ? GAP_DROPPED_NEW : GAP_DROPPED_OLD,
                   1 + (uint32_t)random_below(&g->random, 3));
    else if (what < 73)
        push_control(&g->q, g->number++);
    else if (what < 78)
        play_settle(g);
    else
        play_send(g, random_below(&g->random, what < 90 ? 40 : 3000));
    check_books(&g->q);
}

static void open_game(struct game *g, uint64_t seed)
{
    *g = (struct game){ .random = seed, .number = 1 };
    open_sharing(&g->q, LOSING + 1);
    memset(watches, 0, sizeof watches);
    ask_credentials(&g->q, 1);
    ask_credentials(&g->q, 3);
    struct lane **lanes = g->q.lanes;
    for (uint32_t i = 0; i < 3; i++)
        g->sets[i] = audience_new(lanes + i, 1);
    g->sets[3] = audience_new(lanes, 2);
    g->sets[4] = audience_new(lanes + 1, 3);
    g->sets[5] = audience_new(lanes, LOSING);
    g->sets[6] = audience_new((struct lane *[]){ lanes[0], lanes[2] }, 2);
}

static void close_game(struct game *g)
{
    for (size_t i = 0; i < COUNT_OF(g->sets); i++)
        audience_unref(g->sets[i]);
    close_all(&g->q);
    for (int i = 0; i < WATCHED; i++)
        assert_true(watches[i].number == 0 || watches[i].times == 1);
}

static void whatever_happens_is_told(void **state)
{
    (void)state;
    kit_deadline(120);
    for (uint64_t seed = 0; seed < 300; seed++) {
        struct game g;
        open_game(&g, seed);
        for (int i = 0; i < 300; i++)
            play(&g);
        send_all(&g.q);
        receive();
        check_told(&g.q);
        for (int i = 0; i < WATCHED; i++)
            assert_true(!watches[i].number || watches[i].sent || gone[watches[i].number] ||
                        watches[i].times == 1);
        close_game(&g);
    }
}

/* The connection ends with everything in its queue. */
static void whatever_is_queued_is_freed(void **state)
{
    (void)state;
    for (uint64_t seed = 1000; seed < 1100; seed++) {
        struct game g;
        open_game(&g, seed);
        for (int i = 0; i < 100; i++)
            play(&g);
        outq_deinit(&g.q.outq);
        outq_deinit(&g.q.outq);
        close_game(&g);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        kit_test(the_whole_in_one_go),         kit_test(every_cut_gives_the_same_bytes),
        kit_test(nothing_is_selected_twice),   kit_test(a_pending_preamble_is_finished),
        kit_test(a_round_has_its_share),       kit_test(more_than_a_batch_takes),
        kit_test(a_broken_connection_is_told), kit_test(the_largest_select),
        kit_test(whatever_happens_is_told),    kit_test(whatever_is_queued_is_freed),
    };
    return kit_run("outq_send", tests, KIT_LENGTH(tests));
}
