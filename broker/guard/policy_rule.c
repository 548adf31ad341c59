#include "broker/guard/policy_rule.h"

#include <stdlib.h>
#include <string.h>

const struct policy_rule policy_default_deny = {
    .id = (char *)"default:deny",
    .effect = EFFECT_DENY,
    .builtin = true,
    .verbs = POLICY_VERBS_ALL,
};

static void free_texts(struct policy_texts *texts)
{
    for (size_t i = 0; i < texts->n; i++)
        free(texts->texts[i]);
    free(texts->texts);
}

void policy_rule_deinit(struct policy_rule *rule)
{
    free(rule->id);
    free(rule->file);
    free(rule->uids.ids);
    free(rule->gids.ids);
    free_texts(&rule->executables);
    free_texts(&rule->patterns);
    *rule = (struct policy_rule){ 0 };
}

static bool has_uid(const struct policy_ids *uids, const struct principal *who)
{
    for (size_t i = 0; i < uids->n; i++) {
        if (uids->ids[i] == who->uid)
            return true;
    }
    return false;
}

static bool has_gid(const struct policy_ids *gids, const struct principal *who)
{
    for (size_t i = 0; i < gids->n; i++) {
        if (principal_in_group(who, gids->ids[i]))
            return true;
    }
    return false;
}

static bool has_executable(const struct policy_texts *paths, const struct principal *who)
{
    for (size_t i = 0; who->executable && i < paths->n; i++) {
        if (strcmp(paths->texts[i], who->executable) == 0)
            return true;
    }
    return false;
}

bool policy_rule_is_for(const struct policy_rule *rule, const struct policy_peer *peer)
{
    /* An identity that was not found out is none: unknown is never somebody. */
    bool known = peer->kind != KIND_ANONYMOUS && peer->who && peer->who->uid != (uid_t)-1;
    unsigned who = policy_rule_who(rule);
    if (!known && (peer->kind == KIND_UNIX || !(who & WHO_KIND)))
        return false;
    if (who & WHO_KIND && !(rule->kinds & 1u << peer->kind))
        return false;
    if (!(who & ~(unsigned)WHO_KIND))
        return true;
    return known && (!(who & WHO_UID) || has_uid(&rule->uids, peer->who)) &&
           (!(who & WHO_GID) || has_gid(&rule->gids, peer->who)) &&
           (!(who & WHO_EXECUTABLE) || has_executable(&rule->executables, peer->who));
}

unsigned policy_rule_who(const struct policy_rule *rule)
{
    return (rule->kinds ? WHO_KIND : 0) | (rule->gids.n ? WHO_GID : 0) |
           (rule->uids.n ? WHO_UID : 0) | (rule->executables.n ? WHO_EXECUTABLE : 0);
}

static int differ(enum policy_step step, int order, enum policy_step *ret_step)
{
    if (ret_step)
        *ret_step = step;
    return order;
}

int policy_rule_order(const struct policy_rule *a, const struct policy_rule *b,
                      enum policy_step *ret_step)
{
    unsigned a_who = policy_rule_who(a), b_who = policy_rule_who(b);
    if (a_who != b_who)
        return differ(STEP_WHO, a_who > b_who ? -1 : 1, ret_step);
    if (a->effect != b->effect)
        return differ(STEP_EFFECT, a->effect == EFFECT_DENY ? -1 : 1, ret_step);
    if (a->audit_only != b->audit_only)
        return differ(STEP_AUDIT, a->audit_only ? 1 : -1, ret_step);
    int order = strcmp(a->id, b->id);
    return differ(order ? STEP_ID : STEP_NONE, order, ret_step);
}
