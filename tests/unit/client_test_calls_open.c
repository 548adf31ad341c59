/* Many calls open, at random, against a model: each ends once and hears its own
 * answers, and no reference is used twice, whatever is cancelled or asked again
 * inside callbacks, and when memory gives out.
 */
#include "proto/opcode.h"
#include "tests/kit/runner.h"
#include "tests/unit/client_feed.h"
#include "tests/unit/scarce_malloc.h"

enum { CALLS = 200, STEPS = 20000 };

struct asked {
    broker_call *call; /* NULL: free */
    unsigned serial;
    uint64_t token; /* 0: the broker has not heard of it yet */
    bool is_survey;
    unsigned n_parts, n_heard;
};

static struct world {
    struct feed feed;
    struct asked asked[CALLS];
    uint64_t tokens[STEPS]; /* of all that were asked */
    unsigned n_tokens, last_serial;
    unsigned n_ended, n_without_memory;
    bool ending; /* nothing is asked any more */
    uint32_t seed;
} world;

static unsigned chance(unsigned n)
{
    world.seed = world.seed * 1103515245u + 12345u;
    return (world.seed >> 16) % n;
}

/* ---- the broker's side ---- */

static struct asked *asked_by_token(uint64_t token)
{
    for (unsigned i = 0; i < CALLS; i++) {
        if (world.asked[i].call && world.asked[i].token == token)
            return &world.asked[i];
    }
    return NULL;
}

static void say_reply(uint64_t token, bool more)
{
    static const uint64_t statuses[] = { 0, 0, 5, 300 };
    uint8_t buf[FRAME_MAX_HEAD + 16] = { 0 };
    struct frame frame = {
        .op = OP_REPLY,
        .id = 3,
        .token = token,
        .word = more ? WORD_MORE : 0,
        .status = more ? 0 : statuses[chance(4)],
        .payload_len = chance(8),
    };
    size_t n = frame_write_head(buf, &frame) + frame.payload_len;

    assert_int_equal(write(world.feed.peer, buf, n), (ssize_t)n);
}

static void say_end(uint64_t token)
{
    struct envelope e = { .op = OP_END };

    e.end.token = token;
    e.end.status = BROKER_E_TIMEOUT;
    feed_say(&world.feed, &e);
}

/* To any that there ever was, most of them over. */
static void answer(void)
{
    uint64_t token = world.n_tokens > 0 ? world.tokens[chance(world.n_tokens)] : 77;
    struct asked *asked = &world.asked[chance(CALLS)];

    if (asked->call && asked->token != 0)
        token = asked->token;
    asked = asked_by_token(token);
    if (asked)
        asked->n_parts++;
    if (chance(8) == 0)
        say_end(token);
    else
        say_reply(token, chance(3) == 0);
}

static void hear_request(const struct frame *frame)
{
    unsigned serial;

    for (unsigned i = 0; i < world.n_tokens; i++)
        assert_true(world.tokens[i] != frame->token);
    world.tokens[world.n_tokens++] = frame->token;
    assert_int_equal(frame->payload_len, sizeof serial);
    memcpy(&serial, frame->payload, sizeof serial);
    for (unsigned i = 0; i < CALLS; i++) {
        struct asked *asked = &world.asked[i];

        if (asked->call && asked->serial == serial)
            asked->token = frame->token;
    }
}

static void hear(void)
{
    uint8_t buf[1 << 16];
    ssize_t n = read(world.feed.peer, buf, sizeof buf);
    struct frame frame;

    for (ssize_t at = 0; at < n;) {
        size_t len = load_be32(buf + at);

        if (frame_read(&frame, buf + at + FRAME_PREFIX, len, NULL) && frame.op == OP_REQUEST)
            hear_request(&frame);
        at += (ssize_t)len + FRAME_PREFIX;
    }
}

/* ---- the client's ---- */

static void ask(void);

static void cancel(struct asked *asked)
{
    broker_call_cancel(asked->call);
    asked->call = NULL;
}

static void on_part(broker_call *call, const broker_message *m, void *userdata)
{
    struct asked *asked = userdata;

    assert_ptr_equal(asked->call, call);
    assert_ptr_equal(broker_call_broker(call), world.feed.b);
    feed_look(m);
    asked->n_heard++;
    assert_true(asked->n_heard <= asked->n_parts);
    if (chance(10) == 0)
        cancel(asked);
    if (chance(10) == 0)
        cancel(&world.asked[chance(CALLS)]);
}

static void on_end(broker_call *call, const struct broker_result *result, void *userdata)
{
    struct asked *asked = userdata;

    assert_ptr_equal(asked->call, call);
    assert_non_null(result->text);
    asked->call = NULL;
    world.n_ended++;
    if (chance(3) == 0)
        ask();
    if (chance(10) == 0)
        cancel(&world.asked[chance(CALLS)]);
    broker_call_cancel(call); /* allowed here, and means nothing any more */
}

static void ask(void)
{
    struct asked *asked = &world.asked[chance(CALLS)];
    int r;

    if (asked->call || world.ending)
        return;
    *asked = (struct asked){ .serial = ++world.last_serial, .is_survey = chance(9) == 0 };
    mallocs_left = chance(3) ? UINT32_MAX : 0;
    r = broker_call_start(world.feed.b, &asked->call, "a.b", &asked->serial, sizeof asked->serial,
                          asked->is_survey ? BROKER_SURVEY : 0, chance(2) ? 100 : BROKER_DEFAULT,
                          on_part, on_end, asked);
    mallocs_left = UINT32_MAX;
    world.n_without_memory += r == -BROKER_E_NO_MEMORY;
    assert_true(r == 0 || (r == -BROKER_E_NO_MEMORY && !asked->call));
}

static void some_step(void)
{
    switch (chance(8)) {
    case 0:
        cancel(&world.asked[chance(CALLS)]);
        break;
    case 1:
        if (chance(10) == 0)
            broker_flush(world.feed.b, 0); /* reads, and holds it all in the inbox */
        break;
    case 2:
    case 3:
        assert_true(broker_process(world.feed.b) >= 0);
        break;
    case 4:
        answer();
        answer();
        break;
    default:
        ask();
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
    world.feed.peer = pair[0];
    feed_connect(world.feed.b, pair[1]);
    feed_drain(&world.feed);
    feed_hello(&world.feed);
    broker_process(world.feed.b);
    assert_true(broker_is_connected(world.feed.b));
}

static void each_ends_once_and_hears_its_own(void **state)
{
    unsigned n_open = 0;

    (void)state;
    open_world();
    for (int i = 0; i < STEPS; i++)
        some_step();
    assert_true(world.n_ended > 1000 && world.n_without_memory > 10);
    /* All that are open end with the connection. */
    world.ending = true;
    shutdown(world.feed.peer, SHUT_WR);
    while (broker_process(world.feed.b) >= 0)
        hear();
    for (unsigned i = 0; i < CALLS; i++)
        n_open += world.asked[i].call != NULL;
    assert_int_equal(n_open, 0);
    broker_free(world.feed.b);
    close(world.feed.peer);
}

static void end_the_handle(broker_call *call, const struct broker_result *result, void *userdata)
{
    (void)result;
    ++*(int *)userdata;
    broker_free(broker_call_broker(call));
}

/* With some over, some spare, and some open. */
static void the_handle_may_go_in_a_callback(void **state)
{
    int n = 0;

    (void)state;
    open_world();
    for (int i = 0; i < 2 * CALLS; i++)
        some_step();
    broker_call_start(world.feed.b, NULL, "a.b", &n, sizeof n, 0, 100, NULL, end_the_handle, &n);
    hear();
    say_reply(world.tokens[world.n_tokens - 1], false);
    for (int i = 0; i < 3 && n == 0; i++)
        broker_process(world.feed.b);
    assert_int_equal(n, 1);
    close(world.feed.peer);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        kit_test(each_ends_once_and_hears_its_own),
        kit_test(the_handle_may_go_in_a_callback),
    };

    return kit_run("client calls open", tests, KIT_LENGTH(tests));
}
