/* Receiving: views, several subscriptions, gaps, ends, and releasing things at
 * the worst moment.
 */
#include "tests/unit/client_fake.h"

struct heard {
    broker *b;
    broker_subscription *sub[3];
    char log[4096];
    int n;
};

static void note(struct heard *heard, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static void note(struct heard *heard, const char *format, ...)
{
    size_t at = strlen(heard->log);
    va_list args;

    va_start(args, format);
    vsnprintf(heard->log + at, sizeof heard->log - at, format, args);
    va_end(args);
    heard->n++;
}

static void on_message(broker_subscription *sub, const broker_message *m, void *userdata)
{
    size_t len, subject_len, headers_len;
    const char *payload = broker_message_payload(m, &len);
    const char *subject = broker_message_subject(m, &subject_len);

    broker_message_headers(m, &headers_len);
    assert_int_equal(strlen(subject), subject_len);
    note(userdata, "%s<%s/%zu=%.*s;", broker_subscription_pattern(sub), subject, headers_len,
         (int)len, payload);
}

static void on_notice(broker_subscription *sub, const struct broker_notice *notice,
                      void *userdata)
{
    note(userdata, "%s!%d/%d/%llu/%s;", broker_subscription_pattern(sub), (int)notice->kind,
         notice->status, (unsigned long long)notice->count, notice->text);
}

static void subscribe(struct heard *heard, int i, const char *pattern)
{
    assert_int_equal(
        broker_subscribe(heard->b, &heard->sub[i], pattern, NULL, on_message, heard), 0);
    broker_subscription_set_notice_fn(heard->sub[i], on_notice, heard);
}

static void end(struct heard *heard, struct fake *fake)
{
    broker_free(heard->b);
    fake_stop(fake);
}

static void select_both(struct fake *fake)
{
    struct envelope e = { .op = OP_SELECT };

    e.select.n = 2;
    e.select.sids = (struct piece){ "\x01\x02", 2 };
    fake_say(fake, &e);
}

static void delivers(struct fake *fake)
{
    struct envelope gap = { .op = OP_GAP };
    struct frame frame = { .op = OP_MESSAGE, .id = 9, .subject = "s", .subject_len = 1 };

    fake_greet(fake);
    fake_grant(fake, OP_SUB);
    fake_grant(fake, OP_SUB);
    fake_select(fake, 1);
    fake_message(fake, "a", "1", 1);
    fake_message(fake, "a", "22", 2);
    fake_message(fake, "a", "", 0);
    fake_message(fake, "bb", "3", 1);
    gap.gap.sid = 2;
    gap.gap.count = 5;
    gap.gap.reason = GAP_STALLED;
    fake_say(fake, &gap);
    select_both(fake);
    fake_message(fake, "c", "4", 1);
    frame.headers = (const uint8_t *)"\x80";
    frame.headers_len = 1;
    frame.payload = (const uint8_t *)"5";
    frame.payload_len = 1;
    fake_say_data(fake, &frame);
    fake_say_data(fake, &frame);
    fake_send(fake, "\0\0\0\x02\x91\x60", 6); /* an opcode of tomorrow */
    fake_drain(fake);
}

static void messages_come_to_whom_they_are_for(void **state)
{
    struct fake *fake = fake_start(delivers, NULL);
    struct heard heard = { .b = fake_client(fake) };

    (void)state;
    subscribe(&heard, 0, "one");
    subscribe(&heard, 1, "two");
    assert_int_equal(broker_subscription_status(heard.sub[0]), -BROKER_E_TIMEOUT);
    while (broker_wait(heard.b, 5000) >= 0)
        ;
    assert_string_equal(heard.log, "one!1/0/0/in force;two!1/0/0/in force;"
                                   "one<a/0=1;one<a/0=22;one<a/0=;one<bb/0=3;"
                                   "two!2/0/5/stalled;one<c/0=4;two<c/0=4;"
                                   "one<s/1=5;two<s/1=5;one<s/1=5;two<s/1=5;");
    end(&heard, fake);
}

static void refuses_and_ends(struct fake *fake)
{
    struct envelope e = { 0 }, error = { .op = OP_ERROR }, ended = { .op = OP_ENDED };

    fake_greet(fake);
    fake_await(fake, OP_SUB, &e);
    error.error.op = OP_SUB;
    error.error.ref = e.sub.ref;
    error.error.status = BROKER_E_QUOTA;
    error.error.what = (struct piece){ "subs", 4 };
    fake_say(fake, &error);
    ended.ended.sid = fake_grant(fake, OP_SUB);
    ended.ended.status = BROKER_E_ENDED;
    fake_say(fake, &ended);
    fake_await(fake, OP_GOODBYE, NULL);
    fake_drain(fake);
}

static void refusals_and_ends_are_told(void **state)
{
    struct fake *fake = fake_start(refuses_and_ends, NULL);
    struct heard heard = { .b = fake_client(fake) };

    (void)state;
    subscribe(&heard, 0, "one");
    subscribe(&heard, 1, "two");
    fake_process_until(heard.b, heard.n == 3);
    assert_string_equal(heard.log, "one!3/-40/0/a limit of the broker is reached;"
                                   "two!1/0/0/in force;"
                                   "two!4/-74/0/the subscription ended as it was asked to;");
    assert_int_equal(broker_subscription_status(heard.sub[0]), -BROKER_E_QUOTA);
    assert_int_equal(broker_subscription_status(heard.sub[1]), -BROKER_E_ENDED);
    broker_subscription_free(heard.sub[0]);
    subscribe(&heard, 0, "three"); /* the first sid is free again */
    assert_int_equal(broker_close(heard.b, 5000), 0);
    end(&heard, fake);
}

static void answers_flush(struct fake *fake)
{
    fake_greet(fake);
    fake_grant(fake, OP_SUB);
    fake_select(fake, 1);
    fake_message(fake, "a", "kept", 4);
    fake_await(fake, OP_GOODBYE, NULL);
    fake_drain(fake);
}

static void blocking_calls_keep_messages(void **state)
{
    struct fake *fake = fake_start(answers_flush, NULL);
    struct heard heard = { .b = fake_client(fake) };

    (void)state;
    subscribe(&heard, 0, "one");
    assert_int_equal(broker_flush(heard.b, 5000), 0);
    assert_int_equal(broker_subscription_status(heard.sub[0]), 0);
    assert_int_equal(heard.n, 0);
    assert_int_equal(broker_deadline_ns(heard.b), 0);
    assert_int_equal(broker_process(heard.b), 2);
    assert_string_equal(heard.log, "one!1/0/0/in force;one<a/0=kept;");
    assert_int_equal(broker_close(heard.b, 5000), 0);
    end(&heard, fake);
}

static void floods(struct fake *fake)
{
    static char payload[1 << 16];

    fake_greet(fake);
    fake_grant(fake, OP_SUB);
    fake_select(fake, 1);
    for (int i = 0; i < 32; i++)
        fake_message(fake, "a", payload, sizeof payload);
    while (fake_hear(fake) >= 0)
        ;
}

static void count(broker_subscription *sub, const broker_message *m, void *userdata)
{
    (void)sub;
    (void)m;
    ++*(int *)userdata;
}

static void the_inbox_has_a_limit(void **state)
{
    struct fake *fake = fake_start(floods, NULL);
    broker_options *options;
    broker *b;
    int n = 0;

    (void)state;
    broker_options_new(&options);
    broker_options_set_url(options, fake->url);
    broker_options_set_buffers(options, 0, 1 << 20);
    assert_int_equal(broker_new(&b, options), 0);
    broker_options_free(options);
    assert_int_equal(broker_connect(b, 5000), 0);
    assert_int_equal(broker_subscribe(b, NULL, "a", NULL, count, &n), 0);
    assert_int_equal(broker_flush(b, 5000), -BROKER_E_INBOX_FULL);
    fake_process_until(b, n == 32);
    broker_free(b);
    fake_stop(fake);
}

static void floods_two(struct fake *fake)
{
    struct envelope e;

    fake_greet(fake);
    fake_grant(fake, OP_SUB);
    fake_grant(fake, OP_SUB);
    select_both(fake);
    for (int i = 0; i < 3; i++)
        fake_message(fake, "a", "x", 1);
    if (fake_await(fake, OP_UNSUB, &e)) {
        fake_message(fake, "a", "late", 4);
        fake_ref(fake, OP_OK, e.unsub.ref);
    }
    if (fake_await(fake, OP_SUB, &e)) {
        fake_ref(fake, OP_OK, e.sub.ref);
        if (e.sub.sid != 3)
            fake_fail(fake, "a sid was used again before the answer to UNSUB");
    }
    fake_await(fake, OP_GOODBYE, NULL);
    fake_drain(fake);
}

static void free_the_other(broker_subscription *sub, const broker_message *m, void *userdata)
{
    struct heard *heard = userdata;

    on_message(sub, m, userdata);
    heard->sub[0] = broker_subscription_free(heard->sub[0]);
    heard->sub[1] = broker_subscription_free(heard->sub[1]);
    if (!heard->sub[2])
        subscribe(heard, 2, "new");
}

/* The second one never hears of the message, and what comes late means nobody. */
static void released_in_a_callback(void **state)
{
    struct fake *fake = fake_start(floods_two, NULL);
    struct heard heard = { .b = fake_client(fake) };

    (void)state;
    for (int i = 0; i < 2; i++)
        broker_subscribe(heard.b, &heard.sub[i], i ? "two" : "one", NULL, free_the_other, &heard);
    fake_process_until(heard.b, heard.n == 2);
    assert_string_equal(heard.log, "one<a/0=x;new!1/0/0/in force;");
    assert_int_equal(broker_close(heard.b, 5000), 0);
    end(&heard, fake);
}

static void free_the_handle(broker_subscription *sub, const broker_message *m, void *userdata)
{
    struct heard *heard = userdata;
    broker *b = broker_subscription_broker(sub);

    on_message(sub, m, userdata);
    heard->b = broker_free(b);
    assert_int_equal(broker_publish(b, "a", "x", 1, 0), -BROKER_E_CLOSED);
    assert_string_equal(broker_message_subject(m, NULL), "a");
}

static void two_messages(struct fake *fake)
{
    fake_greet(fake);
    fake_grant(fake, OP_SUB);
    fake_select(fake, 1);
    fake_message(fake, "a", "x", 1);
    fake_message(fake, "a", "y", 1);
    while (fake_hear(fake) >= 0)
        ;
}

static void the_handle_freed_in_its_callback(void **state)
{
    struct fake *fake = fake_start(two_messages, NULL);
    struct heard heard = { .b = fake_client(fake) };

    (void)state;
    broker_subscribe(heard.b, NULL, "one", NULL, free_the_handle, &heard);
    assert_int_equal(broker_run(heard.b), -BROKER_E_CLOSED);
    assert_string_equal(heard.log, "one<a/0=x;");
    fake_stop(fake);
}

static void flush_and_stop(broker_subscription *sub, const broker_message *m, void *userdata)
{
    struct heard *heard = userdata;
    const void *payload = broker_message_payload(m, NULL);

    assert_int_equal(broker_flush(heard->b, 5000), 0);
    assert_int_equal(broker_process(heard->b), -BROKER_E_INVALID);
    assert_memory_equal(payload, "k", 1); /* reading meanwhile moved nothing */
    on_message(sub, m, userdata);
    broker_stop(heard->b);
}

static void a_blocking_call_in_a_callback(void **state)
{
    struct fake *fake = fake_start(answers_flush, NULL);
    struct heard heard = { .b = fake_client(fake) };

    (void)state;
    broker_subscribe(heard.b, NULL, "one", NULL, flush_and_stop, &heard);
    assert_int_equal(broker_run(heard.b), 0);
    assert_string_equal(heard.log, "one<a/0=kept;");
    assert_int_equal(broker_close(heard.b, 5000), 0);
    end(&heard, fake);
}

static void introduces(struct fake *fake)
{
    struct envelope e = { .op = OP_PEER }, sub = { 0 };

    fake_greet(fake);
    if (!fake_await(fake, OP_SUB, &sub) || sub.sub.flags != SUB_CREDENTIALS ||
        sub.sub.policy != BROKER_LATEST || sub.sub.group.len != 4 || sub.sub.after != 3)
        fake_fail(fake, "not the SUB that was asked for");
    fake_ref(fake, OP_OK, sub.sub.ref);
    e.peer.id = 42;
    e.peer.uid = 1000;
    e.peer.gid = 100;
    e.peer.pid = (struct piece){ "\x7b", 1 };
    e.peer.groups = (struct piece){ "\x92\x64\x65", 3 };
    e.peer.label = (struct piece){ "label", 5 };
    fake_say(fake, &e);
    fake_select(fake, 1);
    fake_message(fake, "a", "x", 1);
    fake_await(fake, OP_GOODBYE, NULL);
    fake_drain(fake);
}

static void on_credentials(broker_subscription *sub, const broker_message *m, void *userdata)
{
    struct broker_credentials who;

    on_message(sub, m, userdata);
    assert_int_equal(broker_message_credentials(m, &who), 0);
    assert_int_equal(who.id, 42);
    assert_int_equal(who.uid, 1000);
    assert_int_equal(who.pid, 123);
    assert_int_equal(who.n_groups, 2);
    assert_int_equal(who.groups[1], 101);
    assert_string_equal(who.label, "label");
}

static void credentials_come_along(void **state)
{
    struct fake *fake = fake_start(introduces, NULL);
    struct heard heard = { .b = fake_client(fake) };
    broker_sub_options *options;

    (void)state;
    assert_int_equal(broker_sub_options_new(&options), 0);
    assert_int_equal(broker_sub_options_set_queue(options, "a.b"), -BROKER_E_INVALID);
    assert_int_equal(broker_sub_options_set_queue(options, "team"), 0);
    assert_int_equal(broker_sub_options_set_policy(options, BROKER_LATEST), 0);
    assert_int_equal(broker_sub_options_set_after(options, 3), 0);
    assert_int_equal(broker_sub_options_set_credentials(options, 1), 0);
    assert_int_equal(broker_subscribe(heard.b, NULL, "a", options, on_credentials, &heard), 0);
    assert_int_equal(broker_subscribe(heard.b, NULL, "a..", NULL, on_message, NULL),
                     -BROKER_E_BAD_PATTERN);
    broker_sub_options_free(options);
    fake_process_until(heard.b, heard.n == 1);
    assert_int_equal(broker_close(heard.b, 5000), 0);
    end(&heard, fake);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        kit_test(messages_come_to_whom_they_are_for),
        kit_test(refusals_and_ends_are_told),
        kit_test(blocking_calls_keep_messages),
        kit_test(the_inbox_has_a_limit),
        kit_test(released_in_a_callback),
        kit_test(the_handle_freed_in_its_callback),
        kit_test(a_blocking_call_in_a_callback),
        kit_test(credentials_come_along),
    };

    return kit_run("client subscribe", tests, KIT_LENGTH(tests));
}
