/* Lanes and audiences: who is meant, and who keeps whose memory. */
#include "broker/net/lane.h"

#include "broker/net/slab.h"
#include "proto/limits.h"
#include "tests/kit/runner.h"
#include "tests/unit/unit.h"

static struct slab slab;

static struct lane *new_lane(uint32_t sid)
{
    struct lane *lane = slab_take(&slab, sizeof *lane);
    assert_non_null(lane);
    lane_init(lane, sid, 100, 3);
    return lane;
}

static void one_always_fits_an_empty_lane(void **state)
{
    (void)state;
    struct lane *lane = new_lane(1);
    assert_true(lane_fits(lane, 1000000));
    lane->n_messages = 1;
    lane->n_bytes = 60;
    assert_true(lane_fits(lane, 40));
    assert_false(lane_fits(lane, 41));
    lane->n_messages = 3;
    assert_false(lane_fits(lane, 1));
    lane->n_messages = 0;
    lane_unref(lane);
}

static void the_audience_of_one_is_built_in(void **state)
{
    (void)state;
    struct lane *lane = new_lane(1);
    struct audience *to = audience_new(&lane, 1);
    assert_ptr_equal(to, &lane->solo);
    assert_true(audience_has(to, lane));
    lane_unref(lane); /* the audience keeps it */
    assert_int_equal(to->lanes[0]->sid, 1);
    audience_unref(to);
    audience_unref(NULL);
}

static void a_set_keeps_its_lanes_and_their_wishes(void **state)
{
    (void)state;
    struct lane *lanes[3] = { new_lane(1), new_lane(2), new_lane(3) };
    lanes[1]->solo.credentials = true;
    lanes[2]->solo.single = true;
    struct audience *to = audience_new(lanes, 3);
    assert_int_equal(to->n, 3);
    assert_true(to->credentials && to->single);

    struct audience *two = audience_without(to, lanes[1]);
    assert_int_equal(two->n, 2);
    assert_false(two->credentials);
    assert_true(two->single);
    assert_false(audience_has(two, lanes[1]));

    struct audience *one = audience_without(two, lanes[0]);
    assert_ptr_equal(one, &lanes[2]->solo);

    for (int i = 0; i < 3; i++)
        lane_unref(lanes[i]);
    audience_unref(to);
    assert_int_equal(two->lanes[0]->sid, 1);
    audience_unref(two);
    assert_int_equal(one->lanes[0]->sid, 3);
    audience_unref(one);
}

static void equal_is_the_same_lanes_in_the_same_order(void **state)
{
    (void)state;
    struct lane *lanes[3] = { new_lane(1), new_lane(2), new_lane(3) };
    struct lane *back[2] = { lanes[1], lanes[0] };
    struct audience *a = audience_new(lanes, 2);
    struct audience *b = audience_new(lanes, 2);
    struct audience *c = audience_new(back, 2);
    struct audience *d = audience_new(lanes, 3);
    assert_true(audience_equal(a, a) && audience_equal(a, b));
    assert_false(audience_equal(a, c));
    assert_false(audience_equal(a, d));
    assert_false(audience_equal(a, NULL));
    assert_false(audience_equal(NULL, a));
    audience_unref(a);
    audience_unref(b);
    audience_unref(c);
    audience_unref(d);
    for (int i = 0; i < 3; i++)
        lane_unref(lanes[i]);
}

static void the_largest_set(void **state)
{
    (void)state;
    struct lane *lanes[MAX_SIDS];
    for (uint32_t i = 0; i < MAX_SIDS; i++)
        lanes[i] = new_lane(i + 1);
    struct audience *to = audience_new(lanes, MAX_SIDS);
    struct audience *rest = audience_without(to, lanes[63]);
    assert_int_equal(rest->n, 63);
    audience_unref(to);
    audience_unref(rest);
    for (uint32_t i = 0; i < MAX_SIDS; i++)
        lane_unref(lanes[i]);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        kit_test(one_always_fits_an_empty_lane),
        kit_test(the_audience_of_one_is_built_in),
        kit_test(a_set_keeps_its_lanes_and_their_wishes),
        kit_test(equal_is_the_same_lanes_in_the_same_order),
        kit_test(the_largest_set),
    };
    return kit_run("lane", tests, KIT_LENGTH(tests));
}
