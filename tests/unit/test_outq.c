/* The output queue: what is pushed, how it is charged, how it leaves. */
#include "broker/net/outq.h"

#include "tests/unit/net_kit.h"

struct told {
    struct entry_hook hook;
    int times;
    bool sent;
};

static void on_left(struct entry_hook *hook, bool sent)
{
    struct told *told = (struct told *)hook;
    told->times++;
    told->sent = sent;
}

static struct entry *push_watched(struct queue *q, struct audience *to, uint64_t number,
                                  struct told *told)
{
    struct entry *entry;
    uint32_t len = put_message(q, number, 7, 20);
    assert_int_equal(outq_push(&q->outq, q->block, q->block->used - len, len, 1, to, NULL, &entry),
                     0);
    *told = (struct told){ .hook = { .left = on_left, .lane = to ? to->lanes[0] : NULL } };
    entry_watch(entry, &told->hook);
    return entry;
}

/* ---- in --------------------------------------------------------------------- */

static void a_stream_is_one_entry(void **state)
{
    (void)state;
    struct queue q;
    queue_open(&q, 2);
    uint32_t len = 0;
    for (uint64_t i = 0; i < 10; i++)
        len += push_message(&q, &q.lanes[0]->solo, i, 30);
    assert_int_equal(count_entries(&q.outq), 1);
    assert_int_equal(q.outq.head->n, 10);
    assert_int_equal(q.lanes[0]->n_messages, 10);
    assert_int_equal(q.lanes[0]->n_bytes, len);
    assert_int_equal(q.lanes[1]->n_messages, 0);
    assert_int_equal(q.outq.n_bytes, len);
    check_books(&q);
    queue_close(&q);
}

static void what_differs_begins_an_entry(void **state)
{
    (void)state;
    struct queue q;
    queue_open(&q, 2);
    struct card *card = make_card(5);
    push_message(&q, &q.lanes[0]->solo, 0, 30);
    push_message(&q, &q.lanes[1]->solo, 1, 30);
    assert_int_equal(count_entries(&q.outq), 2);
    push_control(&q, 2);
    assert_int_equal(count_entries(&q.outq), 3);
    push_control(&q, 3);
    assert_int_equal(count_entries(&q.outq), 3);

    q.block->used += 8; /* a hole */
    push_control(&q, 4);
    assert_int_equal(count_entries(&q.outq), 4);

    q.lanes[0]->solo.credentials = true;
    uint32_t len = put_message(&q, 5, 5, 30);
    assert_int_equal(
        outq_push(&q.outq, q.block, q.block->used - len, len, 1, &q.lanes[0]->solo, card, NULL), 0);
    assert_ptr_equal(q.outq.tail->card, card);
    len = put_message(&q, 6, 5, 30); /* another sender */
    assert_int_equal(
        outq_push(&q.outq, q.block, q.block->used - len, len, 1, &q.lanes[0]->solo, NULL, NULL), 0);
    assert_int_equal(count_entries(&q.outq), 6);
    check_books(&q);
    queue_close(&q);
    assert_int_equal(card->refs, 1);
    card_unref(card);
}

/* A card is kept only for who asked for credentials, so others' runs stay long. */
static void senders_matter_only_to_who_asked(void **state)
{
    (void)state;
    struct queue q;
    queue_open(&q, 1);
    struct card *cards[2] = { make_card(1), make_card(2) };
    for (uint64_t i = 0; i < 6; i++) {
        uint32_t len = put_message(&q, i, i % 2, 30);
        assert_int_equal(outq_push(&q.outq, q.block, q.block->used - len, len, 1, &q.lanes[0]->solo,
                                   cards[i % 2], NULL),
                         0);
    }
    assert_int_equal(count_entries(&q.outq), 1);
    assert_null(q.outq.head->card);
    queue_close(&q);
    card_unref(cards[0]);
    card_unref(cards[1]);
}

static void single_and_watched_entries_stay_alone(void **state)
{
    (void)state;
    struct queue q;
    struct told told;
    queue_open(&q, 2);
    q.lanes[0]->solo.single = true;
    push_message(&q, &q.lanes[0]->solo, 0, 30);
    push_message(&q, &q.lanes[0]->solo, 1, 30);
    assert_int_equal(count_entries(&q.outq), 2);
    push_watched(&q, &q.lanes[1]->solo, 2, &told);
    push_message(&q, &q.lanes[1]->solo, 3, 30);
    assert_int_equal(count_entries(&q.outq), 4);
    queue_close(&q);
    assert_int_equal(told.times, 1);
}

static void an_audience_charges_each_lane_in_full(void **state)
{
    (void)state;
    struct queue q;
    queue_open(&q, 3);
    struct audience *to = audience_new(q.lanes, 3);
    uint32_t len = push_message(&q, to, 0, 30);
    len += push_message(&q, to, 1, 99);
    assert_int_equal(q.outq.n_bytes, len); /* once for the connection */
    for (int i = 0; i < 3; i++) {
        assert_int_equal(q.lanes[i]->n_bytes, len);
        assert_int_equal(q.lanes[i]->n_messages, 2);
    }
    audience_unref(to);
    check_books(&q);
    queue_close(&q);
}

/* ---- out -------------------------------------------------------------------- */

static void fill_mixed(struct queue *q)
{
    struct audience *both = audience_new(q->lanes, 2);
    for (uint64_t i = 0; i < 3; i++)
        push_message(q, &q->lanes[0]->solo, i, 8 + (uint32_t)i);
    push_control(q, 3);
    for (uint64_t i = 4; i < 6; i++)
        push_message(q, both, i, 9);
    assert_int_equal(outq_gap(&q->outq, q->lanes[0], GAP_DROPPED_NEW, 2), 0);
    push_message(q, &q->lanes[1]->solo, 6, 12);
    audience_unref(both);
}

static void it_leaves_at_every_byte(void **state)
{
    (void)state;
    for (uint32_t step = 1; step < 200; step++) {
        struct queue q;
        queue_open(&q, 2);
        fill_mixed(&q);
        consume_all(&q, step);
        assert_int_equal(q.outq.n_bytes, 0);
        assert_int_equal(q.outq.n_sent, 7);
        assert_int_equal(q.lanes[0]->n_messages + q.lanes[1]->n_messages, 0);
        queue_close(&q);
    }
}

static void what_is_half_gone_stays_charged(void **state)
{
    (void)state;
    struct queue q;
    queue_open(&q, 1);
    uint32_t one = push_message(&q, &q.lanes[0]->solo, 0, 30);
    push_message(&q, &q.lanes[0]->solo, 1, 30);
    outq_consume(&q.outq, 10);
    assert_int_equal(q.outq.head_sent, 10);
    assert_int_equal(q.lanes[0]->n_messages, 2);
    assert_int_equal(q.outq.n_bytes, 2 * one);
    outq_consume(&q.outq, one - 10); /* exactly to the boundary */
    assert_int_equal(q.outq.head_sent, 0);
    assert_int_equal(q.lanes[0]->n_messages, 1);
    assert_int_equal(q.outq.n_bytes, one);
    outq_consume(&q.outq, one - 1);
    assert_int_equal(q.outq.head_sent, one - 1);
    push_message(&q, &q.lanes[0]->solo, 2, 30); /* may still join it */
    assert_int_equal(count_entries(&q.outq), 1);
    check_books(&q);
    outq_consume(&q.outq, 1 + one);
    assert_true(outq_is_empty(&q.outq));
    queue_close(&q);
}

static void hooks_are_told_once(void **state)
{
    (void)state;
    struct queue q;
    struct told sent, removed, left_over, twice;
    queue_open(&q, 1);
    push_watched(&q, &q.lanes[0]->solo, 0, &sent);
    struct entry *entry = push_watched(&q, &q.lanes[0]->solo, 1, &removed);
    twice = (struct told){ .hook = { .left = on_left } };
    entry_watch(entry, &twice.hook);
    push_watched(&q, NULL, 2, &left_over);
    entry_tell(q.outq.head, true);
    outq_consume(&q.outq, 3);
    entry_tell(q.outq.head, true);
    outq_consume(&q.outq, 3);
    assert_int_equal(sent.times, 1);
    assert_true(sent.sent);
    assert_false(outq_remove(&q.outq, q.outq.head)); /* it has begun */
    assert_true(outq_remove(&q.outq, entry));
    assert_int_equal(removed.times, 1);
    assert_int_equal(twice.times, 1);
    assert_false(removed.sent);
    check_books(&q);
    queue_close(&q);
    assert_int_equal(left_over.times, 1);
    assert_false(left_over.sent);
    assert_int_equal(sent.times, 1);
}

/* ---- settling ----------------------------------------------------------------- */

static void short_runs_move_out_of_the_block(void **state)
{
    (void)state;
    struct queue q;
    queue_open(&q, 2);
    fill_mixed(&q);
    uint64_t bytes = q.outq.n_bytes;
    outq_consume(&q.outq, 5);
    outq_settle(&q.outq);
    assert_int_equal(q.block->refs, 1); /* nobody pins it any more */
    assert_int_equal(q.outq.n_bytes, bytes);
    assert_int_equal(q.outq.head_sent, 5);
    check_books(&q);
    memset(q.block->data, 0xee, q.block->used);
    push_message(&q, &q.lanes[1]->solo, 7, 12);
    outq_settle(&q.outq);
    assert_int_equal(q.block->refs, 1);
    assert_int_equal(q.outq.tail->n, 2); /* it joined the one before it */
    check_books(&q);
    consume_all(&q, 13);
    queue_close(&q);
}

static void long_runs_stay(void **state)
{
    (void)state;
    struct queue q;
    queue_open(&q, 1);
    push_message(&q, &q.lanes[0]->solo, 0, NET_KIT_BLOCK / 4);
    outq_settle(&q.outq);
    assert_int_equal(q.block->refs, 2);
    assert_null(q.outq.own);
    queue_close(&q);
}

/* Settled again and again, hooks and lanes must follow the entries. */
static void settling_keeps_what_is_watched_apart(void **state)
{
    (void)state;
    struct queue q;
    struct told told[40];
    queue_open(&q, 1);
    q.lanes[0]->solo.single = true;
    for (uint64_t i = 0; i < 40; i++) {
        push_watched(&q, &q.lanes[0]->solo, i, &told[i]);
        if (i % 3 == 0)
            outq_settle(&q.outq);
        check_books(&q);
    }
    assert_int_equal(count_entries(&q.outq), 40);
    consume_all(&q, 50);
    for (int i = 0; i < 40; i++)
        assert_true(told[i].times == 1 && told[i].sent);
    queue_close(&q);
}

static void the_own_block_grows_and_starts_anew(void **state)
{
    (void)state;
    struct queue q;
    queue_open(&q, 1);
    for (uint64_t i = 0; i < 300; i++) {
        push_message(&q, &q.lanes[0]->solo, i, 500);
        if (i % 10 == 0)
            outq_settle(&q.outq);
    }
    check_books(&q);
    consume_all(&q, 10000);
    assert_int_equal(q.outq.own->refs, 1);
    push_message(&q, &q.lanes[0]->solo, 300, 500);
    struct block *own = q.outq.own;
    outq_settle(&q.outq);
    assert_ptr_equal(q.outq.own, own);
    queue_close(&q);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        kit_test(a_stream_is_one_entry),
        kit_test(what_differs_begins_an_entry),
        kit_test(senders_matter_only_to_who_asked),
        kit_test(single_and_watched_entries_stay_alone),
        kit_test(an_audience_charges_each_lane_in_full),
        kit_test(it_leaves_at_every_byte),
        kit_test(what_is_half_gone_stays_charged),
        kit_test(hooks_are_told_once),
        kit_test(short_runs_move_out_of_the_block),
        kit_test(long_runs_stay),
        kit_test(settling_keeps_what_is_watched_apart),
        kit_test(the_own_block_grows_and_starts_anew),
    };
    return kit_run("outq", tests, KIT_LENGTH(tests));
}
