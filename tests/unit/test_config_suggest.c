/* "Did you mean ...?" */
#include "broker/config_suggest.h"

#include "tests/kit/runner.h"
#include "tests/unit/unit.h"

static const char *const names[] = {
    "listen",       "log-level",       "loop", "mode", "connections",
    "queued-bytes", "queued-messages", "uid",  "gid"
};

static const char *nearest(const char *wanted)
{
    struct config_suggest suggest = CONFIG_SUGGEST_INIT(wanted);
    for (size_t i = 0; i < COUNT_OF(names); i++)
        config_suggest_offer(&suggest, names[i]);
    return suggest.best;
}

static void what_is_near(void **state)
{
    (void)state;
    assert_string_equal(nearest("lissten"), "listen");
    assert_string_equal(nearest("listn"), "listen");
    assert_string_equal(nearest("log-levle"), "log-level"); /* swapped: one step, not two */
    assert_string_equal(nearest("loglevel"), "log-level");
    assert_string_equal(nearest("queued-message"), "queued-messages");
    assert_string_equal(nearest("queuedbytes"), "queued-bytes");
    assert_string_equal(nearest("uuid"), "uid");
    assert_string_equal(nearest("listen"), "listen");
}

static void what_is_far(void **state)
{
    char long_name[100];
    (void)state;
    assert_null(nearest(""));
    assert_null(nearest("zap"));
    assert_null(nearest("colour"));
    assert_null(nearest("executable"));
    memset(long_name, 'x', sizeof long_name);
    long_name[sizeof long_name - 1] = '\0';
    assert_null(nearest(long_name));
    long_name[64] = '\0';
    assert_null(nearest(long_name));
}

/* The first of two that are as near. */
static void a_tie(void **state)
{
    (void)state;
    assert_string_equal(nearest("lid"), "uid");
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        kit_test(what_is_near),
        kit_test(what_is_far),
        kit_test(a_tie),
    };
    return kit_run("config_suggest", tests, KIT_LENGTH(tests));
}
