#include "broker/guard/policy.h"

#include <errno.h>
#include <stdlib.h>

#include "broker/guard/policy_snapshot.h"

int policy_make(struct policy_rule *rules, size_t n_rules, size_t n_written, bool audit_only,
                struct policy_snapshot **ret)
{
    struct policy_snapshot *policy = calloc(1, sizeof *policy);
    if (!policy)
        return -ENOMEM;
    policy->is_for = calloc(n_rules + 1, sizeof *policy->is_for);
    if (!policy->is_for || policy_tree_init(&policy->tree, rules, n_rules) < 0) {
        free(policy->is_for);
        free(policy);
        return -ENOMEM;
    }
    policy->refs = 1;
    policy->audit_only = audit_only;
    policy->rules = rules;
    policy->n_rules = n_rules;
    policy->n_written = n_written;
    *ret = policy;
    return 0;
}

static void policy_free(struct policy_snapshot *policy)
{
    for (size_t i = 0; i < RIGHTS_INDEXES; i++)
        free(policy->indexed[i]); /* nobody holds them, or they would hold us */
    for (size_t i = 0; i < policy->n_rules; i++)
        policy_rule_deinit(&policy->rules[i]);
    free(policy->rules);
    free(policy->is_for);
    free(policy->candidate);
    policy_tree_deinit(&policy->tree);
    free(policy);
}

struct policy_snapshot *policy_ref(struct policy_snapshot *policy)
{
    policy->refs++;
    return policy;
}

struct policy_snapshot *policy_unref(struct policy_snapshot *policy)
{
    if (policy && --policy->refs == 0)
        policy_free(policy);
    return NULL;
}

size_t policy_n_rules(const struct policy_snapshot *policy)
{
    return policy->n_written;
}

bool policy_is_audit_only(const struct policy_snapshot *policy)
{
    return policy->audit_only;
}
