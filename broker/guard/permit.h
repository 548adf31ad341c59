/* Permits: whether one connection may do one thing now.
 *
 * Asked by who is about to do it: when a connection is accepted, a subscription made, a subject
 * published to or requested for the first time, a list of receivers made. What is allowed
 * only since its rule is not enforced yet is reported here: counted, and as many lines logged as
 * somebody can read.
 */
#pragma once

#include "broker/guard/policy_rights.h"
#include "broker/watch/counters.h"

/* Reports: zeroed at the start. */
struct audit {
    struct counters *counters;
    uint64_t second_ns; /* that the lines are counted of */
    unsigned n_lines;
};

enum { AUDIT_LINES_MAX = 20 }; /* a second */

/* Who asks. */
struct asker {
    const struct rights *rights;
    const struct principal *who;
    uint64_t id; /* of the connection; 0: it has none yet */
    struct audit *audit;
    uint64_t now_ns;
};

/* Of a subject without wildcards, or of a verb about none (NULL, 0). NULL: yes; else the rule that
 * says no, which lives as long as the rights. */
const struct policy_rule *permit_refuses(const struct asker *asker, enum policy_verb verb,
                                         const char *subject, size_t len);
/* Of a pattern: no only if all its subjects are refused. */
const struct policy_rule *permit_refuses_all(const struct asker *asker, enum policy_verb verb,
                                             const char *pattern, size_t len);

/* What is told of a refusal: the rule's id, and to administrators where it is written. Returns
 * buf. */
enum { PERMIT_TEXT_MAX = 200 };
const char *permit_text(const struct rights *rights, const struct policy_rule *rule,
                        char buf[PERMIT_TEXT_MAX]);
