/* Streams of everything, made up at random, against a model: each message goes
 * to those it is for, in order, and to nobody else; also when subscriptions are
 * released in callbacks, when their numbers are used again, and when the
 * connection is another one.
 */
#include <stdio.h>

#include "proto/opcode.h"
#include "proto/writer.h"
#include "tests/kit/runner.h"
#include "tests/unit/client_feed.h"

enum { SLOTS = 6, PENDING = 64, MOST_FOR = 3, SIDS = 64 };

struct slot {
    broker_subscription *sub; /* NULL: freed */
    unsigned serial;          /* of the subscription, never used twice */
};

/* A message under way: whom it is for, by serial. */
struct pending {
    unsigned serials[MOST_FOR];
    unsigned n, at;
    char subject[64];
    size_t subject_len, headers_len;
    uint32_t word;
    uint64_t sender;
};

static struct world {
    broker *b;
    int peer;
    struct slot slots[SLOTS];
    unsigned last_serial;
    unsigned serial_of[SIDS]; /* as the broker sees it; 0: none */
    struct pending pending[PENDING];
    unsigned n_pending, at;
    uint64_t unsubs[SIDS]; /* references that are to be answered */
    unsigned n_unsubs;
    uint64_t selected[MOST_FOR];
    unsigned n_selected;
    unsigned n_heard;
    uint32_t seed;
} world;

static unsigned chance(unsigned n)
{
    world.seed = world.seed * 1103515245u + 12345u;
    return (world.seed >> 16) % n;
}

static struct slot *slot_of(unsigned serial)
{
    for (unsigned i = 0; i < SLOTS; i++) {
        if (world.slots[i].sub && world.slots[i].serial == serial)
            return &world.slots[i];
    }
    return NULL;
}

/* ---- what the broker says ---- */

static void say(const void *bytes, size_t len)
{
    assert_int_equal(write(world.peer, bytes, len), (ssize_t)len);
}

static void say_envelope(const struct envelope *e)
{
    uint8_t buf[ENVELOPE_MAX_WRITTEN];
    size_t n = envelope_write(buf, sizeof buf, e);

    assert_true(n > 0);
    say(buf, n);
}

static void say_ok(uint64_t ref)
{
    struct envelope e = { .op = OP_OK };

    e.ref = ref;
    say_envelope(&e);
}

static void say_select(const uint64_t *sids, unsigned n)
{
    struct envelope e = { .op = OP_SELECT };
    uint8_t raw[64];
    struct writer w = { raw, raw + sizeof raw, false };

    for (unsigned i = 0; i < n; i++)
        writer_uint(&w, sids[i]);
    e.select.n = n;
    e.select.sids = (struct piece){ raw, (size_t)(w.p - raw) };
    say_envelope(&e);
}

static void say_message(const struct pending *p)
{
    static const uint8_t headers[2] = { 0x81, 0x00 };
    struct frame frame = {
        .op = OP_MESSAGE,
        .word = p->word,
        .id = p->sender,
        .subject = p->subject,
        .subject_len = p->subject_len,
        .headers_len = p->headers_len,
        .payload_len = sizeof world.at,
    };
    uint8_t head[FRAME_MAX_HEAD];
    unsigned number = (unsigned)(p - world.pending);

    say(head, frame_write_head(head, &frame));
    say(headers, p->headers_len);
    say(&number, sizeof number);
}

/* ---- what the client hears ---- */

static void subscribe(struct slot *slot);

static void release(struct slot *slot)
{
    slot->sub = broker_subscription_free(slot->sub);
}

static void assert_is(const struct pending *p, const broker_message *m)
{
    size_t len;
    const void *payload = broker_message_payload(m, &len);
    unsigned number;

    assert_int_equal(len, sizeof number);
    memcpy(&number, payload, len);
    assert_int_equal(number, p - world.pending);
    assert_string_equal(broker_message_subject(m, &len), p->subject);
    assert_int_equal(len, p->subject_len);
    assert_int_equal(broker_message_sender(m), p->sender);
    assert_int_equal(broker_message_flags(m), p->word ? BROKER_MSGPACK : 0);
    broker_message_headers(m, &len);
    assert_int_equal(len, p->headers_len);
}

/* The message whose turn it is, past those whose receivers are gone. */
static struct pending *turn(void)
{
    while (world.at < world.n_pending) {
        struct pending *p = &world.pending[world.at];

        while (p->at < p->n && !slot_of(p->serials[p->at]))
            p->at++;
        if (p->at < p->n)
            return p;
        world.at++;
    }
    return NULL;
}

static void on_message(broker_subscription *sub, const broker_message *m, void *userdata)
{
    unsigned serial = (unsigned)(uintptr_t)userdata;
    struct pending *p = turn();

    assert_non_null(p);
    assert_int_equal(p->serials[p->at], serial);
    assert_ptr_equal(slot_of(serial)->sub, sub);
    assert_is(p, m);
    p->at++;
    world.n_heard++;
    if (chance(12) == 0)
        release(slot_of(serial));
    if (chance(12) == 0 && world.slots[0].sub)
        release(&world.slots[0]);
    if (chance(12) == 0 && !world.slots[1].sub)
        subscribe(&world.slots[1]);
}

static void subscribe(struct slot *slot)
{
    char pattern[32];

    slot->serial = ++world.last_serial;
    snprintf(pattern, sizeof pattern, "%u", slot->serial);
    assert_int_equal(broker_subscribe(world.b, &slot->sub, pattern, NULL, on_message,
                                      (void *)(uintptr_t)slot->serial),
                     0);
}

/* ---- the broker's side of it ---- */

static void hear_frame(const uint8_t *body, size_t len)
{
    struct envelope e;

    assert_true(envelope_read(&e, body, len, NULL));
    if (e.op == OP_SUB) {
        assert_true(e.sub.sid < SIDS && world.serial_of[e.sub.sid] == 0);
        world.serial_of[e.sub.sid] = (unsigned)strtoul(e.sub.pattern.p, NULL, 10);
        say_ok(e.sub.ref);
    } else if (e.op == OP_UNSUB) {
        assert_true(world.n_unsubs < KIT_LENGTH(world.unsubs));
        world.unsubs[world.n_unsubs++] = e.unsub.ref;
    }
}

/* Frames leave whole: nothing here is large. */
static void hear(void)
{
    uint8_t buf[65536];
    ssize_t n = read(world.peer, buf, sizeof buf);

    for (ssize_t at = 0; at < n;) {
        size_t len = load_be32(buf + at);

        hear_frame(buf + at + FRAME_PREFIX, len);
        at += (ssize_t)len + FRAME_PREFIX;
    }
}

static void answer_an_unsub(void)
{
    unsigned i = world.n_unsubs > 0 ? chance(world.n_unsubs) : 0;

    if (world.n_unsubs == 0)
        return;
    world.serial_of[regs_sid_of(world.unsubs[i])] = 0;
    say_ok(world.unsubs[i]);
    world.unsubs[i] = world.unsubs[--world.n_unsubs];
}

static void publish(void)
{
    struct pending *p = &world.pending[world.n_pending];
    uint64_t sid = chance(SIDS), sids[MOST_FOR];
    unsigned n = 1 + (chance(4) == 0 ? chance(MOST_FOR) : 0), found = 0;

    *p = (struct pending){ .word = chance(3) ? 0 : WORD_MSGPACK, .sender = 7 + chance(2) };
    for (unsigned i = 0; i < SIDS && found < n; i++, sid = (sid + 1) % SIDS) {
        if (world.serial_of[sid] == 0)
            continue;
        p->serials[found] = world.serial_of[sid];
        sids[found++] = sid;
    }
    if (found == 0)
        return;
    p->n = found;
    p->headers_len = 2 * chance(2);
    p->subject_len =
        (size_t)snprintf(p->subject, sizeof p->subject, "a.%.*s", 1 + (int)chance(3), "bcdefgh");
    if (world.n_selected != found || chance(8) == 0 ||
        memcmp(world.selected, sids, found * sizeof sids[0]) != 0)
        say_select(sids, found);
    memcpy(world.selected, sids, found * sizeof sids[0]);
    world.n_selected = found;
    say_message(p);
    world.n_pending++;
}

static void some_step(void)
{
    struct slot *slot = &world.slots[chance(SLOTS)];

    switch (chance(8)) {
    case 0:
        if (slot->sub)
            release(slot);
        break;
    case 1:
        if (!slot->sub)
            subscribe(slot);
        break;
    case 2:
        answer_an_unsub();
        break;
    case 3:
        broker_flush(world.b, 0); /* reads, and holds it all in the inbox */
        break;
    default:
        publish();
    }
    hear();
}

/* What a blocking call has held, and then what is in the socket. */
static void process_all(void)
{
    for (int n_idle = 0; n_idle < 2; hear())
        n_idle = broker_process(world.b) > 0 ? 0 : n_idle + 1;
}

static void open_world(uint32_t seed)
{
    broker_options *options;
    struct feed feed = { 0 };
    int pair[2];

    memset(&world, 0, sizeof world);
    world.seed = seed;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair), 0);
    assert_int_equal(broker_options_new(&options), 0);
    broker_options_set_reconnect(options, 0);
    assert_int_equal(broker_new(&world.b, options), 0);
    broker_options_free(options);
    world.peer = feed.peer = pair[0];
    feed.b = world.b;
    feed_connect(world.b, pair[1]);
    feed_drain(&feed);
    feed_hello(&feed);
    broker_process(world.b);
    assert_true(broker_is_connected(world.b));
}

static void each_message_meets_its_own(void **state)
{
    unsigned n_heard = 0;

    (void)state;
    for (uint32_t seed = 1; seed <= 20; seed++) {
        open_world(seed);
        for (int i = 0; i < 3000; i++) {
            some_step();
            if (world.n_pending < PENDING && chance(10))
                continue;
            process_all();
            assert_null(turn());
            world.n_pending = world.at = 0;
        }
        n_heard += world.n_heard;
        broker_free(world.b);
        close(world.peer);
    }
    assert_true(n_heard > 10000);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        kit_test(each_message_meets_its_own),
    };

    return kit_run("client dispatch", tests, KIT_LENGTH(tests));
}
