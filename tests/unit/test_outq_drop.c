/* Losing messages of one lane: which go, where the gap stands, what stays. */
#include "tests/unit/net_kit.h"

struct told {
    struct entry_hook hook;
    int times;
};

static void on_left(struct entry_hook *hook, bool sent)
{
    ((struct told *)hook)->times += sent ? 100 : 1;
}

static uint64_t number_of(const struct entry *entry)
{
    uint32_t len = message_len(entry, entry->off);
    struct frame frame;
    assert_true(frame_read(&frame, entry->block->data + entry->off + FRAME_PREFIX,
                           len - FRAME_PREFIX, NULL));
    return load_be64(frame.payload);
}

/* The queue as text: "G1x3 0+2 c" is a gap of 3 of sid 1, then two messages from
 * number 0 on, then control frames. */
static const char *shape(const struct outq *outq)
{
    static char text[512];
    size_t at = 0;
    text[0] = '\0';
    for (const struct entry *e = outq->head; e; e = e->next) {
        const char *space = at ? " " : "";
        int n;
        if (!e->block)
            n = snprintf(text + at, sizeof text - at, "%sG%ux%llu", space, e->to->lanes[0]->sid,
                         (unsigned long long)e->n);
        else if (!e->to)
            n = snprintf(text + at, sizeof text - at, "%sc", space);
        else
            n = snprintf(text + at, sizeof text - at, "%s%llu+%llu", space,
                         (unsigned long long)number_of(e), (unsigned long long)e->n);
        at += (size_t)n;
    }
    return text;
}

#define EXPECT(q, text)                               \
    do {                                              \
        check_books(q);                               \
        assert_string_equal(shape(&(q)->outq), text); \
    } while (0)

/* ---- gaps at the end ------------------------------------------------------------ */

static void losses_behind_the_newest_join(void **state)
{
    (void)state;
    struct queue q;
    queue_open(&q, 2);
    struct lane *a = q.lanes[0];
    push_message(&q, &a->solo, 0, 20);
    assert_int_equal(outq_gap(&q.outq, a, GAP_DROPPED_NEW, 1), 0);
    assert_int_equal(outq_gap(&q.outq, q.lanes[1], GAP_DROPPED_NEW, 1), 0);
    assert_int_equal(outq_gap(&q.outq, a, GAP_DROPPED_NEW, 2), 0);
    EXPECT(&q, "0+1 G1x3 G2x1");
    push_message(&q, &a->solo, 1, 20);
    assert_int_equal(outq_gap(&q.outq, a, GAP_DROPPED_NEW, 1), 0);
    EXPECT(&q, "0+1 G1x3 G2x1 1+1 G1x1");
    assert_int_equal(outq_gap(&q.outq, a, GAP_CONNECTION_FULL, 1), 0);
    EXPECT(&q, "0+1 G1x3 G2x1 1+1 G1x2"); /* under the reason of the first */
    assert_int_equal(a->n_lost, 5);
    assert_int_equal(a->last_loss, GAP_CONNECTION_FULL);
    queue_close(&q);
}

/* ---- the oldest ----------------------------------------------------------------- */

static void a_run_is_split_at_a_boundary(void **state)
{
    (void)state;
    struct queue q;
    queue_open(&q, 1);
    struct lane *a = q.lanes[0];
    for (uint64_t i = 0; i < 5; i++)
        push_message(&q, &a->solo, i, 10 + 7 * (uint32_t)i);
    assert_int_equal(outq_drop_oldest(&q.outq, a, 2, GAP_DROPPED_OLD), 2);
    EXPECT(&q, "G1x2 2+3");
    assert_int_equal(outq_drop_oldest(&q.outq, a, 1, GAP_DROPPED_OLD), 1);
    EXPECT(&q, "G1x3 3+2");
    assert_int_equal(outq_drop_oldest(&q.outq, a, 10, GAP_DROPPED_OLD), 2);
    EXPECT(&q, "G1x5");
    assert_int_equal(outq_drop_oldest(&q.outq, a, 1, GAP_DROPPED_OLD), 0);
    assert_int_equal(a->n_lost, 5);
    assert_int_equal(outq_gap(&q.outq, a, GAP_DROPPED_OLD, 2), 0); /* touches: one gap */
    EXPECT(&q, "G1x7");
    push_message(&q, &a->solo, 5, 10);
    EXPECT(&q, "G1x7 5+1");
    queue_close(&q);
}

static void another_reason_is_another_gap(void **state)
{
    (void)state;
    struct queue q;
    queue_open(&q, 1);
    for (uint64_t i = 0; i < 4; i++)
        push_message(&q, &q.lanes[0]->solo, i, 10);
    outq_drop_oldest(&q.outq, q.lanes[0], 1, GAP_DROPPED_OLD);
    outq_drop_oldest(&q.outq, q.lanes[0], 1, GAP_STALLED);
    EXPECT(&q, "G1x1 G1x1 2+2");
    assert_int_equal(q.outq.head->reason, GAP_DROPPED_OLD);
    queue_close(&q);
}

static void what_is_half_sent_goes_on(void **state)
{
    (void)state;
    struct queue q;
    queue_open(&q, 1);
    struct lane *a = q.lanes[0];
    for (uint64_t i = 0; i < 4; i++)
        push_message(&q, &a->solo, i, 10);
    outq_consume(&q.outq, 3);
    assert_int_equal(outq_drop_oldest(&q.outq, a, 2, GAP_DROPPED_OLD), 2);
    EXPECT(&q, "0+1 G1x2 3+1");
    assert_int_equal(q.outq.head_sent, 3);
    assert_int_equal(outq_drop_oldest(&q.outq, a, 2, GAP_DROPPED_OLD), 1);
    EXPECT(&q, "0+1 G1x3");
    assert_int_equal(outq_drop_oldest(&q.outq, a, 2, GAP_DROPPED_OLD), 0);
    EXPECT(&q, "0+1 G1x3");
    queue_close(&q);
}

/* What the search remembers may be an entry of others, which goes without a word to us. */
static void the_search_survives_others_leaving(void **state)
{
    (void)state;
    struct queue q;
    queue_open(&q, 2);
    struct lane *a = q.lanes[0];
    struct lane *b = q.lanes[1];
    push_message(&q, &a->solo, 0, 10);
    push_message(&q, &b->solo, 1, 10);
    push_message(&q, &a->solo, 2, 10);
    push_message(&q, &b->solo, 3, 10);
    assert_int_equal(outq_drop_oldest(&q.outq, a, 1, GAP_DROPPED_OLD), 1);
    unlink_entry(&q.outq, q.outq.head);      /* the gap is told */
    outq_consume(&q.outq, q.outq.head->len); /* 1 leaves */
    push_message(&q, &b->solo, 4, 10);       /* and its place is taken again */
    assert_int_equal(outq_drop_oldest(&q.outq, a, 1, GAP_DROPPED_OLD), 1);
    EXPECT(&q, "G1x1 3+2");
    assert_int_equal(outq_drop_oldest(&q.outq, a, 1, GAP_DROPPED_OLD), 0);
    queue_close(&q);
}

static void one_lane_of_several(void **state)
{
    (void)state;
    struct queue q;
    queue_open(&q, 3);
    struct audience *all = audience_new(q.lanes, 3);
    for (uint64_t i = 0; i < 3; i++)
        push_message(&q, all, i, 10);
    uint64_t bytes = q.outq.n_bytes;
    assert_int_equal(outq_drop_oldest(&q.outq, q.lanes[1], 2, GAP_DROPPED_OLD), 2);
    EXPECT(&q, "G2x2 0+2 2+1");
    assert_int_equal(q.outq.n_bytes, bytes);
    assert_int_equal(q.outq.head->next->to->n, 2);
    assert_int_equal(outq_drop_oldest(&q.outq, q.lanes[0], 3, GAP_DROPPED_OLD), 2);
    assert_int_equal(outq_drop_oldest(&q.outq, q.lanes[0], 3, GAP_DROPPED_OLD), 1);
    EXPECT(&q, "G2x2 G1x3 0+2 2+1");
    assert_int_equal(outq_drop_oldest(&q.outq, q.lanes[2], 9, GAP_DROPPED_OLD), 2);
    EXPECT(&q, "G2x2 G1x3 G3x2 2+1"); /* nobody was left to get 0 and 1 */
    assert_int_equal(q.lanes[1]->n_messages, 1);
    audience_unref(all);
    queue_close(&q);
}

/* ---- room ----------------------------------------------------------------------- */

static void room_is_made_exactly(void **state)
{
    (void)state;
    struct queue q;
    queue_open(&q, 1);
    struct lane *a = q.lanes[0];
    uint32_t one = push_message(&q, &a->solo, 0, 20);
    for (uint64_t i = 1; i < 10; i++)
        push_message(&q, &a->solo, i, 20);
    a->max_bytes = 10 * one;
    a->max_messages = 100;
    assert_true(outq_make_room(&q.outq, a, one, GAP_DROPPED_OLD));
    EXPECT(&q, "G1x1 1+9");
    assert_true(outq_make_room(&q.outq, a, one, GAP_DROPPED_OLD));
    EXPECT(&q, "G1x1 1+9");
    assert_true(outq_make_room(&q.outq, a, 3 * one - 1, GAP_DROPPED_OLD));
    EXPECT(&q, "G1x3 3+7");
    a->max_messages = 4;
    assert_true(outq_make_room(&q.outq, a, 1, GAP_DROPPED_OLD));
    EXPECT(&q, "G1x7 7+3");
    assert_true(outq_make_room(&q.outq, a, 1 << 20, GAP_DROPPED_OLD)); /* fits an empty one */
    EXPECT(&q, "G1x10");
    queue_close(&q);
}

/* The message that is half gone cannot make room, and must not be counted as if it did. */
static void room_behind_a_message_half_sent(void **state)
{
    (void)state;
    struct queue q;
    queue_open(&q, 1);
    struct lane *a = q.lanes[0];
    uint32_t small = push_message(&q, &a->solo, 0, 8);
    uint32_t large = push_message(&q, &a->solo, 1, 400);
    for (uint64_t i = 2; i < 5; i++)
        push_message(&q, &a->solo, i, 8);
    outq_consume(&q.outq, 2);
    a->max_bytes = (uint32_t)a->n_bytes;
    assert_true(outq_make_room(&q.outq, a, large, GAP_DROPPED_OLD));
    EXPECT(&q, "0+1 G1x1 2+3"); /* 1 alone was enough */
    a->max_bytes = 2 * small;
    assert_true(outq_make_room(&q.outq, a, small, GAP_DROPPED_OLD));
    EXPECT(&q, "0+1 G1x4");
    assert_false(outq_make_room(&q.outq, a, 2 * small, GAP_DROPPED_OLD));
    EXPECT(&q, "0+1 G1x4");
    queue_close(&q);
}

/* ---- replacing -------------------------------------------------------------------- */

static struct entry *push_single(struct queue *q, struct lane *lane, uint64_t number)
{
    lane->solo.single = true;
    push_message(q, &lane->solo, number, 10);
    return q->outq.tail;
}

static void a_replaced_message_leaves_a_gap_in_its_place(void **state)
{
    (void)state;
    struct queue q;
    queue_open(&q, 2);
    struct lane *a = q.lanes[0];
    struct entry *e[4];
    for (uint64_t i = 0; i < 4; i++) {
        e[i] = push_single(&q, a, i);
        push_message(&q, &q.lanes[1]->solo, 10 + i, 10);
    }
    assert_int_equal(outq_replace(&q.outq, a, e[1], GAP_REPLACED), 0);
    EXPECT(&q, "0+1 10+1 G1x1 11+1 2+1 12+1 3+1 13+1");
    assert_int_equal(outq_replace(&q.outq, a, e[2], GAP_REPLACED), 0); /* they touch */
    EXPECT(&q, "0+1 10+1 G1x2 11+1 12+1 3+1 13+1");
    assert_int_equal(outq_replace(&q.outq, a, e[0], GAP_REPLACED), 0);
    EXPECT(&q, "G1x3 10+1 11+1 12+1 3+1 13+1");
    queue_close(&q);
}

/* The gap behind the last message is one with the gap that the message leaves. */
static void gaps_that_come_to_touch_are_one(void **state)
{
    (void)state;
    struct queue q;
    queue_open(&q, 2);
    struct lane *a = q.lanes[0];
    push_message(&q, &a->solo, 0, 10);
    push_message(&q, &q.lanes[1]->solo, 1, 10);
    assert_int_equal(outq_gap(&q.outq, a, GAP_CONNECTION_FULL, 2), 0);
    assert_int_equal(outq_drop_oldest(&q.outq, a, 1, GAP_CONNECTION_FULL), 1);
    EXPECT(&q, "G1x3 1+1");
    assert_int_equal(outq_gap(&q.outq, a, GAP_CONNECTION_FULL, 2), 0);
    EXPECT(&q, "G1x5 1+1");
    push_message(&q, &a->solo, 2, 10);
    push_message(&q, &a->solo, 3, 10);
    assert_int_equal(outq_gap(&q.outq, a, GAP_DROPPED_OLD, 1), 0);
    assert_int_equal(outq_drop_oldest(&q.outq, a, 1, GAP_DROPPED_OLD), 1);
    assert_int_equal(outq_drop_oldest(&q.outq, a, 1, GAP_DROPPED_OLD), 1);
    EXPECT(&q, "G1x5 1+1 G1x3");
    assert_int_equal(outq_drop_oldest(&q.outq, a, 1, GAP_DROPPED_OLD), 0);
    queue_close(&q);
}

static void only_the_lanes_own_hook_is_told(void **state)
{
    (void)state;
    struct queue q;
    struct told told[2];
    queue_open(&q, 2);
    q.lanes[0]->solo.single = true;
    struct audience *both = audience_new(q.lanes, 2);
    push_message(&q, both, 0, 10);
    for (int i = 0; i < 2; i++) {
        told[i] = (struct told){ .hook = { .left = on_left, .lane = q.lanes[i] } };
        entry_watch(q.outq.tail, &told[i].hook);
    }
    assert_int_equal(outq_replace(&q.outq, q.lanes[0], q.outq.tail, GAP_REPLACED), 0);
    EXPECT(&q, "G1x1 0+1");
    assert_int_equal(told[0].times, 1);
    assert_int_equal(told[1].times, 0);
    audience_unref(both);
    queue_close(&q);
    assert_int_equal(told[0].times, 1);
    assert_int_equal(told[1].times, 1);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        kit_test(losses_behind_the_newest_join),
        kit_test(a_run_is_split_at_a_boundary),
        kit_test(another_reason_is_another_gap),
        kit_test(what_is_half_sent_goes_on),
        kit_test(the_search_survives_others_leaving),
        kit_test(one_lane_of_several),
        kit_test(room_is_made_exactly),
        kit_test(room_behind_a_message_half_sent),
        kit_test(a_replaced_message_leaves_a_gap_in_its_place),
        kit_test(gaps_that_come_to_touch_are_one),
        kit_test(only_the_lanes_own_hook_is_told),
    };
    return kit_run("outq_drop", tests, KIT_LENGTH(tests));
}
