/* What a policy denies does not happen and does not arrive, by a real broker; the rules are for everybody here. All
 * paths, by brute force: unit test test_policy_paths.c. FAULTS: "Security". */
#include "tests/live/config_files.h"

static const char *rules = "[rule \"all\"]\nallow = all\n"
                           "[rule \"no-secrets\"]\ndeny = publish, subscribe, request, serve\n"
                           "subject = secret.>\n"
                           "[rule \"unheard\"]\ndeny = subscribe\nsubject = diary.*\n";

static struct peer peer, other;

static void open_both(void)
{
    begin(rules);
    start();
    peer_open(&peer, broker);
    peer_open(&other, broker);
}

static void close_both(void)
{
    peer_close(&peer);
    peer_close(&other);
    finish();
}

/* As administrators hear it: the tests run as the user of the broker. */
static void expect_rule(const struct piece *what, const char *id)
{
    char wanted[80];

    snprintf(wanted, sizeof wanted, "rule %s (", id);
    if (what->len < strlen(wanted) || memcmp(what->p, wanted, strlen(wanted)) != 0)
        fail_msg("\"%.*s\" does not name rule %s", (int)what->len, (const char *)what->p, id);
}

static void expect_denied(struct peer *by, uint8_t op, uint64_t sid, const char *pattern)
{
    struct envelope e = { .op = op };

    if (op == OP_SUB) {
        e.sub.ref = e.sub.sid = sid;
        e.sub.pattern = (struct piece){ pattern, strlen(pattern) };
    } else {
        e.serve.ref = e.serve.sid = sid;
        e.serve.pattern = (struct piece){ pattern, strlen(pattern) };
    }
    peer_send(by, &e);
    const struct got *got = peer_expect(by, OP_ERROR);
    assert_int_equal(got->control.error.status, STATUS_DENIED);
    expect_rule(&got->control.error.what, "no-secrets");
}

static void what_is_refused_names_its_rule(void **state)
{
    (void)state;
    open_both();
    expect_denied(&peer, OP_SUB, 1, "secret.a");
    expect_denied(&peer, OP_SUB, 1, "secret.>");
    expect_denied(&peer, OP_SERVE, 1, "secret.a");
    peer_publish(&peer, "secret.a", "x", 1);
    const struct got *got = peer_expect(&peer, OP_REFUSED);
    assert_int_equal(got->control.refused.status, STATUS_DENIED);
    expect_rule(&got->control.refused.what, "no-secrets");
    peer_request(&peer, 7, "secret.a", REQUEST_ONE, 5000);
    got = peer_expect_end(&peer, 7, STATUS_DENIED);
    expect_rule(&got->control.end.what, "no-secrets");
    peer_request(&peer, 8, "secret.a", REQUEST_ALL, 5000);
    peer_expect_end(&peer, 8, STATUS_DENIED);
    peer_ping(&peer);
    close_both();
}

/** CONFIRMED says that so many subscriptions got it. */
static void expect_matched(struct peer *by, uint64_t n)
{
    struct envelope e = { .op = OP_CONFIRM, .ref = 1 };

    peer_send(by, &e);
    assert_int_equal(peer_expect(by, OP_CONFIRMED)->control.confirmed.matched, n);
}

static void nothing_arrives_by_a_wider_pattern(void **state)
{
    static const char *const patterns[] = { ">", "*.*", "diary.>", "*.today" };
    struct envelope group = { .op = OP_SUB };

    (void)state;
    open_both();
    for (uint64_t i = 0; i < KIT_LENGTH(patterns); i++)
        peer_sub(&peer, i + 1, patterns[i]);
    group.sub.ref = group.sub.sid = 9;
    group.sub.pattern = (struct piece){ ">", 1 };
    group.sub.group = (struct piece){ "g", 1 };
    peer_send(&peer, &group);
    peer_expect(&peer, OP_OK);
    peer_publish(&other, "diary.today", "x", 1);
    expect_matched(&other, 0);
    peer_ping(&peer); /* and nothing before it: no message, and no gap */
    peer_publish(&other, "news.today", "x", 1);
    expect_matched(&other, 4);
    assert_int_equal(peer_expect(&peer, OP_SELECT)->control.select.n, 4);
    peer_expect(&peer, OP_MESSAGE);
    peer_ping(&peer);
    close_both();
}

/* A service may cover more than is allowed: of the rest it is not there. */
static void a_wider_service_is_not_asked(void **state)
{
    (void)state;
    open_both();
    peer_serve(&peer, 1, ">", 0);
    peer_request(&other, 1, "secret.a", REQUEST_ONE, 5000);
    peer_expect_end(&other, 1, STATUS_DENIED);
    peer_request(&other, 2, "open.a", REQUEST_ONE, 5000);
    peer_reply(&peer, peer_expect_request(&peer), 0, false, "yes");
    peer_expect_reply(&other, 2, 0, "yes");
    peer_ping(&peer);
    close_both();
}

static void a_right_that_is_taken_away_ends_what_relied_on_it(void **state)
{
    (void)state;
    open_both();
    peer_sub(&peer, 1, "news");
    peer_serve(&peer, 2, "svc.a", 0);
    peer_request(&other, 5, "svc.a", REQUEST_ONE, 60000);
    uint64_t token = peer_expect_request(&peer);
    write_file("conf.d/later.conf",
               "[rule \"later\"]\ndeny = serve, subscribe\nsubject = svc.a, news\n");
    hang_up("SIGHUP: the configuration was read again");
    peer_expect_end(&other, 5, STATUS_DENIED);
    const struct got *got = peer_next(&peer, RAW_DEADLINE_MS);
    unsigned n_ended = 0, n_cancelled = 0;
    for (int i = 0; i < 3 && got; i++, got = i < 3 ? peer_next(&peer, RAW_DEADLINE_MS) : got) {
        n_ended += got->op == OP_ENDED && got->control.ended.status == STATUS_DENIED;
        n_cancelled += got->op == OP_CANCEL && got->control.cancel.token == token;
    }
    assert_int_equal(n_ended, 2);
    assert_int_equal(n_cancelled, 1);
    peer_publish(&other, "news", "x", 1);
    expect_matched(&other, 0);
    peer_ping(&peer);
    close_both();
}

static void who_may_not_be_here_is_told(void **state)
{
    struct peer late;

    (void)state;
    open_both();
    write_file("conf.d/out.conf", "[rule \"out\"]\ndeny = connect\n");
    kill(broker_proc_pid(broker), SIGHUP);
    peer_expect_goodbye(&peer, STATUS_DENIED);
    peer_expect_goodbye(&other, STATUS_DENIED);
    peer_connect(&late, broker);
    peer_expect_goodbye(&late, STATUS_DENIED);
    peer_close(&late);
    close_both();
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        kit_test(what_is_refused_names_its_rule),
        kit_test(nothing_arrives_by_a_wider_pattern),
        kit_test(a_wider_service_is_not_asked),
        kit_test(a_right_that_is_taken_away_ends_what_relied_on_it),
        kit_test(who_may_not_be_here_is_told),
    };
    return kit_run("rights", tests, KIT_LENGTH(tests));
}
