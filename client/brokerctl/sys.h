/* What the broker tells about itself: requests to $SYS services.
 *
 * Each takes an empty payload or a msgpack map, and answers with one msgpack map.
 * Lists come in pages; an answer's "next" is the cursor for the page after it.
 */
#pragma once

#include "client/brokerctl/mp.h"
#include "client/brokerctl/session.h"

struct answer {
    void *data; /* one msgpack map, checked */
    size_t len;
    struct mp map; /* a reader that stands at it */
};

#define _cleanup_answer_ __attribute__((cleanup(answer_deinit)))

void answer_deinit(struct answer *answer);
/* Asks. 0, or an exit code after saying what went wrong; `absent` is the
 * sentence for what the broker does not have, NULL: the broker's own. */
int sys_ask(struct session *session, const char *subject, const struct text *request,
            const char *absent, struct answer *ret);

/* Called with each element of a list. */
typedef void (*sys_element_fn)(struct mp element, void *userdata);
/* Asks page after page. The elements of the array `list` go to `element`; with --json they
 * are printed a line each, with --raw the answers as they are. */
int sys_list(struct session *session, const struct ctl *ctl, const char *subject,
             const char *list, sys_element_fn element, void *userdata);

/* Prints an answer for --json or --raw. false: neither was asked for. */
bool sys_print_exact(const struct ctl *ctl, const struct answer *answer);

/* A verb that asks once, without operands: parses, connects, asks, shows. */
int sys_simple_verb(struct ctl *ctl, const struct usage *usage, int argc, char **argv,
                    const char *subject, void (*show)(struct mp map));
