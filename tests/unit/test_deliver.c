/* Delivery: whatever a few clients do, with queues that are soon full, each subscription has each
 * message once and in order, or a gap in its place (witness_kit.h). Who says
 * what is in actor_kit.h.
 *
 * DELIVER_SEEDS="first count" in the environment plays other games than those of every day.
 */
#include "broker/route/deliver.h"

#include "proto/transport/sys.h"
#include "tests/unit/actor_kit.h"

enum { STEPS = 50, SEEDS = 40 };

static void say_something(struct actor *actor)
{
    game.train.len = 0;
    for (uint32_t n = 1 + below(12); n > 0 && game.train.len < TRAIN_MAX - 4000; n--) {
        uint32_t what = below(100);
        if (what < 55)
            put_row(actor);
        else if (what < 70)
            put_sub(actor);
        else if (what < 76)
            put_unsub(actor);
        else if (what < 82)
            put_request(actor);
        else if (what < 90)
            put_question(actor);
        else if (what < 95)
            put_loose(actor, subjects[below(COUNT_OF(subjects) - 1)]);
        else
            put_refused(actor);
    }
    if (below(60) == 0)
        put_goodbye(actor);
    assert_true(game.train.len <= sizeof game.train.bytes);
    assert_int_equal(write(actor->cli->fd, game.train.bytes, game.train.len), game.train.len);
    if (actor->shut)
        shutdown(actor->cli->fd, SHUT_WR);
}

/* ---- what is heard --------------------------------------------------------------------- */

static void actor_close(struct actor *actor)
{
    for (int i = 0; i < SIDS; i++)
        book_lose(&actor->books[i]);
    close(actor->cli->fd);
    free(actor->cli);
    *actor = (struct actor){ .cli = NULL };
}

static struct book *book_of(struct actor *actor, uint64_t sid)
{
    assert_in_range(sid, 1, SIDS);
    return &actor->books[sid - 1];
}

static void heard_message(struct actor *actor, const struct frame *f)
{
    const struct cli *cli = actor->cli;
    assert_true(cli->n_sids > 0);
    for (uint32_t i = 0; i < cli->n_sids; i++) {
        struct book *book = book_of(actor, cli->sids[i]);
        if (book->credentials && f->id)
            assert_int_equal(actor->peers[f->id % PEER_CACHE], f->id);
        book_message(book, f);
    }
}

static void heard_ok(struct actor *actor, uint64_t ref)
{
    if (ref == SERVICE_SID)
        return;
    struct book *book = book_of(actor, ref);
    if (book->state == BOOK_ASKED)
        book_open(book);
    else
        book_close(book, witness.place[book->end]);
}

/* The end it was given a number for. */
static void heard_ended(struct actor *actor, uint64_t sid)
{
    struct book *book = book_of(actor, sid);
    assert_true(book->after > 0);
    assert_int_equal(book->got, book->after);
    assert_int_equal(book->owed, 0);
    *book = (struct book){ .state = BOOK_FREE };
}

static void heard(struct actor *actor, const struct heard *h)
{
    const struct envelope *e = &h->e;
    switch (h->op) {
    case OP_MESSAGE:
        heard_message(actor, &h->f);
        break;
    case OP_GAP:
        assert_true(e->gap.count > 0);
        book_of(actor, e->gap.sid)->owed += e->gap.count;
        break;
    case OP_OK:
        heard_ok(actor, e->ref);
        break;
    case OP_ENDED:
        heard_ended(actor, e->ended.sid);
        break;
    case OP_ERROR: /* an UNSUB that came too late, a REPLY that did */
        assert_true(e->error.status == STATUS_NO_SID || e->error.status == STATUS_NO_CALL);
        break;
    case OP_CONFIRMED:
        assert_int_equal(e->confirmed.last, e->confirmed.ref);
        break;
    case OP_PEER:
        actor->peers[e->peer.id % PEER_CACHE] = e->peer.id;
        break;
    case OP_REQUEST:
        actor->token = h->f.token;
        break;
    case OP_GOODBYE:
        assert_int_equal(e->goodbye.status, STATUS_TOO_SLOW);
        actor->shut = true;
        actor->leaves = 0;
        break;
    default:
        break;
    }
}

/* It was let go with all that was queued for it, if it took that in time. */
static void heard_the_end(struct actor *actor)
{
    bool in_time =
        actor->leaves && kit_now_ns() - actor->left_ns < LINGER_LIMIT_MS * INT64_C(500000);
    for (int i = 0; in_time && i < SIDS; i++) {
        if (actor->books[i].state == BOOK_OPEN)
            book_close(&actor->books[i], witness.place[actor->leaves]);
    }
    actor_close(actor);
}

static bool is_over(const struct cli *cli)
{
    uint8_t byte;
    return recv(cli->fd, &byte, 1, MSG_PEEK) == 0;
}

static void actor_listen(struct actor *actor)
{
    struct heard *h;
    while ((h = hear_now(actor->cli)))
        heard(actor, h);
    if (is_over(actor->cli))
        heard_the_end(actor);
}

/* ---- the game ----------------------------------------------------------------------------- */

static void actor_come(struct actor *actor)
{
    small_buffers = below(2);
    *actor = (struct actor){ .cli = cli_open() };
    small_buffers = true; /* when they are set anew */
    if (below(3) == 0)
        cli_serve(actor->cli, SERVICE_SID, "service", 1 + below(5));
    witness_listen();
}

static const struct conn *conn_of(const struct actor *actor)
{
    const struct conn *conn = session.net.all;
    while (conn && conn->card->id != actor->cli->id)
        conn = conn->next;
    return conn;
}

/* What it said before has been read: what it says now is read in one piece. */
static bool may_speak(const struct actor *actor)
{
    const struct conn *conn = actor->cli && !actor->shut ? conn_of(actor) : NULL;
    return conn && conn_is_live(conn) && !conn->held && !conn->is_resumed && !conn->in &&
           sys_outq(actor->cli->fd) == 0;
}

static void act(struct actor *actor)
{
    uint32_t what = below(100);
    if (!actor->cli) {
        actor_come(actor);
    } else if (what < 70) {
        if (may_speak(actor))
            say_something(actor);
    } else if (what < 85) {
        actor->deaf = below(2) && !actor->leaves;
    } else if (what < 87) {
        shutdown(actor->cli->fd, SHUT_WR);
        actor->shut = true;
    } else if (what < 89) {
        actor_close(actor);
    }
}

static void make_rounds(uint32_t n)
{
    while (n-- > 0) {
        assert_int_equal(loop_run_once(loop, 0), 0);
        check_queues();
    }
    witness_listen();
    for (int i = 0; i < ACTORS; i++) {
        if (game.actors[i].cli && !game.actors[i].deaf)
            actor_listen(&game.actors[i]);
    }
}

static void step(void)
{
    static const uint32_t ms[] = { 1, 300, 1100, 11000 };
    for (uint32_t n = 1 + below(ACTORS); n > 0; n--)
        act(&game.actors[below(ACTORS)]);
    make_rounds(1 + below(3));
    if (below(10) == 0)
        skipped_ns += ms[below(COUNT_OF(ms))] * UINT64_C(1000000);
}

static bool all_is_done(void)
{
    const struct conn *conn = session.net.all;
    while (conn && outq_is_empty(&conn->out) && !conn->held && !conn->is_resumed)
        conn = conn->next;
    return !conn;
}

/* All read what there is, until nothing more comes. */
static void hear_out(void)
{
    uint32_t before;
    for (int i = 0; i < ACTORS; i++)
        game.actors[i].deaf = false;
    do {
        before = witness.n;
        for (int i = 0; i < 50; i++)
            make_rounds(1);
        skipped_ns += UINT64_C(11000) * 1000000;
    } while (witness.n != before || !all_is_done());
}

static void play(uint64_t seed)
{
    memset(&game, 0, sizeof game);
    game.random = seed;
    start();
    witness_open();
    for (int i = 0; i < STEPS; i++)
        step();
    hear_out();
    for (int i = 0; i < ACTORS; i++) {
        struct actor *actor = &game.actors[i];
        for (int j = 0; actor->cli && !actor->shut && j < SIDS; j++) {
            assert_true(actor->books[j].state == BOOK_FREE || actor->books[j].state == BOOK_OPEN);
            if (actor->books[j].state == BOOK_OPEN)
                book_close(&actor->books[j], witness.n);
        }
        if (actor->cli)
            actor_close(actor);
    }
    check_group();
    cli_close(witness.cli);
    stop();
}

static void whatever_they_do_each_has_its_own(void **state)
{
    unsigned first = 1;
    unsigned n = SEEDS;
    const char *wish = getenv("DELIVER_SEEDS");
    (void)state;
    clock_stands = true; /* what one says is handled in one piece */
    if (wish && sscanf(wish, "%u %u", &first, &n) == 2)
        kit_deadline(3600);
    for (unsigned seed = first; seed < first + n; seed++) {
        if (wish)
            fprintf(stderr, "seed %u\n", seed);
        play(seed);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        kit_test(whatever_they_do_each_has_its_own),
    };
    return kit_run("deliver", tests, KIT_LENGTH(tests));
}
