/* brokerd's command line: what is taken, and what each mistake is told. */
#include "broker/options.h"

#include <fcntl.h>
#include <getopt.h>
#include <unistd.h>

#include "tests/kit/runner.h"
#include "tests/unit/unit.h"

enum { ARGS_MAX = 40 };

static char said[4096]; /* on stdout and stderr */

static int parse(struct options *options, const char *const *args)
{
    static char copies[ARGS_MAX + 1][64]; /* options point into their argv */
    char *argv[ARGS_MAX + 2] = { (char[]){ "brokerd" } };
    int argc = 1;
    for (; args[argc - 1]; argc++)
        argv[argc] = strcpy(copies[argc], args[argc - 1]);
    int saved[2] = { dup(1), dup(2) };
    char path[256];
    snprintf(path, sizeof path, "%s/said", kit_dir());
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    fflush(NULL);
    dup2(fd, 1);
    dup2(fd, 2);
    optind = 0; /* getopt(3): begin anew */
    int code = options_parse(options, argc, argv);
    fflush(NULL);
    ssize_t n = pread(fd, said, sizeof said - 1, 0);
    said[n > 0 ? n : 0] = '\0';
    for (int i = 0; i < 2; i++) {
        dup2(saved[i], i + 1);
        close(saved[i]);
    }
    close(fd);
    return code;
}

#define PARSE(options, ...) parse(options, (const char *const[]){ __VA_ARGS__, NULL })

/* Told with 64, in a sentence that names what is wrong. */
#define REFUSED(sentence, ...)                                         \
    do {                                                               \
        struct options o_;                                             \
        assert_int_equal(PARSE(&o_, __VA_ARGS__), EXIT_USAGE);         \
        assert_non_null(strstr(said, sentence));                       \
        assert_non_null(strstr(said, "brokerd --help"));               \
        assert_ptr_equal(strchr(said, '\n'), said + strlen(said) - 1); \
    } while (0)

static const char *given(const struct options *options, enum config_key key)
{
    for (size_t i = 0; i < options->source.n_options; i++)
        if (options->source.options[i].key == key)
            return options->source.options[i].text;
    return "(not given)";
}

static void nothing_is_given(void **state)
{
    (void)state;
    struct options o;
    assert_int_equal(parse(&o, (const char *const[]){ NULL }), -1);
    assert_int_equal(o.source.n_options, 0);
    assert_null(o.source.file);
    assert_int_equal(o.source.system, getuid() == 0);
    assert_false(o.check);
    assert_string_equal(said, "");
}

static void everything_there_is(void **state)
{
    (void)state;
    struct options o;
    assert_int_equal(PARSE(&o, "--listen", "unix:/a", "--listen=unix:@b,unix:/c", "--mode", "640",
                           "--owner", "root", "--group", "12345", "--loop", "poll", "--log-level",
                           "debug", "--config", "file", "--check-config"),
                     -1);
    assert_int_equal(o.source.n_options, 7);
    assert_string_equal(given(&o, CONFIG_LISTEN), "unix:/a");
    assert_string_equal(o.source.options[1].text, "unix:@b,unix:/c");
    assert_string_equal(given(&o, CONFIG_MODE), "640");
    assert_string_equal(given(&o, CONFIG_OWNER), "root");
    assert_string_equal(given(&o, CONFIG_GROUP), "12345");
    assert_string_equal(given(&o, CONFIG_LOOP), "poll");
    assert_string_equal(given(&o, CONFIG_LOG_LEVEL), "debug");
    assert_string_equal(o.source.file, "file");
    assert_true(o.check);
    assert_int_equal(PARSE(&o, "--user", "--user"), -1);
    assert_string_equal(given(&o, CONFIG_SCOPE), "user");
    assert_false(o.source.system);
    assert_int_equal(PARSE(&o, "--system", "--loop", "epoll"), -1);
    assert_string_equal(given(&o, CONFIG_SCOPE), "system");
    assert_true(o.source.system);
}

static void the_last_one_counts(void **state)
{
    (void)state;
    struct options o;
    assert_int_equal(PARSE(&o, "--loop", "poll", "--config", "a", "--loop", "auto", "--config",
                           "b"),
                     -1);
    assert_int_equal(o.source.n_options, 1);
    assert_string_equal(given(&o, CONFIG_LOOP), "auto");
    assert_string_equal(o.source.file, "b");
}

static void help_and_version_go_to_stdout(void **state)
{
    (void)state;
    struct options o;
    assert_int_equal(PARSE(&o, "--help"), 0);
    assert_ptr_equal(strstr(said, "Usage: brokerd"), said);
    assert_int_equal(PARSE(&o, "--version"), 0);
    assert_string_equal(said, "brokerd " BROKER_VERSION "\n");
}

static void mistakes_are_named(void **state)
{
    (void)state;
    REFUSED("--listen tcp://h:1", "--listen", "tcp://h:1");
    REFUSED("--listen nonsense", "--listen", "nonsense");
    REFUSED("--mode 8", "--mode", "8");
    REFUSED("--mode 1000", "--mode", "1000");
    REFUSED("--mode -1", "--mode=-1");
    REFUSED("--mode ", "--mode=");
    REFUSED("--mode 77x", "--mode=77x");
    REFUSED("--owner nobody-of-that-name", "--owner", "nobody-of-that-name");
    REFUSED("--owner 4294967295", "--owner", "4294967295"); /* (uid_t)-1 */
    REFUSED("--owner 12x", "--owner", "12x");
    REFUSED("--group -1", "--group=-1");
    REFUSED("--loop select", "--loop", "select");
    REFUSED("--log-level loud", "--log-level", "loud");
    REFUSED("file: brokerd takes options only", "file");
    REFUSED("--user names the default socket", "--user", "--listen", "unix:/a");
    REFUSED("--system names the default socket", "--system", "--listen", "unix:/a");
    REFUSED("--user and --system exclude each other", "--user", "--system");
    REFUSED("--user and --system exclude each other", "--system", "--user");
    REFUSED("--listen foo: wrong at byte 1: ", "--listen", "foo");
    REFUSED("--listen unix:b: wrong at byte 6: ", "--listen", "unix:b");
    REFUSED("brokerd: unrecognized option '--nonsense' (", "--nonsense");
    REFUSED("brokerd: unrecognized option '-x' (", "-x");
    REFUSED("brokerd: option '--listen' wants a value (", "--listen");
    REFUSED("brokerd: option '--user=1' takes no value (", "--user=1");
    REFUSED("brokerd: option '--check-config=1' takes no value (", "--check-config=1");
    REFUSED("brokerd: option '--config' wants a value (", "--config");
    REFUSED("--config: the name of the file is empty", "--config=");
}

static void there_may_be_sixteen(void **state)
{
    (void)state;
    struct options o;
    const char *args[2 * CONFIG_LISTEN_MAX + 3] = { NULL };
    for (int i = 0; i < CONFIG_LISTEN_MAX; i++) {
        args[2 * i] = "--listen";
        args[2 * i + 1] = "unix:/a";
    }
    assert_int_equal(parse(&o, args), -1);
    assert_int_equal(o.source.n_options, CONFIG_LISTEN_MAX);
    args[2 * CONFIG_LISTEN_MAX] = "--listen";
    args[2 * CONFIG_LISTEN_MAX + 1] = "unix:/b";
    assert_int_equal(parse(&o, args), EXIT_USAGE);
    assert_non_null(strstr(said, "more than 16"));
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        kit_test(nothing_is_given),    kit_test(everything_there_is),
        kit_test(the_last_one_counts), kit_test(help_and_version_go_to_stdout),
        kit_test(mistakes_are_named),  kit_test(there_may_be_sixteen),
    };
    return kit_run("options", tests, KIT_LENGTH(tests));
}
