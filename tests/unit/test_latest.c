/* Policy `latest`: which entry is queued for a subject, while entries come and go. */
#include "broker/route/latest.h"

#include "proto/subject.h"
#include "tests/unit/net_kit.h"

struct scene {
    struct queue q;
    struct latest *latest;
};

static struct entry *push_subject(struct scene *s, const char *subject)
{
    struct frame frame = {
        .op = OP_MESSAGE,
        .subject = subject,
        .subject_len = strlen(subject),
    };
    struct entry *entry;
    uint32_t off = s->q.block->used;
    uint32_t len = (uint32_t)frame_write_head(s->q.block->data + off, &frame);
    s->q.block->used += len;
    assert_int_equal(
        outq_push(&s->q.outq, s->q.block, off, len, 1, &s->q.lanes[0]->solo, NULL, &entry), 0);
    uint64_t hash = subject_hash(subject, strlen(subject), 1);
    assert_int_equal(latest_add(s->latest, hash, entry), 0);
    return entry;
}

static struct entry *find(const struct scene *s, const char *subject)
{
    return latest_find(s->latest, subject_hash(subject, strlen(subject), 1), subject,
                       strlen(subject));
}

static void open_scene(struct scene *s)
{
    queue_open(&s->q, 1);
    s->q.lanes[0]->solo.single = true;
    s->latest = latest_new(s->q.lanes[0]);
    assert_non_null(s->latest);
}

static void it_knows_what_is_queued(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s);
    struct entry *a = push_subject(&s, "a");
    struct entry *b = push_subject(&s, "a.subject.of.more.than.thirty-two.bytes.that.is.a.str8");
    assert_ptr_equal(find(&s, "a"), a);
    assert_ptr_equal(find(&s, "a.subject.of.more.than.thirty-two.bytes.that.is.a.str8"), b);
    assert_null(find(&s, "b"));
    outq_settle(&s.q.outq); /* the bytes move, the entry stays */
    assert_ptr_equal(find(&s, "a"), a);
    assert_int_equal(outq_replace(&s.q.outq, s.q.lanes[0], a, GAP_REPLACED), 0);
    assert_null(find(&s, "a"));
    struct entry *again = push_subject(&s, "a");
    assert_ptr_equal(find(&s, "a"), again);
    latest_free(s.latest);
    queue_close(&s.q);
}

static void what_begins_to_leave_is_not_replaced(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s);
    push_subject(&s, "a");
    push_subject(&s, "b");
    entry_tell(s.q.outq.head, true);
    outq_consume(&s.q.outq, 1);
    assert_null(find(&s, "a"));
    assert_non_null(find(&s, "b"));
    latest_free(s.latest);
    queue_close(&s.q);
}

static void one_hash_for_two_subjects(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s);
    struct entry *a = push_subject(&s, "a");
    uint64_t hash = subject_hash("a", 1, 1);
    assert_null(latest_find(s.latest, hash, "b", 1));
    assert_null(latest_find(s.latest, hash, "a.b", 3));
    assert_ptr_equal(latest_find(s.latest, hash, "a", 1), a);
    latest_free(s.latest);
    queue_close(&s.q);
}

static void many_subjects(void **state)
{
    (void)state;
    struct scene s;
    struct entry *entries[1000];
    char subject[16];
    open_scene(&s);
    for (int i = 0; i < 1000; i++) {
        snprintf(subject, sizeof subject, "s.%d", i);
        entries[i] = push_subject(&s, subject);
    }
    for (int i = 0; i < 1000; i += 3)
        assert_true(outq_remove(&s.q.outq, entries[i]));
    for (int i = 0; i < 1000; i++) {
        snprintf(subject, sizeof subject, "s.%d", i);
        assert_ptr_equal(find(&s, subject), i % 3 ? entries[i] : NULL);
    }
    check_books(&s.q);
    queue_close(&s.q);
    latest_free(s.latest);
}

/* The subscription ends, what is queued stays. */
static void it_may_go_before_the_entries(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s);
    push_subject(&s, "a");
    push_subject(&s, "b");
    assert_null(latest_free(s.latest));
    assert_null(latest_free(NULL));
    consume_all(&s.q, 5);
    queue_close(&s.q);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        kit_test(it_knows_what_is_queued),      kit_test(what_begins_to_leave_is_not_replaced),
        kit_test(one_hash_for_two_subjects),    kit_test(many_subjects),
        kit_test(it_may_go_before_the_entries),
    };
    return kit_run("latest", tests, KIT_LENGTH(tests));
}
