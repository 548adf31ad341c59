/* What a peer may send that is wrong: it is told, and nobody else notices. FAULTS: "Bad input". */
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/kit/health.h"
#include "tests/live/bad_input_cases.h"

static struct health health;

static void begin(void)
{
    struct broker_proc *broker = broker_proc_new();

    broker_proc_start(broker, NULL);
    health_begin(&health, broker);
}

static void finish(void)
{
    health_end(&health);
    assert_int_equal(broker_proc_stop(health.broker), 0);
    broker_proc_free(health.broker);
}

/* -- the table ------------------------------------------------------------------------------- */

static void expect_outcome(struct peer *peer, const struct bad_input *input)
{
    const struct got *got;

    switch (input->outcome) {
    case ENDS:
        peer_expect_goodbye(peer, input->status);
        return;
    case REFUSED:
        got = peer_expect(peer, OP_REFUSED);
        assert_int_equal(got->control.refused.first, 1);
        assert_int_equal(got->control.refused.last, 1);
        assert_int_equal(got->control.refused.status, input->status);
        break;
    case ERROR:
        got = peer_expect(peer, OP_ERROR);
        assert_int_equal(got->control.error.status, input->status);
        break;
    case END:
        got = peer_expect_end(peer, 5, input->status);
        assert_int_equal(got->control.end.asked, 0);
        break;
    case OK:
        assert_int_equal(peer_expect(peer, OP_OK)->control.ref, 1);
        break;
    case PONG:
        peer_expect(peer, OP_PONG);
        break;
    case SILENT:
        break;
    }
    peer_ping(peer); /* the connection goes on */
}

static void send_input(struct peer *peer, const struct bad_input *input)
{
    if (input->raw)
        raw_send(peer->fd, input->bytes, input->len);
    else
        raw_send_frame(peer->fd, input->bytes, input->len);
}

static void every_wrong_frame_gets_its_answer(void **state)
{
    (void)state;
    begin();
    for (size_t i = 0; i < KIT_LENGTH(bad_inputs); i++) {
        struct peer peer;
        print_message("  %s\n", bad_inputs[i].name);
        peer_connect(&peer, health.broker);
        if (bad_inputs[i].greeted) {
            peer_hello(&peer, NULL);
            peer_welcomed(&peer);
        }
        send_input(&peer, &bad_inputs[i]);
        expect_outcome(&peer, &bad_inputs[i]);
        peer_close(&peer);
        health_check(&health);
    }
    health_check_all(&health, 1 << 20);
    finish();
}

/* A refused frame leaves what stands behind it in the same bytes alone. */
static void what_follows_a_refused_frame_is_handled(void **state)
{
    struct peer peer;

    (void)state;
    begin();
    peer_open(&peer, health.broker);
    peer_sub(&peer, 1, "good");
    for (size_t i = 0; i < KIT_LENGTH(bad_inputs); i++) {
        uint64_t before = peer.n_pings;
        if (bad_inputs[i].outcome != REFUSED)
            continue;
        send_input(&peer, &bad_inputs[i]);
        peer_publish(&peer, "good", "x", 1);
        const struct got *got = peer_next(&peer, RAW_DEADLINE_MS);
        while (got && got->op != OP_MESSAGE)
            got = peer_next(&peer, RAW_DEADLINE_MS);
        assert_non_null(got);
        assert_int_equal(before, peer.n_pings);
    }
    peer_close(&peer);
    health_check_all(&health, 1 << 20);
    finish();
}

/* -- every opcode ---------------------------------------------------------------------------- */

static bool takes_any_number(int op)
{
    return op == OP_PING || op == OP_CONFIRM || op == OP_GOODBYE || op == OP_CANCEL;
}

static enum status verdict(int op)
{
    if (opcode_skippable((uint8_t)op) || takes_any_number(op))
        return STATUS_OK;
    if (op == OP_HELLO || !(opcode_from((uint8_t)op) & FROM_C))
        return STATUS_BAD_OPCODE;
    return STATUS_BAD_FRAME; /* it has more fields than one */
}

static void send_twice(struct peer *peer, int op)
{
    const unsigned char frame[] = { 0, 0, 0, 3, 0x92, (unsigned char)op, 1 };

    raw_send(peer->fd, frame, sizeof frame);
    (void)raw_try_send(peer->fd, frame, sizeof frame, RAW_DEADLINE_MS);
}

static void every_opcode_before_hello_twice(void **state)
{
    (void)state;
    begin();
    for (int op = 0; op < 128; op++) {
        struct peer peer;
        peer_connect(&peer, health.broker);
        send_twice(&peer, op);
        peer_expect_goodbye(&peer, op == OP_HELLO ? STATUS_BAD_FRAME : STATUS_BAD_MAGIC);
        peer_close(&peer);
    }
    health_check_all(&health, 1 << 20);
    finish();
}

static void every_opcode_after_hello_twice(void **state)
{
    (void)state;
    begin();
    for (int op = 0; op < 128; op++) {
        struct peer peer;
        enum status status = verdict(op);
        peer_open(&peer, health.broker);
        send_twice(&peer, op);
        if (status != STATUS_OK) {
            peer_expect_goodbye(&peer, status);
        } else {
            peer_shut(&peer);
            while (peer_next(&peer, RAW_DEADLINE_MS))
                assert_int_not_equal(peer.got.op, OP_GOODBYE);
        }
        peer_close(&peer);
    }
    health_check_all(&health, 1 << 20);
    finish();
}

static void every_opcode_after_goodbye_is_not_looked_at(void **state)
{
    struct envelope goodbye = { .op = OP_GOODBYE, .goodbye = { .status = STATUS_LEFT } };

    (void)state;
    begin();
    for (int op = 0; op < 128; op++) {
        struct peer peer;
        peer_open(&peer, health.broker);
        peer_send(&peer, &goodbye);
        send_twice(&peer, op);
        peer_shut(&peer);
        assert_null(peer_next(&peer, RAW_DEADLINE_MS));
        peer_close(&peer);
    }
    health_check_all(&health, 1 << 20);
    finish();
}

/* Also what is the same as the message before, which takes a shorter way. */
static void a_message_after_goodbye_is_not_routed(void **state)
{
    struct envelope goodbye = { .op = OP_GOODBYE, .goodbye = { .status = STATUS_LEFT } };
    struct peer publisher, subscriber;

    (void)state;
    begin();
    peer_open(&subscriber, health.broker);
    peer_sub(&subscriber, 1, "a");
    peer_open(&publisher, health.broker);
    peer_publish(&publisher, "a", "1", 1);
    peer_publish(&publisher, "a", "2", 1);
    peer_send(&publisher, &goodbye);
    peer_publish(&publisher, "a", "3", 1);
    peer_shut(&publisher);
    assert_null(peer_next(&publisher, RAW_DEADLINE_MS));
    peer_expect_past_select(&subscriber, OP_MESSAGE);
    peer_expect(&subscriber, OP_MESSAGE);
    peer_ping(&subscriber);
    peer_close(&publisher);
    peer_close(&subscriber);
    finish();
}

/* -- sizes ----------------------------------------------------------------------------------- */

static void payloads_at_the_limit(void **state)
{
    static const size_t sizes[] = { MAX_PAYLOAD - 1, MAX_PAYLOAD, MAX_PAYLOAD + 1, 5 };
    uint8_t *payload = calloc(1, MAX_PAYLOAD + 1);
    struct peer publisher, subscriber;

    (void)state;
    begin();
    peer_open(&subscriber, health.broker);
    peer_open(&publisher, health.broker);
    peer_sub(&subscriber, 1, "large");
    for (size_t i = 0; i < KIT_LENGTH(sizes); i++) {
        payload[sizes[i] - 1] = (uint8_t)(0x40 + i);
        peer_publish(&publisher, "large", payload, sizes[i]);
        if (sizes[i] > MAX_PAYLOAD) {
            const struct got *got = peer_expect(&publisher, OP_REFUSED);
            assert_int_equal(got->control.refused.first, i + 1);
            assert_int_equal(got->control.refused.status, STATUS_TOO_LARGE);
            continue;
        }
        const struct frame *frame = &peer_expect_past_select(&subscriber, OP_MESSAGE)->payload;
        assert_int_equal(frame->payload_len, sizes[i]);
        assert_memory_equal(frame->payload, payload, sizes[i]);
    }
    free(payload);
    peer_ping(&publisher);
    peer_close(&publisher);
    peer_close(&subscriber);
    health_check_all(&health, 12 << 20);
    finish();
}

static void the_largest_frame_there_is(void **state)
{
    uint8_t *bytes = calloc(1, MAX_PAYLOAD + MAX_HEADERS);
    struct frame frame = { .op = OP_MESSAGE, .headers = bytes, .headers_len = MAX_HEADERS };
    struct peer peer;

    (void)state;
    begin();
    peer_open(&peer, health.broker);
    peer_sub(&peer, 1, "*");
    frame.subject = B255;
    frame.subject_len = MAX_SUBJECT;
    frame.payload = bytes + MAX_HEADERS;
    frame.payload_len = MAX_PAYLOAD;
    peer_send_payload(&peer, &frame);
    const struct got *got = peer_expect_past_select(&peer, OP_MESSAGE);
    assert_int_equal(got->payload.headers_len, MAX_HEADERS);
    assert_int_equal(got->payload.payload_len, MAX_PAYLOAD);
    free(bytes);
    peer_close(&peer);
    health_check_all(&health, 12 << 20);
    finish();
}

static void a_claimed_length_costs_nothing(void **state)
{
    enum { N_PEERS = 200 };
    static struct peer peers[N_PEERS];
    static const unsigned char claim[] = { 1, 1, 3, 0xff, 0x94 }; /* the largest length allowed */

    (void)state;
    begin();
    for (int i = 0; i < N_PEERS; i++) {
        peer_open(&peers[i], health.broker);
        raw_send(peers[i].fd, claim, sizeof claim);
    }
    health_check(&health);
    int64_t grown = broker_proc_rss(health.broker) - health.rss;
    print_message("  200 claims of 16 MiB: %lld KiB\n", (long long)grown / 1024);
    if (!KIT_SANITIZED)
        assert_in_range(grown + (1 << 20), 0, (4 + 1) << 20);
    for (int i = 0; i < N_PEERS; i++)
        peer_close(&peers[i]);
    health_check_all(&health, 4 << 20);
    finish();
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        kit_test(every_wrong_frame_gets_its_answer),
        kit_test(what_follows_a_refused_frame_is_handled),
        kit_test(every_opcode_before_hello_twice),
        kit_test(every_opcode_after_hello_twice),
        kit_test(every_opcode_after_goodbye_is_not_looked_at),
        kit_test(a_message_after_goodbye_is_not_routed),
        kit_test(payloads_at_the_limit),
        kit_test(the_largest_frame_there_is),
        kit_test(a_claimed_length_costs_nothing),
    };
    return kit_run("bad input", tests, KIT_LENGTH(tests));
}
