/* Confirmations, and the refusals that come ahead of them. */
#include "tests/unit/client_fake.h"

struct told {
    char log[4096];
    int n_done;
};

static void note(struct told *told, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void note(struct told *told, const char *format, ...)
{
    size_t at = strlen(told->log);
    va_list args;

    va_start(args, format);
    vsnprintf(told->log + at, sizeof told->log - at, format, args);
    va_end(args);
}

static void confirms(struct fake *fake)
{
    struct envelope e = { .op = OP_REFUSED }, c = { 0 };

    fake_greet(fake);
    e.refused.first = 2;
    e.refused.last = 3;
    e.refused.status = BROKER_E_RESERVED;
    e.refused.what = (struct piece){ "$SYS.", 5 };
    for (int i = 0; i < 2; i++) {
        fake_await(fake, OP_CONFIRM, &c);
        if (i == 0)
            fake_say(fake, &e);
        c.op = OP_CONFIRMED;
        c.confirmed.ref = c.ref;
        c.confirmed.last = 3;
        c.confirmed.matched = 4;
        c.confirmed.refused = i == 0 ? 2 : 0;
        fake_say(fake, &c);
    }
    fake_await(fake, OP_GOODBYE, NULL);
    fake_drain(fake);
}

static void on_event(broker *b, const struct broker_event *event, void *userdata)
{
    (void)b;
    if (event->kind == BROKER_EVENT_REFUSED)
        note(userdata, "refused %d %llu-%llu %s;", event->status,
             (unsigned long long)event->first, (unsigned long long)event->last, event->what);
}

static void on_confirmed(broker *b, int status, const struct broker_confirmation *c,
                         void *userdata)
{
    struct told *told = userdata;

    (void)b;
    note(told, "confirmed %d %llu %llu %llu;", status, (unsigned long long)c->last,
         (unsigned long long)c->matched, (unsigned long long)c->refused);
    told->n_done++;
}

static void confirmations_count(void **state)
{
    struct fake *fake = fake_start(confirms, NULL);
    broker *b = fake_client(fake);
    struct broker_confirmation c;
    struct told told = { 0 };

    (void)state;
    broker_set_event_fn(b, on_event, &told);
    for (int i = 0; i < 3; i++)
        broker_publish(b, "a", "x", 1, 0);
    assert_int_equal(broker_confirm(b, &c, 5000), 0);
    assert_int_equal(c.last, 3);
    assert_int_equal(c.matched, 4);
    assert_int_equal(c.refused, 2);
    assert_int_equal(broker_confirm_async(b, on_confirmed, &told), 0);
    fake_process_until(b, told.n_done == 1);
    assert_string_equal(told.log, "refused -38 2-3 $SYS.;confirmed 0 3 4 0;");
    assert_int_equal(broker_close(b, 5000), 0);
    broker_free(b);
    fake_stop(fake);
}

/* ---- the library's own PINGs, so that after a loss few messages are of unknown fate ---- */

enum { N_SMALL = 3000 };

/* Frames up to one with this opcode; PINGs are answered, and counted. */
static bool await_and_count(struct fake *fake, int op, unsigned *n_pings)
{
    struct envelope e;
    int heard;

    while ((heard = fake_hear(fake)) >= 0 && heard != op) {
        if (heard != OP_PING || !envelope_read(&e, fake->frame, fake->len, NULL))
            continue;
        fake_ref(fake, OP_PONG, e.ref);
        ++*n_pings;
    }
    return heard == op;
}

/* broker_close sends one in any case. */
static void end_with_pings(struct fake *fake, unsigned n_pings)
{
    await_and_count(fake, OP_GOODBYE, &n_pings);
    if (n_pings < 2)
        fake_fail(fake, "thousands of messages, and no PING");
    fake_drain(fake);
}

static void hears_batches(struct fake *fake)
{
    fake_greet(fake);
    end_with_pings(fake, 0);
}

static void small_batches_are_pinged_for(void **state)
{
    struct fake *fake = fake_start(hears_batches, NULL);
    broker *b = fake_client(fake);

    (void)state;
    for (int i = 0; i < N_SMALL; i++) {
        broker_cork(b);
        assert_int_equal(broker_publish(b, "a", "x", 1, 0), i + 1);
        assert_int_equal(broker_uncork(b), 0);
    }
    assert_int_equal(broker_close(b, 5000), 0);
    broker_free(b);
    fake_stop(fake);
}

/* Each is answered before the next one comes. */
static void says_one_at_a_time(struct fake *fake)
{
    unsigned n_pings = 0;

    fake_greet(fake);
    fake_grant(fake, OP_SUB);
    fake_select(fake, 1);
    for (int i = 0; i < N_SMALL; i++) {
        fake_message(fake, "a", "x", 1);
        if (!await_and_count(fake, OP_MESSAGE, &n_pings))
            return fake_fail(fake, "a message did not come back");
    }
    end_with_pings(fake, n_pings);
}

static void say_it_back(broker_subscription *sub, const broker_message *m, void *userdata)
{
    size_t len;
    const void *payload = broker_message_payload(m, &len);

    ++*(int *)userdata;
    assert_true(broker_publish(broker_subscription_broker(sub), "b", payload, len, 0) > 0);
}

static void so_are_messages_of_callbacks(void **state)
{
    struct fake *fake = fake_start(says_one_at_a_time, NULL);
    broker *b = fake_client(fake);
    int n = 0;

    (void)state;
    assert_int_equal(broker_subscribe(b, NULL, "a", NULL, say_it_back, &n), 0);
    fake_process_until(b, n == N_SMALL);
    assert_int_equal(broker_close(b, 5000), 0);
    broker_free(b);
    fake_stop(fake);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        kit_test(confirmations_count),
        kit_test(small_batches_are_pinged_for),
        kit_test(so_are_messages_of_callbacks),
    };

    return kit_run("client confirm", tests, KIT_LENGTH(tests));
}
