/* pub --lines: a stream of lines becomes a stream of messages.
 *
 * While input is there it is published in batches; when the input pauses, what
 * is batched leaves at once. The first line that cannot be sent, or that the
 * broker refuses, ends the stream with a message that names it.
 */
#pragma once

#include "client/brokerctl/payload.h"
#include "client/brokerctl/session.h"

struct lines_job {
    const char *subject;
    const struct text *headers; /* may be empty */
    enum payload_form form;
    int timeout_ms;             /* for the confirmation at the end */
};

struct lines_result {
    uint64_t published;
    uint64_t matched; /* subscriptions reached, summed */
};

/* Reads standard input to its end, or until Ctrl-C. 0 once everything was
 * routed, else an exit code after saying what was wrong. */
int lines_publish(struct session *session, const struct lines_job *job, struct lines_result *ret);
