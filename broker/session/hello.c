/* HELLO and GOODBYE. */
#include <stdio.h>
#include <string.h>

#include "broker/session/handlers.h"
#include "proto/cursor.h"
#include "proto/limits.h"
#include "proto/writer.h"

/* ---- HELLO ------------------------------------------------------------------ */

/* A name is for people's eyes: a short piece of UTF-8 without control characters. */
static bool name_is_good(const char *s, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if ((unsigned char)s[i] < 0x20 || s[i] == 0x7f)
            return false;
        if (i + 1 < len && s[i] == '\xc2' && (unsigned char)s[i + 1] < 0xa0)
            return false; /* C1 */
    }
    return len <= MAX_NAME && utf8_valid(s, len, NULL);
}

static enum status read_options(struct card *card, const struct piece *options,
                                const char **ret_what)
{
    struct cursor cursor = { options->p, (const uint8_t *)options->p + options->len };
    uint32_t n = 0;
    if (options->p && !cursor_map(&cursor, &n)) {
        *ret_what = "the options of a HELLO are a map";
        return STATUS_BAD_FRAME;
    }
    for (; n > 0; n--) {
        const char *key;
        const char *value;
        size_t key_len;
        size_t value_len;
        bool is_str = cursor_str(&cursor, &key, &key_len);
        if (!is_str)
            cursor_skip(&cursor);
        if (!is_str || key_len != 4 || memcmp(key, "name", 4) != 0) {
            cursor_skip(&cursor);
            continue;
        }
        if (!cursor_str(&cursor, &value, &value_len) || !name_is_good(value, value_len)) {
            *ret_what = "the name in a HELLO is a string of at most 64 bytes of UTF-8 without "
                        "control characters";
            return STATUS_BAD_FIELD;
        }
        if (card_set_name(card, value, value_len) < 0)
            return STATUS_NO_MEMORY;
    }
    return STATUS_OK;
}

static void put_limit(struct writer *w, const char *name, uint64_t limit)
{
    writer_str(w, name, strlen(name));
    writer_uint(w, limit);
}

static void welcome(struct client *client)
{
    static const char server[] = "brokerd " BROKER_VERSION;
    struct session *session = session_of(client);
    uint8_t options[400];
    struct writer w = { options, options + sizeof options, false };
    writer_map(&w, 8);
    writer_str(&w, "server", strlen("server"));
    writer_str(&w, server, strlen(server));
    put_limit(&w, "max-payload", MAX_PAYLOAD);
    put_limit(&w, "max-headers", MAX_HEADERS);
    put_limit(&w, "max-envelope", MAX_ENVELOPE);
    put_limit(&w, "queue-bytes", SUB_QUEUE_BYTES);
    put_limit(&w, "queue-messages", SUB_QUEUE_MESSAGES);
    put_limit(&w, "connection-bytes", CONN_QUEUE_BYTES);
    put_limit(&w, "max-timeout-ms", MAX_TIMEOUT_MS);
    struct envelope envelope = { .op = OP_WELCOME };
    envelope.welcome.version = PROTO_VERSION;
    envelope.welcome.features = 0;
    envelope.welcome.instance = (struct piece){ session->instance, INSTANCE_LEN };
    envelope.welcome.id = client->conn.card->id;
    envelope.welcome.options = (struct piece){ options, (size_t)(w.p - options) };
    conn_send(&client->conn, &envelope);
}

void handle_hello(struct client *client, const struct envelope *envelope)
{
    const struct piece *magic = &envelope->hello.magic;
    const char *what = NULL;
    enum status status = STATUS_OK;
    char sentence[120];

    if (magic->len != strlen(HELLO_MAGIC) || memcmp(magic->p, HELLO_MAGIC, magic->len) != 0) {
        status = STATUS_BAD_MAGIC;
    } else if (envelope->hello.version < 1) {
        snprintf(sentence, sizeof sentence, "version %u is spoken here, the HELLO says %llu",
                 PROTO_VERSION, (unsigned long long)envelope->hello.version);
        what = sentence;
        status = STATUS_BAD_VERSION;
    } else {
        status = read_options(client->conn.card, &envelope->hello.options, &what);
    }
    if (status != STATUS_OK) {
        conn_end(&client->conn, status, what);
        return;
    }
    client->said_hello = true;
    client->route->n_clients++;
    conn_open(&client->conn);
    welcome(client);
    event_came(client);
}

/* ---- GOODBYE ---------------------------------------------------------------- */

/* What follows it is not looked at, not even by the short way of a message that is the
 * same again. Its end of file comes next, and is not waited for for ever. */
void handle_goodbye(struct client *client, const struct envelope *envelope)
{
    (void)envelope;
    client->recent_epoch = 0;
    route_forget(client->route, client, true);
    conn_goodbye(&client->conn);
}
