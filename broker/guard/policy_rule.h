/* One rule of a policy: what it says, of whom, and which of two goes first.
 *
 * Filled in by the builder; belongs to the snapshot, and never changes there.
 * Who reports a decision reads id, file and line; the latter two are for root
 * and administrators only.
 */
#pragma once

#include "broker/guard/policy.h"
#include "proto/transport/principal.h"

/* How a connection came in. */
enum policy_kind { KIND_UNIX, KIND_BRIDGE, KIND_ANONYMOUS, N_KINDS };

/* Who is asking. */
struct policy_peer {
    enum policy_kind kind;
    const struct principal *who; /* NULL: no kernel identity */
};

enum policy_effect { EFFECT_NONE, EFFECT_ALLOW, EFFECT_DENY };

/* What a rule says of whom it is for: the more specific, the higher. Two rules are compared by
 * the highest that only one of them has. */
enum {
    WHO_KIND = 1u << 0,
    WHO_GID = 1u << 1,
    WHO_UID = 1u << 2,
    WHO_EXECUTABLE = 1u << 3,
};

struct policy_ids {
    uint32_t *ids;
    size_t n;
};

struct policy_texts {
    char **texts;
    size_t n;
};

struct policy_rule {
    char *id;
    char *file;    /* NULL: it is built in */
    unsigned line; /* of [rule "ID"] */
    uint32_t id_hash;
    enum policy_effect effect;
    bool builtin;    /* one of the defaults */
    bool audit_only; /* reported, and else as if it were not there */
    bool audit_said;
    bool all_verbs; /* it said "all" */
    uint8_t verbs;  /* 1 << enum policy_verb */
    uint8_t kinds;  /* 1 << enum policy_kind; 0: it did not say */
    struct policy_ids uids;
    struct policy_ids gids;
    struct policy_texts executables;
    struct policy_texts patterns; /* none beside verbs about subjects: every subject there is,
                                   * which only a default may say */
};

#define POLICY_VERB_BIT(verb) ((uint8_t)(1u << (verb)))
enum {
    POLICY_VERBS_ALL = (1u << N_VERBS) - 1,
    POLICY_VERBS_SUBJECT = (1u << VERB_CONNECT) - 1,
    POLICY_VERBS_PLAIN = POLICY_VERBS_ALL & ~POLICY_VERBS_SUBJECT, /* about no subject */
};

/* What decides where nothing else does: "default:deny". */
extern const struct policy_rule policy_default_deny;

/* Frees what it owns; for one that is zeroed, too. */
void policy_rule_deinit(struct policy_rule *rule);

/* Whether the rule is for this peer. A rule that names no kind is for everybody whom the kernel
 * vouches for, one that names a kind for those of that kind; and then all else that it names
 * must fit. */
bool policy_rule_is_for(const struct policy_rule *rule, const struct policy_peer *peer);
/* WHO_... of what it names. */
unsigned policy_rule_who(const struct policy_rule *rule);

/* At which step two rules differ. */
enum policy_step {
    STEP_ORIGIN,  /* written before default */
    STEP_SUBJECT, /* the more specific pattern */
    STEP_WHO,     /* the more specific who */
    STEP_EFFECT,  /* deny beats allow */
    STEP_AUDIT,   /* a deny that counts before one that is only reported */
    STEP_ID,      /* the same answer: which of them is named */
    STEP_NONE,    /* they are the same */
};

/* Below 0: `a` goes first, if both are for a peer and speak of the same subjects. *ret_step says
 * why; NULL is fine. Only the steps behind STEP_SUBJECT. */
int policy_rule_order(const struct policy_rule *a, const struct policy_rule *b,
                      enum policy_step *ret_step);
