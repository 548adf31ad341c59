/* What was received before: a frame that is taken for one that was seen says
 * what frame_read would have said.
 */
#include "client/lib/received.h"

#include <stdlib.h>

#include "client/lib/handle.h"
#include "proto/opcode.h"
#include "proto/writer.h"
#include "tests/kit/runner.h"

enum { PAYLOAD = 32 };

static struct received received;
static uint32_t seed;

static unsigned chance(unsigned n)
{
    seed = seed * 1103515245u + 12345u;
    return (seed >> 16) % n;
}

/* One of many that are alike: prefixes of each other, flags, headers, senders. */
static size_t some_message(uint8_t *buf)
{
    static const char letters[] = "orders.eu.created.and.then.some.more.so.that.it.takes.two.bytes";
    struct frame frame = {
        .op = OP_MESSAGE,
        .word = chance(2) ? WORD_MSGPACK : 0,
        .id = 7 + chance(2) * UINT64_C(0x100000000),
        .subject = letters,
        .subject_len = 30 + chance(4),
        .headers_len = chance(3),
        .payload_len = chance(PAYLOAD),
    };
    size_t n;

    if (chance(8) == 0)
        frame.subject_len = 1 + chance(sizeof letters - 1);
    n = frame_write_head(buf, &frame);
    for (size_t i = 0; i < frame.headers_len + frame.payload_len; i++)
        buf[n++] = (uint8_t)(0x80 + chance(16));
    return n;
}

/* As dispatch.c does it. */
static struct broker_message *look(const uint8_t *frame, size_t size)
{
    struct received_envelope *place = received.last->next;

    if (!received_is(place, frame, size - FRAME_PREFIX))
        place = received_find(&received, frame, size);
    return place ? received_view(&received, place, frame, size - FRAME_PREFIX) : NULL;
}

static void assert_says_the_same(const struct broker_message *m, const uint8_t *frame, size_t size)
{
    struct frame is;
    size_t len;

    assert_non_null(m);
    assert_true(frame_read(&is, frame + FRAME_PREFIX, size - FRAME_PREFIX, NULL));
    assert_int_equal(m->subject_len, is.subject_len);
    assert_memory_equal(m->subject, is.subject, is.subject_len);
    assert_int_equal(m->subject[is.subject_len], '\0');
    assert_int_equal(m->word, is.word);
    assert_int_equal(m->sender, is.id);
    assert_int_equal(m->status, 0);
    assert_null(m->who);
    assert_ptr_equal(m->payload, is.payload);
    assert_int_equal(m->payload_len, is.payload_len);
    assert_int_equal(m->headers_len, is.headers_len);
    assert_true(is.headers_len == 0 || broker_message_headers(m, &len) == is.headers);
}

static void every_message_says_what_it_says(void **state)
{
    uint8_t buf[FRAME_MAX_HEAD + PAYLOAD + 8];

    (void)state;
    received_init(&received, NULL);
    seed = 1;
    for (int i = 0; i < 200000; i++) {
        size_t size = some_message(buf);

        assert_says_the_same(look(buf, size), buf, size);
    }
}

/* The same envelope, with headers that are longer than what is left. */
static void headers_that_are_cut_off_are_not_seen(void **state)
{
    struct frame frame = {
        .op = OP_MESSAGE, .subject = "a.b", .subject_len = 3, .headers_len = 20
    };
    uint8_t buf[FRAME_MAX_HEAD + 64] = { 0 };
    size_t n = frame_write_head(buf, &frame);

    (void)state;
    received_init(&received, NULL);
    for (int i = 0; i < 3; i++) {
        assert_non_null(look(buf, n + 20));
        for (size_t size = FRAME_PREFIX + 1; size < n + 20; size++)
            assert_null(look(buf, size));
    }
}

/* Bytes of all kinds are either taken as frame_read takes them, or left to it. */
static void changed_bytes_are_never_taken_for_another(void **state)
{
    uint8_t good[FRAME_MAX_HEAD + PAYLOAD + 8], buf[sizeof good];

    (void)state;
    received_init(&received, NULL);
    seed = 2;
    for (int i = 0; i < 100000; i++) {
        size_t size = some_message(good);
        struct frame is;
        struct broker_message *m;

        memcpy(buf, good, size);
        for (unsigned k = chance(3); k > 0; k--)
            buf[FRAME_PREFIX + chance(24)] = (uint8_t)chance(256);
        if (chance(8) == 0)
            size -= chance((unsigned)size - FRAME_PREFIX);
        m = look(buf, size);
        if (!m)
            continue;
        assert_true(frame_read(&is, buf + FRAME_PREFIX, size - FRAME_PREFIX, NULL));
        assert_true(is.op == OP_MESSAGE && is.fixed && WORD_FDS(is.word) == 0);
        assert_says_the_same(m, buf, size);
    }
}

/* ---- SELECT ---- */

static size_t write_select(uint8_t *buf, size_t room, struct envelope *e, const uint32_t *sids,
                           uint32_t n)
{
    static uint8_t raw[9 * MAX_SIDS];
    struct writer w = { raw, raw + sizeof raw, false };

    for (uint32_t i = 0; i < n; i++)
        writer_uint(&w, sids[i]);
    *e = (struct envelope){ .op = OP_SELECT };
    e->select.n = n;
    e->select.sids = (struct piece){ raw, (size_t)(w.p - raw) };
    return envelope_write(buf, room, e);
}

static void assert_selected(const uint32_t *sids, uint32_t n)
{
    uint32_t n_selected;
    const uint32_t *selected = received_sids(&received, &n_selected);

    assert_int_equal(n_selected, n);
    assert_memory_equal(selected, sids, n * sizeof sids[0]);
}

static void every_select_selects_its_own(void **state)
{
    static uint8_t buf[1024];
    unsigned n_seen = 0;

    (void)state;
    received_init(&received, NULL);
    assert_selected(NULL, 0);
    seed = 3;
    for (int i = 0; i < 50000; i++) {
        unsigned which = chance(10); /* more than there are places */
        uint32_t sids[MAX_SIDS], n = chance(3) ? 1 + which % 3 : 1 + chance(MAX_SIDS);
        struct envelope e;
        size_t size;

        for (uint32_t k = 0; k < n; k++)
            sids[k] = chance(10) ? 1 + which + k : MAX_SID - k;
        size = write_select(buf, sizeof buf, &e, sids, n);
        if (received_select(&received, buf, size))
            n_seen++;
        else
            received_keep_select(&received, &e, buf, size);
        assert_selected(sids, n);
    }
    assert_true(n_seen > 1000);
}

/* Numbers written longer than need be: 64 of nine bytes are more than is kept. */
static void a_long_select_is_used_and_not_kept(void **state)
{
    static uint8_t buf[1024];
    struct writer w = { buf + FRAME_PREFIX, buf + sizeof buf, false };
    uint32_t sids[MAX_SIDS];
    struct envelope e;
    size_t size;

    (void)state;
    received_init(&received, NULL);
    writer_array(&w, 1 + MAX_SIDS);
    writer_uint(&w, OP_SELECT);
    for (uint32_t i = 0; i < MAX_SIDS; i++)
        writer_u64(&w, sids[i] = i + 1);
    size = (size_t)(w.p - buf);
    store_be32(buf, (uint32_t)(size - FRAME_PREFIX));
    assert_true(envelope_read(&e, buf + FRAME_PREFIX, size - FRAME_PREFIX, NULL));
    for (int i = 0; i < 2; i++) {
        assert_false(received_select(&received, buf, size));
        received_keep_select(&received, &e, buf, size);
        assert_selected(sids, MAX_SIDS);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        kit_test(every_message_says_what_it_says),
        kit_test(headers_that_are_cut_off_are_not_seen),
        kit_test(changed_bytes_are_never_taken_for_another),
        kit_test(every_select_selects_its_own),
        kit_test(a_long_select_is_used_and_not_kept),
    };

    return kit_run("client received", tests, KIT_LENGTH(tests));
}
