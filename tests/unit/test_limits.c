/* The table of limits: its keys, its bounds, and how it fits the machine. */
#include "broker/guard/limits.h"

#include "tests/kit/runner.h"
#include "tests/unit/unit.h"

static void each_key_finds_its_value(void **state)
{
    struct limits limits;
    (void)state;
    limits_default(&limits);
    for (size_t i = 0; i < LIMITS_KEYS; i++) {
        const char *key = limits_key(i);
        assert_ptr_equal(limits_find(&limits, key, strlen(key)), limits_value(&limits, i));
        for (size_t j = 0; j < i; j++) {
            assert_string_not_equal(key, limits_key(j));
            assert_ptr_not_equal(limits_value(&limits, i), limits_value(&limits, j));
        }
        for (const char *c = key; *c; c++)
            assert_true(*c == '-' || (*c >= 'a' && *c <= 'z'));
    }
}

static void only_whole_keys_are_keys(void **state)
{
    struct limits limits;
    (void)state;
    assert_ptr_equal(limits_find(&limits, LITERAL("connections")),
                     &limits.total[QUOTA_CONNECTIONS]);
    assert_ptr_equal(limits_find(&limits, LITERAL("wildcards-per-connection")),
                     &limits.per_connection[QUOTA_WILDCARDS]);
    assert_ptr_equal(limits_find(&limits, LITERAL("retained-bytes-per-uid")),
                     &limits.per_connection[QUOTA_RETAINED_BYTES]);
    assert_null(limits_find(&limits, LITERAL("connections-per-connection")));
    assert_null(limits_find(&limits, LITERAL("connection")));
    assert_null(limits_find(&limits, LITERAL("connectionss")));
    assert_null(limits_find(&limits, LITERAL("Connections")));
    assert_null(limits_find(&limits, LITERAL("")));
    assert_string_equal(limits_name(QUOTA_KERNEL_BYTES), "kernel-bytes");
    assert_string_equal(limits_one_name(QUOTA_SERVERS), "servers-per-connection");
}

static void the_defaults_are_good(void **state)
{
    struct limits limits;
    char why[LIMITS_WHY_MAX];
    (void)state;
    limits_default(&limits);
    assert_true(limits_check(&limits, why));
    uint64_t n = limits.total[QUOTA_CONNECTIONS];
    for (unsigned kind = 0; kind < QUOTA_CONNECTIONS; kind++) {
        /* No basic amount has to be made smaller, and one connection may have more than it. */
        assert_true(limits_basic(kind) * n * 2 <= limits.total[kind]);
        assert_true(limits.per_connection[kind] >= limits_basic(kind));
        assert_true(limits_cost(kind) > 0);
    }
}

static void a_bad_value_is_named(void **state)
{
    struct limits limits;
    char why[LIMITS_WHY_MAX];
    (void)state;
    limits_default(&limits);
    limits.total[QUOTA_CONNECTIONS] = LIMITS_MIN_CONNECTIONS - 1;
    assert_false(limits_check(&limits, why));
    assert_string_equal(why, "connections is 15: from 16 to 9007199254740992 is allowed");
    limits.total[QUOTA_CONNECTIONS] = LIMITS_MIN_CONNECTIONS;
    limits.per_connection[QUOTA_REQUESTS] = UINT64_C(1) << 32;
    assert_false(limits_check(&limits, why));
    assert_string_equal(why,
                        "requests-per-connection is 4294967296: from 0 to 4294967295 is allowed");
    limits.per_connection[QUOTA_REQUESTS] = 0;
    limits.total[QUOTA_SERVERS] = UINT64_MAX;
    assert_false(limits_check(&limits, why));
    assert_non_null(strstr(why, "servers is 18446744073709551615:"));
    limits.total[QUOTA_SERVERS] = 0;
    assert_true(limits_check(&limits, why));
}

static void they_fit_the_machine(void **state)
{
    struct limits limits, whole;
    char why[LIMITS_WHY_MAX];
    (void)state;
    limits_default(&whole);
    limits = whole;
    limits_fit(&limits, 0, 0);
    assert_memory_equal(&limits, &whole, sizeof limits);
    limits_fit(&limits, UINT64_C(1) << 40, 1 << 20);
    assert_memory_equal(&limits, &whole, sizeof limits);

    uint64_t memory = UINT64_C(512) << 20;
    limits_fit(&limits, memory, 1024);
    assert_int_equal(limits.total[QUOTA_CONNECTIONS], 1024 - 64);
    for (unsigned kind = 0; kind < N_QUOTA_KINDS; kind++)
        assert_true(limits.total[kind] * limits_cost(kind) <= memory / 8);
    assert_int_equal(limits.total[QUOTA_QUEUED_BYTES], memory / 8);
    assert_int_equal(limits.per_connection[QUOTA_QUEUED_BYTES],
                     whole.per_connection[QUOTA_QUEUED_BYTES]);

    limits_fit(&limits, 0, 64); /* a quarter of few descriptors is left alone */
    assert_int_equal(limits.total[QUOTA_CONNECTIONS], 48);
    limits_fit(&limits, 4096, 4);
    assert_int_equal(limits.total[QUOTA_CONNECTIONS], LIMITS_MIN_CONNECTIONS);
    assert_true(limits_check(&limits, why));
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        kit_test(each_key_finds_its_value), kit_test(only_whole_keys_are_keys),
        kit_test(the_defaults_are_good),    kit_test(a_bad_value_is_named),
        kit_test(they_fit_the_machine),
    };
    return kit_run("limits", tests, KIT_LENGTH(tests));
}
