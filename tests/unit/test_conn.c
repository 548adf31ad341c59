/* Connections: what they have only at times, and how they end when the loop fails them. */
#include "broker/net/conn.h"

#include <sys/epoll.h>

#include "tests/unit/route_kit.h"

static bool no_memory;

/* As the kernel may, when it has to make an entry of its set. */
int epoll_ctl(int epfd, int op, int fd, struct epoll_event *event)
{
    if (no_memory && op != EPOLL_CTL_DEL) {
        errno = ENOMEM;
        return -1;
    }
    return (int)syscall(SYS_epoll_ctl, epfd, op, fd, event);
}

static void what_is_idle_has_nothing_it_does_not_need(void **state)
{
    (void)state;
    start();
    struct cli *a = cli_connect();
    assert_non_null(a->client->conn.deadline); /* for its HELLO */
    cli_close(a);
    a = cli_open();
    assert_null(a->client->conn.deadline);
    assert_null(a->client->conn.in);
    assert_null(a->client->hold);
    assert_null(a->client->refusal);
    assert_null(a->client->sids.buckets);
    assert_in_range(sizeof *a->client + sizeof *a->client->conn.card, 1, 544);
    cli_ref(a, OP_GOODBYE, 0);
    turn();
    assert_non_null(a->client->conn.deadline); /* to half-close */
    cli_close(a);
    stop();
}

static void a_hello_has_its_time(void **state)
{
    (void)state;
    start();
    struct cli *a = cli_connect();
    skip_ms(HELLO_TIMEOUT_MS - 100);
    expect_silence(a);
    skip_ms(200);
    assert_int_equal(expect(a, OP_GOODBYE)->e.goodbye.status, STATUS_HELLO_TIMEOUT);
    skip_ms(LINGER_LIMIT_MS + 100);
    assert_int_equal(session.net.n_conns, 0);
    cli_close(a);
    stop();
}

/* It would stay deaf for good. */
static void whom_the_loop_does_not_take_back_ends(void **state)
{
    (void)state;
    start();
    struct cli *a = cli_open();
    conn_hold(&a->client->conn);
    turn();
    no_memory = true;
    conn_resume(&a->client->conn);
    turn();
    no_memory = false;
    assert_int_equal(session.net.n_conns, 0);
    assert_int_equal(counters.vanished, 1);
    cli_close(a);
    stop();
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        kit_test(what_is_idle_has_nothing_it_does_not_need),
        kit_test(a_hello_has_its_time),
        kit_test(whom_the_loop_does_not_take_back_ends),
    };
    return kit_run("conn", tests, KIT_LENGTH(tests));
}
