#include "broker/route/revoke.h"

#include "broker/route/request.h"
#include "broker/route/route.h"

/* To tell somebody of an end may be the end of others: so they are found again by their tokens. */
enum { AT_A_TIME = 512 };

static bool may(const struct client *client, enum policy_verb verb, const struct call *call)
{
    return rights_check(client->rights, verb, call->topic->text, call->topic->len).allowed;
}

/* ---- what was asked of a server ------------------------------------------------ */

static unsigned find_refused_asks(const struct client *server, uint64_t tokens[AT_A_TIME])
{
    unsigned n = 0;
    for (const struct ask *ask = server->asks; ask && n < AT_A_TIME; ask = ask->next) {
        if (!may(server, VERB_SERVE, ask->call))
            tokens[n++] = ask->call->token;
    }
    return n;
}

static void end_ask(struct route *route, struct client *server, struct call *call)
{
    struct ask *ask = ask_find(call, server);
    if (!ask)
        return;
    if (!call->survey) {
        call_end(route, call, STATUS_DENIED);
        return;
    }
    if (!ask_waits(ask))
        request_cancel(server, call->token, STATUS_DENIED);
    if (conn_is_live(&server->conn))
        ask_gone(route, ask);
}

void revoke_served(struct route *route, struct client *server)
{
    uint64_t tokens[AT_A_TIME];
    unsigned n = rights_all(server->rights, VERB_SERVE) ? 0 : AT_A_TIME;
    while (n == AT_A_TIME && conn_is_live(&server->conn)) {
        n = find_refused_asks(server, tokens);
        for (unsigned i = 0; i < n && conn_is_live(&server->conn); i++) {
            struct call *call = call_find(&route->calls, tokens[i]);
            if (call)
                end_ask(route, server, call);
        }
    }
}

/* ---- what a client asked -------------------------------------------------------- */

static unsigned find_refused_calls(const struct client *client, uint64_t tokens[AT_A_TIME])
{
    unsigned n = 0;
    for (const struct call *call = client->calls; call && n < AT_A_TIME; call = call->next) {
        if (!may(client, VERB_REQUEST, call))
            tokens[n++] = call->token;
    }
    return n;
}

void revoke_requests(struct route *route, struct client *client)
{
    uint64_t tokens[AT_A_TIME];
    unsigned n = rights_all(client->rights, VERB_REQUEST) ? 0 : AT_A_TIME;
    while (n == AT_A_TIME && conn_is_live(&client->conn)) {
        n = find_refused_calls(client, tokens);
        for (unsigned i = 0; i < n && conn_is_live(&client->conn); i++) {
            struct call *call = call_find(&route->calls, tokens[i]);
            if (call)
                call_end(route, call, STATUS_DENIED);
        }
    }
}
