#include "broker/route/ask.h"

#include "broker/route/route.h"
#include "proto/frame.h"

static void request_left(struct entry_hook *hook, bool sent)
{
    (void)sent;
    ((struct ask *)hook)->entry = NULL;
}

static void watch(struct ask *ask, struct entry *entry)
{
    ask->entry = entry;
    ask->hook = (struct entry_hook){ .left = request_left, .lane = &ask->service->reg.lane };
    entry_watch(entry, &ask->hook);
}

void ask_queued(struct outq *outq, struct entry *entry)
{
    struct client *server = (struct client *)((char *)outq - offsetof(struct client, conn.out));
    uint64_t token = load_be64(entry->block->data + entry->off + FRAME_AT_TOKEN);
    struct call *call = call_find(&server->route->calls, token);
    struct ask *ask = call ? ask_find(call, server) : NULL;
    if (ask)
        watch(ask, entry);
}

bool ask_waits(const struct ask *ask)
{
    return ask->entry || outq_has_share(&ask->server->conn.out, ask->share);
}

void ask_open(struct call *call, struct service *service, struct entry *entry, uint64_t share)
{
    struct ask *ask = &call->asks[call->n_asks++];
    struct client *server = service->reg.client;
    ask->call = call;
    ask->service = service;
    ask->server = server;
    ask->server_id = server->conn.card->id;
    ask->entry = NULL;
    ask->share = share;
    ask->state = ASK_OPEN;
    ask->cancel = false;
    if (entry)
        watch(ask, entry);
    audience_ref(&service->reg.lane.solo);
    service->n_open++;
    call->n_open++;
    ask->prev = NULL;
    ask->next = server->asks;
    if (ask->next)
        ask->next->prev = ask;
    server->asks = ask;
}

/* What cannot be taken back any more goes on without us. */
static void take_back(struct ask *ask)
{
    struct outq *outq = &ask->server->conn.out;
    if (!ask->entry)
        (void)outq_age(outq); /* should that fail, nothing of it is sent */
    if (ask->entry)
        outq_remove(outq, ask->entry);
}

void ask_close(struct ask *ask)
{
    if (ask_waits(ask))
        take_back(ask);
    ask->state = ASK_DONE;
    ask->call->n_open--;
    ask->service->n_open--;
    *(ask->prev ? &ask->prev->next : &ask->server->asks) = ask->next;
    if (ask->next)
        ask->next->prev = ask->prev;
    lane_unref(&ask->service->reg.lane);
}

struct ask *ask_find(struct call *call, const struct client *server)
{
    uint32_t low = 0;
    uint32_t high = call->n_asks;
    uint64_t id = server->conn.card->id;
    while (low + 1 < high) { /* at the last one that is not behind it */
        uint32_t mid = low + (high - low) / 2;
        *(call->asks[mid].server_id <= id ? &low : &high) = mid;
    }
    struct ask *ask = low < high ? &call->asks[low] : NULL;
    return ask && ask->state == ASK_OPEN && ask->server == server ? ask : NULL;
}
