/* The handlers of the session layer, by family; table.c lists them. */
#pragma once

#include "broker/session/session.h"
#include "proto/envelope.h"
#include "proto/frame.h"

/* What became of a frame. */
enum handled {
    HANDLED, /* go on, unless the connection has ended */
    WAITS,   /* the client is held: the frame comes again */
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
void tell_ended(struct client *client, uint32_t sid);

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

/* sys.c */
void sys_request(struct client *client, const struct parcel *parcel);

/* clients.c, subjects.c */
void clients_register(struct session *session);
void subjects_register(struct session *session);

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
