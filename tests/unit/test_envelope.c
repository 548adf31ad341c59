/* The control frames: each against its line in the specification, given here a
 * second time, and every way to damage it.
 */
#include "proto/envelope.h"

#include "tests/unit/frame_check.h"
#include "tests/unit/unit.h"

/* Fields by letter: u a number, s text, z text or nil, b bytes, r any one
 * element. `at` is the member that each goes to. */
struct spec {
    uint8_t op;
    const char *fields;
    unsigned n_required;
    size_t at[10];
};

#define M(member) offsetof(struct envelope, member)

static const struct spec specs[] = {
    { OP_HELLO,
      "suur",
      3,
      { M(hello.magic), M(hello.version), M(hello.features), M(hello.options) } },
    { OP_WELCOME,
      "uubur",
      4,
      { M(welcome.version), M(welcome.features), M(welcome.instance), M(welcome.id),
        M(welcome.options) } },
    { OP_GOODBYE, "us", 1, { M(goodbye.status), M(goodbye.sentence) } },
    { OP_PING, "u", 1, { M(ref) } },
    { OP_PONG, "u", 1, { M(ref) } },
    { OP_OK, "u", 1, { M(ref) } },
    { OP_ERROR,
      "uuusz",
      3,
      { M(error.op), M(error.ref), M(error.status), M(error.sentence), M(error.what) } },
    { OP_REFUSED,
      "uuusz",
      3,
      { M(refused.first), M(refused.last), M(refused.status), M(refused.sentence),
        M(refused.what) } },
    { OP_CONFIRM, "u", 1, { M(ref) } },
    { OP_CONFIRMED,
      "uuuu",
      4,
      { M(confirmed.ref), M(confirmed.last), M(confirmed.matched), M(confirmed.refused) } },
    { OP_SUB,
      "uuszuuuuu",
      3,
      { M(sub.ref), M(sub.sid), M(sub.pattern), M(sub.group), M(sub.policy), M(sub.queue_bytes),
        M(sub.queue_messages), M(sub.after), M(sub.flags) } },
    { OP_UNSUB, "uu", 2, { M(unsub.ref), M(unsub.sid) } },
    { OP_SERVE, "uusuu", 3,
      { M(serve.ref), M(serve.sid), M(serve.pattern), M(serve.max_open), M(serve.flags) } },
    { OP_UNSERVE, "uu", 2, { M(unsub.ref), M(unsub.sid) } },
    { OP_PEER,
      "uuurrz",
      3,
      { M(peer.id), M(peer.uid), M(peer.gid), M(peer.pid), M(peer.groups), M(peer.label) } },
    { OP_GAP, "uuu", 3, { M(gap.sid), M(gap.count), M(gap.reason) } },
    { OP_ENDED, "uus", 2, { M(ended.sid), M(ended.status), M(ended.sentence) } },
    { OP_END,
      "uuuuuuuuuz",
      9,
      { M(end.token), M(end.status), M(end.left_queue), M(end.asked), M(end.answered),
        M(end.refused), M(end.gone), M(end.timed_out), M(end.cancelled), M(end.what) } },
    { OP_CANCEL, "uu", 1, { M(cancel.token), M(cancel.status) } },
};

/* A value of its own for each place, so that two mixed up are noticed. */
static void append_value(struct out *out, char type, unsigned i)
{
    uint8_t number[] = { 0xcd, 0x10, (uint8_t)i };
    uint8_t text[] = { 0xa2, 't', (uint8_t)('0' + i) };
    uint8_t bytes[] = { 0xc4, 2, 'b', (uint8_t)i };
    uint8_t any[] = { 0x81, 0xa1, 'k', (uint8_t)i };

    if (type == 'u')
        out_append(out, number, sizeof number);
    else if (type == 'b')
        out_append(out, bytes, sizeof bytes);
    else if (type == 'r')
        out_append(out, any, sizeof any);
    else
        out_append(out, text, sizeof text);
}

/* The first n fields, field `replaced` (none: -1) being `with`. */
static void build(struct out *out, const struct spec *spec, unsigned n, int replaced,
                  const char *with, size_t with_len)
{
    out->len = 0;
    out_append(out, (uint8_t[]){ (uint8_t)(0x91 + n), spec->op }, 2);
    for (unsigned i = 0; i < n; i++) {
        if ((int)i == replaced)
            out_append(out, with, with_len);
        else
            append_value(out, spec->fields[i], i);
    }
}

static unsigned n_fields(const struct spec *spec)
{
    return (unsigned)strlen(spec->fields);
}

static void build_all(struct out *out, const struct spec *spec)
{
    build(out, spec, n_fields(spec), -1, NULL, 0);
}

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

/* Field i of what was read is what append_value wrote, or absent. */
static void check_field(const struct envelope *envelope, const struct spec *spec, unsigned i,
                        bool absent)
{
    const void *member = (const char *)envelope + spec->at[i];
    const struct piece *piece = member;
    char text[] = { 't', (char)('0' + i) };
    uint8_t bytes[] = { 'b', (uint8_t)i };
    uint8_t any[] = { 0x81, 0xa1, 'k', (uint8_t)i };

    if (spec->fields[i] == 'u') {
        assert_int_equal(*(const uint64_t *)member, absent ? 0 : 0x1000 + i);
    } else if (absent) {
        assert_null(piece->p);
        assert_int_equal(piece->len, 0);
    } else if (spec->fields[i] == 'b') {
        assert_true(same_bytes(piece->p, piece->len, bytes, sizeof bytes));
    } else if (spec->fields[i] == 'r') {
        assert_true(same_bytes(piece->p, piece->len, any, sizeof any));
    } else {
        assert_true(same_bytes(piece->p, piece->len, text, sizeof text));
    }
}

static void test_fields(void **state)
{
    struct envelope envelope;
    struct out out;

    (void)state;
    for (size_t s = 0; s < COUNT_OF(specs); s++) {
        const struct spec *spec = &specs[s];

        for (unsigned n = 0; n <= n_fields(spec); n++) {
            build(&out, spec, n, -1, NULL, 0);
            assert_int_equal(envelope_opcode(out.buf, out.len), spec->op);
            memset(&envelope, 0xaa, sizeof envelope);
            assert_int_equal(read_copy(out.buf, out.len), n >= spec->n_required);
            if (!envelope_read(&envelope, out.buf, out.len, NULL))
                continue;
            assert_int_equal(envelope.op, spec->op);
            for (unsigned i = 0; i < n_fields(spec); i++)
                check_field(&envelope, spec, i, i >= n);
        }
    }
}

/* Written, it has every field, in the order of the specification. */
static void test_written(void **state)
{
    struct envelope envelope;
    struct out out;
    uint8_t buf[ENVELOPE_MAX_WRITTEN];

    (void)state;
    for (size_t s = 0; s < COUNT_OF(specs); s++) {
        build_all(&out, &specs[s]);
        assert_true(envelope_read(&envelope, out.buf, out.len, NULL));
        size_t len = envelope_write(buf, sizeof buf, &envelope);
        assert_int_equal(len, FRAME_PREFIX + out.len);
        assert_int_equal(load_be32(buf), out.len);
        assert_memory_equal(buf + FRAME_PREFIX, out.buf, out.len);
        for (size_t room = 0; room < len; room++) {
            uint8_t *exact = exact_copy(buf, room);
            assert_int_equal(envelope_write(exact, room, &envelope), 0);
            exact_free(exact, room);
        }
    }
}

static void test_truncated(void **state)
{
    struct out out;

    (void)state;
    for (size_t s = 0; s < COUNT_OF(specs); s++) {
        build_all(&out, &specs[s]);
        for (size_t len = 0; len < out.len; len++)
            assert_false(read_copy(out.buf, len));
        assert_true(read_copy(out.buf, out.len));
    }
}

static void test_bytes_behind(void **state)
{
    struct out out;

    (void)state;
    for (size_t s = 0; s < COUNT_OF(specs); s++) {
        build_all(&out, &specs[s]);
        out_append(&out, "\xc0", 1);
        assert_false(read_copy(out.buf, out.len));
    }
}

static void test_every_byte_value(void **state)
{
    struct out out;

    (void)state;
    for (size_t s = 0; s < COUNT_OF(specs); s++) {
        build_all(&out, &specs[s]);
        for (size_t at = 0; at < out.len; at++) {
            uint8_t good = out.buf[at];

            for (unsigned value = 0; value < 256; value++) {
                out.buf[at] = (uint8_t)value;
                read_copy(out.buf, out.len);
            }
            out.buf[at] = good;
        }
    }
}

/* Which letters take a value of each kind. */
static const struct {
    const char *bytes;
    size_t len;
    const char *taken_by;
} values[] = {
    { LITERAL("\x05"), "ur" },
    { LITERAL("\xcc\x05"), "ur" },
    { LITERAL("\xcd\0\x05"), "ur" },
    { LITERAL("\xce\0\0\0\x05"), "ur" },
    { LITERAL("\xd0\x05"), "ur" },
    { LITERAL("\xcf\xff\xff\xff\xff\xff\xff\xff\xff"), "ur" },
    { LITERAL("\xff"), "r" },
    { LITERAL("\xd0\x80"), "r" },
    { LITERAL("\xc0"), "zr" },
    { LITERAL("\xc2"), "r" },
    { LITERAL("\xc3"), "r" },
    { LITERAL("\xca\0\0\0\0"), "r" },
    { LITERAL("\xa0"), "szr" },
    { LITERAL("\xd9\x01x"), "szr" },
    { LITERAL("\xdb\0\0\0\x01x"), "szr" },
    { LITERAL("\xc4\x01x"), "br" },
    { LITERAL("\xc6\0\0\0\0"), "br" },
    { LITERAL("\x90"), "r" },
    { LITERAL("\x92\x01\x02"), "r" },
    { LITERAL("\x80"), "r" },
    { LITERAL("\xd4\x01x"), "r" },
    { LITERAL("\xc1"), "" },
};

static void test_types(void **state)
{
    struct out out;

    (void)state;
    for (size_t s = 0; s < COUNT_OF(specs); s++) {
        for (unsigned i = 0; i < n_fields(&specs[s]); i++) {
            for (size_t v = 0; v < COUNT_OF(values); v++) {
                char type = specs[s].fields[i];

                build(&out, &specs[s], n_fields(&specs[s]), (int)i, values[v].bytes, values[v].len);
                assert_int_equal(read_copy(out.buf, out.len),
                                 strchr(values[v].taken_by, type) != NULL);
            }
        }
    }
}

/* Elements of a later version are stepped over, whatever they are; the array's
 * head may then be of any width. */
static void test_trailing_elements(void **state)
{
    static const char *const heads[] = { "\xdc\x00", "\xdd\x00\x00\x00" };
    static const size_t head_lens[] = { 2, 4 };

    (void)state;
    for (size_t s = 0; s < COUNT_OF(specs); s++) {
        for (size_t h = 0; h < 2; h++) {
            uint8_t count = (uint8_t)(1 + n_fields(&specs[s]) + 3);
            struct out plain, out = { .len = 0 };

            build_all(&plain, &specs[s]);
            out_append(&out, heads[h], head_lens[h]);
            out_append(&out, &count, 1);
            out_append(&out, plain.buf + 1, plain.len - 1);
            out_append(&out, "\x93\x01\x81\x02\x03\xc0\xa1x\xcb\0\0\0\0\0\0\0\0", 17);
            assert_true(read_copy(out.buf, out.len));
            assert_false(read_copy(out.buf, out.len - 1));
            out.buf[head_lens[h]]++;
            assert_false(read_copy(out.buf, out.len));
            memcpy(out.buf + h, "\xdd\xff\xff\xff", head_lens[h]);
            assert_false(read_copy(out.buf, out.len));
        }
    }
}

/* `spec` filled up to `len` bytes with one trailing element. */
static void build_len(struct out *out, const struct spec *spec, size_t len)
{
    build_all(out, spec);
    out->buf[0]++;
    size_t filling = len - out->len - 3;
    out_append(out, (uint8_t[]){ 0xc5, (uint8_t)(filling >> 8), (uint8_t)filling }, 3);
    memset(out->buf + out->len, 'x', filling);
    out->len += filling;
}

static void test_limits(void **state)
{
    struct out out;

    (void)state;
    for (size_t s = 0; s < COUNT_OF(specs); s++) {
        bool greeting = specs[s].op == OP_HELLO || specs[s].op == OP_WELCOME;
        size_t max_len = greeting ? MAX_HELLO - FRAME_PREFIX : MAX_ENVELOPE;

        for (size_t len = max_len - 1; len <= max_len + 1; len++) {
            build_len(&out, &specs[s], len);
            assert_int_equal(read_copy(out.buf, out.len), len <= max_len);
        }
    }
}

/* Only what the table has; the three with a payload are frame.h's. */
static void test_opcodes(void **state)
{
    (void)state;
    for (unsigned op = 0; op < 0x80; op++) {
        struct spec spec = { (uint8_t)op, "u", 1, { 0 } };
        struct out out;

        build_all(&out, &spec);
        for (size_t s = 0; s < COUNT_OF(specs); s++) {
            if (specs[s].op == op)
                build_all(&out, &specs[s]);
        }
        assert_int_equal(envelope_opcode(out.buf, out.len), op);
        bool control = opcode_name((uint8_t)op) && (op < OP_MESSAGE || op > OP_REPLY);
        assert_int_equal(read_copy(out.buf, out.len), control);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fields),
        cmocka_unit_test(test_written),
        cmocka_unit_test(test_truncated),
        cmocka_unit_test(test_bytes_behind),
        cmocka_unit_test(test_every_byte_value),
        cmocka_unit_test(test_types),
        cmocka_unit_test(test_trailing_elements),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_opcodes),
    };

    return cmocka_run_group_tests_name("envelope", tests, NULL, NULL);
}
