/* Connecting: the handshake in every state of undress. */
#include "tests/unit/client_fake.h"

static void lets_in(struct fake *fake)
{
    fake_greet(fake);
    fake_await(fake, OP_GOODBYE, NULL);
    fake_drain(fake);
}

static void a_client_is_let_in_and_leaves(void **state)
{
    struct fake *fake = fake_start(lets_in, NULL);
    broker *b = fake_client(fake);

    (void)state;
    assert_true(broker_is_connected(b));
    assert_int_equal(broker_id(b), FAKE_ID);
    assert_string_equal(broker_server_version(b), "fake 1");
    assert_string_equal(broker_url(b), fake->url);
    assert_string_equal((const char *)broker_instance(b), "an instance id");
    assert_int_equal(broker_close(b, 5000), 0);
    assert_false(broker_is_connected(b));
    assert_int_equal(broker_close(b, 5000), -BROKER_E_CLOSED);
    assert_null(broker_free(b));
    fake_stop(fake);
}

static void hello_is_checked(struct fake *fake)
{
    static const uint8_t name[] = "\x81\xa4name\xa6" "a test";
    struct envelope e = { 0 };

    fake_accept(fake);
    if (fake_await(fake, OP_HELLO, &e) &&
        (e.hello.version != PROTO_VERSION || e.hello.magic.len != 7 ||
         e.hello.options.len != sizeof name - 1 ||
         memcmp(e.hello.options.p, name, sizeof name - 1) != 0))
        fake_fail(fake, "not the HELLO of the specification");
    fake_welcome_version(fake, PROTO_VERSION);
    fake_drain(fake);
}

static void the_hello_is_as_specified(void **state)
{
    struct fake *fake = fake_start(hello_is_checked, NULL);
    broker *b = fake_client(fake);

    (void)state;
    broker_free(b);
    fake_stop(fake);
}

static void welcomes_byte_by_byte(struct fake *fake)
{
    int pair[2];
    uint8_t buf[256];
    int fd;
    ssize_t n;

    fake_accept(fake);
    fake_await(fake, OP_HELLO, NULL);
    fd = fake->fd;
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0)
        return;
    fake->fd = pair[0];
    fake_welcome_version(fake, PROTO_VERSION);
    n = read(pair[1], buf, sizeof buf);
    close(pair[0]);
    close(pair[1]);
    fake->fd = fd;
    for (ssize_t i = 0; i < n; i++) {
        fake_send(fake, buf + i, 1);
        usleep(200);
    }
    fake_await(fake, OP_GOODBYE, NULL);
    fake_drain(fake);
}

static void a_welcome_in_pieces_is_one(void **state)
{
    struct fake *fake = fake_start(welcomes_byte_by_byte, NULL);
    broker *b = fake_client(fake);

    (void)state;
    assert_int_equal(broker_close(b, 5000), 0);
    broker_free(b);
    fake_stop(fake);
}

static void refuses(struct fake *fake)
{
    fake_accept(fake);
    fake_await(fake, OP_HELLO, NULL);
    fake_goodbye(fake, BROKER_E_DENIED, "not \033you");
    fake_drain(fake);
}

static void a_refusal_says_why(void **state)
{
    struct fake *fake = fake_start(refuses, NULL);
    broker *b = fake_client_with(fake, 1);

    (void)state;
    assert_int_equal(broker_connect(b, 5000), -BROKER_E_DENIED);
    assert_string_equal(broker_error_text(b), "not ?you");
    broker_free(b);
    fake_stop(fake);
}

static void speaks_version_9(struct fake *fake)
{
    fake_accept(fake);
    fake_await(fake, OP_HELLO, NULL);
    fake_welcome_version(fake, 9);
    fake_drain(fake);
}

static void another_version_is_refused(void **state)
{
    struct fake *fake = fake_start(speaks_version_9, NULL);
    broker *b = fake_client_with(fake, 0);

    (void)state;
    assert_int_equal(broker_connect(b, 5000), -BROKER_E_BAD_VERSION);
    assert_non_null(strstr(broker_error_text(b), "version 9"));
    broker_free(b);
    fake_stop(fake);
}

static void talks_http(struct fake *fake)
{
    static const char text[] = "HTTP/1.1 400 Bad Request\r\n\r\n";

    fake_accept(fake);
    fake_send(fake, text, sizeof text - 1);
    fake_drain(fake);
}

static void a_stranger_is_no_broker(void **state)
{
    struct fake *fake = fake_start(talks_http, NULL);
    broker *b = fake_client_with(fake, 0);

    (void)state;
    assert_int_equal(broker_connect(b, 5000), -BROKER_E_BAD_MAGIC);
    broker_free(b);
    fake_stop(fake);
}

static void answers_pong_first(struct fake *fake)
{
    fake_accept(fake);
    fake_ref(fake, OP_PONG, 1);
    fake_drain(fake);
}

static void another_frame_than_welcome_is_refused(void **state)
{
    struct fake *fake = fake_start(answers_pong_first, NULL);
    broker *b = fake_client_with(fake, 0);

    (void)state;
    assert_int_equal(broker_connect(b, 5000), -BROKER_E_BAD_MAGIC);
    broker_free(b);
    fake_stop(fake);
}

static void hangs_up(struct fake *fake)
{
    fake_accept(fake);
    fake_await(fake, OP_HELLO, NULL);
    fake_hang_up(fake);
}

static void silence_is_vanished(void **state)
{
    struct fake *fake = fake_start(hangs_up, NULL);
    broker *b = fake_client_with(fake, 0);

    (void)state;
    assert_int_equal(broker_connect(b, 5000), -BROKER_E_VANISHED);
    broker_free(b);
    fake_stop(fake);
}

static void says_nothing(struct fake *fake)
{
    fake_accept(fake);
    fake_await(fake, OP_HELLO, NULL);
    usleep(300 * 1000);
}

static void a_handshake_has_a_deadline(void **state)
{
    struct fake *fake = fake_start(says_nothing, NULL);
    broker *b = fake_client_with(fake, 0);

    (void)state;
    assert_int_equal(broker_connect(b, 100), -BROKER_E_TIMEOUT);
    broker_free(b);
    fake_stop(fake);
}

static void nobody_there(void **state)
{
    struct fake fake;
    char text[512];
    broker *b;
    int64_t start = kit_now_ns();

    (void)state;
    fake_init(&fake);
    b = fake_client_with(&fake, 0);
    assert_int_equal(broker_connect(b, 5000), -BROKER_E_UNREACHABLE);
    snprintf(text, sizeof text, "cannot reach a broker at %s: No such file or directory", fake.url);
    assert_string_equal(broker_error_text(b), text);
    broker_free(b);
    b = fake_client_with(&fake, 1);
    assert_int_equal(broker_connect(b, 200), -BROKER_E_UNREACHABLE);
    assert_true(kit_now_ns() - start >= INT64_C(200) * 1000000);
    assert_int_equal(broker_publish(b, "a", "x", 1, 0), -BROKER_E_NOT_CONNECTED);
    broker_free(b);
}

static void comes_late(struct fake *fake)
{
    usleep(150 * 1000);
    fake_listen(fake);
    lets_in(fake);
}

static void connect_waits_for_a_broker_that_starts(void **state)
{
    struct fake *fake = fake_start(comes_late, NULL);
    broker *b;

    (void)state;
    close(fake->listener);
    unlink(fake->path);
    b = fake_client_with(fake, 1);
    assert_int_equal(broker_connect(b, 5000), 0);
    assert_int_equal(broker_close(b, 5000), 0);
    broker_free(b);
    fake_stop(fake);
}

static void the_second_address_is_tried(void **state)
{
    struct fake *fake = fake_start(lets_in, NULL);
    char url[512];
    broker_options *options;
    broker *b;

    (void)state;
    snprintf(url, sizeof url, "unix:%s-not-there,%s", fake->path, fake->url);
    assert_int_equal(broker_options_new(&options), 0);
    assert_int_equal(broker_options_set_url(options, url), 0);
    assert_int_equal(broker_new(&b, options), 0);
    broker_options_free(options);
    assert_int_equal(broker_connect(b, 5000), 0);
    assert_string_equal(broker_url(b), fake->url);
    broker_close(b, 5000);
    broker_free(b);
    fake_stop(fake);
}

static void accepts_only(struct fake *fake)
{
    fake_accept(fake);
}

static void a_broker_of_another_uid_is_not_trusted(void **state)
{
    struct fake *fake = fake_start(accepts_only, NULL);
    char url[160], text[512];
    broker_options *options;
    broker *b;

    (void)state;
    snprintf(url, sizeof url, "%s?uid=%u", fake->url, getuid() + 1);
    assert_int_equal(broker_options_new(&options), 0);
    assert_int_equal(broker_options_set_url(options, url), 0);
    assert_int_equal(broker_new(&b, options), 0);
    broker_options_free(options);
    assert_int_equal(broker_connect(b, 5000), -BROKER_E_UNTRUSTED_BROKER);
    snprintf(text, sizeof text, "the broker at %s?uid=%u runs as uid %u; trusted is only uid %u, by its ?uid=%u",
             fake->url, getuid() + 1, getuid(), getuid() + 1, getuid() + 1);
    assert_string_equal(broker_error_text(b), text);
    broker_free(b);
    fake_stop(fake);
}

static broker *client_of(const char *url)
{
    broker_options *options;
    broker *b;

    assert_int_equal(broker_options_new(&options), 0);
    if (url)
        assert_int_equal(broker_options_set_url(options, url), 0);
    assert_int_equal(broker_options_set_reconnect(options, 0), 0);
    assert_int_equal(broker_new(&b, options), 0);
    broker_options_free(options);
    return b;
}

/* ENOTDIR counts as "nobody there", a loop of links as an error of its own. */
static void each_address_is_named_with_its_reason(void **state)
{
    char link[200], url[512], text[1024];
    broker *b;

    (void)state;
    snprintf(link, sizeof link, "%s/loop", kit_dir());
    assert_int_equal(symlink(link, link), 0);
    snprintf(url, sizeof url, "unix:%s/none,unix:%s,unix:/dev/null/x", kit_dir(), link);
    b = client_of(url);
    assert_int_equal(broker_connect(b, 1000), -BROKER_E_SYSTEM); /* it says most */
    snprintf(text, sizeof text,
             "cannot reach a broker at unix:%s/none: No such file or directory; "
             "unix:%s: Too many levels of symbolic links; unix:/dev/null/x: Not a directory",
             kit_dir(), link);
    assert_string_equal(broker_error_text(b), text);
    broker_free(b);
    unlink(link);
}

/* A refusal says more than that nobody is there, whichever comes first. */
static void a_refusal_outweighs_nobody_there(void **state)
{
    (void)state;
    for (int first = 0; first < 2; first++) {
        struct fake *fake = fake_start(refuses, NULL);
        char none[200], url[512], text[1024];
        broker *b;

        snprintf(none, sizeof none, "unix:%s/none", kit_dir());
        snprintf(url, sizeof url, "%s,%s", first ? fake->url : none, first ? none : fake->url);
        if (first)
            snprintf(text, sizeof text, "cannot reach a broker at %s: not ?you; %s: No such file or directory",
                     fake->url, none);
        else
            snprintf(text, sizeof text, "cannot reach a broker at %s: No such file or directory; %s: not ?you",
                     none, fake->url);
        b = client_of(url);
        assert_int_equal(broker_connect(b, 5000), -BROKER_E_DENIED);
        assert_string_equal(broker_error_text(b), text);
        broker_free(b);
        fake_stop(fake);
    }
}

static void a_bad_url_of_the_environment_is_named(void **state)
{
    char path[160] = "unix:/", *old = getenv("BROKER_URL"), *kept = old ? strdup(old) : NULL;
    broker *b;

    (void)state;
    memset(path + 6, 'x', 110);
    setenv("BROKER_URL", path, 1);
    b = client_of(NULL);
    assert_int_equal(broker_connect(b, 1000), -BROKER_E_BAD_ADDRESS);
    assert_non_null(strstr(broker_error_text(b),
                           "BROKER_URL is no address: a path or name has at most 107 bytes (at byte 112 of 'unix:/xxx"));
    broker_free(b);
    setenv("BROKER_URL", "tcp://host", 1);
    b = client_of(NULL);
    assert_int_equal(broker_connect(b, 1000), -BROKER_E_UNSUPPORTED);
    assert_string_equal(broker_error_text(b),
                        "cannot reach a broker at tcp://host:7420: only unix: is supported yet");
    broker_free(b);
    if (kept)
        setenv("BROKER_URL", kept, 1);
    else
        unsetenv("BROKER_URL");
    free(kept);
}

static void options_refuse_what_cannot_be(void **state)
{
    broker_options *options;

    (void)state;
    assert_int_equal(broker_options_new(&options), 0);
    assert_int_equal(broker_options_set_url(options, "tcp://host:1"), -BROKER_E_UNSUPPORTED);
    assert_int_equal(broker_options_set_url(options, "tls://host"), -BROKER_E_UNSUPPORTED);
    assert_int_equal(broker_options_set_url(options, "unix:"), -BROKER_E_BAD_ADDRESS);
    assert_int_equal(broker_options_set_scope(options, BROKER_SCOPE_USER), 0);
    assert_int_equal(broker_options_set_scope(options, (enum broker_scope)'x'), -BROKER_E_INVALID);
    broker_options_free(options);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        kit_test(a_client_is_let_in_and_leaves),
        kit_test(the_hello_is_as_specified),
        kit_test(a_welcome_in_pieces_is_one),
        kit_test(a_refusal_says_why),
        kit_test(another_version_is_refused),
        kit_test(a_stranger_is_no_broker),
        kit_test(another_frame_than_welcome_is_refused),
        kit_test(silence_is_vanished),
        kit_test(a_handshake_has_a_deadline),
        kit_test(nobody_there),
        kit_test(connect_waits_for_a_broker_that_starts),
        kit_test(the_second_address_is_tried),
        kit_test(a_broker_of_another_uid_is_not_trusted),
        kit_test(each_address_is_named_with_its_reason),
        kit_test(a_refusal_outweighs_nobody_there),
        kit_test(a_bad_url_of_the_environment_is_named),
        kit_test(options_refuse_what_cannot_be),
    };

    return kit_run("client greet", tests, KIT_LENGTH(tests));
}
