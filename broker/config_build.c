#include "broker/config_build.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "broker/config_build_internal.h"
#include "broker/config_lines.h"
#include "broker/config_suggest.h"

void build_out_of_memory(struct config_build *build)
{
    if (!build->no_memory)
        config_errors_add(build->errors, NULL, 0, "out of memory");
    build->no_memory = true;
}

/* ---- sections ------------------------------------------------------------------------- */

/* The table's own string for a section; NULL: it has none such. */
static const char *section_of_table(const char *word)
{
    for (unsigned key = 0; key < N_CONFIG_KEYS; key++) {
        const char *section = config_key_info(key).section;
        if (strcmp(section, word) == 0)
            return section;
    }
    return NULL;
}

static const char *nearest_section(const char *word)
{
    struct config_suggest suggest = CONFIG_SUGGEST_INIT(word);
    for (unsigned key = 0; key < N_CONFIG_KEYS; key++)
        config_suggest_offer(&suggest, config_key_info(key).section);
    config_suggest_offer(&suggest, "rule");
    return suggest.best;
}

static void unknown_section(struct config_build *build, const char *word, unsigned line)
{
    const char *best = nearest_section(word);
    if (!best)
        BUILD_ERROR(build, line,
                    "unknown section [" NAME_SHOWN
                    "]: there are [broker], [limits] and [rule \"ID\"]",
                    word);
    else
        BUILD_ERROR(build, line, "unknown section [" NAME_SHOWN "]: did you mean [%s]?", word,
                    strcmp(best, "rule") == 0 ? "rule \"ID\"" : best);
}

static enum config_section begin_section(struct config_build *build, const char *word,
                                         const char *id, unsigned line)
{
    if (*word == '\0') /* config_lines.h: refused already */
        return SECTION_REFUSED;
    if (strcmp(word, "rule") == 0)
        return build_begin_rule(build, id, line);
    build->section_name = section_of_table(word);
    if (build->section_name && !id)
        return SECTION_KEYS;
    if (build->section_name)
        BUILD_ERROR(build, line, "[%s] has no id", word);
    else
        unknown_section(build, word, line);
    return SECTION_REFUSED;
}

static void on_section(void *userdata, const char *word, const char *id, unsigned line)
{
    struct config_build *build = userdata;
    build->section = begin_section(build, word, id, line);
}

/* ---- keys ------------------------------------------------------------------------------- */

static const char *section_that_has(const char *name)
{
    for (unsigned key = 0; key < N_CONFIG_KEYS; key++)
        if (strcmp(config_key_info(key).name, name) == 0)
            return config_key_info(key).section;
    return NULL;
}

static const char *nearest_key(const char *section, const char *name)
{
    struct config_suggest suggest = CONFIG_SUGGEST_INIT(name);
    for (unsigned key = 0; key < N_CONFIG_KEYS; key++)
        if (strcmp(config_key_info(key).section, section) == 0)
            config_suggest_offer(&suggest, config_key_info(key).name);
    return suggest.best;
}

static void unknown_key(struct config_build *build, const char *name, unsigned line)
{
    const char *section = build->section_name, *elsewhere = section_that_has(name);
    const char *best = nearest_key(section, name);
    if (elsewhere)
        BUILD_ERROR(build, line, "'%s' is a key of [%s], not of [%s]", name, elsewhere, section);
    else if (best)
        BUILD_ERROR(build, line, "unknown key '" NAME_SHOWN "' in [%s]: did you mean '%s'?", name,
                    section, best);
    else
        BUILD_ERROR(build, line, "unknown key '" NAME_SHOWN "' in [%s]", name, section);
}

static void set_key(struct config_build *build, const char *name, const char *text, unsigned line)
{
    char why[CONFIG_WHY_MAX];
    enum config_key key = config_key_find(build->section_name, name);
    if (key == N_CONFIG_KEYS) {
        unknown_key(build, name, line);
        return;
    }
    struct config_origin here = { CONFIG_FROM_FILE, build->file, line };
    unsigned *first = &build->lines[key];
    if (*first && config_key_info(key).type != CONFIG_TYPE_URLS)
        BUILD_ERROR(build, line, "%s is set twice: first in line %u", name, *first);
    else if (build_set(build, key, text, here, why) < 0)
        BUILD_ERROR(build, line, "%s = " VALUE_SHOWN ": %s", name, text, why);
    if (*first == 0)
        *first = line;
}

static void on_pair(void *userdata, const char *key, const char *value, unsigned line)
{
    struct config_build *build = userdata;
    if (build->section == SECTION_KEYS)
        set_key(build, key, value, line);
    else if (build->section == SECTION_RULE)
        build_set_rule_key(build, key, value, line);
    else if (build->section == SECTION_NONE)
        BUILD_ERROR(build, line,
                    "'" NAME_SHOWN "' stands in no section: write one above it, such as [broker]",
                    key);
}

static void on_bad(void *userdata, unsigned line, const char *why)
{
    struct config_build *build = userdata;
    BUILD_ERROR(build, line, "%s", why);
}

/* ---- the whole ----------------------------------------------------------------------------- */

void config_build_file(struct config_build *build, const char *path, const char *text, size_t len)
{
    static const struct config_lines_ops ops = { on_section, on_pair, on_bad };
    int file = build_file_number(build->config, path);
    if (file < 0) {
        build_out_of_memory(build);
        return;
    }
    build->file = (unsigned)file;
    build->path = build->config->files[file];
    build->section = SECTION_NONE;
    build->listed = false;
    memset(build->lines, 0, sizeof build->lines);
    if (config_lines_parse(text, len, &ops, build) < 0)
        build_out_of_memory(build);
    build->listed = false; /* what the command line lists begins anew */
}

void config_build_option(struct config_build *build, enum config_key key, const char *text)
{
    static const struct config_origin origin = { .kind = CONFIG_FROM_COMMAND_LINE };
    char why[CONFIG_WHY_MAX];
    if (build_set(build, key, text, origin, why) < 0)
        config_errors_add(build->errors, "command line", 0, "--%s %s: %s",
                          config_key_info(key).name, text, why);
}

static void put_defaults(struct config_build *build)
{
    static const struct config_origin origin = { .kind = CONFIG_FROM_DEFAULT };
    char why[CONFIG_WHY_MAX];
    for (unsigned key = 0; key < N_CONFIG_KEYS; key++) {
        const char *fallback = config_key_info(key).fallback;
        if (fallback)
            (void)build_set(build, key, fallback, origin, why);
    }
}

struct config_build *config_build_new(struct config_errors *errors)
{
    struct config_build *build = calloc(1, sizeof *build);
    struct config *config = calloc(1, sizeof *config);
    struct policy_builder *rules = policy_builder_new();
    if (!build || !config || !rules) {
        config_errors_add(errors, NULL, 0, "out of memory");
        policy_builder_free(rules);
        free(config);
        free(build);
        return NULL;
    }
    config->n_refs = 1;
    *build = (struct config_build){ .config = config, .errors = errors, .rules = rules };
    put_defaults(build);
    return build;
}

struct config_build *config_build_free(struct config_build *build)
{
    if (build) {
        config_unref(build->config);
        policy_builder_free(build->rules);
        free(build);
    }
    return NULL;
}
