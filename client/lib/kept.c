#include "client/lib/kept.h"

#include "client/lib/plain.h"
#include "proto/opcode.h"
#include "proto/subject.h"

/* What is written into a place before it is known to be a subject fits as well. */
_Static_assert(FRAME_AT_SUBJECT + 2 + MAX_SUBJECT + PLAIN_WIDTH <= FRAME_MAX_HEAD,
               "a place has room for a subject and what may be read behind it");

/* Of fewer than eight bytes: all of them. */
static uint64_t key_of_few(const char *subject, size_t len)
{
    uint64_t key = len;

    for (size_t i = 0; i < len; i++)
        key = key << 8 ^ (uint8_t)subject[i];
    return key;
}

static uint8_t subject_tag(const char *subject, size_t len)
{
    return tag_of(len >= sizeof(uint64_t) ? key_of_bytes(subject, len)
                                          : key_of_few(subject, len));
}

static struct kept *find(struct kept_subjects *kept, const char *subject, size_t len, uint8_t tag)
{
    uint64_t match = tags_match(kept->tags, tag);

    while (match != 0) {
        struct kept *place = &kept->places[tags_next(&match)];

        if (place->subject_len == len && memcmp(place->subject, subject, len) == 0)
            return place;
    }
    return NULL;
}

/* Without a call, where that is easy. */
static inline void copy_text(char *to, const char *from, size_t len)
{
    enum { HALF = 16 };

    if (len < HALF || len > 2 * HALF) {
        memcpy(to, from, len);
        return;
    }
    memcpy(to, from, HALF);
    memcpy(to + len - HALF, from + len - HALF, HALF);
}

/* Puts a subject into the head of a MESSAGE, whose first bytes are always the same. */
static inline char *put_subject(struct kept *place, const char *subject, size_t len)
{
    uint8_t *p = place->head + FRAME_AT_SUBJECT;

    if (len < 32) {
        *p++ = (uint8_t)(0xa0 | len);
    } else {
        *p++ = 0xd9;
        *p++ = (uint8_t)len;
    }
    copy_text((char *)p, subject, len);
    place->subject = (const char *)p;
    place->subject_len = len;
    place->len = (size_t)(p - place->head) + len;
    store_be32(place->head, (uint32_t)(place->len - FRAME_PREFIX));
    return (char *)p;
}

/* Whether it is a subject after all, though not a plain one. Nobody's place, if
 * it is none. */
static __attribute__((noinline)) bool is_odd(struct kept *place, const char *subject, size_t len)
{
    if (subject_valid(subject, len, NULL))
        return true;
    put_subject(place, "-", 1)[1] = '\0';
    return false;
}

/* NULL if it is no subject. What the oldest place held is lost either way. */
static struct kept *fill(struct kept_subjects *kept, const char *subject, size_t len, uint8_t tag)
{
    struct kept *place = &kept->places[kept->oldest];
    char *copy = put_subject(place, subject, len);
    bool plain;

    plain_pad(copy, len);
    plain = plain_valid(copy, len);
    copy[len] = '\0';
    if (!plain && !is_odd(place, subject, len))
        return NULL;
    kept->tags[kept->oldest] = tag;
    kept->oldest = (kept->oldest + 1) % KEPT_PLACES;
    return place;
}

void kept_init(struct kept_subjects *kept)
{
    const struct frame frame = { .op = OP_MESSAGE, .subject = "-", .subject_len = 1 };

    kept->last = kept->places;
    for (unsigned i = 0; i < KEPT_PLACES; i++) {
        frame_write_head(kept->places[i].head, &frame);
        fill(kept, frame.subject, frame.subject_len, 0)->next = &kept->places[i];
    }
}

struct kept *kept_find(struct kept_subjects *kept, const char *subject)
{
    size_t len = strnlen(subject, MAX_SUBJECT + 1);
    struct kept *place;
    uint8_t tag;

    if (len == 0 || len > MAX_SUBJECT)
        return NULL;
    tag = subject_tag(subject, len);
    place = find(kept, subject, len, tag);
    if (!place && !(place = fill(kept, subject, len, tag)))
        return NULL;
    kept->last->next = place;
    kept->last = place;
    return place;
}
