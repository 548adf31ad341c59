/* Frames of one client that arrive together. */
#pragma once

#include "tests/unit/route_kit.h"

struct train {
    uint8_t bytes[400000];
    size_t len;
};

/* A message whose payload begins with its number; `size` is at least 8. */
static inline void train_add(struct train *train, const char *subject, uint64_t number, size_t size)
{
    struct frame frame = {
        .op = OP_MESSAGE,
        .subject = subject,
        .subject_len = strlen(subject),
        .payload_len = size,
    };
    assert_true(sizeof train->bytes - train->len >= FRAME_MAX_HEAD + size);
    train->len += frame_write_head(train->bytes + train->len, &frame);
    memset(train->bytes + train->len, 0, size);
    store_be64(train->bytes + train->len, number);
    train->len += size;
}
