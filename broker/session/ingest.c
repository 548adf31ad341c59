#include "broker/session/ingest.h"

#include <stdio.h>

#include "broker/route/dest.h"
#include "broker/route/run.h"
#include "broker/session/handlers.h"

/* ---- the hot path ---------------------------------------------------------
 * Most messages have the envelope of the message before them. Where the fixed
 * parts and the subject are the same bytes, nothing has to be parsed, hashed or
 * looked up; where only the subject is another, it lies at a known place. All
 * else, and all that is to be refused, takes the way of the other frames. */

enum {
    HEAD_BEFORE_SUBJECT = FRAME_AT_SUBJECT - FRAME_PREFIX,
    FRAMES_AHEAD = 8,
    /* The clock is looked at after so much input; what is dear counts for more of it. */
    LOOK_ALONE = 128 << 10,
    LOOK_SHARED = 4 << 10,
    CALL_MORE = 256,
    SLOW_MORE = 1024,
};

/* The input at hand, and the subjects of its next frames: see look_ahead(). */
struct walk {
    struct client *client;
    struct block *block;
    uint32_t to;
    uint32_t looked_to;
    unsigned n_ahead;
    unsigned at_ahead;
    struct dest_key ahead[FRAMES_AHEAD];
};

static inline bool same16(const uint8_t *a, const uint8_t *b)
{
    return memcmp(a, b, 2) == 0;
}

static inline bool same32(const uint8_t *a, const uint8_t *b)
{
    return memcmp(a, b, 4) == 0;
}

static inline bool same64(const uint8_t *a, const uint8_t *b)
{
    return memcmp(a, b, 8) == 0;
}

/* For n >= 2, as a subject's msgpack form is. The last step overlaps the one before. */
static inline bool same_bytes(const uint8_t *a, const uint8_t *b, size_t n)
{
    if (n < 4)
        return same16(a, b) && same16(a + n - 2, b + n - 2);
    if (n < 8)
        return same32(a, b) && same32(a + n - 4, b + n - 4);
    for (size_t i = 0; i + 8 < n; i += 8) {
        if (!same64(a + i, b + i))
            return false;
    }
    return same64(a + n - 8, b + n - 8);
}

/* Array of 4, MESSAGE, a 32-bit word, a 64-bit id: all in their places. */
static inline bool is_fixed_message(const uint8_t *frame, uint32_t len)
{
    return len > HEAD_BEFORE_SUBJECT + 1 &&
           (load_be32(frame + FRAME_PREFIX) & 0xffffff00) == 0x9420ce00 && frame[11] == 0xcf;
}

static inline bool is_for(const struct dest *dest, const uint8_t *subject, uint32_t room)
{
    return dest->head_len <= room && same_bytes(subject, dest->head, dest->head_len);
}

/* The hash of a subject whose msgpack begins at `head`, and where it lies; false: it is not in its
 * shortest form, or longer than its room. */
static inline bool find_subject(const struct route *route, const uint8_t *head, uint32_t room,
                                struct dest_key *ret)
{
    uint32_t len = head[0] == 0xd9 ? head[1] : head[0] & 31u;
    uint32_t at = len < 32 ? 1 : 2;
    bool shortest = len < 32 ? (head[0] & 0xe0) == 0xa0 : head[0] == 0xd9;
    if (!shortest || at + len > room)
        return false;
    *ret = dest_key(route, (const char *)head + at, len);
    return true;
}

/* With many subjects in turn each look-up is a row of cache misses, one waiting for the other.
 * Those of the next few messages are begun together. */
static void look_ahead(struct walk *walk, uint32_t p)
{
    unsigned n = 0;
    while (n < FRAMES_AHEAD && walk->to - p > FRAME_AT_SUBJECT + 1) {
        const uint8_t *frame = walk->block->data + p;
        uint32_t len = load_be32(frame);
        if (len >= walk->to - p - FRAME_PREFIX || !is_fixed_message(frame, len) ||
            !find_subject(walk->client->route, frame + FRAME_AT_SUBJECT, len - HEAD_BEFORE_SUBJECT,
                          &walk->ahead[n]))
            break;
        p += FRAME_PREFIX + len;
        n++;
    }
    dest_prefetch(walk->client->route, walk->ahead, n);
    walk->looked_to = p;
    walk->n_ahead = n;
    walk->at_ahead = 0;
}

/* What the message's subject is looked up by; NULL: it is not to be found the short way. Between
 * two that are asked for there may have been some that nobody had to look up. */
static const struct dest_key *next_key(struct walk *walk, const uint8_t *frame)
{
    const char *subject = (const char *)frame + FRAME_AT_SUBJECT;
    uint32_t p = (uint32_t)(frame - walk->block->data);
    if (p >= walk->looked_to)
        look_ahead(walk, p);
    while (walk->at_ahead < walk->n_ahead && walk->ahead[walk->at_ahead].subject < subject)
        walk->at_ahead++;
    return walk->at_ahead < walk->n_ahead ? &walk->ahead[walk->at_ahead] : NULL;
}

/* One that it did not use of late, but somebody did. */
static __attribute__((noinline)) struct dest *cached_dest(struct walk *walk, const uint8_t *frame)
{
    struct client *client = walk->client;
    const struct dest_key *key = next_key(walk, frame);
    struct dest *dest = key ? dest_peek(client->route, key) : NULL;
    if (!dest || dest->is_sys || !dest_admits(dest, client))
        return NULL;
    dest_remember(client, dest);
    return dest;
}

/* Where the message goes, if that is known already; NULL: take the long way. */
static inline struct dest *known_dest(struct walk *walk, const uint8_t *frame, uint32_t len)
{
    struct client *client = walk->client;
    const uint8_t *subject = frame + FRAME_AT_SUBJECT;
    uint32_t room = len - HEAD_BEFORE_SUBJECT;
    if (client->recent_epoch != client->route->epoch)
        return NULL;
    if (is_for(client->recent[0], subject, room))
        return client->recent[0];
    if (is_for(client->recent[1], subject, room))
        return client->recent[1];
    return cached_dest(walk, frame);
}

static inline bool is_plain(uint32_t word, uint32_t body_len)
{
    return !(word & (WORD_SENDER_SPARE | (UINT32_C(255) << 16))) &&
           WORD_HEADERS(word) <= body_len && body_len - WORD_HEADERS(word) <= MAX_PAYLOAD;
}

/* false: the frame is not handled yet. */
static inline bool take_known(struct walk *walk, uint32_t off, uint32_t len, enum handled *ret)
{
    struct client *client = walk->client;
    uint8_t *frame = walk->block->data + off;
    struct dest *dest = is_fixed_message(frame, len) ? known_dest(walk, frame, len) : NULL;
    if (!dest)
        return false;
    uint32_t word = load_be32(frame + FRAME_AT_WORD);
    if (!is_plain(word, len - HEAD_BEFORE_SUBJECT - dest->head_len))
        return false;
    store_be32(frame + FRAME_AT_WORD, word & ~WORD_BROKER);
    store_be64(frame + FRAME_AT_ID, client->conn.card->id);
    struct route *route = client->route;
    bool routed = run_add(route, &route->run, client, dest, walk->block, off, FRAME_PREFIX + len);
    client->n_messages += routed;
    *ret = routed ? HANDLED : WAITS;
    return true;
}

/* REQUEST and REPLY in the form that can go on as it is. */
static inline bool take_call(const struct walk *walk, uint32_t off, uint32_t len)
{
    struct client *client = walk->client;
    const uint8_t *buf = walk->block->data + off + FRAME_PREFIX;
    struct frame frame;
    if (len < 2 || (buf[1] != OP_REQUEST && buf[1] != OP_REPLY) || !client->said_hello ||
        !frame_read(&frame, buf, len, NULL) || !frame.fixed)
        return false;
    run_end(client->route);
    struct parcel parcel = { &frame, walk->block, off, FRAME_PREFIX + len };
    net_look_sooner(client->route->net, CALL_MORE);
    if (!conn_is_live(&client->conn)) /* it may have ended with it */
        return true;
    if (frame.op == OP_REQUEST)
        handle_request(client, &parcel);
    else
        handle_reply(client, &parcel);
    return true;
}

/* ---- the walk --------------------------------------------------------------- */

static bool length_is_good(struct client *client, uint32_t len)
{
    uint32_t most = client->said_hello ? MAX_FRAME : MAX_HELLO - FRAME_PREFIX;
    char sentence[120];
    if (len > 0 && len <= most)
        return true;
    run_end(client->route);
    flush_refusals(client);
    if (!client->said_hello)
        snprintf(sentence, sizeof sentence,
                 "the first frame is %u bytes long: not a HELLO of 1 to %u bytes", len, most);
    else
        snprintf(sentence, sizeof sentence, "a frame of %u bytes: 1 to %u are allowed", len, most);
    conn_end(&client->conn,
             !client->said_hello ? STATUS_BAD_MAGIC
             : len               ? STATUS_TOO_LARGE
                                 : STATUS_BAD_FRAME,
             sentence);
    return false;
}

/* The long way. A walk through the index may have taken long. */
static enum handled take_slowly(const struct walk *walk, uint32_t off, uint32_t len)
{
    const struct route *route = walk->client->route;
    uint64_t n_walked = route->counters->lookups_walked;
    enum handled handled = handle_frame(walk->client, walk->block, off, len);
    bool has_walked = route->counters->lookups_walked != n_walked;
    net_look_sooner(route->net, has_walked ? LOOK_ALONE : SLOW_MORE);
    return handled;
}

/* ---- the turn ----------------------------------------------------------------- */

static inline void look_later(const struct walk *walk, uint32_t p)
{
    struct net *net = walk->client->route->net;
    net->look_at = p + (pace_is_shared(&net->quota->pace) ? LOOK_SHARED : LOOK_ALONE);
}

/* What its messages will cost when they are written counts as well, while others want a turn. */
static __attribute__((noinline)) bool turn_is_over(const struct walk *walk, uint32_t p)
{
    struct route *route = walk->client->route;
    const struct run *run = &route->run;
    uint64_t n_delivered = 0;
    look_later(walk, p);
    if (pace_is_shared(&route->net->quota->pace)) {
        n_delivered = walk->client->conn.account.user->pace.n_delivered;
        n_delivered += run->dest ? (uint64_t)run->len * run->dest->n_matched : 0;
    }
    return net_turn_is_over(route->net, n_delivered);
}

uint32_t ingest(struct conn *conn, struct block *block, uint32_t from, uint32_t to)
{
    struct client *client = (struct client *)conn;
    const struct net *net = conn->net;
    struct walk walk = { .client = client, .block = block, .to = to, .looked_to = from };
    uint32_t p = from;
    uint64_t n = 0;
    uint64_t before = client->n_messages;

    if (client->conn.said_goodbye)
        return to - from;
    look_later(&walk, from);
    while (to - p >= FRAME_PREFIX) {
        uint32_t len = load_be32(block->data + p);
        enum handled handled = HANDLED;
        if (len - 1 >= MAX_HELLO - FRAME_PREFIX && !length_is_good(client, len))
            break;
        if (to - p - FRAME_PREFIX < len)
            break;
        if (!take_known(&walk, p, len, &handled) && !take_call(&walk, p, len))
            handled = take_slowly(&walk, p, FRAME_PREFIX + len);
        n += handled != WAITS;
        if (handled != HANDLED || !conn_is_live(conn))
            break;
        p += FRAME_PREFIX + len;
        if (p >= net->look_at && p < to && turn_is_over(&walk, p))
            break;
    }
    run_end(client->route);
    client->route->counters->frames_in += n;
    client->route->counters->messages_in += client->n_messages - before;
    if (client->refusal)
        flush_refusals(client);
    return client->conn.said_goodbye ? to - from : p - from;
}
