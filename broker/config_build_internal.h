/* What the files of config_build share: a configuration in the making. */
#pragma once

#include "broker/config_build.h"
#include "broker/config_value.h"
#include "broker/guard/policy.h"

enum config_section {
    SECTION_NONE,    /* before the first */
    SECTION_KEYS,    /* one of the table */
    SECTION_RULE,    /* a [rule "ID"] */
    SECTION_REFUSED, /* its keys are skipped: to complain once is enough */
};

struct config_build {
    struct config *config;
    struct config_errors *errors;
    struct policy_builder *rules;
    bool rules_spoiled;
    bool no_memory;
    size_t n_settings_room;
    bool listed; /* of this file, or of the command line, there is an address */
    /* the file at hand */
    unsigned file;
    const char *path;
    enum config_section section;
    const char *section_name; /* SECTION_KEYS: the table's own string */
    char rule[POLICY_ID_MAX + 1];
    unsigned lines[N_CONFIG_KEYS]; /* where each key stands in it; 0: nowhere yet */
};

/* Of what a file says, as much as is quoted: names in full, as long as they are sensible. */
#define NAME_SHOWN  "%.64s"
#define VALUE_SHOWN "%.256s"

/* An error in the file at hand. */
#define BUILD_ERROR(build, line, ...) \
    config_errors_add((build)->errors, (build)->path, line, __VA_ARGS__)

/* Told once; the rest goes on. */
void build_out_of_memory(struct config_build *build);

/* config_set.c: checks and takes a value. 0, or -errno with the sentence. */
int build_set(struct config_build *build, enum config_key key, const char *text,
              struct config_origin origin, char why[CONFIG_WHY_MAX]);
/* The values of `from` take the place of those of `key`. false: no memory; nothing has changed. */
bool build_copy(struct config *config, const struct config *from, enum config_key key);
/* The number of a path among the files, where it is put if it is not there. -1: no memory. */
int build_file_number(struct config *config, const char *path);

/* config_rules.c. SECTION_RULE or SECTION_REFUSED. */
enum config_section build_begin_rule(struct config_build *build, const char *id, unsigned line);
void build_set_rule_key(struct config_build *build, const char *key, const char *value,
                        unsigned line);
