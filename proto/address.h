/* Addresses of brokers, as people write them.
 *
 *   unix:/run/brokerd/brokerd.sock     a path; ?uid=N names the broker's uid
 *   unix:@name                         an abstract name (Linux)
 *   tcp://host:port  tls://host:port   default port 7420; IPv6 in brackets
 *
 * In a path or name, %NN stands for a byte: "%2C" for a comma, "%3F" for a
 * question mark, "%25" for the percent sign itself. A comma list is tried in
 * order; one that mixes unix with tcp or tls is refused, since a client that
 * expects the kernel's word on who is there must never end up without it.
 *
 * Pure: nothing is looked up, opened or allocated.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    ADDRESS_PATH_MAX = 107,     /* sun_path, less one byte: NUL, or the @ */
    ADDRESS_HOST_MAX = 253,     /* RFC 1035; longer than any numeric form */
    ADDRESS_LIST_MAX = 16,      /* a list is tried one after the other */
    ADDRESS_DEFAULT_PORT = 7420,
    /* Each byte of a path may become three; options and scheme around it. */
    ADDRESS_TEXT_MAX = 3 * ADDRESS_PATH_MAX + 32,
};

enum address_kind {
    ADDRESS_PATH = 1,
    ADDRESS_ABSTRACT,
    ADDRESS_TCP,
    ADDRESS_TLS,
};

struct address {
    enum address_kind kind;
    bool has_uid;                       /* "?uid=": else root or one's own */
    uint16_t port;                      /* TCP, TLS */
    uint32_t uid;
    char name[ADDRESS_HOST_MAX + 1];    /* path; abstract name without its @;
                                         * host, IPv6 without brackets */
};

struct address_list {
    size_t n;
    struct address at[ADDRESS_LIST_MAX];
};

/* What is wrong: the offset of the offending byte in the text that was given
 * (its length, if something is missing at the end), and a constant sentence. */
struct address_error {
    size_t at;
    const char *why;
};

/* Parses one address, or a comma list of 1 to 16. 0, or -EINVAL with *error
 * filled (may be NULL) and *ret untouched. */
int address_parse(struct address *ret, const char *text, struct address_error *error);
int address_list_parse(struct address_list *ret, const char *text, struct address_error *error);

static inline bool address_is_unix(const struct address *address)
{
    return address->kind == ADDRESS_PATH || address->kind == ADDRESS_ABSTRACT;
}

/* Writes the address the way it is parsed, NUL-terminated; a buffer of
 * ADDRESS_TEXT_MAX always suffices. The length, or -ENOBUFS. */
int address_format(const struct address *address, char *ret, size_t size);
