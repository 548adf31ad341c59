/* Who may connect at all. Until there is policy: root, and the broker's own
 * uid. (For a broker of root that is root alone.) Decided from what the kernel
 * says, once, at accept.
 */
#pragma once

#include <sys/types.h>

#include "proto/transport/principal.h"

/* STATUS_OK; STATUS_NO_IDENTITY if `who` is NULL (the kernel did not say); or
 * STATUS_DENIED, with a constant sentence for the peer in *ret_sentence. The
 * sentence is set in every case. */
int admission_check(const struct principal *who, uid_t own_uid, const char **ret_sentence);
