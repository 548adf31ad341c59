#include "broker/guard/refusal.h"

#include <inttypes.h>
#include <stdio.h>

#include "broker/watch/log.h"

static void write_uid(char *buf, size_t size, uid_t uid)
{
    if (uid == QUOTA_ANONYMOUS)
        snprintf(buf, size, "the anonymous");
    else
        snprintf(buf, size, "uid %" PRIu32, (uint32_t)uid);
}

const char *refusal_text(const struct quota_refusal *refusal, char buf[REFUSAL_TEXT_MAX])
{
    char uid[24];
    write_uid(uid, sizeof uid, refusal->uid);
    if (refusal->status != STATUS_QUOTA)
        snprintf(buf, REFUSAL_TEXT_MAX, "%s", status_sentence(refusal->status));
    else if (refusal->whose == QUOTA_OF_UID)
        snprintf(buf, REFUSAL_TEXT_MAX, "limit %s: %s may hold %" PRIu64 " now, and holds %" PRIu64,
                 refusal->limit, uid, refusal->value, refusal->used);
    else if (refusal->n_sharing > 1)
        snprintf(buf, REFUSAL_TEXT_MAX,
                 "limit %s: this connection may hold %" PRIu64 " now, one of %" PRIu32
                 " of %s that share, and holds %" PRIu64,
                 refusal->limit, refusal->value, refusal->n_sharing, uid, refusal->used);
    else
        snprintf(buf, REFUSAL_TEXT_MAX,
                 "limit %s: this connection may hold %" PRIu64 " now, and holds %" PRIu64,
                 refusal->limit, refusal->value, refusal->used);
    return buf;
}

void refusal_log(const struct quota_refusal *refusal, const char *text)
{
    uint64_t n = refusal->n_refused;
    char uid[24];
    if (n == 0 || (n & (n - 1)) != 0)
        return;
    write_uid(uid, sizeof uid, refusal->uid);
    log_info("%s: refused (%s, %" PRIu64 " times so far)", text, uid, n);
}
