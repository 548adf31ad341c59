/* The options, as broker_new copies them. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "proto/address.h"
#include "proto/limits.h"
#include "proto/transport/default_path.h"

struct broker_options {
    struct address_list addresses; /* n == 0: the default sockets */
    enum default_path_choice scope;
    char name[MAX_NAME + 1];
    bool reconnect;
    int handshake_ms;
    size_t outbox_bytes;
    size_t inbox_bytes;
    unsigned spin_us;
};

/* The defaults, for a broker_new without options. */
void options_init(struct broker_options *options);
