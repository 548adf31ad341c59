/* MESSAGE, REQUEST and REPLY as other libraries may write them, and as they
 * must not: encodings, types, counts, limits.
 */
#include "proto/frame.h"

#include "proto/opcode.h"
#include "tests/unit/frame_check.h"
#include "tests/unit/unit.h"

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

/* Envelopes put together field by field. */
struct encoding {
    const char *bytes;
    size_t len;
};

enum { MAX_FIELDS = 7 };

static const struct form {
    size_t n;
    struct encoding fields[MAX_FIELDS];
} forms[] = {
    { 4,
      { { LITERAL("\x20") },
        { LITERAL("\xce\0\0\0\0") },
        { LITERAL("\xcf\0\0\0\0\0\0\0\x05") },
        { LITERAL("\xa1s") } } },
    { 7,
      { { LITERAL("\x21") },
        { LITERAL("\xce\0\0\0\0") },
        { LITERAL("\xcf\0\0\0\0\0\0\0\x05") },
        { LITERAL("\xcf\0\0\0\0\0\0\0\x05") },
        { LITERAL("\xa1s") },
        { LITERAL("\x05") },
        { LITERAL("\x05") } } },
    { 5,
      { { LITERAL("\x22") },
        { LITERAL("\xce\0\0\0\0") },
        { LITERAL("\xcf\0\0\0\0\0\0\0\x05") },
        { LITERAL("\xcf\0\0\0\0\0\0\0\x05") },
        { LITERAL("\x05") } } },
};

/* `form` with field `replaced` (or none, -1) in another encoding. */
static void assemble(struct out *out, const struct form *form, int replaced, struct encoding with)
{
    out->len = 0;
    out_append(out, (uint8_t[]){ (uint8_t)(0x90 | form->n) }, 1);
    for (size_t i = 0; i < form->n; i++) {
        const struct encoding *field = (int)i == replaced ? &with : &form->fields[i];

        out_append(out, field->bytes, field->len);
    }
}

static void test_wrong_types(void **state)
{
    static const struct encoding wrong[] = {
        { LITERAL("\xc0") },
        { LITERAL("\xc2") },
        { LITERAL("\xc3") },
        { LITERAL("\xff") },
        { LITERAL("\xd0\x80") },
        { LITERAL("\xca\0\0\0\0") },
        { LITERAL("\xcb\0\0\0\0\0\0\0\0") },
        { LITERAL("\xc4\x01s") },
        { LITERAL("\x90") },
        { LITERAL("\x80") },
        { LITERAL("\xd4\x01s") },
        { LITERAL("\xc1") },
        { LITERAL("\xd3\xff\xff\xff\xff\xff\xff\xff\xff") },
        { LITERAL("\xc7\x01\x01s") },
    };
    static const struct encoding number = { LITERAL("\x05") }, text = { LITERAL("\xa1s") };
    struct out out;

    (void)state;
    for (size_t f = 0; f < COUNT_OF(forms); f++) {
        for (int i = 0; i < (int)forms[f].n; i++) {
            bool is_text = forms[f].fields[i].bytes[0] == '\xa1';

            for (size_t w = 0; w < COUNT_OF(wrong); w++) {
                assemble(&out, &forms[f], i, wrong[w]);
                assert_false(read_copy(out.buf, out.len));
            }
            assemble(&out, &forms[f], i, is_text ? number : text);
            assert_false(read_copy(out.buf, out.len));
        }
        assemble(&out, &forms[f], -1, number);
        assert_true(read_copy(out.buf, out.len));
    }
}

/* Other encodings of a five, of the opcode and of "s" are accepted, and told
 * apart from the fixed form wherever the broker would write in place. */
static void test_other_encodings(void **state)
{
    static const struct encoding fives[] = {
        { LITERAL("\x05") },
        { LITERAL("\xcc\x05") },
        { LITERAL("\xcd\0\x05") },
        { LITERAL("\xce\0\0\0\x05") },
        { LITERAL("\xd0\x05") },
        { LITERAL("\xd1\0\x05") },
        { LITERAL("\xd2\0\0\0\x05") },
        { LITERAL("\xd3\0\0\0\0\0\0\0\x05") },
        { LITERAL("\xcf\0\0\0\0\0\0\0\x05") },
    };
    static const struct encoding texts[] = { { LITERAL("\xd9\x01s") },
                                             { LITERAL("\xda\0\x01s") },
                                             { LITERAL("\xdb\0\0\0\x01s") } };
    struct frame frame;
    struct out out;

    (void)state;
    for (size_t f = 0; f < COUNT_OF(forms); f++) {
        for (int i = 1; i < (int)forms[f].n; i++) {
            const struct encoding *usual = &forms[f].fields[i];
            bool is_text = usual->bytes[0] == '\xa1', is_word = i == 1;
            bool loose = !is_text && usual->len == 1; /* mode, timeout, status */

            for (size_t e = 0; e < (is_text ? COUNT_OF(texts) : COUNT_OF(fives)); e++) {
                const struct encoding *other = is_text ? &texts[e] : &fives[e];
                bool same = !is_text && usual->bytes[0] == other->bytes[0];

                assemble(&out, &forms[f], i, *other);
                out_append(&out, "hhhhh", 5); /* a word of 5 announces headers */
                assert_true(frame_read(&frame, out.buf, out.len, NULL));
                assert_true(read_copy(out.buf, out.len));
                assert_int_equal(frame.fixed, loose || same);
                assert_int_equal(frame.word, is_word ? 5 : 0);
                assert_int_equal(frame.id, 5);
            }
        }
    }
}

static void test_opcodes(void **state)
{
    static const struct encoding others[] = {
        { LITERAL("\x1f") }, { LITERAL("\x23") },         { LITERAL("\x00") },
        { LITERAL("\x7f") }, { LITERAL("\xcd\x01\x20") }, { LITERAL("\xcf\x01\0\0\0\0\0\0\x20") },
    };
    struct frame frame;
    struct out out;

    (void)state;
    for (size_t f = 0; f < COUNT_OF(forms); f++) {
        char wide[] = { '\xcc', forms[f].fields[0].bytes[0] };

        for (size_t i = 0; i < COUNT_OF(others); i++) {
            assemble(&out, &forms[f], 0, others[i]);
            assert_false(read_copy(out.buf, out.len));
        }
        assemble(&out, &forms[f], 0, (struct encoding){ wide, 2 });
        assert_true(frame_read(&frame, out.buf, out.len, NULL));
        assert_false(frame.fixed);
    }
}

static void test_counts(void **state)
{
    static const struct encoding none = { LITERAL("") };
    struct frame frame;
    struct out out;

    (void)state;
    for (size_t f = 0; f < COUNT_OF(forms); f++) {
        for (uint8_t n = 0; n < 16; n++) {
            assemble(&out, &forms[f], -1, none);
            out.buf[0] = 0x90 | n;
            out_append(&out, "\x01\x91\x02\xa1x\xc0\xc0\xc0\xc0\xc0\xc0\xc0\xc0\xc0", 14);
            assert_int_equal(read_copy(out.buf, out.len), n >= forms[f].n);
            if (n < forms[f].n)
                continue;
            assert_true(frame_read(&frame, out.buf, out.len, NULL));
            assert_int_equal(frame.n_extra, n - forms[f].n);
        }
        /* Elements announced that never come, a few and very many. */
        assemble(&out, &forms[f], -1, none);
        out.buf[0] = (uint8_t)(0x91 + forms[f].n);
        assert_false(read_copy(out.buf, out.len));
        memmove(out.buf + 5, out.buf + 1, out.len - 1);
        memcpy(out.buf, "\xdd\xff\xff\xff\xff", 5);
        assert_false(read_copy(out.buf, out.len + 4));
        memcpy(out.buf, "\xdd\x00\x00\x00", 4);
        out.buf[4] = (uint8_t)forms[f].n;
        assert_true(read_copy(out.buf, out.len + 4));
        assert_true(frame_read(&frame, out.buf, out.len + 4, NULL));
        assert_false(frame.fixed);
    }
}

/* The envelope's limit holds whatever follows it. */
static void test_envelope_limit(void **state)
{
    struct out out;

    (void)state;
    for (size_t total = MAX_ENVELOPE - 1; total <= MAX_ENVELOPE + 1; total++) {
        assemble(&out, &forms[0], -1, (struct encoding){ LITERAL("") });
        out.buf[0] = 0x95;
        size_t filling = total - out.len - 3;
        out_append(&out, (uint8_t[]){ 0xc5, (uint8_t)(filling >> 8), (uint8_t)filling }, 3);
        memset(out.buf + out.len, 'x', sizeof out.buf - out.len);
        assert_int_equal(read_copy(out.buf, total), total <= MAX_ENVELOPE);
        assert_int_equal(read_copy(out.buf, sizeof out.buf), total <= MAX_ENVELOPE);
    }
}

static void test_words(void **state)
{
    struct frame frame;
    struct out out;

    (void)state;
    assemble(&out, &forms[0], 1, (struct encoding){ LITERAL("\xcf\0\0\0\x01\0\0\0\0") });
    assert_false(read_copy(out.buf, out.len)); /* beyond 32 bits */
    assemble(&out, &forms[0], 1, (struct encoding){ LITERAL("\xce\xf9\x02\0\x03") });
    assert_false(read_copy(out.buf, out.len)); /* headers that are not there */
    out_append(&out, "abcd", 4);
    assert_true(frame_read(&frame, out.buf, out.len, NULL));
    assert_int_equal(frame.word, 0xf9020003);
    assert_int_equal(WORD_FDS(frame.word), 2);
    assert_int_equal(frame.headers_len, 3);
    assert_int_equal(frame.payload_len, 1);
    assert_int_equal(WORD_MSGPACK | WORD_MORE | WORD_SENDER_SPARE | WORD_BROKER, 0xff000000);
    assert_int_equal((WORD_REMOTE | WORD_RETAINED | WORD_REDELIVERED) & ~WORD_BROKER, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_wrong_types),    cmocka_unit_test(test_other_encodings),
        cmocka_unit_test(test_opcodes),        cmocka_unit_test(test_counts),
        cmocka_unit_test(test_envelope_limit), cmocka_unit_test(test_words),
    };

    return cmocka_run_group_tests_name("frame_encodings", tests, NULL, NULL);
}
