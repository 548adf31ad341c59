#include "broker/net/burst.h"

#include <assert.h>
#include <stdlib.h>

#include "broker/net/outq.h"

struct burst *burst_new(void)
{
    return calloc(1, sizeof(struct burst)); /* of a megabyte most is never touched */
}

struct burst *burst_free(struct burst *burst)
{
    if (burst)
        burst_clear(burst);
    free(burst);
    return NULL;
}

struct outq *burst_pop(struct burst *burst)
{
    struct outq *outq = burst->first;
    if (!outq)
        return NULL;
    burst->first = outq->next_in_burst;
    outq->in_burst = false;
    return outq;
}

void burst_clear(struct burst *burst)
{
    struct outq *outq;
    while ((outq = burst_pop(burst)))
        assert(outq->first_share == 0);
    for (uint32_t i = 0; i < burst->n_stretches; i++)
        block_unref(burst->stretches[i].block);
    burst->n_gone += burst->n_shares;
    burst->n_stretches = burst->n_shares = burst->n_messages = 0;
    burst->n_bytes = 0;
    burst->era++;
}
