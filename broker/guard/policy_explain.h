/* Why a policy decides as it does, for people: every rule that has a word in it,
 * in the order in which they are asked.
 *
 * For `brokerctl policy explain` and the like. It sorts the rules by the
 * definition, and does not look at how rights are compiled.
 */
#pragma once

#include "broker/guard/policy_rights.h"

/* One rule that is for the peer and speaks of the verb and the subject. */
struct policy_ground {
    const struct policy_rule *rule;
    const char *pattern;   /* by which it does: of several the most specific; "": whatever the
                            * subject, or a verb that has none */
    enum policy_step step; /* at which it lost against the ground before; STEP_NONE: the first */
};

struct policy_explanation {
    /* What rights_check says. For a pattern with wildcards: rights_some, and rights_every. */
    struct policy_verdict verdict;
    struct policy_verdict worst;
    struct policy_ground *grounds; /* the first that is not audit-only decides about a subject */
    size_t n_grounds;              /* the last is always "default:deny" */
};

/* `subject` is a valid subject or pattern; not read for verbs without one. The grounds of a
 * pattern with wildcards are the rules that overlap it, and each speaks for its own part. 0, or
 * -ENOMEM with *ret untouched. The caller owns *ret; what it points to lives as long as the
 * snapshot. */
int policy_explain(struct policy_snapshot *policy, const struct policy_peer *peer,
                   enum policy_verb verb, const char *subject, size_t len,
                   struct policy_explanation *ret);
/* For one that is zeroed, too. */
void policy_explanation_deinit(struct policy_explanation *explanation);

/* "a more specific subject": why the ground before goes first. */
const char *policy_step_text(enum policy_step step);

/* Whether some subject is matched by both; each is a valid pattern. */
bool policy_patterns_overlap(const char *a, size_t a_len, const char *b, size_t b_len);
/* Below 0: `a` is more specific, token by token from the left: literal, then "*", then ">". 0: they
 * are the same, or differ in words only. "" is less specific than all. */
int policy_pattern_order(const char *a, const char *b);
