/* The clients of test_deliver.c, and what they may say: at random, and with each thing noted that
 * its answer will be held against (witness_kit.h).
 */
#pragma once

#include "proto/writer.h"
#include "tests/unit/witness_kit.h"

enum { ACTORS = 6, TRAIN_MAX = 60000, SERVICE_SID = 100 };

struct actor {
    struct cli *cli; /* NULL: it is not there */
    bool deaf;
    bool shut;       /* it has said all it had to say */
    uint32_t leaves; /* the mark of its GOODBYE; 0: it said none */
    int64_t left_ns;
    uint64_t said; /* messages of this connection */
    uint64_t peers[PEER_CACHE];
    uint64_t token; /* of a request that it may answer; 0: none */
    struct book books[SIDS];
};

static struct {
    uint64_t random;
    uint32_t number;
    struct actor actors[ACTORS];
    struct {
        uint8_t bytes[TRAIN_MAX + 8192];
        size_t len;
    } train;
} game;

static inline uint32_t below(uint32_t n)
{
    return (uint32_t)random_below(&game.random, n);
}

/* ---- what is said --------------------------------------------------------------------- */

static inline void put_envelope(const struct envelope *e)
{
    game.train.len += envelope_write(game.train.bytes + game.train.len, ENVELOPE_MAX_WRITTEN, e);
}

static inline uint32_t put_payload(size_t size)
{
    uint32_t number = ++game.number;
    assert_true(number < NUMBERS);
    memset(game.train.bytes + game.train.len, (int)(number & 0xff), size);
    store_be64(game.train.bytes + game.train.len, number);
    game.train.len += size;
    return number;
}

static inline uint32_t put_message(struct actor *actor, const char *subject, size_t size)
{
    struct frame frame = {
        .op = OP_MESSAGE,
        .subject = subject,
        .subject_len = strlen(subject),
        .payload_len = size,
    };
    game.train.len += frame_write_head(game.train.bytes + game.train.len, &frame);
    actor->said++;
    return put_payload(size);
}

/* Numbers in their shortest form: the broker writes it anew. */
static inline void put_loose(struct actor *actor, const char *subject)
{
    uint8_t *start = game.train.bytes + game.train.len;
    struct writer w = { start + FRAME_PREFIX, start + 600, false };
    writer_array(&w, 4);
    writer_uint(&w, OP_MESSAGE);
    writer_uint(&w, 0);
    writer_uint(&w, 0);
    writer_str(&w, subject, strlen(subject));
    game.train.len += (size_t)(w.p - start);
    put_payload(8);
    store_be32(start, (uint32_t)(game.train.bytes + game.train.len - start) - FRAME_PREFIX);
    actor->said++;
}

static inline void put_row(struct actor *actor)
{
    static const size_t sizes[] = { 8, 8, 8, 30, 30, 600, 3000 };
    size_t size = sizes[below(COUNT_OF(sizes))];
    uint32_t spread = 1 + below(3);
    uint32_t first = below(COUNT_OF(subjects) - 1);
    for (uint32_t n = 1 + below(below(4) ? 6 : 60); n > 0 && game.train.len < TRAIN_MAX - 4000; n--)
        put_message(actor, subjects[(first + below(spread)) % (COUNT_OF(subjects) - 1)], size);
}

static inline void put_sub(struct actor *actor)
{
    static const uint8_t policies[] = { POLICY_WAIT,     POLICY_DROP_OLD, POLICY_DROP_OLD,
                                        POLICY_DROP_NEW, POLICY_DROP_NEW, POLICY_LATEST };
    uint32_t i = below(SIDS);
    struct book *book = &actor->books[i];
    if (book->state != BOOK_FREE)
        return;
    *book = (struct book){ .state = BOOK_ASKED, .pattern = (uint8_t)below(COUNT_OF(patterns)) };
    const char *pattern = patterns[book->pattern];
    struct envelope e = { .op = OP_SUB };
    e.sub.ref = e.sub.sid = i + 1;
    e.sub.pattern = (struct piece){ pattern, strlen(pattern) };
    e.sub.policy = below(40) ? policies[below(COUNT_OF(policies))] : POLICY_DISCONNECT;
    e.sub.queue_messages = below(3) ? 1 + below(12) : 0;
    e.sub.queue_bytes = below(3) ? 0 : 1 + below(4000);
    book->grouped = below(10) == 0 && pattern[0] != '$';
    if (book->grouped)
        e.sub.group = (struct piece){ "group", 5 };
    else if (below(12) == 0)
        e.sub.after = book->after = 1 + below(20);
    book->credentials = below(10) == 0;
    e.sub.flags = book->credentials ? SUB_CREDENTIALS : 0;
    book->begin = put_message(actor, "mark", 8);
    put_envelope(&e);
}

static inline void put_unsub(struct actor *actor)
{
    uint32_t i = below(SIDS);
    struct book *book = &actor->books[i];
    if (book->state != BOOK_OPEN)
        return;
    struct envelope e = { .op = OP_UNSUB };
    e.unsub.ref = e.unsub.sid = i + 1;
    book->state = BOOK_LEAVING;
    book->end = put_message(actor, "mark", 8);
    put_envelope(&e);
}

static inline void put_request(struct actor *actor)
{
    struct frame frame = {
        .op = OP_REQUEST,
        .token = ++game.number, /* of no message */
        .subject = "service",
        .subject_len = 7,
        .mode = below(2),
        .timeout_ms = 1 + below(2000),
    };
    game.train.len += frame_write_head(game.train.bytes + game.train.len, &frame);
    if (!actor->token)
        return;
    frame = (struct frame){ .op = OP_REPLY, .token = actor->token };
    game.train.len += frame_write_head(game.train.bytes + game.train.len, &frame);
    actor->token = 0;
}

/* CONFIRM's reference is what it must be answered with. */
static inline void put_question(struct actor *actor)
{
    struct envelope confirm = { .op = OP_CONFIRM, .ref = actor->said };
    struct envelope ping = { .op = OP_PING, .ref = 1 };
    put_envelope(below(2) ? &confirm : &ping);
}

/* It is refused, and takes a number of the connection, but none of ours. */
static inline void put_refused(struct actor *actor)
{
    put_message(actor, below(2) ? "$SYS.event.left" : "a..x", 8);
}

static inline void put_goodbye(struct actor *actor)
{
    actor->leaves = put_message(actor, "mark", 8);
    put_envelope(&(struct envelope){ .op = OP_GOODBYE });
    actor->left_ns = kit_now_ns();
    actor->shut = true;
    actor->deaf = false;
}
