#include "broker/guard/policy_keys.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "broker/guard/policy_names.h"
#include "broker/guard/policy_words.h"
#include "proto/subject.h"

enum { SHOWN = 200 }; /* bytes of a value in a sentence about it */

static int kept(int r, char why[POLICY_WHY_MAX])
{
    return r < 0 ? policy_why(why, r, "no memory for a rule") : 0;
}

static int add_verb(struct policy_rule *rule, enum policy_effect effect, const char *item,
                    char why[POLICY_WHY_MAX])
{
    enum policy_verb verb = N_VERBS;
    if (rule->effect != EFFECT_NONE && rule->effect != effect)
        return policy_why(why, -EINVAL, "a rule either allows or denies: make it two");
    rule->effect = effect;
    if (strcmp(item, "all") == 0) {
        rule->all_verbs = true;
        return 0;
    }
    if (!policy_verb_parse(item, &verb))
        return policy_why(why, -EINVAL,
                          "there is no verb \"%.*s\": publish, subscribe, request, serve, tap, "
                          "hold, connect, admin or all",
                          SHOWN, item);
    rule->verbs |= POLICY_VERB_BIT(verb);
    return 0;
}

static int add_allow(struct policy_rule *rule, const char *item, char why[POLICY_WHY_MAX])
{
    return add_verb(rule, EFFECT_ALLOW, item, why);
}

static int add_deny(struct policy_rule *rule, const char *item, char why[POLICY_WHY_MAX])
{
    return add_verb(rule, EFFECT_DENY, item, why);
}

static int add_subject(struct policy_rule *rule, const char *item, char why[POLICY_WHY_MAX])
{
    struct subject_error error;
    if (!pattern_valid(item, strlen(item), &error))
        return policy_why(why, -EINVAL, "\"%.*s\" is no subject: %s at byte %zu", SHOWN, item,
                          error.why, error.at + 1);
    return kept(policy_texts_add(&rule->patterns, item), why);
}

static int add_uid(struct policy_rule *rule, const char *item, char why[POLICY_WHY_MAX])
{
    uint32_t uid = 0;
    int r = policy_number(item, &uid, why);
    return r < 0 ? r : kept(policy_ids_add(&rule->uids, uid), why);
}

static int add_gid(struct policy_rule *rule, const char *item, char why[POLICY_WHY_MAX])
{
    uint32_t gid = 0;
    int r = policy_number(item, &gid, why);
    return r < 0 ? r : kept(policy_ids_add(&rule->gids, gid), why);
}

/* A name that cannot be looked up is an error of the configuration, whatever the reason. */
static int not_found(int r, const char *what, const char *item, char why[POLICY_WHY_MAX])
{
    if (r == -ENOMEM)
        return kept(r, why);
    if (r == -ENOENT)
        return policy_why(why, -EINVAL, "there is no %s \"%.*s\"", what, SHOWN, item);
    return policy_why(why, -EINVAL, "%s \"%.*s\" cannot be looked up: %s", what, SHOWN, item,
                      strerror(-r));
}

static int add_user(struct policy_rule *rule, const char *item, char why[POLICY_WHY_MAX])
{
    uid_t uid = 0;
    int r = policy_user_of(item, &uid);
    return r < 0 ? not_found(r, "user", item, why) : kept(policy_ids_add(&rule->uids, uid), why);
}

static int add_group(struct policy_rule *rule, const char *item, char why[POLICY_WHY_MAX])
{
    gid_t gid = 0;
    int r = policy_group_of(item, &gid);
    return r < 0 ? not_found(r, "group", item, why) : kept(policy_ids_add(&rule->gids, gid), why);
}

static int add_executable(struct policy_rule *rule, const char *item, char why[POLICY_WHY_MAX])
{
    if (*item != '/')
        return policy_why(why, -EINVAL, "\"%.*s\" is no absolute path", SHOWN, item);
    return kept(policy_texts_add(&rule->executables, item), why);
}

static int add_kind(struct policy_rule *rule, const char *item, char why[POLICY_WHY_MAX])
{
    enum policy_kind kind = KIND_UNIX;
    int r = policy_kind_parse(item, &kind, why);
    if (r == 0)
        rule->kinds |= (uint8_t)(1u << kind);
    return r;
}

static int add_audit(struct policy_rule *rule, const char *item, char why[POLICY_WHY_MAX])
{
    if (rule->audit_said)
        return policy_why(why, -EINVAL, "audit-only is said twice");
    rule->audit_said = true;
    return policy_yes(item, &rule->audit_only, why);
}

static const struct {
    const char *name;
    int (*add)(struct policy_rule *rule, const char *item, char why[POLICY_WHY_MAX]);
} keys[] = {
    { "allow", add_allow },     { "deny", add_deny },
    { "subject", add_subject }, { "uid", add_uid },
    { "user", add_user },       { "gid", add_gid },
    { "group", add_group },     { "executable", add_executable },
    { "kind", add_kind },       { "audit-only", add_audit },
};
enum { N_KEYS = sizeof keys / sizeof keys[0] };

const char *policy_key_name(unsigned i)
{
    return i < N_KEYS ? keys[i].name : NULL;
}

static int add_items(struct policy_rule *rule, unsigned key, char *list, char why[POLICY_WHY_MAX])
{
    int r = 0;
    for (char *rest = list; r == 0 && rest;) {
        char *item = NULL;
        r = policy_item(&rest, &item, why);
        if (r == 0)
            r = keys[key].add(rule, item, why);
    }
    return r;
}

int policy_key_set(struct policy_rule *rule, const char *key, const char *value,
                   char why[POLICY_WHY_MAX])
{
    unsigned i = 0;
    while (i < N_KEYS && strcmp(keys[i].name, key) != 0)
        i++;
    if (i == N_KEYS)
        return policy_why(why, -ENOENT, "a rule has no key \"%.*s\"", SHOWN, key);
    if (!rule)
        return policy_why(why, -EINVAL, "\"%s\" stands in no rule", key);
    char *list = strdup(value); /* taken apart in place */
    int r = list ? add_items(rule, i, list, why) : kept(-ENOMEM, why);
    free(list);
    return r;
}
