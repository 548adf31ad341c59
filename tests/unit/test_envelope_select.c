/* SELECT, the frame without fixed fields; and what is no envelope at all. */
#include "proto/envelope.h"

#include "proto/writer.h"
#include "tests/unit/frame_check.h"
#include "tests/unit/unit.h"

static bool read_copy(const void *data, size_t len)
{
    uint8_t *copy = exact_copy(data, len);
    struct envelope envelope;
    bool accepted = envelope_read(&envelope, copy, len, NULL);
    const char *broken = envelope_check(copy, len);

    if (broken)
        fail_msg("%s", broken);
    exact_free(copy, len);
    return accepted;
}

static void test_select(void **state)
{
    uint8_t buf[ENVELOPE_MAX_WRITTEN];
    struct envelope envelope = { .op = OP_SELECT };
    struct envelope back;
    uint64_t sid;

    (void)state;
    for (uint32_t n = 1; n <= MAX_SIDS; n++) {
        uint8_t raw[MAX_SIDS * 5];
        struct writer writer = { raw, raw + sizeof raw, false };

        for (uint32_t i = 0; i < n; i++)
            writer_uint(&writer, MAX_SID - i * 250000);
        envelope.select.n = n;
        envelope.select.sids = (struct piece){ raw, (size_t)(writer.p - raw) };
        size_t len = envelope_write(buf, sizeof buf, &envelope);
        assert_true(read_copy(buf + FRAME_PREFIX, len - FRAME_PREFIX));
        assert_true(envelope_read(&back, buf + FRAME_PREFIX, len - FRAME_PREFIX, NULL));
        assert_int_equal(back.select.n, n);
        for (uint32_t i = 0; i < n; i++) {
            assert_true(envelope_next_sid(&back.select.sids, &sid));
            assert_int_equal(sid, MAX_SID - i * 250000);
        }
        assert_false(envelope_next_sid(&back.select.sids, &sid));
    }
}

static void test_bad_select(void **state)
{
    (void)state;
    assert_false(read_copy(LITERAL("\x91\x18")));         /* of nothing */
    assert_false(read_copy(LITERAL("\x92\x18\xff")));     /* negative */
    assert_false(read_copy(LITERAL("\x93\x18\x01\xc0"))); /* nil */
    assert_false(read_copy(LITERAL("\x93\x18\x01")));     /* one missing */
    assert_false(read_copy(LITERAL("\x92\x18\x91\x01"))); /* an array of them */
    assert_false(read_copy(LITERAL("\x92\x18\x01\x02"))); /* one too many */
    assert_false(read_copy(LITERAL("\xdd\xff\xff\xff\xff\x18\x01\x02\x03")));
}

static void test_no_opcode(void **state)
{
    static const struct {
        const char *bytes;
        size_t len;
    } table[] = {
        { LITERAL("") },
        { LITERAL("\x90") },
        { LITERAL("\x91") },
        { LITERAL("\x04") },
        { LITERAL("\x81\x04\x01") },
        { LITERAL("\x92\xff\x01") },
        { LITERAL("\x92\xcc\x80\x01") },
        { LITERAL("\x92\xcd\x01\x04\x01") },
        { LITERAL("\x92\xa1\x04\x01") },
        { LITERAL("\xc0") },
        { LITERAL("\xc1") },
        { LITERAL("GET / HTTP/1.1\r\n") },
        { LITERAL("\x16\x03\x01\x02\0\x01\0\x01\xfc") },
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(table); i++) {
        assert_int_equal(envelope_opcode((const uint8_t *)table[i].bytes, table[i].len), -1);
        assert_false(read_copy(table[i].bytes, table[i].len));
    }
    assert_int_equal(envelope_opcode((const uint8_t *)"\x92\xcc\x04", 3), OP_PING);
    assert_true(read_copy(LITERAL("\x92\xcc\x04\x01")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_select),
        cmocka_unit_test(test_bad_select),
        cmocka_unit_test(test_no_opcode),
    };

    return cmocka_run_group_tests_name("envelope_select", tests, NULL, NULL);
}
