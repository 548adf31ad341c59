/* Policies and limits that fuzz_session.c puts in force while peers are there. */
#pragma once

#include "broker/guard/limits.h"
#include "broker/guard/policy.h"
#include "tests/fuzz/fuzz.h"

enum { POLICIES = 4, LIMIT_SETS = 4 };

/* Lines of "[ID]" and "key = value". The first is in force when a play begins. */
#define ALL "[all]\nallow = all\n"
static const char *const policy_texts[POLICIES] = {
    ALL,
    (ALL "[not-b]\ndeny = publish, subscribe, serve\nsubject = a.b\nuid = 1000\n"
         "[no-request]\ndeny = request\nsubject = *.b.>\n"
         "[no-hold]\ndeny = hold, admin\nuid = 1001\n"),
    ("[few]\nallow = connect\nuid = 0, 1000\n"
     "[fewer]\nallow = publish, subscribe\nsubject = a.>\nuid = 0, 1000\n"
     "[b]\ndeny = subscribe\nsubject = a.*.c\n"),
    (ALL "[try]\ndeny = publish, request, serve\nsubject = a.*\naudit-only = yes\n"),
};

static inline struct policy_snapshot *policy_made(const char *text)
{
    char why[POLICY_WHY_MAX], copy[512], *rest = copy;
    struct policy_snapshot *policy = NULL;
    struct policy_builder *b = policy_builder_new();
    REQUIRE(b && strlen(text) < sizeof copy);
    strcpy(copy, text);
    for (unsigned number = 1; rest; number++) {
        char *line = strsep(&rest, "\n"), *equals = strstr(line, " = ");
        if (*line == '[') {
            line[strlen(line) - 1] = '\0';
            REQUIRE(policy_builder_rule(b, line + 1, "fuzz", number, why) == 0);
        } else if (equals) {
            *equals = '\0';
            REQUIRE(policy_builder_set(b, line, equals + 3, "fuzz", number, why) == 0);
        }
    }
    REQUIRE(policy_builder_finish(b, &policy, why) == 0);
    policy_builder_free(b);
    return policy;
}

/* Made once; nobody ever gives back the last reference. */
static inline struct policy_snapshot *policy_number(unsigned i)
{
    static struct policy_snapshot *made[POLICIES];
    if (!made[i % POLICIES])
        made[i % POLICIES] = policy_made(policy_texts[i % POLICIES]);
    return made[i % POLICIES];
}

/* 0: the defaults; then some that four peers reach, and one under which they may have next to
 * nothing. */
static inline struct limits limits_number(unsigned i)
{
    static const uint64_t totals[LIMIT_SETS] = { 0, 400, 40, 0 };
    char why[LIMITS_WHY_MAX];
    struct limits limits;
    limits_default(&limits);
    if (i % LIMIT_SETS != 0) {
        for (unsigned kind = 0; kind < N_QUOTA_KINDS; kind++) {
            bool is_bytes = limits_cost((enum quota_kind)kind) == 1;
            uint64_t total = totals[i % LIMIT_SETS] * (is_bytes ? 1024 : 1);
            limits.total[kind] = kind == QUOTA_CONNECTIONS ? LIMITS_MIN_CONNECTIONS : total;
            limits.per_connection[kind] = total / 4;
        }
    }
    REQUIRE(limits_check(&limits, why));
    return limits;
}
