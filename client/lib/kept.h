/* The subjects published last: each was checked once, and its envelope is ready
 * to be copied.
 *
 * Subjects come in turn as a rule, so each place remembers which one was used
 * after it: that one is compared first, with the caller's bytes whole, since
 * the same memory may hold another subject by now. Driven by publish.c and
 * request.c; no memory of its own, and never moved: places point into themselves.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "client/lib/key.h"
#include "proto/frame.h"
#include "proto/limits.h"

enum {
    KEPT_PLACES = TAGS,
    /* A head is copied as if it had so many bytes, without a call, and what a
     * longer one has beyond them by itself. */
    KEPT_COPIED = 64,
};

struct kept {
    struct kept *next; /* used after it, the last time */
    size_t len;        /* of the head */
    size_t subject_len;
    const char *subject;          /* the head's end, with a NUL behind it */
    uint8_t head[FRAME_MAX_HEAD]; /* prefix and envelope of a MESSAGE */
};

struct kept_subjects {
    struct kept *last; /* the one used last; never NULL */
    unsigned oldest;
    uint8_t tags[KEPT_PLACES]; /* of the subjects */
    struct kept places[KEPT_PLACES];
};

/* No place is ever empty: they begin with a subject that nobody has asked for. */
void kept_init(struct kept_subjects *kept);

/* The place of a subject: found, or the oldest, which is the subject's from now
 * on. It is the last one then. NULL if the subject breaks the grammar. */
struct kept *kept_find(struct kept_subjects *kept, const char *subject);

/* The one to look at first, and whether it is the subject's. */
static inline struct kept *kept_expected(const struct kept_subjects *kept)
{
    return kept->last->next;
}

static inline bool kept_is(const struct kept *place, const char *subject)
{
    return strcmp(subject, place->subject) == 0;
}

/* The place of a subject, which is the last one then; NULL if it breaks the grammar. */
static inline const struct kept *kept_subject(struct kept_subjects *kept, const char *subject)
{
    struct kept *place = kept_expected(kept);

    if (!kept_is(place, subject))
        return kept_find(kept, subject);
    kept->last = place;
    return place;
}

/* Copies a head, or the end of one. There is room for KEPT_COPIED bytes,
 * whatever its length. */
static inline void kept_copy(uint8_t *to, const uint8_t *head, size_t len)
{
    memcpy(to, head, KEPT_COPIED);
    if (__builtin_expect(len > KEPT_COPIED, 0))
        memcpy(to + KEPT_COPIED, head + KEPT_COPIED, len - KEPT_COPIED);
}
