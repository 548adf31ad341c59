/* The words of a rule: verbs and kinds, lists, numbers, and the sentence about
 * one that is wrong. Pure. Only the builder reads this.
 */
#pragma once

#include "broker/guard/policy_rule.h"

/* Writes the sentence, cut to fit, and returns r. */
__attribute__((format(printf, 3, 4))) int policy_why(char why[POLICY_WHY_MAX], int r,
                                                     const char *format, ...);

/* Takes the next item off a list, in place: they are separated by commas, white space around them
 * is dropped, "\," is a comma and "\\" a backslash within one. *rest is NULL behind the last. 0 or
 * -EINVAL. */
int policy_item(char **rest, char **ret_item, char why[POLICY_WHY_MAX]);

/* A decimal uid or gid; not 2^32-1, which means none. */
int policy_number(const char *text, uint32_t *ret, char why[POLICY_WHY_MAX]);
/* "yes" or "no". */
int policy_yes(const char *text, bool *ret, char why[POLICY_WHY_MAX]);
int policy_kind_parse(const char *name, enum policy_kind *ret, char why[POLICY_WHY_MAX]);
/* Letters, digits and "-_.:/", not beginning with "default:". */
int policy_id_check(const char *id, char why[POLICY_WHY_MAX]);

/* Adds one at the end; 0 or -ENOMEM. The text is copied. */
int policy_ids_add(struct policy_ids *ids, uint32_t id);
int policy_texts_add(struct policy_texts *texts, const char *text);
