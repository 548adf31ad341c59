/* Memory that gives out: malloc(3) of everything that a test links, counted down.
 *
 * The test is linked with -Wl,--wrap=malloc (meson.build).
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);

/* How many more succeed; UINT32_MAX: all. */
static uint32_t mallocs_left = UINT32_MAX;

void *__wrap_malloc(size_t size)
{
    if (mallocs_left == 0)
        return NULL;
    mallocs_left -= mallocs_left != UINT32_MAX;
    return __real_malloc(size);
}
