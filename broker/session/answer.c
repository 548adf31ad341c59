#include <string.h>

#include "broker/session/handlers.h"

struct piece piece_of(const char *s)
{
    return (struct piece){ s, s ? strlen(s) : 0 };
}

void answer_ok(struct client *client, uint64_t ref)
{
    struct envelope envelope = { .op = OP_OK, .ref = ref };
    conn_send(&client->conn, &envelope);
}

void answer_error(struct client *client, uint8_t op, uint64_t ref, enum status status,
                  const char *what)
{
    struct envelope envelope = { .op = OP_ERROR };
    envelope.error.op = op;
    envelope.error.ref = ref;
    envelope.error.status = status;
    envelope.error.sentence = piece_of(status_sentence(status));
    envelope.error.what = piece_of(what);
    conn_send(&client->conn, &envelope);
}
