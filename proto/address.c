#include "proto/address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

/* One element of the list: text[at..end). */
struct scan {
    const char *text;
    size_t at;
    size_t end;
    struct address_error error;
};

static int fail_at(struct scan *scan, size_t at, const char *why)
{
    scan->error = (struct address_error){ .at = at, .why = why };
    return -EINVAL;
}

static int fail(struct scan *scan, const char *why)
{
    return fail_at(scan, scan->at, why);
}

static bool more(const struct scan *scan)
{
    return scan->at < scan->end;
}

/* The byte at the cursor; NUL at the end, which no element has inside. */
static char peek(const struct scan *scan)
{
    return more(scan) ? scan->text[scan->at] : '\0';
}

static bool skip(struct scan *scan, const char *word)
{
    size_t len = strlen(word);

    if (scan->end - scan->at < len || memcmp(scan->text + scan->at, word, len) != 0)
        return false;
    scan->at += len;
    return true;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_control(char c)
{
    return (unsigned char)c < 0x20 || c == 0x7f;
}

static int hex_value(char c)
{
    if (is_digit(c))
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* A decimal number of at least one digit, up to max. */
static int read_number(struct scan *scan, uint32_t max, uint32_t *ret, const char *why)
{
    size_t start = scan->at;
    uint64_t value = 0;

    if (!is_digit(peek(scan)))
        return fail(scan, why);
    while (is_digit(peek(scan))) {
        value = value * 10 + (uint64_t)(scan->text[scan->at++] - '0');
        if (value > max)
            return fail_at(scan, start, why);
    }
    *ret = (uint32_t)value;
    return 0;
}

/* -- unix ---------------------------------------------------------------- */

static int read_byte(struct scan *scan, char *ret)
{
    size_t start = scan->at;
    char c = scan->text[scan->at++];
    int high, low;

    if (is_control(c))
        return fail_at(scan, start, "a control character is written as %NN");
    if (c != '%') {
        *ret = c;
        return 0;
    }
    high = hex_value(peek(scan));
    low = scan->end - scan->at >= 2 ? hex_value(scan->text[scan->at + 1]) : -1;
    if (high < 0 || low < 0)
        return fail_at(scan, start, "% is followed by two hexadecimal digits");
    if (high == 0 && low == 0)
        return fail_at(scan, start, "a path or name cannot have a NUL byte");
    scan->at += 2;
    *ret = (char)(high << 4 | low);
    return 0;
}

/* Up to the options; *ret_len bytes and a NUL. */
static int read_name(struct scan *scan, char *ret, size_t *ret_len)
{
    size_t len = 0;

    while (more(scan) && peek(scan) != '?') {
        int r;

        if (len == ADDRESS_PATH_MAX)
            return fail(scan, "a path or name has at most 107 bytes");
        r = read_byte(scan, &ret[len]);
        if (r < 0)
            return r;
        len++;
    }
    ret[len] = '\0';
    *ret_len = len;
    return 0;
}

/* "?uid=N". (uid_t)-1 means "nobody in particular" to the kernel. */
static int read_options(struct scan *scan, struct address *ret)
{
    if (!more(scan))
        return 0;
    scan->at++; /* the question mark */
    if (!skip(scan, "uid="))
        return fail(scan, "the only option is uid=");
    ret->has_uid = true;
    if (read_number(scan, UINT32_MAX - 1, &ret->uid, "uid= takes a number below 4294967295") < 0)
        return -EINVAL;
    return more(scan) ? fail(scan, "nothing follows the uid") : 0;
}

static int read_unix(struct scan *scan, struct address *ret)
{
    size_t start = scan->at;
    size_t len;

    /* unix:///path is what URLs look like elsewhere: it means /path. */
    if (skip(scan, "//") && peek(scan) != '/')
        return fail_at(scan, start, "a unix address has no host: write unix:/path");
    if (peek(scan) != '/' && peek(scan) != '@')
        return fail(scan, "a path begins with /, an abstract name with @");
    ret->kind = peek(scan) == '@' ? ADDRESS_ABSTRACT : ADDRESS_PATH;
    if (ret->kind == ADDRESS_ABSTRACT)
        scan->at++;
    if (read_name(scan, ret->name, &len) < 0)
        return -EINVAL;
    if (len == 0)
        return fail(scan, "the name after @ is missing");
    if (ret->kind == ADDRESS_PATH && ret->name[len - 1] == '/')
        return fail(scan, "a path ends in the name of a socket");
    return read_options(scan, ret);
}

/* -- tcp and tls --------------------------------------------------------- */

static bool is_host_char(char c)
{
    return is_letter(c) || is_digit(c) || c == '-' || c == '.' || c == '_';
}

/* A link-local address may name its interface: fe80::1%eth0. */
static bool is_ipv6(const char *host)
{
    struct in6_addr parsed;
    char number[INET6_ADDRSTRLEN];
    size_t len = strcspn(host, "%");
    const char *zone = host + len;

    if (len >= sizeof(number))
        return false;
    memcpy(number, host, len);
    number[len] = '\0';
    if (*zone == '%' && !is_host_char(*++zone))
        return false;
    while (is_host_char(*zone))
        zone++;
    return *zone == '\0' && inet_pton(AF_INET6, number, &parsed) == 1;
}

static int read_bracketed(struct scan *scan, char *ret)
{
    size_t start = ++scan->at;
    size_t len;

    while (more(scan) && peek(scan) != ']')
        scan->at++;
    if (!more(scan))
        return fail(scan, "the closing bracket is missing");
    len = scan->at++ - start;
    if (len > ADDRESS_HOST_MAX)
        return fail_at(scan, start, "a host has at most 253 bytes");
    memcpy(ret, scan->text + start, len);
    ret[len] = '\0';
    return is_ipv6(ret) ? 0 : fail_at(scan, start, "brackets hold an IPv6 address");
}

static int read_host(struct scan *scan, char *ret)
{
    size_t len = 0;

    if (peek(scan) == '[')
        return read_bracketed(scan, ret);
    while (is_host_char(peek(scan))) {
        if (len == ADDRESS_HOST_MAX)
            return fail(scan, "a host has at most 253 bytes");
        ret[len++] = scan->text[scan->at++];
    }
    ret[len] = '\0';
    if (len == 0 && !skip(scan, "::"))
        return fail(scan, "the host is missing");
    return len == 0 ? fail(scan, "an IPv6 address stands in brackets") : 0;
}

static int read_port(struct scan *scan, uint16_t *ret)
{
    static const char why[] = "a port is a number from 1 to 65535";
    size_t start = ++scan->at;
    uint32_t port;

    if (memchr(scan->text + start, ':', scan->end - start))
        return fail(scan, "an IPv6 address stands in brackets");
    if (read_number(scan, UINT16_MAX, &port, why) < 0)
        return -EINVAL;
    if (port == 0)
        return fail_at(scan, start, why);
    *ret = (uint16_t)port;
    return 0;
}

static int read_net(struct scan *scan, struct address *ret)
{
    ret->port = ADDRESS_DEFAULT_PORT;
    if (read_host(scan, ret->name) < 0)
        return -EINVAL;
    if (peek(scan) == ':' && read_port(scan, &ret->port) < 0)
        return -EINVAL;
    if (peek(scan) == '?')
        return fail(scan, "only unix addresses have options");
    return more(scan) ? fail(scan, "only a port may follow the host") : 0;
}

/* -- lists --------------------------------------------------------------- */

static int read_one(struct scan *scan, struct address *ret)
{
    *ret = (struct address){ .kind = ADDRESS_TCP };
    if (!more(scan))
        return fail(scan, "an address is missing");
    if (skip(scan, "unix:"))
        return read_unix(scan, ret);
    if (skip(scan, "tcp://"))
        return read_net(scan, ret);
    ret->kind = ADDRESS_TLS;
    if (skip(scan, "tls://"))
        return read_net(scan, ret);
    return fail(scan, "an address begins with unix:, tcp:// or tls://");
}

static int read_list(struct scan *scan, struct address_list *ret)
{
    for (;;) {
        size_t start = scan->at;
        struct address *address = &ret->at[ret->n];

        if (ret->n == ADDRESS_LIST_MAX)
            return fail(scan, "a list has at most 16 addresses");
        scan->end = start + strcspn(scan->text + start, ",");
        if (read_one(scan, address) < 0)
            return -EINVAL;
        if (address_is_unix(address) != address_is_unix(&ret->at[0]))
            return fail_at(scan, start, "unix does not mix with tcp or tls in one list");
        ret->n++;
        if (scan->text[scan->end] == '\0')
            return 0;
        scan->at = scan->end + 1;
    }
}

static int report(const struct scan *scan, int r, struct address_error *error)
{
    if (r < 0 && error)
        *error = scan->error;
    return r;
}

int address_parse(struct address *ret, const char *text, struct address_error *error)
{
    struct scan scan = { .text = text, .end = strcspn(text, ",") };
    struct address address;
    int r = read_one(&scan, &address);

    if (r == 0 && text[scan.end] == ',')
        r = fail(&scan, "one address is wanted here, not a list");
    if (r == 0)
        *ret = address;
    return report(&scan, r, error);
}

int address_list_parse(struct address_list *ret, const char *text, struct address_error *error)
{
    struct scan scan = { .text = text };
    struct address_list list = { 0 };
    int r = read_list(&scan, &list);

    if (r == 0)
        *ret = list;
    return report(&scan, r, error);
}
