#include "broker/guard/policy_rights.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "broker/guard/policy_snapshot.h"
#include "proto/subject.h"

/* -- which clauses count ---------------------------------------------------------------------- */

/* What has been seen of the clauses of one pattern, and of all of them. */
struct tally {
    uint8_t decided; /* verbs that a clause before decides, at this pattern */
    uint8_t audited; /* that one before reports, at this pattern */
    uint8_t denied;  /* anywhere */
    uint8_t all, plain;
};

/* The verbs for which the clause is ever looked at: what is decided before it leaves it none. */
static unsigned use_of(struct tally *tally, const struct policy_clause *clause)
{
    unsigned use = clause->verbs & ~(unsigned)tally->decided;
    if (!clause->rule->audit_only) {
        tally->decided |= clause->verbs;
        return use;
    }
    use &= ~(unsigned)tally->audited;
    tally->audited |= clause->verbs;
    return use;
}

static void count_in(struct tally *tally, const struct policy_clause *clause, unsigned use)
{
    if (clause->rule->effect == EFFECT_DENY)
        tally->denied |= (uint8_t)use;
    else if (clause->len == 0)
        tally->all |= (uint8_t)use;
    else if (strcmp(clause->pattern, ">") == 0)
        tally->plain |= (uint8_t)use;
}

/* Only clauses that can decide get a bit, so that who cannot tell the difference shares. */
static void fill(struct rights *rights, const struct policy_snapshot *policy)
{
    struct tally tally = { 0 };
    for (uint32_t i = 0; i < policy->tree.n_clauses; i++) {
        const struct policy_clause *clause = &policy->tree.clauses[i];
        if (clause->first)
            tally.decided = tally.audited = 0;
        unsigned use = policy->is_for[clause->rule - policy->rules] ? use_of(&tally, clause) : 0;
        if (use == 0)
            continue;
        rights->clauses[i / 64] |= UINT64_C(1) << i % 64;
        count_in(&tally, clause, use);
    }
    rights->all = tally.all & (uint8_t)~tally.denied;
    rights->plain = (uint8_t)((tally.all | tally.plain) & ~tally.denied);
}

/* -- sharing ---------------------------------------------------------------------------------- */

static size_t bits_len(const struct policy_snapshot *policy)
{
    return ((size_t)policy->tree.n_clauses + 63) / 64 * sizeof(uint64_t);
}

static struct rights **bucket_of(struct policy_snapshot *policy, uint64_t hash)
{
    return &policy->rights[hash % RIGHTS_BUCKETS];
}

static struct rights *find_same(struct policy_snapshot *policy, const struct rights *like)
{
    struct rights *rights = *bucket_of(policy, like->hash);
    while (rights && (rights->hash != like->hash ||
                      memcmp(rights->clauses, like->clauses, bits_len(policy)) != 0))
        rights = rights->next;
    return rights;
}

static void forget(struct policy_snapshot *policy, struct rights *rights)
{
    struct rights **link = bucket_of(policy, rights->hash);
    while (*link != rights)
        link = &(*link)->next;
    *link = rights->next;
    free(rights);
}

/* A number that was never given, or that of one that nobody holds. */
static uint8_t take_index(struct policy_snapshot *policy)
{
    uint8_t i = 0;
    while (i < RIGHTS_INDEXES && policy->indexed[i] && policy->indexed[i]->refs > 0)
        i++;
    if (i == RIGHTS_INDEXES)
        return RIGHTS_NO_INDEX;
    if (policy->indexed[i]) {
        forget(policy, policy->indexed[i]);
        policy->epoch++;
    }
    return i;
}

static void keep(struct policy_snapshot *policy, struct rights *rights)
{
    struct rights **bucket = bucket_of(policy, rights->hash);
    rights->next = *bucket;
    *bucket = rights;
    rights->index = take_index(policy);
    if (rights->index != RIGHTS_NO_INDEX)
        policy->indexed[rights->index] = rights;
}

struct rights *rights_draft(struct policy_snapshot *policy, const struct policy_peer *peer)
{
    size_t len = bits_len(policy);
    if (!policy->candidate)
        policy->candidate = calloc(1, sizeof *policy->candidate + len);
    struct rights *rights = policy->candidate;
    if (!rights)
        return NULL;
    for (size_t i = 0; i < policy->n_rules; i++)
        policy->is_for[i] = policy_rule_is_for(&policy->rules[i], peer);
    memset(rights->clauses, 0, len);
    fill(rights, policy);
    rights->hash = subject_hash((const char *)rights->clauses, len, 0);
    rights->policy = policy;
    return rights;
}

int rights_of(struct policy_snapshot *policy, const struct policy_peer *peer, struct rights **ret)
{
    struct rights *candidate = rights_draft(policy, peer);
    if (!candidate)
        return -ENOMEM;
    struct rights *rights = find_same(policy, candidate);
    if (!rights) {
        rights = candidate;
        policy->candidate = NULL;
        keep(policy, rights);
    }
    *ret = rights_ref(rights);
    return 0;
}

struct rights *rights_ref(struct rights *rights)
{
    if (rights->refs++ == 0)
        policy_ref(rights->policy);
    return rights;
}

struct rights *rights_unref(struct rights *rights)
{
    if (!rights || --rights->refs > 0)
        return NULL;
    struct policy_snapshot *policy = rights->policy;
    if (rights->index == RIGHTS_NO_INDEX)
        forget(policy, rights);
    policy_unref(policy);
    return NULL;
}

uint64_t rights_epoch(const struct policy_snapshot *policy)
{
    return policy->epoch;
}
