/* What messages say stays between those who exchange them: it is in no line of the log, however much is logged, in
 * nothing that the broker says of itself, and in no argument of its. */
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "tests/live/sys_body.h"

static const char secret[] = "wordless-albatross-48";

static bool has_secret(const void *bytes, size_t len)
{
    return memmem(bytes, len, secret, sizeof secret - 1) != NULL;
}

static void send_secret(struct peer *peer, enum opcode op, const char *subject)
{
    struct frame frame = { .op = (uint8_t)op, .payload = (const uint8_t *)secret, .token = 7 };

    frame.timeout_ms = 3000;
    frame.subject = subject;
    frame.subject_len = strlen(subject);
    frame.payload_len = sizeof secret;
    peer_send_payload(peer, &frame);
}

/* Delivered, kept, lost, refused; asked and answered; and one that breaks the wire. */
static void exchange(struct peer *a, struct peer *b, const struct broker_proc *broker)
{
    struct peer broken;

    peer_sub(b, 1, "told.>");
    peer_serve(b, 2, "asked", 10);
    send_secret(a, OP_REQUEST, "asked");
    uint64_t token = peer_expect_request(b);
    peer_reply(b, token, 0, false, secret);
    peer_expect_reply(a, 7, 0, secret);
    send_secret(a, OP_REQUEST, "nobody.serves");
    send_secret(a, OP_MESSAGE, "told.a");
    send_secret(a, OP_MESSAGE, "nobody.listens");
    send_secret(a, OP_MESSAGE, "bad..subject");
    peer_expect_past_select(b, OP_MESSAGE);
    assert_true(has_secret(b->got.bytes, b->got.len)); /* so it can be found */
    peer_open(&broken, broker);
    uint8_t wrong[4 + 2 + sizeof secret] = { 0, 0, 0, 2 + sizeof secret, 0x95, OP_MESSAGE };
    memcpy(wrong + 6, secret, sizeof secret);
    raw_send(broken.fd, wrong, sizeof wrong);
    peer_expect(&broken, OP_GOODBYE);
    peer_close(&broken);
}

static void expect_silent(struct peer *peer, const char *subject)
{
    sys_send(peer, 42, subject, "", 0);
    peer_expect_reply(peer, 42, 0, NULL);
    if (has_secret(peer->got.bytes, peer->got.len))
        fail_msg("%s tells what was in a message", subject);
}

static void expect_arguments_silent(const struct broker_proc *broker)
{
    char path[40], text[4096];

    snprintf(path, sizeof path, "/proc/%d/cmdline", (int)broker_proc_pid(broker));
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = read(fd, text, sizeof text);
    close(fd);
    assert_true(n > 0);
    assert_false(has_secret(text, (size_t)n));
}

static void nothing_is_told_of_messages(void **state)
{
    static const char *const subjects[] = { "$SYS.info", "$SYS.stats", "$SYS.clients",
                                            "$SYS.subjects", "$SYS.config" };
    struct broker_proc *broker = broker_proc_new();
    struct peer a, b, admin;

    (void)state;
    broker_proc_start(broker, (const char *[]){ "--log-level", "debug", NULL });
    peer_open(&a, broker);
    peer_open(&b, broker);
    peer_open(&admin, broker);
    exchange(&a, &b, broker);
    for (size_t i = 0; i < KIT_LENGTH(subjects); i++)
        expect_silent(&admin, subjects[i]);
    expect_arguments_silent(broker);
    peer_close(&a);
    peer_close(&b);
    peer_close(&admin);
    assert_int_equal(broker_proc_stop(broker), 0);
    char *log = broker_proc_log(broker);
    assert_true(strlen(log) > 0);
    assert_false(has_secret(log, strlen(log)));
    free(log);
    broker_proc_free(broker);
}

int main(void)
{
    static const struct CMUnitTest tests[] = { kit_test(nothing_is_told_of_messages) };
    return kit_run("secrets", tests, KIT_LENGTH(tests));
}
