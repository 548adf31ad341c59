/* When memory is given back to the system: much less is held than was, for a second, and once. */
#include "broker/hoard.h"

#include "tests/unit/route_kit.h"

enum { MANY = 60000 };

static struct hoard hoard;

static void on_hoard_round(void *userdata)
{
    session_round(userdata);
    hoard_round(&hoard);
}

static void begin(void)
{
    clock_stands = true;
    hoard = (struct hoard){ 0 };
    start();
    hoard_init(&hoard, &session);
    loop_set_hook(loop, on_hoard_round, &session);
}

static void end(struct cli *cli)
{
    cli_close(cli);
    hoard_deinit(&hoard);
    stop();
    clock_stands = false;
}

/* As if so many requests were open. */
static void hold(struct cli *cli, uint32_t n)
{
    assert_int_equal(account_set(&cli->client->conn.account, QUOTA_REQUESTS, n, NULL), STATUS_OK);
    skip_ms(HOARD_LOOK_MS);
}

static uint64_t n_trimmed_in(uint64_t ms)
{
    uint64_t before = hoard.n_trimmed;
    for (uint64_t i = 0; i < ms; i += 100)
        skip_ms(100);
    return hoard.n_trimmed - before;
}

static void what_was_much_is_given_back_once(void **state)
{
    (void)state;
    begin();
    struct cli *cli = cli_open();
    assert_int_equal(n_trimmed_in(5000), 0);
    assert_int_equal(hoard.timer.place, 0); /* nothing wakes a broker that holds little */
    hold(cli, MANY);
    assert_int_equal(n_trimmed_in(5000), 0);
    assert_int_equal(hoard.timer.place, 0); /* or where nothing changes */
    hold(cli, MANY / 2 + 1000);
    assert_int_equal(n_trimmed_in(5000), 0);
    hold(cli, 0);
    assert_int_equal(n_trimmed_in(5000), 1);
    assert_int_equal(n_trimmed_in(5000), 0);
    assert_int_equal(hoard.timer.place, 0);
    end(cli);
}

/* Who builds up and drains more often than once a second pays nothing. */
static void turns_are_not_paid_for(void **state)
{
    (void)state;
    begin();
    struct cli *cli = cli_open();
    for (int i = 0; i < 20; i++) {
        hold(cli, MANY);
        assert_int_equal(n_trimmed_in(200), 0);
        hold(cli, 0);
        assert_int_equal(n_trimmed_in(200), 0);
    }
    assert_int_equal(n_trimmed_in(5000), 1);
    end(cli);
}

/* Rounds see to it, but there may be none. */
static void stale_lists_go(void **state)
{
    enum { N = 30000 };
    char subject[240];
    enum status status;
    (void)state;
    begin();
    struct cli *cli = cli_open();
    cli_sub(cli, 1, "x.>");
    memset(subject, 'x', sizeof subject);
    for (int i = 0; i < N; i++) {
        int len = snprintf(subject, sizeof subject, "x.%0200d", i);
        assert_non_null(dest_find(&session.route, subject, (size_t)len, &status));
    }
    skip_ms(HOARD_LOOK_MS);
    assert_in_range(dest_bytes(&session.route), HOARD_MIN, UINT32_MAX);
    cli_sub(cli, 2, "other.*");
    for (int i = 0; i < 6; i++) {
        skipped_ns += UINT64_C(1001) * 1000 * 1000;
        assert_int_equal(loop_run_once(loop, 0), 0);
    }
    assert_int_equal(dest_bytes(&session.route), 0);
    assert_in_range(hoard.n_trimmed, 1, 2);
    end(cli);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        kit_test(what_was_much_is_given_back_once),
        kit_test(turns_are_not_paid_for),
        kit_test(stale_lists_go),
    };
    return kit_run("hoard", tests, KIT_LENGTH(tests));
}
