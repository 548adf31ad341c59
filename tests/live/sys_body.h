/* Requests to the broker about itself, and the maps it answers with. */
#ifndef TESTS_LIVE_SYS_BODY_H
#define TESTS_LIVE_SYS_BODY_H

#include <msgpack.h>
#include <stdlib.h>
#include <string.h>

#include "tests/kit/health.h"

/** A body that was decoded; `root` is good until sys_free(). */
struct sys_body {
    msgpack_unpacked unpacked;
    const msgpack_object *root;
};

static inline void sys_decode(struct sys_body *body, const struct frame *frame)
{
    assert_true(frame->word & WORD_MSGPACK);
    msgpack_unpacked_init(&body->unpacked);
    size_t at = 0;
    assert_int_equal(msgpack_unpack_next(&body->unpacked, (const char *)frame->payload,
                                         frame->payload_len, &at),
                     MSGPACK_UNPACK_SUCCESS);
    assert_int_equal(at, frame->payload_len); /* one value, and nothing behind it */
    body->root = &body->unpacked.data;
}

static inline void sys_free(struct sys_body *body)
{
    msgpack_unpacked_destroy(&body->unpacked);
}

/** Sends @p payload to a $SYS subject without waiting. */
static inline void sys_send(struct peer *peer, uint64_t reference, const char *subject,
                            const void *payload, size_t len)
{
    struct frame frame = { .op = OP_REQUEST, .word = WORD_MSGPACK, .token = reference };

    frame.subject = subject;
    frame.subject_len = strlen(subject);
    frame.timeout_ms = 5000;
    frame.payload = payload;
    frame.payload_len = len;
    peer_send_payload(peer, &frame);
}

/** Asks, and takes the answer, which comes from the broker and is no error. */
static inline void sys_ask(struct sys_body *body, struct peer *peer, const char *subject,
                           const void *payload, size_t len)
{
    sys_send(peer, 42, subject, payload, len);
    peer_expect_reply(peer, 42, 0, NULL);
    assert_int_equal(peer->got.payload.id, 0);
    sys_decode(body, &peer->got.payload);
}

static inline const msgpack_object *sys_find(const msgpack_object *map, const char *key)
{
    if (map->type != MSGPACK_OBJECT_MAP)
        fail_msg("no map where %s should be", key);
    for (uint32_t i = 0; i < map->via.map.size; i++) {
        const msgpack_object *k = &map->via.map.ptr[i].key;
        if (k->type == MSGPACK_OBJECT_STR && k->via.str.size == strlen(key) &&
            memcmp(k->via.str.ptr, key, k->via.str.size) == 0)
            return &map->via.map.ptr[i].val;
    }
    fail_msg("the map has no %s", key);
    return NULL;
}

static inline uint64_t sys_number(const msgpack_object *map, const char *key)
{
    const msgpack_object *value = sys_find(map, key);

    if (value->type != MSGPACK_OBJECT_POSITIVE_INTEGER)
        fail_msg("%s is no number", key);
    return value->via.u64;
}

static inline void sys_expect_text(const msgpack_object *map, const char *key, const char *text)
{
    const msgpack_object *value = sys_find(map, key);

    if (!text) {
        assert_int_equal(value->type, MSGPACK_OBJECT_NIL);
        return;
    }
    assert_int_equal(value->type, MSGPACK_OBJECT_STR);
    if (value->via.str.size != strlen(text) || memcmp(value->via.str.ptr, text, strlen(text)) != 0)
        fail_msg("%s is %.*s, not %s", key, (int)value->via.str.size, value->via.str.ptr, text);
}

static inline const msgpack_object_array *sys_list(const msgpack_object *map, const char *key)
{
    const msgpack_object *value = sys_find(map, key);

    assert_int_equal(value->type, MSGPACK_OBJECT_ARRAY);
    return &value->via.array;
}

#endif
