/* Policy `wait`: who is held, in which order they go on, and how long it lasts. */
#include "broker/route/hold.h"

#include "tests/unit/route_kit.h"

enum { SIZE = 60000 };

/* A subscriber that waits, and does not read: its queue takes two messages. */
static struct cli *open_waiting(void)
{
    small_buffers = true;
    struct cli *s = cli_open();
    cli_sub(s, 1, "x", .messages = 2);
    return s;
}

static void fill(struct cli *p, int n)
{
    for (int i = 0; i < n; i++)
        cli_publish(p, "x", (uint64_t)i, SIZE);
    turn();
}

static void the_publisher_waits_at_the_frame(void **state)
{
    (void)state;
    start();
    struct cli *s = open_waiting();
    struct cli *p = cli_open();
    fill(p, 2);
    assert_null(p->client->held_by);
    fill(p, 1);
    assert_ptr_equal(p->client->held_by, s->client);
    assert_true(p->client->conn.held);
    assert_int_equal(p->client->n_messages, 2);
    cli_ref(p, OP_PING, 1);
    expect_silence(p); /* nothing of a held connection is handled */
    for (uint64_t i = 0; i < 2; i++)
        assert_int_equal(number_of(expect(s, OP_MESSAGE)), i);
    assert_int_equal(number_of(expect(s, OP_MESSAGE)), 0);
    assert_int_equal(expect(p, OP_PONG)->e.ref, 1);
    assert_null(p->client->held_by);
    assert_int_equal(p->client->held_ns, 0);
    assert_false(s->client->conn.wants_room);
    assert_int_equal(counters.lost_stuck, 0);
    cli_close(s);
    cli_close(p);
    stop();
}

/* Each of three gets on in its turn, however often they are held again. */
static void nobody_starves(void **state)
{
    (void)state;
    start();
    struct cli *s = open_waiting();
    struct cli *p[4];
    int passed[4] = { 0 };
    for (int i = 0; i < 4; i++) {
        p[i] = cli_open();
        for (uint64_t j = 0; j < 10; j++)
            cli_publish(p[i], "x", (uint64_t)i, 9000);
    }
    for (int n = 0; n < 24; n++)
        passed[number_of(expect(s, OP_MESSAGE))]++;
    for (int i = 0; i < 4; i++)
        assert_in_range(passed[i], 3, 10);
    for (int n = 24; n < 40; n++)
        passed[number_of(expect(s, OP_MESSAGE))]++;
    for (int i = 0; i < 4; i++) {
        assert_int_equal(passed[i], 10);
        assert_null(p[i]->client->held_by);
        cli_close(p[i]);
    }
    cli_close(s);
    stop();
}

/* Held again for the same frame they keep their order; who got on goes to the end. */
static void they_keep_their_order(void **state)
{
    (void)state;
    start();
    struct cli *s = cli_open();
    struct cli *p[4];
    for (int i = 0; i < 4; i++)
        p[i] = cli_open();
    for (int i = 0; i < 4; i++) {
        hold_start(s->client, p[i]->client);
        p[i]->client->held_ns += (uint64_t)i; /* each came a moment later */
    }
    hold_release_all(s->client);
    assert_null(s->client->hold);
    hold_passed(p[0]->client);
    skip_ms(10);
    hold_start(s->client, p[0]->client);
    for (int i = 1; i < 4; i++)
        hold_start(s->client, p[i]->client);
    const struct client *at = s->client->hold->first;
    for (int i = 1; i < 5; i++, at = at->held_next)
        assert_ptr_equal(at, p[i % 4]->client);
    assert_null(at);
    assert_ptr_equal(s->client->hold->last, p[0]->client);
    hold_release(p[2]->client);
    hold_release(p[2]->client);
    assert_ptr_equal(p[1]->client->held_next, p[3]->client);
    cli_close(s);
    for (int i = 0; i < 4; i++)
        assert_null(p[i]->client->held_by);
    for (int i = 0; i < 4; i++)
        cli_close(p[i]);
    stop();
}

static void who_stands_still_is_treated_as_drop_old(void **state)
{
    (void)state;
    start();
    struct cli *s = open_waiting();
    struct cli *p = cli_open();
    fill(p, 3);
    assert_non_null(p->client->held_by);
    skip_ms(HOLD_PATIENCE_MS - 100);
    assert_non_null(p->client->held_by);
    skip_ms(HOLD_PATIENCE_MS); /* what the kernel took when it began counts once */
    skip_ms(HOLD_PATIENCE_MS);
    assert_null(p->client->held_by);
    assert_true(s->client->hold->stalled);
    fill(p, 5); /* goes through at once, the oldest make room */
    cli_sync(p);
    assert_true(counters.lost_stuck > 0);
    uint64_t lost = 0;
    uint64_t got = 0;
    for (struct heard *h; (h = hear(s));) {
        got += h->op == OP_MESSAGE;
        if (h->op == OP_GAP) {
            assert_int_equal(h->e.gap.reason, GAP_STALLED);
            lost += h->e.gap.count;
        }
    }
    assert_int_equal(got + lost, 8);
    assert_int_equal(lost, counters.lost_stuck);
    skip_ms(HOLD_PENALTY_MS + 100); /* it has read: the penalty ends */
    assert_null(s->client->hold);
    fill(p, 3);
    assert_non_null(p->client->held_by);
    cli_close(s);
    assert_null(p->client->held_by);
    cli_sync(p);
    cli_close(p);
    stop();
}

static void who_reads_now_and_then_loses_nothing(void **state)
{
    (void)state;
    start();
    struct cli *s = open_waiting();
    struct cli *p = cli_open();
    for (uint64_t i = 0; i < 12; i++)
        cli_publish(p, "x", i, 9000);
    for (uint64_t i = 0; i < 12; i++) {
        assert_int_equal(number_of(expect(s, OP_MESSAGE)), i);
        skip_ms(HOLD_PATIENCE_MS - 300);
    }
    assert_int_equal(counters.lost_stuck, 0);
    cli_close(s);
    cli_close(p);
    stop();
}

static void what_was_read_of_a_publisher_that_left_is_routed(void **state)
{
    (void)state;
    start();
    struct cli *s = open_waiting();
    struct cli *p = cli_open();
    fill(p, 3);
    cli_publish(p, "x", 3, 8);
    assert_non_null(p->client->held_by);
    cli_close(p);
    for (uint64_t i = 0; i < 4; i++)
        assert_int_equal(number_of(expect(s, OP_MESSAGE)), i);
    turn();
    assert_int_equal(session.net.n_conns, 1);
    cli_close(s);
    stop();
}

struct corked {
    uint8_t bytes[220 << 10];
    size_t len;
};

static void cork(struct corked *out, const char *subject, uint64_t number, size_t size)
{
    struct frame frame = {
        .op = OP_MESSAGE,
        .subject = subject,
        .subject_len = strlen(subject),
        .payload_len = size,
    };
    out->len += frame_write_head(out->bytes + out->len, &frame);
    assert_true(out->len + size <= sizeof out->bytes);
    memset(out->bytes + out->len, 0, size);
    store_be64(out->bytes + out->len, number);
    out->len += size;
}

/* What a held connection has read already stays apart from what others send. */
static void the_rest_of_a_held_connection_is_its_own(void **state)
{
    static struct corked out;
    (void)state;
    start();
    struct cli *s = open_waiting();
    struct cli *w = cli_open();
    struct cli *p = cli_open();
    struct cli *other = cli_open();
    small_buffers = false;
    setsockopt(p->fd, SOL_SOCKET, SO_SNDBUF, NULL, 0);
    small_buffers = true;
    cli_sub(w, 1, "y");
    for (uint64_t i = 0; i < 6; i++)
        cork(&out, "x", i, 9000);
    for (uint64_t i = 0; i < 400; i++)
        cork(&out, "y", i, 300);
    cli_write(p, out.bytes, out.len - 100); /* the last one is not whole */
    turn();
    assert_non_null(p->client->held_by);
    assert_non_null(p->client->conn.in->pool); /* it is still where it was read */
    for (uint64_t i = 0; i < 100; i++)
        cli_publish(other, "y", 1000 + i, 200);
    for (uint64_t i = 0; i < 100; i++) {
        struct heard *h = expect(w, OP_MESSAGE);
        assert_int_equal(number_of(h), 1000 + i);
        assert_int_equal(h->f.id, other->id);
    }
    for (uint64_t i = 0; i < 6; i++)
        assert_int_equal(number_of(expect(s, OP_MESSAGE)), i);
    for (uint64_t i = 0; i < 400; i++) {
        if (i == 390) {
            for (uint64_t j = 0; j < 30; j++) /* goes where the last one is not to go */
                cli_publish(other, "z", j, 5000);
            cli_write(p, out.bytes + out.len - 100, 100);
        }
        struct heard *h = expect(w, OP_MESSAGE);
        assert_int_equal(number_of(h), i);
        assert_int_equal(h->f.id, p->id);
    }
    expect_silence(w);
    cli_close(s);
    cli_close(w);
    cli_close(p);
    cli_close(other);
    stop();
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        kit_test(the_publisher_waits_at_the_frame),
        kit_test(nobody_starves),
        kit_test(they_keep_their_order),
        kit_test(who_stands_still_is_treated_as_drop_old),
        kit_test(who_reads_now_and_then_loses_nothing),
        kit_test(what_was_read_of_a_publisher_that_left_is_routed),
        kit_test(the_rest_of_a_held_connection_is_its_own),
    };
    return kit_run("hold", tests, KIT_LENGTH(tests));
}
