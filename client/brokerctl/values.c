/* The values that options take. */
#include "client/brokerctl/options.h"

#include <limits.h>
#include <string.h>

/* The digits at the front; *ret_rest is what stands behind them. */
static bool take_number(const char *s, uint64_t *ret, const char **ret_rest)
{
    uint64_t value = 0;

    if (*s < '0' || *s > '9')
        return false;
    for (; *s >= '0' && *s <= '9'; s++)
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, (uint64_t)(*s - '0'), &value))
            return false;
    *ret = value;
    *ret_rest = s;
    return true;
}

bool parse_count(const char *s, uint64_t *ret)
{
    const char *rest;
    uint64_t value;

    if (!take_number(s, &value, &rest) || *rest)
        return false;
    *ret = value;
    return true;
}

bool parse_duration(const char *s, int *ret_ms)
{
    static const struct {
        const char *name;
        uint64_t ms;
    } units[] = { { "ms", 1 }, { "s", 1000 }, { "m", 60000 }, { "h", 3600000 } };
    const char *rest;
    uint64_t value;

    if (!take_number(s, &value, &rest))
        return false;
    if (value == 0 && !*rest) {
        *ret_ms = 0;
        return true;
    }
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        if (strcmp(rest, units[i].name))
            continue;
        if (value > INT_MAX / units[i].ms)
            return false;
        *ret_ms = (int)(value * units[i].ms);
        return true;
    }
    return false;
}

bool parse_size(const char *s, size_t *ret)
{
    static const char units[] = "KMG";
    const char *rest, *unit;
    uint64_t value, factor = 1;
    size_t bytes;

    if (!take_number(s, &value, &rest))
        return false;
    if (*rest) {
        unit = strchr(units, *rest);
        if (!unit || rest[1])
            return false;
        factor = UINT64_C(1) << (10 * (unit - units + 1));
    }
    if (__builtin_mul_overflow(value, factor, &bytes))
        return false;
    *ret = bytes;
    return true;
}
