/* Rights: what one connection may do, out of a snapshot.
 *
 * Made when a connection has an identity, and again for all connections when
 * the snapshot is swapped. Those for whom the same clauses count share one
 * object. A check takes no memory and cannot fail. Rights hold their snapshot,
 * and a verdict's rules live as long as the rights do.
 */
#pragma once

#include "broker/guard/policy_rule.h"

struct rights {
    uint32_t refs;
    uint8_t all;   /* 1 << verb: everything about it is allowed, whatever the subject */
    uint8_t plain; /* the same of subjects that do not begin with '$' */
    uint8_t index;
    uint64_t hash;
    struct policy_snapshot *policy;
    struct rights *next; /* of the same bucket */
    uint64_t clauses[];  /* a bit each */
};

struct policy_verdict {
    const struct policy_rule *rule;  /* which decided; never NULL */
    const struct policy_rule *audit; /* allowed, but only since this rule is not enforced: report
                                      * it; else NULL */
    bool allowed;
};

/* 0 or -ENOMEM, which must refuse the connection. The caller owns one reference of *ret. Compares
 * `peer` with every rule; keeps no pointer to it. */
int rights_of(struct policy_snapshot *policy, const struct policy_peer *peer, struct rights **ret);
struct rights *rights_ref(struct rights *rights);
/* Takes NULL, returns NULL. */
struct rights *rights_unref(struct rights *rights);

/* Whether a verb about subjects is allowed for this one, which is valid and has no wildcards; for
 * other verbs no subject is read. */
struct policy_verdict rights_check(const struct rights *rights, enum policy_verb verb,
                                   const char *subject, size_t len);

/* The same of a valid pattern, with or without wildcards. rights_some: the best that any subject
 * of the pattern would get, so what it refuses is refused for all of them; rights_every: the
 * worst. Best is allowed, then allowed with `audit` set, then refused. The rule is that of such a
 * subject. For SUBSCRIBE rights_some is asked, and rights_check at each delivery.
 *
 * Exact, but that subjects count whose tokens are too long to exist: 254 bytes and a wildcard have
 * few. Not for each message: it looks at every rule that overlaps. */
struct policy_verdict rights_some(const struct rights *rights, enum policy_verb verb,
                                  const char *pattern, size_t len);
struct policy_verdict rights_every(const struct rights *rights, enum policy_verb verb,
                                   const char *pattern, size_t len);

/* Whether everything about the verb is allowed, with nothing to report; false may mean that it
 * takes a look at the subject. */
static inline bool rights_all(const struct rights *rights, enum policy_verb verb)
{
    return rights->all & POLICY_VERB_BIT(verb);
}

/* Whether rights_check would allow this, as far as one can tell without a look-up. */
static inline bool rights_pass(const struct rights *rights, enum policy_verb verb,
                               const char *subject)
{
    return (*subject == '$' ? rights->all : rights->plain) & POLICY_VERB_BIT(verb);
}

/* A small number for this set of rights, so that verdicts about a subject can be kept as bits:
 * rights->index below RIGHTS_INDEXES, or RIGHTS_NO_INDEX. When more sets come than there are
 * numbers, one that nobody holds any more gives up its own; then the epoch of the snapshot rises,
 * and verdicts that were kept in an earlier one are void. */
enum { RIGHTS_INDEXES = 64, RIGHTS_NO_INDEX = 255 };
uint64_t rights_epoch(const struct policy_snapshot *policy);

static inline uint64_t rights_bit(const struct rights *rights)
{
    return rights->index < RIGHTS_INDEXES ? UINT64_C(1) << rights->index : 0;
}
