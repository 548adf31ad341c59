#include "broker/session/ingest.h"

#include <stdio.h>

#include "broker/route/dest.h"
#include "broker/route/run.h"
#include "broker/session/handlers.h"

/* ---- the hot path ---------------------------------------------------------
 * Most messages have the envelope of the message before them. Where the fixed
 * parts and the subject are the same bytes, nothing has to be parsed, hashed or
 * looked up. */

enum { HEAD_BEFORE_SUBJECT = FRAME_AT_SUBJECT - FRAME_PREFIX };

static inline bool same_bytes(const uint8_t *a, const uint8_t *b, size_t n)
{
    uint64_t x, y, differ = 0;
    if (n < 8)
        return memcmp(a, b, n) == 0;
    for (size_t i = 0; i + 8 < n; i += 8) {
        memcpy(&x, a + i, 8);
        memcpy(&y, b + i, 8);
        differ |= x ^ y;
    }
    memcpy(&x, a + n - 8, 8);
    memcpy(&y, b + n - 8, 8);
    return !(differ | (x ^ y));
}

static inline bool same_again(const struct client *client, const uint8_t *frame, uint32_t len)
{
    const struct dest *dest = client->last_dest;
    if (client->last_epoch != client->route->epoch ||
        len < HEAD_BEFORE_SUBJECT + (uint32_t)dest->head_len)
        return false;
    bool fixed = (load_be32(frame + FRAME_PREFIX) & 0xffffff00) == 0x9420ce00 && frame[11] == 0xcf;
    return fixed && same_bytes(frame + FRAME_AT_SUBJECT, dest->head, dest->head_len);
}

static inline bool plain_word(uint32_t word, uint32_t rest)
{
    return !(word & (WORD_SENDER_SPARE | (UINT32_C(255) << 16))) && WORD_HEADERS(word) <= rest &&
           rest - WORD_HEADERS(word) <= MAX_PAYLOAD;
}

/* One more message of the same subject. false: it is not that plain. */
static inline bool take_same(struct client *client, struct block *block, uint32_t off,
                             uint32_t len, enum handled *ret)
{
    uint8_t *frame = block->data + off;
    if (!same_again(client, frame, len))
        return false;
    struct dest *dest = client->last_dest;
    uint32_t word = load_be32(frame + FRAME_AT_WORD);
    if (!plain_word(word, len - HEAD_BEFORE_SUBJECT - dest->head_len))
        return false;
    store_be32(frame + FRAME_AT_WORD, word & ~WORD_BROKER);
    store_be64(frame + FRAME_AT_ID, client->conn.card->id);
    bool routed = run_add(client->route, client, dest, block, off, FRAME_PREFIX + len);
    client->n_messages += routed;
    *ret = routed ? HANDLED : WAITS;
    return true;
}

/* ---- the walk --------------------------------------------------------------- */

static bool length_is_good(struct client *client, uint32_t len)
{
    uint32_t most = client->said_hello ? MAX_FRAME : MAX_HELLO - FRAME_PREFIX;
    char sentence[120];
    if (len > 0 && len <= most)
        return true;
    if (!client->said_hello)
        snprintf(sentence, sizeof sentence,
                 "the first frame is %u bytes long: not a HELLO of 1 to %u bytes", len, most);
    else
        snprintf(sentence, sizeof sentence, "a frame of %u bytes: 1 to %u are allowed", len, most);
    conn_end(&client->conn,
             !client->said_hello ? STATUS_BAD_MAGIC : len ? STATUS_TOO_LARGE : STATUS_BAD_FRAME,
             sentence);
    return false;
}

uint32_t ingest(struct conn *conn, struct block *block, uint32_t from, uint32_t to)
{
    struct client *client = (struct client *)conn;
    uint32_t p = from;
    uint64_t n = 0;
    uint64_t before = client->n_messages;

    while (to - p >= FRAME_PREFIX) {
        uint32_t len = load_be32(block->data + p);
        enum handled handled;
        if (len - 1 >= MAX_HELLO - FRAME_PREFIX && !length_is_good(client, len))
            break;
        if (to - p - FRAME_PREFIX < len)
            break;
        if (!take_same(client, block, p, len, &handled))
            handled = handle_frame(client, block, p, FRAME_PREFIX + len);
        if (handled == WAITS || !conn_is_live(conn))
            break;
        p += FRAME_PREFIX + len;
        n++;
    }
    run_end(client->route);
    client->route->counters->frames_in += n;
    client->route->counters->messages_in += client->n_messages - before;
    if (client->refusal.first)
        flush_refusals(client);
    return p - from;
}
