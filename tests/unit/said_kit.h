/* Frames that are said in one piece, and handled in one round: put_request() and its like gather
 * them, say() writes them to the broker, hand_in() passes them to where input goes without a round
 * that would write anything.
 */
#pragma once

#include "tests/unit/route_kit.h"
#include "tests/unit/scarce_malloc.h"

/* Frames that leave in one piece. */
struct speech {
    uint8_t bytes[1 << 18];
    size_t len;
};

static struct speech said;

static inline void put_request(uint64_t reference, const char *subject, uint64_t timeout_ms,
                               size_t size)
{
    struct frame frame = {
        .op = OP_REQUEST,
        .token = reference,
        .subject = subject,
        .subject_len = strlen(subject),
        .timeout_ms = timeout_ms,
        .payload_len = size < 8 ? 8 : size,
    };
    assert_true(sizeof said.bytes - said.len >= FRAME_MAX_HEAD + frame.payload_len);
    said.len += frame_write_head(said.bytes + said.len, &frame);
    memset(said.bytes + said.len, 0, frame.payload_len);
    store_be64(said.bytes + said.len, reference);
    said.len += frame.payload_len;
}

static inline void put_cancel(uint64_t reference)
{
    struct envelope e = { .op = OP_CANCEL };
    e.cancel.token = reference;
    said.len += envelope_write(said.bytes + said.len, sizeof said.bytes - said.len, &e);
}

static inline void put_reply(uint64_t token, uint64_t number, bool more)
{
    struct frame frame = {
        .op = OP_REPLY, .token = token, .word = more ? WORD_MORE : 0, .payload_len = 8
    };
    said.len += frame_write_head(said.bytes + said.len, &frame);
    store_be64(said.bytes + said.len, number);
    said.len += 8;
}

static inline void put_message(const char *subject, uint64_t number)
{
    struct frame frame = {
        .op = OP_MESSAGE, .subject = subject, .subject_len = strlen(subject), .payload_len = 8
    };
    said.len += frame_write_head(said.bytes + said.len, &frame);
    store_be64(said.bytes + said.len, number);
    said.len += 8;
}

static inline void say(struct cli *cli)
{
    cli_write(cli, said.bytes, said.len);
    said.len = 0;
}

/* The frames are handled as if they had been read just now, with so many mallocs to go: nothing is
 * written yet. */
static inline void hand_in_with(struct cli *cli, uint32_t n_mallocs)
{
    struct block *block = block_new(said.len);
    assert_non_null(block);
    memcpy(block->data, said.bytes, said.len);
    mallocs_left = n_mallocs;
    session.net.turn_until_ns = UINT64_MAX;
    uint32_t n = session.net.ops->input(&cli->client->conn, block, 0, (uint32_t)said.len);
    mallocs_left = UINT32_MAX;
    assert_int_equal(n, said.len);
    block_unref(block);
    said.len = 0;
}

static inline void hand_in(struct cli *cli)
{
    hand_in_with(cli, UINT32_MAX);
}
