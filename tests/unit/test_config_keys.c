/* The table: its rows hold together, with those of the limits, and the example has them all. */
#include "tests/unit/config_kit.h"

#include "broker/config_value.h"

static void each_key_is_found(void **state)
{
    (void)state;
    for (unsigned key = 0; key < N_CONFIG_KEYS; key++) {
        struct config_key_info info = config_key_info(key);
        assert_int_equal(config_key_find(info.section, info.name), key);
        assert_int_equal(config_key_find("nothing", info.name), N_CONFIG_KEYS);
        assert_int_equal(info.words != NULL, info.type == CONFIG_TYPE_WORD);
    }
    assert_int_equal(config_key_find("limits", "listen"), N_CONFIG_KEYS);
    assert_int_equal(config_key_find("broker", "connections"), N_CONFIG_KEYS);
}

static void each_default_is_good(void **state)
{
    char why[CONFIG_WHY_MAX];
    uint64_t number;
    (void)state;
    for (unsigned key = 0; key < CONFIG_FIRST_LIMIT; key++) {
        const char *fallback = config_key_info(key).fallback;
        if (fallback)
            assert_int_equal(config_value_parse(key, fallback, &number, why), 0);
    }
}

/* What the guard allows is what a file may say. */
static void bounds_are_those_of_the_guard(void **state)
{
    char why[LIMITS_WHY_MAX];
    (void)state;
    for (unsigned i = 0; i < LIMITS_KEYS; i++) {
        struct config_key_info info = config_key_info(CONFIG_FIRST_LIMIT + i);
        struct limits limits;
        limits_default(&limits);
        uint64_t *value = limits_value(&limits, i);
        assert_string_equal(info.name, limits_key(i));
        assert_in_range(*value, info.least, info.most);
        *value = info.least;
        assert_true(limits_check(&limits, why));
        *value = info.most;
        assert_true(limits_check(&limits, why));
        ++*value;
        assert_false(limits_check(&limits, why));
        *value = info.least - 1;
        assert_true(info.least == 0 || !limits_check(&limits, why));
    }
}

/* ---- packaging/brokerd.conf ------------------------------------------------------------------ */

static char *read_source(const char *path)
{
    static char text[65536];
    FILE *file = fopen(path, "re");
    assert_non_null(file);
    size_t len = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    text[len] = '\0';
    return text;
}

/* As it comes it says nothing: each "#key" is a default, each "# text" a comment. */
static char *uncomment(const char *text)
{
    static char out[65536];
    char *to = out;
    for (const char *line = text; *line;) {
        size_t len = strcspn(line, "\n") + 1;
        bool is_key = *line == '#' && line[1] != ' ' && line[1] != '\n';
        memcpy(to, line + is_key, len - is_key);
        to += len - is_key;
        line += len;
    }
    *to = '\0';
    return out;
}

static void the_example_says_the_defaults(void **state)
{
    (void)state;
    const char *text = read_source(SOURCE_ROOT "/packaging/brokerd.conf");
    struct config *config = BUILD(text);
    assert_non_null(config);
    for (unsigned key = 0; key < N_CONFIG_KEYS; key++)
        assert_false(config_is_set(config, key));
    config_unref(config);
    config = BUILD(uncomment(text));
    if (!config)
        show_said(&errors);
    assert_non_null(config);
    struct limits limits;
    limits_default(&limits);
    for (unsigned key = 0; key < N_CONFIG_KEYS; key++) {
        struct config_key_info info = config_key_info(key);
        if (info.type != CONFIG_TYPE_URLS && key != CONFIG_OWNER && key != CONFIG_GROUP &&
            key != CONFIG_RUN_AS &&
            !config_is_set(config, key))
            fail_msg("the example has no %s", info.name);
        if (info.fallback)
            assert_string_equal(config_text(config, key), info.fallback);
    }
    for (unsigned i = 0; i < LIMITS_KEYS; i++) {
        uint64_t said = config_number(config, CONFIG_FIRST_LIMIT + i);
        char holds[24];
        config_value_format_size(*limits_value(&limits, i), holds, sizeof holds);
        if (said != *limits_value(&limits, i))
            fail_msg("the example should say %s = %s", limits_key(i), holds);
    }
    assert_true(config->n_settings > 0);
    config_unref(config);
}

/* ---- docs/brokerd.conf.5.scd ------------------------------------------------------------------ */

static void expect_entry(const char *page, const char *name)
{
    char entry[80];
    snprintf(entry, sizeof entry, "*%s*", name);
    if (!strstr(page, entry))
        fail_msg("brokerd.conf(5) says nothing of %s", name);
}

static void the_page_has_each_key(void **state)
{
    (void)state;
    const char *page = read_source(SOURCE_ROOT "/docs/brokerd.conf.5.scd"), *name;
    for (unsigned key = 0; key < N_CONFIG_KEYS; key++)
        expect_entry(page, config_key_info(key).name);
    for (unsigned i = 0; (name = policy_key_name(i)); i++)
        expect_entry(page, name);
    for (unsigned verb = 0; verb < N_VERBS; verb++)
        expect_entry(page, policy_verb_name(verb));
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        kit_test(each_key_is_found),
        kit_test(each_default_is_good),
        kit_test(bounds_are_those_of_the_guard),
        kit_test(the_example_says_the_defaults),
        kit_test(the_page_has_each_key),
    };
    return kit_run("config_keys", tests, KIT_LENGTH(tests));
}
