/* Requests, from both ends. */
#include "tests/unit/client_fake.h"

struct told {
    char log[4096];
    int n_done;
    broker_call *call;
    broker_request *request;
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

static void on_reply(broker_call *call, const broker_message *part, void *userdata)
{
    size_t len;
    const char *payload = broker_message_payload(part, &len);

    (void)call;
    note(userdata, "%.*s/%x/%u;", (int)len, payload, broker_message_flags(part),
         broker_message_status(part));
}

static void on_done(broker_call *call, const struct broker_result *result, void *userdata)
{
    struct told *told = userdata;

    (void)call;
    note(told, "done %d/%d/%llu/%s;", result->status, result->left_queue,
         (unsigned long long)result->asked, result->what ? result->what : "-");
    told->n_done++;
}

/* ---- a fake broker that answers ---- */

static bool hear_request(struct fake *fake, struct frame *ret)
{
    return fake_await(fake, OP_REQUEST, NULL) && frame_read(ret, fake->frame, fake->len, NULL);
}

static void say_reply(struct fake *fake, uint64_t token, uint32_t word, uint64_t status,
                      const char *text)
{
    struct frame frame = {
        .op = OP_REPLY,
        .id = 3,
        .word = word,
        .token = token,
        .status = status,
        .payload = (const uint8_t *)text,
        .payload_len = strlen(text),
    };

    fake_say_data(fake, &frame);
}

static void say_end(struct fake *fake, uint64_t token, uint64_t status, uint64_t asked)
{
    struct envelope e = { .op = OP_END };

    e.end.token = token;
    e.end.status = status;
    e.end.left_queue = status == BROKER_E_SERVER_GONE;
    e.end.asked = asked;
    if (status != 0)
        e.end.what = (struct piece){ "why", 3 };
    fake_say(fake, &e);
}

static void answers(struct fake *fake)
{
    struct frame f[4];

    fake_greet(fake);
    for (int i = 0; i < 4; i++) {
        if (!hear_request(fake, &f[i]))
            return;
        f[i].subject = NULL; /* the buffer is used again */
    }
    if (f[0].mode != REQUEST_ONE || f[3].mode != REQUEST_ALL || f[0].timeout_ms != 700 ||
        f[1].timeout_ms != 5000)
        fake_fail(fake, "not the REQUESTs that were asked for");
    say_end(fake, f[2].token, BROKER_E_SERVER_GONE, 0);
    say_reply(fake, f[0].token, WORD_MORE, 0, "part");
    say_reply(fake, f[3].token, 0, 0, "first");
    say_reply(fake, f[0].token, WORD_MSGPACK, 0, "last");
    say_reply(fake, f[0].token, 0, 0, "too late");
    say_reply(fake, f[1].token, 0, 77, "sorry");
    say_reply(fake, f[3].token, 0, 5, "second");
    say_end(fake, f[3].token, 0, 2);
    fake_await(fake, OP_GOODBYE, NULL);
    fake_drain(fake);
}

static void each_call_gets_its_own_answer(void **state)
{
    struct fake *fake = fake_start(answers, NULL);
    broker *b = fake_client(fake);
    struct told told[4] = { 0 };

    (void)state;
    for (int i = 0; i < 4; i++)
        assert_int_equal(broker_call_start(b, &told[i].call, "s", "q", 1,
                                              i == 3 ? BROKER_SURVEY : 0,
                                              i == 0 ? 700 : BROKER_DEFAULT, on_reply, on_done,
                                              &told[i]),
                         0);
    fake_process_until(b, told[3].n_done == 1);
    assert_string_equal(told[0].log, "part/2/0;last/1/0;done 0/0/0/-;");
    assert_string_equal(told[1].log, "sorry/0/77;done -56/0/0/-;");
    assert_string_equal(told[2].log, "done -49/1/0/why;");
    assert_string_equal(told[3].log, "first/0/0;second/0/5;done 0/0/2/-;");
    assert_int_equal(broker_call_start(b, NULL, "s.*", "q", 1, 0, 1, NULL, NULL, NULL),
                     -BROKER_E_BAD_SUBJECT);
    assert_int_equal(broker_close(b, 5000), 0);
    broker_free(b);
    fake_stop(fake);
}

static void hears_cancels(struct fake *fake)
{
    struct frame f;
    struct envelope e = { 0 };
    int op;

    fake_greet(fake);
    for (int i = 0; i < 2; i++) {
        if (!hear_request(fake, &f))
            return;
        if (i == 1)
            say_reply(fake, f.token, WORD_MORE, 0, "part");
        if (!fake_await(fake, OP_CANCEL, &e) || e.cancel.token != f.token)
            fake_fail(fake, "no CANCEL of that request");
        say_end(fake, f.token, BROKER_E_CANCELLED, 0);
    }
    while ((op = fake_hear(fake)) >= 0 && op != OP_GOODBYE)
        ;
    fake_drain(fake);
}

static void cancel_it(broker_call *call, const broker_message *part, void *userdata)
{
    on_reply(call, part, userdata);
    broker_call_cancel(call);
}

static void a_cancelled_call_is_silent(void **state)
{
    struct fake *fake = fake_start(hears_cancels, NULL);
    broker *b = fake_client(fake);
    struct told told = { 0 };

    (void)state;
    broker_call_start(b, &told.call, "s", "q", 1, 0, BROKER_DEFAULT, on_reply, on_done, &told);
    broker_call_cancel(told.call);
    broker_call_start(b, &told.call, "s", "q", 1, 0, BROKER_DEFAULT, cancel_it, on_done, &told);
    fake_process_until(b, told.log[0] != '\0');
    assert_int_equal(broker_close(b, 5000), 0);
    while (broker_process(b) >= 0)
        ;
    assert_string_equal(told.log, "part/2/0;");
    broker_free(b);
    fake_stop(fake);
}

static void answers_waiters(struct fake *fake)
{
    struct frame f;
    struct envelope e;

    fake_greet(fake);
    if (!hear_request(fake, &f))
        return;
    fake_select(fake, 1); /* something that stays in the inbox */
    say_reply(fake, f.token, WORD_MORE, 0, "joined ");
    say_reply(fake, f.token, WORD_MSGPACK, 0, "up");
    if (!hear_request(fake, &f))
        return;
    say_reply(fake, f.token, 0, 404, "no");
    if (!hear_request(fake, &f))
        return;
    say_end(fake, f.token, BROKER_E_NO_SERVER, 0);
    if (!hear_request(fake, &f) || !fake_await(fake, OP_CANCEL, &e))
        return;
    fake_await(fake, OP_GOODBYE, NULL);
    fake_drain(fake);
}

static void a_request_can_be_waited_for(void **state)
{
    struct fake *fake = fake_start(answers_waiters, NULL);
    broker *b = fake_client(fake);
    unsigned flags = 0;
    uint32_t error = 0;
    size_t len = 0;
    void *payload = NULL;

    (void)state;
    assert_int_equal(broker_call_wait(b, "s", "q", 1, 0, 5000, &payload, &len, &flags, &error),
                     0);
    assert_string_equal(payload, "joined up");
    assert_int_equal(len, 9);
    assert_int_equal(flags, BROKER_MSGPACK);
    free(payload);
    assert_int_equal(broker_call_wait(b, "s", "q", 1, 0, 5000, &payload, &len, NULL, &error),
                     -BROKER_E_FAILED);
    assert_string_equal(payload, "no");
    assert_int_equal(error, 404);
    free(payload);
    payload = NULL;
    assert_int_equal(broker_call_wait(b, "s", "q", 1, 0, 5000, &payload, NULL, NULL, NULL),
                     -BROKER_E_NO_SERVER);
    assert_null(payload);
    /* A broker that says nothing: a second more than the deadline, then CANCEL. */
    assert_int_equal(broker_call_wait(b, "s", "q", 1, 0, 10, &payload, NULL, NULL, NULL),
                     -BROKER_E_TIMEOUT);
    assert_int_equal(broker_close(b, 5000), 0);
    broker_free(b);
    fake_stop(fake);
}

/* ---- serving ---- */

static void say_request(struct fake *fake, uint64_t token, const char *payload)
{
    struct frame frame = {
        .op = OP_REQUEST,
        .id = 5,
        .token = token,
        .subject = "s",
        .subject_len = 1,
        .timeout_ms = 5000,
        .payload = (const uint8_t *)payload,
        .payload_len = strlen(payload),
    };

    fake_say_data(fake, &frame);
}

static void expect_reply(struct fake *fake, uint64_t token, uint32_t word, uint64_t status,
                         const char *payload)
{
    struct frame f;

    if (!fake_await(fake, OP_REPLY, NULL) || !frame_read(&f, fake->frame, fake->len, NULL) ||
        f.token != token || f.word != word || f.status != status ||
        f.payload_len != strlen(payload) || memcmp(f.payload, payload, f.payload_len) != 0)
        fake_fail(fake, payload);
}

static void asks(struct fake *fake)
{
    struct envelope cancel = { .op = OP_CANCEL };

    fake_greet(fake);
    fake_grant(fake, OP_SERVE);
    fake_select(fake, 1);
    say_request(fake, 100, "now");
    say_request(fake, 101, "later");
    say_request(fake, 102, "never");
    say_request(fake, 103, "error");
    say_request(fake, 104, "parts");
    expect_reply(fake, 100, 0, 0, "now");
    expect_reply(fake, 102, 0, 1, "");
    expect_reply(fake, 103, WORD_MSGPACK, 9, "\xc0");
    expect_reply(fake, 104, WORD_MORE, 0, "one");
    expect_reply(fake, 104, 0, 0, "two");
    expect_reply(fake, 101, 0, 0, "later, seen again");
    say_request(fake, 105, "later");
    cancel.cancel.token = 105;
    cancel.cancel.status = BROKER_E_TIMEOUT;
    fake_say(fake, &cancel);
    fake_await(fake, OP_UNSERVE, NULL);
    fake_await(fake, OP_GOODBYE, NULL);
    fake_drain(fake);
}

static void on_cancel(broker_request *request, int status, void *userdata)
{
    struct told *told = userdata;

    note(told, "cancelled %d;", status);
    assert_int_equal(broker_reply(request, "x", 1, 0), -BROKER_E_NO_CALL);
    told->n_done++;
}

static void serve_it(broker_service *service, broker_request *request, void *userdata)
{
    struct told *told = userdata;
    size_t len;
    const char *payload = broker_message_payload(broker_request_message(request), &len);

    (void)service;
    note(told, "%.*s;", (int)len, payload);
    if (payload[0] == 'n' && payload[1] == 'o') {
        assert_int_equal(broker_reply(request, NULL, 5, 0), -BROKER_E_INVALID);
        assert_int_equal(broker_reply(request, payload, len, 0), 0);
        assert_int_equal(broker_reply(request, payload, len, 0), -BROKER_E_INVALID);
    } else if (payload[0] == 'n') {
        assert_null(broker_request_drop(request));
    } else if (payload[0] == 'e') {
        assert_int_equal(broker_reply_error(request, 0, NULL, 0, 0), -BROKER_E_INVALID);
        assert_int_equal(broker_reply_error(request, 65536, NULL, 0, 0), -BROKER_E_INVALID);
        assert_int_equal(broker_reply_error(request, 9, "\xc0", 1, BROKER_MSGPACK), 0);
    } else if (payload[0] == 'p') {
        assert_int_equal(broker_reply(request, "one", 3, BROKER_MORE), 0);
        assert_int_equal(broker_reply(request, "two", 3, 0), 0);
    } else {
        broker_request_set_cancel_fn(request, on_cancel, told);
        told->request = request;
    }
}

static void requests_are_answered_now_or_later(void **state)
{
    struct fake *fake = fake_start(asks, NULL);
    broker *b = fake_client(fake);
    struct told told = { 0 };
    broker_service *service;
    char again[32];
    size_t len;
    const char *payload;

    (void)state;
    assert_int_equal(broker_serve(b, &service, "s", NULL, serve_it, &told), 0);
    assert_int_equal(broker_service_status(service), -BROKER_E_TIMEOUT);
    fake_process_until(b, strstr(told.log, "parts"));
    assert_int_equal(broker_service_status(service), 0);
    payload = broker_message_payload(broker_request_message(told.request), &len);
    snprintf(again, sizeof again, "%.*s, seen again", (int)len, payload);
    assert_int_equal(broker_reply(told.request, again, strlen(again), 0), 0);
    fake_process_until(b, told.n_done == 1);
    assert_string_equal(told.log, "now;later;never;error;parts;later;cancelled -52;");
    broker_service_free(service);
    assert_int_equal(broker_close(b, 5000), 0);
    broker_free(b);
    fake_stop(fake);
}

static void leaves_at_a_request(struct fake *fake)
{
    fake_greet(fake);
    fake_await(fake, OP_REQUEST, NULL);
    fake_hang_up(fake);
}

static void a_request_lost_with_its_connection_says_so(void **state)
{
    struct fake *fake = fake_start(leaves_at_a_request, NULL);
    broker *b = fake_client(fake);

    (void)state;
    assert_int_equal(broker_call_wait(b, "s", "x", 1, 0, 5000, NULL, NULL, NULL, NULL),
                     -BROKER_E_UNKNOWN_FATE);
    assert_string_equal(broker_error_text(b), "the broker went away before the answer came; the "
                                              "server may have seen the request");
    broker_free(b);
    fake_stop(fake);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        kit_test(each_call_gets_its_own_answer),
        kit_test(a_cancelled_call_is_silent),
        kit_test(a_request_can_be_waited_for),
        kit_test(requests_are_answered_now_or_later),
        kit_test(a_request_lost_with_its_connection_says_so),
    };

    return kit_run("client calls", tests, KIT_LENGTH(tests));
}
