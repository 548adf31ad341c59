/* What the broker says about itself: events, and who may not speak for it. (PROTOCOL.md, "$SYS".) */
#include <unistd.h>

#include "tests/live/sys_body.h"

static struct broker_proc *broker;
static struct peer witness;
static struct sys_body body;

static void begin(const char *pattern)
{
    broker = broker_proc_new();
    broker_proc_start(broker, NULL);
    peer_open(&witness, broker);
    peer_ping(&witness);
    peer_sub(&witness, 1, pattern);
}

static void finish(void)
{
    peer_close(&witness);
    assert_int_equal(broker_proc_stop(broker), 0);
    broker_proc_free(broker);
}

/* The next event, of this subject; sys_free() it. */
static const msgpack_object *expect_event(const char *subject)
{
    const struct frame *frame = &peer_expect_past_select(&witness, OP_MESSAGE)->payload;

    assert_int_equal(frame->id, 0);
    if (frame->subject_len != strlen(subject) ||
        memcmp(frame->subject, subject, frame->subject_len) != 0)
        fail_msg("%.*s instead of %s", (int)frame->subject_len, frame->subject, subject);
    sys_decode(&body, frame);
    return body.root;
}

static void expect_left(uint64_t id, enum status status)
{
    const msgpack_object *event = expect_event("$SYS.event.left");

    assert_int_equal(sys_number(event, "id"), id);
    assert_int_equal(sys_number(event, "status"), status);
    assert_int_equal(sys_number(event, "uid"), getuid());
    assert_int_not_equal(sys_find(event, "reason")->via.str.size, 0);
    sys_free(&body);
}

static void a_client_comes_and_goes(void **state)
{
    struct envelope goodbye = { .op = OP_GOODBYE, .goodbye = { .status = STATUS_LEFT } };
    struct peer peer;

    (void)state;
    begin("$SYS.event.*");
    peer_connect(&peer, broker);
    peer_ping(&witness); /* nothing before HELLO */
    peer_hello(&peer, "somebody");
    peer_welcomed(&peer);
    const msgpack_object *event = expect_event("$SYS.event.came");
    assert_int_equal(sys_number(event, "id"), peer.id);
    assert_int_equal(sys_number(event, "pid"), getpid());
    assert_int_equal(sys_number(event, "uid"), getuid());
    assert_int_equal(sys_number(event, "gid"), getgid());
    sys_expect_text(event, "name", "somebody");
    sys_free(&body);
    peer_send(&peer, &goodbye);
    peer_shut(&peer);
    expect_left(peer.id, STATUS_LEFT);
    peer_close(&peer);
    finish();
}

static void why_a_client_left(void **state)
{
    struct peer peer;
    uint64_t id;

    (void)state;
    begin("$SYS.event.left");
    peer_open(&peer, broker);
    id = peer.id;
    peer_close(&peer);
    expect_left(id, STATUS_VANISHED);
    peer_open(&peer, broker);
    peer_shut(&peer);
    expect_left(peer.id, STATUS_VANISHED);
    peer_close(&peer);
    peer_open(&peer, broker);
    raw_send(peer.fd, "\0\0\0\0", 4);
    expect_left(peer.id, STATUS_BAD_FRAME);
    peer_close(&peer);
    peer_ping(&witness);
    finish();
}

static void publish_much(int n)
{
    static uint8_t payload[60000];
    struct peer publisher;

    peer_open(&publisher, broker);
    for (int i = 0; i < n; i++)
        peer_publish(&publisher, "a", payload, sizeof payload);
    peer_ping(&publisher);
    peer_close(&publisher);
}

static void a_loss_is_an_event_once_a_second(void **state)
{
    struct envelope sub = { .op = OP_SUB, .sub = { .ref = 9, .sid = 9, .queue_messages = 1 } };
    struct peer slow;

    (void)state;
    begin("$SYS.event.loss");
    peer_open(&slow, broker);
    sub.sub.pattern = (struct piece){ "*", 1 };
    sub.sub.policy = POLICY_DROP_OLD;
    peer_send(&slow, &sub);
    peer_expect(&slow, OP_OK);
    publish_much(100);
    const msgpack_object *event = expect_event("$SYS.event.loss");
    assert_int_equal(sys_number(event, "id"), slow.id);
    assert_int_equal(sys_number(event, "sid"), 9);
    assert_in_range(sys_number(event, "lost"), 1, 99);
    sys_expect_text(event, "pattern", "*");
    sys_expect_text(event, "reason", "dropped-old");
    sys_free(&body);
    peer_ping(&witness); /* that was all, though many were lost */
    peer_close(&slow);
    finish();
}

/* Those who listen to everything do not hear the broker; those who ask for it do. */
static void everything_is_not_the_broker(void **state)
{
    struct peer all, one, peer;

    (void)state;
    begin("$SYS.>");
    peer_open(&all, broker);
    peer_open(&one, broker);
    peer_sub(&all, 1, ">");
    peer_sub(&one, 1, "*.event.*");
    for (int i = 0; i < 2; i++) {
        expect_event("$SYS.event.came");
        sys_free(&body);
    }
    peer_open(&peer, broker);
    expect_event("$SYS.event.came");
    sys_free(&body);
    peer_ping(&all);
    peer_ping(&one);
    peer_close(&all);
    peer_close(&one);
    peer_close(&peer);
    finish();
}

static void nobody_speaks_for_the_broker(void **state)
{
    struct envelope serve = { .op = OP_SERVE, .serve = { .ref = 3, .sid = 3 } };
    static const char *const patterns[] = { "$SYS.info", "$SYS.>", "$SYS.*", "$SYS.mine" };

    (void)state;
    begin("$SYS.event.>");
    peer_publish(&witness, "$SYS.event.came", "", 0);
    assert_int_equal(peer_expect(&witness, OP_REFUSED)->control.refused.status, STATUS_RESERVED);
    for (size_t i = 0; i < KIT_LENGTH(patterns); i++) {
        serve.serve.pattern = (struct piece){ patterns[i], strlen(patterns[i]) };
        peer_send(&witness, &serve);
        peer_expect_error(&witness, OP_SERVE, 3, STATUS_RESERVED);
    }
    peer_ping(&witness);
    finish();
}

/* Who does not read the broker's events loses them in a gap, holds nobody, and makes no event of it. */
static void events_that_are_not_read_are_a_gap(void **state)
{
    struct envelope sub = { .op = OP_SUB, .sub = { .ref = 9, .sid = 9, .queue_messages = 1 } };
    struct peer deaf;
    uint64_t n_lost = 0, n_got = 0;

    (void)state;
    begin("$SYS.event.loss");
    peer_open(&deaf, broker);
    sub.sub.pattern = (struct piece){ "$SYS.event.came", 15 };
    peer_send(&deaf, &sub);
    peer_expect(&deaf, OP_OK);
    peer_sub(&deaf, 1, "a");
    publish_much(100); /* fills its socket */
    enum { N_CAME = 50 };
    for (int i = 0; i < N_CAME; i++) {
        struct peer peer;
        peer_open(&peer, broker);
        peer_close(&peer);
    }
    peer_ping(&witness);
    peer_send(&deaf, &(struct envelope){ .op = OP_PING });
    while (peer_next(&deaf, RAW_DEADLINE_MS)->op != OP_PONG) {
        n_got += deaf.got.op == OP_MESSAGE && deaf.got.payload.id == 0;
        n_lost += deaf.got.op == OP_GAP ? deaf.got.control.gap.count : 0;
    }
    print_message("  %d came: %d heard, %d in gaps\n", N_CAME, (int)n_got, (int)n_lost);
    assert_int_equal(n_got + n_lost, N_CAME + 1); /* and who published */
    assert_int_not_equal(n_lost, 0);
    peer_close(&deaf);
    finish();
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        kit_test(a_client_comes_and_goes),
        kit_test(why_a_client_left),
        kit_test(a_loss_is_an_event_once_a_second),
        kit_test(everything_is_not_the_broker),
        kit_test(nobody_speaks_for_the_broker),
        kit_test(events_that_are_not_read_are_a_gap),
    };
    return kit_run("events", tests, KIT_LENGTH(tests));
}
