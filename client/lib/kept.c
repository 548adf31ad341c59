#include "client/lib/kept.h"

#include "client/lib/key.h"
#include "proto/opcode.h"
#include "proto/subject.h"

static uint64_t key_of(const char *subject, size_t len)
{
    uint64_t key = 0;

    if (len >= sizeof key)
        return key_of_bytes(subject, len);
    memcpy(&key, subject, len);
    return key;
}

static struct kept *find(struct kept_subjects *kept, const char *subject, size_t len, uint64_t key)
{
    for (unsigned i = 0; i < KEPT_PLACES; i++) {
        struct kept *place = &kept->places[i];

        if (kept->keys[i] == key && place->subject_len == len &&
            memcmp(place->subject, subject, len) == 0)
            return place;
    }
    return NULL;
}

static struct kept *fill(struct kept_subjects *kept, const char *subject, size_t len, uint64_t key)
{
    struct kept *place = &kept->places[kept->oldest];
    struct frame frame = { .op = OP_MESSAGE, .subject = place->subject, .subject_len = len };

    kept->keys[kept->oldest] = key;
    kept->oldest = (kept->oldest + 1) % KEPT_PLACES;
    memcpy(place->subject, subject, len + 1);
    place->subject_len = len;
    place->len = frame_write_head(place->head, &frame);
    return place;
}

void kept_init(struct kept_subjects *kept)
{
    for (unsigned i = 0; i < KEPT_PLACES; i++)
        fill(kept, "-", 1, key_of("-", 1))->next = &kept->places[i];
    kept->last = kept->places;
}

struct kept *kept_find(struct kept_subjects *kept, const char *subject)
{
    size_t len = strnlen(subject, MAX_SUBJECT + 1);
    uint64_t key = len <= MAX_SUBJECT ? key_of(subject, len) : 0;
    struct kept *place;

    if (len == 0 || len > MAX_SUBJECT)
        return NULL;
    place = find(kept, subject, len, key);
    if (!place && !subject_valid(subject, len, NULL))
        return NULL;
    if (!place)
        place = fill(kept, subject, len, key);
    kept->last->next = place;
    kept->last = place;
    return place;
}
