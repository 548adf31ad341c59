/* Policy: who may do what, to which subjects. An immutable snapshot, and the
 * builder that makes one out of the configuration's [rule "ID"] sections.
 *
 * The configuration drives the builder; the broker holds the current snapshot,
 * each connection its rights out of it (policy_rights.h). A snapshot lives as
 * long as anybody holds it, so that a reload swaps it whole. Nothing here keeps
 * a pointer to what the caller passed in. What surprises: a new snapshot
 * without rules and without defaults denies everything.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum {
    POLICY_WHY_MAX = 512, /* bytes of a sentence, its NUL included; longer ones are cut */
    POLICY_ID_MAX = 64,   /* bytes of a rule's id */
    /* Of one snapshot: a new connection is compared with each of them, which takes 0.1 ms. */
    POLICY_MAX_RULES = 10000,
};

/* What a connection wants to do. The first six are about a subject. */
enum policy_verb {
    VERB_PUBLISH,
    VERB_SUBSCRIBE,
    VERB_REQUEST,
    VERB_SERVE,
    VERB_TAP,     /* see what others exchange */
    VERB_HOLD,    /* slow down publishers of another uid, by a queue that waits */
    VERB_CONNECT, /* be here at all; PING needs nothing more */
    VERB_ADMIN,   /* be an administrator */
    N_VERBS,
};

/* Not "struct policy": a queue has an enum of that name (proto/opcode.h). */
struct policy_snapshot;
struct policy_builder;

/* -- the builder ------------------------------------------------------------------------------ */

/* NULL: no memory. */
struct policy_builder *policy_builder_new(void);
/* Takes NULL, returns NULL. */
struct policy_builder *policy_builder_free(struct policy_builder *b);

/* Which rules there are before the first one is written. They decide only where no written rule
 * matches. */
enum policy_defaults {
    POLICY_DEFAULTS_NONE, /* nothing is allowed */
    POLICY_DEFAULTS_USER, /* "default:owner", "default:root": the owner and root may do everything */
    POLICY_DEFAULTS_SYSTEM, /* "default:info": everybody may connect and request $SYS.info */
};
/* `owner`: the uid whose socket it is; read with POLICY_DEFAULTS_USER only. The last call counts. */
void policy_builder_defaults(struct policy_builder *b, enum policy_defaults which, uid_t owner);
/* true: what would be refused is allowed, and reported as refused. */
void policy_builder_audit_only(struct policy_builder *b, bool audit_only);

/* Begins the section [rule "ID"] at `file`:`line`. 0; -EINVAL with a sentence in `why` (a bad or
 * reserved id, one used before, too many rules); -ENOMEM, also said in `why`. */
int policy_builder_rule(struct policy_builder *b, const char *id, const char *file, unsigned line,
                        char why[POLICY_WHY_MAX]);
/* One key of the section that is open. A key may come again: its values add up. 0; -ENOENT (no
 * such key: see policy_key_name); -EINVAL (no section is open, a bad value); -ENOMEM.
 *
 * The sentences of these two name what was wrong and not where: the caller knows. `file` and `line`
 * are kept for what only policy_builder_finish can see. What was refused once spoils the builder:
 * policy_builder_finish will not make a policy of the rest. */
int policy_builder_set(struct policy_builder *b, const char *key, const char *value,
                       const char *file, unsigned line, char why[POLICY_WHY_MAX]);
/* Makes the snapshot, which the caller owns one reference of, and leaves the builder empty. 0;
 * -EINVAL with a sentence that begins with "FILE:LINE: " (a rule with no verb, one that can match
 * nobody, or what was refused before); -ENOMEM. On failure *ret is untouched, and the builder good
 * for policy_builder_free only. */
int policy_builder_finish(struct policy_builder *b, struct policy_snapshot **ret,
                          char why[POLICY_WHY_MAX]);

/* The keys of a rule, for suggestions and help: i = 0, 1, ... NULL behind the last. */
const char *policy_key_name(unsigned i);
/* The verbs: "publish" ... */
const char *policy_verb_name(enum policy_verb verb);
/* false: no verb is called so. "all" is none. */
bool policy_verb_parse(const char *name, enum policy_verb *ret);
/* Whether it is about a subject. */
bool policy_verb_has_subject(enum policy_verb verb);

/* -- the snapshot ----------------------------------------------------------------------------- */

struct policy_snapshot *policy_ref(struct policy_snapshot *policy);
/* Takes NULL, returns NULL. */
struct policy_snapshot *policy_unref(struct policy_snapshot *policy);
/* How many rules were written; the defaults do not count. */
size_t policy_n_rules(const struct policy_snapshot *policy);
bool policy_is_audit_only(const struct policy_snapshot *policy);
