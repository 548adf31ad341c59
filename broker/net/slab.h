/* A slab: small things that there are very many of, side by side.
 *
 * Each has an address, as with malloc(3), and a name of 32 bits, which is what others of
 * its kind link to: a million subscriptions are mostly links. Things of one size (in
 * steps of 4 bytes) share chunks of 64 KiB; a chunk that is empty goes back to the
 * system. A thing is aligned to 8 bytes if its size is a multiple of that, else to
 * 4 (SLAB_ALIGNED). It stays where it is, and its chunk knows the slab, so it is given
 * back by its address alone. Memory comes uninitialised.
 *
 * A zeroed slab is an empty one. Under AddressSanitizer each thing is a block of
 * malloc's, so that it sees what it would see.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

enum {
    SLAB_CHUNK = 64 << 10,
    SLAB_UNIT = 4,
    SLAB_MAX = 512, /* bytes of one thing */
    SLAB_SIZES = SLAB_MAX / SLAB_UNIT + 1,
};

typedef uint32_t slab_ref; /* 0: none */

struct slab_chunk;

struct slab {
    struct slab_chunk **chunks;             /* by number; NULL: it may be given again */
    uint32_t n_chunks;                      /* numbers */
    uint32_t cap;
    uint32_t first_free;                    /* no number below it may be given */
    size_t n_things;
    size_t n_bytes;                         /* of all chunks */
    struct slab_chunk *open[SLAB_SIZES];    /* with room, by size in units */
};

/* All must have been given back. Idempotent. */
void slab_deinit(struct slab *slab);

/* A size whose things lie as the type wants them: of 4 bytes only if it is no multiple of 8. */
#define SLAB_ALIGNED(size, type) (((size) + _Alignof(type) - 1) & ~(_Alignof(type) - 1))

/* Room for `size` bytes, at most SLAB_MAX. NULL: no memory. */
void *slab_take(struct slab *slab, size_t size);
/* Takes NULL. */
void slab_give(void *thing);

#if defined(__SANITIZE_ADDRESS__)
#    define SLAB_IS_MALLOC 1
#elif defined(__has_feature)
#    if __has_feature(address_sanitizer)
#        define SLAB_IS_MALLOC 1
#    endif
#endif

#ifdef SLAB_IS_MALLOC

struct slab_chunk {
    struct slab *slab;
    uint32_t number;
    size_t size;
    _Alignas(max_align_t) char thing[];
};

static inline void *slab_at(const struct slab *slab, slab_ref ref)
{
    return ref ? slab->chunks[ref]->thing : NULL;
}

static inline slab_ref slab_ref_of(const void *thing)
{
    const char *at = thing;
    return at ? ((const struct slab_chunk *)(at - offsetof(struct slab_chunk, thing)))->number : 0;
}

#else

enum { SLAB_UNITS = SLAB_CHUNK / SLAB_UNIT };

struct slab_chunk {
    struct slab *slab;
    struct slab_chunk *next; /* of those with room for the same size */
    struct slab_chunk *prev;
    uint32_t number;
    uint16_t size;           /* of a thing, in units */
    uint16_t n_used;
    uint16_t free;           /* the first that was given back, in units; 0: none */
    uint16_t fresh;          /* from here on nothing was ever taken */
    _Alignas(64) char things[];
};

/* What the name names; NULL for 0. */
static inline void *slab_at(const struct slab *slab, slab_ref ref)
{
    return ref ? (char *)slab->chunks[ref / SLAB_UNITS] + (size_t)(ref % SLAB_UNITS) * SLAB_UNIT
               : NULL;
}

/* The name; 0 for NULL. */
static inline slab_ref slab_ref_of(const void *thing)
{
    uintptr_t at = (uintptr_t)thing;
    if (!thing)
        return 0;
    const struct slab_chunk *chunk = (const struct slab_chunk *)(at & ~(uintptr_t)(SLAB_CHUNK - 1));
    return chunk->number * SLAB_UNITS + (uint32_t)(at % SLAB_CHUNK / SLAB_UNIT);
}

#endif
