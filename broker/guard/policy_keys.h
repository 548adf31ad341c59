/* The keys of a rule, and what each does with its values. */
#pragma once

#include "broker/guard/policy_rule.h"

/* Adds the values of one key to the rule. 0; -ENOENT: there is no such key; -EINVAL, also for no
 * rule (NULL); -ENOMEM; with a sentence. After a failure the rule has some of the values. */
int policy_key_set(struct policy_rule *rule, const char *key, const char *value,
                   char why[POLICY_WHY_MAX]);
