/* Publish and subscribe: who gets what, once, in which order, and what its frame looks like. */
#include "tests/live/live.h"

/* -- who gets it ----------------------------------------------------------------------------- */

static void patterns_get_what_they_match_and_nothing_else(void **state)
{
    (void)state;
    struct live live = live_begin();
    struct wire *pub = wire_open(live.path);
    static const char *const patterns[] = { "a.b", "a.*", "*.b", "a.>", ">", "a*.b", "$SYS.>" };
    struct wire *subs[KIT_LENGTH(patterns)];
    static const struct {
        const char *subject;
        const char *reaches; /* a digit a pattern */
    } rows[] = {
        { "a.b", "01234" }, { "a.c", "134" }, { "c.b", "24" },   { "a", "4" },   { "a.b.c", "34" },
        { "A.b", "24" },    { "$x.b", "" },   { "a*.b", "245" }, { "b.a", "4" },
    };

    for (size_t i = 0; i < KIT_LENGTH(patterns); i++) {
        subs[i] = wire_open(live.path);
        wire_sub(subs[i], &(struct wire_sub){ .sid = 1, .pattern = patterns[i] });
    }
    wire_barrier(subs[6]); /* what $SYS said so far of those who came lies in front */
    for (size_t i = 0; i < KIT_LENGTH(rows); i++) {
        wire_publish(pub, rows[i].subject, rows[i].subject, strlen(rows[i].subject));
        wire_barrier(pub);
        for (size_t j = 0; j + 1 < KIT_LENGTH(patterns); j++) {
            if (strchr(rows[i].reaches, '0' + (int)j))
                wire_expect_text(subs[j], rows[i].subject, rows[i].subject);
            wire_expect_nothing(subs[j]);
        }
        wire_expect_nothing(subs[6]);
    }
    for (size_t i = 0; i < KIT_LENGTH(patterns); i++)
        wire_close(subs[i]);
    wire_close(pub);
    live_end(&live);
}

static void overlapping_subscriptions_get_one_copy_and_select_names_them(void **state)
{
    (void)state;
    struct live live = live_begin();
    struct wire *pub = wire_open(live.path), *sub = wire_open(live.path);
    struct wire_frame f;

    wire_sub(sub, &(struct wire_sub){ .sid = 3, .pattern = "a.*" });
    wire_sub(sub, &(struct wire_sub){ .sid = 1, .pattern = "a.b" });
    wire_sub(sub, &(struct wire_sub){ .sid = 70000, .pattern = ">" });
    wire_publish(pub, "a.b", "1", 1);
    wire_publish(pub, "a.b", "2", 1);
    wire_publish(pub, "a.c", "3", 1);
    wire_publish(pub, "c", "4", 1);
    wire_publish(pub, "a.b", "5", 1);
    wire_barrier(pub);

    /* SELECT comes when it changes, and only then. */
    static const int ops[] = { OP_SELECT, OP_MESSAGE, OP_MESSAGE, OP_SELECT, OP_MESSAGE,
                               OP_SELECT, OP_MESSAGE, OP_SELECT,  OP_MESSAGE };
    static const struct {
        size_t n;
        uint64_t sids[3];
    } named[] = {
        { 3, { 1, 3, 70000 } }, { 2, { 3, 70000 } }, { 1, { 70000 } }, { 3, { 1, 3, 70000 } }
    };
    size_t n_selects = 0;
    for (size_t i = 0; i < KIT_LENGTH(ops); i++) {
        wire_next(sub, &f);
        assert_int_equal(f.op, ops[i]);
        if (f.op != OP_SELECT)
            continue;
        wire_check_sids(sub, named[n_selects].sids, named[n_selects].n);
        n_selects++;
    }
    wire_expect_nothing(sub);
    wire_close(sub);
    wire_close(pub);
    live_end(&live);
}

static void more_than_64_subscriptions_of_one_client_are_a_gap(void **state)
{
    (void)state;
    struct live live = live_begin();
    struct wire *pub = wire_open(live.path), *sub = wire_open(live.path);
    struct wire_frame f;
    bool named[68] = { false };

    for (uint32_t sid = 1; sid <= 67; sid++)
        wire_sub(sub, &(struct wire_sub){ .sid = sid, .pattern = "many" });
    for (int i = 0; i < 3; i++)
        wire_publish(pub, "many", "x", 1);
    wire_confirm(pub, 1);
    wire_expect_confirmed(pub, 1, 3, 3 * 67, 0);

    size_t n_messages = 0, n_lost[68] = { 0 };
    wire_ping(sub, 99);
    for (wire_next_but_select(sub, &f); f.op != OP_PONG; wire_next_but_select(sub, &f)) {
        if (f.op == OP_MESSAGE) {
            assert_int_equal(sub->n_sids, MAX_SIDS);
            n_messages++;
        } else {
            assert_int_equal(f.op, OP_GAP);
            assert_int_equal(f.envelope.gap.reason, GAP_TOO_MANY);
            assert_in_range(f.envelope.gap.sid, 1, 67);
            n_lost[f.envelope.gap.sid] += f.envelope.gap.count;
        }
    }
    assert_int_equal(n_messages, 3);
    for (size_t i = 0; i < sub->n_sids; i++)
        named[sub->sids[i]] = true;
    for (size_t sid = 1; sid <= 67; sid++)
        assert_int_equal(n_lost[sid], named[sid] ? 0 : 3);
    assert_int_equal(wire_stat(live.path, "lost-too-many"), 9);
    wire_close(sub);
    wire_close(pub);
    live_end(&live);
}

static void publishers_get_their_own_messages_with_their_id(void **state)
{
    (void)state;
    struct live live = live_begin();
    struct wire *a = wire_open(live.path), *b = wire_open(live.path);
    struct wire_frame f;

    assert_true(a->id != b->id);
    wire_sub(a, &(struct wire_sub){ .sid = 1, .pattern = "x" });
    wire_publish(a, "x", "mine", 4);
    wire_expect(a, OP_MESSAGE, &f);
    assert_int_equal(f.frame.id, a->id);
    wire_message(
        b, &(struct frame){ .op = OP_MESSAGE, .id = a->id, .subject = "x", .subject_len = 1 });
    wire_expect(a, OP_MESSAGE, &f);
    assert_int_equal(f.frame.id, b->id); /* a forged id is written over */
    wire_close(a);
    wire_close(b);
    live_end(&live);
}

/* -- what it looks like ---------------------------------------------------------------------- */

static void headers_flags_and_payload_pass_and_broker_bits_do_not(void **state)
{
    (void)state;
    struct live live = live_begin();
    struct wire *pub = wire_open(live.path), *sub = wire_open(live.path);
    static const uint8_t headers[] = "\x81\xa1k\xa1v", payload[] = "\xff any \x00 bytes";
    struct wire_frame f;

    wire_sub(sub, &(struct wire_sub){ .sid = 1, .pattern = "h.>" });
    /* Twice each: the second message of a subject takes the short way through the broker. */
    for (int i = 0; i < 4; i++) {
        uint32_t flag = i < 2 ? WORD_MSGPACK : 0;
        wire_message(pub, &(struct frame){ .op = OP_MESSAGE,
                                           .word = flag | WORD_BROKER | WORD_MORE,
                                           .subject = "h.x",
                                           .subject_len = 3,
                                           .headers = headers,
                                           .headers_len = sizeof(headers) - 1,
                                           .payload = payload,
                                           .payload_len = sizeof(payload) });
        wire_expect(sub, OP_MESSAGE, &f);
        assert_true(f.frame.fixed);
        assert_int_equal(f.frame.word, flag | WORD_MORE | (sizeof(headers) - 1));
        assert_int_equal(f.frame.headers_len, sizeof(headers) - 1);
        assert_memory_equal(f.frame.headers, headers, sizeof(headers) - 1);
        assert_int_equal(f.frame.payload_len, sizeof(payload));
        assert_memory_equal(f.frame.payload, payload, sizeof(payload));
    }
    wire_close(sub);
    wire_close(pub);
    live_end(&live);
}

static void the_largest_headers_and_payload_pass(void **state)
{
    (void)state;
    struct live live = live_begin();
    struct wire *pub = wire_open(live.path), *sub = wire_open(live.path);
    uint8_t *bytes = malloc(MAX_HEADERS + MAX_PAYLOAD + 1);
    char subject[MAX_SUBJECT + 1];
    struct wire_frame f;

    assert_non_null(bytes);
    for (size_t i = 0; i < MAX_HEADERS + MAX_PAYLOAD + 1; i++)
        bytes[i] = (uint8_t)(i * 7 + (i >> 8));
    memset(subject, 's', MAX_SUBJECT);
    struct frame message = { .op = OP_MESSAGE,
                             .subject = subject,
                             .subject_len = MAX_SUBJECT,
                             .headers = bytes,
                             .headers_len = MAX_HEADERS,
                             .payload = bytes + MAX_HEADERS,
                             .payload_len = MAX_PAYLOAD };
    wire_sub(sub, &(struct wire_sub){ .sid = 1, .pattern = ">" });
    wire_message(pub, &message);
    wire_expect(sub, OP_MESSAGE, &f);
    assert_int_equal(f.frame.headers_len, MAX_HEADERS);
    assert_int_equal(f.frame.payload_len, MAX_PAYLOAD);
    assert_memory_equal(f.frame.headers, bytes, MAX_HEADERS + MAX_PAYLOAD);
    wire_barrier(pub);

    message.payload_len++;
    wire_message(pub, &message);
    wire_ping(pub, 9);
    wire_expect_refused(pub, 2, 2, STATUS_TOO_LARGE);
    wire_expect_pong(pub, 9);
    wire_expect_nothing(sub);
    free(bytes);
    wire_close(sub);
    wire_close(pub);
    live_end(&live);
}

/* The same message in every encoding a msgpack library may choose comes out in the one form. */
static void other_encodings_are_rewritten(void **state)
{
    (void)state;
    struct live live = live_begin();
    struct wire *pub = wire_open(live.path), *sub = wire_open(live.path);
    static const struct {
        const char *bytes;
        size_t len;
    } rows[] = {
#define ROW(text) { text, sizeof(text) - 1 }
        ROW("\x94\x20\x00\x00\xa1wPAY"),
        ROW("\x94\x20\xcc\x00\xcd\x00\x00\xa1wPAY"),
        ROW("\x94\xcc\x20\xce\x00\x00\x00\x00\xcf\x00\x00\x00\x00\x00\x00\x00\x00\xa1wPAY"),
        ROW("\xdc\x00\x04\x20\x00\x00\xa1wPAY"),
        ROW("\xdd\x00\x00\x00\x04\x20\x00\x00\xa1wPAY"),
        ROW("\x94\x20\xce\x00\x00\x00\x00\xcf\x00\x00\x00\x00\x00\x00\x00\x00\xd9\x01wPAY"),
        ROW("\x94\x20\xcf\x00\x00\x00\x00\x0f\x00\x00\x00\x05\xda\x00\x01wPAY"),
        ROW("\x94\x20\xd3\x00\x00\x00\x00\x00\x00\x00\x00\xd0\x00\xdb\x00\x00\x00\x01wPAY"),
#undef ROW
    };
    struct wire_frame f;

    wire_sub(sub, &(struct wire_sub){ .sid = 1, .pattern = "w" });
    for (size_t i = 0; i < KIT_LENGTH(rows); i++) {
        uint8_t expected[64];
        size_t len = frame_write_head(expected, &(struct frame){ .op = OP_MESSAGE,
                                                                 .id = pub->id,
                                                                 .subject = "w",
                                                                 .subject_len = 1,
                                                                 .payload_len = 3 });
        memcpy(expected + len, "PAY", 3);
        raw_send_frame(pub->fd, rows[i].bytes, rows[i].len);
        wire_expect(sub, OP_MESSAGE, &f);
        assert_int_equal(f.len, len + 3);
        assert_memory_equal(f.bytes, expected, f.len);
    }
    wire_close(sub);
    wire_close(pub);
    live_end(&live);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        kit_test(patterns_get_what_they_match_and_nothing_else),
        kit_test(overlapping_subscriptions_get_one_copy_and_select_names_them),
        kit_test(more_than_64_subscriptions_of_one_client_are_a_gap),
        kit_test(publishers_get_their_own_messages_with_their_id),
        kit_test(headers_flags_and_payload_pass_and_broker_bits_do_not),
        kit_test(the_largest_headers_and_payload_pass),
        kit_test(other_encodings_are_rewritten),
    };
    return kit_run("publish", tests, KIT_LENGTH(tests));
}
