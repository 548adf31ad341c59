#include "broker/net/lane.h"

#include <stdlib.h>

#include "broker/net/slab.h"
#include "proto/limits.h"

void lane_init(struct lane *lane, uint32_t sid, uint32_t max_bytes, uint32_t max_messages)
{
    *lane = (struct lane){
        .solo = { .refs = 1, .n = 1, .lanes = { lane } },
        .sid = sid,
        .max_bytes = max_bytes,
        .max_messages = max_messages,
    };
}

void audience_release(struct audience *audience)
{
    if (audience->n == 1) {
        slab_give(audience->lanes[0]);
        return;
    }
    for (uint32_t i = 0; i < audience->n; i++)
        lane_unref(audience->lanes[i]);
    free(audience);
}

struct audience *audience_new(struct lane *const *lanes, uint32_t n)
{
    if (n == 1)
        return audience_ref(&lanes[0]->solo);

    struct audience *audience = malloc(sizeof *audience + (n - 1) * sizeof(struct lane *));
    if (!audience)
        return NULL;
    *audience = (struct audience){ .refs = 1, .n = (uint16_t)n };
    for (uint32_t i = 0; i < n; i++) {
        audience->lanes[i] = lanes[i];
        audience->credentials |= lanes[i]->solo.credentials;
        audience->single |= lanes[i]->solo.single;
        audience_ref(&lanes[i]->solo);
    }
    return audience;
}

struct audience *audience_without(const struct audience *audience, const struct lane *lane)
{
    struct lane *rest[MAX_SIDS];
    uint32_t n = 0;
    for (uint32_t i = 0; i < audience->n; i++) {
        if (audience->lanes[i] != lane)
            rest[n++] = audience->lanes[i];
    }
    return audience_new(rest, n);
}

bool audience_has(const struct audience *audience, const struct lane *lane)
{
    for (uint32_t i = 0; i < audience->n; i++) {
        if (audience->lanes[i] == lane)
            return true;
    }
    return false;
}
