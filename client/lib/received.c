#include "client/lib/received.h"

void received_init(struct received *received, const broker *b)
{
    for (unsigned i = 0; i < RECEIVED_PLACES; i++) {
        struct received_envelope *place = &received->envelopes[i];

        place->next = place;
        place->need = SIZE_MAX;
        place->message = (struct broker_message){ .subject = "", .b = b };
        received->selects[i].next = &received->selects[i];
        received->selects[i].size = 0;
        received->selects[i].n_sids = 0;
    }
    received->last = received->envelopes;
    received->sid = 0;
    received->fetched = 0;
    received->several = received->selects;
}

static struct received_envelope *take_oldest(struct received *received)
{
    struct received_envelope *place = &received->envelopes[received->oldest_envelope];

    received->oldest_envelope = (received->oldest_envelope + 1) % RECEIVED_PLACES;
    return place;
}

/* Of an envelope of `len` bytes: its word, its id, its subject. */
static uint8_t envelope_tag(const uint8_t *frame, size_t len)
{
    size_t subject_len = FRAME_PREFIX + len - FRAME_AT_SUBJECT;
    uint64_t key = load_be32(frame + FRAME_AT_WORD) + key_word(frame + FRAME_AT_ID) * 3;

    if (subject_len >= sizeof key)
        return tag_of(key + key_of_bytes(frame + FRAME_AT_SUBJECT, subject_len));
    return tag_of(key + key_word(frame + FRAME_PREFIX + len - sizeof key));
}

/* Most envelopes are short, and have a payload: then one constant copy does. */
static inline void copy_envelope(uint8_t *to, const uint8_t *body, size_t size, size_t len)
{
    enum { COPIED = 64 };

    if (len <= COPIED && size >= FRAME_PREFIX + COPIED)
        memcpy(to, body, COPIED);
    else
        memcpy(to, body, len);
}

static struct received_envelope *keep(struct received *received, const uint8_t *frame, size_t size,
                                      size_t len, uint8_t tag)
{
    unsigned i = received->oldest_envelope;
    struct received_envelope *place = take_oldest(received);
    struct broker_message *message = &place->message;
    size_t at = FRAME_AT_SUBJECT - FRAME_PREFIX + (frame[FRAME_AT_SUBJECT] == 0xd9 ? 2 : 1);

    received->tags[i] = tag;
    copy_envelope(place->bytes, frame + FRAME_PREFIX, size, len);
    place->bytes[len] = '\0';
    message->subject = (const char *)place->bytes + at;
    message->subject_len = len - at;
    message->word = load_be32(frame + FRAME_AT_WORD);
    message->sender = load_be64(frame + FRAME_AT_ID);
    message->headers_len = WORD_HEADERS(message->word);
    place->len = len;
    place->need = len + message->headers_len;
    return place;
}

/* The place of the same envelope among those that may be it. */
static __attribute__((noinline)) struct received_envelope *
find(struct received *received, const uint8_t *frame, size_t size, uint64_t match)
{
    while (match != 0) {
        struct received_envelope *place = &received->envelopes[tags_next(&match)];

        if (received_is(place, frame, size - FRAME_PREFIX))
            return place;
    }
    return NULL;
}

struct received_envelope *received_find(struct received *received, const uint8_t *frame,
                                        size_t size)
{
    size_t len = frame_message_envelope(frame + FRAME_PREFIX, size - FRAME_PREFIX);
    struct received_envelope *place = NULL;
    uint64_t match;
    uint8_t tag;

    if (len == 0 || WORD_FDS(load_be32(frame + FRAME_AT_WORD)) > 0)
        return NULL;
    tag = envelope_tag(frame, len);
    match = tags_match(received->tags, tag);
    if (match != 0)
        place = find(received, frame, size, match);
    if (!place)
        place = keep(received, frame, size, len, tag);
    received->last->next = place;
    return place;
}

struct broker_message *received_parsed(struct received *received, const struct frame *parsed)
{
    struct received_envelope *place = take_oldest(received);

    place->need = SIZE_MAX;
    message_view(&place->message, parsed, (char *)place->bytes, place->message.b);
    return &place->message;
}

static void choose(struct received *received, struct received_select *several)
{
    received->several->next = several;
    received->several = several;
    received->sid = 0;
}

bool received_select(struct received *received, const uint8_t *frame, size_t size)
{
    struct received_select *place = received->selects;

    for (unsigned i = 0; i < RECEIVED_PLACES; i++, place++) {
        if (received_is_select(place, frame, size)) {
            choose(received, place);
            return true;
        }
    }
    return false;
}

void received_keep_select(struct received *received, const struct envelope *select,
                          const uint8_t *frame, size_t size)
{
    struct received_select *place = &received->selects[received->oldest_select];
    struct piece sids = select->select.sids;
    uint64_t sid;

    if (select->select.n == 1 && envelope_next_sid(&sids, &sid)) {
        received->sid = (uint32_t)sid;
        return;
    }
    received->oldest_select = (received->oldest_select + 1) % RECEIVED_PLACES;
    choose(received, place);
    place->n_sids = 0;
    while (place->n_sids < MAX_SIDS && envelope_next_sid(&sids, &sid))
        place->sids[place->n_sids++] = (uint32_t)sid;
    place->size = 0;
    if (size <= sizeof place->bytes) {
        place->size = size;
        memcpy(place->bytes, frame, size);
    }
}
