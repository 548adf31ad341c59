/* Every named wire case at a broker, frames split at every byte, some mutations. FAULTS: "Bad input". */
#include "tests/live/wire_broker.h"
#include "tests/live/wire_send.h"

static void every_named_case(void **state)
{
    (void)state;
    kit_deadline(120);
    wire_broker_play(wire_cases_open(WIRE_CASES_BROKER, WIRE_TWO_STATES), WIRE_TWO_STATES);
}

static void some_byte_values_at_every_offset(void **state)
{
    (void)state;
    kit_deadline(120);
    wire_broker_play(wire_cases_make("broker", "mutations 29 7"), WIRE_SOME);
}

static void frames_may_be_split_anywhere(void **state)
{
    (void)state;
    kit_deadline(120);
    wire_broker_play_split(wire_cases_make("broker", "whole"));
}

/* In pieces of every length, which grow the buffer that it waits in. */
static void a_large_frame_may_come_in_pieces(void **state)
{
    static uint8_t frame[300000];
    struct frame head = { .op = OP_MESSAGE, .subject = "a", .subject_len = 1 };
    struct wire_broker wb;

    (void)state;
    wire_broker_begin(&wb);
    head.payload_len = sizeof frame - 100;
    size_t head_len = frame_write_head(frame, &head), len = head_len + head.payload_len;
    for (size_t i = head_len; i < len; i++)
        frame[i] = (uint8_t)(i * 7 + i / 251);
    peer_sub(&wb.witness, 2, "a");
    for (size_t piece = 1; piece < 140000; piece = piece * 3 + 1) {
        for (size_t at = 0, n = 1; at < len; at += n, n = piece) {
            n = n < len - at ? n : len - at;
            raw_send(wb.witness.fd, frame + at, n);
            if (piece > 100)
                wire_await_read(wb.witness.fd);
        }
        const struct frame *got = &peer_expect_past_select(&wb.witness, OP_MESSAGE)->payload;
        assert_int_equal(got->payload_len, head.payload_len);
        assert_memory_equal(got->payload, frame + head_len, head.payload_len);
    }
    wire_broker_end(&wb);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        kit_test(every_named_case),
        kit_test(some_byte_values_at_every_offset),
        kit_test(frames_may_be_split_anywhere),
        kit_test(a_large_frame_may_come_in_pieces),
    };
    return kit_run("wire cases at a broker", tests, KIT_LENGTH(tests));
}
