/* Random policies, fed to the real builder and to the oracle alike, over a world of subjects so
 * small that every one of them can be asked about.
 */
#pragma once

#include "tests/unit/policy_kit.h"
#include "tests/unit/policy_oracle.h"

enum { WORLD_MAX = 200 };

/* Subjects of one to four tokens, one more than any rule here has: "z" stands for what no rule
 * spells out. */
static char world[WORLD_MAX][32];
static size_t n_world;

static inline void make_world(void)
{
    static const char *const first[] = { "a", "b", "z", "$s" }, *const more[] = { "a", "b", "z" };
    static const char *const others[] = {
        "$SYS.info", "$SYS.z", "$SYS.z.z", "$SYS.info.z", "$SYS.z.z.z", "$SYS", "$z", "a.$s",
    };
    size_t begun = 0;
    n_world = 0;
    for (size_t i = 0; i < COUNT_OF(first); i++)
        strcpy(world[n_world++], first[i]);
    for (int length = 2; length <= 4; length++) {
        size_t end = n_world;
        for (; begun < end; begun++) {
            for (size_t i = 0; i < COUNT_OF(more); i++)
                sprintf(world[n_world++], "%s.%s", world[begun], more[i]);
        }
    }
    for (size_t i = 0; i < COUNT_OF(others); i++)
        strcpy(world[n_world++], others[i]);
    assert_true(n_world <= WORLD_MAX);
}

/* -- random rules ----------------------------------------------------------------------------- */

static uint64_t seed;

static inline const char *one_of(const char *const *words, size_t n)
{
    return words[random_below(&seed, n)];
}
#define ONE_OF(words) one_of(words, COUNT_OF(words))

static inline bool chance(unsigned percent)
{
    return random_below(&seed, 100) < percent;
}

static inline void random_pattern(char *ret)
{
    static const char *const first[] = { "a", "b", "*", ">", "$s", "*", "a", "$s" };
    static const char *const more[] = { "a", "b", "*", "*", ">", ">" };
    static const char *const system[] = { "$SYS.info", "$SYS.*", "$SYS.>" };
    strcpy(ret, chance(5) ? ONE_OF(system) : ONE_OF(first));
    for (int i = 0; i < 2 && ret[strlen(ret) - 1] != '>' && strlen(ret) < 6 && chance(70); i++) {
        strcat(ret, ".");
        strcat(ret, ONE_OF(more));
    }
}

/* The two that are fed the same. */
struct both {
    struct policy_builder *b;
    struct oracle_policy oracle;
    struct policy_snapshot *policy;
    unsigned line;
};

static inline void both_rule(struct both *both, const char *id)
{
    if (policy_builder_rule(both->b, id, "random", ++both->line, why) < 0)
        fail_msg("%s", why);
    oracle_rule_add(&both->oracle, id);
}

static inline void both_set(struct both *both, const char *key, const char *value)
{
    if (policy_builder_set(both->b, key, value, "random", ++both->line, why) < 0)
        fail_msg("%s = %s: %s", key, value, why);
    oracle_set(&both->oracle, key, value);
}

static inline void random_list(char *ret, const char *const *words, size_t n)
{
    strcpy(ret, one_of(words, n));
    while (chance(30)) {
        strcat(ret, chance(50) ? ", " : ",");
        strcat(ret, one_of(words, n));
        if (strlen(ret) > 100)
            return;
    }
}

static inline void random_who(struct both *both)
{
    static const char *const uids[] = { "0", "1000", "1001" }, *const users[] = { "root",
                                                                                  "daemon" };
    static const char *const gids[] = { "0", "10", "20", "30" }, *const groups[] = { "root" };
    static const char *const programs[] = { "/bin/a", "/bin/b", "/x\\,y" };
    static const char *const kinds[] = { "unix", "bridge" };
    char list[256];
    bool who = false;
    const struct {
        const char *key;
        const char *const *words;
        size_t n;
        unsigned percent;
    } keys[] = {
        { "uid", uids, COUNT_OF(uids), 30 },    { "user", users, COUNT_OF(users), 5 },
        { "gid", gids, COUNT_OF(gids), 25 },    { "group", groups, COUNT_OF(groups), 3 },
        { "kind", kinds, COUNT_OF(kinds), 15 }, { "executable", programs, COUNT_OF(programs), 15 },
    };
    for (size_t i = 0; i < COUNT_OF(keys); i++) {
        if (!chance(keys[i].percent))
            continue;
        random_list(list, keys[i].words, keys[i].n);
        both_set(both, keys[i].key, list);
        who = true;
    }
    if (!who && chance(10))
        both_set(both, "kind", "anonymous");
}

static inline void random_rule(struct both *both)
{
    static const char *const about[] = { "publish", "subscribe", "request", "serve",
                                         "tap",     "hold",      "all",     "all" };
    static const char *const any[] = { "publish", "subscribe", "connect", "admin", "all" };
    char id[32], list[256];
    bool subject = chance(85), deny = chance(45);
    sprintf(id, "r%zu-%u", random_below(&seed, 10), both->line);
    both_rule(both, id);
    if (subject) {
        random_pattern(list);
        for (int i = 0; i < 3 && chance(25); i++) {
            strcat(list, " ,");
            random_pattern(list + strlen(list));
        }
        both_set(both, "subject", list);
        random_list(list, about, COUNT_OF(about));
    } else {
        random_list(list, any, COUNT_OF(any));
    }
    random_who(both);
    both_set(both, deny ? "deny" : "allow", list);
    if (deny && chance(15))
        both_set(both, "audit-only", "yes");
}

/* What may be asked of everybody, ahead of what is random; NULL: nothing. */
static inline void random_policy(struct both *both, void (*first)(struct both *both))
{
    enum policy_defaults defaults = (enum policy_defaults)random_below(&seed, 3);
    both->b = policy_builder_new();
    both->line = 0;
    both->oracle.n_rules = 0;
    both->oracle.audit_only = chance(10);
    policy_builder_audit_only(both->b, both->oracle.audit_only);
    if (first)
        first(both);
    for (uint64_t n = random_below(&seed, chance(80) ? 12 : 40); n > 0; n--)
        random_rule(both);
    policy_builder_defaults(both->b, defaults, 1000);
    oracle_finish(&both->oracle, defaults, 1000);
    if (policy_builder_finish(both->b, &both->policy, why) < 0)
        fail_msg("%s", why);
    both->b = policy_builder_free(both->b);
    assert_false(both->oracle.too_large);
}
