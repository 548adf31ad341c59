/* Many clients, one account: a witness subscribes to everything, with a queue that is never full.
 * What it hears is the order in which the broker has handled things, so of each
 * subscription it is known what had to come: each message that matches, once, in that order, or in
 * its place a gap that counts it. A subscription begins and ends at a mark, a message that
 * its client publishes right in front of the SUB, the UNSUB or the GOODBYE.
 */
#pragma once

#include "broker/net/burst.h"
#include "proto/subject.h"
#include "tests/unit/route_kit.h"

enum { NUMBERS = 1 << 16, LINES = 1 << 17, SIDS = 8, EVENT = 1 << 20, MEMBERS = 256 };

static const char *const subjects[] = { "a.x", "a.y", "b.x", "b.y", "c", "mark" };
static const char *const patterns[] = { "a.*", "a.x", "*.x", ">", "b.y", "a.>", "$SYS.event.>" };

/* ---- the witness ------------------------------------------------------------------ */

static struct {
    struct cli *cli;
    uint32_t n;
    struct line {
        uint32_t number; /* of an event: EVENT + how many there were */
        uint32_t matches; /* bit i: patterns[i] */
    } lines[LINES];
    uint32_t place[NUMBERS]; /* 1 + where the message stands; 0: nowhere */
    uint32_t n_events;
    struct member { /* of the one group there is, from line to line */
        uint8_t pattern;
        uint32_t from;
        uint32_t to;
    } members[MEMBERS];
    uint32_t n_members;
    uint64_t n_grouped; /* what they got or were told of */
    bool strayed;       /* one was lost sight of, and what it had got with it */
} witness;

static inline bool matches(size_t pattern, const char *subject, size_t len)
{
    return pattern_match(patterns[pattern], strlen(patterns[pattern]), subject, len);
}

static inline bool is_event(const struct frame *f)
{
    return subject_is_sys(f->subject, f->subject_len);
}

static inline uint32_t number_in(const struct frame *f)
{
    assert_true(f->payload_len >= 8);
    uint64_t number = load_be64(f->payload);
    assert_in_range(number, 1, NUMBERS - 1);
    assert_int_equal(f->payload[f->payload_len - 1], number & 0xff);
    return (uint32_t)number;
}

/* The next frame that has come already. */
static inline struct heard *hear_now(struct cli *cli)
{
    if (!cli_has_frame(cli))
        cli_fill(cli);
    return cli_has_frame(cli) ? hear(cli) : NULL;
}

static inline void witness_note(const struct frame *f)
{
    assert_true(witness.n < LINES);
    struct line *line = &witness.lines[witness.n++];
    *line = (struct line){ .number = EVENT + witness.n_events };
    if (is_event(f)) {
        witness.n_events++;
    } else {
        line->number = number_in(f);
        assert_int_equal(witness.place[line->number], 0);
        witness.place[line->number] = witness.n;
    }
    for (size_t i = 0; i < COUNT_OF(patterns); i++)
        line->matches |= (uint32_t)matches(i, f->subject, f->subject_len) << i;
}

static inline void witness_open(void)
{
    memset(&witness, 0, sizeof witness);
    witness.cli = cli_open();
    cli_sub(witness.cli, 1, ">");
    cli_sub(witness.cli, 2, "$SYS.event.>");
}

/* Until it has heard all that has been handled. */
static inline void witness_listen(void)
{
    for (;;) {
        struct heard *h;
        while ((h = hear_now(witness.cli))) {
            assert_true(h->op == OP_MESSAGE || h->op == OP_SELECT);
            if (h->op == OP_MESSAGE)
                witness_note(&h->f);
        }
        if (outq_is_empty(&witness.cli->client->conn.out))
            return;
        assert_int_equal(loop_run_once(loop, 0), 0);
    }
}

/* ---- the book of a subscription ------------------------------------------------------- */

enum book_state { BOOK_FREE, BOOK_ASKED, BOOK_OPEN, BOOK_LEAVING };

struct book {
    enum book_state state;
    uint8_t pattern;
    bool grouped;      /* which of the messages is not known, but in which order */
    bool credentials;
    uint32_t begin;    /* number of its first mark, */
    uint32_t end;      /* and of the last */
    uint32_t at;       /* the next line to be looked at */
    uint64_t owed;     /* in gaps since its last message */
    uint64_t got;
    uint64_t after;    /* it ends by itself behind so many; 0: never */
};

static inline void book_open(struct book *book)
{
    assert_int_equal(book->state, BOOK_ASKED);
    assert_true(witness.place[book->begin] > 0);
    book->state = BOOK_OPEN;
    book->at = witness.place[book->begin];
}

/* Goes behind the next line that is for it. NULL: there is none in front of `to`. */
static inline const struct line *book_next(struct book *book, uint32_t to)
{
    while (book->at < to) {
        const struct line *line = &witness.lines[book->at++];
        if (line->matches >> book->pattern & 1)
            return line;
    }
    return NULL;
}

static inline void book_message(struct book *book, const struct frame *f)
{
    const struct line *line;
    assert_true(book->state == BOOK_OPEN || book->state == BOOK_LEAVING);
    book->got++;
    if (book->grouped) {
        assert_true(witness.place[number_in(f)] > book->at);
        book->at = witness.place[number_in(f)];
        return;
    }
    do {
        line = book_next(book, witness.n);
        assert_non_null(line);
    } while (book->owed-- > 0);
    book->owed = 0;
    if (is_event(f))
        assert_true(line->number >= EVENT);
    else
        assert_int_equal(line->number, number_in(f));
}

static inline void member_close(const struct book *book, uint32_t to)
{
    assert_true(witness.n_members < MEMBERS);
    witness.members[witness.n_members++] =
        (struct member){ book->pattern, witness.place[book->begin], to };
    witness.n_grouped += book->got + book->owed;
}

/* All in front of `to` has come or was announced. */
static inline void book_close(struct book *book, uint32_t to)
{
    if (book->grouped) {
        member_close(book, to);
    } else {
        for (; book_next(book, to); book->owed--)
            assert_true(book->owed > 0);
        assert_int_equal(book->owed, 0);
    }
    *book = (struct book){ .state = BOOK_FREE };
}

/* Nobody is there any more to say what it has got. */
static inline void book_lose(struct book *book)
{
    witness.strayed |= book->state != BOOK_FREE && book->grouped;
    *book = (struct book){ .state = BOOK_FREE };
}

/* The group has had each message once. */
static inline void check_group(void)
{
    uint64_t n = 0;
    for (uint32_t i = 0; i < witness.n; i++) {
        bool wanted = false;
        for (uint32_t j = 0; j < witness.n_members && !wanted; j++) {
            const struct member *m = &witness.members[j];
            wanted = m->from <= i && i < m->to && witness.lines[i].matches >> m->pattern & 1;
        }
        n += wanted;
    }
    if (!witness.strayed)
        assert_int_equal(witness.n_grouped, n);
}

/* ---- what must hold between two rounds --------------------------------------------------- */

static inline void check_lane_limits(const struct lane *lane)
{
    assert_true(lane->n_messages <= 1 || lane->n_messages <= lane->max_messages);
    assert_true(lane->n_messages <= 1 || lane->n_bytes <= lane->max_bytes);
}

static inline void check_queues(void)
{
    assert_int_equal(session.net.burst->n_stretches, 0);
    assert_int_equal(session.net.burst->n_bytes, 0);
    assert_null(session.net.burst->first);
    for (struct conn *conn = session.net.all; conn; conn = conn->next) {
        uint64_t bytes = 0;
        assert_int_equal(conn->out.first_share, 0);
        assert_false(conn->out.broken);
        for (const struct entry *e = conn->out.head; e; e = e->next) {
            bytes += e->len;
            for (uint32_t i = 0; e->to && i < e->to->n; i++)
                check_lane_limits(e->to->lanes[i]);
        }
        assert_int_equal(bytes, conn->out.n_bytes);
    }
}
