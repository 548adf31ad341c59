/* [rule "ID"] sections: handed to the policy's builder, and kept to be shown. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/config_build_internal.h"
#include "broker/config_suggest.h"

enum config_section build_begin_rule(struct config_build *build, const char *id, unsigned line)
{
    char why[POLICY_WHY_MAX];
    if (!id) {
        BUILD_ERROR(build, line, "a rule needs an id: [rule \"ID\"]");
        return SECTION_REFUSED;
    }
    if (policy_builder_rule(build->rules, id, build->path, line, why) == 0) {
        snprintf(build->rule, sizeof build->rule, "%s", id);
        return SECTION_RULE;
    }
    build->rules_spoiled = true;
    BUILD_ERROR(build, line, "[rule \"" NAME_SHOWN "\"]: %s", id, why);
    return SECTION_REFUSED;
}

/* ---- keys ------------------------------------------------------------------------------- */

static bool make_room(struct config_build *build)
{
    struct config *config = build->config;
    if (config->n_settings < build->n_settings_room)
        return true;
    size_t room = build->n_settings_room ? 2 * build->n_settings_room : 64;
    struct config_setting *grown = reallocarray(config->settings, room, sizeof *grown);
    if (!grown)
        return false;
    config->settings = grown;
    build->n_settings_room = room;
    return true;
}

/* Rule, key and value as one block; NULL: no memory. */
static char *join(const char *rule, const char *key, const char *value)
{
    char *text = malloc(strlen(rule) + strlen(key) + strlen(value) + 3);
    if (text)
        strcpy(stpcpy(stpcpy(text, rule) + 1, key) + 1, value);
    return text;
}

static void keep(struct config_build *build, const char *key, const char *value, unsigned line)
{
    struct config *config = build->config;
    char *text = make_room(build) ? join(build->rule, key, value) : NULL;
    if (!text) {
        build_out_of_memory(build);
        return;
    }
    const char *own_key = text + strlen(text) + 1;
    config->settings[config->n_settings++] = (struct config_setting){
        .rule = text,
        .key = own_key,
        .value = own_key + strlen(own_key) + 1,
        .origin = { CONFIG_FROM_FILE, build->file, line },
    };
}

static void unknown_key(struct config_build *build, const char *name, unsigned line)
{
    struct config_suggest suggest = CONFIG_SUGGEST_INIT(name);
    const char *key;
    for (unsigned i = 0; (key = policy_key_name(i)); i++)
        config_suggest_offer(&suggest, key);
    if (suggest.best)
        BUILD_ERROR(build, line,
                    "unknown key '" NAME_SHOWN "' in [rule \"%s\"]: did you mean '%s'?", name,
                    build->rule, suggest.best);
    else
        BUILD_ERROR(build, line, "unknown key '" NAME_SHOWN "' in [rule \"%s\"]", name,
                    build->rule);
}

void build_set_rule_key(struct config_build *build, const char *key, const char *value,
                        unsigned line)
{
    char why[POLICY_WHY_MAX];
    int r = policy_builder_set(build->rules, key, value, build->path, line, why);
    if (r == 0) {
        keep(build, key, value, line);
        return;
    }
    build->rules_spoiled = true;
    if (r == -ENOENT)
        unknown_key(build, key, line);
    else
        BUILD_ERROR(build, line, "%s = " VALUE_SHOWN ": %s", key, value, why);
}
