#include "tests/bench/peers/floor_frames.h"

#include <stdlib.h>
#include <string.h>

#include "proto/envelope.h"
#include "tests/bench/peers/bench.h"
#include "tests/bench/peers/floor_calls.h"
#include "tests/bench/peers/floor_index.h"
#include "tests/bench/peers/floor_wire.h"

#define MAX_SIDE        1024
#define MAX_COPY_SELECT 512 /* bytes of a run that is copied if a SELECT has to stand before it */

/* The run: bytes [start, end) of a block, all for one entry. */
static struct {
    struct entry *entry; /* NULL: there is none */
    struct block *block;
    size_t start;
    size_t end;
} run;

/* The run once more, with a SELECT before it: one for all who have the same sid. */
static struct {
    struct block *block;
    size_t at;
    size_t len;
    uint32_t sid; /* 0: not of this run */
} copy;

static bool is_blind_variant;
static struct conn *sides[N_SIDES][MAX_SIDE];
static unsigned n_sides[N_SIDES];

void frames_init(bool copies_only)
{
    is_blind_variant = copies_only;
    index_init();
    calls_init();
}

/* -- delivering ------------------------------------------------------------------------------ */

static void send_select(struct conn *to, uint32_t sid)
{
    uint8_t select[WIRE_MAX_SELECT];
    const size_t n = wire_write_select(select, sid);

    to->selected = sid;
    memcpy(conn_copy(to, n), select, n);
}

/** @param sid  0: the frame is for no subscription */
static void deliver(struct conn *to, uint32_t sid, struct block *block, size_t at, size_t len)
{
    if (sid && sid != to->selected)
        send_select(to, sid);
    if (UNLIKELY(to->is_blocked) && len <= CONN_MAX_COPY) /* lest it keeps a block for itself */
        memcpy(conn_copy(to, len), block->bytes + at, len);
    else
        conn_send(to, block, at, len);
}

/* Copies the run behind a SELECT, into a block that is shared as those are that were read. */
static void copy_run(uint32_t sid)
{
    const size_t len = run.end - run.start;

    if (copy.block && copy.block->n_refs == 1)
        copy.block->used = 0;
    if (!copy.block || copy.block->room - copy.block->used < WIRE_MAX_SELECT + len) {
        if (copy.block)
            block_put(copy.block);
        copy.block = block_new(block_usual());
    }
    copy.sid = sid;
    copy.at = copy.block->used;
    uint8_t *to = copy.block->bytes + copy.at;
    const size_t select_len = wire_write_select(to, sid);
    memcpy(to + select_len, run.block->bytes + run.start, len);
    copy.len = select_len + len;
    copy.block->used += copy.len;
}

/* Small pieces with a SELECT before each would make an iovec of every one. */
static void deliver_run(const struct receiver *receiver)
{
    const size_t len = run.end - run.start;

    if (receiver->sid == receiver->conn->selected || len > MAX_COPY_SELECT) {
        deliver(receiver->conn, receiver->sid, run.block, run.start, len);
        return;
    }
    if (copy.sid != receiver->sid)
        copy_run(receiver->sid);
    receiver->conn->selected = receiver->sid;
    conn_send(receiver->conn, copy.block, copy.at, copy.len);
}

void frames_end(void)
{
    const struct entry *entry = run.entry;

    run.entry = NULL;
    copy.sid = 0;
    for (unsigned i = 0; entry && i < entry->n_receivers; i++)
        deliver_run(&entry->receivers[i]);
}

/* -- payloads -------------------------------------------------------------------------------- */

static struct entry *find(const struct wire *wire)
{
    struct entry *entry = index_find(wire->subject, wire->subject_len, false);

    if (UNLIKELY(!entry)) {
        frames_end(); /* its entry may have to make place */
        entry = index_find(wire->subject, wire->subject_len, true);
    }
    return entry;
}

static inline bool take_message(const struct wire *wire, struct block *block, size_t at, size_t len)
{
    struct entry *entry = find(wire);

    if (UNLIKELY(!entry))
        return false;
    if (entry == run.entry && block == run.block && at == run.end) {
        run.end += len;
        return true;
    }
    frames_end();
    run.entry = entry;
    run.block = block;
    run.start = at;
    run.end = at + len;
    return true;
}

/* A broker would answer a request that it cannot pass on. */
static bool take_request(struct conn *conn, const struct wire *wire, struct block *block, size_t at,
                         size_t len)
{
    const struct entry *entry = find(wire);

    frames_end();
    if (!entry || !entry->server.conn)
        return false;
    const uint64_t token = calls_open(conn, entry->server.conn, load_be64(wire->token));
    if (token == 0)
        return false;
    store_be64(wire->token, token);
    deliver(entry->server.conn, entry->server.sid, block, at, len);
    return true;
}

static bool take_reply(const struct conn *conn, const struct wire *wire, struct block *block,
                       size_t at, size_t len)
{
    struct conn *requester;
    uint64_t reference;

    frames_end();
    if (!calls_close(conn, load_be64(wire->token), &requester, &reference))
        return false;
    if (!requester)
        return true;
    store_be64(wire->token, reference);
    deliver(requester, 0, block, at, len);
    return true;
}

/* -- control --------------------------------------------------------------------------------- */

static bool answer(struct conn *conn, const struct envelope *envelope)
{
    uint8_t frame[ENVELOPE_MAX_WRITTEN];
    const size_t n = envelope_write(frame, sizeof(frame), envelope);

    if (n == 0 || n > CONN_MAX_COPY)
        return false;
    memcpy(conn_copy(conn, n), frame, n);
    return true;
}

static bool welcome(struct conn *conn)
{
    static const uint8_t instance[16], no_options[] = { 0x80 };

    if (conn->is_open)
        return false;
    conn->is_open = true;
    return answer(conn, &(struct envelope){ .op = OP_WELCOME,
                                            .welcome = { .version = PROTO_VERSION,
                                                         .instance = { instance, 16 },
                                                         .id = conn->id,
                                                         .options = { no_options, 1 } } });
}

static void stand(struct conn *conn, enum side side)
{
    if (!is_blind_variant || conn->side != SIDE_NONE)
        return;
    if (n_sides[side] == MAX_SIDE)
        bench_die("more than %d on one side", MAX_SIDE);
    conn->side = side;
    sides[side][n_sides[side]++] = conn;
}

static bool subscribe(struct conn *conn, bool serves, uint64_t ref, uint64_t sid,
                      const struct piece *pattern)
{
    stand(conn, serves ? SIDE_SERVER : SIDE_SUBSCRIBER);
    return sid >= 1 && sid <= MAX_SID &&
           index_add(conn, (uint32_t)sid, serves, pattern->p, pattern->len) &&
           answer(conn, &(struct envelope){ .op = OP_OK, .ref = ref });
}

static bool take_control(struct conn *conn, const uint8_t *frame, size_t len)
{
    struct envelope envelope;

    frames_end();
    if (!envelope_read(&envelope, frame + FRAME_PREFIX, len - FRAME_PREFIX, NULL))
        return false;
    switch (envelope.op) {
    case OP_HELLO:
        return welcome(conn);
    case OP_PING:
        return answer(conn, &(struct envelope){ .op = OP_PONG, .ref = envelope.ref });
    case OP_SUB:
        return subscribe(conn, false, envelope.sub.ref, envelope.sub.sid, &envelope.sub.pattern);
    case OP_SERVE:
        return subscribe(conn, true, envelope.serve.ref, envelope.serve.sid,
                         &envelope.serve.pattern);
    default:
        return false; /* GOODBYE too */
    }
}

bool frames_take(struct conn *conn, struct block *block, size_t at, size_t len)
{
    struct wire wire = { .op = 0 };
    uint8_t *frame = block->bytes + at;

    if (UNLIKELY(!wire_read(&wire, frame, len)))
        return take_control(conn, frame, len);
    if (UNLIKELY(is_blind_variant)) {
        stand(conn, wire.op == OP_REQUEST ? SIDE_REQUESTER : SIDE_PUBLISHER);
        conn->is_blind = true; /* from this frame on */
        return true;
    }
    if (UNLIKELY(!conn->is_open || !wire_vouch(&wire, conn->id)))
        return false;
    if (wire.op == OP_MESSAGE)
        return take_message(&wire, block, at, len);
    return wire.op == OP_REQUEST ? take_request(conn, &wire, block, at, len)
                                 : take_reply(conn, &wire, block, at, len);
}

/* -- without looking ------------------------------------------------------------------------- */

void frames_pass(const struct conn *conn, struct block *block, size_t at, size_t len)
{
    static const enum side hears[] = { [SIDE_PUBLISHER] = SIDE_SUBSCRIBER,
                                       [SIDE_REQUESTER] = SIDE_SERVER,
                                       [SIDE_SERVER] = SIDE_REQUESTER };
    const enum side side = hears[conn->side];

    for (unsigned i = 0; i < n_sides[side]; i++)
        conn_send(sides[side][i], block, at, len);
}

void frames_remove(struct conn *conn)
{
    for (unsigned i = 0; i < n_sides[conn->side]; i++) {
        if (sides[conn->side][i] == conn)
            sides[conn->side][i] = sides[conn->side][--n_sides[conn->side]];
    }
    if (conn->n_subs)
        index_remove(conn);
    calls_remove(conn);
}
