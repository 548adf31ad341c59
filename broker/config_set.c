/* Values of a configuration in the making. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/config_build_internal.h"

static bool put_value(struct config *config, enum config_key key, const char *text, uint64_t number,
                      struct config_origin origin)
{
    struct config_value *value = &config->values[key];
    char *copy = strdup(text);
    if (!copy)
        return false;
    free(value->text);
    *value = (struct config_value){ number, copy, origin };
    return true;
}

/* ---- addresses ------------------------------------------------------------------------- */

static void clear_listen(struct config *config)
{
    while (config->n_listen > 0)
        free(config->listen[--config->n_listen].text);
}

static bool put_listen(struct config *config, const struct address *address,
                       struct config_origin origin)
{
    char text[ADDRESS_TEXT_MAX];
    char *copy = address_format(address, text, sizeof text) < 0 ? NULL : strdup(text);
    if (copy)
        config->listen[config->n_listen++] = (struct config_listen){ *address, copy, origin };
    return copy != NULL;
}

/* The first one of a file or of the command line takes the place of all before it. An empty one
 * does no more than that. */
static int add_listen(struct config_build *build, const char *text, struct config_origin origin,
                      char *why)
{
    struct config *config = build->config;
    struct address_list list = { .n = 0 };
    int r = *text ? config_value_parse_urls(text, &list, why) : 0;
    if (r < 0)
        return r;
    if (!build->listed)
        clear_listen(config);
    build->listed = true;
    config->values[CONFIG_LISTEN].origin = origin;
    if (config->n_listen + list.n > CONFIG_LISTEN_MAX) {
        snprintf(why, CONFIG_WHY_MAX, "more than %d addresses", CONFIG_LISTEN_MAX);
        return -E2BIG;
    }
    for (size_t i = 0; i < list.n; i++)
        if (!put_listen(config, &list.at[i], origin))
            build_out_of_memory(build);
    return 0;
}

int build_set(struct config_build *build, enum config_key key, const char *text,
              struct config_origin origin, char why[CONFIG_WHY_MAX])
{
    uint64_t number;
    if (config_key_info(key).type == CONFIG_TYPE_URLS)
        return add_listen(build, text, origin, why);
    int r = config_value_parse(key, text, &number, why);
    if (r == 0 && !put_value(build->config, key, text, number, origin))
        build_out_of_memory(build);
    return r;
}

/* ---- from another configuration ------------------------------------------------------------ */

int build_file_number(struct config *config, const char *path)
{
    for (size_t i = 0; i < config->n_files; i++)
        if (strcmp(config->files[i], path) == 0)
            return (int)i;
    char **files = reallocarray(config->files, config->n_files + 1, sizeof *files);
    if (!files)
        return -1;
    config->files = files;
    files[config->n_files] = strdup(path);
    return files[config->n_files] ? (int)config->n_files++ : -1;
}

/* The same place, by the numbers of other files. */
static bool translate(struct config *config, const struct config *from,
                      struct config_origin *origin)
{
    if (origin->kind != CONFIG_FROM_FILE)
        return true;
    int file = build_file_number(config, from->files[origin->file]);
    origin->file = (unsigned)file;
    return file >= 0;
}

static bool copy_listen(struct config *config, const struct config *from)
{
    clear_listen(config);
    for (size_t i = 0; i < from->n_listen; i++) {
        struct config_origin origin = from->listen[i].origin;
        if (!translate(config, from, &origin) ||
            !put_listen(config, &from->listen[i].address, origin))
            return false;
    }
    return true;
}

bool build_copy(struct config *config, const struct config *from, enum config_key key)
{
    const struct config_value *value = &from->values[key];
    struct config_origin origin = value->origin;
    if (!translate(config, from, &origin))
        return false;
    if (value->text)
        return put_value(config, key, value->text, value->number, origin);
    free(config->values[key].text);
    config->values[key] = (struct config_value){ .origin = origin };
    return config_key_info(key).type != CONFIG_TYPE_URLS || copy_listen(config, from);
}
