#include "broker/guard/policy.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "broker/guard/policy_keys.h"
#include "broker/guard/policy_snapshot.h"
#include "broker/guard/policy_words.h"
#include "proto/subject.h"

struct policy_builder {
    struct policy_rule *rules; /* the last is the open one */
    size_t n_rules;
    size_t room;
    enum policy_defaults defaults;
    uid_t owner;
    bool audit_only;
    int spoiled; /* the status of what was refused first; 0: nothing was */
    char spoiled_why[POLICY_WHY_MAX];
};

struct policy_builder *policy_builder_new(void)
{
    return calloc(1, sizeof(struct policy_builder));
}

struct policy_builder *policy_builder_free(struct policy_builder *b)
{
    if (b) {
        for (size_t i = 0; i < b->n_rules; i++)
            policy_rule_deinit(&b->rules[i]);
        free(b->rules);
        free(b);
    }
    return NULL;
}

void policy_builder_defaults(struct policy_builder *b, enum policy_defaults which, uid_t owner)
{
    b->defaults = which;
    b->owner = owner;
}

void policy_builder_audit_only(struct policy_builder *b, bool audit_only)
{
    b->audit_only = audit_only;
}

/* What was refused first is what policy_builder_finish will say. */
static int spoil(struct policy_builder *b, int r, const char *file, unsigned line, const char *why)
{
    if (r < 0 && b->spoiled == 0) {
        b->spoiled = r == -ENOMEM ? r : -EINVAL;
        (void)policy_why(b->spoiled_why, r, "%s:%u: %s", file, line, why);
    }
    return r;
}

/* -- rules ------------------------------------------------------------------------------------ */

/* A zeroed one at the end; NULL: no memory. */
static struct policy_rule *rule_add(struct policy_builder *b)
{
    if (b->n_rules == b->room) {
        size_t room = b->room ? 2 * b->room : 16;
        struct policy_rule *more = reallocarray(b->rules, room, sizeof *more);
        if (!more)
            return NULL;
        b->rules = more;
        b->room = room;
    }
    struct policy_rule *rule = &b->rules[b->n_rules];
    *rule = (struct policy_rule){ 0 };
    return rule;
}

/* The rule counts when it has all that it owns; NULL: no memory. */
static struct policy_rule *rule_begin(struct policy_builder *b, const char *id, const char *file,
                                      unsigned line)
{
    struct policy_rule *rule = rule_add(b);
    if (!rule)
        return NULL;
    rule->id = strdup(id);
    rule->file = file ? strdup(file) : NULL;
    rule->line = line;
    rule->id_hash = (uint32_t)subject_hash(id, strlen(id), 0);
    if (!rule->id || (file && !rule->file)) {
        policy_rule_deinit(rule);
        return NULL;
    }
    b->n_rules++;
    return rule;
}

static const struct policy_rule *rule_find(const struct policy_builder *b, const char *id)
{
    uint32_t hash = (uint32_t)subject_hash(id, strlen(id), 0);
    for (size_t i = 0; i < b->n_rules; i++) {
        if (b->rules[i].id_hash == hash && strcmp(b->rules[i].id, id) == 0)
            return &b->rules[i];
    }
    return NULL;
}

static int begin(struct policy_builder *b, const char *id, const char *file, unsigned line,
                 char why[POLICY_WHY_MAX])
{
    int r = policy_id_check(id, why);
    if (r < 0)
        return r;
    const struct policy_rule *other = rule_find(b, id);
    if (other)
        return policy_why(why, -EINVAL, "there is a rule \"%s\" already, at %s:%u", id, other->file,
                          other->line);
    if (b->n_rules == POLICY_MAX_RULES)
        return policy_why(why, -EINVAL, "more than %d rules", POLICY_MAX_RULES);
    if (!rule_begin(b, id, file, line))
        return policy_why(why, -ENOMEM, "no memory for a rule");
    return 0;
}

int policy_builder_rule(struct policy_builder *b, const char *id, const char *file, unsigned line,
                        char why[POLICY_WHY_MAX])
{
    return spoil(b, begin(b, id, file, line, why), file, line, why);
}

int policy_builder_set(struct policy_builder *b, const char *key, const char *value,
                       const char *file, unsigned line, char why[POLICY_WHY_MAX])
{
    struct policy_rule *open = b->n_rules ? &b->rules[b->n_rules - 1] : NULL;
    return spoil(b, policy_key_set(open, key, value, why), file, line, why);
}

/* -- the defaults ----------------------------------------------------------------------------- */

static struct policy_rule *default_begin(struct policy_builder *b, const char *id, unsigned verbs)
{
    struct policy_rule *rule = rule_begin(b, id, NULL, 0);
    if (rule) {
        rule->builtin = true;
        rule->effect = EFFECT_ALLOW;
        rule->verbs = (uint8_t)verbs;
    }
    return rule;
}

/* Without a pattern: whatever the subject is, those that begin with '$' included. */
static int default_everything(struct policy_builder *b, const char *id, uid_t uid)
{
    struct policy_rule *rule = default_begin(b, id, POLICY_VERBS_ALL);
    return rule ? policy_ids_add(&rule->uids, uid) : -ENOMEM;
}

static int default_info(struct policy_builder *b)
{
    struct policy_rule *rule = default_begin(
        b, "default:info", POLICY_VERB_BIT(VERB_CONNECT) | POLICY_VERB_BIT(VERB_REQUEST));
    return rule ? policy_texts_add(&rule->patterns, "$SYS.info") : -ENOMEM;
}

static int add_defaults(struct policy_builder *b)
{
    if (b->defaults == POLICY_DEFAULTS_NONE)
        return 0;
    if (b->defaults == POLICY_DEFAULTS_SYSTEM)
        return default_info(b);
    int r = default_everything(b, "default:owner", b->owner);
    return r < 0 ? r : default_everything(b, "default:root", 0);
}

/* -- the end ---------------------------------------------------------------------------------- */

/* Which verbs "all" means, and which subjects no word means. */
static int settle_subjects(struct policy_rule *rule)
{
    bool has_subject = rule->patterns.n > 0;
    if (rule->all_verbs)
        rule->verbs |= has_subject ? POLICY_VERBS_SUBJECT : POLICY_VERBS_ALL;
    if (!has_subject && rule->verbs & POLICY_VERBS_SUBJECT)
        return policy_texts_add(&rule->patterns, ">");
    return 0;
}

/* Who writes a subject beside a verb that has none means less than the rule would do. */
static const char *strays(const struct policy_rule *rule)
{
    if (rule->patterns.n == 0)
        return NULL;
    return rule->verbs & POLICY_VERB_BIT(VERB_ADMIN)     ? "admin"
           : rule->verbs & POLICY_VERB_BIT(VERB_CONNECT) ? "connect"
                                                         : NULL;
}

static bool is_for_nobody(const struct policy_rule *rule)
{
    return rule->kinds == 1u << KIND_ANONYMOUS && policy_rule_who(rule) != WHO_KIND;
}

static int refuse_rule(const struct policy_rule *rule, const char *what, char why[POLICY_WHY_MAX])
{
    return policy_why(why, -EINVAL, "%s:%u: rule \"%s\" %s", rule->file, rule->line, rule->id,
                      what);
}

static int no_memory(char why[POLICY_WHY_MAX])
{
    return policy_why(why, -ENOMEM, "no memory for the policy");
}

static int settle(struct policy_rule *rule, char why[POLICY_WHY_MAX])
{
    if (rule->effect == EFFECT_NONE)
        return refuse_rule(rule, "neither allows nor denies anything", why);
    if (strays(rule))
        return policy_why(why, -EINVAL,
                          "%s:%u: rule \"%s\" has a subject, and %s is not about one: give it a "
                          "rule of its own",
                          rule->file, rule->line, rule->id, strays(rule));
    if (rule->audit_only && rule->effect == EFFECT_ALLOW)
        return refuse_rule(rule, "allows, and audit-only is for rules that deny", why);
    if (is_for_nobody(rule))
        return refuse_rule(rule,
                           "is for nobody: an anonymous connection has no uid, no group and no "
                           "executable",
                           why);
    return settle_subjects(rule) < 0 ? no_memory(why) : 0;
}

static int settle_all(struct policy_builder *b, char why[POLICY_WHY_MAX])
{
    int r = 0;
    if (b->spoiled < 0)
        return policy_why(why, b->spoiled, "%s", b->spoiled_why);
    for (size_t i = 0; r == 0 && i < b->n_rules; i++)
        r = settle(&b->rules[i], why);
    return r;
}

int policy_builder_finish(struct policy_builder *b, struct policy_snapshot **ret,
                          char why[POLICY_WHY_MAX])
{
    size_t n_written = b->n_rules;
    int r = settle_all(b, why);
    if (r < 0)
        return r;
    r = add_defaults(b);
    if (r == 0)
        r = policy_make(b->rules, b->n_rules, n_written, b->audit_only, ret);
    if (r < 0)
        return no_memory(why);
    *b = (struct policy_builder){ 0 }; /* the rules belong to the snapshot now */
    return 0;
}
