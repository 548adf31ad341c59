/* Addresses back into text: address_parse() of the result gives the same. */
#include "proto/address.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* What has a meaning in a list, what a terminal would act on, and what is not
 * ASCII. */
static bool is_escaped(unsigned char c)
{
    return c <= 0x20 || c >= 0x7f || c == '%' || c == ',' || c == '?';
}

/* A second slash in front is escaped too: "unix://x" would name a host. */
static void escape_name(char *ret, const char *name)
{
    for (size_t i = 0; name[i]; i++) {
        unsigned char c = (unsigned char)name[i];

        if (is_escaped(c) || (i == 1 && c == '/'))
            ret += sprintf(ret, "%%%02X", c);
        else
            *ret++ = (char)c;
    }
    *ret = '\0';
}

static int format_unix(const struct address *address, char *ret, size_t size)
{
    const char *at = address->kind == ADDRESS_ABSTRACT ? "@" : "";
    char name[3 * ADDRESS_PATH_MAX + 1];

    if (strlen(address->name) > ADDRESS_PATH_MAX)
        return -ENOBUFS;
    escape_name(name, address->name);
    if (address->has_uid)
        return snprintf(ret, size, "unix:%s%s?uid=%u", at, name, (unsigned)address->uid);
    return snprintf(ret, size, "unix:%s%s", at, name);
}

static int format_net(const struct address *address, char *ret, size_t size)
{
    const char *scheme = address->kind == ADDRESS_TLS ? "tls" : "tcp";
    bool ipv6 = strchr(address->name, ':') != NULL;

    return snprintf(ret, size, "%s://%s%s%s:%u", scheme, ipv6 ? "[" : "", address->name,
                    ipv6 ? "]" : "", (unsigned)address->port);
}

int address_format(const struct address *address, char *ret, size_t size)
{
    int n =
        address_is_unix(address) ? format_unix(address, ret, size) : format_net(address, ret, size);

    return n < 0 || (size_t)n >= size ? -ENOBUFS : n;
}
