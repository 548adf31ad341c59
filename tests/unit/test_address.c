/* Addresses, as tables: what is accepted and what it means, what is refused,
 * where and why, and that formatting gives back what parsing took.
 */
#include "proto/address.h"

#include <errno.h>

#include "tests/unit/unit.h"

#define P1 "/23456789"
#define P10 "0123456789"
#define P100 P1 "0" P10 P10 P10 P10 P10 P10 P10 P10 P10
#define H60 "a23456789b123456789c123456789d123456789e123456789f123456789"
#define H253 H60 "." H60 "." H60 "." H60 ".b123456789abc"

struct good_row {
    const char *text;
    enum address_kind kind;
    const char *name;
    uint16_t port;
    int64_t uid;          /* -1: none */
    const char *formatted; /* NULL: the same as text */
};

static const struct good_row good[] = {
    { "unix:/run/brokerd/brokerd.sock", ADDRESS_PATH, "/run/brokerd/brokerd.sock", 0, -1, NULL },
    { "unix:/a", ADDRESS_PATH, "/a", 0, -1, NULL },
    { "unix:///run/x", ADDRESS_PATH, "/run/x", 0, -1, "unix:/run/x" },
    { "unix:////x", ADDRESS_PATH, "//x", 0, -1, "unix:/%2Fx" },
    { "unix:" P100 "1234567", ADDRESS_PATH, P100 "1234567", 0, -1, NULL },
    { "unix:/a%2Cb", ADDRESS_PATH, "/a,b", 0, -1, NULL },
    { "unix:/a%2cb", ADDRESS_PATH, "/a,b", 0, -1, "unix:/a%2Cb" },
    { "unix:/a%3Fb%25", ADDRESS_PATH, "/a?b%", 0, -1, NULL },
    { "unix:/a b", ADDRESS_PATH, "/a b", 0, -1, "unix:/a%20b" },
    { "unix:/%0A%7f", ADDRESS_PATH, "/\n\x7f", 0, -1, "unix:/%0A%7F" },
    { "unix:/\xc3\xbc", ADDRESS_PATH, "/\xc3\xbc", 0, -1, "unix:/%C3%BC" },
    { "unix:/%FF", ADDRESS_PATH, "/\xff", 0, -1, NULL },
    { "unix:/a#b&c=d:e@f", ADDRESS_PATH, "/a#b&c=d:e@f", 0, -1, NULL },
    { "unix:@name", ADDRESS_ABSTRACT, "name", 0, -1, NULL },
    { "unix:@//a/", ADDRESS_ABSTRACT, "//a/", 0, -1, "unix:@/%2Fa/" },
    { "unix:@" P100 "1234567", ADDRESS_ABSTRACT, P100 "1234567", 0, -1, NULL },
    { "unix:/x?uid=1000", ADDRESS_PATH, "/x", 0, 1000, NULL },
    { "unix:@x?uid=0", ADDRESS_ABSTRACT, "x", 0, 0, NULL },
    { "unix:/x?uid=007", ADDRESS_PATH, "/x", 0, 7, "unix:/x?uid=7" },
    { "unix:/x?uid=4294967294", ADDRESS_PATH, "/x", 0, 4294967294, NULL },
    { "tcp://host", ADDRESS_TCP, "host", 7420, -1, "tcp://host:7420" },
    { "tcp://host:1", ADDRESS_TCP, "host", 1, -1, NULL },
    { "tcp://host:65535", ADDRESS_TCP, "host", 65535, -1, NULL },
    { "tcp://host:00080", ADDRESS_TCP, "host", 80, -1, "tcp://host:80" },
    { "tls://a-b_c.example.:7420", ADDRESS_TLS, "a-b_c.example.", 7420, -1, NULL },
    { "tcp://127.0.0.1:99", ADDRESS_TCP, "127.0.0.1", 99, -1, NULL },
    { "tcp://[::1]", ADDRESS_TCP, "::1", 7420, -1, "tcp://[::1]:7420" },
    { "tls://[::ffff:1.2.3.4]:5", ADDRESS_TLS, "::ffff:1.2.3.4", 5, -1, NULL },
    { "tcp://[fe80::1%eth0]:5", ADDRESS_TCP, "fe80::1%eth0", 5, -1, NULL },
    { "tcp://[fe80::1%br-0.7]:5", ADDRESS_TCP, "fe80::1%br-0.7", 5, -1, NULL },
    { "tcp://" H253, ADDRESS_TCP, H253, 7420, -1, "tcp://" H253 ":7420" },
};

static void check(const struct address *address, const struct good_row *row)
{
    assert_int_equal(address->kind, row->kind);
    assert_string_equal(address->name, row->name);
    assert_int_equal(address->port, row->port);
    assert_int_equal(address->has_uid, row->uid >= 0);
    assert_int_equal(address->uid, row->uid >= 0 ? (uint32_t)row->uid : 0);
    assert_int_equal(address_is_unix(address), strncmp(row->text, "unix", 4) == 0);
}

static void test_good(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(good); i++) {
        size_t size = strlen(good[i].text) + 1;
        char *text = exact_copy(good[i].text, size);
        struct address_error error = { .why = "" };
        struct address address;

        if (address_parse(&address, text, &error) < 0)
            fail_msg("%s: byte %zu: %s", text, error.at, error.why);
        check(&address, &good[i]);
        exact_free(text, size);
    }
}

static void test_format(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(good); i++) {
        const char *expected = good[i].formatted ? good[i].formatted : good[i].text;
        struct address address, again;
        char text[ADDRESS_TEXT_MAX];
        int len;

        assert_int_equal(address_parse(&address, good[i].text, NULL), 0);
        len = address_format(&address, text, sizeof(text));
        assert_string_equal(text, expected);
        assert_int_equal(len, strlen(expected));
        assert_int_equal(address_parse(&again, text, NULL), 0);
        assert_memory_equal(&again, &address, sizeof(address));
        assert_int_equal(address_format(&address, text, (size_t)len), -ENOBUFS);
        assert_int_equal(address_format(&address, text, (size_t)len + 1), len);
    }
}

/* ADDRESS_TEXT_MAX is enough for the worst: each byte escaped, the largest uid. */
static void test_format_worst(void **state)
{
    struct address address = { .kind = ADDRESS_ABSTRACT, .has_uid = true, .uid = UINT32_MAX - 1 };
    char text[ADDRESS_TEXT_MAX];

    (void)state;
    memset(address.name, 0xff, ADDRESS_PATH_MAX);
    assert_true(address_format(&address, text, sizeof(text)) > 3 * ADDRESS_PATH_MAX);
    address.name[ADDRESS_PATH_MAX] = 'x'; /* not a name any more */
    assert_int_equal(address_format(&address, text, sizeof(text)), -ENOBUFS);
}

struct bad_row {
    const char *text;
    size_t at;
    const char *why;
};

#define SCHEME "an address begins with unix:, tcp:// or tls://"
#define ABSENT "an address is missing"
#define NO_HOST "a unix address has no host: write unix:/path"
#define PATH "a path begins with /, an abstract name with @"
#define NAME "a path ends in the name of a socket"
#define LONG "a path or name has at most 107 bytes"
#define HEX "% is followed by two hexadecimal digits"
#define NUL "a path or name cannot have a NUL byte"
#define CONTROL "a control character is written as %NN"
#define OPTION "the only option is uid="
#define UID "uid= takes a number below 4294967295"
#define HOST "the host is missing"
#define PORT "a port is a number from 1 to 65535"
#define AFTER "only a port may follow the host"
#define BRACKET "brackets hold an IPv6 address"
#define NO_BRACKET "an IPv6 address stands in brackets"

static const struct bad_row bad[] = {
    { "", 0, ABSENT },
    { "/run/x", 0, SCHEME },
    { "unix", 0, SCHEME },
    { "UNIX:/x", 0, SCHEME },
    { " unix:/x", 0, SCHEME },
    { "tcp:host", 0, SCHEME },
    { "http://x", 0, SCHEME },
    { "unix:", 5, PATH },
    { "unix:run/x", 5, PATH },
    { "unix:?uid=1", 5, PATH },
    { "unix:%2Frun", 5, PATH },
    { "unix://run/x", 5, NO_HOST },
    { "unix://", 5, NO_HOST },
    { "unix:/", 6, NAME },
    { "unix:/run/", 10, NAME },
    { "unix:@", 6, "the name after @ is missing" },
    { "unix:@?uid=1", 6, "the name after @ is missing" },
    { "unix:" P100 "12345678", 112, LONG },
    { "unix:@" P100 "12345678", 113, LONG },
    { "unix:/%", 6, HEX },
    { "unix:/%4", 6, HEX },
    { "unix:/%g0", 6, HEX },
    { "unix:/%0g", 6, HEX },
    { "unix:/%,00", 6, HEX },
    { "unix:/a%00", 7, NUL },
    { "unix:/a\nb", 7, CONTROL },
    { "unix:/a\x7f", 7, CONTROL },
    { "unix:/x?", 8, OPTION },
    { "unix:/x?gid=1", 8, OPTION },
    { "unix:/x?UID=1", 8, OPTION },
    { "unix:/x?uid=", 12, UID },
    { "unix:/x?uid=-1", 12, UID },
    { "unix:/x?uid= 1", 12, UID },
    { "unix:/x?uid=4294967295", 12, UID },
    { "unix:/x?uid=99999999999999999999999", 12, UID },
    { "unix:/x?uid=1x", 13, "nothing follows the uid" },
    { "unix:/x?uid=1&uid=2", 13, "nothing follows the uid" },
    { "tcp://", 6, HOST },
    { "tcp://:80", 6, HOST },
    { "tcp:///x", 6, HOST },
    { "tcp://host:", 11, PORT },
    { "tcp://host:0", 11, PORT },
    { "tcp://host:65536", 11, PORT },
    { "tcp://host:99999999999999999999", 11, PORT },
    { "tcp://host:+1", 11, PORT },
    { "tcp://host:1x", 12, AFTER },
    { "tcp://host/", 10, AFTER },
    { "tcp://user@host", 10, AFTER },
    { "tcp://h\xc3\xbc", 7, AFTER },
    { "tls://host?uid=1", 10, "only unix addresses have options" },
    { "tls://host:1?x", 12, "only unix addresses have options" },
    { "tcp://::1", 8, NO_BRACKET },
    { "tcp://::1:80", 8, NO_BRACKET },
    { "tcp://fe80::1", 11, NO_BRACKET },
    { "tcp://[::1", 10, "the closing bracket is missing" },
    { "tcp://[]", 7, BRACKET },
    { "tcp://[host]", 7, BRACKET },
    { "tcp://[1.2.3.4]", 7, BRACKET },
    { "tcp://[::1::2]", 7, BRACKET },
    { "tcp://[fe80::1%]", 7, BRACKET },
    { "tcp://[fe80::1%e/]", 7, BRACKET },
    { "tcp://[%eth0]", 7, BRACKET },
    { "tcp://[::1]80", 11, AFTER },
    { "tcp://" H253 "x", 6 + 253, "a host has at most 253 bytes" },
    { "unix:/a,unix:/b", 7, "one address is wanted here, not a list" },
};

static void test_bad(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        size_t size = strlen(bad[i].text) + 1;
        char *text = exact_copy(bad[i].text, size);
        struct address address = { .port = 4711 };
        struct address_error error = { .at = 4711, .why = "not set" };

        if (address_parse(&address, text, &error) == 0)
            fail_msg("%s was accepted", text);
        if (error.at != bad[i].at || strcmp(error.why, bad[i].why) != 0)
            fail_msg("%s: byte %zu, not %zu: %s", text, error.at, bad[i].at, error.why);
        assert_int_equal(address.port, 4711); /* untouched */
        assert_int_equal(address_parse(&address, text, NULL), -EINVAL);
        exact_free(text, size);
    }
}

static void test_lists(void **state)
{
    struct address_list list;

    (void)state;
    assert_int_equal(address_list_parse(&list, "unix:/a", NULL), 0);
    assert_int_equal(list.n, 1);
    assert_int_equal(address_list_parse(&list, "unix:/a%2C,unix:@b?uid=3,unix:/c", NULL), 0);
    assert_int_equal(list.n, 3);
    assert_string_equal(list.at[0].name, "/a,");
    assert_int_equal(list.at[1].kind, ADDRESS_ABSTRACT);
    assert_int_equal(list.at[1].uid, 3);
    assert_string_equal(list.at[2].name, "/c");
    assert_int_equal(address_list_parse(&list, "tls://a:1,tcp://[::1]", NULL), 0);
    assert_int_equal(list.n, 2);
    assert_int_equal(list.at[0].kind, ADDRESS_TLS);
    assert_int_equal(list.at[1].port, ADDRESS_DEFAULT_PORT);
}

static const struct bad_row bad_lists[] = {
    { "", 0, ABSENT },
    { ",", 0, ABSENT },
    { "unix:/a,", 8, ABSENT },
    { ",unix:/a", 0, ABSENT },
    { "unix:/a,,unix:/b", 8, ABSENT },
    { "unix:/a, unix:/b", 8, SCHEME },
    { "unix:/a,unix:b", 13, PATH },
    { "unix:/a,tcp://h", 8, "unix does not mix with tcp or tls in one list" },
    { "tls://h,tcp://h,unix:@x", 16, "unix does not mix with tcp or tls in one list" },
};

static void test_bad_lists(void **state)
{
    struct address_list list = { .n = 4711 };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(bad_lists); i++) {
        struct address_error error = { .why = "not set" };

        assert_int_equal(address_list_parse(&list, bad_lists[i].text, &error), -EINVAL);
        assert_string_equal(error.why, bad_lists[i].why);
        assert_int_equal(error.at, bad_lists[i].at);
        assert_int_equal(list.n, 4711);
    }
}

static void test_list_length(void **state)
{
    char text[200] = "unix:/a";
    struct address_list list;
    struct address_error error;

    (void)state;
    for (int i = 1; i < ADDRESS_LIST_MAX; i++)
        strcat(text, ",unix:/a");
    assert_int_equal(address_list_parse(&list, text, NULL), 0);
    assert_int_equal(list.n, ADDRESS_LIST_MAX);
    strcat(text, ",unix:/a");
    assert_int_equal(address_list_parse(&list, text, &error), -EINVAL);
    assert_int_equal(error.at, 8 * ADDRESS_LIST_MAX);
    assert_string_equal(error.why, "a list has at most 16 addresses");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),         cmocka_unit_test(test_format),
        cmocka_unit_test(test_format_worst), cmocka_unit_test(test_bad),
        cmocka_unit_test(test_lists),        cmocka_unit_test(test_bad_lists),
        cmocka_unit_test(test_list_length),
    };

    return cmocka_run_group_tests_name("address", tests, NULL, NULL);
}
