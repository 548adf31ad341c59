/* An identity card: who one connection is, as long as anybody asks.
 *
 * Made when the connection is accepted, from the kernel's word alone, and never
 * changed; the name is what the client calls itself, for people. Queued
 * messages keep a reference to their sender's card, so that its credentials can
 * still be told after it has left.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "proto/limits.h"
#include "proto/transport/principal.h"

struct card {
    uint32_t refs;
    uint64_t id;
    struct principal principal;
    char name[MAX_NAME + 1]; /* set once, by HELLO */
};

/* Takes over what *principal owns, which is left as PRINCIPAL_INIT. NULL: no
 * memory, nothing taken. */
struct card *card_new(uint64_t id, struct principal *principal);
void card_release(struct card *card);

static inline struct card *card_ref(struct card *card)
{
    card->refs++;
    return card;
}

/* Takes NULL. */
static inline void card_unref(struct card *card)
{
    if (card && --card->refs == 0)
        card_release(card);
}

/* Writes the PEER frame that tells the card; room for PEER_MAX_WRITTEN bytes.
 * Returns the bytes written. (PROTOCOL.md, "The frames".) */
enum { PEER_MAX_GROUPS = 64, PEER_MAX_LABEL = 128, PEER_MAX_WRITTEN = 640 };
size_t card_write_peer(const struct card *card, uint8_t *buf);
