#include "broker/guard/limits.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum {
    MEMORY_PART = 8,      /* what one kind may cost of the memory: five may be that large */
    FILES_SPARE = 64,     /* listeners, the loop, logs; and one to refuse with (net/listener.h) */
    FILES_SPARE_PART = 4, /* of few */
};

/* So that sums and products of them stay far from 2^64. */
static const uint64_t TOTAL_MAX = UINT64_C(1) << 53;

static const struct line {
    const char *name;
    const char *one_name;
    uint64_t total;
    uint32_t per_connection;
    uint32_t basic;
    uint32_t cost;
} lines[N_QUOTA_KINDS] = {
#define LIMITS_LINE(kind, name, one, total, per_connection, basic, cost) \
    [QUOTA_##kind] = { name, name "-per-" one, total, per_connection, basic, cost },
    LIMITS_MAP(LIMITS_LINE)
#undef LIMITS_LINE
};

_Static_assert(QUEUED_MAX >= CONN_QUEUE_BYTES + CONTROL_RESERVE + FRAME_PREFIX + MAX_FRAME,
               "a full queue leaves room for a frame");
_Static_assert(QUOTA_CONNECTIONS == N_QUOTA_KINDS - 1, "accounts have no place for connections");

const char *limits_name(enum quota_kind kind)
{
    return lines[kind].name;
}

const char *limits_one_name(enum quota_kind kind)
{
    return lines[kind].one_name;
}

uint32_t limits_basic(enum quota_kind kind)
{
    return lines[kind].basic;
}

uint32_t limits_cost(enum quota_kind kind)
{
    return lines[kind].cost;
}

void limits_default(struct limits *limits)
{
    for (unsigned kind = 0; kind < N_QUOTA_KINDS; kind++) {
        limits->total[kind] = lines[kind].total;
        limits->per_connection[kind] = lines[kind].per_connection;
    }
}

static void at_most(uint64_t *value, uint64_t most)
{
    if (*value > most)
        *value = most;
}

void limits_fit(struct limits *limits, uint64_t memory, uint64_t n_files)
{
    uint64_t *connections = &limits->total[QUOTA_CONNECTIONS];
    for (unsigned kind = 0; memory > 0 && kind < N_QUOTA_KINDS; kind++)
        at_most(&limits->total[kind], memory / MEMORY_PART / lines[kind].cost);
    uint64_t spare = n_files / FILES_SPARE_PART;
    at_most(&spare, FILES_SPARE);
    if (n_files > 0)
        at_most(connections, n_files - spare);
    if (*connections < LIMITS_MIN_CONNECTIONS)
        *connections = LIMITS_MIN_CONNECTIONS;
}

/* ---- keys ------------------------------------------------------------------ */

const char *limits_key(size_t i)
{
    return i % 2 ? lines[i / 2].one_name : lines[i / 2].name;
}

uint64_t *limits_value(struct limits *limits, size_t i)
{
    return i % 2 ? &limits->per_connection[i / 2] : &limits->total[i / 2];
}

uint64_t *limits_find(struct limits *limits, const char *key, size_t len)
{
    for (size_t i = 0; i < LIMITS_KEYS; i++) {
        if (strlen(limits_key(i)) == len && memcmp(limits_key(i), key, len) == 0)
            return limits_value(limits, i);
    }
    return NULL;
}

static bool check_range(const char *key, uint64_t value, uint64_t min, uint64_t max, char *why)
{
    if (value >= min && value <= max)
        return true;
    snprintf(why, LIMITS_WHY_MAX, "%s is %" PRIu64 ": from %" PRIu64 " to %" PRIu64 " is allowed",
             key, value, min, max);
    return false;
}

bool limits_check(const struct limits *limits, char why[LIMITS_WHY_MAX])
{
    for (unsigned kind = 0; kind < N_QUOTA_KINDS; kind++) {
        const struct line *line = &lines[kind];
        uint64_t min = kind == QUOTA_CONNECTIONS ? LIMITS_MIN_CONNECTIONS : 0;
        if (!check_range(line->name, limits->total[kind], min, TOTAL_MAX, why) ||
            !check_range(line->one_name, limits->per_connection[kind], 0, UINT32_MAX, why))
            return false;
    }
    return true;
}
