/* What a snapshot is made of; for the files of policy only. */
#pragma once

#include "broker/guard/policy_rights.h"
#include "broker/guard/policy_tree.h"
#include "proto/limits.h"

enum { RIGHTS_BUCKETS = 256 };

struct policy_snapshot {
    uint32_t refs;
    bool audit_only;
    struct policy_rule *rules; /* owned; the written ones first */
    size_t n_rules;
    size_t n_written;
    struct policy_tree tree;
    struct rights *rights[RIGHTS_BUCKETS];
    struct rights *indexed[RIGHTS_INDEXES]; /* stay when nobody holds them, for who comes again */
    uint64_t epoch;
    struct rights *candidate; /* rights_draft's; nobody's */
    uint8_t *is_for;          /* for each rule, whether it is for the peer of the draft */
};

/* Takes over the array and its rules, unless there is no memory: 0 or -ENOMEM. */
int policy_make(struct policy_rule *rules, size_t n_rules, size_t n_written, bool audit_only,
                struct policy_snapshot **ret);

/* The rights of a peer, counted nowhere: good until the next draft, and for questions only. NULL: no
 * memory. */
struct rights *rights_draft(struct policy_snapshot *policy, const struct policy_peer *peer);

/* The tokens of a subject, taken off as they are needed. */
struct policy_tokens {
    const char *next, *end; /* NULL: all are there */
    unsigned n;
    struct policy_token tokens[MAX_TOKENS];
};

/* What rights_check does. */
struct policy_verdict rights_ask(const struct rights *rights, enum policy_verb verb,
                                 struct policy_tokens *subject);

/* The first clause of the range that counts and is about the verb; range->end: none. */
uint32_t rights_next(const struct rights *rights, const struct policy_range *range, uint8_t verb);
