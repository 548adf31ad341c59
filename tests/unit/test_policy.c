/* Decisions: which of two rules goes first, who a rule is for, and about what. */
#include "tests/unit/policy_kit.h"

static const struct principal alice = { .uid = 1000, .gid = 100, .pidfd = -1 };

/* Two rules that speak of the same, and the one that must decide, written in either order. */
struct contest {
    const char *winner, *loser; /* the keys of each, without its effect */
    const char *subject;
};

static const struct contest subjects[] = {
    { "subject = a.b", "subject = a.*", "a.b" },
    { "subject = a.b", "subject = a.>", "a.b" },
    { "subject = a.b", "subject = >", "a.b" },
    { "subject = a.*", "subject = a.>", "a.b" },
    { "subject = a.*.*", "subject = a.*.>", "a.b.c" },
    { "subject = a.>", "subject = >", "a.b" },
    { "subject = a.>", "subject = *.b", "a.b" }, /* from the left */
    { "subject = a.>", "subject = *.b.c", "a.b.c" },
    { "subject = a.*.c", "subject = a.*.*", "a.b.c" },
    { "subject = *", "subject = >", "a" },
    { "subject = *.b", "subject = >", "a.b" },
    { "subject = a.b", "", "a.b" },
    { "subject = x, a.*", "subject = a.>, x", "a.b" },
    { "subject = $SYS.*", "subject = $SYS.>", "$SYS.info" },
    /* The subject goes before who. */
    { "subject = a.b", "subject = a.>\nuid = 1000", "a.b" },
    { "subject = a.b", "subject = a.*\nexecutable = /bin/x", "a.b" },
};

static const struct contest whos[] = {
    { "executable = /bin/x", "uid = 1000", "a" },
    { "executable = /bin/x", "uid = 1000\ngid = 100\nkind = unix", "a" },
    { "executable = /bin/x", "", "a" },
    { "executable = /bin/x\nuid = 1000", "executable = /bin/x", "a" },
    { "executable = /bin/x\nkind = unix", "executable = /bin/x", "a" },
    { "uid = 1000", "gid = 100", "a" },
    { "uid = 1000", "gid = 100\nkind = unix", "a" },
    { "uid = 1000\nkind = unix", "uid = 1000", "a" },
    { "uid = 1000\ngid = 100", "uid = 1000", "a" },
    { "gid = 100", "kind = unix", "a" },
    { "kind = unix", "", "a" },
};

static void decide(const struct contest *contest, const char *first, const char *second,
                   const char *expected)
{
    struct principal who = alice;
    who.executable = (char *)"/bin/x";
    char text[512];
    snprintf(text, sizeof text, "%s\n%s", first, second);
    struct policy_snapshot *policy = policy_of(text);
    struct rights *rights = rights_for(policy, &who);
    struct policy_verdict verdict = ask(rights, VERB_PUBLISH, contest->subject);
    if (strcmp(verdict.rule->id, expected) != 0)
        fail_msg("\"%s\" against \"%s\": %s decided", contest->winner, contest->loser,
                 verdict.rule->id);
    assert_int_equal(verdict.allowed, verdict.rule->effect == EFFECT_ALLOW);
    rights_unref(rights);
    policy_unref(policy);
}

/* Whichever of them allows, whatever they are called, and in whatever order they stand. */
static void play(const struct contest *contest)
{
    for (int i = 0; i < 8; i++) {
        char winner[200], loser[200];
        const char *expected = i & 1 ? "a-rule" : "z-rule";
        snprintf(winner, sizeof winner, "[%s]\n%s = publish\n%s", expected,
                 i & 2 ? "allow" : "deny", contest->winner);
        snprintf(loser, sizeof loser, "[m-rule]\n%s = publish\n%s", i & 2 ? "deny" : "allow",
                 contest->loser);
        decide(contest, i & 4 ? winner : loser, i & 4 ? loser : winner, expected);
    }
}

static void the_more_specific_subject_decides(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(subjects); i++)
        play(&subjects[i]);
}

static void then_the_more_specific_who(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(whos); i++)
        play(&whos[i]);
}

static void deny_beats_allow_where_all_else_is_equal(void **state)
{
    static const struct contest ties[] = {
        { "", "", "a" },
        { "uid = 1000, 5", "uid = 7, 1000, 8", "a" },
        { "uid = 1000", "user = root\nuid = 1000", "a" },
        { "gid = 100", "gid = 100\ngroup = root", "a" },
        { "subject = a.*", "subject = a.*", "a.b" },
        { "subject = a.*", "subject = >, a.*", "a.b" },
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(ties); i++) {
        char deny[200], allow[200];
        snprintf(deny, sizeof deny, "[z]\ndeny = publish\n%s", ties[i].winner);
        snprintf(allow, sizeof allow, "[a]\nallow = publish\n%s", ties[i].loser);
        decide(&ties[i], deny, allow, "z");
        decide(&ties[i], allow, deny, "z");
    }
}

/* -- who -------------------------------------------------------------------------------------- */

struct who_row {
    const char *keys;
    struct policy_peer peer;
    bool is_for;
};

#define PEER(kind_, ...)                                   \
    {                                                      \
        .kind = kind_, .who = &principal_with(__VA_ARGS__) \
    }
#define NOBODY(kind_) \
    {                 \
        .kind = kind_ \
    }

static gid_t some_groups[] = { 7, 8 };
static const char exe[] = "/usr/bin/meter";

static const struct who_row who_rows[] = {
    /* Nothing said: whoever the kernel vouches for. */
    { "", PEER(KIND_UNIX, .uid = 5), true },
    { "", PEER(KIND_BRIDGE, .uid = 5), true },
    { "", NOBODY(KIND_UNIX), false },
    { "", NOBODY(KIND_BRIDGE), false },
    { "", NOBODY(KIND_ANONYMOUS), false },
    { "", PEER(KIND_UNIX, .uid = (uid_t)-1), false },
    { "", PEER(KIND_ANONYMOUS, .uid = 5), false },

    { "kind = unix", PEER(KIND_UNIX, .uid = 5), true },
    { "kind = unix", NOBODY(KIND_UNIX), false },
    { "kind = unix", PEER(KIND_UNIX, .uid = (uid_t)-1), false },
    { "kind = unix", PEER(KIND_BRIDGE, .uid = 5), false },
    { "kind = bridge", NOBODY(KIND_BRIDGE), true },
    { "kind = bridge", PEER(KIND_BRIDGE, .uid = 5), true },
    { "kind = bridge", NOBODY(KIND_ANONYMOUS), false },
    { "kind = anonymous", NOBODY(KIND_ANONYMOUS), true },
    { "kind = anonymous", PEER(KIND_UNIX, .uid = 5), false },
    { "kind = anonymous, unix", PEER(KIND_UNIX, .uid = 5), true },
    { "kind = anonymous, unix\nuid = 0", NOBODY(KIND_ANONYMOUS), false },

    /* Several values: or. Unknown is nobody, and never root. */
    { "uid = 5", PEER(KIND_UNIX, .uid = 5), true },
    { "uid = 4, 5", PEER(KIND_UNIX, .uid = 5), true },
    { "uid = 4\nuid = 5", PEER(KIND_UNIX, .uid = 5), true },
    { "uid = 4\nuser = root", PEER(KIND_UNIX, .uid = 0), true },
    { "uid = 4\nuser = root", PEER(KIND_UNIX, .uid = 4), true },
    { "user = root", PEER(KIND_UNIX, .uid = 5), false },
    { "uid = 0", NOBODY(KIND_UNIX), false },
    { "uid = 0", PEER(KIND_ANONYMOUS, .uid = 0), false },
    { "uid = 0\nkind = bridge", NOBODY(KIND_BRIDGE), false },
    { "uid = 4294967294", PEER(KIND_UNIX, .uid = 4294967294), true },

    { "gid = 6", PEER(KIND_UNIX, .uid = 5, .gid = 6), true },
    { "gid = 8", PEER(KIND_UNIX, .uid = 5, .groups = some_groups, .n_groups = 2), true },
    { "gid = 9, 8", PEER(KIND_UNIX, .uid = 5, .groups = some_groups, .n_groups = 2), true },
    { "gid = 9", PEER(KIND_UNIX, .uid = 5, .groups = some_groups, .n_groups = 2), false },
    { "group = root", PEER(KIND_UNIX, .uid = 5, .gid = 0), true },
    { "gid = 0", NOBODY(KIND_BRIDGE), false },

    { "executable = /usr/bin/meter", PEER(KIND_UNIX, .uid = 5, .executable = (char *)exe), true },
    { "executable = /a, /usr/bin/meter", PEER(KIND_UNIX, .executable = (char *)exe), true },
    { "executable = /usr/bin", PEER(KIND_UNIX, .uid = 5, .executable = (char *)exe), false },
    { "executable = /usr/bin/meter", PEER(KIND_UNIX, .uid = 5), false },

    /* Several keys: and. */
    { "uid = 5\ngid = 6", PEER(KIND_UNIX, .uid = 5, .gid = 6), true },
    { "uid = 5\ngid = 6", PEER(KIND_UNIX, .uid = 5, .gid = 7), false },
    { "uid = 5\ngid = 6", PEER(KIND_UNIX, .uid = 4, .gid = 6), false },
    { "uid = 5\nkind = bridge", PEER(KIND_UNIX, .uid = 5), false },
    { "uid = 5\nexecutable = /usr/bin/meter", PEER(KIND_UNIX, .uid = 5), false },
};

static void a_rule_is_for_whom_it_names(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(who_rows); i++) {
        char text[256];
        snprintf(text, sizeof text, "[r]\nallow = publish\n%s", who_rows[i].keys);
        struct policy_snapshot *policy = policy_of(text);
        struct rights *rights = NULL;
        assert_int_equal(rights_of(policy, &who_rows[i].peer, &rights), 0);
        if (ask(rights, VERB_PUBLISH, "a").allowed != who_rows[i].is_for)
            fail_msg("row %zu: \"%s\"", i, who_rows[i].keys);
        rights_unref(rights);
        policy_unref(policy);
    }
}

/* -- verbs ------------------------------------------------------------------------------------ */

static void a_rule_is_about_its_verbs_only(void **state)
{
    (void)state;
    for (unsigned said = 0; said < N_VERBS; said++) {
        char text[64];
        snprintf(text, sizeof text, "[r]\nallow = %s", policy_verb_name((enum policy_verb)said));
        struct policy_snapshot *policy = policy_of(text);
        struct rights *rights = rights_for(policy, &alice);
        for (unsigned verb = 0; verb < N_VERBS; verb++)
            assert_verdict(ask(rights, (enum policy_verb)verb, "a.b"), verb == said,
                           verb == said ? "r" : "default:deny");
        rights_unref(rights);
        policy_unref(policy);
    }
}

static void all_beside_a_subject_is_what_has_one(void **state)
{
    (void)state;
    struct policy_snapshot *policy = policy_of("[r]\nallow = all\nsubject = a.>\n[s]\ndeny = all\n"
                                               "subject = a.secret");
    struct rights *rights = rights_for(policy, &alice);
    for (unsigned verb = 0; verb < N_VERBS; verb++) {
        bool about = policy_verb_has_subject((enum policy_verb)verb);
        assert_verdict(ask(rights, (enum policy_verb)verb, "a.b"), about,
                       about ? "r" : "default:deny");
        assert_verdict(ask(rights, (enum policy_verb)verb, "a.secret"), false,
                       about ? "s" : "default:deny");
    }
    rights_unref(rights);
    policy_unref(policy);
    policy = policy_of("[r]\nallow = all");
    rights = rights_for(policy, &alice);
    for (unsigned verb = 0; verb < N_VERBS; verb++)
        assert_verdict(ask(rights, (enum policy_verb)verb, "a.b"), true, "r");
    assert_verdict(ask(rights, VERB_REQUEST, "$SYS.clients"), false, "default:deny");
    rights_unref(rights);
    policy_unref(policy);
}

/* -- the edges of subjects -------------------------------------------------------------------- */

static void long_subjects_are_looked_up_like_others(void **state)
{
    static const char sixteen[] = "1.2.3.4.5.6.7.8.9.10.11.12.13.14.15.16";
    char huge[256], text[1024];
    (void)state;
    memset(huge, 'x', 255);
    huge[255] = '\0';
    snprintf(text, sizeof text,
             "[huge]\nallow = publish\nsubject = %s\n[deep]\nallow = publish\n"
             "subject = *.*.*.*.*.*.*.*.*.*.*.*.*.*.*.>\n[deny]\ndeny = publish\nsubject = %.36s17",
             huge, sixteen);
    struct policy_snapshot *policy = policy_of(text);
    struct rights *rights = rights_for(policy, &alice);
    assert_verdict(ask(rights, VERB_PUBLISH, huge), true, "huge");
    assert_verdict(ask(rights, VERB_PUBLISH, huge + 1), false, "default:deny");
    assert_verdict(ask(rights, VERB_PUBLISH, sixteen), true, "deep");
    assert_verdict(ask(rights, VERB_PUBLISH, "1.2.3.4.5.6.7.8.9.10.11.12.13.14.15"), false,
                   "default:deny");
    assert_verdict(ask(rights, VERB_PUBLISH, "1.2.3.4.5.6.7.8.9.10.11.12.13.14.15.17"), false,
                   "deny");
    rights_unref(rights);
    policy_unref(policy);
}

/* The same words below a thousand others. */
static void many_rules_are_told_apart(void **state)
{
    enum { N = 1000 };
    char id[16], subject[64];
    struct policy_snapshot *policy = NULL;
    struct policy_builder *b = policy_builder_new();
    (void)state;
    for (unsigned i = 0; i < N; i++) {
        snprintf(id, sizeof id, "r%u", i);
        snprintf(subject, sizeof subject, "s%u.%s.state, s%u.*.%u", i, i % 2 ? "x" : "y", i, i);
        assert_int_equal(policy_builder_rule(b, id, "f", i, why), 0);
        assert_int_equal(policy_builder_set(b, "allow", "publish", "f", i, why), 0);
        assert_int_equal(policy_builder_set(b, "subject", subject, "f", i, why), 0);
    }
    assert_int_equal(policy_builder_finish(b, &policy, why), 0);
    policy_builder_free(b);
    struct rights *rights = rights_for(policy, &alice);
    for (unsigned i = 0; i < N; i++) {
        snprintf(id, sizeof id, "r%u", i);
        snprintf(subject, sizeof subject, "s%u.%s.state", i, i % 2 ? "x" : "y");
        assert_verdict(ask(rights, VERB_PUBLISH, subject), true, id);
        snprintf(subject, sizeof subject, "s%u.%s.state", i, i % 2 ? "y" : "x");
        assert_verdict(ask(rights, VERB_PUBLISH, subject), false, "default:deny");
        snprintf(subject, sizeof subject, "s%u.q.%u", i, i);
        assert_verdict(ask(rights, VERB_PUBLISH, subject), true, id);
        snprintf(subject, sizeof subject, "s%u.q.%u", i, (i + 1) % N);
        assert_verdict(ask(rights, VERB_PUBLISH, subject), false, "default:deny");
    }
    rights_unref(rights);
    policy_unref(policy);
}

static void wildcards_inside_a_token_are_letters(void **state)
{
    (void)state;
    struct policy_snapshot *policy = policy_of("[r]\nallow = publish\nsubject = a.x*, a.>>, c\\,d");
    struct rights *rights = rights_for(policy, &alice);
    assert_verdict(ask(rights, VERB_PUBLISH, "a.x*"), true, "r");
    assert_verdict(ask(rights, VERB_PUBLISH, "a.xy"), false, "default:deny");
    assert_verdict(ask(rights, VERB_PUBLISH, "a.>>"), true, "r");
    assert_verdict(ask(rights, VERB_PUBLISH, "c,d"), true, "r");
    assert_verdict(ask(rights, VERB_PUBLISH, "c"), false, "default:deny");
    rights_unref(rights);
    policy_unref(policy);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        kit_test(the_more_specific_subject_decides),
        kit_test(then_the_more_specific_who),
        kit_test(deny_beats_allow_where_all_else_is_equal),
        kit_test(a_rule_is_for_whom_it_names),
        kit_test(a_rule_is_about_its_verbs_only),
        kit_test(all_beside_a_subject_is_what_has_one),
        kit_test(long_subjects_are_looked_up_like_others),
        kit_test(many_rules_are_told_apart),
        kit_test(wildcards_inside_a_token_are_letters),
    };
    return kit_run("policy", tests, KIT_LENGTH(tests));
}
