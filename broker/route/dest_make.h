/* Making a dest: from what the index finds to lists that delivery walks. */
#pragma once

#include "broker/route/dest.h"

/* A dest of the current generation for a valid subject. NULL: no memory. */
struct dest *dest_make(struct route *route, const struct dest_key *key);
/* Takes and returns NULL. */
struct dest *dest_free(struct dest *dest);
