/* brokerctl's command line in parts: durations, sizes and counts as tables,
 * tables of options against argument vectors, and text made safe to print.
 */
#include "client/brokerctl/options.h"

#include "client/brokerctl/payload.h"
#include "client/brokerctl/print.h"
#include "client/brokerctl/text.h"
#include "tests/unit/unit.h"

#include <fcntl.h>
#include <limits.h>
#include <unistd.h>

static void test_durations(void **state)
{
    static const struct {
        const char *s;
        int ms; /* -1: refused */
    } rows[] = {
        { "500ms", 500 },     { "3s", 3000 },        { "2m", 120000 },   { "1h", 3600000 },
        { "0", 0 },           { "0s", 0 },           { "007s", 7000 },
        { "2147483647ms", INT_MAX },
        { "2147483s", 2147483000 },                  { "", -1 },         { "5", -1 },
        { "s", -1 },          { "-3s", -1 },         { "+3s", -1 },      { " 3s", -1 },
        { "3s ", -1 },        { "3 s", -1 },         { "3S", -1 },       { "3sec", -1 },
        { "1.5s", -1 },       { "1m30s", -1 },       { "2147483648ms", -1 },
        { "2147484s", -1 },   { "597h", -1 },        { "18446744073709551616s", -1 },
        { "18446744073709551615h", -1 },             { "0x10s", -1 },
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        int ms = -7;

        assert_int_equal(parse_duration(rows[i].s, &ms), rows[i].ms >= 0);
        assert_int_equal(ms, rows[i].ms >= 0 ? rows[i].ms : -7);
    }
}

static void test_sizes(void **state)
{
    static const struct {
        const char *s;
        bool good;
        size_t bytes;
    } rows[] = {
        { "0", true, 0 },           { "512", true, 512 },       { "64K", true, 65536 },
        { "1M", true, 1048576 },    { "2G", true, (size_t)2 << 30 },
        { "18446744073709551615", true, SIZE_MAX },
        { "", false, 0 },           { "K", false, 0 },          { "1k", false, 0 },
        { "1KB", false, 0 },        { "1T", false, 0 },         { "-1", false, 0 },
        { "1.5M", false, 0 },       { "17179869184G", false, 0 },
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        size_t bytes = 7;

        assert_int_equal(parse_size(rows[i].s, &bytes), rows[i].good);
        assert_int_equal(bytes, rows[i].good ? rows[i].bytes : 7);
    }
}

/* What is shown is what an option would take. */
static void test_sizes_shown(void **state)
{
    static const struct {
        uint64_t bytes;
        const char *s;
    } rows[] = {
        { 0, "0" },         { 1023, "1023" },     { 1024, "1K" },           { 65535, "65535" },
        { 1536, "1536" },   { 16777216, "16M" },  { UINT64_C(1) << 40, "1024G" },
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        _cleanup_text_ struct text text = TEXT_INIT;
        size_t bytes;

        text_add_size(&text, rows[i].bytes);
        assert_string_equal(text_string(&text), rows[i].s);
        assert_true(parse_size(rows[i].s, &bytes) && bytes == rows[i].bytes);
    }
}

static void test_counts(void **state)
{
    uint64_t n;

    (void)state;
    assert_true(parse_count("0", &n) && n == 0);
    assert_true(parse_count("18446744073709551615", &n) && n == UINT64_MAX);
    assert_false(parse_count("18446744073709551616", &n));
    assert_false(parse_count("", &n));
    assert_false(parse_count("-1", &n));
    assert_false(parse_count("1x", &n));
}

/* ---- tables of options ------------------------------------------------------- */

struct parsed {
    struct ctl ctl;
    bool flag;
    const char *word;
    uint64_t count, number;
    int ms;
    struct option_list list;
    struct operands operands;
    int code;
};

static struct parsed parse(const char *const *words)
{
    static const struct usage usage = {
        .verb = "verb",
        .operands = "OPERAND",
        .about = "About.",
        .example = "  brokerctl verb",
        .raw = "payloads are bytes",
    };
    static struct parsed parsed;
    static char *argv[16];
    int argc = 0;
    const struct option_spec specs[] = {
        { "flag", 'f', OPTION_FLAG, &parsed.flag, NULL, "" },
        { "word", 'w', OPTION_TEXT, &parsed.word, "W", "" },
        { "count", 'n', OPTION_COUNT, &parsed.count, "N", "" },
        { "number", 0, OPTION_NUMBER, &parsed.number, "N", "" },
        { "time", 0, OPTION_DURATION, &parsed.ms, "TIME", "" },
        { "header", 'H', OPTION_LIST, &parsed.list, "K=V", "" },
    };

    parsed = (struct parsed){ .code = -2, .number = 9 };
    argv[argc++] = (char *)"verb";
    while (*words)
        argv[argc++] = (char *)*words++;
    argv[argc] = NULL;
    parsed.code = options_parse(&parsed.ctl, &usage, specs, COUNT_OF(specs), argc, argv,
                                &parsed.operands);
    return parsed;
}

#define WORDS(...) ((const char *const[]){ __VA_ARGS__, NULL })

static void test_options_taken(void **state)
{
    struct parsed p = parse(WORDS("one", "-f", "--word=w", "two", "-n", "5", "--time", "3s",
                                  "-H", "a=1", "-Hb=2", "--json", "--", "-x"));

    (void)state;
    assert_int_equal(p.code, -1);
    assert_true(p.flag && p.ctl.json && !p.ctl.raw);
    assert_string_equal(p.word, "w");
    assert_int_equal(p.count, 5);
    assert_int_equal(p.ms, 3000);
    assert_int_equal(p.list.n, 2);
    assert_string_equal(p.list.v[1], "b=2");
    assert_int_equal(p.operands.n, 3);
    assert_string_equal(p.operands.v[0], "one");
    assert_string_equal(p.operands.v[2], "-x");
    free(p.list.v);
}

static void test_options_from_zero(void **state)
{
    (void)state;
    assert_int_equal(parse(WORDS("--number", "0")).number, 0);
    assert_int_equal(parse(WORDS("--number=8")).number, 8);
    assert_int_equal(parse(WORDS("--count=8")).number, 9);
}

static void test_options_scope(void **state)
{
    (void)state;
    assert_int_equal(parse(WORDS("--user")).ctl.scope, 'u');
    assert_int_equal(parse(WORDS("--system")).ctl.scope, 's');
    assert_string_equal(parse(WORDS("--url", "unix:/x")).ctl.url, "unix:/x");
    assert_int_equal(parse(WORDS("--user", "--system")).code, EXIT_USAGE);
    assert_int_equal(parse(WORDS("--user", "--url", "unix:/x")).code, EXIT_USAGE);
}

/* What is printed on standard error meanwhile, and must name what was wrong. */
static void assert_misuse(const char *const *words, const char *named)
{
    char path[] = "/tmp/brokerctl-misuse-XXXXXX", said[512] = "";
    int fd = mkstemp(path), saved = dup(STDERR_FILENO);
    int code;

    assert_true(fd >= 0 && saved >= 0);
    unlink(path);
    dup2(fd, STDERR_FILENO);
    code = parse(words).code;
    dup2(saved, STDERR_FILENO);
    assert_true(pread(fd, said, sizeof said - 1, 0) > 0);
    close(saved);
    close(fd);
    assert_int_equal(code, EXIT_USAGE);
    assert_non_null(strstr(said, named));
    assert_ptr_equal(strchr(said, '\n'), said + strlen(said) - 1); /* one line */
}

static void test_options_misused(void **state)
{
    (void)state;
    assert_misuse(WORDS("--nothing"), "unknown option --nothing");
    assert_misuse(WORDS("-f", "-y"), "unknown option -y");
    assert_misuse(WORDS("--word"), "--word wants a value");
    assert_misuse(WORDS("-w"), "-w wants a value");
    assert_misuse(WORDS("--flag=1"), "--flag takes no value");
    assert_misuse(WORDS("--json=1"), "--json takes no value");
    assert_misuse(WORDS("--time", "soon"), "--time soon: wants a time");
    assert_misuse(WORDS("--count", "0"), "--count 0: wants a number");
    assert_misuse(WORDS("-n", "many"), "--count many: wants a number");
    assert_misuse(WORDS("--number", "-1"), "--number -1: wants a number from 0");
    assert_misuse(WORDS("--json", "--raw"), "--json and --raw exclude each other");
    assert_misuse(WORDS("--\x1b[2J"), "unknown option --\\x1b[2J");
}

/* ---- payloads ------------------------------------------------------------------ */

static void test_payload_forms(void **state)
{
    _cleanup_payload_ struct payload payload = PAYLOAD_INIT;
    _cleanup_text_ struct text why = TEXT_INIT;

    (void)state;
    assert_true(payload_set(&payload, PAYLOAD_STRING, "hi", 2, &why));
    assert_int_equal(payload.flags, BROKER_MSGPACK);
    assert_int_equal(payload.bytes.len, 3);
    assert_memory_equal(payload.bytes.data, "\xa2hi", 3);
    assert_true(payload_set(&payload, PAYLOAD_OPAQUE, "\xff\0", 2, &why));
    assert_int_equal(payload.flags, 0);
    assert_int_equal(payload.bytes.len, 2);
    assert_true(payload_set(&payload, PAYLOAD_JSON, "[1]", 3, &why));
    assert_memory_equal(payload.bytes.data, "\x91\x01", 2);
    assert_false(payload_set(&payload, PAYLOAD_STRING, "ab\xff", 3, &why));
    assert_non_null(strstr(text_string(&why), "byte 3"));
    assert_false(payload_set(&payload, PAYLOAD_JSON, "[1", 2, &why));
    assert_non_null(strstr(text_string(&why), "column 2"));
}

static void test_headers(void **state)
{
    const char *good[] = { "a=1", "ttl-ms=500", "e=", "eq=a=b" };
    _cleanup_text_ struct text text = TEXT_INIT;
    struct option_list list = { good, COUNT_OF(good) };

    (void)state;
    assert_int_equal(payload_headers(&text, &list), 0);
    assert_int_equal(text.len, 1 + 4 + 10 + 3 + 7);
    assert_memory_equal(text.data,
                        "\x84\xa1" "a\xa1" "1\xa6ttl-ms\xcd\x01\xf4\xa1" "e\xa0\xa2" "eq\xa3"
                        "a=b", text.len);
}

static void test_shown(void **state)
{
    static const struct {
        const char *data;
        size_t len;
        unsigned flags;
        const char *text;
        const char *member;
    } rows[] = {
        { LITERAL("\xa2hi"), BROKER_MSGPACK, "\"hi\"", "\"payload\":\"hi\"" },
        { LITERAL("hi"), 0, "hi", "\"payload-text\":\"hi\"" },
        { LITERAL(""), 0, "", "\"payload-text\":\"\"" },
        { LITERAL("\xff"), 0, "(base64) /w==", "\"payload-base64\":\"/w==\"" },
        { LITERAL("a\x1b[2J\n\x7f\xc2\x85"), 0, "a\\x1b[2J\\n\\x7f\\u0085",
          "\"payload-text\":\"a\\u001b[2J\\n\\u007f\\u0085\"" },
        { LITERAL("\xc1"), BROKER_MSGPACK, "(malformed msgpack, base64) wQ==",
          "\"malformed\":true,\"payload-base64\":\"wQ==\"" },
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        _cleanup_text_ struct text text = TEXT_INIT, member = TEXT_INIT;

        payload_show(&text, rows[i].data, rows[i].len, rows[i].flags);
        assert_string_equal(text_string(&text), rows[i].text);
        payload_show_member(&member, rows[i].data, rows[i].len, rows[i].flags);
        assert_string_equal(text_string(&member), rows[i].member);
    }
}

/* Whatever the bytes, nothing that a terminal obeys comes out. */
static void test_safe_is_safe(void **state)
{
    uint64_t seed = 3;

    (void)state;
    for (int i = 0; i < 20000; i++) {
        _cleanup_text_ struct text text = TEXT_INIT;
        char bytes[16];

        for (size_t j = 0; j < sizeof bytes; j++)
            bytes[j] = (char)random_next(&seed);
        text_add_safe(&text, bytes, sizeof bytes);
        text_add_json(&text, bytes, sizeof bytes);
        assert_true(utf8_check(text.data, text.len, NULL));
        for (size_t j = 0; j < text.len; j++)
            assert_true((uint8_t)text.data[j] >= 0x20 && text.data[j] != 0x7f);
        assert_null(memmem(text.data, text.len, "\xc2\x9b", 2));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_durations),       cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_sizes_shown),
        cmocka_unit_test(test_counts),          cmocka_unit_test(test_options_taken),
        cmocka_unit_test(test_options_from_zero),
        cmocka_unit_test(test_options_scope),   cmocka_unit_test(test_options_misused),
        cmocka_unit_test(test_payload_forms),   cmocka_unit_test(test_headers),
        cmocka_unit_test(test_shown),           cmocka_unit_test(test_safe_is_safe),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
