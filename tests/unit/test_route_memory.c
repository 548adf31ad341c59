/* Routing when memory gives out: whatever of it fails while peers subscribe, publish, serve and
 * ask, in a broker that is new or not, the broker goes on, serves who comes next, and has
 * everything back.
 *
 * Each play says something first, and then the broker has only so much memory left to handle it:
 * none, one allocation, two, and so on, until all of it goes well.
 */
#include "tests/unit/route_kit.h"
#include "tests/unit/scarce_pages.h"

enum { PLAYERS = 4, MANY = 1500, ENOUGH = 20000 };

static struct cli *players[PLAYERS];

struct play {
    const char *name;
    void (*prepare)(void); /* with all the memory there is */
    void (*say)(void);     /* what is handled without */
};

/* ---- what is said, without waiting for an answer ----------------------------------- */

static struct piece text(const char *s)
{
    return (struct piece){ s, strlen(s) };
}

static void say_sub(int player, uint32_t sid, const char *pattern, struct wish wish)
{
    struct envelope sub = { .op = OP_SUB };
    sub.sub.ref = sub.sub.sid = sid;
    sub.sub.pattern = text(pattern);
    if (wish.group)
        sub.sub.group = text(wish.group);
    sub.sub.policy = wish.policy;
    sub.sub.queue_bytes = wish.bytes;
    sub.sub.queue_messages = wish.messages;
    sub.sub.after = wish.after;
    sub.sub.flags = wish.credentials ? SUB_CREDENTIALS : 0;
    cli_say(players[player], &sub);
}

static void say_serve(int player, uint32_t sid, const char *pattern)
{
    struct envelope serve = { .op = OP_SERVE };
    serve.serve.ref = serve.serve.sid = sid;
    serve.serve.pattern = text(pattern);
    serve.serve.flags = sid % 2 ? 0 : SERVE_CREDENTIALS;
    serve.serve.max_open = MANY;
    cli_say(players[player], &serve);
}

static void subscribe(void)
{
    say_sub(0, 1, "a.b", (struct wish){ 0 });
    say_sub(0, 2, "a.*.c", (struct wish){ .after = 3, .credentials = true });
    say_sub(1, 1, "a.>", (struct wish){ .group = "g", .policy = POLICY_WAIT });
    say_sub(1, 2, "a.b", (struct wish){ .policy = POLICY_LATEST, .messages = 4 });
    say_sub(1, 3, "a.x.>", (struct wish){ .messages = 2 });
}

static void unsubscribe(void)
{
    cli_unsub(players[0], 2, OP_UNSUB);
    cli_unsub(players[1], 1, OP_UNSUB);
    cli_unsub(players[1], 3, OP_UNSUB);
}

static void serve(void)
{
    say_serve(0, 11, "s.a");
    say_serve(1, 11, "s.>");
    say_serve(1, 12, "s.*.x");
}

static void publish(void)
{
    static const char *const subjects[] = { "a.b", "a.x.c", "a.b", "z", "a.b" };
    for (unsigned i = 0; i < 20; i++)
        cli_publish(players[2], subjects[i % 5], i, i % 4 ? 16 : 6000);
}

static void ask(void)
{
    cli_ask(players[2], 1, "s.a", 0, 1000);
    cli_ask(players[2], 2, "s.b.x", 0, 1000);
    cli_ask(players[2], 3, "s.a", 1, 1000);
    cli_ask(players[3], 1, "s.a", 1, 1000);
    cli_ask(players[3], 2, "nobody", 0, 1000);
}

static void answer(void)
{
    for (int i = 0; i < 2; i++) {
        for (struct heard *h = hear(players[i]); h; h = hear(players[i])) {
            if (h->op != OP_REQUEST)
                continue;
            cli_answer(players[i], h->f.token, true, 0);
            cli_answer(players[i], h->f.token, false, 0);
        }
    }
}

/* More of everything than there is room for at first. */
static void publish_on_many_subjects(void)
{
    char subject[32];
    for (unsigned i = 0; i < MANY; i++) {
        snprintf(subject, sizeof subject, "m.%u", i);
        cli_publish(players[2], subject, i, 8);
    }
}

static void ask_many(void)
{
    for (unsigned i = 0; i < MANY / 8; i++)
        cli_ask(players[2], i, "s.a", i % 2, 1000);
}

static void cancel(void)
{
    for (uint64_t reference = 1; reference <= 3; reference++)
        cli_cancel(players[2], reference);
}

/* ---- what there is before ------------------------------------------------------------ */

static void nothing(void)
{
}

static void with_subscriptions(void)
{
    subscribe();
    turn();
}

/* More of one client's than a frame names; and of another's, who is told of the rest. */
static void with_too_many_subscriptions(void)
{
    for (uint32_t sid = 1; sid <= MAX_SIDS + 2; sid++) {
        say_sub(0, sid, "a.b", (struct wish){ 0 });
        say_sub(1, sid, sid % 2 ? "a.*" : "a.b", (struct wish){ .group = sid % 3 ? NULL : "g" });
    }
    turn();
}

/* They do not read, and their sockets are small. */
static void with_full_queues(void)
{
    with_subscriptions();
    say_sub(3, 1, "a.b", (struct wish){ .policy = POLICY_WAIT, .messages = 4 });
    say_sub(3, 2, "a.>", (struct wish){ .policy = POLICY_DROP_NEW, .messages = 4 });
    turn();
    for (int i = 0; i < 4; i++)
        publish();
}

/* The last value of each subject waits for one that does not read. */
static void with_a_full_queue_of_latest(void)
{
    say_sub(3, 1, "a.>", (struct wish){ .policy = POLICY_DROP_NEW, .messages = 4 });
    say_sub(3, 2, "m.>", (struct wish){ .policy = POLICY_LATEST });
    turn();
    for (int i = 0; i < 4; i++)
        publish();
    turn();
}

/* It has taken nothing for longer than anybody is held. */
static void with_one_that_stands_still(void)
{
    with_a_full_queue_of_latest();
    skip_ms(1500);
    say_sub(3, 3, "a.b", (struct wish){ .policy = POLICY_WAIT, .messages = 4 });
    turn();
}

static void with_services(void)
{
    serve();
    turn();
}

static void with_open_calls(void)
{
    with_services();
    ask();
    turn();
}

static void publish_and_subscribe(void)
{
    publish();
    subscribe();
    publish();
}

static void serve_and_ask(void)
{
    serve();
    ask();
}

static void leave(void)
{
    for (int i = 0; i < 2; i++)
        shutdown(players[i]->fd, SHUT_RDWR);
}

static const struct play plays[] = {
    { "subscribe", nothing, subscribe },
    { "unsubscribe", with_subscriptions, unsubscribe },
    { "publish to nobody", nothing, publish },
    { "publish", with_subscriptions, publish },
    { "publish to full queues", with_full_queues, publish },
    { "publish to too many of one", with_too_many_subscriptions, publish },
    { "publish to one that stands still", with_one_that_stands_still, publish },
    { "publish on many subjects", with_a_full_queue_of_latest, publish_on_many_subjects },
    { "publish and subscribe", nothing, publish_and_subscribe },
    { "serve", nothing, serve },
    { "serve and ask", nothing, serve_and_ask },
    { "ask", with_services, ask },
    { "ask many", with_services, ask_many },
    { "answer", with_open_calls, answer },
    { "cancel", with_open_calls, cancel },
    { "subscribers leave", with_full_queues, leave },
    { "servers leave", with_open_calls, leave },
};

/* ---- a play ---------------------------------------------------------------------------- */

static void gather(void)
{
    small_buffers = true;
    for (int i = 0; i < PLAYERS; i++)
        players[i] = cli_open();
}

static void part(void)
{
    for (int i = 0; i < PLAYERS; i++)
        players[i] = cli_close(players[i]);
    skip_ms(30000); /* whoever was held, and the farewells */
}

static void a_newcomer_is_served(void)
{
    struct cli *cli = cli_open();
    cli_sub(cli, 1, "n.>");
    cli_publish(cli, "n.n", 77, 8);
    assert_int_equal(number_of(expect(cli, OP_MESSAGE)), 77);
    cli_close(cli);
}

/* Whether any of it failed. */
static bool plays_with(const struct play *play, uint32_t n)
{
    start();
    gather();
    play->prepare();
    play->say();
    heap_left = n;
    turn();
    bool failed = heap_left == 0;
    heap_left = UINT32_MAX;
    a_newcomer_is_served();
    part();
    assert_int_equal(session.route.index.n_nodes, 0);
    assert_int_equal(session.route.calls.n_open, 0);
    stop();
    return failed;
}

static void each_allocation_fails_and_all_after(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(plays); i++) {
        uint32_t n = 0;
        while (plays_with(&plays[i], n))
            n += n < 128 ? 1 : n / 32; /* each of the first, and then some */
        assert_true(n < ENOUGH);
        print_message("%s: some %u allocations\n", plays[i].name, n);
    }
}

/* A broker that cannot even begin gives back what it had got. */
static void a_session_without_memory_does_not_begin(void **state)
{
    (void)state;
    int r = -ENOMEM;
    for (uint32_t n = 0; r == -ENOMEM && n < ENOUGH; n++) {
        assert_int_equal(loop_new(&loop, "auto"), 0);
        heap_left = n;
        r = session_init(&session, loop, &counters);
        heap_left = UINT32_MAX;
        session_deinit(&session);
        loop = loop_free(loop);
    }
    assert_int_equal(r, 0);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        kit_test(each_allocation_fails_and_all_after),
        kit_test(a_session_without_memory_does_not_begin),
    };
    return kit_run("route_memory", tests, KIT_LENGTH(tests));
}
