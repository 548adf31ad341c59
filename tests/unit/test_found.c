/* What is found for a subject, by client: of few and of many, and how often policy is asked. */
#include "broker/route/found.h"

#include "tests/unit/policy_kit.h"
#include "tests/unit/route_kit.h"

enum { N_CLIENTS = 40 };

static void find(struct found *found, const char *subject)
{
    found_make(found, &session.route.index, subject, strlen(subject));
    assert_false(found->failed);
}

/* More than there is room for without memory, and each where it belongs. */
static void many_clients_and_kinds(void **state)
{
    struct cli *clients[N_CLIENTS];
    struct found found;
    (void)state;
    start();
    for (int i = 0; i < N_CLIENTS; i++) {
        clients[i] = cli_open();
        for (uint32_t sid = 1; sid <= 3; sid++)
            cli_sub(clients[i], sid, sid % 2 ? "x.*" : "x.>");
        cli_sub(clients[i], 4, "x.y", .group = "g");
        cli_sub(clients[i], 5, "other");
        cli_serve(clients[i], 6, "*.y", 0);
    }
    find(&found, "x.y");
    assert_int_equal(found.clients.n, N_CLIENTS);
    assert_int_equal(found.lists[FOUND_PLAIN].n, 3 * N_CLIENTS);
    assert_int_equal(found.lists[FOUND_GROUPED].n, N_CLIENTS);
    assert_int_equal(found.lists[FOUND_SERVICES].n, N_CLIENTS);
    struct found_client **order = found_order(&found);
    struct lane **lanes = found_by_client(&found, FOUND_PLAIN, order);
    assert_true(order && lanes);
    for (int i = 0; i < N_CLIENTS; i++) {
        assert_ptr_equal(order[i]->client, clients[i]->client);
        assert_int_equal(order[i]->client->mark, 0);
        assert_int_equal(order[i]->n[0], 4);
        assert_int_equal(order[i]->n[1], 1);
        assert_int_equal(order[i]->n_plain, 3);
        assert_int_equal(order[i]->end, 3 * (i + 1));
        for (int j = 0; j < 3; j++)
            assert_ptr_equal(sub_of(lanes[3 * i + j])->reg.client, clients[i]->client);
    }
    free(order);
    free(lanes);
    found_deinit(&found);
    for (int i = 0; i < N_CLIENTS; i++)
        cli_close(clients[i]);
    stop();
}

static uint32_t n_found(const char *rules, bool audit_only, const char *subject)
{
    struct found found;
    start();
    struct policy_snapshot *policy =
        policy_of(rules, .defaults = POLICY_DEFAULTS_NONE, .audit_only = audit_only);
    struct cli *a = cli_open();
    for (uint32_t sid = 1; sid <= 20; sid++)
        cli_sub(a, sid, "x.*");
    rights_unref(a->client->rights);
    a->client->rights = rights_for(policy, &principal_with(.uid = 1000, .gid = 1000));
    counters.audited = 0;
    find(&found, subject);
    uint32_t n = found.lists[FOUND_PLAIN].n;
    assert_int_equal(found.clients.n, 1);
    assert_int_equal(a->client->mark, 0);
    found_deinit(&found);
    cli_close(a);
    stop();
    policy_unref(policy);
    return n;
}

/* What would be refused, were it enforced, is reported once for a client and subject. */
static void policy_is_asked_once(void **state)
{
    static const char rules[] = "[all]\n"
                                "allow = subscribe\n"
                                "subject = >\n"
                                "[no]\n"
                                "deny = subscribe\n"
                                "subject = x.secret\n";
    (void)state;
    assert_int_equal(n_found(rules, false, "x.open"), 20);
    assert_int_equal(n_found(rules, false, "x.secret"), 0);
    assert_int_equal(counters.audited, 0);
    assert_int_equal(n_found(rules, true, "x.secret"), 20);
    assert_int_equal(counters.audited, 1);
}

static void who_has_too_many_is_named(void **state)
{
    struct found found;
    (void)state;
    start();
    struct cli *a = cli_open();
    struct cli *b = cli_open();
    for (uint32_t sid = 1; sid <= MAX_OVERLAP; sid++) {
        cli_sub(a, sid, "x.*");
        cli_sub(b, sid, "x.*");
    }
    find(&found, "x.y");
    assert_null(found.overdone);
    found_deinit(&found);
    cli_sub(b, 1000, "x.y");
    find(&found, "x.y");
    assert_ptr_equal(found.overdone, b->client);
    assert_int_equal(found.lists[FOUND_PLAIN].n, 2 * MAX_OVERLAP);
    found_deinit(&found);
    cli_close(a);
    cli_close(b);
    stop();
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        kit_test(many_clients_and_kinds),
        kit_test(policy_is_asked_once),
        kit_test(who_has_too_many_is_named),
    };
    return kit_run("found", tests, KIT_LENGTH(tests));
}
