#include "broker/route/client.h"

#include "broker/route/route.h"

static struct asker asker_of(const struct client *client)
{
    struct route *route = client->route;
    return (struct asker){
        .rights = client->rights,
        .who = card_principal(client->conn.card),
        .id = client->conn.card->id,
        .audit = &route->audit,
        .now_ns = loop_now_ns(route->net->loop),
    };
}

const struct policy_rule *client_refused(const struct client *client, enum policy_verb verb,
                                         const char *subject, size_t len)
{
    struct asker asker = asker_of(client);
    return permit_refuses(&asker, verb, subject, len);
}

const struct policy_rule *client_refused_all(const struct client *client, enum policy_verb verb,
                                             const char *pattern, size_t len)
{
    struct asker asker = asker_of(client);
    return permit_refuses_all(&asker, verb, pattern, len);
}

const char *client_limit_text(struct client *client, const struct quota_refusal *refusal,
                              char buf[REFUSAL_TEXT_MAX])
{
    client->route->counters->limited++;
    refusal_log(refusal, refusal_text(refusal, buf));
    return buf;
}
