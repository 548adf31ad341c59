#include "tests/bench/peer.h"

#include <string.h>

struct share share_of(const struct work *work, unsigned part)
{
    struct share share = { .first = work->n_subs * part / work->n_sub_roles };

    share.n = work->n_subs * (part + 1) / work->n_sub_roles - share.first;
    return share;
}

int sequence_take(struct sequence *sequence, const void *payload)
{
    uint64_t number;

    memcpy(&number, payload, sizeof(number));
    if (number == PEER_END) {
        sequence->ended = 1;
        return 1;
    }
    sequence->n_wrong += number != sequence->next;
    sequence->next = number + 1;
    return 0;
}

void sequence_report(const struct sequence *sequence, struct report *report)
{
    report->n += sequence->next;
    report->n_wrong += sequence->n_wrong;
}
