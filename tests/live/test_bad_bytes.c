/* Frames cut, split and spoilt byte by byte, and fields of every wrong type. FAULTS: "Bad input". */
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "tests/live/byte_faults.h"

static struct broker_proc *broker;
static struct health health;

static void begin(void)
{
    broker = broker_proc_new();
    broker_proc_start(broker, NULL);
    health_begin(&health, broker);
}

static void finish(void)
{
    health_check_all(&health, 2 << 20);
    health_end(&health);
    assert_int_equal(broker_proc_stop(broker), 0);
    broker_proc_free(broker);
}

/* -- cut and split ---------------------------------------------------------------------------- */

/* A conversation with frames of every kind, whose answers are known. */
static const char conversation[] =
    "\0\0\0\x0d\x95\1\xa7" "brokerd\1\0\x80"
    "\0\0\0\x06\x94\x10\1\1\xa1" "a"
    "\0\0\0\x06\x94\x12\2\2\xa1" "s"
    "\0\0\0\x17\x94\x20\xce\0\0\0\0\xcf\0\0\0\0\0\0\0\0\xa1" "a" "first"
    "\0\0\0\x06\x94\x20\0\0\xa1" "a"
    "\0\0\0\x1d\x97\x21\xce\0\0\0\0\xcf\0\0\0\0\0\0\0\0\xcf\0\0\0\0\0\0\0\7"
    "\xa1" "n\0\5"
    "\0\0\0\x12\x94\x20\xce\0\0\0\0\xcf\0\0\0\0\0\0\0\0\xa1*"
    "\0\0\0\2\x91\x60"
    "\0\0\0\4\x93\x13\3\2"
    "\0\0\0\4\x93\x11\4\1"
    "\0\0\0\3\x92\x09\5"
    "\0\0\0\3\x92\4\6";

static const uint8_t answers[] = { OP_WELCOME, OP_OK, OP_OK, OP_SELECT, OP_MESSAGE, OP_MESSAGE,
                                   OP_END, OP_REFUSED, OP_OK, OP_OK, OP_CONFIRMED, OP_PONG };

static const uint8_t *const bytes = (const uint8_t *)conversation;
static const size_t conversation_len = sizeof conversation - 1;

/* The REFUSED comes with the round in which its message was read: anywhere behind it. */
static void expect_answers(struct peer *peer)
{
    bool refused = false;

    for (size_t i = 0; i < KIT_LENGTH(answers); i++) {
        if (answers[i] == OP_REFUSED)
            continue;
        const struct got *got = peer_next(peer, RAW_DEADLINE_MS);
        if (got && got->op == OP_REFUSED) {
            assert_int_equal(got->control.refused.first, 3);
            refused = true;
            got = peer_next(peer, RAW_DEADLINE_MS);
        }
        assert_non_null(got);
        assert_string_equal(opcode_name(got->op), opcode_name(answers[i]));
        if (got->op != OP_CONFIRMED)
            continue;
        assert_true(refused);
        assert_int_equal(got->control.confirmed.last, 3);
        assert_int_equal(got->control.confirmed.matched, 2);
        assert_int_equal(got->control.confirmed.refused, 1);
    }
}

static bool all_was_read(int fd)
{
    int left;

    return ioctl(fd, SIOCOUTQ, &left) == 0 && left == 0;
}

static void split_at(size_t at)
{
    struct peer peer;

    peer_connect(&peer, broker);
    raw_send(peer.fd, bytes, at);
    while (!all_was_read(peer.fd))
        ;
    raw_send(peer.fd, bytes + at, conversation_len - at);
    expect_answers(&peer);
    peer_close(&peer);
}

static void frames_may_be_split_anywhere(void **state)
{
    (void)state;
    begin();
    for (size_t at = 0; at <= conversation_len; at++)
        split_at(at);
    finish();
}

static void frames_may_come_byte_by_byte(void **state)
{
    struct peer peer;

    (void)state;
    begin();
    peer_connect(&peer, broker);
    for (size_t at = 0; at < conversation_len; at++) {
        raw_send(peer.fd, bytes + at, 1);
        while (!all_was_read(peer.fd))
            ;
    }
    expect_answers(&peer);
    peer_close(&peer);
    finish();
}

static void frames_may_be_cut_anywhere(void **state)
{
    (void)state;
    begin();
    for (size_t at = 0; at <= conversation_len; at++)
        send_sample(broker, bytes, at, false);
    finish();
}

/* A large message in pieces of every length, which grow the buffer it waits in. */
static void a_large_frame_may_come_in_pieces(void **state)
{
    static uint8_t frame[300000];
    struct frame head = { .op = OP_MESSAGE, .subject = "a", .subject_len = 1 };
    struct peer peer;

    (void)state;
    begin();
    head.payload_len = sizeof frame - 100;
    size_t head_len = frame_write_head(frame, &head);
    size_t len = head_len + head.payload_len;
    for (size_t i = head_len; i < len; i++)
        frame[i] = (uint8_t)(i * 7 + i / 251);
    peer_open(&peer, broker);
    peer_sub(&peer, 1, "a");
    for (size_t piece = 1; piece < 140000; piece = piece * 3 + 1) {
        for (size_t at = 0, n = 1; at < len; at += n, n = piece) {
            n = n < len - at ? n : len - at;
            raw_send(peer.fd, frame + at, n);
            if (piece > 100)
                while (!all_was_read(peer.fd))
                    ;
        }
        const struct frame *got = &peer_expect_past_select(&peer, OP_MESSAGE)->payload;
        assert_int_equal(got->payload_len, head.payload_len);
        assert_memory_equal(got->payload, frame + head_len, head.payload_len);
    }
    peer_close(&peer);
    finish();
}

static void some_byte_values_at_every_offset(void **state)
{
    (void)state;
    try_byte_values(16);
}

/* -- a field of the wrong type ---------------------------------------------------------------- */

struct element {
    const char *bytes;
    size_t len;
};

#define E(s) { s, sizeof(s) - 1 }

struct form {
    const char *name;
    size_t n;
    struct element fields[10];
    const char *checked; /* for each field: N number, T text, Z text or nil, . anything */
};

static const struct form forms[] = {
    { "PING", 2, { E("\4"), E("\1") }, "NN" },
    { "CONFIRM", 2, { E("\x09"), E("\1") }, "NN" },
    { "GOODBYE", 3, { E("\3"), E("\x10"), E("\xa1s") }, "NNT" },
    { "SUB", 10, { E("\x10"), E("\1"), E("\1"), E("\xa1" "a"), E("\xa1g"), E("\0"), E("\0"), E("\0"), E("\0"),
      E("\0") }, "NNNTZNNNNN" },
    { "UNSUB", 3, { E("\x11"), E("\1"), E("\1") }, "NNN" },
    { "SERVE", 5, { E("\x12"), E("\1"), E("\1"), E("\xa1" "a"), E("\0") }, "NNNTN" },
    { "UNSERVE", 3, { E("\x13"), E("\1"), E("\1") }, "NNN" },
    { "MESSAGE", 4, { E("\x20"), E("\0"), E("\0"), E("\xa1" "a") }, "NNNT" },
    { "REQUEST", 7, { E("\x21"), E("\0"), E("\0"), E("\5"), E("\xa1" "a"), E("\0"), E("\1") }, "NNNNTNN" },
    { "REPLY", 5, { E("\x22"), E("\0"), E("\0"), E("\5"), E("\0") }, "NNNNN" },
    { "CANCEL", 3, { E("\x24"), E("\5"), E("\0") }, "NNN" },
};

static const struct element wrong[] = {
    E("\xc0"), E("\xc1"), E("\xc2"), E("\xff"), E("\xd0\x80"), E("\xd3\x80\0\0\0\0\0\0\0"),
    E("\xca\0\0\0\0"), E("\xcb\0\0\0\0\0\0\0\0"), E("\x90"), E("\x80"), E("\xc4\1" "a"), E("\xd4\1\1"),
    E("\xa1" "5"), E("\5"),
};

static bool is_wrong(char wanted, const struct element *element)
{
    uint8_t first = (uint8_t)element->bytes[0];

    if (first == 0xa1)
        return wanted == 'N';
    if (first == 5)
        return wanted == 'T' || wanted == 'Z';
    return !(first == 0xc0 && wanted == 'Z');
}

static void send_form(struct peer *peer, const struct form *form, size_t at,
                      const struct element *instead)
{
    uint8_t body[100] = { (uint8_t)(0x90 + form->n) };
    size_t len = 1;

    for (size_t i = 0; i < form->n; i++) {
        const struct element *element = i == at ? instead : &form->fields[i];
        memcpy(body + len, element->bytes, element->len);
        len += element->len;
    }
    raw_send_frame(peer->fd, body, len);
}

static void a_field_of_the_wrong_type_breaks_the_wire(void **state)
{
    (void)state;
    begin();
    for (size_t i = 0; i < KIT_LENGTH(forms); i++) {
        for (size_t at = 0; at < forms[i].n; at++) {
            for (size_t j = 0; j < KIT_LENGTH(wrong); j++) {
                struct peer peer;
                if (!is_wrong(forms[i].checked[at], &wrong[j]))
                    continue;
                peer_open(&peer, broker);
                send_form(&peer, &forms[i], at, &wrong[j]);
                peer_expect_goodbye(&peer, STATUS_BAD_FRAME);
                peer_close(&peer);
            }
        }
        print_message("  %s\n", forms[i].name);
        health_check(&health);
    }
    finish();
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        kit_test(frames_may_be_split_anywhere),
        kit_test(frames_may_come_byte_by_byte),
        kit_test(frames_may_be_cut_anywhere),
        kit_test(a_large_frame_may_come_in_pieces),
        kit_test(some_byte_values_at_every_offset),
        kit_test(a_field_of_the_wrong_type_breaks_the_wire),
    };
    return kit_run("bad bytes", tests, KIT_LENGTH(tests));
}
