/* Publishing: what goes out, in which order, and what it is told. */
#include "client/lib/post.h"
#include "tests/unit/client_fake.h"

/* Notes what the client publishes: "subject=payload;" a message. */
static void notes_messages(struct fake *fake)
{
    char *notes = fake->data;
    int op;

    fake_greet(fake);
    while ((op = fake_hear(fake)) >= 0 && op != OP_GOODBYE) {
        struct envelope e;
        struct frame f;

        if (op == OP_PING && envelope_read(&e, fake->frame, fake->len, NULL))
            fake_ref(fake, OP_PONG, e.ref);
        if (op != OP_MESSAGE)
            continue;
        if (!frame_read(&f, fake->frame, fake->len, NULL) || !f.fixed || f.id != 0)
            fake_fail(fake, "not the MESSAGE of the specification");
        sprintf(notes + strlen(notes), "%.*s/%x/%zu=%.*s;", (int)f.subject_len, f.subject,
                f.word >> 24, f.headers_len, f.payload_len < 20 ? (int)f.payload_len : 20,
                (const char *)f.payload);
    }
    fake_drain(fake);
}

static void messages_are_numbered_and_framed(void **state)
{
    char notes[4096] = "";
    struct fake *fake = fake_start(notes_messages, notes);
    broker *b = fake_client(fake);
    char subject[8] = "b";

    (void)state;
    assert_int_equal(broker_publish(b, "a", "one", 3, 0), 1);
    assert_int_equal(broker_publish(b, "a", NULL, 0, BROKER_MSGPACK), 2);
    assert_int_equal(broker_publish_headers(b, "a", "\x80", 1, "two", 3, 0), 3);
    broker_cork(b);
    assert_int_equal(broker_publish(b, subject, "three", 5, 0), 4);
    assert_int_equal(broker_publish(b, subject, "four", 4, BROKER_MSGPACK), 5);
    subject[0] = 'c'; /* the same memory, another subject */
    assert_int_equal(broker_publish(b, subject, "five", 4, 0), 6);
    assert_int_equal(broker_publish_headers(b, "c", "\x80", 1, "six", 3, 0), 7);
    assert_int_equal(broker_publish(b, "c", "seven", 5, 0), 8);
    assert_int_equal(broker_uncork(b), 0);
    broker_cork(b); /* more subjects than are kept, and one with a long envelope */
    for (int i = 0; i < 12; i++) {
        static const char *const subjects[] = { "d", "e", "f", "g", "h",
                                                "a.long.subject.of.more.than.forty.bytes.it.is" };

        assert_int_equal(broker_publish(b, subjects[i / 2 % 6], "8", 1, 0), 9 + i);
    }
    assert_int_equal(broker_publish(b, "h", NULL, 0, 0), 21);
    assert_int_equal(broker_publish(b, "", "x", 1, 0), -BROKER_E_BAD_SUBJECT);
    assert_int_equal(broker_publish(b, NULL, "x", 1, 0), -BROKER_E_BAD_SUBJECT);
    assert_int_equal(broker_uncork(b), 0);
    assert_int_equal(broker_uncork(b), -BROKER_E_INVALID);
    assert_int_equal(broker_flush(b, 5000), 0);
    assert_int_equal(broker_close(b, 5000), 0);
    broker_free(b);
    fake_stop(fake);
    assert_string_equal(notes, "a/0/0=one;a/80/0=;a/0/1=two;b/0/0=three;b/80/0=four;c/0/0=five;"
                               "c/0/1=six;c/0/0=seven;d/0/0=8;d/0/0=8;e/0/0=8;e/0/0=8;f/0/0=8;"
                               "f/0/0=8;g/0/0=8;g/0/0=8;h/0/0=8;h/0/0=8;"
                               "a.long.subject.of.more.than.forty.bytes.it.is/0/0=8;"
                               "a.long.subject.of.more.than.forty.bytes.it.is/0/0=8;h/0/0=;");
}

static void what_cannot_be_sent_is_refused(void **state)
{
    char notes[64] = "";
    struct fake *fake = fake_start(notes_messages, notes);
    broker *b = fake_client(fake);
    char *large = calloc(1, MAX_PAYLOAD + 1), subject[300];

    (void)state;
    memset(subject, 'x', sizeof subject);
    subject[256] = '\0';
    assert_int_equal(broker_publish(b, "a..b", "x", 1, 0), -BROKER_E_BAD_SUBJECT);
    assert_string_equal(broker_error_text(b), "the subject, at byte 2: an empty token");
    assert_int_equal(broker_publish(b, "a.*", "x", 1, 0), -BROKER_E_BAD_SUBJECT);
    assert_int_equal(broker_publish(b, "", "x", 1, 0), -BROKER_E_BAD_SUBJECT);
    assert_int_equal(broker_publish(b, NULL, "x", 1, 0), -BROKER_E_BAD_SUBJECT);
    assert_int_equal(broker_publish(b, subject, "x", 1, 0), -BROKER_E_BAD_SUBJECT);
    assert_int_equal(broker_publish(b, "a", large, MAX_PAYLOAD + 1, 0), -BROKER_E_TOO_LARGE);
    assert_int_equal(broker_publish_headers(b, "a", large, 65536, "x", 1, 0),
                     -BROKER_E_TOO_LARGE);
    assert_int_equal(broker_publish(b, "a.b", NULL, 5, 0), -BROKER_E_INVALID);
    assert_int_equal(broker_publish(b, "a.b", NULL, 50000, 0), -BROKER_E_INVALID);
    assert_int_equal(broker_publish_headers(b, "a.b", NULL, 1, "x", 1, 0), -BROKER_E_INVALID);
    assert_int_equal(broker_publish_headers(b, "a.b", "\x80", 1, NULL, 1, 0), -BROKER_E_INVALID);
    assert_int_equal(broker_call_start(b, NULL, "a.b", NULL, 5, 0, 100, NULL, NULL, NULL),
                     -BROKER_E_INVALID);
    assert_int_equal(broker_call_wait(b, "a.b", NULL, 5, 0, 100, NULL, NULL, NULL, NULL),
                     -BROKER_E_INVALID);
    broker_cork(b); /* the fast path */
    assert_int_equal(broker_publish(b, "a.b", "x", 0, 0), 1);
    assert_int_equal(broker_publish(b, "a.b", NULL, 5, 0), -BROKER_E_INVALID);
    assert_int_equal(broker_uncork(b), 0);
    assert_int_equal(broker_publish_headers(b, "a", "x", 1, "x", 1, 0), -BROKER_E_INVALID);
    assert_int_equal(broker_publish(b, "a", "x", 1, BROKER_MORE), -BROKER_E_INVALID);
    broker_close(b, 5000);
    broker_free(b);
    free(large);
    fake_stop(fake);
    assert_string_equal(notes, "a.b/0/0=;");
}

enum { SIZES = 5 };
static const size_t sizes[SIZES] = { POST_BIG - 1, POST_BIG, POST_BIG + 1, 200000, 1000000 };

static void checks_sizes(struct fake *fake)
{
    fake_greet(fake);
    for (int i = 0; i < 2 * SIZES; i++) {
        struct frame f;

        if (!fake_await(fake, OP_MESSAGE, NULL) ||
            !frame_read(&f, fake->frame, fake->len, NULL))
            return;
        if (f.payload_len != sizes[i / 2] || f.payload[0] != i || f.headers_len != 2 ||
            f.payload[f.payload_len - 1] != i)
            fake_fail(fake, "a payload is not what was sent");
        usleep(2000); /* the client shall find the socket full */
    }
    fake_await(fake, OP_GOODBYE, NULL);
    fake_drain(fake);
}

static void large_payloads_arrive_whole(void **state)
{
    struct fake *fake = fake_start(checks_sizes, NULL);
    broker *b = fake_client(fake);

    (void)state;
    broker_cork(b);
    for (int i = 0; i < 2 * SIZES; i++) {
        char *payload = malloc(sizes[i / 2]);

        memset(payload, i, sizes[i / 2]);
        assert_int_equal(broker_publish_headers(b, "a", "\x81\x00", 2, payload, sizes[i / 2], 0),
                         i + 1);
        free(payload);
    }
    assert_int_equal(broker_uncork(b), 0);
    assert_int_equal(broker_close(b, 5000), 0);
    broker_free(b);
    fake_stop(fake);
}

static void sleeps_then_counts(struct fake *fake)
{
    int *ready = fake->data;

    fake_greet(fake);
    while (!__atomic_load_n(ready, __ATOMIC_ACQUIRE))
        usleep(1000);
    fake_await(fake, OP_GOODBYE, NULL);
    fake_drain(fake);
    __atomic_store_n(ready, (int)fake->n_messages + 1, __ATOMIC_RELEASE);
}

/* What timed out was not sent, what was numbered was, to the last one. */
static void a_full_socket_times_out_exactly(void **state)
{
    int ready = 0;
    struct fake *fake = fake_start(sleeps_then_counts, &ready);
    broker *b = fake_client(fake);
    static char payload[30000];
    int64_t number = 0, r;

    (void)state;
    broker_set_publish_timeout(b, 0);
    while ((r = broker_publish(b, "a", payload, sizeof payload, 0)) > 0)
        number = r;
    assert_int_equal(r, -BROKER_E_TIMEOUT);
    broker_set_publish_timeout(b, 50);
    assert_int_equal(broker_publish(b, "a", payload, 100, 0), -BROKER_E_TIMEOUT);
    __atomic_store_n(&ready, 1, __ATOMIC_RELEASE);
    broker_set_publish_timeout(b, 5000);
    assert_int_equal(broker_publish(b, "a", "last", 4, 0), ++number);
    assert_int_equal(broker_close(b, 5000), 0);
    broker_free(b);
    fake_stop(fake);
    assert_int_equal(ready, number + 1);
}

/* A peer that writes without reading, until 4 MiB are out: then it reads. */
static void writes_first(struct fake *fake)
{
    static char payload[1 << 16];

    fake_greet(fake);
    fake_grant(fake, OP_SUB);
    fake_select(fake, 1);
    for (int i = 0; i < 64; i++)
        fake_message(fake, "a", payload, sizeof payload);
    fake_await(fake, OP_GOODBYE, NULL);
    fake_drain(fake);
}

static void count_message(broker_subscription *sub, const broker_message *m, void *userdata)
{
    size_t len;

    (void)sub;
    broker_message_payload(m, &len);
    *(size_t *)userdata += len;
}

static void two_that_fill_each_other_do_not_lock_up(void **state)
{
    struct fake *fake = fake_start(writes_first, NULL);
    broker *b = fake_client(fake);
    static char payload[1 << 16];
    size_t received = 0;

    (void)state;
    assert_int_equal(broker_subscribe(b, NULL, "a", NULL, count_message, &received), 0);
    for (int i = 0; i < 64; i++)
        assert_int_equal(broker_publish(b, "b", payload, sizeof payload, 0), i + 1);
    assert_int_equal(received, 0); /* no callback in a blocking call */
    fake_process_until(b, received == 64 * sizeof payload);
    assert_int_equal(broker_close(b, 5000), 0);
    broker_free(b);
    fake_stop(fake);
}

/* Enough for the library's own PINGs, which it sends and reads in between. */
static void floods_and_counts(struct fake *fake)
{
    enum { N = 20000 };
    static uint8_t flood[N * 32];
    struct frame frame = { .op = OP_MESSAGE, .subject = "a", .subject_len = 1 };
    size_t len = 0, size;

    frame.payload_len = 1;
    for (int i = 0; i < N; i++) {
        size = frame_write_head(flood + len, &frame);
        flood[len + size] = (uint8_t)i;
        len += size + 1;
    }
    fake_greet(fake);
    fake_grant(fake, OP_SUB);
    fake_select(fake, 1);
    fake_send(fake, flood, len);
    fake_await(fake, OP_GOODBYE, NULL);
    fake_drain(fake);
    if (fake->n_messages != N)
        fake_fail(fake, "not every message came back");
}

static void publish_again(broker_subscription *sub, const broker_message *m, void *userdata)
{
    int *n = userdata;
    size_t len;
    const uint8_t *payload = broker_message_payload(m, &len);

    assert_int_equal(payload[0], (uint8_t)*n);
    ++*n;
    assert_int_equal(broker_publish(broker_subscription_broker(sub), "b", payload, len, 0), *n);
}

static void publishing_in_callbacks(void **state)
{
    struct fake *fake = fake_start(floods_and_counts, NULL);
    broker *b = fake_client(fake);
    int n = 0;

    (void)state;
    assert_int_equal(broker_subscribe(b, NULL, "a", NULL, publish_again, &n), 0);
    fake_process_until(b, n == 20000);
    assert_int_equal(broker_close(b, 5000), 0);
    broker_free(b);
    fake_stop(fake);
}

static void publishes_nothing_disconnected(void **state)
{
    broker_options *options;
    broker *b;

    (void)state;
    assert_int_equal(broker_options_new(&options), 0);
    broker_options_set_url(options, "unix:/nonexistent/socket");
    assert_int_equal(broker_new(&b, options), 0);
    broker_options_free(options);
    assert_int_equal(broker_publish(b, "a", "x", 1, 0), -BROKER_E_NOT_CONNECTED);
    assert_int_equal(broker_flush(b, 100), -BROKER_E_NOT_CONNECTED);
    assert_int_equal(broker_close(b, 0), 0);
    assert_int_equal(broker_publish(b, "a", "x", 1, 0), -BROKER_E_CLOSED);
    broker_free(b);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        kit_test(messages_are_numbered_and_framed),
        kit_test(what_cannot_be_sent_is_refused),
        kit_test(large_payloads_arrive_whole),
        kit_test(a_full_socket_times_out_exactly),
        kit_test(two_that_fill_each_other_do_not_lock_up),
        kit_test(publishing_in_callbacks),
        kit_test(publishes_nothing_disconnected),
    };

    return kit_run("client publish", tests, KIT_LENGTH(tests));
}
