/* Runs: a stream is pushed in one piece, and whatever comes in between keeps its place. */
#include "broker/route/run.h"

#include "tests/unit/train_kit.h"

static void add(struct train *train, const char *subject, uint64_t number)
{
    train_add(train, subject, number, 8);
}

static void add_ref(struct train *train, int op, uint64_t ref)
{
    struct envelope e = { .op = (uint8_t)op, .ref = ref };
    train->len += envelope_write(train->bytes + train->len, 64, &e);
}

static void a_stream_is_one_push(void **state)
{
    static struct train train;
    (void)state;
    start();
    struct cli *a = cli_open();
    struct cli *b = cli_open();
    cli_sub(b, 1, "x");
    for (uint64_t i = 0; i < 1000; i++)
        add(&train, "x", i);
    uint64_t writes = counters.writes;
    cli_write(a, train.bytes, train.len);
    turn();
    assert_int_equal(counters.writes, writes + 1);
    assert_int_equal(counters.messages_in, 1000);
    assert_int_equal(counters.deliveries, 1000);
    for (uint64_t i = 0; i < 1000; i++) {
        struct heard *h = expect(b, OP_MESSAGE);
        assert_int_equal(number_of(h), i);
        assert_int_equal(h->f.id, a->id);
    }
    cli_close(a);
    cli_close(b);
    stop();
}

static void what_stands_between_keeps_its_place(void **state)
{
    static struct train train;
    (void)state;
    start();
    struct cli *a = cli_open();
    cli_sub(a, 1, "x");
    cli_sub(a, 2, "y");
    train.len = 0;
    add(&train, "x", 1);
    add(&train, "x", 2);
    add(&train, "y", 3);
    add_ref(&train, OP_PING, 4);
    add(&train, "nobody", 5);
    add(&train, "y", 6);
    add(&train, "$SYS.x", 7);
    add(&train, "y", 8);
    add_ref(&train, OP_CONFIRM, 9);
    cli_write(a, train.bytes, train.len);
    for (uint64_t i = 1; i < 4; i++)
        assert_int_equal(number_of(expect(a, OP_MESSAGE)), i);
    expect(a, OP_PONG);
    assert_int_equal(number_of(expect(a, OP_MESSAGE)), 6);
    struct heard *h = hear(a); /* the refusal may come ahead of the message behind it, or not */
    if (h->op == OP_MESSAGE)
        h = expect(a, OP_REFUSED);
    else
        assert_int_equal(number_of(expect(a, OP_MESSAGE)), 8);
    h = expect(a, OP_CONFIRMED);
    assert_int_equal(h->e.confirmed.last, 7);
    assert_int_equal(h->e.confirmed.matched, 5);
    assert_int_equal(h->e.confirmed.refused, 1);
    assert_int_equal(counters.messages_unmatched, 1);
    cli_close(a);
    stop();
}

/* What was shared out to a subscription that ends in the same read is still its own. */
static void a_subscription_ends_between(void **state)
{
    static struct train train;
    (void)state;
    start();
    struct cli *a = cli_open();
    struct cli *b = cli_open();
    cli_sub(a, 1, "x");
    cli_sub(b, 1, "x");
    train.len = 0;
    add(&train, "x", 1);
    struct envelope unsub = { .op = OP_UNSUB };
    unsub.unsub.ref = unsub.unsub.sid = 1;
    train.len += envelope_write(train.bytes + train.len, 64, &unsub);
    add(&train, "x", 2); /* where that goes is looked up anew */
    cli_write(a, train.bytes, train.len);
    assert_int_equal(number_of(expect(a, OP_MESSAGE)), 1);
    expect(a, OP_OK);
    expect_silence(a);
    assert_int_equal(number_of(expect(b, OP_MESSAGE)), 1);
    assert_int_equal(number_of(expect(b, OP_MESSAGE)), 2);
    cli_close(a);
    cli_close(b);
    stop();
}

/* The same plain receivers, but for one of the subjects there are others as well. */
static void a_group_hears_its_subject(void **state)
{
    static struct train train;
    (void)state;
    start();
    struct cli *a = cli_open();
    struct cli *b = cli_open();
    struct cli *c = cli_open();
    cli_sub(b, 1, "x.*");
    cli_sub(c, 1, "x.two", .group = "g");
    for (int round = 0; round < 3; round++) {
        train.len = 0;
        for (uint64_t i = 0; i < 20; i++)
            add(&train, i % 2 ? "x.two" : "x.one", i);
        cli_write(a, train.bytes, train.len);
        for (uint64_t i = 0; i < 20; i++) {
            assert_int_equal(number_of(expect(b, OP_MESSAGE)), i);
            if (i % 2)
                assert_int_equal(number_of(expect(c, OP_MESSAGE)), i);
        }
    }
    expect_silence(c);
    assert_int_equal(counters.deliveries, 3 * 30);
    cli_close(a);
    cli_close(b);
    cli_close(c);
    stop();
}

/* Two subjects, one queue: what went to the one takes room from the other. */
static void subjects_share_a_queue(void **state)
{
    static struct train train;
    (void)state;
    start();
    struct cli *a = cli_open();
    struct cli *c = cli_open();
    small_buffers = true;
    struct cli *b = cli_open();
    cli_sub(b, 1, "x.*", .policy = POLICY_DROP_NEW, .messages = 10);
    cli_sub(c, 1, "x.one"); /* so that they are no single run */
    stuff(b, 50000);
    conn_dirty(&b->client->conn);
    turn();
    assert_true(b->client->conn.out.blocked);
    train.len = 0;
    for (uint64_t i = 0; i < 60; i++)
        add(&train, i % 2 ? "x.two" : "x.one", i);
    cli_write(a, train.bytes, train.len);
    for (uint64_t i = 0; i < 60; i += 2)
        assert_int_equal(number_of(expect(c, OP_MESSAGE)), i);
    assert_int_equal(counters.lost_drop_new, 50);
    assert_int_equal(b->client->n_lost, 50);
    cli_close(a);
    cli_close(b);
    cli_close(c);
    stop();
}

/* It takes as many as fit; then what the kernel takes at once makes room, so that a reader that
 * keeps up loses nothing of a small queue to a large read. */
static void a_run_ends_where_the_room_does(void **state)
{
    static struct train train;
    (void)state;
    start();
    struct cli *a = cli_open();
    struct cli *b = cli_open();
    cli_sub(b, 1, "x", .policy = POLICY_DROP_NEW, .messages = 10);
    train.len = 0;
    for (uint64_t i = 0; i < 15; i++)
        add(&train, "x", i);
    cli_write(a, train.bytes, train.len);
    for (uint64_t i = 0; i < 15; i++)
        assert_int_equal(number_of(expect(b, OP_MESSAGE)), i);
    assert_int_equal(counters.lost_drop_new, 0);
    cli_close(a);
    cli_close(b);
    stop();
}

/* Frames that come in pieces, split at every byte. */
static void every_split_gives_the_same(void **state)
{
    static struct train train;
    (void)state;
    start();
    struct cli *a = cli_open();
    cli_sub(a, 1, "x.*");
    train.len = 0;
    add(&train, "x.one", 1);
    add_ref(&train, OP_PING, 2);
    add(&train, "x.one", 3);
    add_ref(&train, OP_PING, 4);
    add(&train, "x.two", 5);
    for (size_t cut = 1; cut < train.len; cut++) {
        cli_write(a, train.bytes, cut);
        turn();
        cli_write(a, train.bytes + cut, train.len - cut);
        assert_int_equal(number_of(expect(a, OP_MESSAGE)), 1);
        assert_int_equal(expect(a, OP_PONG)->e.ref, 2);
        assert_int_equal(number_of(expect(a, OP_MESSAGE)), 3);
        assert_int_equal(expect(a, OP_PONG)->e.ref, 4);
        assert_int_equal(number_of(expect(a, OP_MESSAGE)), 5);
    }
    for (size_t i = 0; i < train.len; i++) {
        cli_write(a, train.bytes + i, 1);
        turn();
    }
    for (int i = 0; i < 3; i++)
        expect(a, i == 1 ? OP_PONG : OP_MESSAGE);
    cli_close(a);
    stop();
}

/* A large frame grows in small steps, and others go on meanwhile. */
static void a_large_frame_in_pieces(void **state)
{
    (void)state;
    start();
    struct cli *a = cli_open();
    struct cli *b = cli_open();
    struct cli *c = cli_open();
    cli_sub(b, 1, "big");
    size_t size = 700000;
    struct frame frame = {
        .op = OP_MESSAGE, .subject = "big", .subject_len = 3, .payload_len = size
    };
    uint8_t *bytes = calloc(1, FRAME_MAX_HEAD + size);
    size_t len = frame_write_head(bytes, &frame);
    store_be64(bytes + len, 77);
    len += size;
    for (size_t at = 0, n; at < len; at += n) {
        n = at < 100 ? 3 : 30011;
        n = n < len - at ? n : len - at;
        cli_write(a, bytes + at, n);
        cli_sync(c);
    }
    struct heard *h = expect(b, OP_MESSAGE);
    assert_int_equal(number_of(h), 77);
    assert_int_equal(h->f.payload_len, size);
    free(bytes);
    cli_close(c);
    cli_close(a);
    cli_close(b);
    stop();
}

static void goodbye_is_the_last_word(void **state)
{
    static struct train train;
    (void)state;
    start();
    struct cli *a = cli_open();
    struct cli *b = cli_open();
    cli_sub(b, 1, "x");
    cli_publish(a, "x", 1, 0); /* so that its receivers are known */
    expect(b, OP_MESSAGE);
    struct envelope goodbye = { .op = OP_GOODBYE };
    train.len = envelope_write(train.bytes, sizeof train.bytes, &goodbye);
    add(&train, "x", 2);
    add(&train, "y", 3);
    cli_write(a, train.bytes, train.len);
    expect_silence(b); /* what follows it is not looked at */
    cli_close(a);
    assert_int_equal(counters.left, 1);
    cli_close(b);
    stop();
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        kit_test(a_stream_is_one_push),           kit_test(what_stands_between_keeps_its_place),
        kit_test(a_subscription_ends_between),    kit_test(a_group_hears_its_subject),
        kit_test(subjects_share_a_queue),
        kit_test(a_run_ends_where_the_room_does), kit_test(every_split_gives_the_same),
        kit_test(a_large_frame_in_pieces),        kit_test(goodbye_is_the_last_word),
    };
    return kit_run("run", tests, KIT_LENGTH(tests));
}
