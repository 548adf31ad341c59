#include "broker/config.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/config_value.h"
#include "broker/guard/policy.h"

struct config *config_ref(struct config *config)
{
    config->n_refs++;
    return config;
}

static void deinit(struct config *config)
{
    for (size_t i = 0; i < config->n_files; i++)
        free(config->files[i]);
    free(config->files);
    for (size_t i = 0; i < N_CONFIG_KEYS; i++)
        free(config->values[i].text);
    for (size_t i = 0; i < config->n_listen; i++)
        free(config->listen[i].text);
    for (size_t i = 0; i < config->n_settings; i++)
        free(config->settings[i].rule);
    free(config->settings);
    policy_unref(config->policy);
}

struct config *config_unref(struct config *config)
{
    if (config && --config->n_refs == 0) {
        deinit(config);
        free(config);
    }
    return NULL;
}

static bool same_text(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

static bool same_listen(const struct config *a, const struct config *b)
{
    if (a->n_listen != b->n_listen)
        return false;
    for (size_t i = 0; i < a->n_listen; i++)
        if (strcmp(a->listen[i].text, b->listen[i].text) != 0)
            return false;
    return true;
}

bool config_same(const struct config *a, const struct config *b, enum config_key key)
{
    enum config_type type = config_key_info(key).type;
    if (type == CONFIG_TYPE_URLS)
        return same_listen(a, b);
    if (!config_is_set(a, key) && !config_is_set(b, key))
        return true;
    if (type == CONFIG_TYPE_TEXT)
        return same_text(config_text(a, key), config_text(b, key));
    return !config_text(a, key) == !config_text(b, key) &&
           config_number(a, key) == config_number(b, key);
}

static void show_listen(const struct config *config, char *ret, size_t size)
{
    size_t len = 0;
    *ret = '\0';
    for (size_t i = 0; i < config->n_listen && len < size; i++)
        len +=
            (size_t)snprintf(ret + len, size - len, "%s%s", i ? "," : "", config->listen[i].text);
}

void config_show(const struct config *config, enum config_key key, char *ret, size_t size)
{
    enum config_type type = config_key_info(key).type;
    const struct config_value *value = &config->values[key];
    if (type == CONFIG_TYPE_URLS)
        show_listen(config, ret, size);
    else if (value->text)
        snprintf(ret, size, "%s", value->text);
    else if (type == CONFIG_TYPE_SIZE)
        config_value_format_size(value->number, ret, size);
    else if (type == CONFIG_TYPE_MODE)
        snprintf(ret, size, "%04o", (unsigned)value->number);
    else if (type == CONFIG_TYPE_COUNT)
        snprintf(ret, size, "%" PRIu64, value->number);
    else
        *ret = '\0';
}

void config_origin_format(const struct config *config, struct config_origin origin,
                          char ret[CONFIG_ORIGIN_MAX])
{
    if (origin.kind == CONFIG_FROM_FILE)
        snprintf(ret, CONFIG_ORIGIN_MAX, "%s:%u", config->files[origin.file], origin.line);
    else
        snprintf(ret, CONFIG_ORIGIN_MAX, "%s",
                 origin.kind == CONFIG_FROM_DEFAULT ? "default" : "command line");
}
