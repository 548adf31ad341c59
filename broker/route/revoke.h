/* Revocation: what ends when somebody may not do any more what it did (a new policy). */
#pragma once

struct client;
struct route;
struct service;

/* The open requests that went to this service end: their requesters hear DENIED (of a survey: that
 * this one is gone), the server CANCEL. */
void revoke_served(struct route *route, struct service *service);
/* The open requests of the client to services that it may not be answered by: those of which it may
 * not request every subject. */
void revoke_requests(struct route *route, struct client *client);
