/* What the tests of policy share: rules from a few lines of text, and who asks. */
#pragma once

#include "broker/guard/policy_explain.h"
#include "broker/guard/policy_rights.h"
#include "tests/kit/runner.h"
#include "tests/unit/unit.h"

/* The last sentence of a builder. */
static char why[POLICY_WHY_MAX];

/* Feeds "[ID]" and "key = value" lines, of which line 1 is the first; returns the first failure. */
static inline int feed(struct policy_builder *b, const char *text)
{
    int r = 0;
    char *lines = strdup(text), *rest = lines;
    assert_non_null(lines);
    for (unsigned number = 1; r == 0 && rest; number++) {
        char *line = strsep(&rest, "\n");
        char *equals = strstr(line, " = ");
        if (*line == '[') {
            line[strlen(line) - 1] = '\0';
            r = policy_builder_rule(b, line + 1, "policy.conf", number, why);
        } else if (equals) {
            *equals = '\0';
            r = policy_builder_set(b, line, equals + 3, "policy.conf", number, why);
        }
    }
    free(lines);
    return r;
}

struct policy_options {
    enum policy_defaults defaults;
    uid_t owner;
    bool audit_only;
};

/* The snapshot of these rules, which must be good ones. */
static inline struct policy_snapshot *policy_from(const char *text, struct policy_options options)
{
    struct policy_snapshot *policy = NULL;
    struct policy_builder *b = policy_builder_new();
    assert_non_null(b);
    policy_builder_defaults(b, options.defaults, options.owner);
    policy_builder_audit_only(b, options.audit_only);
    if (feed(b, text) < 0 || policy_builder_finish(b, &policy, why) < 0)
        fail_msg("%s", why);
    policy_builder_free(b);
    return policy;
}

#define policy_of(text, ...) policy_from(text, (struct policy_options){ __VA_ARGS__ })

/* A principal out of fields that a test names; owns nothing. */
#define principal_with(...) ((struct principal){ .pidfd = -1, __VA_ARGS__ })

static inline struct rights *rights_for(struct policy_snapshot *policy, const struct principal *who)
{
    struct policy_peer peer = { .kind = KIND_UNIX, .who = who };
    struct rights *rights = NULL;
    assert_int_equal(rights_of(policy, &peer, &rights), 0);
    return rights;
}

static inline struct policy_verdict ask(const struct rights *rights, enum policy_verb verb,
                                        const char *subject)
{
    return rights_check(rights, verb, subject, strlen(subject));
}

/* Whether it is allowed, and by which rule it was decided. */
#define assert_verdict(verdict, is_allowed, rule_id) \
    do {                                             \
        struct policy_verdict got_ = (verdict);      \
        assert_string_equal(got_.rule->id, rule_id); \
        assert_int_equal(got_.allowed, is_allowed);  \
    } while (0)
