/* The slab: names and addresses, what comes back, and what goes back to the system. */
#include "broker/net/slab.h"

#include "tests/kit/runner.h"
#include "tests/unit/unit.h"

enum { THINGS = 20000 };

struct thing {
    uint8_t *at;
    size_t size;
    uint8_t mark;
};

static void check(const struct slab *slab, const struct thing *thing)
{
    assert_ptr_equal(slab_at(slab, slab_ref_of(thing->at)), thing->at);
    for (size_t i = 0; i < thing->size; i++) {
        if (thing->at[i] != thing->mark)
            fail_msg("byte %zu of %zu", i, thing->size);
    }
}

static void take(struct slab *slab, struct thing *thing, size_t size, uint8_t mark)
{
    *thing = (struct thing){ slab_take(slab, size), size, mark };
    assert_non_null(thing->at);
    assert_int_equal((uintptr_t)thing->at % (size % 8 ? 4 : 8), 0);
    memset(thing->at, mark, size);
}

static void things_keep_their_places_and_names(void **state)
{
    static struct thing things[THINGS];
    struct slab slab = { 0 };
    uint64_t random = 3;

    (void)state;
    for (size_t round = 0; round < 5 * THINGS; round++) {
        struct thing *thing = &things[random_below(&random, THINGS)];
        if (thing->at) {
            check(&slab, thing);
            slab_give(thing->at);
            thing->at = NULL;
        } else {
            take(&slab, thing, 1 + random_below(&random, round % 2 ? SLAB_MAX : 64),
                 (uint8_t)random_next(&random));
        }
    }
    for (size_t i = 0; i < THINGS; i++) {
        if (things[i].at)
            check(&slab, &things[i]);
        slab_give(things[i].at);
    }
    assert_int_equal(slab.n_things, 0);
    slab_deinit(&slab);
    slab_deinit(&slab);
}

static void none_is_null(void **state)
{
    struct slab slab = { 0 };

    (void)state;
    assert_null(slab_at(&slab, 0));
    assert_int_equal(slab_ref_of(NULL), 0);
    slab_give(NULL);
    slab_deinit(&slab);
}

/* Of what was empty one chunk a size may stay. */
static void empty_chunks_go_back(void **state)
{
    static void *things[THINGS];
    struct slab slab = { 0 };

    (void)state;
    for (int round = 0; round < 3; round++) {
        for (size_t i = 0; i < THINGS; i++)
            things[i] = slab_take(&slab, 100);
        assert_in_range(slab.n_bytes, THINGS * 100, THINGS * (KIT_SANITIZED ? 200 : 110));
        for (size_t i = 0; i < THINGS; i++) /* in an order of no use */
            slab_give(things[i * 7919 % THINGS]);
        assert_in_range(slab.n_bytes, 0, SLAB_CHUNK);
    }
    slab_deinit(&slab);
    assert_int_equal(slab.n_bytes, 0);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        kit_test(things_keep_their_places_and_names),
        kit_test(none_is_null),
        kit_test(empty_chunks_go_back),
    };
    return kit_run("slab", tests, KIT_LENGTH(tests));
}
