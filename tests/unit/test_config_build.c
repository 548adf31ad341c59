/* Files and options become a configuration: order, provenance, and every mistake by its line. */
#include "tests/unit/config_kit.h"

static void nothing_is_the_defaults(void **state)
{
    (void)state;
    struct config *config = BUILD("");
    assert_non_null(config);
    assert_int_equal(config->n_listen, 0);
    assert_int_equal(config->n_settings, 0);
    assert_int_equal(config->system, getuid() == 0);
    expect_shown(config, CONFIG_LISTEN, "", "default");
    expect_shown(config, CONFIG_SCOPE, "auto", "default");
    expect_shown(config, CONFIG_MODE, getuid() == 0 ? "0666" : "0600", "default");
    expect_shown(config, CONFIG_OWNER, "", "default");
    expect_shown(config, CONFIG_LOOP, "auto", "default");
    expect_shown(config, CONFIG_LOG_LEVEL, "info", "default");
    expect_shown(config, CONFIG_POLICY, "enforce", "default");
    assert_int_equal(policy_n_rules(config->policy), 0);
    assert_false(policy_is_audit_only(config->policy));
    assert_null(config_unref(config));
}

static void everything_there_is(void **state)
{
    (void)state;
    struct config *config = BUILD("[broker]\n"
                                  "listen = unix:/a , \n"
                                  "listen = unix:/a\n");
    assert_null(config); /* a list may not end in a comma */
    config = BUILD("[broker]\nlisten = unix:/a\nlisten = unix:@b,unix:/c\nmode = 640\n"
                   "owner = 7\ngroup = root\nloop = poll\nlog-level = debug\npolicy = audit\n"
                   "[limits]\nconnections = 100\nqueued-bytes = 64M\n"
                   "[rule \"r.1\"]\nallow = publish\nsubject = a.>\nuid = 7\n");
    if (!config)
        show_said(&errors);
    assert_non_null(config);
    expect_shown(config, CONFIG_LISTEN, "unix:/a,unix:@b,unix:/c", "f1:3");
    assert_int_equal(config->listen[0].origin.line, 2);
    assert_int_equal(config->listen[2].origin.line, 3);
    assert_false(config->system); /* who names a socket has a broker of their own */
    assert_int_equal(config_number(config, CONFIG_MODE), 0640);
    assert_int_equal(config_number(config, CONFIG_OWNER), 7);
    assert_int_equal(config_number(config, CONFIG_GROUP), 0);
    assert_true(config_is_set(config, CONFIG_GROUP));
    expect_shown(config, CONFIG_LOOP, "poll", "f1:7");
    assert_int_equal(config_number(config, CONFIG_POLICY), CONFIG_POLICY_AUDIT);
    assert_true(policy_is_audit_only(config->policy));
    assert_int_equal(policy_n_rules(config->policy), 1);
    assert_int_equal(config->limits.total[QUOTA_CONNECTIONS], 100);
    assert_int_equal(config->limits.total[QUOTA_QUEUED_BYTES], 64 << 20);
    assert_int_equal(config->n_settings, 3);
    assert_string_equal(config->settings[1].rule, "r.1");
    assert_string_equal(config->settings[1].key, "subject");
    assert_string_equal(config->settings[1].value, "a.>");
    assert_int_equal(config->settings[1].origin.line, 15);
    config_unref(config);
}

/* ---- order ------------------------------------------------------------------------------ */

static void later_files_win(void **state)
{
    (void)state;
    struct config *config = BUILD("[broker]\nloop = poll\nlog-level = err\nlisten = unix:/a\n"
                                  "[broker]\nlisten = unix:/b\n",
                                  "[limits]\nconnections = 17\n[broker]\nlog-level = debug\n",
                                  "[broker]\nlisten = unix:/c\n");
    assert_non_null(config);
    expect_shown(config, CONFIG_LOOP, "poll", "f1:2");
    expect_shown(config, CONFIG_LOG_LEVEL, "debug", "f2:4");
    expect_shown(config, CONFIG_LISTEN, "unix:/c", "f3:2");
    assert_int_equal(config->n_files, 3);
    config_unref(config);
    config = BUILD("[broker]\nlisten = unix:/a\n", "[broker]\nlisten =\n");
    expect_shown(config, CONFIG_LISTEN, "", "f2:2");
    config_unref(config);
}

static void the_command_line_wins(void **state)
{
    struct config *config = NULL;
    static const char text[] = "[broker]\nlog-level = err\nlisten = unix:/f\n";
    (void)state;
    config_errors_clear(&errors);
    struct config_build *build = config_build_new(&errors);
    config_build_file(build, "f", LITERAL(text));
    config_build_option(build, CONFIG_LISTEN, "unix:/a,unix:/b");
    config_build_option(build, CONFIG_LISTEN, "unix:/c");
    config_build_option(build, CONFIG_LOG_LEVEL, "warn");
    assert_int_equal(config_build_finish(build, NULL, &kept, &config), 0);
    config_build_free(build);
    expect_shown(config, CONFIG_LISTEN, "unix:/a,unix:/b,unix:/c", "command line");
    expect_shown(config, CONFIG_LOG_LEVEL, "warn", "command line");
    config_unref(config);
}

/* Whose broker it is says what it listens on if nothing else does, and what it may. */
static void the_scope(void **state)
{
    (void)state;
    struct config *config = BUILD("[broker]\nscope = system\nlisten = unix:/a\n");
    assert_true(config->system);
    assert_int_equal(config->n_listen, 1);
    expect_shown(config, CONFIG_MODE, "0666", "default");
    config_unref(config);
    config = BUILD("[broker]\nscope = user\n");
    assert_false(config->system);
    expect_shown(config, CONFIG_MODE, "0600", "default");
    config_unref(config);
    config = BUILD("[broker]\nlisten = unix:/a\n");
    assert_false(config->system); /* whoever runs it */
    config_unref(config);
}

/* ---- mistakes ----------------------------------------------------------------------------- */

static void mistakes_by_their_lines(void **state)
{
    (void)state;
    REFUSED("[brokr]\nanything = 1\n", "f1:1: unknown section [brokr]: did you mean [broker]?");
    REFUSED("[rules \"x\"]\na = b\n", "f1:1: unknown section [rules]: did you mean [rule \"ID\"]?");
    REFUSED("[colours]\n",
            "f1:1: unknown section [colours]: there are [broker], [limits] and [rule \"ID\"]");
    REFUSED("[broker \"x\"]\na = b\n", "f1:1: [broker] has no id");
    REFUSED("[rule]\na = b\n", "f1:1: a rule needs an id: [rule \"ID\"]");
    REFUSED("loop = poll\n",
            "f1:1: 'loop' stands in no section: write one above it, such as [broker]");
    REFUSED("[broker]\nlog-levle = info\n",
            "f1:2: unknown key 'log-levle' in [broker]: did you mean 'log-level'?");
    REFUSED("[broker]\ncolour = red\n", "f1:2: unknown key 'colour' in [broker]");
    REFUSED("[broker]\nconnections = 100\n",
            "f1:2: 'connections' is a key of [limits], not of [broker]");
    REFUSED("[broker]\nloop = poll\n\nloop = epoll\n", "f1:4: loop is set twice: first in line 2");
    REFUSED("[broker]\nloop = select\n", "f1:2: loop = select: it is auto, poll or epoll");
    REFUSED("[broker]\nloop =\n", "f1:2: loop = : it is auto, poll or epoll");
    REFUSED(
        "[broker]\nlisten = unix:a\n",
        "f1:2: listen = unix:a: wrong at byte 6: a path begins with /, an abstract name with @");
    REFUSED("[broker]\nmode = 999\n", "f1:2: mode = 999: not an octal number from 0 to 777");
    REFUSED("[limits]\nconnections = none\n",
            "f1:2: connections = none: not a number from 16 to 9007199254740992");
    REFUSED("[limits]\nqueued-byte = 1\n",
            "f1:2: unknown key 'queued-byte' in [limits]: did you mean 'queued-bytes'?");
    REFUSED("[rule \"a\"]\nallow = publish\nsubjct = b\n",
            "f1:3: unknown key 'subjct' in [rule \"a\"]: did you mean 'subject'?");
    REFUSED("[rule \"a\"]\nallow = publish\nzzzzzzzzz = b\n",
            "f1:3: unknown key 'zzzzzzzzz' in [rule \"a\"]");
}

static void mistakes_in_rules(void **state)
{
    (void)state;
    assert_null(BUILD("[rule \"a\"]\nallow = publish\n", "[rule \"a\"]\nallow = publish\n"));
    assert_int_equal(config_errors_total(&errors), 1); /* a rule stands once, wherever */
    assert_memory_equal(config_errors_next(&errors, NULL), "f2:1: [rule \"a\"]: ", 18);
    assert_null(BUILD("[rule \"a\"]\nallow = publsh\n"));
    assert_memory_equal(config_errors_next(&errors, NULL), "f1:2: allow = publsh: ", 22);
    assert_null(BUILD("\n[rule \"a\"]\nuid = 1\n")); /* only seen at the end */
    assert_memory_equal(config_errors_next(&errors, NULL), "f1:2: ", 6);
    assert_null(BUILD("[rule \"bad id\"]\nallow = publish\nnonsense = 1\n"));
    assert_int_equal(config_errors_total(&errors), 1);
}

static void all_mistakes_of_all_files(void **state)
{
    (void)state;
    assert_null(BUILD("[broker]\nloop = x\nfoo\n[limits]\nzap = 1\n",
                      "[broker]\nlog-level = x\n[rule \"a\"]\nallow = nothing\n bar = 1\n"));
    assert_int_equal(config_errors_total(&errors), 6);
    EXPECT_SAID(&errors, "f1:2: loop = x: it is auto, poll or epoll");
    EXPECT_SAID(&errors, "f1:3: neither a [section], nor key = value, nor a # comment");
    EXPECT_SAID(&errors, "f1:5: unknown key 'zap' in [limits]");
    EXPECT_SAID(&errors, "f2:2: log-level = x: it is err, warn, info or debug");
    EXPECT_SAID(&errors, "f2:5: white space at the beginning: no value goes on in a second line");
}

static void sixteen_addresses(void **state)
{
    char text[1000] = "[broker]\n";
    (void)state;
    for (int i = 0; i < CONFIG_LISTEN_MAX; i++)
        sprintf(text + strlen(text), "listen = unix:/%d\n", i);
    struct config *config = BUILD(text);
    assert_non_null(config);
    assert_int_equal(config->n_listen, CONFIG_LISTEN_MAX);
    config_unref(config);
    strcat(text, "listen = unix:/more\n");
    REFUSED(text, "f1:18: listen = unix:/more: more than 16 addresses");
}

/* ---- what needs a restart -------------------------------------------------------------------- */

static void what_needs_a_restart_keeps_its_value(void **state)
{
    (void)state;
    struct config *before = BUILD("[broker]\nlisten = unix:/a\nmode = 600\nloop = poll\n");
    struct config *now = BUILD_ON(before, "",
                                  "[broker]\nlisten = unix:/b,unix:/a\nmode = 0600\n"
                                  "log-level = debug\nowner = 12\n");
    assert_non_null(now);
    EXPECT_SAID(&kept, "f2:2: listen = unix:/b,unix:/a needs a restart; until then it is unix:/a");
    EXPECT_SAID(&kept, "f2:5: owner = 12 needs a restart; until then it is (nothing)");
    EXPECT_SAID(&kept, "loop = auto needs a restart; until then it is poll");
    assert_int_equal(config_errors_total(&kept), 3);
    expect_shown(now, CONFIG_LISTEN, "unix:/a", "f1:2");
    expect_shown(now, CONFIG_LOOP, "poll", "f1:4");
    expect_shown(now, CONFIG_OWNER, "", "default");
    expect_shown(now, CONFIG_MODE, "0600", "f2:3"); /* the same, written otherwise */
    expect_shown(now, CONFIG_LOG_LEVEL, "debug", "f2:4");
    config_unref(before);
    config_unref(now);
}

/* What it came from may be among the files no more. */
static void where_a_kept_value_came_from(void **state)
{
    struct config *now = NULL;
    (void)state;
    struct config *before = BUILD("", "", "[broker]\nlisten = unix:/a\n");
    config_errors_clear(&errors);
    config_errors_clear(&kept);
    struct config_build *build = config_build_new(&errors);
    config_build_file(build, "other", "", 0);
    assert_int_equal(config_build_finish(build, before, &kept, &now), 0);
    config_build_free(build);
    config_unref(before);
    expect_shown(now, CONFIG_LISTEN, "unix:/a", "f3:2");
    EXPECT_SAID(&kept, "listen = (nothing) needs a restart; until then it is unix:/a");
    config_unref(now);
}

static void the_scope_is_kept(void **state)
{
    (void)state;
    struct config *before = BUILD("[broker]\nscope = system\n");
    struct config *now = BUILD_ON(before, "[broker]\nscope = user\n");
    assert_non_null(now);
    assert_true(now->system);
    expect_shown(now, CONFIG_MODE, "0666", "default");
    assert_int_equal(config_errors_total(&kept), 1);
    config_unref(now);
    config_unref(before);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        kit_test(nothing_is_the_defaults),
        kit_test(everything_there_is),
        kit_test(later_files_win),
        kit_test(the_command_line_wins),
        kit_test(the_scope),
        kit_test(mistakes_by_their_lines),
        kit_test(mistakes_in_rules),
        kit_test(all_mistakes_of_all_files),
        kit_test(sixteen_addresses),
        kit_test(what_needs_a_restart_keeps_its_value),
        kit_test(where_a_kept_value_came_from),
        kit_test(the_scope_is_kept),
    };
    return kit_run("config_build", tests, KIT_LENGTH(tests));
}
