/* Values by their types: what is taken, and what each mistake is told. */
#include "broker/config_value.h"

#include "tests/kit/runner.h"
#include "tests/unit/unit.h"

static char why[CONFIG_WHY_MAX];

static uint64_t taken(const struct config_key_info *info, const char *text)
{
    uint64_t number = 0;
    if (config_value_parse_as(info, text, &number, why) < 0)
        fail_msg("%s was refused: %s", text, why);
    return number;
}

/* Refused with a sentence, and the result untouched. */
static void refused(const struct config_key_info *info, const char *text, const char *sentence)
{
    uint64_t number = 4711;
    assert_true(config_value_parse_as(info, text, &number, why) < 0);
    assert_int_equal(number, 4711);
    assert_string_equal(why, sentence);
}

static void counts(void **state)
{
    static const struct config_key_info info = { .type = CONFIG_TYPE_COUNT,
                                                 .least = 2,
                                                 .most = 70 };
    static const char *const bad[] = { "",
                                       "1",
                                       "71",
                                       "-3",
                                       "+3",
                                       " 3",
                                       "3 ",
                                       "3k",
                                       "0x10",
                                       "3.0",
                                       "18446744073709551616",
                                       "99999999999999999999999" };
    (void)state;
    assert_int_equal(taken(&info, "2"), 2);
    assert_int_equal(taken(&info, "070"), 70);
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        refused(&info, bad[i], "not a number from 2 to 70");
    static const struct config_key_info all = { .type = CONFIG_TYPE_COUNT, .most = UINT64_MAX };
    assert_true(taken(&all, "18446744073709551615") == UINT64_MAX);
}

static void sizes(void **state)
{
    static const struct config_key_info info = { .type = CONFIG_TYPE_SIZE,
                                                 .least = 512,
                                                 .most = UINT64_C(3) << 40 };
    static const char *const bad[] = { "",    "511",  "4T",           "K",
                                       "1KB", "1 K",  "1k",           "1P",
                                       "-1K", "1.5M", "99999999999T", "18446744073709551616" };
    (void)state;
    assert_int_equal(taken(&info, "512"), 512);
    assert_int_equal(taken(&info, "64K"), 64 << 10);
    assert_int_equal(taken(&info, "16M"), 16 << 20);
    assert_true(taken(&info, "5G") == UINT64_C(5) << 30);
    assert_true(taken(&info, "3T") == UINT64_C(3) << 40);
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        refused(&info, bad[i], "not a size from 512 to 3T, such as 64M");
}

static void sizes_are_written_as_they_are_read(void **state)
{
    static const struct config_key_info all = { .type = CONFIG_TYPE_SIZE, .most = UINT64_MAX };
    static const uint64_t sizes[] = {
        0, 1, 1023, 1024, 1025, 65536, 1 << 20, UINT64_C(5) << 30, UINT64_C(1) << 53, UINT64_MAX
    };
    char text[24];
    (void)state;
    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
        config_value_format_size(sizes[i], text, sizeof text);
        assert_true(taken(&all, text) == sizes[i]);
    }
    config_value_format_size(64 << 10, text, sizeof text);
    assert_string_equal(text, "64K");
    config_value_format_size(UINT64_C(1) << 53, text, sizeof text);
    assert_string_equal(text, "8192T");
}

static void durations(void **state)
{
    static const struct config_key_info info = { .type = CONFIG_TYPE_DURATION, .most = 3600000 };
    static const char *const bad[] = { "",    "3",     "2h",
                                       "3 s", "s",     "1d",
                                       "-1s", "1m30s", "18446744073709551615h" };
    (void)state;
    assert_int_equal(taken(&info, "0"), 0);
    assert_int_equal(taken(&info, "500ms"), 500);
    assert_int_equal(taken(&info, "3s"), 3000);
    assert_int_equal(taken(&info, "2m"), 120000);
    assert_int_equal(taken(&info, "1h"), 3600000);
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        refused(&info, bad[i], "not a time from 0ms to 3600000ms, such as 500ms, 3s or 2m");
}

static void words_and_bools(void **state)
{
    static const struct config_key_info word = { .type = CONFIG_TYPE_WORD,
                                                 .words = "one|two|three" };
    static const struct config_key_info pair = { .type = CONFIG_TYPE_WORD, .words = "yes|no" };
    static const struct config_key_info truth = { .type = CONFIG_TYPE_BOOL };
    (void)state;
    assert_int_equal(taken(&word, "one"), 0);
    assert_int_equal(taken(&word, "three"), 2);
    refused(&word, "thre", "it is one, two or three");
    refused(&word, "one|two", "it is one, two or three");
    refused(&word, "", "it is one, two or three");
    refused(&pair, "maybe", "it is yes or no");
    assert_int_equal(taken(&truth, "yes") + taken(&truth, "true") + taken(&truth, "on"), 3);
    assert_int_equal(taken(&truth, "no") + taken(&truth, "false") + taken(&truth, "off"), 0);
    refused(&truth, "1", "it is yes or no");
    refused(&truth, "", "it is yes or no");
}

static void modes(void **state)
{
    static const struct config_key_info info = { .type = CONFIG_TYPE_MODE };
    static const char *const bad[] = {
        "", "8", "1000", "-1", "77x", "0x1", "07777777777777777777777"
    };
    (void)state;
    assert_int_equal(taken(&info, "0"), 0);
    assert_int_equal(taken(&info, "640"), 0640);
    assert_int_equal(taken(&info, "0777"), 0777);
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        refused(&info, bad[i], "not an octal number from 0 to 777");
}

static void users_and_groups(void **state)
{
    static const struct config_key_info user = { .type = CONFIG_TYPE_USER };
    static const struct config_key_info group = { .type = CONFIG_TYPE_GROUP };
    (void)state;
    assert_int_equal(taken(&user, "root"), 0);
    assert_int_equal(taken(&user, "4294967294"), 4294967294);
    assert_int_equal(taken(&group, "root"), 0);
    assert_int_equal(taken(&group, "12345"), 12345);
    refused(&user, "nobody-of-that-name", "there is no such user");
    refused(&user, "4294967295", "there is no such user"); /* (uid_t)-1 */
    refused(&group, "-1", "there is no such group");
    refused(&group, "", "there is no such group");
}

static void who_to_run_as(void **state)
{
    static const struct config_key_info info = { .type = CONFIG_TYPE_RUN_AS };
    char long_name[600] = { 0 };
    (void)state;
    assert_true(taken(&info, "12345:678") == (UINT64_C(678) << 32 | 12345));
    assert_true(taken(&info, "nobody:root") == taken(&info, "nobody") % (UINT64_C(1) << 32));
    assert_true(taken(&info, "nobody") >> 32 != 0);
    refused(&info, "0:1", "root would keep every privilege: name another user, or leave it out");
    refused(&info, "root", "root would keep every privilege: name another user, or leave it out");
    refused(&info, "4294967294",
            "there is no user with this number, so a group is needed: USER:GROUP");
    refused(&info, "nobody:", "there is no such group");
    refused(&info, ":root", "there is no such user");
    refused(&info, "", "there is no such user");
    memset(long_name, 'x', sizeof long_name - 1);
    refused(&info, long_name, "there is no such user");
}

static void texts(void **state)
{
    static const struct config_key_info text = { .type = CONFIG_TYPE_TEXT };
    (void)state;
    assert_int_equal(taken(&text, "anything"), 0);
    uint64_t number;
    assert_true(config_value_parse_as(&text, "", &number, why) < 0);
    assert_string_equal(why, "a value is missing");
}

static void addresses(void **state)
{
    struct address_list list = { .n = 99 };
    (void)state;
    assert_int_equal(config_value_parse_urls("unix:/a,unix:@b", &list, why), 0);
    assert_int_equal(list.n, 2);
    assert_true(config_value_parse_urls("unix:b", &list, why) < 0);
    assert_non_null(strstr(why, "wrong at byte 6: "));
    assert_true(config_value_parse_urls("tcp://h:1", &list, why) < 0);
    assert_string_equal(why, "only unix: addresses are supported yet");
    assert_int_equal(list.n, 2);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        kit_test(counts),
        kit_test(sizes),
        kit_test(durations),
        kit_test(sizes_are_written_as_they_are_read),
        kit_test(words_and_bools),
        kit_test(modes),
        kit_test(users_and_groups),
        kit_test(who_to_run_as),
        kit_test(texts),
        kit_test(addresses),
    };
    return kit_run("config_value", tests, KIT_LENGTH(tests));
}
