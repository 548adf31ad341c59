/* The handlers of the session layer, by family; table.c lists them. */
#pragma once

#include "broker/session/session.h"
#include "proto/envelope.h"
#include "proto/frame.h"

/* What became of a frame. */
enum handled {
    HANDLED, /* go on, unless the connection has ended */
    WAITS,   /* the client is held: the frame comes again */
    LEFT,    /* GOODBYE: nothing behind it is looked at, its length neither */
};

/* table.c: any frame that is not the same again (ingest.c). The parcel's frame is not
 * read yet. */
enum handled handle_frame(struct client *client, struct block *block, uint32_t off, uint32_t len);

/* hello.c */
void handle_hello(struct client *client, const struct envelope *envelope);
void handle_goodbye(struct client *client, const struct envelope *envelope);

/* subscribe.c */
void handle_sub(struct client *client, const struct envelope *envelope);
void handle_unsub(struct client *client, const struct envelope *envelope);
void handle_serve(struct client *client, const struct envelope *envelope);
void handle_unserve(struct client *client, const struct envelope *envelope);
void tell_ended(struct client *client, uint32_t sid, enum status status);

/* publish.c */
enum handled handle_message(struct client *client, const struct parcel *parcel);
void handle_ping(struct client *client, const struct envelope *envelope);
void handle_confirm(struct client *client, const struct envelope *envelope);
/* Sends the refusals that have gathered. */
void flush_refusals(struct client *client);

/* call.c */
void handle_request(struct client *client, const struct parcel *parcel);
void handle_reply(struct client *client, const struct parcel *parcel);
void handle_cancel(struct client *client, const struct envelope *envelope);
/* Tells a requester which rule refused its request, and counts it. */
void deny_request(struct client *client, uint64_t reference, const struct policy_rule *rule);

/* sys.c */
void sys_request(struct client *client, const struct parcel *parcel);

/* policy.c */
/* What a broker starts with: its owner and root may do everything, all others nothing. 0 or
 * -errno. */
int policy_default(struct policy_snapshot **ret);
/* The rule by which a principal with these rights may not be here; NULL: it may. */
const struct policy_rule *policy_keeps_out(struct session *session, const struct rights *rights,
                                           const struct principal *who);
/* What it is told. Returns buf. */
const char *policy_sentence(const struct rights *rights, const struct policy_rule *rule,
                            char buf[PERMIT_TEXT_MAX]);

/* clients.c, subjects.c, explain.c */
void clients_register(struct session *session);
/* The one that has said hello and has this id; NULL: there is none. */
const struct client *clients_find(const struct session *session, uint64_t id);
void subjects_register(struct session *session);
void explain_register(struct session *session);

/* users.c */
void users_register(struct session *session);

/* events.c */
void event_came(struct client *client);
void event_left(struct client *client, enum status status, const char *sentence);
void event_loss(struct client *client, struct lane *lane);
void events_publish(struct session *session);
void events_free(struct session *session);

/* answer.c: the two answers that carry a reference. `what` may be NULL. */
void answer_ok(struct client *client, uint64_t ref);
void answer_error(struct client *client, uint8_t op, uint64_t ref, enum status status,
                  const char *what);
struct piece piece_of(const char *s);
