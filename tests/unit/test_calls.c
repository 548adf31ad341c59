/* Open requests: tokens, slots, references, and how each call ends once. */
#include "broker/route/calls.h"

#include "tests/unit/route_kit.h"

static struct call *new_call(struct cli *cli, uint64_t reference)
{
    struct call *call = call_new(&session.route, cli->client, reference, 5000, 1);
    assert_non_null(call);
    return call;
}

static void tokens_never_repeat(void **state)
{
    (void)state;
    start();
    struct cli *a = cli_open();
    uint64_t last = 0;
    struct call_table *table = &session.route.calls;
    for (uint64_t i = 0; i < 3000; i++) {
        struct call *call = new_call(a, 1);
        assert_true(call->token >> 20 > last >> 20);
        assert_ptr_equal(call_find(table, call->token), call);
        assert_null(call_find(table, last));
        last = call->token;
        call_free(&session.route, call);
        assert_null(call_find(table, last));
    }
    assert_int_equal(table->n_slots, 64); /* used again and again */
    assert_null(call_find(table, 0));
    assert_null(call_find(table, UINT64_MAX));
    cli_close(a);
    stop();
}

enum { N_CHOSEN = 4096, CHAIN_MAX = 24 };

static unsigned longest_chain(const struct call_table *table)
{
    unsigned longest = 0;
    for (uint32_t i = 0; i < table->n_refs; i++) {
        unsigned n = 0;
        for (const struct call *call = table->refs[i]; call; call = call->next_ref)
            n++;
        longest = n > longest ? n : longest;
    }
    return longest;
}

/* Multiples of 2^32, of the inverse of a factor that was once used without a seed, and so on. */
static void chosen_references_do_not_meet(void **state)
{
    static const uint64_t steps[] = { 1,
                                      UINT64_C(1) << 16,
                                      UINT64_C(1) << 32,
                                      UINT64_C(1) << 51,
                                      UINT64_C(0xcfee444d8b59a89b),
                                      UINT64_C(0x9e3779b97f4a7c15) };
    (void)state;
    start();
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        struct cli *a = cli_open();
        uint64_t own = a->client->conn.card->id * UINT64_C(0x9e3779b97f4a7c15);
        for (uint64_t j = 1; j <= N_CHOSEN; j++)
            new_call(a, (j * steps[i]) ^ (i % 2 ? 0 : own));
        assert_in_range(longest_chain(&session.route.calls), 1, CHAIN_MAX);
        cli_close(a);
    }
    stop();
}

static void references_belong_to_their_requester(void **state)
{
    (void)state;
    start();
    struct cli *a = cli_open();
    struct cli *b = cli_open();
    struct call_table *table = &session.route.calls;
    static struct call *calls[2][1000];
    for (uint64_t i = 0; i < 1000; i++) {
        calls[0][i] = new_call(a, i * i);
        calls[1][i] = new_call(b, i * i);
    }
    assert_int_equal(a->client->n_calls, 1000);
    for (uint64_t i = 0; i < 1000; i += 2)
        call_free(&session.route, calls[0][i]);
    for (uint64_t i = 0; i < 1000; i++) {
        assert_ptr_equal(call_find_reference(table, a->client, i * i), i % 2 ? calls[0][i] : NULL);
        assert_ptr_equal(call_find_reference(table, b->client, i * i), calls[1][i]);
    }
    assert_int_equal(table->n_open, 1500);
    cli_close(a); /* its calls go with it */
    assert_int_equal(table->n_open, 1000);
    cli_close(b);
    assert_int_equal(table->n_open, 0);
    assert_int_equal(table->n_free, table->n_slots);
    stop();
}

static void there_is_a_limit(void **state)
{
    (void)state;
    start();
    struct cli *a = cli_open();
    struct call_table *table = &session.route.calls;
    table->n_slots = MAX_OPEN_CALLS; /* as if all were taken */
    uint32_t n_free = table->n_free;
    table->n_free = 0;
    assert_null(call_new(&session.route, a->client, 1, 5000, 1));
    table->n_slots = 0;
    table->n_free = n_free;
    cli_close(a);
    stop();
}

static void the_server_may_go_at_any_time(void **state)
{
    (void)state;
    start();
    struct cli *server = cli_open();
    struct cli *a = cli_open();
    cli_serve(server, 1, "x", 0);
    cli_ask(a, 1, "x", REQUEST_ONE, 5000);
    expect(server, OP_REQUEST);
    cli_ask(a, 2, "x", REQUEST_ALL, 5000);
    expect(server, OP_REQUEST);
    cli_close(server);
    for (int i = 0; i < 2; i++) { /* in no order */
        struct heard *end = expect(a, OP_END);
        bool survey = end->e.end.token == 2;
        assert_int_equal(end->e.end.status, survey ? STATUS_OK : STATUS_SERVER_GONE);
        assert_int_equal(end->e.end.left_queue, 1);
        assert_int_equal(end->e.end.gone, 1);
        assert_int_equal(end->e.end.asked, 1);
    }
    cli_close(a);
    stop();
}

/* In the queue of a server that hung up without reading: it never saw it. */
static void what_never_left_the_queue_is_said_so(void **state)
{
    (void)state;
    start();
    small_buffers = true;
    struct cli *server = cli_open();
    struct cli *a = cli_open();
    cli_serve(server, 1, "x", 0);
    cli_sub(server, 2, "fill");
    cli_publish(a, "fill", 1, 60000);
    turn();
    cli_ask(a, 1, "x", REQUEST_ONE, 5000);
    turn();
    cli_close(server);
    struct heard *end = expect(a, OP_END);
    assert_int_equal(end->e.end.status, STATUS_SERVER_GONE);
    assert_int_equal(end->e.end.left_queue, 0);
    cli_close(a);
    stop();
}

static void deadlines_end_calls(void **state)
{
    (void)state;
    start();
    struct cli *server = cli_open();
    struct cli *a = cli_open();
    cli_serve(server, 1, "x", 0);
    cli_ask(a, 1, "x", REQUEST_ONE, 100);
    uint64_t token = expect(server, OP_REQUEST)->f.token;
    cli_ask(a, 2, "x", REQUEST_ONE, UINT64_MAX / 2); /* as long as may be */
    expect(server, OP_REQUEST);
    skip_ms(101);
    struct heard *end = expect(a, OP_END);
    assert_int_equal(end->e.end.status, STATUS_TIMEOUT);
    assert_int_equal(end->e.end.timed_out, 1);
    struct heard *cancel = expect(server, OP_CANCEL);
    assert_int_equal(cancel->e.cancel.token, token);
    assert_int_equal(cancel->e.cancel.status, STATUS_TIMEOUT);
    cli_answer(server, token, false, 0);
    assert_int_equal(expect(server, OP_ERROR)->e.error.status, STATUS_NO_CALL);
    skip_ms(MAX_TIMEOUT_MS - 1000);
    expect_silence(a);
    skip_ms(2000);
    assert_int_equal(expect(a, OP_END)->e.end.token, 2);
    cli_close(server);
    cli_close(a);
    stop();
}

/* The timer of a call that ended serves the next one in its place: neither early nor late. */
static void a_deadline_outlives_the_one_before(void **state)
{
    (void)state;
    start();
    struct cli *server = cli_open();
    struct cli *a = cli_open();
    cli_serve(server, 1, "x", 0);
    for (uint64_t ms = 60000; ms >= 20; ms /= 10) { /* each sooner than the one before */
        cli_ask(a, ms, "x", REQUEST_ONE, ms);
        cli_answer(server, expect(server, OP_REQUEST)->f.token, false, 0);
        expect(a, OP_REPLY);
    }
    assert_int_equal(session.route.calls.n_spare, 1);
    for (uint64_t ms = 200; ms <= 20000; ms *= 10) { /* each later */
        cli_ask(a, ms, "x", REQUEST_ONE, ms);
        expect(server, OP_REQUEST);
        skip_ms(ms - 100);
        expect_silence(a);
        skip_ms(101);
        struct heard *end = expect(a, OP_END);
        assert_int_equal(end->e.end.token, ms);
        assert_int_equal(end->e.end.status, STATUS_TIMEOUT);
        expect(server, OP_CANCEL);
    }
    cli_close(server);
    cli_close(a);
    stop();
}

/* What waits for its next use has no deadline; of many that ended some are kept. */
static void spare_ones_come_to_rest(void **state)
{
    (void)state;
    start();
    struct cli *a = cli_open();
    struct call_table *table = &session.route.calls;
    static struct call *calls[300];
    for (uint64_t i = 0; i < 300; i++)
        calls[i] = new_call(a, i);
    for (uint64_t i = 0; i < 300; i++)
        call_free(&session.route, calls[i]);
    assert_int_equal(table->n_open, 0);
    assert_int_equal(table->n_spare, 256);
    skip_ms(5001);
    for (const struct call *call = table->spare; call; call = call->next)
        assert_int_equal(call->timer.place, 0);
    expect_silence(a);
    cli_close(a);
    stop();
}

/* Telling somebody the end may be that client's end: it provokes and does not read. Then all
 * its calls end, this one among them, which must happen once. */
static void telling_the_end_may_end_the_requester(void **state)
{
    (void)state;
    for (int mode = REQUEST_ONE; mode <= REQUEST_ALL; mode++) {
        start();
        struct cli *server = cli_open();
        struct cli *a = cli_open();
        cli_serve(server, 1, "x", 0);
        for (uint64_t i = 0; i < 3; i++)
            cli_ask(a, i, "x", mode, 5000);
        for (int i = 0; i < 3; i++)
            expect(server, OP_REQUEST);
        stuff(a, CONN_QUEUE_BYTES + CONTROL_RESERVE + 1);
        cli_close(server);
        assert_int_equal(a->client->conn.state, CONN_ENDING);
        assert_int_equal(session.route.calls.n_open, 0);
        cli_close(a);
        stop();
    }
}

static void a_deadline_may_end_both(void **state)
{
    (void)state;
    start();
    struct cli *a = cli_open(); /* asks itself */
    cli_serve(a, 1, "x", 0);
    for (uint64_t i = 0; i < 3; i++)
        cli_ask(a, i, "x", REQUEST_ALL, 100);
    turn();
    stuff(a, CONN_QUEUE_BYTES + CONTROL_RESERVE + 1);
    skip_ms(101);
    assert_int_equal(a->client->conn.state, CONN_ENDING);
    assert_int_equal(session.route.calls.n_open, 0);
    cli_close(a);
    stop();
}

static void an_answer_may_end_the_requester(void **state)
{
    (void)state;
    start();
    struct cli *server = cli_open();
    struct cli *a = cli_open();
    cli_serve(server, 1, "x", 0);
    cli_ask(a, 1, "x", REQUEST_ALL, 5000);
    cli_ask(a, 2, "x", REQUEST_ALL, 5000);
    uint64_t token = expect(server, OP_REQUEST)->f.token;
    expect(server, OP_REQUEST);
    stuff(a, CONN_QUEUE_BYTES + CONTROL_RESERVE + 1);
    cli_answer(server, token, false, 0); /* fits no more: OVERFLOW; and END is too much */
    turn();
    assert_int_equal(session.route.calls.n_open, 0);
    assert_int_equal(a->client->conn.state, CONN_ENDING);
    cli_close(server);
    cli_close(a);
    stop();
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        kit_test(tokens_never_repeat),
        kit_test(chosen_references_do_not_meet),
        kit_test(references_belong_to_their_requester),
        kit_test(there_is_a_limit),
        kit_test(the_server_may_go_at_any_time),
        kit_test(what_never_left_the_queue_is_said_so),
        kit_test(deadlines_end_calls),
        kit_test(a_deadline_outlives_the_one_before),
        kit_test(spare_ones_come_to_rest),
        kit_test(telling_the_end_may_end_the_requester),
        kit_test(a_deadline_may_end_both),
        kit_test(an_answer_may_end_the_requester),
    };
    return kit_run("calls", tests, KIT_LENGTH(tests));
}
