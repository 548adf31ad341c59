/* Which system calls a broker makes once it serves, and with what arguments. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* A call that is allowed, if `mask` of its argument has `value`; with no mask, whatever they are.
 * A name that stands several times is allowed by any of them. */
struct syscalls_rule {
    const char *name;
    uint64_t mask;
    uint64_t value;
    unsigned argument; /* from 0 */
};

const struct syscalls_rule *syscalls_list(size_t *ret_n);
