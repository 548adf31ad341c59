#include "tests/bench/peers/floor_calls.h"

#include <stddef.h>

#define N_SLOTS 65536 /* slot 0 stays empty, so no token is 0 */

static struct slot {
    struct conn *requester;
    struct conn *server; /* NULL: the slot is free */
    uint64_t reference;
    uint32_t generation;
    uint32_t next_free;
} slots[N_SLOTS];
static uint32_t first_free; /* 0: none */
static unsigned n_open;

void calls_init(void)
{
    for (uint32_t i = 1; i < N_SLOTS; i++)
        slots[i].next_free = i + 1 < N_SLOTS ? i + 1 : 0;
    first_free = 1;
}

uint64_t calls_open(struct conn *requester, struct conn *server, uint64_t reference)
{
    const uint32_t i = first_free;
    struct slot *slot = &slots[i];

    if (i == 0)
        return 0;
    first_free = slot->next_free;
    slot->requester = requester;
    slot->server = server;
    slot->reference = reference;
    n_open++;
    return (uint64_t)slot->generation << 32 | i;
}

static void slot_free(struct slot *slot)
{
    slot->server = NULL;
    slot->generation++;
    slot->next_free = first_free;
    first_free = (uint32_t)(slot - slots);
    n_open--;
}

bool calls_close(const struct conn *server, uint64_t token, struct conn **ret_requester,
                 uint64_t *ret_reference)
{
    struct slot *slot = &slots[(uint32_t)token % N_SLOTS];

    if (slot->server != server || slot->generation != token >> 32)
        return false;
    *ret_requester = slot->requester;
    *ret_reference = slot->reference;
    slot_free(slot);
    return true;
}

void calls_remove(const struct conn *conn)
{
    for (uint32_t i = 1; n_open && i < N_SLOTS; i++) {
        if (slots[i].server && slots[i].requester == conn)
            slots[i].requester = NULL;
        if (slots[i].server == conn)
            slot_free(&slots[i]);
    }
}
