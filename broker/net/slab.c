#include "broker/net/slab.h"

#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/mman.h>

enum { NUMBERS_MIN = 16, NUMBERS_MAX = 1 << 18 }; /* 16 GiB of chunks */

/* ---- numbers --------------------------------------------------------------- */

static bool grow_numbers(struct slab *slab)
{
    uint32_t cap = slab->cap ? slab->cap * 2 : NUMBERS_MIN;
    struct slab_chunk **chunks = reallocarray(slab->chunks, cap, sizeof *chunks);
    if (!chunks)
        return false;
    slab->chunks = chunks;
    slab->cap = cap;
    return true;
}

/* 0 is given to nobody. UINT32_MAX: there is none. */
static uint32_t take_number(struct slab *slab)
{
    uint32_t number = slab->first_free ? slab->first_free : 1;
    while (number < slab->n_chunks && slab->chunks[number])
        number++;
    if (number >= NUMBERS_MAX || (number >= slab->cap && !grow_numbers(slab)))
        return UINT32_MAX;
    if (number >= slab->n_chunks)
        slab->n_chunks = number + 1;
    slab->first_free = number + 1;
    return number;
}

static void give_number(struct slab *slab, uint32_t number)
{
    slab->chunks[number] = NULL;
    if (number < slab->first_free)
        slab->first_free = number;
}

#ifdef SLAB_IS_MALLOC

void *slab_take(struct slab *slab, size_t size)
{
    struct slab_chunk *chunk = malloc(sizeof *chunk + size);
    uint32_t number = chunk ? take_number(slab) : UINT32_MAX;
    if (number == UINT32_MAX) {
        free(chunk);
        return NULL;
    }
    *chunk = (struct slab_chunk){ .slab = slab, .number = number, .size = sizeof *chunk + size };
    slab->chunks[number] = chunk;
    slab->n_things++;
    slab->n_bytes += sizeof *chunk + size;
    return chunk->thing;
}

void slab_give(void *thing)
{
    if (!thing)
        return;
    struct slab_chunk *chunk =
        (struct slab_chunk *)((char *)thing - offsetof(struct slab_chunk, thing));
    give_number(chunk->slab, chunk->number);
    chunk->slab->n_things--;
    chunk->slab->n_bytes -= chunk->size;
    free(chunk);
}

void slab_deinit(struct slab *slab)
{
    assert(slab->n_things == 0);
    free(slab->chunks);
    *slab = (struct slab){ 0 };
}

#else

/* ---- chunks ---------------------------------------------------------------- */

static void *map(size_t size)
{
    void *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return at == MAP_FAILED ? NULL : at;
}

static bool is_aligned(const void *at)
{
    return (uintptr_t)at % SLAB_CHUNK == 0;
}

/* What the kernel maps next lies, as a rule, against what it mapped last: so the first try fails
 * for the first chunk, and seldom for others. */
static void *map_chunk(void)
{
    char *at = map(SLAB_CHUNK);
    if (!at || is_aligned(at))
        return at;
    munmap(at, SLAB_CHUNK);
    at = map(2 * SLAB_CHUNK);
    if (!at)
        return NULL;
    size_t before = (SLAB_CHUNK - (uintptr_t)at % SLAB_CHUNK) % SLAB_CHUNK;
    if (before > 0)
        munmap(at, before);
    munmap(at + before + SLAB_CHUNK, SLAB_CHUNK - before);
    return at + before;
}

static void open_chunk(struct slab *slab, struct slab_chunk *chunk)
{
    struct slab_chunk **first = &slab->open[chunk->size];
    chunk->prev = NULL;
    chunk->next = *first;
    if (chunk->next)
        chunk->next->prev = chunk;
    *first = chunk;
}

static void close_chunk(struct slab *slab, struct slab_chunk *chunk)
{
    *(chunk->prev ? &chunk->prev->next : &slab->open[chunk->size]) = chunk->next;
    if (chunk->next)
        chunk->next->prev = chunk->prev;
}

static struct slab_chunk *chunk_new(struct slab *slab, uint16_t size)
{
    uint32_t number = take_number(slab);
    if (number == UINT32_MAX)
        return NULL;
    struct slab_chunk *chunk = map_chunk();
    slab->chunks[number] = chunk;
    if (!chunk) {
        give_number(slab, number);
        return NULL;
    }
    *chunk = (struct slab_chunk){
        .slab = slab,
        .number = number,
        .size = size,
        .fresh = sizeof *chunk / SLAB_UNIT,
    };
    slab->n_bytes += SLAB_CHUNK;
    open_chunk(slab, chunk);
    return chunk;
}

static void chunk_free(struct slab *slab, struct slab_chunk *chunk)
{
    close_chunk(slab, chunk);
    give_number(slab, chunk->number);
    slab->n_bytes -= SLAB_CHUNK;
    munmap(chunk, SLAB_CHUNK);
}

/* ---- things ---------------------------------------------------------------- */

static uint16_t *at_unit(struct slab_chunk *chunk, uint16_t unit)
{
    return (uint16_t *)((char *)chunk + (size_t)unit * SLAB_UNIT);
}

static bool is_full(const struct slab_chunk *chunk)
{
    return !chunk->free && chunk->fresh + chunk->size > SLAB_UNITS;
}

void *slab_take(struct slab *slab, size_t size)
{
    assert(size > 0 && size <= SLAB_MAX);
    uint16_t n_units = (uint16_t)((size + SLAB_UNIT - 1) / SLAB_UNIT);
    struct slab_chunk *chunk = slab->open[n_units];
    if (!chunk)
        chunk = chunk_new(slab, n_units);
    if (!chunk)
        return NULL;
    uint16_t *thing;
    if (chunk->free) {
        thing = at_unit(chunk, chunk->free);
        chunk->free = *thing; /* what was given back names the next one */
    } else {
        thing = at_unit(chunk, chunk->fresh);
        chunk->fresh = (uint16_t)(chunk->fresh + n_units);
    }
    chunk->n_used++;
    slab->n_things++;
    if (is_full(chunk))
        close_chunk(slab, chunk);
    return thing;
}

void slab_give(void *thing)
{
    if (!thing)
        return;
    uint16_t *at = thing;
    size_t within = (uintptr_t)thing % SLAB_CHUNK;
    struct slab_chunk *chunk = (struct slab_chunk *)((char *)thing - within);
    struct slab *slab = chunk->slab;
    bool was_full = is_full(chunk);
    *at = chunk->free;
    chunk->free = (uint16_t)(within / SLAB_UNIT);
    chunk->n_used--;
    slab->n_things--;
    if (was_full)
        open_chunk(slab, chunk);
    /* One that is empty stays if it is the only one: what comes and goes alone need not map. */
    if (chunk->n_used == 0 && (chunk->next || chunk->prev))
        chunk_free(slab, chunk);
}

void slab_deinit(struct slab *slab)
{
    assert(slab->n_things == 0);
    for (uint32_t i = 0; i < SLAB_SIZES; i++) {
        while (slab->open[i])
            chunk_free(slab, slab->open[i]);
    }
    free(slab->chunks);
    *slab = (struct slab){ 0 };
}

#endif
