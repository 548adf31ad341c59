#include "client/lib/kept.h"

#include "proto/opcode.h"
#include "proto/subject.h"

static uint64_t tail_of(const char *subject, size_t len)
{
    uint64_t tail = 0;

    if (len >= sizeof tail)
        memcpy(&tail, subject + len - sizeof tail, sizeof tail);
    else
        memcpy(&tail, subject, len);
    return tail;
}

static struct kept *find(struct kept_subjects *kept, const char *subject, size_t len, uint64_t tail)
{
    for (struct kept *place = kept->places; place < kept->places + KEPT_PLACES; place++) {
        if (place->tail == tail && place->subject_len == len &&
            memcmp(place->subject, subject, len) == 0)
            return place;
    }
    return NULL;
}

static struct kept *fill(struct kept_subjects *kept, const char *subject, size_t len, uint64_t tail)
{
    struct kept *place = &kept->places[kept->oldest];
    struct frame frame = { .op = OP_MESSAGE, .subject = place->subject, .subject_len = len };

    kept->oldest = (kept->oldest + 1) % KEPT_PLACES;
    memcpy(place->subject, subject, len + 1);
    place->subject_len = len;
    place->tail = tail;
    place->len = frame_write_head(place->head, &frame);
    return place;
}

void kept_init(struct kept_subjects *kept)
{
    for (unsigned i = 0; i < KEPT_PLACES; i++)
        fill(kept, "-", 1, tail_of("-", 1))->next = &kept->places[i];
    kept->last = kept->places;
}

struct kept *kept_find(struct kept_subjects *kept, const char *subject)
{
    size_t len = strnlen(subject, MAX_SUBJECT + 1);
    uint64_t tail = len <= MAX_SUBJECT ? tail_of(subject, len) : 0;
    struct kept *place;

    if (len == 0 || len > MAX_SUBJECT)
        return NULL;
    place = find(kept, subject, len, tail);
    if (!place && !subject_valid(subject, len, NULL))
        return NULL;
    if (!place)
        place = fill(kept, subject, len, tail);
    kept->last->next = place;
    kept->last = place;
    return place;
}
