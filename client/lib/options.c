#include "client/lib/options.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <brokerclient.h>

#include "client/lib/deadline.h"
#include "client/lib/inbox.h"
#include "client/lib/outbox.h"
#include "proto/cursor.h"
#include "proto/utf8.h"

void options_init(struct broker_options *options)
{
    *options = (struct broker_options){
        .scope = DEFAULT_PATH_AUTO,
        .reconnect = true,
        .handshake_ms = DEFAULT_TIMEOUT_MS,
        .outbox_bytes = OUTBOX_LIMIT,
        .inbox_bytes = INBOX_LIMIT,
    };
}

int broker_options_new(broker_options **ret)
{
    broker_options *options = malloc(sizeof *options);

    if (!options)
        return -BROKER_E_NO_MEMORY;
    options_init(options);
    *ret = options;
    return 0;
}

broker_options *broker_options_free(broker_options *options)
{
    free(options);
    return NULL;
}

int broker_options_set_url(broker_options *options, const char *url)
{
    struct address_list addresses;

    if (!url || address_list_parse(&addresses, url, NULL) < 0)
        return -BROKER_E_BAD_ADDRESS;
    if (!address_is_unix(&addresses.at[0])) /* a list does not mix them */
        return -BROKER_E_UNSUPPORTED;
    options->addresses = addresses;
    return 0;
}

int broker_options_set_scope(broker_options *options, enum broker_scope scope)
{
    switch (scope) {
    case BROKER_SCOPE_USER:
        options->scope = DEFAULT_PATH_ONLY_USER;
        return 0;
    case BROKER_SCOPE_SYSTEM:
        options->scope = DEFAULT_PATH_ONLY_SYSTEM;
        return 0;
    case BROKER_SCOPE_ANY:
        options->scope = DEFAULT_PATH_AUTO;
        return 0;
    default:
        return -BROKER_E_INVALID;
    }
}

/* C0, DEL and C1. */
static bool is_control(uint32_t c)
{
    return c < 0x20 || (c >= 0x7f && c < 0xa0);
}

static bool name_valid(const char *name, size_t len)
{
    const uint8_t *p = (const uint8_t *)name;
    uint32_t c = 0;

    if (len > MAX_NAME)
        return false;
    for (size_t at = 0; at < len;) {
        size_t n = utf8_step(p + at, len - at, &c);

        if (n == 0 || is_control(c))
            return false;
        at += n;
    }
    return true;
}

int broker_options_set_name(broker_options *options, const char *name)
{
    size_t len = name ? strlen(name) : 0;

    if (!name || !name_valid(name, len))
        return -BROKER_E_INVALID;
    memcpy(options->name, name, len + 1);
    return 0;
}

int broker_options_set_reconnect(broker_options *options, int on)
{
    options->reconnect = on != 0;
    return 0;
}

int broker_options_set_handshake_timeout(broker_options *options, int timeout_ms)
{
    if (timeout_ms < BROKER_DEFAULT)
        return -BROKER_E_INVALID;
    options->handshake_ms = timeout_ms;
    return 0;
}

int broker_options_set_buffers(broker_options *options, size_t outbox_bytes, size_t inbox_bytes)
{
    options->outbox_bytes = outbox_bytes ? outbox_bytes : OUTBOX_LIMIT;
    options->inbox_bytes = inbox_bytes ? inbox_bytes : INBOX_LIMIT;
    return 0;
}

int broker_options_set_spin(broker_options *options, unsigned spin_us)
{
    options->spin_us = spin_us;
    return 0;
}
