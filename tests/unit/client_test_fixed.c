/* A frame that is known by its form says what the readers of proto/ say of it,
 * and one that a broker of ours writes is known.
 */
#include "client/lib/fixed.h"

#include <stdlib.h>

#include "client/lib/message.h"
#include "proto/envelope.h"
#include "proto/writer.h"
#include "tests/kit/runner.h"

enum { ROOM = FRAME_MAX_HEAD + 64 };

static uint32_t seed;

static unsigned chance(unsigned n)
{
    seed = seed * 1103515245u + 12345u;
    return (seed >> 16) % n;
}

/* One of 1, 2, 3, 5 and 9 bytes. */
static uint64_t some_number(void)
{
    return chance(4) ? chance(4) ? chance(300) : chance(70000) : UINT64_C(1) << (20 + chance(30));
}

static size_t some_frame(uint8_t *buf)
{
    static const char letters[MAX_SUBJECT] = "a.subject";
    struct frame frame = {
        .op = chance(2) ? OP_REQUEST : OP_REPLY,
        .word = chance(2) ? WORD_MSGPACK : 0,
        .id = some_number(),
        .token = some_number(),
        .subject = letters,
        .subject_len = chance(4) ? chance(40) : chance(MAX_SUBJECT + 1),
        .mode = chance(2),
        .timeout_ms = some_number(),
        .status = chance(3) ? 0 : some_number(),
        .headers_len = chance(3),
        .payload_len = chance(8),
    };
    size_t n = frame_write_head(buf, &frame);

    for (size_t i = 0; i < frame.headers_len + frame.payload_len; i++)
        buf[n++] = (uint8_t)(0x80 + chance(16));
    return n;
}

static bool read_fixed(struct frame *ret, const uint8_t *frame, size_t size)
{
    return frame[FIXED_AT_OP] == OP_REQUEST ? fixed_request(ret, frame, size)
                                            : fixed_reply(ret, frame, size);
}

static void assert_same(const struct frame *fixed, const struct frame *is)
{
    assert_int_equal(fixed->word, is->word);
    assert_int_equal(fixed->id, is->id);
    assert_int_equal(fixed->token, is->token);
    assert_int_equal(fixed->subject_len, is->subject_len);
    assert_ptr_equal(fixed->subject, is->subject);
    assert_int_equal(fixed->status, is->status);
    assert_ptr_equal(fixed->headers, is->headers);
    assert_int_equal(fixed->headers_len, is->headers_len);
    assert_ptr_equal(fixed->payload, is->payload);
    assert_int_equal(fixed->payload_len, is->payload_len);
}

/* In memory of its very size, for the sanitizers. */
static bool check(const uint8_t *bytes, size_t size)
{
    uint8_t *copy = malloc(size);
    struct frame fixed, is;
    bool known;

    memcpy(copy, bytes, size);
    known = size > FIXED_AT_OP && read_fixed(&fixed, copy, size);
    if (known) {
        assert_true(message_read(&is, copy, size));
        assert_int_equal(is.op, copy[FIXED_AT_OP]);
        assert_true(is.fixed && is.n_extra == 0);
        assert_same(&fixed, &is);
    }
    free(copy);
    return known;
}

static void what_we_write_is_known(void **state)
{
    uint8_t buf[ROOM];

    (void)state;
    seed = 1;
    for (int i = 0; i < 100000; i++) {
        size_t size = some_frame(buf);

        if (!check(buf, size))
            assert_true(buf[FIXED_AT_OP] == OP_REPLY && buf[FIXED_AT_REST] >= 0x80);
    }
}

static void cut_off_or_changed_it_is_never_another(void **state)
{
    uint8_t buf[ROOM];
    unsigned n_known = 0;

    (void)state;
    seed = 2;
    for (int i = 0; i < 200000; i++) {
        size_t size = some_frame(buf);

        for (unsigned k = chance(3); k > 0; k--)
            buf[FRAME_PREFIX + chance((unsigned)size - FRAME_PREFIX)] = (uint8_t)chance(256);
        if (chance(2) == 0)
            size -= chance((unsigned)size - FRAME_PREFIX);
        n_known += check(buf, size);
    }
    assert_true(n_known > 1000);
}

/* ---- SELECT ---- */

/* The sid of a SELECT of one, by the reader of all envelopes; 0 if it is none. */
static uint64_t sid_of(const uint8_t *frame, size_t size)
{
    struct envelope e;
    uint64_t sid;

    if (!envelope_read(&e, frame + FRAME_PREFIX, size - FRAME_PREFIX, NULL) || e.op != OP_SELECT ||
        e.select.n != 1 || !envelope_next_sid(&e.select.sids, &sid))
        return 0;
    return sid <= MAX_SID ? sid : 0;
}

static void check_select(const uint8_t *bytes, size_t size)
{
    uint8_t *copy = malloc(size);
    uint32_t sid;

    memcpy(copy, bytes, size);
    sid = fixed_select(copy, size);
    if (sid > 0)
        assert_int_equal(sid, sid_of(copy, size));
    free(copy);
}

static void each_sid_is_known(void **state)
{
    uint8_t buf[32];

    (void)state;
    for (uint64_t sid = 1; sid <= MAX_SID + 1; sid += sid < 70000 ? 1 : 997) {
        struct writer w = { buf + FRAME_PREFIX, buf + sizeof buf, false };

        writer_array(&w, 2);
        writer_uint(&w, OP_SELECT);
        writer_uint(&w, sid);
        assert_int_equal(fixed_select(buf, (size_t)(w.p - buf)), sid <= MAX_SID ? sid : 0);
        check_select(buf, (size_t)(w.p - buf));
    }
}

static void other_bytes_select_nobody_else(void **state)
{
    uint8_t buf[16] = { 0, 0, 0, 0, 0x92, OP_SELECT };

    (void)state;
    seed = 3;
    for (size_t size = FRAME_PREFIX + 1; size <= sizeof buf; size++) {
        for (unsigned first = 0; first < 256; first++) {
            for (size_t i = 7; i < sizeof buf; i++)
                buf[i] = (uint8_t)(chance(3) ? 0 : chance(256));
            buf[6] = (uint8_t)first;
            check_select(buf, size);
        }
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        kit_test(what_we_write_is_known),
        kit_test(cut_off_or_changed_it_is_never_another),
        kit_test(each_sid_is_known),
        kit_test(other_bytes_select_nobody_else),
    };

    return kit_run("client fixed", tests, KIT_LENGTH(tests));
}
