/* What is too large to stand in a case of tests/live/cases, and what is behind GOODBYE. FAULTS: "Bad input". */
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/kit/health.h"

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

/* -- behind GOODBYE -------------------------------------------------------------------------- */

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
    char subject[MAX_SUBJECT];
    struct peer peer;

    (void)state;
    begin();
    peer_open(&peer, health.broker);
    peer_sub(&peer, 1, "*");
    memset(subject, 'b', sizeof subject);
    frame.subject = subject;
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

int main(void)
{
    static const struct CMUnitTest tests[] = {
        kit_test(a_message_after_goodbye_is_not_routed),
        kit_test(payloads_at_the_limit),
        kit_test(the_largest_frame_there_is),
    };
    return kit_run("bad input", tests, KIT_LENGTH(tests));
}
