#include "broker/config_keys.h"

#include <stddef.h>
#include <string.h>

enum { RESTART = false, LIVE = true };

static const char broker_section[] = "broker";
static const char limits_section[] = "limits";

static const struct config_key_info keys[CONFIG_FIRST_LIMIT] = {
#define CONFIG_KEY_ROW(id, name, type, fallback, words, when) \
    [CONFIG_##id] = { broker_section, name, CONFIG_TYPE_##type, fallback, words, 0, 0, when },
    CONFIG_KEYS(CONFIG_KEY_ROW)
#undef CONFIG_KEY_ROW
};

/* limits_check() allows no more. */
static uint64_t most_of_limit(size_t i)
{
    bool is_per_connection = i % 2;
    return is_per_connection ? UINT32_MAX : UINT64_C(1) << 53;
}

static struct config_key_info limit_info(size_t i)
{
    const char *name = limits_key(i);
    return (struct config_key_info){
        .section = limits_section,
        .name = name,
        .type = strstr(name, "-bytes") ? CONFIG_TYPE_SIZE : CONFIG_TYPE_COUNT,
        .least = strcmp(name, limits_name(QUOTA_CONNECTIONS)) == 0 ? LIMITS_MIN_CONNECTIONS : 0,
        .most = most_of_limit(i),
        .live = LIVE,
    };
}

struct config_key_info config_key_info(enum config_key key)
{
    return key < CONFIG_FIRST_LIMIT ? keys[key] : limit_info(key - CONFIG_FIRST_LIMIT);
}

enum config_key config_key_find(const char *section, const char *name)
{
    for (unsigned key = 0; key < N_CONFIG_KEYS; key++) {
        struct config_key_info info = config_key_info(key);
        if (strcmp(info.section, section) == 0 && strcmp(info.name, name) == 0)
            return key;
    }
    return N_CONFIG_KEYS;
}
