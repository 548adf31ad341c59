/* The values of the configuration: from text to a number, by the key's type.
 *
 * The command line and the files go through the same functions, so that an
 * option and its key take the same words. Pure, but for users and groups, which
 * are looked up (getpwnam(3), getgrnam(3)): that may take the time of a name
 * service.
 */
#pragma once

#include <stddef.h>

#include "broker/config_keys.h"
#include "proto/address.h"

enum { CONFIG_WHY_MAX = 512 };

/* Reads `text` as the type of `key` has it. 0 and *ret (0 for TEXT); -EINVAL
 * with what is wrong in `why`, which completes "KEY = TEXT: "; or what kept a
 * user or group from being looked up, told too. URLS are not for here. */
int config_value_parse(enum config_key key, const char *text, uint64_t *ret,
                       char why[CONFIG_WHY_MAX]);
/* The same, given a row that is in no table: for tests of types. */
int config_value_parse_as(const struct config_key_info *info, const char *text, uint64_t *ret,
                          char why[CONFIG_WHY_MAX]);
/* One address or a comma list, each of a kind that a broker can listen on. 0 or
 * -EINVAL, as above. */
int config_value_parse_urls(const char *text, struct address_list *ret, char why[CONFIG_WHY_MAX]);

/* Writes a size as it is read: "64K". At least 24 bytes. */
void config_value_format_size(uint64_t bytes, char *ret, size_t ret_size);
