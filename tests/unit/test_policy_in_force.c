/* The policy in force, on every way by which something is done or arrives; and its change. */
#include "tests/unit/policy_kit.h"
#include "tests/unit/route_kit.h"

enum { ALICE = 1000, BOB = 1001 };

static struct policy_snapshot *policy;

static const char RULES[] = "[everybody]\n"
                            "allow = publish, subscribe, request, serve\n"
                            "subject = >\n"
                            "[secret]\n"
                            "deny = publish, subscribe, request, serve\n"
                            "subject = secret.>\n"
                            "[alice]\n"
                            "uid = 1000\n"
                            "allow = all\n"
                            "subject = secret.>, >\n";

static void put_in_force(const char *rules)
{
    policy_unref(policy);
    policy = policy_of(rules, .defaults = POLICY_DEFAULTS_NONE);
}

/* The kernel says of all of us that we are who runs this; policy is asked about somebody else. */
static struct cli *cli_of(uid_t uid)
{
    struct cli *cli = cli_open();
    rights_unref(cli->client->rights);
    cli->client->rights = rights_for(policy, &principal_with(.uid = uid, .gid = uid));
    route_changed(&session.route);
    return cli;
}

static void begin(void)
{
    start();
    put_in_force(RULES);
}

static void end(struct cli *a, struct cli *b)
{
    cli_close(a);
    cli_close(b);
    stop();
    policy = policy_unref(policy);
}

static struct heard *say_sub(struct cli *cli, int op, uint32_t sid, const char *pattern)
{
    struct envelope e = { .op = (uint8_t)op };
    if (op == OP_SUB) {
        e.sub.ref = e.sub.sid = sid;
        e.sub.pattern = (struct piece){ pattern, strlen(pattern) };
    } else {
        e.serve.ref = e.serve.sid = sid;
        e.serve.pattern = (struct piece){ pattern, strlen(pattern) };
    }
    cli_say(cli, &e);
    return hear(cli);
}

static void assert_text(struct piece said, const char *text)
{
    assert_int_equal(said.len, strlen(text));
    assert_memory_equal(said.p, text, said.len);
}

static void a_publish_is_refused_with_its_rule(void **state)
{
    (void)state;
    begin();
    struct cli *a = cli_of(ALICE), *b = cli_of(BOB);
    cli_sub(a, 1, "secret.x");
    for (int i = 0; i < 3; i++) /* the third by the short way */
        cli_publish(b, "secret.x", 1, 8);
    struct heard *h = expect(b, OP_REFUSED);
    assert_int_equal(h->e.refused.first, 1);
    assert_int_equal(h->e.refused.last, 3);
    assert_int_equal(h->e.refused.status, STATUS_DENIED);
    assert_text(h->e.refused.what, "rule secret");
    expect_silence(a);
    cli_publish(a, "secret.x", 2, 8); /* what one may, the other may not, though it is cached */
    expect(a, OP_MESSAGE);
    cli_publish(b, "secret.x", 3, 8);
    expect(b, OP_REFUSED);
    cli_publish(b, "open.x", 4, 8);
    expect_silence(a);
    expect_silence(b);
    end(a, b);
}

static void administrators_hear_where_it_is_written(void **state)
{
    (void)state;
    start();
    put_in_force("[admins]\nallow = admin, connect\n[no]\ndeny = publish\nsubject = a");
    struct cli *a = cli_of(ALICE), *b = cli_of(BOB);
    cli_publish(a, "a", 1, 8);
    assert_text(expect(a, OP_REFUSED)->e.refused.what, "rule no (policy.conf:3)");
    end(a, b);
}

static void a_subscription_is_refused_if_all_of_it_is(void **state)
{
    (void)state;
    begin();
    struct cli *a = cli_of(ALICE), *b = cli_of(BOB);
    static const char *const refused[] = { "secret.x", "secret.*", "secret.>" };
    for (uint32_t i = 0; i < KIT_LENGTH(refused); i++) {
        struct heard *h = say_sub(b, OP_SUB, i + 1, refused[i]);
        assert_int_equal(h->op, OP_ERROR);
        assert_int_equal(h->e.error.status, STATUS_DENIED);
        assert_text(h->e.error.what, "rule secret");
        assert_int_equal(say_sub(b, OP_SERVE, i + 1, refused[i])->op, OP_ERROR);
        assert_int_equal(say_sub(a, OP_SUB, i + 1, refused[i])->op, OP_OK);
    }
    assert_int_equal(counters.denied, 6);
    assert_int_equal(say_sub(b, OP_SUB, 9, "*.x")->op, OP_OK);
    end(a, b);
}

/* Plain, in a group, with overlaps, with credentials: the concrete subject decides. */
static void a_denied_subject_arrives_by_no_pattern(void **state)
{
    (void)state;
    begin();
    struct cli *a = cli_of(ALICE), *b = cli_of(BOB);
    cli_sub(b, 1, ">");
    cli_sub(b, 2, "*.x", .group = "g");
    cli_sub(b, 3, "*.x", .credentials = true);
    cli_sub(b, 4, ">", .policy = POLICY_LATEST);
    cli_sub(b, 5, ">", .after = 1);
    cli_publish(a, "secret.x", 1, 8);
    cli_ref(a, OP_CONFIRM, 7);
    struct heard *h = expect(a, OP_CONFIRMED);
    assert_int_equal(h->e.confirmed.matched, 0); /* denied is not loss, and not matched */
    expect_silence(b);
    cli_publish(a, "open.x", 2, 8);
    expect(b, OP_MESSAGE);
    assert_int_equal(b->n_sids, 5);
    expect(b, OP_ENDED);
    expect_silence(b);
    end(a, b);
}

static void of_a_group_only_those_get_it_who_may(void **state)
{
    (void)state;
    begin();
    struct cli *a = cli_of(ALICE), *b = cli_of(BOB);
    cli_sub(a, 1, ">", .group = "g");
    cli_sub(b, 1, ">", .group = "g");
    for (uint64_t i = 0; i < 4; i++)
        cli_publish(a, "secret.x", i, 8);
    for (int i = 0; i < 4; i++)
        expect(a, OP_MESSAGE);
    expect_silence(b);
    end(a, b);
}

static void requests_and_services(void **state)
{
    (void)state;
    begin();
    struct cli *a = cli_of(ALICE), *b = cli_of(BOB);
    cli_serve(b, 1, ">", 10);
    cli_ask(a, 1, "secret.x", REQUEST_ONE, 1000); /* it may serve some of the pattern, not this */
    assert_int_equal(expect(a, OP_END)->e.end.status, STATUS_NO_SERVER);
    cli_ask(a, 2, "secret.x", REQUEST_ALL, 1000);
    assert_int_equal(expect(a, OP_END)->e.end.status, STATUS_NO_SERVER);
    cli_serve(a, 1, "secret.>", 10);
    cli_ask(b, 3, "secret.x", REQUEST_ONE, 1000);
    struct heard *h = expect(b, OP_END);
    assert_int_equal(h->e.end.status, STATUS_DENIED);
    assert_text(h->e.end.what, "rule secret");
    cli_ask(b, 4, "secret..x", REQUEST_ONE, 1000);
    assert_int_equal(expect(b, OP_END)->e.end.status, STATUS_BAD_SUBJECT);
    cli_ask(a, 5, "open.x", REQUEST_ONE, 1000);
    cli_answer(b, expect(b, OP_REQUEST)->f.token, false, 0);
    expect(a, OP_REPLY);
    end(a, b);
}

static void the_broker_itself_is_asked_by_right(void **state)
{
    (void)state;
    begin();
    struct cli *a = cli_of(ALICE), *b = cli_of(BOB);
    cli_ask(b, 1, "$SYS.clients", REQUEST_ONE, 1000);
    assert_int_equal(expect(b, OP_END)->e.end.status, STATUS_DENIED);
    assert_int_equal(say_sub(b, OP_SUB, 1, "$SYS.event.>")->op, OP_ERROR);
    cli_ref(b, OP_PING, 3);
    expect(b, OP_PONG);
    end(a, b);
}

static void audit_only_reports_and_lets_pass(void **state)
{
    (void)state;
    start();
    policy = policy_of("[no]\ndeny = publish, subscribe\nsubject = a", .audit_only = true);
    struct cli *a = cli_of(ALICE), *b = cli_of(BOB);
    cli_sub(a, 1, "a");
    assert_int_equal(counters.audited, 1);
    cli_publish(b, "a", 1, 8);
    expect(a, OP_MESSAGE);
    assert_true(counters.audited > 1);
    assert_int_equal(counters.denied, 0);
    end(a, b);
}

/* ---- another policy ------------------------------------------------------------ */

/* For whom this runs as. */
static void change_to(const char *rules)
{
    put_in_force(rules);
    assert_int_equal(session_set_policy(&session, policy), 0);
    turn();
}

#define ALL "[all]\nallow = all\n"

static void who_may_not_be_here_any_more_is_told(void **state)
{
    (void)state;
    start();
    struct cli *a = cli_open(), *b = cli_open();
    change_to("[nobody]\nuid = 4000000000\nallow = all");
    for (int i = 0; i < 2; i++) {
        struct heard *h = expect(i ? a : b, OP_GOODBYE);
        assert_int_equal(h->e.goodbye.status, STATUS_DENIED);
    }
    end(a, b);
}

static void what_one_may_not_have_any_more_ends(void **state)
{
    (void)state;
    start();
    struct cli *a = cli_open(), *b = cli_open();
    cli_sub(a, 1, "x");
    cli_sub(a, 2, "y");
    cli_sub(a, 3, ">");
    cli_serve(a, 4, "x", 10);
    cli_serve(a, 5, "y", 10);
    change_to(ALL "[no]\ndeny = subscribe, serve\nsubject = x");
    bool ended[6] = { false };
    for (int i = 0; i < 2; i++) {
        struct heard *h = expect(a, OP_ENDED);
        assert_int_equal(h->e.ended.status, STATUS_DENIED);
        ended[h->e.ended.sid] = true;
    }
    assert_true(ended[1] && ended[4]);
    cli_publish(b, "x", 1, 8);
    expect_silence(a); /* not by ">" either */
    cli_publish(b, "y", 2, 8);
    expect(a, OP_MESSAGE);
    assert_int_equal(a->n_sids, 2);
    cli_sub(a, 1, "z"); /* the sid is free */
    end(a, b);
}

static void open_requests_end_with_the_right_to_serve(void **state)
{
    (void)state;
    start();
    struct cli *a = cli_open(), *b = cli_open();
    cli_serve(a, 1, "x", 10);
    cli_ask(b, 1, "x", REQUEST_ONE, 10000);
    cli_ask(b, 2, "x", REQUEST_ALL, 10000);
    expect(a, OP_REQUEST);
    expect(a, OP_REQUEST);
    change_to(ALL "[no]\ndeny = serve\nsubject = x");
    for (int i = 0; i < 2; i++) {
        struct heard *h = expect(b, OP_END);
        if (h->e.end.token == 1)
            assert_int_equal(h->e.end.status, STATUS_DENIED);
        else
            assert_int_equal(h->e.end.gone, 1);
    }
    expect(a, OP_CANCEL);
    expect(a, OP_CANCEL);
    expect(a, OP_ENDED);
    assert_int_equal(session.route.calls.n_open, 0);
    end(a, b);
}

static void open_requests_end_with_the_right_to_request(void **state)
{
    (void)state;
    start();
    struct cli *a = cli_open(), *b = cli_open();
    cli_serve(a, 1, "x", 10);
    cli_serve(a, 2, "y", 10);
    cli_ask(b, 1, "x", REQUEST_ONE, 10000);
    cli_ask(b, 2, "y", REQUEST_ONE, 10000);
    change_to(ALL "[no]\ndeny = request\nsubject = x");
    struct heard *h = expect(b, OP_END);
    assert_int_equal(h->e.end.token, 1);
    assert_int_equal(h->e.end.status, STATUS_DENIED);
    assert_int_equal(session.route.calls.n_open, 1);
    end(a, b);
}

/* What counts is the subject that was asked for, not what else the service could be asked. */
static void open_requests_end_by_their_own_subject(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        start();
        struct cli *a = cli_open(), *b = cli_open();
        cli_serve(a, 1, "x.*", 10);
        cli_ask(b, 1, "x.lost", REQUEST_ONE, 10000);
        cli_ask(b, 2, "x.kept", REQUEST_ONE, 10000);
        expect(a, OP_REQUEST);
        uint64_t kept = expect(a, OP_REQUEST)->f.token;
        change_to(i == 0 ? ALL "[no]\ndeny = serve\nsubject = x.lost"
                         : ALL "[no]\ndeny = request\nsubject = x.lost");
        struct heard *h = expect(b, OP_END);
        assert_int_equal(h->e.end.token, 1);
        assert_int_equal(h->e.end.status, STATUS_DENIED);
        expect(a, OP_CANCEL);
        expect_silence(a); /* it still serves the rest */
        cli_answer(a, kept, false, 0);
        expect(b, OP_REPLY);
        end(a, b);
    }
}

/* UNSERVE lets them run to their end; what may not be served any more ends all the same. */
static void open_requests_outlive_their_service(void **state)
{
    (void)state;
    start();
    struct cli *a = cli_open(), *b = cli_open();
    cli_serve(a, 1, "x.*", 10);
    cli_ask(b, 1, "x.lost", REQUEST_ONE, 10000);
    cli_ask(b, 2, "x.kept", REQUEST_ONE, 10000);
    expect(a, OP_REQUEST);
    expect(a, OP_REQUEST);
    cli_unsub(a, 1, OP_UNSERVE);
    expect(a, OP_OK);
    change_to(ALL "[no]\ndeny = request\nsubject = y");
    expect_silence(b);
    change_to(ALL "[no]\ndeny = serve\nsubject = x.lost");
    assert_int_equal(expect(b, OP_END)->e.end.token, 1);
    assert_int_equal(session.route.calls.n_open, 1);
    end(a, b);
}

/* More than are looked for at a time. */
static void many_open_requests_end(void **state)
{
    enum { MANY = 1500 };
    (void)state;
    start();
    struct cli *a = cli_open(), *b = cli_open();
    cli_serve(a, 1, ">", 2 * MANY);
    for (uint64_t i = 0; i < MANY; i++) {
        cli_ask(b, i, i % 3 ? "x" : "y", i % 2 ? REQUEST_ONE : REQUEST_ALL, 10000);
        expect(a, OP_REQUEST);
    }
    change_to(ALL "[no]\ndeny = serve\nsubject = x");
    assert_int_equal(session.route.calls.n_open, MANY / 3);
    change_to(ALL "[no]\ndeny = request\nsubject = y");
    assert_int_equal(session.route.calls.n_open, 0);
    for (int i = 0; i < MANY; i++) {
        expect(b, OP_END);
        expect(a, OP_CANCEL);
    }
    end(a, b);
}

/* A right that is given works at once, too: nothing of what was denied is remembered. */
static void what_is_allowed_now_arrives(void **state)
{
    (void)state;
    start();
    struct cli *a = cli_open(), *b = cli_open();
    change_to(ALL "[no]\ndeny = subscribe, publish\nsubject = x");
    cli_sub(a, 1, ">");
    cli_publish(b, "x", 1, 8);
    expect(b, OP_REFUSED);
    change_to(ALL);
    cli_publish(b, "x", 2, 8);
    expect(a, OP_MESSAGE);
    change_to(ALL "[no]\ndeny = publish\nsubject = x");
    cli_publish(b, "x", 3, 8);
    expect(b, OP_REFUSED);
    expect_silence(a);
    end(a, b);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        kit_test(a_publish_is_refused_with_its_rule),
        kit_test(administrators_hear_where_it_is_written),
        kit_test(a_subscription_is_refused_if_all_of_it_is),
        kit_test(a_denied_subject_arrives_by_no_pattern),
        kit_test(of_a_group_only_those_get_it_who_may),
        kit_test(requests_and_services),
        kit_test(the_broker_itself_is_asked_by_right),
        kit_test(audit_only_reports_and_lets_pass),
        kit_test(who_may_not_be_here_any_more_is_told),
        kit_test(what_one_may_not_have_any_more_ends),
        kit_test(open_requests_end_with_the_right_to_serve),
        kit_test(open_requests_end_with_the_right_to_request),
        kit_test(open_requests_end_by_their_own_subject),
        kit_test(open_requests_outlive_their_service),
        kit_test(many_open_requests_end),
        kit_test(what_is_allowed_now_arrives),
    };
    return kit_run("policy_in_force", tests, KIT_LENGTH(tests));
}
