/* Where a subject goes: receivers by client, groups by name, and the cache. */
#include "broker/route/dest.h"

#include "tests/unit/route_kit.h"

static struct dest *find(const char *subject)
{
    enum status status = STATUS_OK;
    struct dest *dest = dest_find(&session.route, subject, strlen(subject), &status);
    assert_int_equal(dest == NULL, status != STATUS_OK);
    return dest;
}

static void receivers_are_clients(void **state)
{
    (void)state;
    start();
    struct cli *a = cli_open();
    struct cli *b = cli_open();
    cli_sub(b, 9, "x.*");
    cli_sub(a, 3, "x.y");
    cli_sub(a, 1, ">");
    cli_sub(a, 2, "other");
    struct dest *dest = find("x.y");
    assert_int_equal(dest->n_matched, 3);
    assert_int_equal(dest->n_receivers, 2);
    assert_ptr_equal(dest->receivers[0].client, a->client);
    assert_int_equal(dest->receivers[0].to->n, 2);
    assert_int_equal(dest->receivers[0].to->lanes[0]->sid, 1); /* in order of sids */
    assert_int_equal(dest->receivers[0].to->lanes[1]->sid, 3);
    assert_int_equal(dest->receivers[1].to->lanes[0]->sid, 9);
    assert_false(dest->one_by_one);
    cli_close(a);
    cli_close(b);
    stop();
}

static void groups_go_by_name(void **state)
{
    (void)state;
    start();
    struct cli *a = cli_open();
    struct cli *b = cli_open();
    cli_sub(a, 1, "x", .group = "red");
    cli_sub(b, 1, "*", .group = "red");
    cli_sub(b, 2, "x", .group = "blue");
    cli_sub(b, 3, "x");
    struct dest *dest = find("x");
    assert_int_equal(dest->n_matched, 3);
    assert_int_equal(dest->n_receivers, 1);
    assert_int_equal(dest->n_groups, 2);
    assert_int_equal(dest->n_members, 3);
    assert_int_equal(dest->groups[0].n + dest->groups[1].n, 3); /* in no order */
    assert_int_equal(dest->groups[0].first, 0);
    assert_int_equal(dest->groups[1].first, dest->groups[0].n);
    const struct dest_group *red = &dest->groups[dest->groups[0].n == 1];
    for (uint32_t i = 0; i < red->n; i++)
        assert_string_equal(sub_group(sub_of(dest->members[red->first + i].to->lanes[0])), "red");
    assert_true(dest->one_by_one);
    cli_close(a);
    cli_close(b);
    stop();
}

static void more_sids_than_one_select_names(void **state)
{
    (void)state;
    start();
    struct cli *a = cli_open();
    for (uint32_t sid = 1; sid <= 70; sid++)
        cli_sub(a, sid, "x");
    struct dest *dest = find("x");
    assert_int_equal(dest->n_receivers, 1);
    assert_int_equal(dest->receivers[0].to->n, MAX_SIDS);
    assert_int_equal(dest->n_beyond, 6);
    assert_int_equal(dest->n_matched, 70);

    cli_publish(a, "x", 1, 0);
    cli_publish(a, "x", 2, 0);
    assert_int_equal(number_of(expect(a, OP_MESSAGE)), 1);
    assert_int_equal(a->n_sids, MAX_SIDS);
    assert_int_equal(number_of(expect(a, OP_MESSAGE)), 2);
    for (int i = 0; i < 6; i++) {
        struct heard *gap = expect(a, OP_GAP);
        assert_int_equal(gap->e.gap.sid, 65 + i);
        assert_int_equal(gap->e.gap.count, 2);
        assert_int_equal(gap->e.gap.reason, GAP_TOO_MANY);
    }
    expect_silence(a);
    assert_int_equal(counters.lost_too_many, 12);
    cli_close(a);
    stop();
}

static void what_ends_by_itself_goes_one_by_one(void **state)
{
    (void)state;
    start();
    struct cli *a = cli_open();
    cli_sub(a, 1, "x", .after = 2);
    struct dest *dest = find("x");
    assert_true(dest->one_by_one);
    cli_close(a);
    stop();
}

static void the_head_is_the_subject_as_msgpack(void **state)
{
    (void)state;
    static char subject[MAX_SUBJECT + 1];
    start();
    for (size_t len = 1; len <= MAX_SUBJECT; len += 31) {
        memset(subject, 'a', len);
        subject[len] = '\0';
        struct dest *dest = find(subject);
        assert_int_equal(dest->subject_len, len);
        assert_memory_equal(dest_subject(dest), subject, len);
        assert_int_equal(dest->head_len, len + (len < 32 ? 1 : 2));
        assert_int_equal(dest->head[0], len < 32 ? 0xa0 + len : 0xd9);
    }
    stop();
}

static void answers_of_another_generation_are_stale(void **state)
{
    (void)state;
    start();
    struct cli *a = cli_open();
    struct dest *dest = find("x");
    assert_int_equal(dest->n_receivers, 0);
    uint64_t walked = counters.lookups_walked;
    assert_ptr_equal(find("x"), dest);
    assert_int_equal(counters.lookups_walked, walked);
    uint64_t epoch = session.route.epoch;
    cli_sub(a, 1, "x");
    assert_true(session.route.epoch > epoch);
    assert_int_equal(find("x")->n_receivers, 1);
    assert_int_equal(counters.lookups_walked, walked + 1);
    cli_close(a);
    assert_int_equal(find("x")->n_receivers, 0);
    stop();
}

static void a_change_of_one_subject_is_its_own(void **state)
{
    (void)state;
    start();
    struct cli *a = cli_open();
    struct dest *other = find("y");
    find("x");
    uint64_t walked = counters.lookups_walked;
    uint64_t epoch = session.route.epoch;
    cli_sub(a, 1, "x");
    assert_true(session.route.epoch > epoch);
    assert_ptr_equal(find("y"), other);
    assert_int_equal(counters.lookups_walked, walked);
    assert_int_equal(find("x")->n_receivers, 1);
    struct lane *lane = &sid_find(a->client, 1)->lane;
    audience_ref(&lane->solo);
    cli_unsub(a, 1, OP_UNSUB);
    expect(a, OP_OK);
    for (int i = 0; i < 200 && lane->solo.refs > 1; i++)
        turn();
    assert_int_equal(lane->solo.refs, 1); /* swept away */
    lane_unref(lane);
    assert_int_equal(find("x")->n_receivers, 0);
    cli_close(a);
    stop();
}

static void a_subject_that_breaks_the_grammar(void **state)
{
    enum status status;
    (void)state;
    start();
    assert_null(dest_find(&session.route, LITERAL("a..b"), &status));
    assert_int_equal(status, STATUS_BAD_SUBJECT);
    assert_null(dest_find(&session.route, LITERAL("a.*"), &status));
    assert_int_equal(status, STATUS_BAD_SUBJECT);
    stop();
}

/* Far more subjects than places, and changes in between. */
static void the_cache_is_bounded_and_swept(void **state)
{
    char subject[32];
    (void)state;
    start();
    struct cli *a = cli_open();
    for (uint32_t i = 0; i < 20000; i++) {
        snprintf(subject, sizeof subject, "s.%u", i);
        find(subject);
        if (i % 5000 == 0)
            cli_sub(a, 1 + i, "s.>");
    }
    snprintf(subject, sizeof subject, "s.%u", 19999);
    assert_int_equal(find(subject)->receivers[0].to->n, 4);
    struct lane *lane = &sid_find(a->client, 1)->lane;
    assert_true(lane->solo.refs > 1000);
    audience_ref(&lane->solo);
    cli_unsub(a, 1, OP_UNSUB);
    expect(a, OP_OK);
    for (int i = 0; i < 2000 && lane->solo.refs > 1; i++)
        turn();
    assert_int_equal(lane->solo.refs, 1); /* no answer remembers it */
    lane_unref(lane);
    cli_close(a);
    stop();
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        kit_test(receivers_are_clients),
        kit_test(groups_go_by_name),
        kit_test(more_sids_than_one_select_names),
        kit_test(what_ends_by_itself_goes_one_by_one),
        kit_test(the_head_is_the_subject_as_msgpack),
        kit_test(answers_of_another_generation_are_stale),
        kit_test(a_change_of_one_subject_is_its_own),
        kit_test(a_subject_that_breaks_the_grammar),
        kit_test(the_cache_is_bounded_and_swept),
    };
    return kit_run("dest", tests, KIT_LENGTH(tests));
}
