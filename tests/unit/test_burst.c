/* The burst: what goes to a queue by shares is what entries would have been, whether it is sent
 * whole, cut short anywhere, or ages for want of a kernel that takes it.
 */
#include "broker/net/burst.h"

#include "tests/unit/scarce_malloc.h"
#include "tests/unit/sent_kit.h"

/* ---- the burst itself ----------------------------------------------------------- */

static void it_is_full_by_each_of_its_measures(void **state)
{
    (void)state;
    struct burst *burst = burst_new();
    assert_false(burst_is_full(burst));
    assert_true(burst_has_room(burst, BURST_SHARES));
    assert_false(burst_has_room(burst, BURST_SHARES + 1));
    burst->n_shares = BURST_SHARES - 3;
    assert_false(burst_is_full(burst)); /* few stretches: worth more than the caches */
    assert_true(burst_has_room(burst, 3));
    assert_false(burst_has_room(burst, 4));
    burst->n_stretches = BURST_STRETCHES_FEW;
    assert_true(burst_is_full(burst));
    burst->n_shares = BURST_SHARES_CACHED - 1;
    assert_false(burst_is_full(burst));
    burst->n_stretches = BURST_STRETCHES;
    assert_true(burst_is_full(burst));
    assert_false(burst_has_room(burst, 0));
    burst->n_stretches = 0;
    burst->n_bytes = BURST_BYTES - 1;
    assert_false(burst_is_full(burst));
    burst->n_bytes++;
    assert_true(burst_is_full(burst));
    burst_free(burst);
    assert_null(burst_free(NULL));
}

static void it_holds_its_blocks_and_lets_go(void **state)
{
    (void)state;
    struct burst *burst = burst_new();
    struct block *block = block_new(100);
    uint64_t era = burst->era;
    for (uint32_t i = 0; i < 5; i++) {
        assert_int_equal(burst_open(burst, block, i), i);
        burst_close(burst, 10, i);
    }
    assert_int_equal(block->refs, 6);
    assert_int_equal(burst->n_bytes, 50);
    assert_int_equal(burst->n_messages, 10);
    burst_clear(burst);
    assert_int_equal(block->refs, 1);
    assert_int_equal(burst->n_bytes + burst->n_messages + burst->n_stretches, 0);
    assert_true(burst->era > era);
    burst_open(burst, block, 0);
    burst_free(burst);
    assert_int_equal(block->refs, 1);
    block_unref(block);
}

/* A queue that ends stays in the list, and may have shares again. */
static void a_queue_stands_in_the_list_once(void **state)
{
    (void)state;
    struct queue q;
    open_sharing(&q, 1);
    struct burst *burst = q.pool.burst;
    for (uint32_t i = 1; i < 4; i++) {
        share(&q, &q.lanes[0]->solo, i, 1, 20);
        outq_deinit(&q.outq);
        assert_true(outq_is_empty(&q.outq));
    }
    share(&q, &q.lanes[0]->solo, 4, 1, 20);
    assert_ptr_equal(burst_pop(burst), &q.outq);
    assert_null(burst_pop(burst));
    assert_false(outq_is_empty(&q.outq));
    share(&q, &q.lanes[0]->solo, 5, 1, 20); /* back again */
    assert_ptr_equal(burst_pop(burst), &q.outq);
    told[0].at = 3; /* what went with the queue */
    send_all(&q);
    assert_int_equal(receive().n_messages, 2);
    check_told(&q);
    close_all(&q);
}

/* ---- sent whole ------------------------------------------------------------------ */

static void what_the_kernel_takes_makes_no_entry(void **state)
{
    (void)state;
    struct queue q;
    open_sharing(&q, 3);
    struct audience *both = audience_new(q.lanes, 2);
    uint64_t writes = counters.writes;
    share(&q, &q.lanes[0]->solo, 1, 3, 20);
    share(&q, &q.lanes[0]->solo, 4, 1, 20); /* selected already */
    share(&q, both, 5, 2, 300);
    share(&q, &q.lanes[2]->solo, 7, 1, BATCH_COPY_MAX); /* too long to be copied */
    share(&q, both, 8, 1, 20);
    assert_false(outq_is_empty(&q.outq));
    assert_int_equal(send_bytes(&q, SIZE_MAX), 1);
    assert_true(outq_is_empty(&q.outq));
    assert_int_equal(counters.writes, writes + 1);
    assert_int_equal(q.outq.n_sent, 8);
    assert_int_equal(q.pool.n_free, 0);
    struct receiver r = receive();
    assert_int_equal(r.n_messages, 8);
    assert_int_equal(r.n_selects, 4);
    assert_ptr_equal(q.outq.selected, both);
    check_told(&q);
    audience_unref(both);
    close_all(&q);
}

/* More long stretches than a batch has pieces, more short ones than its workplace holds. */
static void more_than_a_batch_takes(void **state)
{
    (void)state;
    struct queue q;
    open_sharing(&q, 2);
    uint32_t number = 1;
    for (uint32_t i = 0; i < 2 * BATCH_IOVECS; i++)
        share(&q, &q.lanes[i % 2]->solo, number++, 1, BATCH_COPY_MAX + i % 2);
    for (uint32_t i = 0; i < 1000; i++)
        share(&q, &q.lanes[i % 2]->solo, number++, 1, 100);
    for (uint32_t i = 0; i < 2 * BATCH_IOVECS; i++) { /* turn by turn: two pieces each */
        share(&q, &q.lanes[0]->solo, number++, 1, i % 300);
        share(&q, &q.lanes[1]->solo, number++, 1, BATCH_COPY_MAX + i);
    }
    assert_int_equal(send_bytes(&q, SIZE_MAX), 1);
    assert_int_equal(q.pool.n_free, 0);
    assert_int_equal(receive().n_messages, number - 1);
    check_told(&q);
    close_all(&q);
}

/* What is more than its part of the round ages, and goes in the next one. */
static void a_round_has_its_share(void **state)
{
    (void)state;
    struct queue q;
    open_sharing(&q, 1);
    for (uint32_t i = 1; i < 30; i++)
        share(&q, &q.lanes[0]->solo, i, 1, 60000);
    assert_int_equal(send_bytes(&q, SIZE_MAX), 0);
    assert_false(q.outq.blocked);
    assert_true(sink.len >= BATCH_BYTES_MAX);
    assert_int_equal(q.outq.first_share, 0);
    assert_int_equal(q.lanes[0]->n_messages, 29 - receive().n_messages);
    told[0].at = 0;
    send_all(&q);
    receive();
    check_told(&q);
    close_all(&q);
}

/* ---- cut short --------------------------------------------------------------------- */

/* What can be told of a queue from outside, and all that it has sent. */
struct trace {
    struct {
        int r;
        uint32_t head_sent;
        uint32_t n_entries;
        uint64_t n_bytes;
        uint64_t n_sent;
        uint32_t pending_len;
        uint32_t selected;
        uint64_t lanes[4][2];
    } steps[100];
    uint32_t n_steps;
    uint8_t bytes[4096];
    size_t len;
};

enum { RUNS = 10 };

/* Runs of all kinds; those from `first_share` on are shared. */
static void fill(struct queue *q, struct audience *const audiences[4], uint32_t first_share)
{
    static const struct {
        uint32_t to, n, size;
    } runs[RUNS] = { { 0, 1, 10 }, { 0, 3, 8 }, { 2, 1, 700 }, { 3, 2, 9 }, { 3, 1, 30 },
                     { 1, 1, 8 },  { 0, 2, 8 }, { 0, 1, 600 }, { 2, 1, 8 }, { 1, 4, 200 } };
    uint32_t number = 1;
    for (uint32_t i = 0; i < RUNS; i++) {
        if (i >= first_share)
            share(q, audiences[runs[i].to], number, runs[i].n, runs[i].size);
        else
            publish_run(q, audiences[runs[i].to], number, runs[i].n, runs[i].size);
        number += runs[i].n;
    }
}

static void note(struct trace *trace, const struct queue *q, int r)
{
    assert_true(trace->n_steps < COUNT_OF(trace->steps));
    uint32_t i = trace->n_steps++;
    trace->steps[i].r = r;
    trace->steps[i].head_sent = q->outq.head_sent;
    trace->steps[i].n_entries = count_entries(&q->outq);
    trace->steps[i].n_bytes = q->outq.n_bytes;
    trace->steps[i].n_sent = q->outq.n_sent;
    trace->steps[i].pending_len = q->outq.pending_len;
    trace->steps[i].selected = q->outq.selected ? q->outq.selected->lanes[0]->sid : 0;
    for (uint32_t j = 0; j < q->n_lanes; j++) {
        trace->steps[i].lanes[j][0] = q->lanes[j]->n_messages;
        trace->steps[i].lanes[j][1] = q->lanes[j]->n_bytes;
    }
}

/* Sends it with the kernel stopping after `cut` bytes, and then after every 50. */
static void play(struct trace *trace, uint32_t first_share, size_t cut)
{
    struct queue q;
    open_sharing(&q, 4);
    q.lanes[3]->sid = 300; /* more than a byte of a SELECT */
    struct audience *audiences[4] = {
        &q.lanes[0]->solo,
        &q.lanes[3]->solo,
        audience_new(q.lanes, 2),
        audience_new(q.lanes + 1, 3),
    };
    memset(trace, 0, sizeof *trace);
    fill(&q, audiences, first_share);
    do
        note(trace, &q, send_bytes(&q, trace->n_steps ? 50 : cut));
    while (trace->steps[trace->n_steps - 1].r == 0);
    assert_true(sink.len <= sizeof trace->bytes);
    memcpy(trace->bytes, sink.bytes, sink.len);
    trace->len = sink.len;
    audience_unref(audiences[2]);
    audience_unref(audiences[3]);
    close_all(&q);
}

static void every_cut_is_what_entries_would_have_been(void **state)
{
    static const uint32_t firsts[] = { 0, 1, 3, 6, RUNS - 1 };
    static struct trace entries, shares;
    (void)state;
    play(&entries, RUNS, SIZE_MAX);
    size_t len = entries.len;
    for (size_t cut = 0; cut <= len; cut++) {
        play(&entries, RUNS, cut);
        assert_int_equal(entries.len, len);
        for (size_t i = 0; i < COUNT_OF(firsts); i++) {
            if (i > 0 && cut % (COUNT_OF(firsts) - 1) != i - 1)
                continue; /* each of the others has every fourth */
            play(&shares, firsts[i], cut);
            assert_memory_equal(&shares, &entries, sizeof entries);
        }
    }
}

/* What was sent from the burst at once is more than a batch of entries. */
static void a_cut_behind_many(void **state)
{
    (void)state;
    for (size_t cut = 1000; cut < 42000; cut += 4999) {
        struct queue q;
        open_sharing(&q, 2);
        for (uint32_t i = 0; i < 2 * BATCH_ENTRIES + 10; i++)
            share(&q, &q.lanes[i % 2]->solo, 1 + i, 1, 10);
        assert_int_equal(send_bytes(&q, cut), 0);
        assert_int_equal(sink.len, cut);
        send_all(&q);
        assert_int_equal(receive().n_messages, 2 * BATCH_ENTRIES + 10);
        check_told(&q);
        close_all(&q);
    }
}

/* An error, and a kernel that takes nothing at all. */
static void nothing_is_taken(void **state)
{
    (void)state;
    struct queue q;
    open_sharing(&q, 2);
    share(&q, &q.lanes[0]->solo, 1, 2, 10);
    assert_int_equal(send_bytes(&q, 0), 0);
    assert_true(q.outq.blocked);
    assert_int_equal(q.lanes[0]->n_messages, 2);
    send_all(&q);
    share(&q, &q.lanes[0]->solo, 3, 2, 10);
    share(&q, &q.lanes[1]->solo, 5, 1, 10);
    sink.error = EPIPE;
    assert_int_equal(send_bytes(&q, 1), -EPIPE);
    assert_int_equal(q.lanes[0]->n_messages, 2); /* its end tells how much goes with it */
    assert_int_equal(q.lanes[1]->n_messages, 1);
    sink.error = 0;
    send_all(&q);
    receive();
    check_told(&q);
    close_all(&q);
}

/* ---- books ------------------------------------------------------------------------- */

/* Who makes room looks at what is shared as well, and loses the oldest of it. */
static void shares_make_room(void **state)
{
    (void)state;
    struct queue q;
    open_sharing(&q, 2);
    struct lane *lane = q.lanes[0];
    lane->max_messages = 5;
    for (uint32_t i = 0; i < 3; i++) {
        share(&q, &lane->solo, 1 + 3 * i, 2, 20);
        share(&q, &q.lanes[1]->solo, 3 + 3 * i, 1, 20);
    }
    assert_true(outq_make_room(&q.outq, lane, 10, GAP_DROPPED_OLD));
    told[0].lost[GAP_DROPPED_OLD] += 2;
    check_books(&q);
    assert_int_equal(lane->n_messages, 4);
    assert_int_equal(lane->n_lost, 2);
    share(&q, &lane->solo, 10, 1, 20);
    assert_int_equal(outq_drop_oldest(&q.outq, q.lanes[1], 5, GAP_DROPPED_OLD), 1);
    told[1].lost[GAP_DROPPED_OLD]++;
    assert_int_equal(lane->n_messages, 5);
    share(&q, &q.lanes[1]->solo, 11, 1, 20);
    gap_behind(&q, 1, GAP_DROPPED_NEW, 3);
    assert_int_equal(q.lanes[1]->n_messages, 3);
    send_all(&q);
    assert_int_equal(receive().n_messages, 8);
    check_told(&q);
    close_all(&q);
}

/* ---- no memory ------------------------------------------------------------------- */

/* Nothing is sent that stands behind the hole, whether it was there before or came later. */
static void without_memory_nothing_more_is_sent(void **state)
{
    (void)state;
    for (uint32_t n = 0; n < 4; n++) {
        struct queue q;
        open_sharing(&q, 2);
        for (uint32_t i = 0; i < 4; i++)
            share(&q, &q.lanes[i % 2]->solo, 1 + i, 1, 20);
        mallocs_left = n;
        assert_int_equal(outq_age(&q.outq), -ENOMEM);
        mallocs_left = UINT32_MAX;
        check_books(&q);
        assert_int_equal(count_entries(&q.outq), n);
        share(&q, &q.lanes[0]->solo, 5, 1, 20);
        assert_int_equal(send_bytes(&q, SIZE_MAX), -ENOMEM);
        assert_int_equal(sink.len, 0);
        uint32_t len = put_message(&q, 6, 7, 20);
        assert_int_equal(
            outq_push(&q.outq, q.block, q.block->used - len, len, 1, &q.lanes[0]->solo, NULL, NULL),
            -ENOMEM);
        assert_int_equal(outq_gap(&q.outq, q.lanes[0], GAP_DROPPED_NEW, 1), -ENOMEM);
        outq_deinit(&q.outq);
        assert_false(q.outq.broken);
        close_all(&q);
    }
}

static void half_of_it_is_sent_and_there_is_no_memory(void **state)
{
    (void)state;
    struct queue q;
    open_sharing(&q, 2);
    for (uint32_t i = 0; i < 4; i++)
        share(&q, &q.lanes[i % 2]->solo, 1 + i, 1, 20);
    mallocs_left = 1;
    assert_int_equal(send_bytes(&q, 70), -ENOMEM);
    assert_int_equal(sink.len, 70);
    mallocs_left = UINT32_MAX;
    outq_deinit(&q.outq);
    close_all(&q);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        kit_test(it_is_full_by_each_of_its_measures),
        kit_test(it_holds_its_blocks_and_lets_go),
        kit_test(a_queue_stands_in_the_list_once),
        kit_test(what_the_kernel_takes_makes_no_entry),
        kit_test(more_than_a_batch_takes),
        kit_test(a_round_has_its_share),
        kit_test(every_cut_is_what_entries_would_have_been),
        kit_test(a_cut_behind_many),
        kit_test(nothing_is_taken),
        kit_test(shares_make_room),
        kit_test(without_memory_nothing_more_is_sent),
        kit_test(half_of_it_is_sent_and_there_is_no_memory),
    };
    return kit_run("burst", tests, KIT_LENGTH(tests));
}
