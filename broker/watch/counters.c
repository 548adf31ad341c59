#include "broker/watch/counters.h"

#include <assert.h>

struct counter_row {
    const char *name;
    const char *sentence;
    size_t offset;
};

static const struct counter_row rows[] = {
#define COUNTERS_ROW(name, sentence) { #name, sentence, offsetof(struct counters, name) },
    COUNTERS_MAP(COUNTERS_ROW)
#undef COUNTERS_ROW
};

_Static_assert(sizeof(rows) / sizeof(rows[0]) == N_COUNTERS, "a counter is one uint64_t");

const char *counters_name(size_t i)
{
    assert(i < N_COUNTERS);
    return rows[i].name;
}

const char *counters_sentence(size_t i)
{
    assert(i < N_COUNTERS);
    return rows[i].sentence;
}

uint64_t counters_value(const struct counters *counters, size_t i)
{
    assert(i < N_COUNTERS);
    return *(const uint64_t *)((const char *)counters + rows[i].offset);
}
