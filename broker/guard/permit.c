#include "broker/guard/permit.h"

#include <stdio.h>

#include "broker/watch/log.h"

static bool may_log(struct audit *audit, uint64_t now_ns)
{
    if (now_ns - audit->second_ns >= UINT64_C(1000000000)) {
        audit->second_ns = now_ns;
        audit->n_lines = 0;
    }
    return audit->n_lines++ < AUDIT_LINES_MAX;
}

static void report(const struct asker *asker, const struct policy_rule *rule,
                   enum policy_verb verb, const char *subject, size_t len)
{
    asker->audit->counters->audited++;
    if (may_log(asker->audit, asker->now_ns))
        log_warn("audit: rule %s would refuse client %llu (uid %u): %s %.*s", rule->id,
                 (unsigned long long)asker->id, asker->who->uid, policy_verb_name(verb), (int)len,
                 subject ? subject : "");
}

static const struct policy_rule *answer(const struct asker *asker,
                                        const struct policy_verdict *verdict,
                                        enum policy_verb verb, const char *subject, size_t len)
{
    if (verdict->audit)
        report(asker, verdict->audit, verb, subject, len);
    return verdict->allowed ? NULL : verdict->rule;
}

const struct policy_rule *permit_refuses(const struct asker *asker, enum policy_verb verb,
                                         const char *subject, size_t len)
{
    if (rights_all(asker->rights, verb))
        return NULL;
    struct policy_verdict verdict = rights_check(asker->rights, verb, subject, len);
    return answer(asker, &verdict, verb, subject, len);
}

const struct policy_rule *permit_refuses_all(const struct asker *asker, enum policy_verb verb,
                                             const char *pattern, size_t len)
{
    if (rights_all(asker->rights, verb))
        return NULL;
    struct policy_verdict verdict = rights_some(asker->rights, verb, pattern, len);
    return answer(asker, &verdict, verb, pattern, len);
}

static bool is_administrator(const struct rights *rights)
{
    return rights_check(rights, VERB_ADMIN, NULL, 0).allowed;
}

const char *permit_text(const struct rights *rights, const struct policy_rule *rule,
                        char buf[PERMIT_TEXT_MAX])
{
    if (rule->file && is_administrator(rights))
        snprintf(buf, PERMIT_TEXT_MAX, "rule %s (%s:%u)", rule->id, rule->file, rule->line);
    else
        snprintf(buf, PERMIT_TEXT_MAX, "rule %s", rule->id);
    return buf;
}
