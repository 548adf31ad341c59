/* What a test expects of a stream of frames, and set pieces made of it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/cursor.h"
#include "proto/writer.h"
#include "tests/kit/raw_client.h"
#include "tests/kit/runner.h"
#include "tests/kit/wire.h"

/* -- frames ---------------------------------------------------------------------------------- */

static const char *name_of(int op)
{
    const char *name = op >= 0 ? opcode_name((uint8_t)op) : NULL;

    return name ? name : "a frame of no known opcode";
}

static void describe(const struct wire_frame *f)
{
    const struct envelope *e = &f->envelope;

    if (f->op == OP_GAP)
        print_error("GAP of sid %llu: %llu, %s\n", (unsigned long long)e->gap.sid,
                    (unsigned long long)e->gap.count, gap_text((uint32_t)e->gap.reason));
    if (f->op == OP_GOODBYE)
        print_error("GOODBYE: %.*s\n", (int)e->goodbye.sentence.len,
                    (const char *)e->goodbye.sentence.p);
    if (f->op == OP_ERROR)
        print_error("ERROR: %s\n", status_name((uint32_t)e->error.status));
    if (f->op == OP_REFUSED)
        print_error("REFUSED: %s\n", status_name((uint32_t)e->refused.status));
    if (f->op == OP_MESSAGE)
        print_error("MESSAGE of %zu bytes on %.*s\n", f->frame.payload_len,
                    (int)f->frame.subject_len, f->frame.subject);
}

void wire_expect(struct wire *wire, enum opcode op, struct wire_frame *ret)
{
    wire_next_but_select(wire, ret);
    if (ret->op == (int)op)
        return;
    describe(ret);
    fail_msg("%s came, not %s", name_of(ret->op), name_of((int)op));
}

void wire_expect_text(struct wire *wire, const char *subject, const char *payload)
{
    struct wire_frame f;

    wire_expect(wire, OP_MESSAGE, &f);
    assert_int_equal(f.frame.subject_len, strlen(subject));
    assert_memory_equal(f.frame.subject, subject, strlen(subject));
    assert_int_equal(f.frame.payload_len, strlen(payload));
    if (*payload)
        assert_memory_equal(f.frame.payload, payload, strlen(payload));
}

void wire_expect_gap(struct wire *wire, uint64_t sid, uint64_t count, enum gap reason)
{
    struct wire_frame f;

    wire_expect(wire, OP_GAP, &f);
    assert_int_equal(f.envelope.gap.sid, sid);
    assert_int_equal(f.envelope.gap.count, count);
    assert_int_equal(f.envelope.gap.reason, reason);
}

void wire_expect_ok(struct wire *wire, uint64_t ref)
{
    struct wire_frame f;

    wire_expect(wire, OP_OK, &f);
    assert_int_equal(f.envelope.ref, ref);
}

void wire_expect_pong(struct wire *wire, uint64_t ref)
{
    struct wire_frame f;

    wire_expect(wire, OP_PONG, &f);
    assert_int_equal(f.envelope.ref, ref);
}

void wire_expect_error(struct wire *wire, enum opcode op, uint64_t ref, enum status status)
{
    struct wire_frame f;

    wire_expect(wire, OP_ERROR, &f);
    assert_int_equal(f.envelope.error.op, op);
    assert_int_equal(f.envelope.error.ref, ref);
    assert_int_equal(f.envelope.error.status, status);
}

void wire_expect_refused(struct wire *wire, uint64_t first, uint64_t last, enum status status)
{
    struct wire_frame f;

    wire_expect(wire, OP_REFUSED, &f);
    assert_int_equal(f.envelope.refused.first, first);
    assert_int_equal(f.envelope.refused.last, last);
    assert_int_equal(f.envelope.refused.status, status);
}

void wire_expect_confirmed(struct wire *wire, uint64_t ref, uint64_t last, uint64_t matched,
                           uint64_t refused)
{
    struct wire_frame f;

    wire_expect(wire, OP_CONFIRMED, &f);
    assert_int_equal(f.envelope.confirmed.ref, ref);
    assert_int_equal(f.envelope.confirmed.last, last);
    assert_int_equal(f.envelope.confirmed.matched, matched);
    assert_int_equal(f.envelope.confirmed.refused, refused);
}

void wire_expect_ended(struct wire *wire, uint64_t sid)
{
    struct wire_frame f;

    wire_expect(wire, OP_ENDED, &f);
    assert_int_equal(f.envelope.ended.sid, sid);
    assert_int_equal(f.envelope.ended.status, STATUS_ENDED);
}

void wire_expect_goodbye(struct wire *wire, enum status status)
{
    struct wire_frame f;

    wire_expect(wire, OP_GOODBYE, &f);
    assert_int_equal(f.envelope.goodbye.status, status);
    assert_int_equal(wire_wait(wire, &f, RAW_DEADLINE_MS), 0);
}

void wire_check_sids(const struct wire *wire, const uint64_t *sids, size_t n)
{
    assert_int_equal(wire->n_sids, n);
    for (size_t i = 0; i < n; i++) {
        if (!wire_selects(wire, sids[i]))
            fail_msg("sid %llu is not among those selected", (unsigned long long)sids[i]);
    }
}

void wire_expect_nothing(struct wire *wire)
{
    wire_barrier(wire);
}

/* -- $SYS ------------------------------------------------------------------------------------ */

/** The number that stands behind the string @p name, wherever it is in the value. */
static uint64_t find_number(const struct frame *reply, const char *name)
{
    uint8_t key[64];
    struct writer w = { key, key + sizeof(key), false };

    writer_str(&w, name, strlen(name));
    size_t len = (size_t)(w.p - key);
    const uint8_t *at = memmem(reply->payload, reply->payload_len, key, len);
    if (!at)
        fail_msg("the answer has no \"%s\"", name);
    struct cursor cursor = { at + len, reply->payload + reply->payload_len };
    uint64_t number;
    assert_true(cursor_uint(&cursor, &number));
    return number;
}

static uint64_t ask(const char *path, const char *subject, const void *body, size_t len,
                    const char *name)
{
    struct wire *wire = wire_open(path);
    struct wire_frame f;

    wire_message(wire, &(struct frame){ .op = OP_REQUEST,
                                        .word = WORD_MSGPACK,
                                        .token = 1,
                                        .subject = subject,
                                        .subject_len = strlen(subject),
                                        .timeout_ms = RAW_DEADLINE_MS,
                                        .payload = body,
                                        .payload_len = len });
    wire_expect(wire, OP_REPLY, &f);
    assert_int_equal(f.frame.status, 0);
    uint64_t number = find_number(&f.frame, name);
    wire_close(wire);
    return number;
}

uint64_t wire_stat(const char *path, const char *name)
{
    return ask(path, "$SYS.stats", NULL, 0, name);
}

uint64_t wire_client_number(const char *path, uint64_t id, const char *name)
{
    uint8_t body[32];
    struct writer w = { body, body + sizeof(body), false };

    writer_map(&w, 1);
    writer_str(&w, "id", 2);
    writer_uint(&w, id);
    return ask(path, "$SYS.client", body, (size_t)(w.p - body), name);
}

/* -- a socket that stands full --------------------------------------------------------------- */

/* Twice what the kernel can be made to take (a send buffer of 1 MiB, which it doubles), in messages that
 * are not copied around. */
#define FILL_LEN      (64 << 10)
#define FILL_MESSAGES 64
#define FILL_SID      MAX_SID

static void fill_subject(char subject[32], const struct wire *reader)
{
    snprintf(subject, 32, "fill.%llu", (unsigned long long)reader->id);
}

void wire_block(struct wire *reader, struct wire *writer)
{
    char subject[32];
    uint8_t *payload = calloc(1, FILL_LEN);

    assert_non_null(payload);
    fill_subject(subject, reader);
    wire_sub(reader,
             &(struct wire_sub){ .sid = FILL_SID, .pattern = subject, .policy = POLICY_DROP_NEW });
    for (int i = 0; i < FILL_MESSAGES; i++)
        wire_publish(writer, subject, payload, FILL_LEN);
    free(payload);
    wire_barrier(writer);
}

void wire_unblock(struct wire *reader)
{
    char subject[32];
    struct wire_frame f;

    fill_subject(subject, reader);
    for (int i = 0; i < FILL_MESSAGES; i++) {
        wire_expect(reader, OP_MESSAGE, &f);
        assert_int_equal(f.frame.payload_len, FILL_LEN);
        assert_int_equal(f.frame.subject_len, strlen(subject));
        wire_expect_sids(reader, FILL_SID);
    }
}
