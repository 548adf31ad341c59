/*
 * interpose.so: the filter of system calls. What libseccomp 2.5.4 does when it runs out of memory on its way (it may
 * go round for ever, or load half a filter) is its own affair, and happens before anybody is served; so nothing fails
 * in there, and the loading itself does.
 */
#ifdef HAVE_SECCOMP

#    include <errno.h>
#    include <seccomp.h>

#    include "tests/fault/interpose_wrap.h"

#    define IN_PEACE(type, name, params, args) \
        type name params                       \
        {                                      \
            REAL(name);                        \
            bool counted = fault_pause();      \
            type result = real args;           \
            fault_go_on(counted);              \
            return result;                     \
        }

IN_PEACE(scmp_filter_ctx, seccomp_init, (uint32_t action), (action))
IN_PEACE(int, seccomp_attr_set, (scmp_filter_ctx filter, enum scmp_filter_attr what, uint32_t value),
         (filter, what, value))
IN_PEACE(int, seccomp_rule_add_array,
         (scmp_filter_ctx filter, uint32_t action, int number, unsigned int n,
          const struct scmp_arg_cmp *arguments),
         (filter, action, number, n, arguments))

int seccomp_load(scmp_filter_ctx filter)
{
    REAL(seccomp_load);
    int error = fault_decide(CALL_syscall, -1);
    if (error > 0)
        return -error;
    bool counted = fault_pause();
    int r = real(filter);
    fault_go_on(counted);
    return r;
}

#endif
