/* Every key of the configuration but those of rules: one table.
 *
 * [broker] is here: X(id, name, type, default, words, when). `default` is
 * written as in a file; NULL: nothing, or what depends on the sort of socket.
 * `words` are those of a WORD, the first is number 0. `when` is LIVE for what a
 * reload changes, RESTART for what it cannot. A secret is never a value: its key
 * names the file that has it.
 *
 * [limits] is the table of broker/guard/limits.h, whose keys follow in its order.
 * The keys of [rule "ID"] belong to broker/guard/policy.h, which reads them itself.
 * docs/brokerd.conf.5.scd has an entry for each key, and a test compares them.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "broker/guard/limits.h"

#define CONFIG_KEYS(X)                                                   \
    X(LISTEN, "listen", URLS, NULL, NULL, RESTART)                       \
    X(SCOPE, "scope", WORD, "auto", "auto|user|system", RESTART)         \
    X(MODE, "mode", MODE, NULL, NULL, RESTART)                           \
    X(OWNER, "owner", USER, NULL, NULL, RESTART)                         \
    X(GROUP, "group", GROUP, NULL, NULL, RESTART)                        \
    X(RUN_AS, "run-as", RUN_AS, NULL, NULL, RESTART)                     \
    X(LOOP, "loop", WORD, "auto", "auto|poll|epoll", RESTART)            \
    X(SECCOMP, "seccomp", WORD, "auto", "auto|yes|no", RESTART)          \
    X(LOG_LEVEL, "log-level", WORD, "info", "err|warn|info|debug", LIVE) \
    X(POLICY, "policy", WORD, "enforce", "enforce|audit", LIVE)

enum config_key {
#define CONFIG_KEY_ENUM(id, ...) CONFIG_##id,
    CONFIG_KEYS(CONFIG_KEY_ENUM)
#undef CONFIG_KEY_ENUM
        CONFIG_FIRST_LIMIT, /* and on: limits_key(0) ... */
    N_CONFIG_KEYS = CONFIG_FIRST_LIMIT + LIMITS_KEYS,
};

/* What the numbers of WORD keys mean. */
enum { CONFIG_SCOPE_AUTO, CONFIG_SCOPE_USER, CONFIG_SCOPE_SYSTEM };
/* Of SECCOMP: enum syscalls_mode of broker/harden/syscalls.h. */
enum { CONFIG_POLICY_ENFORCE, CONFIG_POLICY_AUDIT };

enum config_type {
    CONFIG_TYPE_TEXT,     /* any bytes, at least one */
    CONFIG_TYPE_URLS,     /* a list of addresses; may be set again */
    CONFIG_TYPE_BOOL,     /* yes, no, true, false, on, off */
    CONFIG_TYPE_COUNT,    /* digits */
    CONFIG_TYPE_SIZE,     /* 512, 64K, 1M, 2G */
    CONFIG_TYPE_DURATION, /* 500ms, 3s, 2m, 1h; in milliseconds */
    CONFIG_TYPE_WORD,     /* one of `words` */
    CONFIG_TYPE_MODE,     /* permissions, octal */
    CONFIG_TYPE_USER,     /* a uid, by name or number */
    CONFIG_TYPE_GROUP,    /* a gid, by name or number */
    CONFIG_TYPE_RUN_AS,   /* USER or USER:GROUP, not root: config_run_as() */
};

struct config_key_info {
    const char *section;
    const char *name;
    enum config_type type;
    const char *fallback; /* the default; NULL also where it is a number of limits.h */
    const char *words;
    uint64_t least; /* of COUNT, SIZE and DURATION */
    uint64_t most;
    bool live;
};

/* Of any key below N_CONFIG_KEYS. */
struct config_key_info config_key_info(enum config_key key);
/* N_CONFIG_KEYS: there is none. */
enum config_key config_key_find(const char *section, const char *name);
