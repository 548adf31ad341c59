/* Many requests at a service, at random, against a model: each is answered once,
 * at once or later, and says until then what it said at first; also when it is
 * cancelled, when its service goes, and when memory gives out.
 */
#include "proto/opcode.h"
#include "tests/kit/runner.h"
#include "tests/unit/client_feed.h"
#include "tests/unit/scarce_malloc.h"

enum { STEPS = 20000, LONG_SUBJECT = 200 };

static const uint8_t headers[4] = { 0x80, 0x80, 0x80, 0x80 };

/* One that was sent; its token and its payload are its number, from 1. */
struct sent {
    broker_request *request; /* it outlived its callback */
    char subject[MAX_SUBJECT + 1];
    size_t headers_len;
};

static struct world {
    struct feed feed;
    broker_service *service;
    struct sent sent[STEPS];
    bool was_answered[STEPS];
    unsigned n_sent, n_taken, n_later, n_void;
    uint32_t seed;
} world;

static unsigned chance(unsigned n)
{
    world.seed = world.seed * 1103515245u + 12345u;
    return (world.seed >> 16) % n;
}

/* ---- the broker's side ---- */

static void some_subject(char *subject)
{
    size_t len = 1 + (chance(4) ? chance(40) : chance(LONG_SUBJECT));

    memset(subject, 'a' + (int)chance(26), len);
    subject[len] = '\0';
}

static void say_request(void)
{
    struct sent *sent = &world.sent[world.n_sent];
    uint8_t buf[FRAME_MAX_HEAD + 16];
    struct frame frame = {
        .op = OP_REQUEST,
        .id = 9,
        .token = ++world.n_sent,
        .subject = sent->subject,
        .timeout_ms = chance(2)   ? 5000
                      : chance(2) ? 100
                                  : 70000,
        .headers_len = chance(4),
        .payload_len = sizeof world.n_sent,
    };
    size_t n;

    some_subject(sent->subject);
    sent->headers_len = frame.headers_len;
    frame.subject_len = strlen(sent->subject);
    n = frame_write_head(buf, &frame);
    memcpy(buf + n, headers, frame.headers_len);
    memcpy(buf + n + frame.headers_len, &world.n_sent, sizeof world.n_sent);
    n += frame.headers_len + frame.payload_len;
    assert_int_equal(write(world.feed.peer, buf, n), (ssize_t)n);
}

static void say_select(void)
{
    struct envelope e = { .op = OP_SELECT };

    e.select.n = 1;
    e.select.sids = (struct piece){ "\x01", 1 };
    feed_say(&world.feed, &e);
}

static void say_cancel(void)
{
    struct envelope e = { .op = OP_CANCEL };

    e.cancel.token = 1 + chance(world.n_sent + 1); /* any there ever was, and one more */
    e.cancel.status = BROKER_E_TIMEOUT;
    feed_say(&world.feed, &e);
}

static void hear_reply(const struct frame *frame)
{
    assert_true(frame->token >= 1 && frame->token <= world.n_sent);
    assert_false(world.was_answered[frame->token - 1]);
    world.was_answered[frame->token - 1] = !(frame->word & WORD_MORE);
}

static void hear(void)
{
    uint8_t buf[1 << 16];
    ssize_t n = read(world.feed.peer, buf, sizeof buf);
    struct frame frame;

    for (ssize_t at = 0; at < n;) {
        size_t len = load_be32(buf + at);

        if (frame_read(&frame, buf + at + FRAME_PREFIX, len, NULL) && frame.op == OP_REPLY)
            hear_reply(&frame);
        at += (ssize_t)len + FRAME_PREFIX;
    }
}

/* ---- the client's ---- */

static struct sent *sent_of(const broker_request *request)
{
    size_t len;
    unsigned number;

    memcpy(&number, broker_message_payload(broker_request_message(request), &len), sizeof number);
    assert_int_equal(len, sizeof number);
    assert_true(number >= 1 && number <= world.n_sent);
    return &world.sent[number - 1];
}

/* What could not be kept has lost its bytes, and nothing else. */
static void check(const broker_request *request, const struct sent *sent)
{
    const broker_message *m = broker_request_message(request);
    size_t len;

    assert_string_equal(broker_message_subject(m, &len), sent->subject);
    assert_int_equal(len, strlen(sent->subject));
    assert_int_equal(broker_message_sender(m), 9);
    broker_message_payload(m, &len);
    if (len == 0) {
        world.n_void++;
        return;
    }
    assert_ptr_equal(sent_of(request), sent);
    assert_true(broker_message_headers(m, &len) != NULL || sent->headers_len == 0);
    assert_int_equal(len, sent->headers_len);
}

static void answer(broker_request *request)
{
    int r = 0;

    switch (chance(5)) {
    case 0:
        assert_null(broker_request_drop(request));
        break;
    case 1:
        r = broker_reply_error(request, 5, NULL, 0, 0);
        break;
    case 2:
        r = broker_reply(request, "x", 1, BROKER_MORE);
        if (r == 0)
            r = broker_reply(request, NULL, 0, 0);
        break;
    case 3:
        r = broker_reply_headers(request, "\x80", 1, "x", 1, BROKER_MSGPACK);
        break;
    default:
        r = broker_reply(request, "x", 1, 0);
    }
    assert_true(r == 0 || r == -BROKER_E_NO_CALL);
}

static void answer_later(struct sent *sent)
{
    broker_request *request = sent->request;

    if (!request)
        return;
    check(request, sent);
    sent->request = NULL;
    answer(request);
}

static void on_cancel(broker_request *request, int status, void *userdata)
{
    struct sent *sent = userdata;

    assert_true(status == -BROKER_E_TIMEOUT || status == -BROKER_E_REQUESTER_GONE);
    assert_ptr_equal(sent->request, request);
    if (chance(2) == 0)
        answer_later(sent);
}

static void on_request(broker_service *service, broker_request *request, void *userdata)
{
    struct sent *sent = sent_of(request);

    (void)userdata;
    world.n_taken++;
    assert_ptr_equal(broker_request_service(request), service);
    check(request, sent);
    if (chance(2) == 0) {
        answer(request);
        if (chance(2) == 0) /* until the callback is over it may be looked at */
            assert_int_equal(broker_reply(request, "x", 1, 0), -BROKER_E_INVALID);
        return;
    }
    sent->request = request;
    broker_request_set_cancel_fn(request, on_cancel, sent);
    world.n_later++;
    if (chance(8) == 0)
        mallocs_left = chance(2); /* until what was read is handed out */
}

static void process(void)
{
    assert_true(broker_process(world.feed.b) >= 0);
    mallocs_left = UINT32_MAX;
}

static void some_step(void)
{
    switch (chance(6)) {
    case 0:
        process();
        break;
    case 1:
        say_cancel();
        break;
    case 2:
        if (chance(10) == 0)
            broker_flush(world.feed.b, 0); /* reads, and holds it all in the inbox */
        break;
    case 3:
        answer_later(&world.sent[chance(world.n_sent + 1)]);
        break;
    default:
        say_request();
    }
    hear();
}

static void open_world(void)
{
    broker_options *options;
    int pair[2];

    memset(&world, 0, sizeof world);
    world.seed = 1;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair), 0);
    assert_int_equal(broker_options_new(&options), 0);
    broker_options_set_reconnect(options, 0);
    assert_int_equal(broker_new(&world.feed.b, options), 0);
    broker_options_free(options);
    assert_int_equal(broker_serve(world.feed.b, &world.service, "a.>", NULL, on_request, NULL), 0);
    world.feed.peer = pair[0];
    feed_connect(world.feed.b, pair[1]);
    feed_drain(&world.feed);
    feed_hello(&world.feed);
    process();
    assert_true(broker_is_connected(world.feed.b));
    say_select();
}

static void each_is_answered_once(void **state)
{
    (void)state;
    open_world();
    for (int i = 0; i < STEPS - 1; i++)
        some_step();
    process();
    hear();
    assert_true(world.n_taken > STEPS / 4 && world.n_later > 1000);
    /* Those that outlive their service are answered all the same. */
    world.service = broker_service_free(world.service);
    for (unsigned i = 0; i < world.n_sent; i++) {
        if (world.sent[i].request)
            assert_null(broker_request_service(world.sent[i].request));
        answer_later(&world.sent[i]);
        hear();
    }
    assert_true(world.n_void > 10);
    assert_int_equal(broker_close(world.feed.b, 0), -BROKER_E_TIMEOUT);
    broker_free(world.feed.b);
    close(world.feed.peer);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        kit_test(each_is_answered_once),
    };

    return kit_run("client requests open", tests, KIT_LENGTH(tests));
}
