/* An identity card: who one connection is, as long as anybody asks.
 *
 * Made when the connection is accepted, from the kernel's word alone, and never
 * changed; the name is what the client calls itself, for people. Queued
 * messages keep a reference to their sender's card, so that its credentials can
 * still be told after it has left.
 *
 * What connections of one program and one user have in common, most of it, is kept once:
 * their identity.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "proto/limits.h"
#include "proto/transport/principal.h"

/* A principal without its pid, and by which way it came in. */
struct identity {
    struct principal principal; /* its pid is 0: ask the card */
    const char *listener;       /* the name of the listener; outlives it */
    uint32_t n_cards;
    struct identity *next;
    struct identity **link;     /* what points to this one */
};

/* Those that new cards may share; the latest first. Zeroed: none. It must outlive the cards. */
struct identities {
    struct identity *first;
};

struct card {
    uint32_t refs;
    pid_t pid;                  /* 0: not known */
    uint64_t id;
    struct identity *identity;
    uint64_t since_ns;          /* when its connection was accepted */
    char *name;                 /* set once, by HELLO; NULL: it said none */
};

/* Takes over what *principal owns, which is left as PRINCIPAL_INIT. NULL: no
 * memory, nothing taken. */
struct card *card_new(struct identities *known, uint64_t id, struct principal *principal,
                      const char *listener);
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

static inline const struct principal *card_principal(const struct card *card)
{
    return &card->identity->principal;
}

/* 0 or -ENOMEM. */
int card_set_name(struct card *card, const char *name, size_t len);

static inline const char *card_name(const struct card *card)
{
    return card->name ? card->name : "";
}

/* Writes the PEER frame that tells the card; room for PEER_MAX_WRITTEN bytes.
 * Returns the bytes written. (PROTOCOL.md, "The frames".) */
enum { PEER_MAX_GROUPS = 64, PEER_MAX_LABEL = 128, PEER_MAX_WRITTEN = 640 };
size_t card_write_peer(const struct card *card, uint8_t *buf);
