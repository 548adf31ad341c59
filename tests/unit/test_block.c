/* Blocks: references, and the pool of read blocks. */
#include "broker/net/block.h"

#include "tests/kit/runner.h"
#include "tests/unit/unit.h"

static void a_plain_block_has_its_size(void **state)
{
    (void)state;
    struct block *block = block_new(100);
    assert_non_null(block);
    assert_int_equal(block->cap, 100);
    assert_int_equal(block->used, 0);
    assert_int_equal(block->refs, 1);
    assert_null(block->pool);
    memset(block->data, 1, 100);
    block_ref(block);
    block_unref(block);
    block_unref(block);
    block_unref(NULL);
}

static void the_current_block_begins_anew_when_nobody_uses_it(void **state)
{
    (void)state;
    struct block_pool pool = { 0 };
    struct block *block = block_pool_current(&pool);
    assert_int_equal(block->cap, READ_BLOCK);
    block->used = 1000;
    assert_ptr_equal(block_pool_current(&pool), block);
    assert_int_equal(block->used, 0);

    block->used = 1000;
    block_ref(block);
    assert_ptr_equal(block_pool_current(&pool), block);
    assert_int_equal(block->used, 1000);
    block_unref(block);
    block_pool_deinit(&pool);
}

static void a_full_block_gives_way(void **state)
{
    (void)state;
    struct block_pool pool = { 0 };
    struct block *first = block_ref(block_pool_current(&pool));
    first->used = READ_BLOCK - READ_ROOM_MIN;
    assert_ptr_equal(block_pool_current(&pool), first);
    first->used++;
    struct block *second = block_pool_current(&pool);
    assert_ptr_not_equal(second, first);
    assert_int_equal(first->refs, 1); /* ours: the pool has let go */
    block_unref(first);
    assert_int_equal(pool.n_free, 1);

    block_ref(second);
    second->used = READ_BLOCK;
    assert_ptr_equal(block_pool_current(&pool), first); /* out of the pool */
    assert_int_equal(first->refs, 1);
    assert_int_equal(first->used, 0);
    assert_int_equal(pool.n_free, 0);
    block_unref(second);
    block_pool_deinit(&pool);
    assert_null(pool.current);
    block_pool_deinit(&pool);
}

static void the_pool_keeps_only_so_many(void **state)
{
    (void)state;
    struct block_pool pool = { 0 };
    struct block *held[POOLED_BLOCKS_MAX + 3];
    for (size_t i = 0; i < COUNT_OF(held); i++) {
        held[i] = block_ref(block_pool_current(&pool));
        held[i]->used = READ_BLOCK;
    }
    for (size_t i = 0; i < COUNT_OF(held); i++)
        block_unref(held[i]);
    assert_int_equal(pool.n_free, POOLED_BLOCKS_MAX);
    block_pool_deinit(&pool);
}

static void a_large_block_comes_back(void **state)
{
    (void)state;
    struct block_pool pool = { 0 };
    struct block *block = block_pool_new(&pool, 2 << 20);
    block_unref(block);
    assert_ptr_equal(block_pool_new(&pool, (2 << 20) - 1000), block); /* a little less finds it */
    assert_int_equal(block->cap, (2 << 20) - 1000);
    block_unref(block);
    assert_int_equal(pool.n_large_bytes, block->size);
    struct block *small = block_pool_new(&pool, LARGE_BLOCK_MIN);
    assert_ptr_not_equal(small, block); /* most of it would lie idle */
    block_unref(small);
    block_pool_deinit(&pool);
}

static void a_block_grows_with_what_is_in_it(void **state)
{
    (void)state;
    struct block_pool pool = { 0 };
    struct block *kept = block_pool_new(&pool, 1 << 20);
    block_unref(kept);
    assert_true(block_pool_keeps(&pool, 1 << 20));
    struct block *block = block_pool_new(&pool, 400 << 10);
    assert_ptr_equal(block, kept);
    assert_false(block_pool_keeps(&pool, 1 << 20));
    memset(block->data, 7, 400 << 10);
    assert_ptr_equal(block_grow(block, 1 << 20), kept); /* it has the room */
    block = block_grow(block, 8 << 20);
    assert_int_equal(block->cap, 8 << 20);
    assert_int_equal(pool.n_bytes, block->size);
    assert_int_equal(block->data[(400 << 10) - 1], 7);
    block_unref(block);
    assert_int_equal(pool.n_bytes, 0);
    block_pool_deinit(&pool);
}

/* What was kept before is not kept for ever. */
static void the_newest_large_blocks_are_kept(void **state)
{
    (void)state;
    enum { N = LARGE_BYTES_MAX / LARGE_BLOCK_MIN + 4 };
    struct block_pool pool = { 0 };
    struct block *held[N];
    for (int i = 0; i < N; i++)
        held[i] = block_pool_new(&pool, LARGE_BLOCK_MIN);
    for (int i = 0; i < N; i++)
        block_unref(held[i]);
    assert_in_range(pool.n_large_bytes, LARGE_BYTES_MAX / 2, LARGE_BYTES_MAX);
    struct block *block = block_pool_new(&pool, 1 << 20);
    block_unref(block);
    assert_in_range(pool.n_large_bytes, 1 << 20, LARGE_BYTES_MAX);
    assert_ptr_equal(block_pool_new(&pool, 1 << 20), block);
    block_unref(block);
    block_unref(block_pool_new(&pool, LARGE_BYTES_MAX + 1)); /* too large to keep */
    assert_in_range(pool.n_large_bytes, 1 << 20, LARGE_BYTES_MAX);
    block_pool_deinit(&pool);
    assert_int_equal(pool.n_large_bytes, 0);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        kit_test(a_plain_block_has_its_size),
        kit_test(the_current_block_begins_anew_when_nobody_uses_it),
        kit_test(a_full_block_gives_way),
        kit_test(the_pool_keeps_only_so_many),
        kit_test(a_large_block_comes_back),
        kit_test(a_block_grows_with_what_is_in_it),
        kit_test(the_newest_large_blocks_are_kept),
    };
    return kit_run("block", tests, KIT_LENGTH(tests));
}
