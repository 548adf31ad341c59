/* Policy when memory gives out: each allocation fails in turn, and nothing is half done or lost. */
#include <errno.h>

#include "broker/guard/policy_names.h"
#include "tests/unit/policy_kit.h"

/* The test is linked with -Wl,--wrap= for these (meson.build). */
void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_reallocarray(void *old, size_t n, size_t size);
char *__real_strdup(const char *s);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_reallocarray(void *old, size_t n, size_t size);
char *__wrap_strdup(const char *s);

static bool armed;
static bool for_good; /* what gave out once stays so */
static unsigned left; /* how many more succeed */

static bool gives_out(void)
{
    if (!armed || left-- > 0)
        return false;
    armed = for_good;
    left = 0;
    return true;
}

void *__wrap_malloc(size_t size)
{
    return gives_out() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size)
{
    return gives_out() ? NULL : __real_calloc(n, size);
}

void *__wrap_reallocarray(void *old, size_t n, size_t size)
{
    return gives_out() ? NULL : __real_reallocarray(old, n, size);
}

char *__wrap_strdup(const char *s)
{
    return gives_out() ? NULL : __real_strdup(s);
}

static const struct {
    const char *key, *value;
} keys[] = {
    { "allow", "all" }, { "subject", "a.*, b.>" },
    { "uid", "0, 1" },  { "user", "root" },
    { "gid", "0" },     { "group", "root" },
    { "kind", "unix" }, { "executable", "/a, /b/c\\,d" },
};

static int fill(struct policy_builder *b)
{
    int r = policy_builder_rule(b, "r", "f", 1, why);
    for (size_t i = 0; r == 0 && i < COUNT_OF(keys); i++)
        r = policy_builder_set(b, keys[i].key, keys[i].value, "f", 2, why);
    if (r == 0)
        r = policy_builder_rule(b, "s", "f", 3, why);
    return r < 0 ? r : policy_builder_set(b, "deny", "publish, connect", "f", 4, why);
}

/* Everything once, with a default after a default: -ENOMEM from the first that fails. */
static int build(enum policy_defaults defaults, struct policy_snapshot **ret)
{
    struct policy_builder *b = policy_builder_new();
    if (!b)
        return -ENOMEM;
    *why = '\0';
    policy_builder_defaults(b, defaults, 1000);
    int r = fill(b);
    int finished = policy_builder_finish(b, ret, why);
    if (r < 0 || finished < 0)
        assert_non_null(strstr(why, "no memory"));
    assert_int_equal(r < 0 ? r : finished, finished); /* and what was lost is not passed over */
    policy_builder_free(b);
    return finished;
}

static int use(struct policy_snapshot *policy)
{
    struct principal who = principal_with(.uid = 1000);
    struct policy_peer peer = { .kind = KIND_UNIX, .who = &who };
    struct rights *rights = NULL;
    struct policy_explanation e = { 0 };
    int r = rights_of(policy, &peer, &rights);
    if (r == 0)
        r = policy_explain(policy, &peer, VERB_PUBLISH, "a", 1, &e);
    assert_true(r == 0 || !e.grounds);
    policy_explanation_deinit(&e);
    rights_unref(rights);
    return r;
}

static int look_up(void)
{
    struct principal who = PRINCIPAL_INIT;
    int r = policy_principal_of(0, &who);
    assert_true(r == 0 || !who.groups);
    principal_deinit(&who);
    return r;
}

static int everything(enum policy_defaults defaults)
{
    struct policy_snapshot *policy = NULL;
    int r = build(defaults, &policy);
    assert_int_equal(r == 0, policy != NULL);
    if (r == 0)
        r = use(policy);
    policy_unref(policy);
    return r < 0 ? r : look_up();
}

static void each_allocation_may_fail(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 6; i++) {
        enum policy_defaults defaults = (enum policy_defaults)(i % 3);
        unsigned n = 0;
        for_good = i >= 3;
        for (int r = -ENOMEM; r < 0; n++) {
            armed = true;
            left = n;
            r = everything(defaults);
            armed = false;
            assert_true(r == 0 || r == -ENOMEM);
        }
        assert_in_range(n, 25, 100);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        kit_test(each_allocation_may_fail),
    };
    return kit_run("policy_memory", tests, KIT_LENGTH(tests));
}
