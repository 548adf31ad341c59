/* MESSAGE, REQUEST and REPLY: round trips, places, and damage to what was
 * written. Frames that others write are in test_frame_encodings.c.
 */
#include "proto/frame.h"

#include "proto/opcode.h"
#include "tests/unit/frame_check.h"
#include "tests/unit/unit.h"

#define S10 "abcdefghi."
#define S250                                                                                    \
    S10 S10 S10 S10 S10 S10 S10 S10 S10 S10 S10 S10 S10 S10 S10 S10 S10 S10 S10 S10 S10 S10 S10 \
        S10 S10

#define SUBJECT(s) .subject = (s), .subject_len = sizeof(s) - 1
#define HEADERS(s) .headers = (const uint8_t *)(s), .headers_len = sizeof(s) - 1
#define PAYLOAD(s) .payload = (const uint8_t *)(s), .payload_len = sizeof(s) - 1

static const struct frame samples[] = {
    { .op = OP_MESSAGE, SUBJECT("a") },
    { .op = OP_MESSAGE, SUBJECT("a.b"), .word = WORD_MSGPACK, .id = 7, PAYLOAD("\xa2on") },
    { .op = OP_MESSAGE, SUBJECT(S10 S10 S10 "x"), HEADERS("\x81\xa1k\x01"), PAYLOAD("p") },
    { .op = OP_MESSAGE, SUBJECT(S10 S10 S10 "xy"), .id = MAX_ID, HEADERS("\x80") },
    { .op = OP_MESSAGE, SUBJECT(S250 "abcde"), .word = 0xfff00000, .id = UINT64_MAX },
    { .op = OP_REQUEST, SUBJECT("host.info"), .token = 1, .timeout_ms = 5000, PAYLOAD("?") },
    { .op = OP_REQUEST,
      SUBJECT(S250 "abcde"),
      .id = 1,
      .token = UINT64_MAX,
      .mode = REQUEST_ALL,
      .timeout_ms = MAX_TIMEOUT_MS,
      HEADERS("\x80") },
    { .op = OP_REQUEST, SUBJECT("x"), .mode = UINT64_MAX, .timeout_ms = UINT64_MAX },
    { .op = OP_REQUEST, SUBJECT(""), .timeout_ms = 127 },
    { .op = OP_REQUEST, SUBJECT(S10 S10 S10 "x"), .mode = 127, .timeout_ms = 255 },
    { .op = OP_REQUEST, SUBJECT(S10 S10 S10 "xy"), .mode = 128, .timeout_ms = 256 },
    { .op = OP_REQUEST, SUBJECT("x"), .token = 3, .timeout_ms = 65535, HEADERS("\x80") },
    { .op = OP_REQUEST, SUBJECT("x"), .timeout_ms = UINT32_MAX, PAYLOAD("\xc3") },
    { .op = OP_REPLY, .id = UINT64_MAX, .status = 127 },
    { .op = OP_REPLY, .word = WORD_MSGPACK | WORD_MORE, .id = 9, .token = 12, PAYLOAD("\xc3") },
    { .op = OP_REPLY, .token = UINT64_C(1) << 63, .status = 65535, HEADERS("\x80"), PAYLOAD("no") },
};

/* The whole frame with its prefix; returns the length of the head. */
static size_t build(struct out *out, const struct frame *frame)
{
    uint8_t head[FRAME_MAX_HEAD];
    size_t head_len = frame_write_head(head, frame);

    assert_int_not_equal(head_len, 0);
    out->len = 0;
    out_append(out, head, head_len);
    out_append(out, frame->headers, frame->headers_len);
    out_append(out, frame->payload, frame->payload_len);
    return head_len;
}

static bool read_copy(const void *data, size_t len)
{
    uint8_t *copy = exact_copy(data, len);
    struct frame frame;
    bool accepted = frame_read(&frame, copy, len, NULL);
    const char *broken = frame_check(copy, len);

    if (broken)
        fail_msg("%s", broken);
    exact_free(copy, len);
    return accepted;
}

static void test_round_trip(void **state)
{
    struct out out;
    struct frame back;

    (void)state;
    for (size_t i = 0; i < COUNT_OF(samples); i++) {
        const struct frame *sample = &samples[i];

        build(&out, sample);
        assert_int_equal(load_be32(out.buf), out.len - FRAME_PREFIX);
        assert_true(frame_read(&back, out.buf + FRAME_PREFIX, out.len - FRAME_PREFIX, NULL));
        assert_true(back.fixed);
        assert_int_equal(back.n_extra, 0);
        assert_int_equal(back.word, sample->word | (uint32_t)sample->headers_len);
        back.word = sample->word;
        assert_true(frame_same(&back, sample));
        assert_true(
            same_bytes(back.headers, back.headers_len, sample->headers, sample->headers_len));
        assert_true(
            same_bytes(back.payload, back.payload_len, sample->payload, sample->payload_len));
        assert_true(read_copy(out.buf + FRAME_PREFIX, out.len - FRAME_PREFIX));
    }
}

/* The diagrams of the specification, taken at their word. */
static void test_places(void **state)
{
    static const char message[] = "\0\0\0\x16"
                                  "\x94\x20\xce\x80\0\0\x01\xcf\0\0\0\0\0\0\0\x07"
                                  "\xa3"
                                  "a.b"
                                  "\x80\xa0";
    static const char request[] = "\0\0\0\x20"
                                  "\x97\x21\xce\0\0\0\0\xcf\0\0\0\0\0\0\0\0"
                                  "\xcf\0\0\0\0\0\0\0\x05"
                                  "\xa1"
                                  "a\x01\xcd\x13\x88"
                                  "?";
    static const char reply[] = "\0\0\0\x1c"
                                "\x95\x22\xce\x40\0\0\0\xcf\0\0\0\0\0\0\0\x09"
                                "\xcf\0\0\0\0\0\0\0\x05"
                                "\xcc\xc8"
                                "!";
    static const struct frame frames[] = {
        { .op = OP_MESSAGE,
          .word = WORD_MSGPACK,
          .id = 7,
          SUBJECT("a.b"),
          HEADERS("\x80"),
          PAYLOAD("\xa0") },
        { .op = OP_REQUEST, .token = 5, SUBJECT("a"), .mode = 1, .timeout_ms = 5000, PAYLOAD("?") },
        { .op = OP_REPLY, .word = WORD_MORE, .id = 9, .token = 5, .status = 200, PAYLOAD("!") },
    };
    static const struct {
        const char *s;
        size_t len;
    } expected[] = { { LITERAL(message) }, { LITERAL(request) }, { LITERAL(reply) } };
    struct out out;

    (void)state;
    for (size_t i = 0; i < COUNT_OF(frames); i++) {
        build(&out, &frames[i]);
        assert_int_equal(out.len, expected[i].len);
        assert_memory_equal(out.buf, expected[i].s, out.len);
    }
}

static void test_truncated(void **state)
{
    struct out out;

    (void)state;
    for (size_t i = 0; i < COUNT_OF(samples); i++) {
        size_t needed = build(&out, &samples[i]) - FRAME_PREFIX + samples[i].headers_len;

        /* A payload has no length of its own: what is left is the payload. */
        for (size_t len = 0; len <= out.len - FRAME_PREFIX; len++)
            assert_int_equal(read_copy(out.buf + FRAME_PREFIX, len), len >= needed);
    }
}

static void test_every_byte_value(void **state)
{
    struct out out;

    (void)state;
    for (size_t i = 0; i < COUNT_OF(samples); i++) {
        size_t head_len = build(&out, &samples[i]);

        for (size_t at = FRAME_PREFIX; at < head_len; at++) {
            uint8_t good = out.buf[at];

            for (unsigned value = 0; value < 256; value++) {
                out.buf[at] = (uint8_t)value;
                read_copy(out.buf + FRAME_PREFIX, out.len - FRAME_PREFIX);
            }
            out.buf[at] = good;
        }
    }
}

static void test_what_cannot_be_written(void **state)
{
    static const char longer[] = S250 "abcdef";
    uint8_t head[FRAME_MAX_HEAD];
    struct frame frame = {
        .op = OP_REQUEST, SUBJECT(longer), .mode = UINT64_MAX, .timeout_ms = UINT64_MAX
    };

    (void)state;
    assert_int_equal(frame_write_head(head, &frame), 0);
    frame.op = OP_MESSAGE;
    assert_int_equal(frame_write_head(head, &frame), 0);
    frame.op = OP_REQUEST;
    frame.subject_len = MAX_SUBJECT;
    assert_int_equal(frame_write_head(head, &frame), FRAME_MAX_HEAD);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_places),
        cmocka_unit_test(test_truncated),
        cmocka_unit_test(test_every_byte_value),
        cmocka_unit_test(test_what_cannot_be_written),
    };

    return cmocka_run_group_tests_name("frame", tests, NULL, NULL);
}
