/* Policy once more, slowly and from the definition: the oracle that broker/guard/policy*.c is held
 * against. Rules are read from the same text, for which the real builder must have said yes; a
 * decision looks at every rule, and compares every two of them.
 *
 * Nothing of broker/guard is used here but the numbers of verbs and kinds.
 */
#pragma once

#include <grp.h>
#include <pwd.h>
#include <stdint.h>
#include <stdlib.h>

#include "broker/guard/policy_rule.h"
#include "tests/unit/subject_oracle.h"

enum { ORACLE_RULES = 64, ORACLE_ITEMS = 24 };

static const char *const oracle_verbs[N_VERBS] = {
    "publish", "subscribe", "request", "serve", "tap", "hold", "connect", "admin",
};

struct oracle_rule {
    char id[POLICY_ID_MAX + 1];
    bool allow, deny, all, audit, builtin;
    bool verbs[N_VERBS];
    char subjects[ORACLE_ITEMS][256];
    size_t n_subjects;
    bool any_subject; /* a default for everything */
    uint32_t uids[ORACLE_ITEMS], gids[ORACLE_ITEMS];
    size_t n_uids, n_gids;
    char executables[ORACLE_ITEMS][256];
    size_t n_executables;
    bool kinds[N_KINDS];
    bool any_kind; /* it names one */
    bool too_large;
};

struct oracle_policy {
    struct oracle_rule rules[ORACLE_RULES];
    size_t n_rules;
    bool audit_only;
    bool too_large; /* for the arrays here: do not compare */
};

struct oracle_answer {
    const char *id;    /* which rule decided */
    const char *audit; /* which would have refused; NULL: none */
    bool allowed;
};

/* -- reading ---------------------------------------------------------------------------------- */

static inline struct oracle_rule *oracle_rule_add(struct oracle_policy *policy, const char *id)
{
    policy->too_large |= policy->n_rules == ORACLE_RULES;
    if (policy->too_large)
        policy->n_rules = 0;
    struct oracle_rule *rule = &policy->rules[policy->n_rules++];
    memset(rule, 0, sizeof *rule);
    strncpy(rule->id, id, POLICY_ID_MAX);
    return rule;
}

static inline void oracle_number(uint32_t *numbers, size_t *n, bool *too_large, uint32_t number)
{
    if (*n == ORACLE_ITEMS)
        *too_large = true;
    else
        numbers[(*n)++] = number;
}

static inline void oracle_text(char (*texts)[256], size_t *n, bool *too_large, const char *text)
{
    if (*n == ORACLE_ITEMS || strlen(text) > 255)
        *too_large = true;
    else
        strcpy(texts[(*n)++], text);
}

static inline void oracle_verb(struct oracle_rule *rule, const char *item)
{
    rule->all |= strcmp(item, "all") == 0;
    for (int verb = 0; verb < N_VERBS; verb++)
        rule->verbs[verb] |= strcmp(item, oracle_verbs[verb]) == 0;
}

static inline void oracle_item(struct oracle_rule *rule, const char *key, const char *item)
{
    bool *large = &rule->too_large;
    const struct passwd *user = strcmp(key, "user") == 0 ? getpwnam(item) : NULL;
    const struct group *group = strcmp(key, "group") == 0 ? getgrnam(item) : NULL;
    rule->allow |= strcmp(key, "allow") == 0;
    rule->deny |= strcmp(key, "deny") == 0;
    if (strcmp(key, "allow") == 0 || strcmp(key, "deny") == 0)
        oracle_verb(rule, item);
    if (strcmp(key, "subject") == 0)
        oracle_text(rule->subjects, &rule->n_subjects, large, item);
    if (strcmp(key, "uid") == 0 || user)
        oracle_number(rule->uids, &rule->n_uids, large,
                      user ? user->pw_uid : (uint32_t)strtoul(item, NULL, 10));
    if (strcmp(key, "gid") == 0 || group)
        oracle_number(rule->gids, &rule->n_gids, large,
                      group ? group->gr_gid : (uint32_t)strtoul(item, NULL, 10));
    if (strcmp(key, "executable") == 0)
        oracle_text(rule->executables, &rule->n_executables, large, item);
    if (strcmp(key, "kind") == 0) {
        rule->any_kind = true;
        rule->kinds[*item == 'u' ? KIND_UNIX : *item == 'b' ? KIND_BRIDGE : KIND_ANONYMOUS] = true;
    }
    if (strcmp(key, "audit-only") == 0)
        rule->audit = *item == 'y' || *item == 't';
}

static inline void oracle_set(struct oracle_policy *policy, const char *key, const char *value)
{
    struct oracle_rule *rule = &policy->rules[policy->n_rules - 1];
    char item[4096];
    for (size_t n = 0;; value++) {
        bool escape = *value == '\\';
        if (escape)
            value++;
        if (!escape && (*value == ',' || *value == '\0')) {
            while (n > 0 && (item[n - 1] == ' ' || item[n - 1] == '\t'))
                n--;
            item[n] = '\0';
            n = 0;
            oracle_item(rule, key, item);
        } else if ((n > 0 || (*value != ' ' && *value != '\t')) && n < sizeof item - 1) {
            item[n++] = *value;
        }
        if (*value == '\0')
            break;
    }
    policy->too_large |= rule->too_large;
}

/* What no word means; then the defaults. */
static inline void oracle_finish(struct oracle_policy *policy, enum policy_defaults defaults,
                                 uid_t owner)
{
    for (size_t i = 0; i < policy->n_rules; i++) {
        struct oracle_rule *rule = &policy->rules[i];
        for (int verb = 0; rule->all && verb < N_VERBS; verb++)
            rule->verbs[verb] |=
                rule->n_subjects == 0 || (verb != VERB_CONNECT && verb != VERB_ADMIN);
        if (rule->n_subjects == 0)
            strcpy(rule->subjects[rule->n_subjects++], ">");
    }
    for (int i = 0; defaults == POLICY_DEFAULTS_USER && i < 2; i++) {
        struct oracle_rule *rule = oracle_rule_add(policy, i ? "default:root" : "default:owner");
        rule->allow = rule->builtin = rule->any_subject = true;
        rule->uids[rule->n_uids++] = i ? 0 : owner;
        memset(rule->verbs, 1, sizeof rule->verbs);
    }
    if (defaults == POLICY_DEFAULTS_SYSTEM) {
        struct oracle_rule *rule = oracle_rule_add(policy, "default:info");
        rule->allow = rule->builtin = true;
        rule->verbs[VERB_CONNECT] = rule->verbs[VERB_REQUEST] = true;
        strcpy(rule->subjects[rule->n_subjects++], "$SYS.info");
    }
}

/* -- who -------------------------------------------------------------------------------------- */

static inline bool oracle_is_one_of(uint32_t number, const uint32_t *numbers, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (numbers[i] == number)
            return true;
    }
    return false;
}

static inline bool oracle_in_groups(const struct oracle_rule *rule, const struct principal *who)
{
    bool in = oracle_is_one_of(who->gid, rule->gids, rule->n_gids);
    for (size_t i = 0; i < who->n_groups; i++)
        in |= oracle_is_one_of(who->groups[i], rule->gids, rule->n_gids);
    return in;
}

static inline bool oracle_runs(const struct oracle_rule *rule, const struct principal *who)
{
    bool runs = false;
    for (size_t i = 0; who->executable && i < rule->n_executables; i++)
        runs |= strcmp(rule->executables[i], who->executable) == 0;
    return runs;
}

static inline bool oracle_is_for(const struct oracle_rule *rule, const struct policy_peer *peer)
{
    const struct principal *who = peer->kind == KIND_ANONYMOUS ? NULL : peer->who;
    bool identified = who && who->uid != (uid_t)-1;
    if (rule->any_kind && !rule->kinds[peer->kind])
        return false;
    if (!identified)
        return rule->any_kind && peer->kind != KIND_UNIX && rule->n_uids == 0 &&
               rule->n_gids == 0 && rule->n_executables == 0;
    if (rule->n_uids > 0 && !oracle_is_one_of(who->uid, rule->uids, rule->n_uids))
        return false;
    if (rule->n_gids > 0 && !oracle_in_groups(rule, who))
        return false;
    return rule->n_executables == 0 || oracle_runs(rule, who);
}

/* -- deciding --------------------------------------------------------------------------------- */

/* A rule with the one of its subjects that is looked at; NULL: whatever it is. */
struct oracle_word {
    const struct oracle_rule *rule;
    const char *subject;
};

static inline int oracle_more(int a, int b)
{
    return a > b ? 1 : a < b ? -1 : 0;
}

/* Above 0: `a` is more specific. Both match one subject. */
static inline int oracle_compare_subjects(const char *a, const char *b)
{
    struct oracle_tokens x, y;
    if (!a || !b)
        return oracle_more(a != NULL, b != NULL);
    oracle_split(a, strlen(a), &x);
    oracle_split(b, strlen(b), &y);
    for (size_t i = 0; i < x.n && i < y.n; i++) {
        int x_is = oracle_token_is(&x, i, ">") ? 0 : oracle_token_is(&x, i, "*") ? 1 : 2;
        int y_is = oracle_token_is(&y, i, ">") ? 0 : oracle_token_is(&y, i, "*") ? 1 : 2;
        if (x_is != y_is)
            return oracle_more(x_is, y_is);
    }
    return 0;
}

static inline int oracle_compare_who(const struct oracle_rule *a, const struct oracle_rule *b)
{
    int order = oracle_more(a->n_executables > 0, b->n_executables > 0);
    if (order == 0)
        order = oracle_more(a->n_uids > 0, b->n_uids > 0);
    if (order == 0)
        order = oracle_more(a->n_gids > 0, b->n_gids > 0);
    return order ? order : oracle_more(a->any_kind, b->any_kind);
}

/* Above 0: `a` goes first. */
static inline int oracle_compare(const struct oracle_word *a, const struct oracle_word *b,
                                 bool with_subject)
{
    int order = oracle_more(b->rule->builtin, a->rule->builtin);
    if (order == 0 && with_subject)
        order = oracle_compare_subjects(a->subject, b->subject);
    if (order == 0)
        order = oracle_compare_who(a->rule, b->rule);
    if (order == 0)
        order = oracle_more(a->rule->deny, b->rule->deny);
    if (order == 0)
        order = oracle_more(b->rule->audit, a->rule->audit);
    return order ? order : -strcmp(a->rule->id, b->rule->id);
}

/* The rule's best word about the subject; false: it says nothing of it. */
static inline bool oracle_word_of(const struct oracle_rule *rule, int verb, const char *subject,
                                  struct oracle_word *ret)
{
    bool found = rule->any_subject || verb == VERB_CONNECT || verb == VERB_ADMIN;
    if (!rule->verbs[verb])
        return false;
    *ret = (struct oracle_word){ .rule = rule };
    for (size_t i = 0; !found && i < rule->n_subjects; i++) {
        const char *pattern = rule->subjects[i];
        if (oracle_match(pattern, strlen(pattern), subject, strlen(subject)) &&
            (!ret->subject || oracle_compare_subjects(pattern, ret->subject) > 0))
            ret->subject = pattern;
    }
    return found || ret->subject;
}

/* Every word of every rule that is for the peer; the first of those that are enforced decides. */
static inline struct oracle_answer oracle_decide(const struct oracle_policy *policy,
                                                 const struct policy_peer *peer, int verb,
                                                 const char *subject)
{
    bool with_subject = verb != VERB_CONNECT && verb != VERB_ADMIN;
    struct oracle_word best = { 0 }, audit = { 0 }, word;
    for (size_t i = 0; i < policy->n_rules; i++) {
        const struct oracle_rule *rule = &policy->rules[i];
        if (!oracle_is_for(rule, peer) || !oracle_word_of(rule, verb, subject, &word))
            continue;
        struct oracle_word *first = rule->audit ? &audit : &best;
        if (!first->rule || oracle_compare(&word, first, with_subject) > 0)
            *first = word;
    }
    struct oracle_answer answer = { .id = best.rule ? best.rule->id : "default:deny" };
    answer.allowed = best.rule && best.rule->allow;
    if (answer.allowed && audit.rule && oracle_compare(&audit, &best, with_subject) > 0)
        answer.audit = audit.rule->id;
    if (!answer.allowed && policy->audit_only) {
        answer.allowed = true;
        answer.audit = answer.id;
    }
    return answer;
}
