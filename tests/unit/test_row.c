/* Rows: which of a client's overlapping subscriptions are named, and that lists share them. */
#include "broker/route/row.h"

#include "tests/unit/route_kit.h"

static struct dest *find(const char *subject)
{
    enum status status = STATUS_OK;
    struct dest *dest = dest_find(&session.route, subject, strlen(subject), &status);
    assert_non_null(dest);
    return dest;
}

static void lanes_are_in_order_of_sids(void **state)
{
    static struct lane all[MAX_OVERLAP];
    struct lane *lanes[MAX_OVERLAP];
    (void)state;
    srandom(7);
    for (int round = 0; round < 3000; round++) {
        uint32_t n = 1 + (uint32_t)random() % MAX_OVERLAP;
        uint32_t mask = round % 3 == 0 ? 0xff : round % 3 == 1 ? 0xff00 : MAX_SID;
        uint64_t sum = 0, sorted_sum = 0;
        for (uint32_t i = 0; i < n; i++) {
            all[i].sid = (uint32_t)random() & mask;
            lanes[i] = &all[i];
            sum += all[i].sid;
        }
        lanes_sort(lanes, n);
        for (uint32_t i = 0; i < n; i++) {
            sorted_sum += lanes[i]->sid;
            assert_true(i == 0 || lanes[i - 1]->sid <= lanes[i]->sid);
        }
        assert_int_equal(sum, sorted_sum);
    }
}

/* Whatever the order in which the index finds them. */
static void the_lowest_sids_are_named(void **state)
{
    enum { N = MAX_SIDS + 30 };
    (void)state;
    start();
    struct cli *a = cli_open();
    for (uint32_t i = 0; i < N; i++) {
        uint32_t sid = 1 + i * 37 % N;
        cli_sub(a, sid * 1000, sid % 3 ? sid % 3 == 1 ? "x.*" : ">" : "x.y");
    }
    struct dest *dest = find("x.y");
    assert_int_equal(dest->n_matched, N);
    assert_int_equal(dest->n_rows, 1);
    assert_int_equal(dest->n_beyond, N - MAX_SIDS);
    for (uint32_t i = 0; i < N; i++) {
        const struct lane *lane =
            i < MAX_SIDS ? dest->receivers[0].to->lanes[i] : dest->rows[0]->beyond[i - MAX_SIDS];
        assert_int_equal(lane->sid, 1000 * (i + 1));
    }
    assert_false(dest->shared);
    cli_close(a);
    stop();
}

static void subjects_share_what_matches_the_same(void **state)
{
    (void)state;
    start();
    struct cli *a = cli_open();
    struct cli *b = cli_open();
    for (uint32_t sid = 1; sid <= 10; sid++) {
        cli_sub(a, sid, "x.*", .bytes = 1000 * sid);
        cli_sub(b, sid, "x.>");
    }
    cli_sub(a, 11, "x.b");
    struct dest *first = find("x.a"), *same = find("x.c");
    assert_int_equal(first->n_receivers, 2);
    for (int i = 0; i < 2; i++)
        assert_ptr_equal(first->receivers[i].to, same->receivers[i].to);
    assert_true(first->n_bytes > same->n_bytes); /* who came first pays */
    assert_int_equal(first->max_bytes, 1000);
    assert_int_equal(same->max_bytes, 1000);
    struct dest *other = find("x.b");
    assert_int_equal(other->receivers[0].to->n, 11);
    assert_ptr_not_equal(other->receivers[0].to, first->receivers[0].to);
    assert_ptr_equal(other->receivers[1].to, first->receivers[1].to);
    cli_close(a);
    cli_close(b);
    stop();
}

/* A subscription that has gone is not kept for the next subject's sake. */
static void nothing_is_kept_of_who_unsubscribes(void **state)
{
    (void)state;
    start();
    struct cli *a = cli_open();
    cli_sub(a, 1, "x");
    cli_sub(a, 2, ">");
    struct row **place = &session.route.rows[a->client->conn.card->id % ROWS_KEPT];
    assert_int_equal(find("x")->n_receivers, 1);
    assert_non_null(*place);
    cli_unsub(a, 2, OP_UNSUB);
    expect(a, OP_OK);
    assert_null(*place);
    assert_int_equal(find("x")->receivers[0].to->n, 1);
    assert_null(*place); /* one alone needs no row */
    cli_sub(a, 2, ">");
    cli_publish(a, "x", 1, 8);
    assert_int_equal(number_of(expect(a, OP_MESSAGE)), 1);
    assert_int_equal(a->n_sids, 2);
    cli_close(a);
    assert_null(*place);
    stop();
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        kit_test(lanes_are_in_order_of_sids),
        kit_test(the_lowest_sids_are_named),
        kit_test(subjects_share_what_matches_the_same),
        kit_test(nothing_is_kept_of_who_unsubscribes),
    };
    return kit_run("row", tests, KIT_LENGTH(tests));
}
