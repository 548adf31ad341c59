/* The first frame: what a HELLO may be, what comes of one that is not, and how long one may wait. */
#include <string.h>
#include <unistd.h>

#include "proto/cursor.h"
#include "proto/writer.h"
#include "tests/kit/health.h"

static struct broker_proc *broker;

static void begin(void)
{
    broker = broker_proc_new();
    broker_proc_start(broker, NULL);
}

static void finish(void)
{
    assert_int_equal(broker_proc_stop(broker), 0);
    broker_proc_free(broker);
}

/* -- what is a HELLO -------------------------------------------------------------------------- */

#define HELLO "\x95\1\xa7" "brokerd"
#define X16 "xxxxxxxxxxxxxxxx"
#define NAMED(name) HELLO "\1\0\x81\xa4name" name

struct hello {
    const char *what;
    const char *bytes;
    size_t len;
    enum status status; /* OK: WELCOME */
};

#define CASE(what, bytes, status) { what, bytes, sizeof(bytes) - 1, STATUS_##status }

static const struct hello hellos[] = {
    CASE("the usual", HELLO "\1\0\x80", OK),
    CASE("without options", "\x94\1\xa7" "brokerd\1\0", OK),
    CASE("without features", "\x93\1\xa7" "brokerd\1", BAD_FRAME),
    CASE("an element that nobody knows", "\x96\1\xa7" "brokerd\1\0\x80\xc0", OK),
    CASE("feature bits that nobody knows", HELLO "\1\xcf\xff\xff\xff\xff\xff\xff\xff\xff\x80", OK),
    CASE("a later version", HELLO "\2\0\x80", OK),
    CASE("version 2^64-1", HELLO "\xcf\xff\xff\xff\xff\xff\xff\xff\xff\0\x80", OK),
    CASE("version 1 in 64 bits", HELLO "\xcf\0\0\0\0\0\0\0\1\0\x80", OK),
    CASE("an array header of 32 bits", "\xdd\0\0\0\5\1\xa7" "brokerd\1\0\x80", OK),
    CASE("version 0", HELLO "\0\0\x80", BAD_VERSION),
    CASE("a negative version", HELLO "\xff\0\x80", BAD_FRAME),
    CASE("a version in text", HELLO "\xa1" "1\0\x80", BAD_FRAME),
    CASE("a version of nil", HELLO "\xc0\0\x80", BAD_FRAME),
    CASE("another's magic", "\x95\1\xa7" "BROKERD\1\0\x80", BAD_MAGIC),
    CASE("a longer magic", "\x95\1\xa8" "brokerd2\1\0\x80", BAD_MAGIC),
    CASE("no magic", "\x95\1\xa0\1\0\x80", BAD_MAGIC),
    CASE("a magic of bin", "\x95\1\xc4\7" "brokerd\1\0\x80", BAD_FRAME),
    CASE("options of nil", HELLO "\1\0\xc0", BAD_FRAME),
    CASE("options in an array", HELLO "\1\0\x90", BAD_FRAME),
    CASE("an option that nobody knows", HELLO "\1\0\x81\xa1k\xa1v", OK),
    CASE("an option whose key is no text", HELLO "\1\0\x81\1\2", OK),
    CASE("options cut short", HELLO "\1\0\x81\xa4name", BAD_FRAME),
    CASE("a name", NAMED("\xa5" "first"), OK),
    CASE("no name", NAMED("\xa0"), OK),
    CASE("a name of 64 bytes", NAMED("\xd9\x40" X16 X16 X16 X16), OK),
    CASE("a name of 65 bytes", NAMED("\xd9\x41" X16 X16 X16 X16 "x"), BAD_FIELD),
    CASE("a name of 65,535 bytes that are not there", NAMED("\xda\xff\xff" "x"), BAD_FRAME),
    CASE("a name that is a number", NAMED("\1"), BAD_FIELD),
    CASE("a name of bin", NAMED("\xc4\1x"), BAD_FIELD),
    CASE("a name with an escape", NAMED("\xa4" "a\x1b[m"), BAD_FIELD),
    CASE("a name with a line break", NAMED("\xa3" "a\nb"), BAD_FIELD),
    CASE("a name with a NUL", NAMED("\xa3" "a\0b"), BAD_FIELD),
    CASE("a name with DEL", NAMED("\xa1\x7f"), BAD_FIELD),
    CASE("a name with a C1 control character", NAMED("\xa2\xc2\x9b"), BAD_FIELD),
    CASE("a name of bad UTF-8", NAMED("\xa2" "a\xff"), BAD_FIELD),
    CASE("a name of UTF-8", NAMED("\xa5" "\xc3\xa4\xe2\x82\xac"), OK),
};

static void hellos_and_their_answers(void **state)
{
    struct health health;

    (void)state;
    begin();
    health_begin(&health, broker);
    for (size_t i = 0; i < KIT_LENGTH(hellos); i++) {
        struct peer peer;
        print_message("  %s\n", hellos[i].what);
        peer_connect(&peer, broker);
        raw_send_frame(peer.fd, hellos[i].bytes, hellos[i].len);
        if (hellos[i].status == STATUS_OK) {
            peer_welcomed(&peer);
            assert_int_equal(peer.got.control.welcome.version, 1);
            assert_int_equal(peer.got.control.welcome.features, 0);
            peer_ping(&peer);
        } else {
            peer_expect_goodbye(&peer, hellos[i].status);
        }
        peer_close(&peer);
    }
    health_check_all(&health, 1 << 20);
    health_end(&health);
    finish();
}

/* The sentence of BAD_VERSION names both versions. */
static void a_refused_version_is_named(void **state)
{
    struct peer peer;
    char sentence[500];

    (void)state;
    begin();
    peer_connect(&peer, broker);
    raw_send_frame(peer.fd, HELLO "\0\0\x80", sizeof(HELLO "\0\0\x80") - 1);
    const struct piece *text = &peer_expect(&peer, OP_GOODBYE)->control.goodbye.sentence;
    memcpy(sentence, text->p, text->len);
    sentence[text->len] = '\0';
    assert_non_null(strstr(sentence, "version 1 "));
    assert_non_null(strstr(sentence, " 0"));
    peer_close(&peer);
    finish();
}

static uint64_t welcome_limit(const struct peer *peer, const char *name)
{
    const struct piece *options = &peer->got.control.welcome.options;
    struct cursor cursor = { options->p, (const uint8_t *)options->p + options->len };
    uint64_t value = 0;
    uint32_t n = 0;

    assert_true(cursor_map(&cursor, &n));
    for (; n > 0; n--) {
        const char *key;
        size_t len;
        assert_true(cursor_str(&cursor, &key, &len));
        if (len == strlen(name) && memcmp(key, name, len) == 0 && cursor_uint(&cursor, &value))
            return value;
        assert_true(cursor_skip(&cursor));
    }
    fail_msg("WELCOME does not name %s", name);
    return 0;
}

static void welcome_names_the_limits(void **state)
{
    struct peer peer, second;

    (void)state;
    begin();
    peer_open(&peer, broker);
    assert_int_equal(peer.got.control.welcome.instance.len, 16);
    assert_int_equal(welcome_limit(&peer, "max-payload"), MAX_PAYLOAD);
    assert_int_equal(welcome_limit(&peer, "max-headers"), MAX_HEADERS);
    assert_int_equal(welcome_limit(&peer, "max-envelope"), MAX_ENVELOPE);
    assert_int_equal(welcome_limit(&peer, "queue-bytes"), SUB_QUEUE_BYTES);
    assert_int_equal(welcome_limit(&peer, "queue-messages"), SUB_QUEUE_MESSAGES);
    assert_int_equal(welcome_limit(&peer, "connection-bytes"), CONN_QUEUE_BYTES);
    assert_int_equal(welcome_limit(&peer, "max-timeout-ms"), MAX_TIMEOUT_MS);
    peer_open(&second, broker);
    assert_true(second.id > peer.id);
    assert_memory_equal(second.got.control.welcome.instance.p, peer.got.control.welcome.instance.p,
                        16);
    peer_close(&peer);
    peer_close(&second);
    finish();
}

/* -- what stands behind it -------------------------------------------------------------------- */

static size_t write_pings(uint8_t *buf, unsigned n)
{
    size_t len = 0;

    for (unsigned i = 0; i < n; i++) {
        const uint8_t ping[] = { 0, 0, 0, 5, 0x92, OP_PING, 0xcd, (uint8_t)(i >> 8), (uint8_t)i };
        memcpy(buf + len, ping, sizeof ping);
        len += sizeof ping;
    }
    return len;
}

static void frames_behind_hello_are_handled_in_turn(void **state)
{
    enum { N_PINGS = 2000 };
    static uint8_t buf[64 + N_PINGS * 9] = "\0\0\0\x0d" HELLO "\1\0\x80";
    struct peer peer;

    (void)state;
    begin();
    peer_connect(&peer, broker);
    raw_send(peer.fd, buf, 17 + write_pings(buf + 17, N_PINGS));
    peer_welcomed(&peer);
    for (unsigned i = 0; i < N_PINGS; i++)
        assert_int_equal(peer_expect(&peer, OP_PONG)->control.ref, i);
    peer_close(&peer);
    finish();
}

static void what_follows_a_refused_hello_is_discarded(void **state)
{
    static uint8_t buf[200000] = "\0\0\0\x0d" HELLO "\0\0\x80";
    struct peer witness, peer;

    (void)state;
    begin();
    peer_open(&witness, broker);
    peer_sub(&witness, 1, ">");
    peer_connect(&peer, broker);
    raw_send(peer.fd, buf, 17 + write_pings(buf + 17, 9));
    peer_publish(&peer, "a", "x", 1);
    raw_send(peer.fd, buf + 17, sizeof buf - 17);
    peer_expect_goodbye(&peer, STATUS_BAD_VERSION);
    assert_int_equal(peer.n_pings, 0);
    peer_ping(&witness);
    peer_close(&peer);
    peer_close(&witness);
    finish();
}

static void a_hello_has_4096_bytes_at_most(void **state)
{
    static const size_t lens[] = { MAX_HELLO - FRAME_PREFIX, MAX_HELLO - FRAME_PREFIX + 1 };

    (void)state;
    begin();
    for (size_t i = 0; i < KIT_LENGTH(lens); i++) {
        static uint8_t body[MAX_HELLO];
        static const char head[] = HELLO "\1\0\x81\xa4keys\xda";
        struct peer peer;
        size_t rest = lens[i] - (sizeof head - 1) - 2;
        memset(body, 'x', sizeof body);
        memcpy(body, head, sizeof head - 1);
        body[sizeof head - 1] = (uint8_t)(rest >> 8);
        body[sizeof head] = (uint8_t)rest;
        peer_connect(&peer, broker);
        raw_send_frame(peer.fd, body, lens[i]);
        if (i == 0)
            peer_welcomed(&peer);
        else
            peer_expect_goodbye(&peer, STATUS_BAD_MAGIC);
        peer_close(&peer);
    }
    finish();
}

/* -- how long it may wait --------------------------------------------------------------------- */

/* Silence, half a HELLO, and half a frame after HELLO, which is no offence. */
static void silence_before_hello_has_an_end(void **state)
{
    static const unsigned char ping[] = { 0, 0, 0, 3, 0x92, OP_PING, 77 };
    struct peer silent, half, open;

    (void)state;
    begin();
    peer_open(&open, broker);
    int64_t start_ns = kit_now_ns();
    peer_connect(&silent, broker);
    peer_connect(&half, broker);
    raw_send(half.fd, "\0\0\0\x0d" HELLO, 14);
    raw_send(open.fd, ping, 5);
    peer_expect_silence(&silent, 4500);
    peer_expect_silence(&half, 1);
    peer_expect_goodbye(&silent, STATUS_HELLO_TIMEOUT);
    peer_expect_goodbye(&half, STATUS_HELLO_TIMEOUT);
    assert_in_range((kit_now_ns() - start_ns) / 1000000, 4990, 6000);
    raw_send(open.fd, ping + 5, 2);
    assert_int_equal(peer_expect(&open, OP_PONG)->control.ref, 77);
    peer_close(&silent);
    peer_close(&half);
    peer_close(&open);
    finish();
}

static void leaving_before_hello_is_no_event(void **state)
{
    struct peer witness, peer;

    (void)state;
    begin();
    peer_open(&witness, broker);
    peer_sub(&witness, 1, "$SYS.event.>");
    peer_connect(&peer, broker);
    peer_close(&peer);
    peer_connect(&peer, broker);
    raw_send(peer.fd, "\0\0", 2);
    peer_shut(&peer);
    assert_null(peer_next(&peer, RAW_DEADLINE_MS));
    peer_close(&peer);
    peer_connect(&peer, broker);
    raw_send(peer.fd, "\0\0\0\0", 4);
    peer_expect_goodbye(&peer, STATUS_BAD_MAGIC);
    peer_close(&peer);
    peer_ping(&witness);
    peer_close(&witness);
    finish();
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        kit_test(hellos_and_their_answers),
        kit_test(a_refused_version_is_named),
        kit_test(welcome_names_the_limits),
        kit_test(frames_behind_hello_are_handled_in_turn),
        kit_test(what_follows_a_refused_hello_is_discarded),
        kit_test(a_hello_has_4096_bytes_at_most),
        kit_test(silence_before_hello_has_an_end),
        kit_test(leaving_before_hello_is_no_event),
    };
    return kit_run("handshake", tests, KIT_LENGTH(tests));
}
