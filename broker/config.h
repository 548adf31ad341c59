/* The configuration: what holds, and where each value came from.
 *
 * A snapshot that never changes, made by config_build.h and shared by
 * references: a reload makes another one and swaps it whole. One thread.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "broker/config_keys.h"
#include "proto/address.h"

struct policy_snapshot;

enum {
    CONFIG_LISTEN_MAX = 16,
    CONFIG_ORIGIN_MAX = 1100, /* bytes of an origin in words; longer names of files are cut */
};

enum config_origin_kind {
    CONFIG_FROM_DEFAULT,
    CONFIG_FROM_COMMAND_LINE,
    CONFIG_FROM_FILE,
};

struct config_origin {
    enum config_origin_kind kind;
    unsigned file; /* its number among the files */
    unsigned line;
};

struct config_value {
    uint64_t number;
    char *text; /* as it was written, or the table's default; NULL: neither */
    struct config_origin origin;
};

struct config_listen {
    struct address address;
    char *text; /* the address alone, where a list was written */
    struct config_origin origin;
};

/* A key of a [rule "ID"]; what it means is in the policy. */
struct config_setting {
    char *rule; /* one block with the two behind it */
    const char *key;
    const char *value;
    struct config_origin origin;
};

struct config {
    unsigned n_refs;
    bool system;  /* the system's broker, else a user's */
    char **files; /* that were read, in this order */
    size_t n_files;
    struct config_value values[N_CONFIG_KEYS]; /* of LISTEN: none */
    struct config_listen listen[CONFIG_LISTEN_MAX];
    size_t n_listen;
    struct config_setting *settings; /* in the order of the files */
    size_t n_settings;
    struct limits limits; /* good: limits_check */
    struct policy_snapshot *policy;
};

struct config *config_ref(struct config *config);
/* Takes NULL, returns NULL. */
struct config *config_unref(struct config *config);

/* What the key is: the number of its word, bytes, milliseconds, a uid ... */
static inline uint64_t config_number(const struct config *config, enum config_key key)
{
    return config->values[key].number;
}
/* As it was written, or the table's default; NULL if there is neither. */
static inline const char *config_text(const struct config *config, enum config_key key)
{
    return config->values[key].text;
}
/* false: the default holds. */
static inline bool config_is_set(const struct config *config, enum config_key key)
{
    return config->values[key].origin.kind != CONFIG_FROM_DEFAULT;
}
/* Who the broker runs as once it listens, if run-as is set. */
struct config_run_as {
    uid_t uid;
    gid_t gid;
};
static inline struct config_run_as config_run_as(const struct config *config)
{
    uint64_t both = config_number(config, CONFIG_RUN_AS);
    return (struct config_run_as){ (uid_t)(both & UINT32_MAX), (gid_t)(both >> 32) };
}
/* Whether both have the same value for a key, however it is written. */
bool config_same(const struct config *a, const struct config *b, enum config_key key);

/* The value for people, in the way it is written in files: "64M"; of LISTEN the addresses with
 * commas; empty if there is none. A long list is cut to `size`. */
void config_show(const struct config *config, enum config_key key, char *ret, size_t size);

/* "default", "command line" or "FILE:LINE". */
void config_origin_format(const struct config *config, struct config_origin origin,
                          char ret[CONFIG_ORIGIN_MAX]);
