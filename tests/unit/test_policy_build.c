/* The builder: what it refuses, in which words, and that a policy is made of all or nothing. */
#include <errno.h>

#include "tests/unit/policy_kit.h"

/* Lines that are refused as they are fed, and the sentence. */
struct refusal {
    const char *text;
    int status;
    const char *sentence;
};

static const struct refusal refusals[] = {
    { "[]", -EINVAL, "a rule needs an id: [rule \"ID\"]" },
    { "[a b]", -EINVAL, "the id \"a b\" has more than letters, digits and \"-_.:/\" in it" },
    { "[a\x1b]", -EINVAL, "the id \"a\x1b\" has more than letters, digits and \"-_.:/\" in it" },
    { "[default:owner]", -EINVAL, "\"default:owner\": ids that begin with \"default:\" are taken" },
    { "[r]\n\n[s]\n[r]", -EINVAL, "there is a rule \"r\" already, at policy.conf:1" },
    { "uid = 5", -EINVAL, "\"uid\" stands in no rule" },
    { "[r]\nsubjects = a", -ENOENT, "a rule has no key \"subjects\"" },
    { "[r]\nAllow = all", -ENOENT, "a rule has no key \"Allow\"" },

    { "[r]\nallow = publsh", -EINVAL,
      "there is no verb \"publsh\": publish, subscribe, request, serve, tap, hold, connect, admin "
      "or all" },
    { "[r]\nallow = publish subscribe", -EINVAL,
      "there is no verb \"publish subscribe\": publish, subscribe, request, serve, tap, hold, "
      "connect, admin or all" },
    { "[r]\nallow = publish\ndeny = serve", -EINVAL,
      "a rule either allows or denies: make it two" },
    { "[r]\nallow = ", -EINVAL, "an empty value" },
    { "[r]\nallow = publish,", -EINVAL, "an empty value" },
    { "[r]\nallow = publish,, serve", -EINVAL, "an empty value" },
    { "[r]\nallow =  \t ", -EINVAL, "an empty value" },

    { "[r]\nsubject = a..b", -EINVAL, "\"a..b\" is no subject: an empty token at byte 3" },
    { "[r]\nsubject = ok, a.>.b", -EINVAL,
      "\"a.>.b\" is no subject: \">\" is not the last token at byte 3" },
    { "[r]\nsubject = a b", -EINVAL, "\"a b\" is no subject: white space at byte 2" },
    { "[r]\nsubject = a\\b", -EINVAL, "a backslash stands before \",\" or \"\\\" only" },
    { "[r]\nsubject = a\\", -EINVAL, "a backslash stands before \",\" or \"\\\" only" },

    { "[r]\nuid = alice", -EINVAL, "\"alice\" is not a number from 0 to 4294967294" },
    { "[r]\nuid = -1", -EINVAL, "\"-1\" is not a number from 0 to 4294967294" },
    { "[r]\nuid = 4294967295", -EINVAL, "\"4294967295\" is not a number from 0 to 4294967294" },
    { "[r]\nuid = 18446744073709551616", -EINVAL,
      "\"18446744073709551616\" is not a number from 0 to 4294967294" },
    { "[r]\nuid = 0x10", -EINVAL, "\"0x10\" is not a number from 0 to 4294967294" },
    { "[r]\ngid = 1-5", -EINVAL, "\"1-5\" is not a number from 0 to 4294967294" },
    { "[r]\nuser = nobody-of-this-name", -EINVAL, "there is no user \"nobody-of-this-name\"" },
    { "[r]\nuser = 0", -EINVAL, "there is no user \"0\"" },
    { "[r]\ngroup = nobody-of-this-name", -EINVAL, "there is no group \"nobody-of-this-name\"" },
    { "[r]\nexecutable = meter", -EINVAL, "\"meter\" is no absolute path" },
    { "[r]\nkind = Unix", -EINVAL, "there is no kind \"Unix\": unix, bridge or anonymous" },
    { "[r]\naudit-only = maybe", -EINVAL, "\"maybe\" is neither yes nor no" },
    { "[r]\naudit-only = yes, no", -EINVAL, "audit-only is said twice" },
    { "[r]\naudit-only = yes\naudit-only = yes", -EINVAL, "audit-only is said twice" },
};

static unsigned count_lines(const char *text)
{
    unsigned n = 1;
    for (; *text; text++)
        n += *text == '\n';
    return n;
}

/* And never a policy of the rest: the builder remembers what was refused, and where. */
static void each_mistake_has_its_sentence(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(refusals); i++) {
        struct policy_builder *b = policy_builder_new();
        struct policy_snapshot *policy = NULL;
        char expected[POLICY_WHY_MAX + 64];
        assert_int_equal(feed(b, refusals[i].text), refusals[i].status);
        assert_string_equal(why, refusals[i].sentence);
        assert_int_equal(feed(b, "[good]\nallow = all"), 0);
        assert_int_equal(policy_builder_finish(b, &policy, why), -EINVAL);
        snprintf(expected, sizeof expected, "policy.conf:%u: %s", count_lines(refusals[i].text),
                 refusals[i].sentence);
        assert_string_equal(why, expected);
        assert_null(policy);
        policy_builder_free(b);
    }
}

/* What only the whole rule shows. */
static const struct refusal late[] = {
    { "[r]", 0, "policy.conf:1: rule \"r\" neither allows nor denies anything" },
    { "[a]\nallow = all\n[r]\nsubject = a\nuid = 5", 0,
      "policy.conf:3: rule \"r\" neither allows nor denies anything" },
    { "[r]\nallow = publish, connect\nsubject = a", 0,
      "policy.conf:1: rule \"r\" has a subject, and connect is not about one: give it a rule of "
      "its own" },
    { "[r]\nsubject = a\ndeny = all, admin", 0,
      "policy.conf:1: rule \"r\" has a subject, and admin is not about one: give it a rule of its "
      "own" },
    { "[r]\naudit-only = yes\nallow = all", 0,
      "policy.conf:1: rule \"r\" allows, and audit-only is for rules that deny" },
    { "[r]\nallow = all\nkind = anonymous\nuid = 5", 0,
      "policy.conf:1: rule \"r\" is for nobody: an anonymous connection has no uid, no group and "
      "no executable" },
};

static void so_has_each_rule_that_makes_no_sense(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(late); i++) {
        struct policy_builder *b = policy_builder_new();
        struct policy_snapshot *policy = NULL;
        assert_int_equal(feed(b, late[i].text), 0);
        assert_int_equal(policy_builder_finish(b, &policy, why), -EINVAL);
        assert_string_equal(why, late[i].sentence);
        assert_null(policy);
        policy_builder_free(b);
    }
}

static void sentences_are_cut_not_overrun(void **state)
{
    char *value = malloc(100001);
    static const char *const all[] = { "allow", "subject", "uid",        "user", "gid",
                                       "group", "kind",    "executable", "nokey" };
    (void)state;
    assert_non_null(value);
    memset(value, 'x', 100000);
    value[100000] = '\0';
    struct policy_builder *b = policy_builder_new();
    assert_int_equal(policy_builder_rule(b, value, value, 1, why), -EINVAL);
    assert_int_equal(strlen(why), POLICY_WHY_MAX - 1);
    assert_int_equal(policy_builder_rule(b, "r", value, 1, why), 0);
    for (size_t i = 0; i < COUNT_OF(all); i++) {
        assert_true(policy_builder_set(b, all[i], value, value, 2, why) < 0);
        assert_true(strlen(why) < POLICY_WHY_MAX);
    }
    assert_int_equal(policy_builder_set(b, value, value, value, 2, why), -ENOENT);
    policy_builder_free(b);
    free(value);
}

static void there_is_a_most_of_rules(void **state)
{
    char id[16];
    struct policy_snapshot *policy = NULL;
    struct policy_builder *b = policy_builder_new();
    (void)state;
    for (unsigned i = 0; i <= POLICY_MAX_RULES; i++) {
        snprintf(id, sizeof id, "r%u", i);
        int r = policy_builder_rule(b, id, "many", i + 1, why);
        assert_int_equal(r, i < POLICY_MAX_RULES ? 0 : -EINVAL);
        if (r == 0)
            assert_int_equal(policy_builder_set(b, "allow", "all", "many", i + 1, why), 0);
    }
    assert_string_equal(why, "more than 10000 rules");
    assert_int_equal(policy_builder_finish(b, &policy, why), -EINVAL);
    assert_string_equal(why, "many:10001: more than 10000 rules");
    policy_builder_free(b);
}

static void a_builder_is_empty_when_it_has_finished(void **state)
{
    struct policy_snapshot *one = NULL, *two = NULL;
    struct policy_builder *b = policy_builder_new();
    (void)state;
    policy_builder_defaults(b, POLICY_DEFAULTS_USER, 1000);
    assert_int_equal(feed(b, "[r]\nallow = all"), 0);
    assert_int_equal(policy_builder_finish(b, &one, why), 0);
    assert_int_equal(feed(b, "[r]\nallow = all\n[s]\ndeny = tap"), 0);
    assert_int_equal(policy_builder_finish(b, &two, why), 0);
    assert_int_equal(policy_n_rules(one), 1);
    assert_int_equal(policy_n_rules(two), 2);
    assert_int_equal(policy_builder_free(b), NULL);
    assert_ptr_equal(policy_ref(one), one);
    assert_null(policy_unref(one));
    assert_null(policy_unref(one));
    assert_null(policy_unref(two));
    assert_null(policy_unref(NULL));
    assert_null(policy_builder_free(NULL));
}

static void words_have_names(void **state)
{
    unsigned n = 0;
    enum policy_verb verb = N_VERBS;
    (void)state;
    while (policy_key_name(n))
        n++;
    assert_int_equal(n, 10);
    assert_string_equal(policy_key_name(0), "allow");
    for (unsigned i = 0; i < N_VERBS; i++) {
        assert_true(policy_verb_parse(policy_verb_name((enum policy_verb)i), &verb));
        assert_int_equal(verb, i);
    }
    assert_false(policy_verb_parse("all", &verb));
    assert_string_equal(policy_verb_name(N_VERBS), "unknown");
    assert_true(policy_verb_has_subject(VERB_HOLD));
    assert_false(policy_verb_has_subject(VERB_CONNECT) || policy_verb_has_subject(VERB_ADMIN));
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        kit_test(each_mistake_has_its_sentence),
        kit_test(so_has_each_rule_that_makes_no_sense),
        kit_test(sentences_are_cut_not_overrun),
        kit_test(there_is_a_most_of_rules),
        kit_test(a_builder_is_empty_when_it_has_finished),
        kit_test(words_have_names),
    };
    return kit_run("policy_build", tests, KIT_LENGTH(tests));
}
