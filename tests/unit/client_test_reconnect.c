/* Losing the broker, coming back, and what the application is told. */
#include <sys/wait.h>

#include "tests/unit/client_fake.h"

struct told {
    char log[4096];
    int n_connected, n_messages;
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

static void on_event(broker *b, const struct broker_event *event, void *userdata)
{
    struct told *told = userdata;

    (void)b;
    assert_non_null(event->text);
    note(told, "event %d/%d/%llu-%llu;", (int)event->kind, event->status,
         (unsigned long long)event->first, (unsigned long long)event->last);
    told->n_connected += event->kind == BROKER_EVENT_CONNECTED;
}

static void on_message(broker_subscription *sub, const broker_message *m, void *userdata)
{
    struct told *told = userdata;
    size_t len;
    const char *payload = broker_message_payload(m, &len);

    (void)sub;
    note(told, "%.*s;", (int)len, payload);
    told->n_messages++;
}

static void on_notice(broker_subscription *sub, const struct broker_notice *notice,
                      void *userdata)
{
    (void)sub;
    note(userdata, "notice %d%s;", (int)notice->kind,
         notice->count == UINT64_MAX ? " unknown" : "");
}

static void on_done(broker_call *call, const struct broker_result *result, void *userdata)
{
    (void)call;
    note(userdata, "done %d;", result->status);
}

static void on_confirmed(broker *b, int status, const struct broker_confirmation *c,
                         void *userdata)
{
    (void)b;
    (void)c;
    note(userdata, "confirmed %d;", status);
}

static void serve_nothing(broker_service *service, broker_request *request, void *userdata)
{
    (void)service;
    (void)userdata;
    broker_request_drop(request);
}

static void dies_once(struct fake *fake)
{
    fake_greet(fake);
    fake_grant(fake, OP_SUB);
    fake_grant(fake, OP_SERVE);
    fake_await(fake, OP_PING, NULL); /* of the flush: two messages are routed */
    fake_ref(fake, OP_PONG, 1);
    for (int i = 0; i < 3; i++)
        fake_await(fake, OP_MESSAGE, NULL);
    fake_await(fake, OP_CONFIRM, NULL);
    fake_await(fake, OP_REQUEST, NULL);
    fake_select(fake, 1);
    fake_message(fake, "a", "before", 6);
    fake_hang_up(fake);

    fake_greet(fake);
    fake_grant(fake, OP_SUB);
    fake_grant(fake, OP_SERVE);
    fake_select(fake, 1);
    fake_message(fake, "a", "after", 5);
    fake_await(fake, OP_MESSAGE, NULL);
    fake_await(fake, OP_GOODBYE, NULL);
    fake_drain(fake);
}

static void all_is_told_and_all_comes_back(void **state)
{
    struct fake *fake = fake_start(dies_once, NULL);
    broker *b = fake_client_with(fake, 1);
    struct told told = { 0 };
    broker_subscription *sub;
    broker_service *service;

    (void)state;
    broker_set_event_fn(b, on_event, &told);
    assert_int_equal(broker_subscribe(b, &sub, "a", NULL, on_message, &told), 0);
    broker_subscription_set_notice_fn(sub, on_notice, &told);
    assert_int_equal(broker_serve(b, &service, "s", NULL, serve_nothing, &told), 0);
    fake_process_until(b, broker_service_status(service) == 0); /* it connects by itself */
    broker_publish(b, "x", "1", 1, 0);
    broker_publish(b, "x", "2", 1, 0);
    assert_int_equal(broker_flush(b, 5000), 0);
    for (int i = 3; i <= 5; i++)
        assert_int_equal(broker_publish(b, "x", "3", 1, 0), i);
    assert_int_equal(broker_confirm_async(b, on_confirmed, &told), 0);
    assert_int_equal(broker_call_start(b, NULL, "s", "q", 1, 0, BROKER_DEFAULT, NULL, on_done,
                                          &told),
                     0);
    fake_process_until(b, told.n_messages == 2);
    assert_int_equal(broker_publish(b, "x", "6", 1, 0), 6);
    assert_int_equal(broker_close(b, 5000), 0);
    while (broker_process(b) >= 0)
        ;
    assert_string_equal(told.log, "event 1/0/0-0;notice 1;"
                                  "before;event 2/-17/0-0;event 5/-72/3-5;confirmed -72;done -72;"
                                  "event 1/0/0-0;notice 2 unknown;notice 1;after;"
                                  "event 2/-16/0-0;event 6/-16/0-0;");
    broker_free(b);
    fake_stop(fake);
}

static void takes_nothing(struct fake *fake)
{
    int *go = fake->data;

    fake_greet(fake);
    while (!__atomic_load_n(go, __ATOMIC_ACQUIRE))
        usleep(1000);
    fake_hang_up(fake);
}

static void range(broker *b, const struct broker_event *event, void *userdata)
{
    uint64_t *ranges = userdata;

    (void)b;
    if (event->kind == BROKER_EVENT_UNKNOWN) {
        ranges[0] = event->first;
        ranges[1] = event->last;
    } else if (event->kind == BROKER_EVENT_NOT_SENT) {
        ranges[2] = event->first;
        ranges[3] = event->last;
    }
}

/* The socket is full, the last messages lie corked: unknown and not sent meet,
 * and cover all. */
static void what_never_left_is_told_exactly(void **state)
{
    int go = 0;
    struct fake *fake = fake_start(takes_nothing, &go);
    broker *b = fake_client(fake);
    static char payload[10000];
    uint64_t ranges[4] = { 0 };
    int64_t last = 0, r;

    (void)state;
    broker_set_event_fn(b, range, ranges);
    broker_set_publish_timeout(b, 0);
    broker_cork(b);
    while ((r = broker_publish(b, "a", payload, sizeof payload, 0)) > 0)
        last = r;
    assert_int_equal(r, -BROKER_E_TIMEOUT);
    __atomic_store_n(&go, 1, __ATOMIC_RELEASE);
    while (broker_wait(b, 5000) >= 0)
        ;
    assert_int_equal(ranges[0], 1);
    assert_int_equal(ranges[3], last);
    assert_int_equal(ranges[1] + 1, ranges[2]);
    assert_true(ranges[2] < ranges[3]); /* some 64 KiB of them */
    assert_int_equal(broker_publish(b, "a", "x", 1, 0), -BROKER_E_CLOSED);
    broker_free(b);
    fake_stop(fake);
}

static void dies_and_welcomes(struct fake *fake)
{
    fake_greet(fake);
    fake_await(fake, OP_MESSAGE, NULL);
    fake_hang_up(fake);
    fake_greet(fake);
    fake_await(fake, OP_GOODBYE, NULL);
    fake_drain(fake);
    *(int *)fake->data = (int)fake->n_messages;
}

/* A program that only ever publishes: it is told at once, and comes back. */
static void a_mere_publisher_comes_back(void **state)
{
    int n = 0;
    struct fake *fake = fake_start(dies_and_welcomes, &n);
    broker *b = fake_client_with(fake, 1);
    int64_t end_ns = kit_now_ns() + INT64_C(5000000000);
    bool was_told = false;

    (void)state;
    assert_int_equal(broker_connect(b, 5000), 0);
    broker_publish(b, "a", "1", 1, 0);
    for (int64_t r = 0; kit_now_ns() < end_ns;) {
        r = broker_publish(b, "a", "2", 1, 0);
        was_told |= r == -BROKER_E_NOT_CONNECTED;
        if (was_told && r > 0)
            break;
        usleep(1000);
    }
    assert_true(was_told);
    assert_true(broker_is_connected(b));
    assert_int_equal(broker_close(b, 5000), 0);
    broker_free(b);
    fake_stop(fake);
    assert_int_equal(n, 1);
}

static void says_goodbye(struct fake *fake)
{
    fake_greet(fake);
    fake_await(fake, OP_MESSAGE, NULL);
    fake_goodbye(fake, BROKER_E_SHUTTING_DOWN, "off to bed");
    shutdown(fake->fd, SHUT_RD); /* the client's next send fails: EPIPE */
    *(int *)fake->data = 1;
    usleep(100 * 1000);
    fake_hang_up(fake);
}

/* A send that fails looks for the reason first. */
static void the_reason_is_read_after_a_broken_pipe(void **state)
{
    volatile int gone = 0;
    struct fake *fake = fake_start(says_goodbye, (void *)&gone);
    broker *b = fake_client(fake);

    (void)state;
    broker_publish(b, "a", "x", 1, 0);
    while (!gone)
        usleep(1000);
    assert_int_equal(broker_publish(b, "a", "x", 1, 0), -BROKER_E_NOT_CONNECTED);
    assert_string_equal(broker_error_text(b), "off to bed");
    broker_free(b);
    fake_stop(fake);
}

static void serves_one(struct fake *fake)
{
    fake_greet(fake);
    fake_await(fake, OP_MESSAGE, NULL);
    fake_await(fake, OP_GOODBYE, NULL);
    fake_drain(fake);
}

static void a_child_may_only_free(void **state)
{
    struct fake *fake = fake_start(serves_one, NULL);
    broker *b = fake_client(fake);
    int status;
    pid_t pid;

    (void)state;
    broker_cork(b);
    broker_publish(b, "a", "x", 1, 0); /* the hot path is warm */
    pid = fork();
    if (pid == 0) {
        broker_cork(b); /* opens no way around */
        bool ok = broker_publish(b, "a", "x", 1, 0) == -BROKER_E_FORKED &&
                  broker_flush(b, 10) == -BROKER_E_FORKED &&
                  broker_process(b) == -BROKER_E_FORKED &&
                  broker_close(b, 10) == -BROKER_E_FORKED && broker_is_connected(b) == 0 &&
                  broker_uncork(b) == -BROKER_E_FORKED && broker_free(b) == NULL;

        _exit(ok ? 0 : 1);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    assert_int_equal(broker_uncork(b), 0); /* the child cut nothing off */
    assert_int_equal(broker_close(b, 5000), 0);
    broker_free(b);
    fake_stop(fake);
}

static void forgets_and_comes_back(struct fake *fake)
{
    fake_greet(fake);
    fake_grant(fake, OP_SUB);
    fake_select(fake, 1);
    fake_message(fake, "a", "1", 1);
    fake_message(fake, "a", "2", 1);
    fake_hang_up(fake);
    fake_greet(fake);
    fake_grant(fake, OP_SUB);
    fake_message(fake, "a", "for nobody", 10);
    fake_select(fake, 1);
    fake_message(fake, "a", "3", 1);
    fake_await(fake, OP_GOODBYE, NULL);
    fake_drain(fake);
}

/* The same bytes mean nothing yet on another connection. */
static void a_new_connection_begins_with_nothing_selected(void **state)
{
    struct fake *fake = fake_start(forgets_and_comes_back, NULL);
    broker *b = fake_client_with(fake, 1);
    struct told told = { 0 };

    (void)state;
    assert_int_equal(broker_connect(b, 5000), 0);
    assert_int_equal(broker_subscribe(b, NULL, "one", NULL, on_message, &told), 0);
    fake_process_until(b, told.n_messages == 3);
    assert_string_equal(told.log, "1;2;3;");
    assert_int_equal(broker_close(b, 5000), 0);
    broker_free(b);
    fake_stop(fake);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        kit_test(all_is_told_and_all_comes_back),
        kit_test(what_never_left_is_told_exactly),
        kit_test(a_mere_publisher_comes_back),
        kit_test(the_reason_is_read_after_a_broken_pipe),
        kit_test(a_child_may_only_free),
        kit_test(a_new_connection_begins_with_nothing_selected),
    };

    return kit_run("client reconnect", tests, KIT_LENGTH(tests));
}
