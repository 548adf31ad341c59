/* What a connection is granted of queued bytes and messages, and when it gives that back.
 *
 * A grant grows in steps when it does not cover what is queued, and is made smaller again once a
 * second, or when somebody else is refused. What a round reads and writes at once is in no
 * queue in between, and costs nothing here. Only what the kernel does not take of it is booked; if
 * nothing more is granted for that, it is an overdraft. All overdrafts together are bounded: from
 * then on nothing is taken in that is not granted before.
 */
#include <stdio.h>
#include <stdlib.h>

#include "broker/net/conn_internal.h"
#include "proto/frame.h"

#define MS UINT64_C(1000000)

enum {
    LOOK_MS = 1000, /* at all that have more than what is basic */
    FEED_MS = 20,   /* while input is hungry */
    FEED_MAX = 64,  /* connections a round */
    FREE_INPUT =
        16 << 10,    /* never is hungry: who does not read what it gets may still say something */
    RECLAIM_MS = 20, /* walking along all of them costs something */
    OVERDRAFT_PART = 16, /* of the total of queued-bytes */
    READ_MIN = 4 << 10,  /* that is read all the same */
};

static void set_overdrawn(struct net *net, uint64_t n_bytes)
{
    net->overdrawn = n_bytes;
    net->unasked_max =
        net->overdraft_max < CONN_QUEUE_BYTES ? net->overdraft_max : CONN_QUEUE_BYTES;
    if (n_bytes > net->overdraft_max)
        net->unasked_max = 0;
}

void net_limits_changed(struct net *net)
{
    net->blocks_max = net->quota->limits.total[QUOTA_QUEUED_BYTES];
    net->overdraft_max = net->blocks_max / OVERDRAFT_PART;
    set_overdrawn(net, net->overdrawn);
    net->burst->era++; /* what was measured by them */
}

/* ---- what few connections have ------------------------------------------------ */

static void on_look(struct timer *timer, uint64_t now_ns);

/* Its room is the house's (TIMERS_SPARE): this cannot fail. */
static void look_in(struct net *net, uint32_t ms)
{
    uint64_t when_ns = loop_now_ns(net->loop) + ms * MS;
    net->more_timer.fn = on_look;
    if (!net->more_timer.place || when_ns < net->more_timer.when_ns)
        (void)loop_arm(net->loop, &net->more_timer, when_ns);
}

struct conn_more *conn_get_more(struct conn *conn)
{
    struct net *net = conn->net;
    if (conn->more)
        return conn->more;
    struct conn_more *more = malloc(sizeof *more);
    if (!more)
        return NULL;
    *more = (struct conn_more){ .conn = conn, .next = net->more };
    if (more->next)
        more->next->prev = more;
    net->more = conn->more = more;
    look_in(net, LOOK_MS);
    return more;
}

void conn_fed(struct conn *conn)
{
    struct conn_more **link = &conn->net->hungry;
    if (!conn->hungry)
        return;
    while (*link != conn->more)
        link = &(*link)->next_hungry;
    *link = conn->more->next_hungry;
    conn->hungry = false;
    conn->account.user->n_hungry--;
}

static void free_more(struct conn *conn)
{
    struct conn_more *more = conn->more;
    if (!more)
        return;
    conn_fed(conn);
    set_overdrawn(conn->net, conn->net->overdrawn - more->overdraft);
    *(more->prev ? &more->prev->next : &conn->net->more) = more->next;
    if (more->next)
        more->next->prev = more->prev;
    free(more);
    conn->more = NULL;
}

void conn_charge_start(struct conn *conn)
{
    (void)account_cover(&conn->account, QUOTA_QUEUED_BYTES, 1, NULL);
    (void)account_cover(&conn->account, QUOTA_QUEUED_MESSAGES, 1, NULL);
    conn_buffer_start(conn);
}

void conn_discharge(struct conn *conn)
{
    conn_not_indulged(conn);
    free_more(conn);
    (void)account_set(&conn->account, QUOTA_QUEUED_BYTES, 0, NULL);
    (void)account_set(&conn->account, QUOTA_QUEUED_MESSAGES, 0, NULL);
    (void)account_set(&conn->account, QUOTA_KERNEL_BYTES, 0, NULL);
    (void)account_set(&conn->account, QUOTA_UNAUTHENTICATED_BYTES, 0, NULL);
    (void)account_set(&conn->account, QUOTA_REQUESTS, 0, NULL); /* of which none is open */
}

/* ---- giving back -------------------------------------------------------------- */

/* Of a queue with a share in the burst nobody knows how long it is. */
static void trim(struct conn *conn)
{
    if (conn->out.first_share)
        return;
    account_trim(&conn->account, QUOTA_QUEUED_BYTES, conn_queued(conn));
    account_trim(&conn->account, QUOTA_QUEUED_MESSAGES, conn->out.n_messages);
    conn->net->burst->era++; /* what was measured by the grant */
}

static void book_overdraft(struct conn *conn)
{
    struct conn_more *more = conn->more;
    uint64_t queued = conn_queued(conn);
    uint32_t granted = conn->account.use[QUOTA_QUEUED_BYTES];
    uint32_t overdraft = queued > granted ? (uint32_t)(queued - granted) : 0;
    if (overdraft != more->overdraft)
        set_overdrawn(conn->net, conn->net->overdrawn - more->overdraft + overdraft);
    more->overdraft = overdraft;
    if (overdraft == 0)
        more->n_reserve = 0;
}

void conn_give_back(struct conn *conn)
{
    trim(conn);
    if (conn->more)
        book_overdraft(conn);
}

/* What others were granted and do not use goes to who asks now. */
static bool reclaim(struct net *net)
{
    uint64_t now = loop_now_ns(net->loop);
    if (now - net->reclaimed_ns < RECLAIM_MS * MS)
        return false;
    net->reclaimed_ns = now;
    for (struct conn_more *more = net->more; more; more = more->next)
        trim(more->conn);
    return true;
}

static bool needs_more(const struct conn *conn)
{
    const struct conn_more *more = conn->more;
    return conn->hungry || more->has_buffer || more->overdraft > 0 || !outq_is_empty(&conn->out) ||
           conn->in;
}

static void on_look(struct timer *timer, uint64_t now_ns)
{
    struct net *net = (struct net *)((char *)timer - offsetof(struct net, more_timer));
    (void)now_ns;
    for (struct conn_more *more = net->more, *next; more; more = next) {
        next = more->next;
        conn_buffer_quiet(more->conn);
        conn_give_back(more->conn);
        if (!needs_more(more->conn))
            free_more(more->conn);
    }
    if (net->more)
        look_in(net, net->hungry ? FEED_MS : LOOK_MS);
    if (net->hungry)
        loop_again(net->loop); /* for net_feed */
}

/* ---- asking for more ------------------------------------------------------------ */

static bool cover(struct conn *conn, uint64_t n_bytes, uint64_t n_messages)
{
    struct account *account = &conn->account;
    return account_cover(account, QUOTA_QUEUED_BYTES, n_bytes, NULL) == STATUS_OK &&
           account_cover(account, QUOTA_QUEUED_MESSAGES, n_messages, NULL) == STATUS_OK;
}

/* Messages come one after the other, and a refusal costs more than each of them. */
static bool was_refused(const struct conn_more *more, uint64_t round, uint64_t n_bytes,
                        uint64_t n_messages)
{
    return more->refused_round == round &&
           (n_bytes >= more->refused_bytes || n_messages >= more->refused_messages);
}

static void note_refusal(struct conn *conn, uint64_t round, uint64_t n_bytes, uint64_t n_messages)
{
    struct conn_more *more = conn->more;
    if (!more)
        return;
    if (more->refused_round != round)
        more->refused_bytes = more->refused_messages = UINT32_MAX;
    more->refused_round = round;
    if (n_bytes > conn->account.use[QUOTA_QUEUED_BYTES])
        more->refused_bytes = (uint32_t)n_bytes;
    else
        more->refused_messages = (uint32_t)n_messages;
}

bool conn_raise(struct conn *conn, uint64_t n_bytes, uint64_t n_messages)
{
    struct net *net = conn->net;
    struct conn_more *more = conn_get_more(conn); /* without memory it gives back later */
    uint64_t round = loop_round(net->loop);
    if (more && was_refused(more, round, n_bytes, n_messages))
        return false;
    if (cover(conn, n_bytes, n_messages) || (reclaim(net) && cover(conn, n_bytes, n_messages)))
        return true;
    note_refusal(conn, round, n_bytes, n_messages);
    return false;
}

static uint32_t left(uint32_t limit, uint64_t used)
{
    return used < limit ? limit - (uint32_t)used : 0;
}

uint32_t conn_left(const struct conn *conn)
{
    uint32_t granted = left(conn->account.use[QUOTA_QUEUED_BYTES], conn_queued(conn));
    uint32_t allowed = left(CONN_QUEUE_BYTES, conn->out.n_bytes);
    return granted < allowed ? granted : allowed;
}

uint64_t conn_room(const struct conn *conn, enum quota_kind kind)
{
    return account_room(&conn->account, kind);
}

/* ---- output --------------------------------------------------------------------- */

void conn_book(struct conn *conn)
{
    (void)conn_covers(conn, conn_queued(conn), conn->out.n_messages);
    if (conn->more)
        book_overdraft(conn);
}

/* Answers to what the peer provokes have a reserve of their own. */
bool conn_may_say(struct conn *conn, size_t len)
{
    uint64_t n_bytes = conn_queued(conn) + len;
    if (conn->out.n_bytes > CONN_QUEUE_BYTES + CONTROL_RESERVE)
        return false;
    if (conn_covers(conn, n_bytes, (uint64_t)conn->out.n_messages + 1) || !conn->more ||
        conn->out.n_messages == 0)
        return true;
    conn->more->n_reserve += (uint32_t)len;
    return conn->more->n_reserve <= CONTROL_RESERVE;
}

/* ---- input ---------------------------------------------------------------------- */

uint64_t conn_input(const struct conn *conn)
{
    const struct block *in = conn->in;
    if (!in)
        return 0;
    uint64_t frame = conn->in_to - conn->in_from;
    if (frame >= FRAME_PREFIX)
        frame = FRAME_PREFIX + (uint64_t)load_be32(in->data + conn->in_from);
    return frame > in->cap ? frame : in->cap;
}

uint32_t conn_read_room(struct conn *conn)
{
    (void)conn_covers(conn, conn_queued(conn) + READ_BLOCK, 0);
    uint32_t room = left(conn->account.use[QUOTA_QUEUED_BYTES], conn_queued(conn));
    return room > READ_MIN ? room : READ_MIN;
}

static void end_for(struct conn *conn, const struct quota_refusal *refusal, const char *what,
                    uint64_t n_bytes)
{
    char text[REFUSAL_TEXT_MAX];
    char sentence[REFUSAL_TEXT_MAX + 60];
    snprintf(sentence, sizeof sentence, "%s of %llu bytes: %s", what, (unsigned long long)n_bytes,
             refusal_text(refusal, text));
    conn_end(conn, STATUS_QUOTA, sentence);
}

static void go_hungry(struct conn *conn)
{
    struct conn_more **link = &conn->net->hungry;
    if (conn->hungry)
        return;
    while (*link)
        link = &(*link)->next_hungry;
    *link = conn->more;
    conn->more->next_hungry = NULL;
    conn->hungry = true;
    conn->account.user->n_hungry++;
    look_in(conn->net, FEED_MS);
    conn_ask(conn);
}

static void book_greeting(struct conn *conn)
{
    struct quota_refusal refusal;
    uint64_t n_bytes = conn->in ? conn->in->cap : 0;
    if (account_set(&conn->account, QUOTA_UNAUTHENTICATED_BYTES, n_bytes, &refusal) != STATUS_OK)
        end_for(conn, &refusal, "a HELLO in parts", n_bytes);
}

/* However little others leave of a limit, one frame of each uid at a time may always come in. */
static bool indulge(struct conn *conn)
{
    struct quota_user *user = conn->account.user;
    if (conn->indulged)
        return true;
    if (user->indulged)
        return false;
    user->indulged = &conn->account;
    conn->indulged = true;
    return true;
}

void conn_not_indulged(struct conn *conn)
{
    if (!conn->indulged)
        return;
    conn->indulged = false;
    conn->account.user->indulged = NULL;
    if (conn->net->hungry)
        loop_again(conn->net->loop); /* the next one's turn */
}

static uint64_t most_input(const struct conn *conn)
{
    return conn->net->quota->limits.per_connection[QUOTA_QUEUED_BYTES];
}

/* It is more than one connection may ever have. */
static void refuse_frame(struct conn *conn, uint64_t n_input)
{
    struct quota_refusal refusal = {
        .status = STATUS_QUOTA,
        .kind = QUOTA_QUEUED_BYTES,
        .limit = limits_one_name(QUOTA_QUEUED_BYTES),
        .value = most_input(conn),
        .used = conn->account.use[QUOTA_QUEUED_BYTES],
    };
    end_for(conn, &refusal, "a frame", n_input);
}

/* Nobody's frames keep others' of the same uid waiting. */
static bool is_next(const struct conn *conn)
{
    return conn->indulged || conn->account.user->n_hungry == 0;
}

/* The whole frame, before it has come: if many were covered by and by, none might become whole. */
void conn_book_input(struct conn *conn)
{
    if (conn->state == CONN_GREETING) {
        book_greeting(conn);
        return;
    }
    uint64_t queued = conn_queued(conn);
    uint64_t n_input = conn_input(conn);
    if (conn_covers(conn, queued, 0))
        conn_not_indulged(conn);
    else if (conn->held || conn->is_resumed || n_input <= FREE_INPUT)
        conn_book(conn);
    else if (n_input > most_input(conn))
        refuse_frame(conn, n_input);
    else if (!conn->more)
        conn_end(conn, STATUS_NO_MEMORY, NULL);
    else if (is_next(conn) && indulge(conn))
        conn_book(conn);
    else
        go_hungry(conn);
}

/* ---- those who are hungry ------------------------------------------------------------ */

static bool feed(struct conn *conn)
{
    uint64_t queued = conn_queued(conn);
    conn->more->refused_round = 0;
    if (conn_covers(conn, queued, 0))
        return true;
    if (conn->net->ops->refused(conn, QUOTA_QUEUED_BYTES) && conn_covers(conn, queued, 0))
        return true;
    return indulge(conn);
}

static uint32_t count_hungry(const struct net *net)
{
    uint32_t n = 0;
    for (struct conn_more *more = net->hungry; more && n < FEED_MAX; more = more->next_hungry)
        n++;
    return n;
}

/* In turn, since the first one may want more than there is for long. */
void net_feed(struct net *net)
{
    for (uint32_t n = count_hungry(net); n > 0 && net->hungry; n--) {
        struct conn *conn = net->hungry->conn;
        conn_fed(conn);
        if (feed(conn))
            conn_ask(conn);
        else
            go_hungry(conn);
    }
}

/* ---- all of them ------------------------------------------------------------------ */

/* Those that are dead keep their account until they are buried. */
static struct account *next_account(struct account *account, void *userdata)
{
    const struct net *net = userdata;
    struct conn *conn = account ? conn_of_account(account) : NULL;
    struct conn *next = conn ? conn->next : net->all;
    if (!next && (!conn || conn->state != CONN_DEAD))
        next = net->dead;
    return next ? &next->account : NULL;
}

struct account_walk net_accounts(struct net *net)
{
    return (struct account_walk){ next_account, net };
}
