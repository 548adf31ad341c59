/* proto/PROTOCOL.md against the code: its worked examples in hex, and its table
 * of frames.
 *
 * An example is a block fenced as ```hex. Its first line is "# NAME: ...", the
 * opcode's name; a '#' begins a comment on the others too. All else is the
 * frame, prefix included, in hex.
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>

#include "proto/cursor.h"
#include "proto/envelope.h"
#include "proto/frame.h"
#include "tests/unit/unit.h"

#define SPECIFICATION SOURCE_ROOT "/proto/PROTOCOL.md"

static char text[1 << 20];

struct example {
    char name[32];
    uint8_t bytes[1 << 16];
    size_t len;
};

static int read_specification(void **state)
{
    FILE *file = fopen(SPECIFICATION, "re");

    (void)state;
    if (!file) {
        fprintf(stderr, "%s: %s\n", SPECIFICATION, strerror(errno));
        return -1;
    }
    text[fread(text, 1, sizeof text - 1, file)] = '\0';
    fclose(file);
    return 0;
}

static unsigned hex_digit(char c)
{
    static const char digits[] = "0123456789abcdef";
    const char *at = c ? strchr(digits, c) : NULL;

    if (!at)
        fail_msg("'%c' in an example is no hex digit", c);
    return (unsigned)(at - digits);
}

static void take_hex_line(struct example *example, const char *line, const char *end)
{
    while (line < end && *line != '#') {
        if (isspace((unsigned char)*line)) {
            line++;
            continue;
        }
        assert_true(example->len < sizeof example->bytes);
        example->bytes[example->len++] = (uint8_t)(hex_digit(line[0]) << 4 | hex_digit(line[1]));
        line += 2;
    }
}

static const char *line_end(const char *line)
{
    return line + strcspn(line, "\n");
}

/* The example whose fence is at p; returns what follows it. */
static const char *take_example(struct example *ret, const char *p)
{
    p = line_end(p) + 1;
    ret->len = 0;
    if (sscanf(p, "# %31[A-Z]", ret->name) != 1)
        fail_msg("an example does not begin with its name: %.40s", p);
    for (; strncmp(p, "```", 3) != 0; p = line_end(p) + 1) {
        assert_int_not_equal(*p, '\0');
        take_hex_line(ret, p, line_end(p));
    }
    return p + 3;
}

static void check_parts(const struct frame *frame)
{
    if (frame->headers_len > 0) {
        assert_int_equal(frame->headers[0] & 0xf0, 0x80); /* a small map */
        assert_true(msgpack_valid(frame->headers, frame->headers_len, MAX_DEPTH, NULL));
    }
    if (frame->word & WORD_MSGPACK)
        assert_true(msgpack_valid(frame->payload, frame->payload_len, MAX_DEPTH, NULL));
    assert_int_equal(frame->word & (WORD_SENDER_SPARE | UINT32_C(1) << 24), 0);
}

static void check_carrier(const struct example *example)
{
    uint8_t head[FRAME_MAX_HEAD];
    struct frame frame;

    assert_true(
        frame_read(&frame, example->bytes + FRAME_PREFIX, example->len - FRAME_PREFIX, NULL));
    assert_true(frame.fixed);
    assert_int_equal(frame.n_extra, 0);
    check_parts(&frame);
    size_t head_len = frame_write_head(head, &frame);
    assert_int_equal(head_len, example->len - frame.headers_len - frame.payload_len);
    assert_memory_equal(head, example->bytes, head_len);
}

static void check_control(const struct example *example)
{
    uint8_t again[ENVELOPE_MAX_WRITTEN];
    struct envelope envelope;
    size_t len, at = 0;

    if (!envelope_read(&envelope, example->bytes + FRAME_PREFIX, example->len - FRAME_PREFIX, &at))
        fail_msg("goes wrong at byte %zu", FRAME_PREFIX + at);
    len = envelope_write(again, sizeof again, &envelope);
    assert_int_equal(len, example->len);
    assert_memory_equal(again, example->bytes, len);
}

/* Returns the opcode. */
static uint8_t check_example(const struct example *example)
{
    int op;

    print_message("%s, %zu bytes\n", example->name, example->len);
    assert_true(example->len > FRAME_PREFIX);
    assert_int_equal(load_be32(example->bytes), example->len - FRAME_PREFIX);
    op = envelope_opcode(example->bytes + FRAME_PREFIX, example->len - FRAME_PREFIX);
    assert_in_range(op, 0, 127);
    assert_non_null(opcode_name((uint8_t)op));
    assert_string_equal(opcode_name((uint8_t)op), example->name);
    if (op >= OP_MESSAGE && op <= OP_REPLY)
        check_carrier(example);
    else
        check_control(example);
    return (uint8_t)op;
}

static void test_examples(void **state)
{
    static struct example example;
    bool seen[128] = { false };

    (void)state;
    for (const char *p = text; (p = strstr(p, "\n```hex")) != NULL;) {
        p = take_example(&example, p + 1);
        seen[check_example(&example)] = true;
    }
    for (unsigned op = 0; op < COUNT_OF(seen); op++) {
        if (opcode_name((uint8_t)op) && !seen[op])
            fail_msg("no example of %s", opcode_name((uint8_t)op));
    }
}

static void test_table_of_frames(void **state)
{
    static const char *const directions[] = { "", "C→B", "B→C", "both" };

    (void)state;
    for (unsigned op = 0; op < 128; op++) {
        const char *name = opcode_name((uint8_t)op);
        char row[64];

        if (!name)
            continue;
        snprintf(row, sizeof row, "\n| 0x%02x | %s | %s |", op, name,
                 directions[opcode_from((uint8_t)op)]);
        if (!strstr(text, row))
            fail_msg("no row \"%s\"", row + 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_examples),
        cmocka_unit_test(test_table_of_frames),
    };

    return cmocka_run_group_tests_name("protocol_examples", tests, read_specification, NULL);
}
