/* Which files are read, and when a whole configuration comes of them. */
#include "broker/config_load.h"

#include <sys/resource.h>

#include "broker/config_file.h"
#include "tests/unit/config_kit.h"

static struct config *load_on(const struct config *before, const struct config_source *source)
{
    struct config *config = NULL;
    config_errors_clear(&errors);
    config_errors_clear(&kept);
    int r = config_load(&config, source, before, &errors, &kept);
    assert_int_equal(r < 0, config == NULL);
    assert_int_equal(r<0, config_errors_total(&errors)> 0);
    return config;
}

static struct config *load(const struct config_source *source)
{
    return load_on(NULL, source);
}

/* Empty ones. */
static void make_folders(void)
{
    kit_remove_tree(path_of("etc"));
    assert_int_equal(mkdir(path_of("etc"), 0755), 0);
    assert_int_equal(mkdir(path_of("etc/conf.d"), 0755), 0);
}

static const char *said(void)
{
    const char *error = config_errors_next(&errors, NULL);
    assert_non_null(error);
    return error;
}

/* ---- --config ----------------------------------------------------------------------------- */

static void a_file_and_its_neighbours(void **state)
{
    char origin[400];
    (void)state;
    make_folders();
    struct config_source source = { .file = write_file("etc/b.conf", "[broker]\nlog-level = err\n"
                                                                     "loop = poll\n") };
    write_file("etc/conf.d/20.conf", "[broker]\nlog-level = debug\n");
    write_file("etc/conf.d/10.conf", "[broker]\nlog-level = warn\npolicy = audit\n");
    write_file("etc/conf.d/ignored", "nonsense");
    struct config *config = load(&source);
    assert_non_null(config);
    assert_int_equal(config->n_files, 3);
    snprintf(origin, sizeof origin, "%s/etc/conf.d/20.conf:2", kit_dir());
    expect_shown(config, CONFIG_LOG_LEVEL, "debug", origin);
    snprintf(origin, sizeof origin, "%s/etc/conf.d/10.conf:3", kit_dir());
    expect_shown(config, CONFIG_POLICY, "audit", origin);
    config_unref(config);
    static const struct config_option options[] = { { CONFIG_LOG_LEVEL, "warn" } };
    source.options = options;
    source.n_options = COUNT_OF(options);
    config = load(&source);
    expect_shown(config, CONFIG_LOG_LEVEL, "warn", "command line");
    config_unref(config);
}

static void a_relative_name(void **state)
{
    struct config_source source = { .file = "b.conf" };
    (void)state;
    make_folders();
    write_file("etc/b.conf", "");
    write_file("etc/conf.d/10.conf", "[broker]\nlog-level = debug\n");
    assert_int_equal(chdir(path_of("etc")), 0);
    struct config *config = load(&source);
    assert_int_equal(chdir("/"), 0);
    assert_non_null(config);
    expect_shown(config, CONFIG_LOG_LEVEL, "debug", "conf.d/10.conf:2");
    config_unref(config);
}

static void all_that_is_wrong(void **state)
{
    (void)state;
    make_folders();
    struct config_source source = { .file = write_file("etc/b.conf", "[brokr]\n") };
    write_file("etc/conf.d/10.conf", "[broker]\nloop = x\n");
    mkdir(path_of("etc/conf.d/20.conf"), 0700);
    assert_int_equal(symlink("nowhere", path_of("etc/conf.d/30.conf")), 0);
    assert_null(load(&source));
    assert_int_equal(config_errors_total(&errors), 4);
    make_folders();
    source.file = path_of("etc/missing.conf");
    assert_null(load(&source));
    assert_non_null(strstr(said(), "etc/missing.conf: cannot be opened: No such file"));
}

static void long_names(void **state)
{
    static char name[CONFIG_PATH_MAX + 1];
    (void)state;
    memset(name, 'x', CONFIG_PATH_MAX);
    assert_null(load(&(struct config_source){ .file = name }));
    assert_non_null(strstr(said(), "the name is too long"));
    name[CONFIG_PATH_MAX - 1] = '\0';
    assert_null(load(&(struct config_source){ .file = name }));
}

static void too_much_together(void **state)
{
    char name[40];
    (void)state;
    make_folders();
    struct config_source source = { .file = write_file("etc/b.conf", "") };
    char *large = malloc(CONFIG_FILE_MAX + 1);
    memset(large, '\n', CONFIG_FILE_MAX);
    large[CONFIG_FILE_MAX] = '\0';
    for (int i = 0; i < 4; i++) {
        snprintf(name, sizeof name, "etc/conf.d/%d.conf", i);
        write_file(name, large);
    }
    free(large);
    struct config *config = load(&source);
    assert_non_null(config);
    config_unref(config);
    write_file("etc/conf.d/4.conf", "\n");
    assert_null(load(&source));
    assert_non_null(strstr(said(), "4.conf: makes it more than 4 MiB"));
}

/* ---- the default file ---------------------------------------------------------------------- */

static const struct config_option of_user[] = { { CONFIG_SCOPE, "user" } };
static const struct config_option of_system[] = { { CONFIG_SCOPE, "system" } };
static const struct config_option of_own[] = { { CONFIG_LISTEN, "unix:/x" } };

static void where_the_default_is(void **state)
{
    const struct config_source user = { NULL, false, of_user, 1 };
    const struct config_source system = { NULL, true, of_system, 1 };
    const struct config_source own = { NULL, true, of_own, 1 };
    char path[CONFIG_PATH_MAX];
    (void)state;
    setenv("XDG_CONFIG_HOME", "/xdg", 1);
    setenv("HOME", "/home/me", 1);
    assert_true(config_load_path(&user, path));
    assert_string_equal(path, "/xdg/brokerd/brokerd.conf");
    setenv("XDG_CONFIG_HOME", "relative", 1);
    assert_true(config_load_path(&user, path));
    assert_string_equal(path, "/home/me/.config/brokerd/brokerd.conf");
    unsetenv("HOME");
    assert_false(config_load_path(&user, path));
    assert_true(config_load_path(&system, path));
    assert_string_equal(path, "/etc/brokerd/brokerd.conf");
    assert_false(config_load_path(&own, path));
    struct config *config = load(&own);
    assert_non_null(config);
    assert_int_equal(config->n_files, 0);
    config_unref(config);
}

static void the_default_may_be_missing(void **state)
{
    const struct config_source user = { NULL, false, of_user, 1 };
    (void)state;
    setenv("XDG_CONFIG_HOME", path_of("xdg"), 1);
    struct config *config = load(&user);
    assert_non_null(config);
    assert_int_equal(config->n_files, 0);
    config_unref(config);
    mkdir(path_of("xdg"), 0700);
    mkdir(path_of("xdg/brokerd"), 0700);
    mkdir(path_of("xdg/brokerd/conf.d"), 0700);
    write_file("xdg/brokerd/conf.d/a.conf", "[broker]\nlog-level = err\n");
    config = load(&user); /* its neighbours count all the same */
    assert_int_equal(config->n_files, 1);
    config_unref(config);
    /* but not once it was there: a configuration that vanishes must not open doors */
    write_file("xdg/brokerd/brokerd.conf", "[broker]\nlog-level = debug\n");
    struct config *before = load(&user);
    assert_int_equal(before->n_files, 2);
    unlink(path_of("xdg/brokerd/brokerd.conf"));
    assert_null(load_on(before, &user));
    assert_non_null(strstr(said(), "brokerd.conf: cannot be opened: No such file"));
    config_unref(before);
}

/* ---- whom it trusts -------------------------------------------------------------------------- */

static void a_systems_files_are_guarded(void **state)
{
    struct config_source source = { NULL, true, of_system, 1 };
    (void)state;
    make_folders();
    source.file = write_file("etc/b.conf", "");
    const char *drop_in = write_file("etc/conf.d/x.conf", "");
    struct config *config = load(&source);
    assert_non_null(config);
    config_unref(config);
    assert_int_equal(chmod(drop_in, 0666), 0);
    assert_null(load(&source));
    assert_non_null(strstr(said(), "x.conf: has mode 0666"));
    unlink(drop_in);
    assert_int_equal(chmod(path_of("etc/conf.d"), 0777), 0);
    assert_null(load(&source));
    assert_non_null(strstr(said(), "conf.d: has mode 0777"));
    assert_int_equal(chmod(path_of("etc/conf.d"), 0755), 0);
    assert_int_equal(chmod(path_of("etc"), 0777), 0);
    assert_null(load(&source));
    assert_non_null(strstr(said(), "b.conf: its folder has mode 0777"));
    assert_int_equal(chmod(source.file, 0666), 0);
    source.system = false;
    source.options = of_user;
    config = load(&source);
    assert_non_null(config);
    config_unref(config);
}

/* CVE-2017-7652: at the limit nothing is read, and nothing is taken for empty. */
static void out_of_descriptors(void **state)
{
    struct rlimit limit, low;
    (void)state;
    make_folders();
    struct config_source source = { .file =
                                        write_file("etc/b.conf", "[broker]\nlog-level = err\n") };
    struct config *before = load(&source);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    low = limit;
    for (low.rlim_cur = 3; low.rlim_cur <= 4; low.rlim_cur++) {
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
        struct config *now = load_on(before, &source);
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
        if (now) { /* one is enough, if the others are closed */
            config_unref(now);
            break;
        }
        assert_non_null(strstr(said(), "cannot be opened: Too many open files"));
    }
    assert_true(low.rlim_cur > 3);
    config_unref(before);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        kit_test(a_file_and_its_neighbours),  kit_test(a_relative_name),
        kit_test(all_that_is_wrong),          kit_test(long_names),
        kit_test(too_much_together),          kit_test(where_the_default_is),
        kit_test(the_default_may_be_missing), kit_test(a_systems_files_are_guarded),
        kit_test(out_of_descriptors),
    };
    return kit_run("config_load", tests, KIT_LENGTH(tests));
}
