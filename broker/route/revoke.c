#include "broker/route/revoke.h"

#include "broker/route/request.h"
#include "broker/route/route.h"

static struct ask *find_asked(struct client *server, const struct service *service)
{
    struct ask *ask = server->asks;
    while (ask && ask->service != service)
        ask = ask->next;
    return ask;
}

void revoke_served(struct route *route, struct service *service)
{
    struct client *server = service->reg.client;
    struct ask *ask;
    while (conn_is_live(&server->conn) && (ask = find_asked(server, service))) {
        if (!ask->call->survey) {
            call_end(route, ask->call, STATUS_DENIED);
            continue;
        }
        if (!ask_waits(ask))
            request_cancel(server, ask->call->token, STATUS_DENIED);
        if (conn_is_live(&server->conn))
            ask_gone(route, ask);
    }
}

static bool may_ask(const struct client *client, const struct ask *ask)
{
    struct route *route = client->route;
    char pattern[MAX_SUBJECT + 1];
    const struct node *node = slab_at(&route->slab, ask->service->reg.node);
    if (!node) /* it does not serve any more, and answers what it was asked before */
        return false;
    size_t len = index_pattern(&route->index, node, pattern);
    return rights_every(client->rights, VERB_REQUEST, pattern, len).allowed;
}

static struct call *find_refused(struct client *client)
{
    for (struct call *call = client->calls; call; call = call->next) {
        for (uint32_t i = 0; i < call->n_asks; i++) {
            if (call->asks[i].state == ASK_OPEN && !may_ask(client, &call->asks[i]))
                return call;
        }
    }
    return NULL;
}

void revoke_requests(struct route *route, struct client *client)
{
    struct call *call;
    if (rights_all(client->rights, VERB_REQUEST))
        return;
    while (conn_is_live(&client->conn) && (call = find_refused(client)))
        call_end(route, call, STATUS_DENIED);
}
