#include "proto/envelope.h"

#include <string.h>

#include "proto/cursor.h"
#include "proto/frame.h"
#include "proto/writer.h"

enum field_type {
    NUMBER,
    TEXT,
    TEXT_OR_NIL,
    BYTES,
    RAW,  /* any one element, unread */
    LIST, /* all that is left: numbers */
};

struct field {
    enum field_type type;
    size_t at;
};

struct layout {
    uint8_t n_required; /* the others may be left out */
    uint8_t n_fields;   /* 0: no such frame */
    struct field fields[10];
};

#define AT(type, member) { type, offsetof(struct envelope, member) }
#define N(member) AT(NUMBER, member)
#define T(member) AT(TEXT, member)
#define Z(member) AT(TEXT_OR_NIL, member)
#define COUNT(...) (sizeof((struct field[]){ __VA_ARGS__ }) / sizeof(struct field))
#define LAYOUT(op, required, ...) [op] = { required, COUNT(__VA_ARGS__), { __VA_ARGS__ } }

/* By opcode. */
static const struct layout layouts[] = {
    LAYOUT(OP_HELLO, 3, T(hello.magic), N(hello.version), N(hello.features),
           AT(RAW, hello.options)),
    LAYOUT(OP_WELCOME, 4, N(welcome.version), N(welcome.features), AT(BYTES, welcome.instance),
           N(welcome.id), AT(RAW, welcome.options)),
    LAYOUT(OP_GOODBYE, 1, N(goodbye.status), T(goodbye.sentence)),
    LAYOUT(OP_PING, 1, N(ref)),
    LAYOUT(OP_PONG, 1, N(ref)),
    LAYOUT(OP_OK, 1, N(ref)),
    LAYOUT(OP_ERROR, 3, N(error.op), N(error.ref), N(error.status), T(error.sentence),
           Z(error.what)),
    LAYOUT(OP_REFUSED, 3, N(refused.first), N(refused.last), N(refused.status),
           T(refused.sentence), Z(refused.what)),
    LAYOUT(OP_CONFIRM, 1, N(ref)),
    LAYOUT(OP_CONFIRMED, 4, N(confirmed.ref), N(confirmed.last), N(confirmed.matched),
           N(confirmed.refused)),
    LAYOUT(OP_SUB, 3, N(sub.ref), N(sub.sid), T(sub.pattern), Z(sub.group), N(sub.policy),
           N(sub.queue_bytes), N(sub.queue_messages), N(sub.after), N(sub.flags)),
    LAYOUT(OP_UNSUB, 2, N(unsub.ref), N(unsub.sid)),
    LAYOUT(OP_SERVE, 3, N(serve.ref), N(serve.sid), T(serve.pattern), N(serve.max_open),
           N(serve.flags)),
    LAYOUT(OP_UNSERVE, 2, N(unsub.ref), N(unsub.sid)),
    LAYOUT(OP_SELECT, 1, AT(LIST, select.sids)),
    LAYOUT(OP_PEER, 3, N(peer.id), N(peer.uid), N(peer.gid), AT(RAW, peer.pid),
           AT(RAW, peer.groups), Z(peer.label)),
    LAYOUT(OP_GAP, 3, N(gap.sid), N(gap.count), N(gap.reason)),
    LAYOUT(OP_ENDED, 2, N(ended.sid), N(ended.status), T(ended.sentence)),
    LAYOUT(OP_END, 9, N(end.token), N(end.status), N(end.left_queue), N(end.asked),
           N(end.answered), N(end.refused), N(end.gone), N(end.timed_out), N(end.cancelled),
           Z(end.what)),
    LAYOUT(OP_CANCEL, 1, N(cancel.token), N(cancel.status)),
};

static const struct layout *layout_of(uint8_t op)
{
    const struct layout *layout = op < sizeof layouts / sizeof layouts[0] ? &layouts[op] : NULL;

    return layout && layout->n_fields > 0 ? layout : NULL;
}

static bool read_text(struct cursor *cursor, struct piece *ret)
{
    const char *s;
    size_t len;
    if (!cursor_str(cursor, &s, &len))
        return false;
    *ret = (struct piece){ s, len };
    return true;
}

static bool read_bytes(struct cursor *cursor, struct piece *ret)
{
    const uint8_t *s;
    size_t len;
    if (!cursor_bin(cursor, &s, &len))
        return false;
    *ret = (struct piece){ s, len };
    return true;
}

static bool read_raw(struct cursor *cursor, struct piece *ret)
{
    const uint8_t *start = cursor->p;
    if (!cursor_skip(cursor))
        return false;
    *ret = (struct piece){ start, (size_t)(cursor->p - start) };
    return true;
}

static bool read_list(struct cursor *cursor, uint32_t n, struct envelope *ret)
{
    const uint8_t *start = cursor->p;
    uint64_t ignored;
    for (uint32_t i = 0; i < n; i++) {
        if (!cursor_uint(cursor, &ignored))
            return false;
    }
    ret->select.sids = (struct piece){ start, (size_t)(cursor->p - start) };
    ret->select.n = n;
    return true;
}

static bool read_field(struct cursor *cursor, const struct field *field, struct envelope *ret)
{
    void *to = (char *)ret + field->at;
    switch (field->type) {
    case NUMBER:
        return cursor_uint(cursor, to);
    case TEXT:
        return read_text(cursor, to);
    case TEXT_OR_NIL:
        return cursor_nil(cursor) || read_text(cursor, to);
    case BYTES:
        return read_bytes(cursor, to);
    case RAW:
        return read_raw(cursor, to);
    case LIST:
        break;
    }
    return false;
}

static bool read_fields(struct cursor *cursor, uint32_t n, struct envelope *ret)
{
    const struct layout *layout = layout_of(ret->op);
    if (!layout || n < layout->n_required)
        return false;
    if (layout->fields[0].type == LIST)
        return read_list(cursor, n, ret);
    for (uint32_t i = 0; i < n; i++) {
        bool known = i < layout->n_fields;
        if (known ? !read_field(cursor, &layout->fields[i], ret) : !cursor_skip(cursor))
            return false;
    }
    return true;
}

int envelope_opcode(const uint8_t *buf, size_t len)
{
    struct cursor cursor = { buf, buf + len };
    uint32_t n;
    uint64_t op;
    /* As everybody writes them. */
    if (len >= 2 && buf[0] > 0x90 && buf[0] < 0xa0 && buf[1] < 0x80)
        return buf[1];
    if (!cursor_array(&cursor, &n) || n == 0 || !cursor_uint(&cursor, &op) || op > 0x7f)
        return -1;
    return (int)op;
}

static size_t max_len(uint8_t op)
{
    return op == OP_HELLO || op == OP_WELCOME ? MAX_HELLO - FRAME_PREFIX : MAX_ENVELOPE;
}

bool envelope_read(struct envelope *ret, const uint8_t *buf, size_t len, size_t *ret_at)
{
    struct cursor cursor = { buf, buf + len };
    struct envelope envelope;
    uint32_t n;
    uint64_t op;

    /* Not an initialiser: that clears the first member of the union only, and
     * optional fields of the longer ones would be whatever the stack held. */
    memset(&envelope, 0, sizeof envelope);
    bool ok = cursor_array(&cursor, &n) && n > 0 && cursor_uint(&cursor, &op) && op <= 0x7f;
    if (ok) {
        envelope.op = (uint8_t)op;
        ok = len <= max_len(envelope.op) && read_fields(&cursor, n - 1, &envelope) && cursor.p == cursor.end;
    }
    if (!ok) {
        if (ret_at)
            *ret_at = (size_t)(cursor.p - buf);
        return false;
    }
    *ret = envelope;
    return true;
}

static void write_raw(struct writer *w, const struct piece *piece)
{
    if (!piece->p) {
        writer_nil(w);
    } else if ((size_t)(w->end - w->p) < piece->len || w->full) {
        w->full = true;
    } else {
        memcpy(w->p, piece->p, piece->len);
        w->p += piece->len;
    }
}

static void write_field(struct writer *w, const struct field *field, const struct envelope *e)
{
    const void *from = (const char *)e + field->at;
    const struct piece *piece = from;
    switch (field->type) {
    case NUMBER:
        writer_uint(w, *(const uint64_t *)from);
        break;
    case TEXT:
        writer_str(w, piece->p ? piece->p : "", piece->len);
        break;
    case TEXT_OR_NIL:
        if (piece->p)
            writer_str(w, piece->p, piece->len);
        else
            writer_nil(w);
        break;
    case BYTES:
        writer_bin(w, piece->p, piece->len);
        break;
    case RAW:
    case LIST:
        write_raw(w, piece);
        break;
    }
}

size_t envelope_write(uint8_t *buf, size_t room, const struct envelope *envelope)
{
    const struct layout *layout = layout_of(envelope->op);
    if (!layout || room < FRAME_PREFIX)
        return 0;

    struct writer w = { buf + FRAME_PREFIX, buf + room, false };
    bool list = layout->fields[0].type == LIST;
    writer_array(&w, 1 + (list ? envelope->select.n : layout->n_fields));
    writer_uint(&w, envelope->op);
    for (size_t i = 0; i < layout->n_fields; i++)
        write_field(&w, &layout->fields[i], envelope);
    if (w.full)
        return 0;
    size_t len = (size_t)(w.p - buf);
    store_be32(buf, (uint32_t)(len - FRAME_PREFIX));
    return len;
}

bool envelope_next_sid(struct piece *sids, uint64_t *ret)
{
    struct cursor cursor = { sids->p, (const uint8_t *)sids->p + sids->len };
    if (!cursor_uint(&cursor, ret))
        return false;
    *sids = (struct piece){ cursor.p, (size_t)(cursor.end - cursor.p) };
    return true;
}
