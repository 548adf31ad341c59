/* What is decided where no rule was written, and what is only reported. */
#include "tests/unit/policy_kit.h"

static const struct principal alice = { .uid = 1000, .gid = 100, .pidfd = -1 };
static const struct principal root = { .uid = 0, .pidfd = -1 };

static void nothing_is_allowed_by_nothing(void **state)
{
    (void)state;
    struct policy_snapshot *policy = policy_of("");
    struct rights *rights = rights_for(policy, &root);
    for (unsigned verb = 0; verb < N_VERBS; verb++) {
        assert_verdict(ask(rights, (enum policy_verb)verb, "a"), false, "default:deny");
        assert_false(rights_all(rights, (enum policy_verb)verb));
        assert_false(rights_pass(rights, (enum policy_verb)verb, "a"));
    }
    assert_int_equal(policy_n_rules(policy), 0);
    rights_unref(rights);
    policy_unref(policy);
}

static void the_owner_and_root_may_do_everything_on_a_users_socket(void **state)
{
    static const struct principal bob = { .uid = 1001 };
    (void)state;
    struct policy_snapshot *policy = policy_of("", POLICY_DEFAULTS_USER, 1000);
    struct rights *owners = rights_for(policy, &alice), *roots = rights_for(policy, &root);
    struct rights *bobs = rights_for(policy, &bob);
    for (unsigned i = 0; i < N_VERBS; i++) {
        enum policy_verb verb = (enum policy_verb)i;
        assert_verdict(ask(owners, verb, "$SYS.clients"), true, "default:owner");
        assert_verdict(ask(owners, verb, "a.b"), true, "default:owner");
        assert_verdict(ask(roots, verb, "$app"), true, "default:root");
        assert_verdict(ask(bobs, verb, "$SYS.info"), false, "default:deny");
        assert_true(rights_all(owners, verb) && rights_pass(owners, verb, "$x"));
        assert_false(rights_all(bobs, verb));
    }
    assert_null(ask(owners, VERB_TAP, "a").rule->file);
    assert_null(ask(bobs, VERB_TAP, "a").rule->file);
    assert_int_equal(policy_n_rules(policy), 0);
    rights_unref(owners);
    rights_unref(roots);
    rights_unref(bobs);
    policy_unref(policy);
}

static void the_system_socket_tells_what_it_is_and_no_more(void **state)
{
    static const struct policy_peer anonymous = { .kind = KIND_ANONYMOUS };
    struct rights *rights = NULL;
    (void)state;
    struct policy_snapshot *policy = policy_of("", POLICY_DEFAULTS_SYSTEM, 0);
    assert_int_equal(rights_of(policy, &anonymous, &rights), 0);
    assert_verdict(ask(rights, VERB_CONNECT, ""), false, "default:deny");
    rights_unref(rights);
    rights = rights_for(policy, &root);
    assert_verdict(ask(rights, VERB_CONNECT, ""), true, "default:info");
    assert_verdict(ask(rights, VERB_REQUEST, "$SYS.info"), true, "default:info");
    assert_verdict(ask(rights, VERB_REQUEST, "$SYS.clients"), false, "default:deny");
    assert_verdict(ask(rights, VERB_SUBSCRIBE, "$SYS.info"), false, "default:deny");
    assert_verdict(ask(rights, VERB_ADMIN, ""), false, "default:deny");
    assert_true(rights_all(rights, VERB_CONNECT));
    rights_unref(rights);
    policy_unref(policy);
}

/* However general it is, and however specific the default. */
static void what_is_written_goes_before_the_defaults(void **state)
{
    (void)state;
    struct policy_snapshot *policy =
        policy_of("[no]\ndeny = publish, connect\n[yes]\nallow = publish\nsubject = a",
                  POLICY_DEFAULTS_USER, 1000);
    struct rights *rights = rights_for(policy, &alice);
    assert_verdict(ask(rights, VERB_PUBLISH, "b"), false, "no");
    assert_verdict(ask(rights, VERB_PUBLISH, "a"), true, "yes");
    assert_verdict(ask(rights, VERB_PUBLISH, "$a"), true, "default:owner"); /* ">" has no '$' */
    assert_verdict(ask(rights, VERB_CONNECT, ""), false, "no");
    assert_verdict(ask(rights, VERB_ADMIN, ""), true, "default:owner");
    assert_verdict(ask(rights, VERB_SUBSCRIBE, "b"), true, "default:owner");
    assert_int_equal(policy_n_rules(policy), 2);
    rights_unref(rights);
    policy_unref(policy);
    policy = policy_of("[no]\ndeny = request\nsubject = $SYS.>", POLICY_DEFAULTS_SYSTEM, 0);
    rights = rights_for(policy, &alice);
    assert_verdict(ask(rights, VERB_REQUEST, "$SYS.info"), false, "no");
    rights_unref(rights);
    policy_unref(policy);
}

static void assert_audit(struct policy_verdict verdict, const char *decided, const char *audit)
{
    assert_string_equal(verdict.rule->id, decided);
    assert_true(verdict.allowed);
    if (audit)
        assert_string_equal(verdict.audit->id, audit);
    else
        assert_null(verdict.audit);
}

static void audit_only_allows_and_reports(void **state)
{
    (void)state;
    struct policy_snapshot *policy = policy_of("[no]\ndeny = publish\nsubject = a\n"
                                               "[yes]\nallow = publish\nsubject = b",
                                               .audit_only = true);
    struct rights *rights = rights_for(policy, &alice);
    assert_true(policy_is_audit_only(policy));
    assert_audit(ask(rights, VERB_PUBLISH, "a"), "no", "no");
    assert_audit(ask(rights, VERB_PUBLISH, "b"), "yes", NULL);
    assert_audit(ask(rights, VERB_PUBLISH, "c"), "default:deny", "default:deny");
    assert_audit(ask(rights, VERB_CONNECT, ""), "default:deny", "default:deny");
    rights_unref(rights);
    policy_unref(policy);
}

/* As if it were not there, but for the report: it opens nothing that another rule closes. */
static void a_rule_that_is_audit_only_changes_nothing(void **state)
{
    (void)state;
    struct policy_snapshot *policy =
        policy_of("[try]\ndeny = publish\nsubject = a.>, b.>, c\naudit-only = yes\n"
                  "[later]\ndeny = publish\nsubject = a.*\naudit-only = true\n"
                  "[open]\nallow = publish\nsubject = *.>\n"
                  "[exact]\nallow = publish\nsubject = a.exact\n"
                  "[closed]\ndeny = publish\nsubject = b.*\naudit-only = no\n"
                  "[closing]\ndeny = publish\nsubject = >");
    struct rights *rights = rights_for(policy, &alice);
    assert_audit(ask(rights, VERB_PUBLISH, "a.x.y"), "open", "try");
    assert_audit(ask(rights, VERB_PUBLISH, "a.x"), "open", "later"); /* the first to refuse */
    assert_audit(ask(rights, VERB_PUBLISH, "a.exact"), "exact", NULL);
    assert_audit(ask(rights, VERB_PUBLISH, "d.x"), "open", NULL);
    assert_verdict(ask(rights, VERB_PUBLISH, "b.x"), false, "closed");
    assert_verdict(ask(rights, VERB_PUBLISH, "c"), false, "closing");
    assert_null(ask(rights, VERB_PUBLISH, "c").audit);
    rights_unref(rights);
    policy_unref(policy);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        kit_test(nothing_is_allowed_by_nothing),
        kit_test(the_owner_and_root_may_do_everything_on_a_users_socket),
        kit_test(the_system_socket_tells_what_it_is_and_no_more),
        kit_test(what_is_written_goes_before_the_defaults),
        kit_test(audit_only_allows_and_reports),
        kit_test(a_rule_that_is_audit_only_changes_nothing),
    };
    return kit_run("policy_defaults", tests, KIT_LENGTH(tests));
}
