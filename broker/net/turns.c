#include "broker/net/turns.h"

#include "broker/net/conn_internal.h"
#include "broker/net/listener.h"

enum {
    WRITE_SHARED = 64 << 10,
    READ_SHARED = 16 << 10,    /* a part of a turn */
    READS_MAX = 64,            /* a round */
    LONG_NS = 100 * 1000,      /* it may not have been the broker that took so long, */
    CPU_LOOK_NS = 1000 * 1000, /* which is known to within this */
};

static struct pace *pace_of(const struct net *net)
{
    return &net->quota->pace;
}

/* ---- what it cost ------------------------------------------------------------- */

static uint64_t look_at_cpu(struct net *net, uint64_t now_ns)
{
    uint64_t before = net->cpu_ns;
    net->cpu_ns = loop_cpu_ns();
    net->cpu_looked_ns = now_ns;
    return net->cpu_ns - before;
}

/* While another process has the processor, the clock runs on. That is nobody's. */
static uint64_t cost_of(struct net *net, uint64_t from_ns, uint64_t now_ns)
{
    uint64_t took = now_ns - from_ns;
    if (took < LONG_NS)
        return took;
    uint64_t used = look_at_cpu(net, now_ns);
    return used < took ? used : took;
}

/* ---- one turn ----------------------------------------------------------------- */

static void serve_output(struct conn *conn)
{
    conn->has_output = false;
    conn_flush(conn);
}

static void serve_input(struct conn *conn, size_t most)
{
    bool was_resumed = conn->is_resumed;
    conn->is_resumed = conn->has_input = false;
    if (!was_resumed) {
        conn_read(conn, most);
        return;
    }
    conn_offer(conn);
    if (conn->state != CONN_DEAD)
        conn_ask(conn);
}

/* While it stood in line it may have been held, or have ended. */
static void serve(struct conn *conn, size_t most)
{
    if (conn->has_output && conn->state != CONN_DEAD)
        serve_output(conn);
    if (conn->state == CONN_DEAD || conn->held)
        conn->is_resumed = conn->has_input = false;
    else if (conn->is_resumed || (conn->has_input && conn_may_read(conn)))
        serve_input(conn, most);
}

static void stand_in_line(struct conn *conn)
{
    struct pace *pace = pace_of(conn->net);
    struct pace_user *user = &conn->account.user->pace;
    pace_seen(pace, user, loop_now_ns(conn->net->loop));
    pace_wait(pace, user, &conn->turn);
    loop_again(conn->net->loop);
}

void turns_want_write(struct conn *conn)
{
    if (!pace_is_shared(pace_of(conn->net))) {
        conn_dirty(conn);
        return;
    }
    conn->has_output = true;
    stand_in_line(conn);
}

void turns_want_read(struct conn *conn)
{
    struct net *net = conn->net;
    struct pace *pace = pace_of(net);
    uint64_t begun_ns = loop_now_ns(net->loop);
    uint64_t until_ns = begun_ns + PACE_ALONE_NS;
    pace_seen(pace, &conn->account.user->pace, begun_ns);
    conn->has_input = true;
    if (conn->is_resumed || pace->n_waiting > 0 || pace_is_shared(pace) ||
        loop_clock_ns() >= until_ns) {
        stand_in_line(conn); /* perhaps in somebody's turn, which goes on as it was */
        return;
    }
    net->turn_until_ns = until_ns;
    serve(conn, READ_BLOCK);
}

void turns_interrupted(struct conn *conn)
{
    conn->net->is_interrupted = false;
    if (!conn_is_live(conn))
        return;
    conn->is_resumed = true;
    stand_in_line(conn);
}

/* ---- who is not connected yet -------------------------------------------------- */

/* They all count as one user, so that those who are here have their turns whoever comes. */
void turns_want_arrivals(struct net *net)
{
    struct pace *pace = pace_of(net);
    if (!pace_is_shared(pace)) {
        net->let_in(net->let_in_userdata, loop_clock_ns() + LISTENER_NS);
        return;
    }
    pace_seen(pace, &net->arrivals, loop_now_ns(net->loop));
    net->arrivals.is_greedy = true; /* one of them costs as much as hundreds of messages */
    pace_wait(pace, &net->arrivals, &net->door);
    loop_again(net->loop);
}

/* ---- the end of a round -------------------------------------------------------- */

static struct conn *conn_of_turn(struct pace_turn *turn)
{
    return (struct conn *)((char *)turn - offsetof(struct conn, turn));
}

/* It pays for what it says, and for as many bytes of answers. There may be more to read. */
static void serve_conn(struct conn *conn, uint64_t now_ns)
{
    struct pace_user *user = &conn->account.user->pace;
    uint64_t before = conn->bytes_in;
    serve(conn, READ_SHARED);
    uint64_t n_read = conn->bytes_in - before;
    pace_answered(user, n_read);
    pace_spent(user, cost_of(conn->net, now_ns, loop_clock_ns()));
    if (n_read == READ_SHARED && conn_is_live(conn) && conn_may_read(conn)) {
        conn->has_input = true;
        stand_in_line(conn);
    }
}

static void serve_arrivals(struct net *net, uint64_t now_ns)
{
    pace_leave(pace_of(net), &net->arrivals);
    net->let_in(net->let_in_userdata, net->turn_until_ns);
    pace_spent(&net->arrivals, cost_of(net, now_ns, loop_clock_ns()));
}

static void take_shared(struct net *net)
{
    uint64_t now_ns = loop_clock_ns();
    net->turn_until_ns = now_ns + PACE_SHARED_NS;
    if (now_ns - net->cpu_looked_ns > CPU_LOOK_NS)
        (void)look_at_cpu(net, now_ns);
    for (int n = 0; n < READS_MAX && now_ns < net->turn_until_ns; n++) {
        struct pace_turn *turn = pace_next(pace_of(net), now_ns);
        if (turn == &net->door)
            serve_arrivals(net, now_ns);
        else if (turn)
            serve_conn(conn_of_turn(turn), now_ns);
        else
            break;
        now_ns = loop_clock_ns();
    }
}

static void take_alone(struct net *net)
{
    uint64_t now_ns = loop_now_ns(net->loop);
    net->turn_until_ns = now_ns + PACE_ALONE_NS;
    uint32_t n = pace_of(net)->n_waiting; /* each once: who is interrupted stands there again */
    do {
        serve(conn_of_turn(pace_next(pace_of(net), now_ns)), READ_BLOCK);
    } while (--n > 0 && loop_clock_ns() < net->turn_until_ns);
}

void turns_take(struct net *net)
{
    struct pace *pace = pace_of(net);
    net->batch.cuts = pace_is_shared(pace);
    net->batch.share = net->batch.cuts ? WRITE_SHARED : BATCH_BYTES_MAX;
    if (pace->n_waiting == 0)
        return;
    pace_begin(pace);
    if (pace_is_shared(pace) || pace_waits(&net->door)) /* with whom it was shared may be gone */
        take_shared(net);
    else
        take_alone(net);
    pace_end(pace);
    if (pace->n_waiting > 0)
        loop_again(net->loop);
}

void turns_write(struct net *net, void (*write)(struct net *net, uint64_t until_ns))
{
    if (!pace_is_shared(pace_of(net))) {
        write(net, UINT64_MAX);
        return;
    }
    uint64_t from_ns = loop_clock_ns();
    write(net, from_ns + PACE_SHARED_NS);
    pace_wrote(pace_of(net), cost_of(net, from_ns, loop_clock_ns()));
}
