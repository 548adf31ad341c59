#include "broker/config_value.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "broker/guard/policy_names.h"

static int bad(char *why, const char *format, ...) __attribute__((format(printf, 2, 3)));

static int bad(char *why, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(why, CONFIG_WHY_MAX, format, args);
    va_end(args);
    return -EINVAL;
}

/* The digits at the front; *ret_rest is what stands behind them. No sign, no white space. */
static bool take_digits(const char *text, uint64_t *ret, const char **ret_rest)
{
    uint64_t value = 0;
    if (*text < '0' || *text > '9')
        return false;
    for (; *text >= '0' && *text <= '9'; text++)
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, (uint64_t)(*text - '0'), &value))
            return false;
    *ret = value;
    *ret_rest = text;
    return true;
}

static int parse_count(const struct config_key_info *info, const char *text, uint64_t *ret,
                       char *why)
{
    const char *rest;
    uint64_t value;
    if (!take_digits(text, &value, &rest) || *rest || value < info->least || value > info->most)
        return bad(why, "not a number from %" PRIu64 " to %" PRIu64, info->least, info->most);
    *ret = value;
    return 0;
}

static const char size_units[] = "KMGT";

void config_value_format_size(uint64_t bytes, char *ret, size_t ret_size)
{
    size_t unit = 0;
    while (bytes && bytes % 1024 == 0 && size_units[unit]) {
        bytes /= 1024;
        unit++;
    }
    snprintf(ret, ret_size, "%" PRIu64 "%.1s", bytes, unit ? &size_units[unit - 1] : "");
}

static bool take_size(const char *text, uint64_t *ret)
{
    const char *rest;
    if (!take_digits(text, ret, &rest))
        return false;
    if (*rest == '\0')
        return true;
    const char *unit = strchr(size_units, *rest);
    if (!unit || rest[1])
        return false;
    return !__builtin_mul_overflow(*ret, UINT64_C(1) << 10 * (unit - size_units + 1), ret);
}

static int parse_size(const struct config_key_info *info, const char *text, uint64_t *ret,
                      char *why)
{
    char least[24], most[24];
    uint64_t value;
    if (take_size(text, &value) && value >= info->least && value <= info->most) {
        *ret = value;
        return 0;
    }
    config_value_format_size(info->least, least, sizeof least);
    config_value_format_size(info->most, most, sizeof most);
    return bad(why, "not a size from %s to %s, such as 64M", least, most);
}

static bool take_duration(const char *text, uint64_t *ret)
{
    static const struct {
        const char *name;
        uint64_t ms;
    } units[] = { { "ms", 1 }, { "s", 1000 }, { "m", 60000 }, { "h", 3600000 } };
    const char *rest;
    if (!take_digits(text, ret, &rest))
        return false;
    for (size_t i = 0; i < sizeof units / sizeof *units; i++)
        if (strcmp(rest, units[i].name) == 0)
            return !__builtin_mul_overflow(*ret, units[i].ms, ret);
    return *rest == '\0' && *ret == 0; /* none needs a unit */
}

static int parse_duration(const struct config_key_info *info, const char *text, uint64_t *ret,
                          char *why)
{
    uint64_t value;
    if (!take_duration(text, &value) || value < info->least || value > info->most)
        return bad(why, "not a time from %" PRIu64 "ms to %" PRIu64 "ms, such as 500ms, 3s or 2m",
                   info->least, info->most);
    *ret = value;
    return 0;
}

static int parse_bool(const char *text, uint64_t *ret, char *why)
{
    static const char *const words[] = { "no", "yes", "false", "true", "off", "on" };
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (strcmp(text, words[i]) == 0) {
            *ret = i % 2;
            return 0;
        }
    }
    return bad(why, "it is yes or no");
}

/* "a|b|c" as "a, b or c" */
static int bad_word(const char *words, char *why)
{
    size_t len = (size_t)snprintf(why, CONFIG_WHY_MAX, "it is ");
    for (const char *at = words; *at;) {
        size_t n = strcspn(at, "|");
        const char *before = at == words ? "" : at[n] ? ", " : " or ";
        len += (size_t)snprintf(why + len, CONFIG_WHY_MAX - len, "%s%.*s", before, (int)n, at);
        at += n + (at[n] == '|');
    }
    return -EINVAL;
}

static int parse_word(const char *words, const char *text, uint64_t *ret, char *why)
{
    uint64_t number = 0;
    for (const char *at = words; *at; number++) {
        size_t n = strcspn(at, "|");
        if (strlen(text) == n && memcmp(text, at, n) == 0) {
            *ret = number;
            return 0;
        }
        at += n + (at[n] == '|');
    }
    return bad_word(words, why);
}

static int parse_mode(const char *text, uint64_t *ret, char *why)
{
    uint64_t mode = 0;
    const char *at = text;
    for (; *at >= '0' && *at <= '7' && mode <= 0777; at++)
        mode = mode * 8 + (uint64_t)(*at - '0');
    if (at == text || *at || mode > 0777)
        return bad(why, "not an octal number from 0 to 777");
    *ret = mode;
    return 0;
}

/* (uid_t)-1 is nobody's, and means "leave it" to chown(2). */
static bool take_id(const char *text, uint64_t *ret)
{
    const char *rest;
    uint64_t id;
    if (!take_digits(text, &id, &rest) || *rest || id >= UINT32_MAX)
        return false;
    *ret = id;
    return true;
}

static int not_found(const char *what, int error, char *why)
{
    if (error == -ENOENT)
        return bad(why, "there is no such %s", what);
    snprintf(why, CONFIG_WHY_MAX, "the %s cannot be looked up: %s", what, strerror(-error));
    return error;
}

static int parse_user(const char *text, uint64_t *ret, char *why)
{
    uid_t uid;
    if (take_id(text, ret))
        return 0;
    int r = policy_user_of(text, &uid);
    if (r < 0)
        return not_found("user", r, why);
    *ret = uid;
    return 0;
}

static int parse_group(const char *text, uint64_t *ret, char *why)
{
    gid_t gid;
    if (take_id(text, ret))
        return 0;
    int r = policy_group_of(text, &gid);
    if (r < 0)
        return not_found("group", r, why);
    *ret = gid;
    return 0;
}

/* A uid that no user database has has no group of its own. */
static int find_group(uid_t uid, uint64_t *ret, char *why)
{
    struct principal who = PRINCIPAL_INIT;
    int r = policy_principal_of(uid, &who);
    if (r == -ENOENT)
        return bad(why, "there is no user with this number, so a group is needed: USER:GROUP");
    if (r < 0)
        return not_found("user", r, why);
    *ret = who.gid;
    principal_deinit(&who);
    return 0;
}

/* The uid below, the gid above. */
static int parse_run_as(const char *text, uint64_t *ret, char *why)
{
    char user[NAME_MAX];
    uint64_t uid, gid;
    size_t len = strcspn(text, ":");
    if (len >= sizeof user)
        return bad(why, "there is no such user");
    memcpy(user, text, len);
    user[len] = '\0';
    int r = parse_user(user, &uid, why);
    if (r == 0 && uid == 0)
        return bad(why, "root would keep every privilege: name another user, or leave it out");
    if (r == 0)
        r = text[len] ? parse_group(text + len + 1, &gid, why) : find_group((uid_t)uid, &gid, why);
    if (r == 0)
        *ret = gid << 32 | uid;
    return r;
}

int config_value_parse_as(const struct config_key_info *info, const char *text, uint64_t *ret,
                          char why[CONFIG_WHY_MAX])
{
    switch (info->type) {
    case CONFIG_TYPE_BOOL:
        return parse_bool(text, ret, why);
    case CONFIG_TYPE_COUNT:
        return parse_count(info, text, ret, why);
    case CONFIG_TYPE_SIZE:
        return parse_size(info, text, ret, why);
    case CONFIG_TYPE_DURATION:
        return parse_duration(info, text, ret, why);
    case CONFIG_TYPE_WORD:
        return parse_word(info->words, text, ret, why);
    case CONFIG_TYPE_MODE:
        return parse_mode(text, ret, why);
    case CONFIG_TYPE_USER:
        return parse_user(text, ret, why);
    case CONFIG_TYPE_GROUP:
        return parse_group(text, ret, why);
    case CONFIG_TYPE_RUN_AS:
        return parse_run_as(text, ret, why);
    case CONFIG_TYPE_TEXT:
    case CONFIG_TYPE_URLS:
        break;
    }
    *ret = 0;
    return *text ? 0 : bad(why, "a value is missing");
}

int config_value_parse(enum config_key key, const char *text, uint64_t *ret,
                       char why[CONFIG_WHY_MAX])
{
    struct config_key_info info = config_key_info(key);
    return config_value_parse_as(&info, text, ret, why);
}

int config_value_parse_urls(const char *text, struct address_list *ret, char why[CONFIG_WHY_MAX])
{
    struct address_list list;
    struct address_error error;
    if (address_list_parse(&list, text, &error) < 0)
        return bad(why, "wrong at byte %zu: %s", error.at + 1, error.why);
    for (size_t i = 0; i < list.n; i++)
        if (!address_is_unix(&list.at[i]))
            return bad(why, "only unix: addresses are supported yet");
    *ret = list;
    return 0;
}
