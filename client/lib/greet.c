#include <stdio.h>
#include <string.h>

#include "client/lib/conn.h"
#include "client/lib/deadline.h"
#include "client/lib/farewell.h"
#include "client/lib/handle.h"
#include "client/lib/output.h"
#include "client/lib/post.h"
#include "client/lib/text.h"
#include "proto/cursor.h"
#include "proto/writer.h"

static size_t write_options(const broker *b, uint8_t *ret, size_t size)
{
    struct writer w = { ret, ret + size, false };
    size_t len = strlen(b->options.name);

    writer_map(&w, len > 0 ? 1 : 0);
    if (len > 0) {
        writer_str(&w, "name", 4);
        writer_str(&w, b->options.name, len);
    }
    return (size_t)(w.p - ret);
}

void greet_start(broker *b)
{
    struct envelope e = { .op = OP_HELLO };
    uint8_t options[MAX_NAME + 16];

    handle_state(b, STATE_GREETING);
    b->greet_ns = deadline_in(b->options.handshake_ms);
    outbox_reset(&b->out);
    e.hello.magic = (struct piece){ HELLO_MAGIC, strlen(HELLO_MAGIC) };
    e.hello.version = PROTO_VERSION;
    e.hello.options = (struct piece){ options, write_options(b, options, sizeof options) };
    output_control(b, &e);
    /* Also when corked: nothing else can be said before. */
    if (b->fd >= 0 && outbox_pending(&b->out) > 0)
        output_send(b, NULL);
}

static bool key_is(const char *key, size_t len, const char *name)
{
    return len == strlen(name) && memcmp(key, name, len) == 0;
}

static bool read_option(broker *b, struct cursor *cursor)
{
    const char *key, *text;
    size_t key_len, len;
    uint64_t n;

    if (!cursor_str(cursor, &key, &key_len))
        return false;
    if (key_is(key, key_len, "server") && cursor_str(cursor, &text, &len)) {
        char copy[TEXT_MAX];

        text_copy(copy, &(struct piece){ text, len }, 0);
        snprintf(b->server, sizeof b->server, "%.*s", (int)sizeof b->server - 1, copy);
        return true;
    }
    if (key_is(key, key_len, "max-payload") && cursor_uint(cursor, &n)) {
        b->max_payload = n < MAX_PAYLOAD ? (size_t)n : MAX_PAYLOAD;
        return true;
    }
    return cursor_skip(cursor);
}

static bool read_options(broker *b, const struct piece *options)
{
    struct cursor cursor = { options->p, (const uint8_t *)options->p + options->len };
    uint32_t n = 0;

    if (options->len > 0 && !cursor_map(&cursor, &n))
        return false;
    while (n-- > 0) {
        if (!read_option(b, &cursor))
            return false;
    }
    return true;
}

static bool read_welcome(broker *b, const struct envelope *envelope)
{
    if (envelope->welcome.instance.len != sizeof b->instance || envelope->welcome.id > MAX_ID)
        return false;
    memcpy(b->instance, envelope->welcome.instance.p, sizeof b->instance);
    b->id = envelope->welcome.id;
    b->max_payload = MAX_PAYLOAD;
    memset(b->server, 0, sizeof b->server);
    return read_options(b, &envelope->welcome.options);
}

static void begin(broker *b)
{
    handle_state(b, STATE_OPEN);
    b->opened_ns = deadline_now();
    b->base = b->n_confirmed = b->n_published;
    b->pings = (struct pings){ .marked = b->n_published };
    b->told_down = false;
    b->n_tried = 0;
    handle_hold(b); /* what is scanned sends nothing itself */
    regs_send_all(b);
    handle_unhold(b);
}

bool greet_welcome(broker *b, const struct envelope *envelope)
{
    if (envelope->welcome.version != PROTO_VERSION) {
        farewell(b, BROKER_E_BAD_VERSION, "%s speaks version %llu, this library %d", b->url,
                 (unsigned long long)envelope->welcome.version, PROTO_VERSION);
        return true;
    }
    if (!read_welcome(b, envelope))
        return false;
    begin(b);
    return true;
}
