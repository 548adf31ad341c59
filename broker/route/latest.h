/* Policy `latest`: of each subject only the newest message is queued.
 *
 * A table from subject to its queued entry, one a subscription. An entry that
 * begins to leave, or is dropped, takes itself out (entry_hook).
 */
#pragma once

#include "broker/net/outq.h"

struct latest;

struct latest *latest_new(struct lane *lane);
/* Takes NULL; forgets the entries, which stay queued. */
struct latest *latest_free(struct latest *latest);

/* The entry queued for a subject; NULL. */
struct entry *latest_find(const struct latest *latest, uint64_t hash, const char *subject,
                          size_t len);
/* Remembers an entry that was just pushed. -ENOMEM: it will not be replaced. */
int latest_add(struct latest *latest, uint64_t hash, struct entry *entry);
