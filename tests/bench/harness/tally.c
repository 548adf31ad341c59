#include "tests/bench/harness/tally.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

struct tally *tally;

void bench_ready(void)
{
    atomic_fetch_add(&tally->n_ready, 1);
}

void tally_init(void)
{
    void *memory =
        mmap(NULL, sizeof(*tally), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    if (memory == MAP_FAILED)
        bench_die("shared memory: %s", strerror(errno));
    tally = memory;
}
