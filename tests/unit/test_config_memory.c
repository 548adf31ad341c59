/* A configuration while memory gives out: none comes of it, or a whole one. */
#include "broker/config_load.h"

#include "tests/unit/config_kit.h"
#include "tests/unit/scarce_heap.h"

static const char first[] = "[broker]\nlisten = unix:/a,unix:/b\nlog-level = err\nmode = 600\n"
                            "[limits]\nconnections = 100\n"
                            "[rule \"one\"]\nallow = publish, subscribe\nsubject = a.>\nuid = 7\n";
static const char second[] = "[broker]\nlisten = unix:/c\nlog-level = debug\npolicy = audit\n"
                             "owner = root\n"
                             "[rule \"two\"]\ndeny = request\nsubject = b.*\nuser = root\n";
static const char bad[] = "[broker]\nlog-level = x\n[rule \"one\"]\nallow = publsh\n";

/* How many allocations until `source` is loaded as `whole` says. */
static unsigned load_with_less_and_less(const struct config_source *source,
                                        const struct config *before, bool whole)
{
    for (uint32_t n = 0;; n++) {
        struct config *config = NULL;
        config_errors_clear(&errors);
        config_errors_clear(&kept);
        heap_left = n;
        int r = config_load(&config, source, before, &errors, &kept);
        bool was_enough = heap_left > 0;
        heap_left = UINT32_MAX;
        assert_int_equal(r < 0, config == NULL);
        assert_int_equal(r<0, config_errors_total(&errors)> 0);
        if (was_enough) {
            assert_int_equal(r == 0, whole);
            config_unref(config);
            return n;
        }
        if (config) /* what failed was not needed, such as a buffer of the C library */
            config_unref(config);
        assert_in_range(n, 0, 10000);
    }
}

static const struct config_option options[] = { { CONFIG_LOOP, "poll" } };

static void loading(void **state)
{
    struct config_source source = { NULL, false, options, 1 };
    (void)state;
    source.file = write_file("b.conf", first);
    mkdir(path_of("conf.d"), 0700);
    write_file("conf.d/x.conf", second);
    unsigned n = load_with_less_and_less(&source, NULL, true);
    print_message("  %u allocations, each failed\n", n);
    assert_true(n > 30);
}

static void loading_again(void **state)
{
    struct config_source source = { NULL, false, options, 1 };
    struct config *before = NULL;
    (void)state;
    source.file = write_file("b.conf", first);
    unlink(path_of("conf.d/x.conf"));
    config_errors_clear(&errors);
    assert_int_equal(config_load(&before, &source, NULL, &errors, &kept), 0);
    write_file("conf.d/x.conf", second);
    unsigned n = load_with_less_and_less(&source, before, true);
    print_message("  %u allocations, each failed\n", n);
    assert_int_equal(before->n_refs, 1); /* and it is as it was */
    assert_string_equal(config_text(before, CONFIG_LOG_LEVEL), "err");
    assert_int_equal(before->n_listen, 2);
    config_unref(before);
}

static void loading_what_is_wrong(void **state)
{
    struct config_source source = { NULL, false, options, 1 };
    (void)state;
    mkdir(path_of("bad"), 0700);
    source.file = write_file("bad/b.conf", bad);
    load_with_less_and_less(&source, NULL, false);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        kit_test(loading),
        kit_test(loading_again),
        kit_test(loading_what_is_wrong),
    };
    return kit_run("config_memory", tests, KIT_LENGTH(tests));
}
