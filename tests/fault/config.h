/*
 * The configuration of the brokers that faults are tried on: rules by number and by name, a limit, two files.
 *
 * There are two versions of it, between which a scenario changes while the broker runs. What both deny may be allowed
 * at no time, whatever failed; and of the two subjects that only one of them denies, one is denied at any time: never
 * both, never neither.
 */
#ifndef TESTS_FAULT_CONFIG_H
#define TESTS_FAULT_CONFIG_H

enum { CONFIG_SUBSCRIPTIONS = 160 }; /* the limit of a connection */

/** Subjects that nobody may publish to: by uid, by the user's name, by a group's name. */
#define CONFIG_FORBIDDEN                                     \
    {                                                        \
        "forbidden.uid", "forbidden.user", "forbidden.group" \
    }
/** Those of which one is. */
#define CONFIG_EITHER          \
    {                          \
        "either.a", "either.b" \
    }

/** Writes @p dir/brokerd.conf and @p dir/conf.d/more.conf, of version 0 or 1. Fails the test if it cannot. */
void config_write(const char *dir, int version);

#endif
