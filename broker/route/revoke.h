/* Revocation: which open requests end when somebody may not do any more what it did (a new
 * policy). What decides is the subject of the request itself, as if it were asked now. */
#pragma once

struct client;
struct route;

/* Those that the client was asked, and may not serve now: their requesters hear DENIED (of a survey:
 * that this one is gone), the client CANCEL. Whether the service is still registered does not
 * matter. */
void revoke_served(struct route *route, struct client *server);
/* Those that the client asked, and may not request now: it hears DENIED. */
void revoke_requests(struct route *route, struct client *client);
