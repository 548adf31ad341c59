#include "client/lib/received.h"

#include "client/lib/key.h"

void received_init(struct received *received, const broker *b)
{
    for (unsigned i = 0; i < RECEIVED_PLACES; i++) {
        struct received_envelope *place = &received->envelopes[i];

        place->next = place;
        place->need = SIZE_MAX;
        place->message = (struct broker_message){ .subject = place->subject, .b = b };
        received->selects[i].next = &received->selects[i];
        received->selects[i].size = 0;
        received->selects[i].n_sids = 0;
    }
    received->last = received->envelopes;
    received->selected = received->selects;
}

static struct received_envelope *take_oldest(struct received *received)
{
    struct received_envelope *place = &received->envelopes[received->oldest_envelope];

    received->oldest_envelope = (received->oldest_envelope + 1) % RECEIVED_PLACES;
    return place;
}

/* Of an envelope of `len` bytes: its word, its id, its subject. */
static uint64_t key_of(const uint8_t *frame, size_t len)
{
    size_t subject_len = FRAME_PREFIX + len - FRAME_AT_SUBJECT;
    uint64_t key = load_be32(frame + FRAME_AT_WORD) + key_word(frame + FRAME_AT_ID) * 3;

    if (subject_len >= sizeof key)
        return key + key_of_bytes(frame + FRAME_AT_SUBJECT, subject_len);
    return key + key_word(frame + FRAME_PREFIX + len - sizeof key);
}

static struct received_envelope *keep(struct received *received, const uint8_t *frame, size_t len,
                                      uint64_t key)
{
    struct received_envelope *place = take_oldest(received);
    struct broker_message *message = &place->message;
    size_t at = FRAME_AT_SUBJECT + (frame[FRAME_AT_SUBJECT] == 0xd9 ? 2 : 1);

    received->keys[place - received->envelopes] = key;
    message->word = load_be32(frame + FRAME_AT_WORD);
    message->sender = load_be64(frame + FRAME_AT_ID);
    message->headers_len = WORD_HEADERS(message->word);
    message->subject_len = FRAME_PREFIX + len - at;
    place->len = len;
    place->need = len + message->headers_len;
    memcpy(place->bytes, frame + FRAME_PREFIX, len);
    memcpy(place->subject, frame + at, message->subject_len);
    place->subject[message->subject_len] = '\0';
    return place;
}

struct received_envelope *received_find(struct received *received, const uint8_t *frame,
                                        size_t size)
{
    const uint8_t *body = frame + FRAME_PREFIX;
    size_t len = frame_message_envelope(body, size - FRAME_PREFIX);
    struct received_envelope *place = received->envelopes;
    uint64_t key;

    if (len == 0 || WORD_FDS(load_be32(frame + FRAME_AT_WORD)) > 0)
        return NULL;
    key = key_of(frame, len);
    for (unsigned i = 0; i < RECEIVED_PLACES; i++, place++) {
        if (received->keys[i] == key && received_is(place, frame, size - FRAME_PREFIX))
            break;
    }
    if (place == received->envelopes + RECEIVED_PLACES)
        place = keep(received, frame, len, key);
    received->last->next = place;
    return place;
}

struct broker_message *received_parsed(struct received *received, const struct frame *parsed)
{
    struct received_envelope *place = take_oldest(received);

    place->need = SIZE_MAX;
    message_view(&place->message, parsed, place->subject, place->message.b);
    return &place->message;
}

bool received_select(struct received *received, const uint8_t *frame, size_t size)
{
    struct received_select *place = received->selects;

    for (unsigned i = 0; i < RECEIVED_PLACES; i++, place++) {
        if (received_is_select(place, frame, size)) {
            received->selected->next = place;
            received->selected = place;
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

    received->oldest_select = (received->oldest_select + 1) % RECEIVED_PLACES;
    received->selected->next = place;
    received->selected = place;
    place->n_sids = 0;
    while (place->n_sids < MAX_SIDS && envelope_next_sid(&sids, &sid))
        place->sids[place->n_sids++] = (uint32_t)sid;
    place->size = 0;
    if (size <= sizeof place->bytes) {
        place->size = size;
        memcpy(place->bytes, frame, size);
    }
}
