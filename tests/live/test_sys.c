/* What the broker says about itself: requests. (PROTOCOL.md, "$SYS".) */
#include <stdio.h>
#include <unistd.h>

#include "tests/live/sys_body.h"

static struct broker_proc *broker;
static struct peer client;
static struct sys_body body;

static void begin(void)
{
    broker = broker_proc_new();
    broker_proc_start(broker, NULL);
    peer_connect(&client, broker);
    peer_hello(&client, "the tester");
    peer_welcomed(&client);
}

static void finish(void)
{
    peer_ping(&client);
    peer_close(&client);
    assert_int_equal(broker_proc_stop(broker), 0);
    broker_proc_free(broker);
}

static void info(void **state)
{
    const char *loop = getenv("BROKER_TEST_LOOP");

    (void)state;
    begin();
    peer_sub(&client, 1, "a");
    peer_serve(&client, 2, "b", 0);
    sys_ask(&body, &client, "$SYS.info", "", 0);
    sys_expect_text(body.root, "version", BROKER_VERSION);
    sys_expect_text(body.root, "loop", loop && *loop ? loop : "epoll");
    assert_int_equal(sys_find(body.root, "instance")->type, MSGPACK_OBJECT_BIN);
    assert_int_equal(sys_find(body.root, "instance")->via.bin.size, 16);
    assert_int_equal(sys_number(body.root, "pid"), broker_proc_pid(broker));
    assert_int_equal(sys_number(body.root, "uid"), getuid());
    assert_int_equal(sys_number(body.root, "clients"), 1);
    assert_int_equal(sys_number(body.root, "subscriptions"), 1);
    assert_int_equal(sys_number(body.root, "services"), 1);
    assert_in_range(sys_number(body.root, "uptime-ms"), 0, 30000);
    assert_int_equal(sys_list(body.root, "listeners")->size, 1);
    assert_int_equal(sys_number(sys_find(body.root, "limits"), "max-payload"), MAX_PAYLOAD);
    sys_free(&body);
    finish();
}

static void stats_count(void **state)
{
    (void)state;
    begin();
    peer_sub(&client, 1, "a");
    uint64_t in = peer_stat(&client, "messages-in"), out = peer_stat(&client, "deliveries");
    peer_publish(&client, "a", "", 0);
    peer_expect_past_select(&client, OP_MESSAGE);
    peer_publish(&client, "nobody", "", 0);
    peer_publish(&client, "$SYS.no", "", 0);
    peer_expect(&client, OP_REFUSED);
    assert_int_equal(peer_stat(&client, "messages-in") - in, 3);
    assert_int_equal(peer_stat(&client, "deliveries") - out, 1);
    assert_int_equal(peer_stat(&client, "messages-unmatched"), 1);
    assert_int_equal(peer_stat(&client, "messages-refused"), 1);
    assert_int_equal(peer_stat(&client, "frames-rewritten"), 0);
    raw_send_frame(client.fd, "\x94\x20\0\0\xa1" "a", 6);
    peer_expect(&client, OP_MESSAGE);
    assert_int_equal(peer_stat(&client, "frames-rewritten"), 1);
    finish();
}

/* Beside what the kernel says in whole ticks, user and system each. */
static void stats_processor_time(void **state)
{
    enum { TICKS_NS = 30000000, N_PUBLISHED = 20000 };

    (void)state;
    begin();
    uint64_t before = peer_stat(&client, "cpu-ns");
    assert_in_range(before, 1, (uint64_t)broker_proc_cpu_ns(broker) + TICKS_NS);
    for (unsigned i = 0; i < N_PUBLISHED; i++)
        peer_publish(&client, "nobody", "", 0);
    uint64_t after = peer_stat(&client, "cpu-ns");
    assert_in_range(after, before + N_PUBLISHED, (uint64_t)broker_proc_cpu_ns(broker) + TICKS_NS);
    finish();
}

/* -- clients ---------------------------------------------------------------------------------- */

/* Pages of clients from `after` on; how many clients they held, in order of id. */
static unsigned count_clients(unsigned *ret_pages)
{
    uint8_t ask[32] = "\x81\xa5" "after";
    uint64_t last = 0;
    unsigned n = 0;

    for (*ret_pages = 0;; ++*ret_pages) {
        ask[7] = 0xcf;
        store_be64(ask + 8, last);
        sys_ask(&body, &client, "$SYS.clients", ask, last ? 16 : 0);
        const msgpack_object_array *list = sys_list(body.root, "clients");
        assert_in_range(list->size, 0, 100);
        for (uint32_t i = 0; i < list->size; i++) {
            assert_true(sys_number(&list->ptr[i], "id") > last);
            last = sys_number(&list->ptr[i], "id");
        }
        n += list->size;
        const msgpack_object *next = sys_find(body.root, "next");
        bool more = next->type != MSGPACK_OBJECT_NIL;
        if (more)
            assert_int_equal(next->via.u64, last);
        sys_free(&body);
        if (!more)
            return n;
    }
}

static void clients_in_pages(void **state)
{
    enum { N_PEERS = 249 };
    static struct peer peers[N_PEERS];
    struct peer silent;
    unsigned pages;

    (void)state;
    begin();
    assert_int_equal(count_clients(&pages), 1);
    assert_int_equal(pages, 0);
    peer_connect(&silent, broker); /* who has not said HELLO is no client */
    for (int i = 0; i < N_PEERS; i++) {
        peer_open(&peers[i], broker);
        if (i == 98) {
            assert_int_equal(count_clients(&pages), 100);
            assert_int_equal(pages, 0);
        }
    }
    assert_int_equal(count_clients(&pages), N_PEERS + 1);
    assert_int_equal(pages, 2);
    for (int i = 0; i < N_PEERS; i++)
        peer_close(&peers[i]);
    peer_close(&silent);
    assert_true(kit_wait_for(count_clients(&pages) == 1, 2000));
    finish();
}

static void ask_client(uint64_t id)
{
    uint8_t ask[] = "\x81\xa2id\xcf\0\0\0\0\0\0\0\0";

    store_be64(ask + 5, id);
    sys_ask(&body, &client, "$SYS.client", ask, sizeof ask - 1);
}

static void one_client(void **state)
{
    struct peer other;

    (void)state;
    begin();
    peer_connect(&other, broker);
    peer_hello(&other, "other");
    peer_welcomed(&other);
    peer_sub(&other, 7, "a.*");
    peer_serve(&other, 8, "svc", 3);
    peer_request(&other, 1, "svc", REQUEST_ONE, 5000);
    peer_publish(&other, "a.b", "x", 1);
    peer_expect_request(&other);
    peer_expect_past_select(&other, OP_MESSAGE);
    ask_client(other.id);
    sys_expect_text(body.root, "name", "other");
    assert_int_equal(sys_number(body.root, "id"), other.id);
    assert_int_equal(sys_number(body.root, "pid"), getpid());
    assert_int_equal(sys_number(body.root, "uid"), getuid());
    assert_int_equal(sys_number(body.root, "gid"), getgid());
    assert_int_equal(sys_number(body.root, "subscriptions"), 1);
    assert_int_equal(sys_number(body.root, "messages-in"), 1);
    assert_int_equal(sys_number(body.root, "open-requests"), 1);
    assert_int_equal(sys_number(body.root, "lost"), 0);
    sys_expect_text(body.root, "last-loss", NULL);
    const msgpack_object *sub = &sys_list(body.root, "subscription-list")->ptr[0];
    assert_int_equal(sys_number(sub, "sid"), 7);
    sys_expect_text(sub, "pattern", "a.*");
    sys_expect_text(sub, "policy", "wait");
    sys_expect_text(sub, "group", NULL);
    const msgpack_object *service = &sys_list(body.root, "service-list")->ptr[0];
    assert_int_equal(sys_number(service, "open"), 1);
    assert_int_equal(sys_number(service, "max-open"), 3);
    sys_free(&body);
    peer_close(&other);
    finish();
}

static void a_client_and_its_losses(void **state)
{
    struct envelope sub = { .op = OP_SUB, .sub = { .ref = 1, .sid = 1, .queue_messages = 1 } };
    static uint8_t payload[60000];
    struct peer slow;

    (void)state;
    begin();
    peer_open(&slow, broker);
    sub.sub.pattern = (struct piece){ "a", 1 };
    sub.sub.policy = POLICY_DROP_NEW;
    peer_send(&slow, &sub);
    peer_expect(&slow, OP_OK);
    for (int i = 0; i < 60; i++) {
        peer_publish(&client, "a", payload, sizeof payload);
        peer_ping(&client);
    }
    ask_client(slow.id);
    uint64_t lost = sys_number(body.root, "lost");
    assert_in_range(lost, 1, 59);
    sys_expect_text(body.root, "last-loss", "dropped-new");
    assert_int_equal(sys_number(body.root, "queued-messages"), 1);
    assert_in_range(sys_number(body.root, "queued-bytes"), sizeof payload, 2 * sizeof payload);
    const msgpack_object *first = &sys_list(body.root, "subscription-list")->ptr[0];
    assert_int_equal(sys_number(first, "lost"), lost);
    sys_expect_text(first, "policy", "drop-new");
    sys_free(&body);
    peer_close(&slow);
    finish();
}

/* -- subjects --------------------------------------------------------------------------------- */

static void subjects_in_pages(void **state)
{
    enum { N_SUBJECTS = 230 };
    char pattern[32], last[64] = "";
    uint8_t ask[80];
    size_t ask_len = 0;
    unsigned n = 0, pages = 0;

    (void)state;
    begin();
    for (unsigned i = 0; i < N_SUBJECTS; i++) { /* in no order */
        snprintf(pattern, sizeof pattern, "s.%u.x", i * 97 % N_SUBJECTS);
        peer_sub(&client, i + 1, pattern);
    }
    for (bool more = true; more; pages++) {
        sys_ask(&body, &client, "$SYS.subjects", ask, ask_len);
        const msgpack_object_array *list = sys_list(body.root, "subjects");
        for (uint32_t i = 0; i < list->size; i++) {
            const msgpack_object_str *s = &sys_find(&list->ptr[i], "pattern")->via.str;
            char text[64];
            snprintf(text, sizeof text, "%.*s", (int)s->size, s->ptr);
            assert_true(strcmp(text, last) > 0);
            strcpy(last, text);
        }
        n += list->size;
        more = sys_find(body.root, "next")->type != MSGPACK_OBJECT_NIL;
        ask_len = (size_t)snprintf((char *)ask, sizeof ask,
                                   "\x81\xa5"
                                   "after%c%s",
                                   (char)(0xa0 + strlen(last)), last);
        sys_free(&body);
    }
    assert_int_equal(n, N_SUBJECTS);
    assert_int_equal(pages, 3);
    finish();
}

static void a_subject_and_who_is_there(void **state)
{
    struct envelope sub = { .op = OP_SUB, .sub = { .pattern = { "a", 1 }, .group = { "g", 1 } } };

    (void)state;
    begin();
    for (sub.sub.sid = 1; sub.sub.sid <= 3; sub.sub.sid++) {
        if (sub.sub.sid == 3)
            sub.sub.group = (struct piece){ "other", 5 };
        peer_send(&client, &sub);
        peer_expect(&client, OP_OK);
    }
    peer_sub(&client, 4, "a");
    peer_serve(&client, 5, "a", 0);
    sys_ask(&body, &client, "$SYS.subjects", "\x80", 1);
    assert_int_equal(sys_list(body.root, "subjects")->size, 1);
    const msgpack_object *line = &sys_list(body.root, "subjects")->ptr[0];
    sys_expect_text(line, "pattern", "a");
    assert_int_equal(sys_number(line, "subscriptions"), 4);
    assert_int_equal(sys_number(line, "servers"), 1);
    assert_int_equal(sys_number(sys_find(line, "groups"), "g"), 2);
    assert_int_equal(sys_number(sys_find(line, "groups"), "other"), 1);
    sys_free(&body);
    finish();
}

/* Each subscription may be a group of its own: telling them apart must not stop the broker. */
static void many_groups_at_one_pattern(void **state)
{
    enum { N_PEERS = 160, N_GROUPS = N_PEERS * MAX_OVERLAP, N_TOLD = 100 };
    static struct peer peers[N_PEERS];
    struct envelope sub = { .op = OP_SUB, .sub = { .pattern = { "a", 1 } } };
    char name[16];

    (void)state;
    begin();
    for (unsigned i = 0; i < N_GROUPS; i++) {
        struct peer *peer = &peers[i / MAX_OVERLAP];
        if (i % MAX_OVERLAP == 0)
            peer_open(peer, broker);
        sub.sub.sid = i + 1;
        sub.sub.group =
            (struct piece){ name, (size_t)snprintf(name, sizeof name, "g%u", i * 7919 % N_GROUPS) };
        peer_send(peer, &sub);
        peer_expect(peer, OP_OK);
    }
    int64_t start_ns = kit_now_ns();
    sys_ask(&body, &client, "$SYS.subjects", "", 0);
    int64_t took_ms = (kit_now_ns() - start_ns) / 1000000;
    print_message("  %d groups in %d ms\n", N_GROUPS, (int)took_ms);
    assert_in_range(took_ms, 0, 1000);
    const msgpack_object *line = &sys_list(body.root, "subjects")->ptr[0];
    assert_int_equal(sys_find(line, "groups")->via.map.size, N_TOLD);
    assert_int_equal(sys_number(line, "more-groups"), N_GROUPS - N_TOLD);
    sys_free(&body);
    for (size_t i = 0; i < N_PEERS; i++)
        peer_close(&peers[i]);
    finish();
}

/* A page has fewer patterns where they have much to tell. */
static void long_lines_make_short_pages(void **state)
{
    enum { N_PATTERNS = 60, N_EACH = 100, ASK_MAX = 300 };
    struct envelope sub = { .op = OP_SUB };
    char pattern[16], name[70], ask[ASK_MAX], last[ASK_MAX] = "";
    unsigned n_pages = 0, n_seen = 0;
    bool more = true;

    (void)state;
    begin();
    for (unsigned i = 0; i < N_PATTERNS * N_EACH; i++) {
        sub.sub.sid = i + 1;
        sub.sub.pattern = (struct piece){
            pattern, (size_t)snprintf(pattern, sizeof pattern, "p.%03u", i / N_EACH)
        };
        sub.sub.group =
            (struct piece){ name, (size_t)snprintf(name, sizeof name, "%064u", i) };
        peer_send(&client, &sub);
        peer_expect(&client, OP_OK);
    }
    while (more) {
        size_t len = strlen(last);
        size_t ask_len = (size_t)snprintf(ask, sizeof ask, "\x81\xa5" "after%c%s",
                                          (int)(0xa0 + len), last);
        sys_ask(&body, &client, "$SYS.subjects", ask, ask_len);
        const msgpack_object_array *lines = sys_list(body.root, "subjects");
        for (uint32_t i = 0; i < lines->size; i++) {
            const msgpack_object *found = sys_find(&lines->ptr[i], "pattern");
            snprintf(pattern, sizeof pattern, "p.%03u", n_seen++);
            sys_expect_text(&lines->ptr[i], "pattern", pattern);
            assert_int_equal(sys_find(&lines->ptr[i], "groups")->via.map.size, N_EACH);
            snprintf(last, sizeof last, "%.*s", (int)found->via.str.size, found->via.str.ptr);
        }
        more = sys_find(body.root, "next")->type != MSGPACK_OBJECT_NIL;
        assert_true(lines->size > 0);
        sys_free(&body);
        n_pages++;
    }
    assert_int_equal(n_seen, N_PATTERNS);
    assert_in_range(n_pages, 8, N_PATTERNS);
    finish();
}

/* -- what is wrong ---------------------------------------------------------------------------- */

static void bad_bodies(void **state)
{
    static const struct {
        const char *subject;
        const char *bytes;
        size_t len;
        uint64_t status;
    } cases[] = {
#define CASE(subject, bytes, status) { subject, bytes, sizeof(bytes) - 1, status }
        CASE("$SYS.clients", "\x81\xa5" "after\xa1" "5", STATUS_BAD_FIELD),
        CASE("$SYS.clients", "\x81\xa5" "after\xff", STATUS_BAD_FIELD),
        CASE("$SYS.clients", "\x01", STATUS_BAD_FIELD),
        CASE("$SYS.clients", "\x81\xa5" "after\xcf\x80\0\0\0\0\0\0\0", 0),
        CASE("$SYS.clients", "\x82\xa1k\1\xa1k\2", 0),
        CASE("$SYS.client", "", STATUS_BAD_FIELD),
        CASE("$SYS.client", "\x80", STATUS_BAD_FIELD),
        CASE("$SYS.client", "\x81\xa2id\xc0", STATUS_BAD_FIELD),
        CASE("$SYS.client", "\x81\xa2id\xcf\x80\0\0\0\0\0\0\0", STATUS_NO_SID),
        CASE("$SYS.client", "\x81\xa2id\0", STATUS_NO_SID),
        CASE("$SYS.client", "\xdd\xff\0\0\0", STATUS_BAD_FIELD),
        CASE("$SYS.client", "\xdf\xff\xff\xff\xff", STATUS_BAD_FIELD),
        CASE("$SYS.client", "\x81\xa2id\5\xc0", STATUS_BAD_FIELD),
        CASE("$SYS.client", "\x81\xa2id\x91\x91\x91\x91\x91\x91\x91\x91\x91\1", STATUS_BAD_FIELD),
        CASE("$SYS.subjects", "\x81\xa5" "after\5", STATUS_BAD_FIELD),
        CASE("$SYS.subjects", "\x81\xa5" "after\xa2\xff\xff", STATUS_BAD_FIELD),
        CASE("$SYS.subjects", "\x81\xa5" "after\xa3" "a\0b", 0),
        CASE("$SYS.subjects", "\x90", STATUS_BAD_FIELD),
    };

    (void)state;
    begin();
    for (size_t i = 0; i < KIT_LENGTH(cases); i++) {
        print_message("  case %zu: %s\n", i, cases[i].subject);
        sys_send(&client, i, cases[i].subject, cases[i].bytes, cases[i].len);
        peer_expect_reply(&client, i, cases[i].status, NULL);
    }
    static uint8_t large[70000];
    sys_send(&client, 9, "$SYS.client", large, sizeof large);
    peer_expect_reply(&client, 9, STATUS_BAD_FIELD, NULL);
    finish();
}

static void what_is_not_there(void **state)
{
    static const char *const unknown[] = { "$SYS", "$SYS.", "$SYS.no", "$SYS.info.x", "$SYS.Info" };

    (void)state;
    begin();
    peer_serve(&client, 1, ">", 0);
    peer_serve(&client, 2, "*.info", 0);
    for (size_t i = 0; i < KIT_LENGTH(unknown); i++) {
        peer_request(&client, i, unknown[i], REQUEST_ONE, 100);
        const struct got *got = peer_expect(&client, OP_END);
        assert_int_equal(got->control.end.token, i);
        if (got->control.end.status != STATUS_BAD_SUBJECT) /* "$SYS." ends in an empty token */
            assert_int_equal(got->control.end.status, STATUS_NO_SERVER);
    }
    peer_request(&client, 77, "$SYS.info", REQUEST_ALL, 100);
    peer_expect_reply(&client, 77, 0, NULL);
    assert_int_equal(peer_expect_end(&client, 77, STATUS_OK)->control.end.answered, 1);
    finish();
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        kit_test(info),
        kit_test(stats_count),
        kit_test(stats_processor_time),
        kit_test(clients_in_pages),
        kit_test(one_client),
        kit_test(a_client_and_its_losses),
        kit_test(subjects_in_pages),
        kit_test(a_subject_and_who_is_there),
        kit_test(many_groups_at_one_pattern),
        kit_test(long_lines_make_short_pages),
        kit_test(bad_bodies),
        kit_test(what_is_not_there),
    };
    return kit_run("$SYS", tests, KIT_LENGTH(tests));
}
