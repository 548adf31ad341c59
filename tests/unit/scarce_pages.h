/* Memory that gives out where it is asked for by the page, too: mmap(2) beside scarce_heap.h's.
 * With files of 64 bits, as meson asks for them, it is called mmap64.
 *
 * The test is linked with -Wl,--wrap=mmap64 besides (meson.build).
 */
#pragma once

#include <errno.h>
#include <sys/mman.h>

#include "tests/unit/scarce_heap.h"

void *__real_mmap64(void *at, size_t size, int prot, int flags, int fd, off_t offset);
void *__wrap_mmap64(void *at, size_t size, int prot, int flags, int fd, off_t offset);

void *__wrap_mmap64(void *at, size_t size, int prot, int flags, int fd, off_t offset)
{
    if (heap_gives())
        return __real_mmap64(at, size, prot, flags, fd, offset);
    errno = ENOMEM;
    return MAP_FAILED;
}
