/* The table: what is in it is found, whatever came and went; and it is never far from as large
 * as it has to be.
 */
#include "broker/route/table.h"

#include "tests/kit/runner.h"
#include "tests/unit/unit.h"

enum { KEYS = 5000 };

struct thing {
    uint32_t key;
    slab_ref next;
};

static uint32_t (*mix)(uint32_t key);

static uint32_t hash(const struct table *table, const void *thing)
{
    (void)table;
    return mix(((const struct thing *)thing)->key);
}

static uint32_t mix_well(uint32_t key)
{
    return key * UINT32_C(0x9e3779b9);
}

static uint32_t mix_badly(uint32_t key)
{
    return key % 3;
}

static const struct table_kind kind = { offsetof(struct thing, next), hash };
static struct slab slab;
static struct table table;
static struct thing *things[KEYS];

static struct thing *find(uint32_t key)
{
    struct thing *thing = slab_at(&slab, table_first(&table, mix(key)));
    while (thing && thing->key != key)
        thing = slab_at(&slab, thing->next);
    return thing;
}

static void add(uint32_t key)
{
    things[key] = slab_take(&slab, sizeof *things[key]);
    assert_non_null(things[key]);
    things[key]->key = key;
    assert_int_equal(table_add(&table, &kind, &slab, things[key]), 0);
}

static void take_out(struct thing *thing)
{
    table_remove(&table, &kind, &slab, thing);
    things[thing->key] = NULL;
    slab_give(thing);
}

static void check_all(void)
{
    uint32_t n = 0;
    for (struct thing *thing = NULL; (thing = table_next(&table, &kind, &slab, thing)); n++)
        assert_ptr_equal(things[thing->key], thing);
    assert_int_equal(n, table.n);
    for (uint32_t key = 0; key < KEYS; key++)
        assert_ptr_equal(find(key), things[key]);
    if (table.n > 8)
        assert_in_range(table.n_buckets, table.n, 2 * table.n + 1);
}

static void run(uint32_t (*with)(uint32_t), int n_rounds)
{
    uint64_t random = 5;
    mix = with;
    for (int round = 0; round < n_rounds; round++) {
        /* It swells, and shrinks, and swells. */
        uint32_t wanted = (uint32_t)random_below(&random, KEYS);
        while (table.n != wanted) {
            uint32_t key = (uint32_t)random_below(&random, KEYS);
            if (table.n < wanted && !things[key])
                add(key);
            else if (table.n > wanted && things[key])
                take_out(things[key]);
        }
        check_all();
    }
    for (struct thing *thing; (thing = table_any(&table, &slab));)
        take_out(thing);
    assert_int_equal(table.n, 0);
    assert_null(table.buckets); /* an empty one owns nothing */
    assert_null(table_next(&table, &kind, &slab, NULL));
    assert_int_equal(table_first(&table, 1), 0);
    slab_deinit(&slab);
}

static void what_is_in_it_is_found(void **state)
{
    (void)state;
    run(mix_well, 60);
}

static void also_if_all_hashes_are_alike(void **state)
{
    (void)state;
    run(mix_badly, 2);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        kit_test(what_is_in_it_is_found),
        kit_test(also_if_all_hashes_are_alike),
    };
    return kit_run("table", tests, KIT_LENGTH(tests));
}
