/* What outq.c, outq_drop.c and outq_send.c share, and nobody else uses. */
#pragma once

#include "broker/net/outq.h"
#include "proto/frame.h"

struct entry *entry_new(struct entry_pool *pool);
/* Puts the entry in front of `next`; at the end for NULL. */
void link_before(struct outq *outq, struct entry *entry, struct entry *next);
/* Takes it out, forgets it in its lanes, and frees it. */
void unlink_entry(struct outq *outq, struct entry *entry);
/* The lane no longer remembers the entry. */
void forget(struct lane *lane, const struct entry *entry);
void discharge(const struct audience *to, uint64_t n, uint32_t len);

/* Tells whoever watches the entry that it leaves. */
void entry_tell(struct entry *entry, bool sent);
/* `sent` more bytes of the head have gone to the kernel. */
void outq_consume(struct outq *outq, uint32_t sent);

/* The length of the frame that begins at `off` of the entry's block. */
static inline uint32_t message_len(const struct entry *entry, uint32_t off)
{
    return FRAME_PREFIX + load_be32(entry->block->data + off);
}
