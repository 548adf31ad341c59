/* Memory that gives out wherever it is asked for: malloc(3) and its kin, counted down.
 *
 * The test is linked with -Wl,--wrap for each of them (meson.build).
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* How many more succeed; UINT32_MAX: all. Behind the first that fails all others do. */
static uint32_t heap_left = UINT32_MAX;

static inline int heap_gives(void)
{
    if (heap_left == 0)
        return 0;
    heap_left -= heap_left != UINT32_MAX;
    return 1;
}

#define SCARCE(type, name, params, args)                 \
    type __real_##name params;                           \
    type __wrap_##name params;                           \
    type __wrap_##name params                            \
    {                                                    \
        return heap_gives() ? __real_##name args : NULL; \
    }

SCARCE(void *, malloc, (size_t size), (size))
SCARCE(void *, calloc, (size_t n, size_t size), (n, size))
SCARCE(void *, realloc, (void *p, size_t size), (p, size))
SCARCE(void *, reallocarray, (void *p, size_t n, size_t size), (p, n, size))
SCARCE(char *, strdup, (const char *s), (s))
SCARCE(char *, strndup, (const char *s, size_t n), (s, n))
