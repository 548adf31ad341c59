/* What callbacks may do to the loop's set while it is dispatched, with both
 * backends: remove and free themselves and others, change, add, and use memory
 * again. ASan watches.
 */
#include "broker/loop/loop.h"

#include "tests/unit/loop_end.h"

enum { CROWD = 40 };

static struct end *crowd[CROWD];
static int n_called;

static void free_end(struct end *end)
{
    close_end(end);
    memset(end, 0xa5, sizeof(*end));
    free(end);
}

static void open_crowd(loop_fd_fn fn)
{
    n_called = 0;
    for (int i = 0; i < CROWD; i++) {
        crowd[i] = malloc(sizeof(struct end));
        assert_non_null(crowd[i]);
        open_end(crowd[i], LOOP_IN, fn);
        poke(crowd[i]);
    }
}

static void free_crowd(void)
{
    for (int i = 0; i < CROWD; i++) {
        if (crowd[i])
            free_end(crowd[i]);
        crowd[i] = NULL;
    }
}

static void free_itself(struct loop_fd *entry, unsigned events)
{
    (void)events;
    n_called++;
    for (int i = 0; i < CROWD; i++)
        if (crowd[i] == end_of(entry))
            crowd[i] = NULL;
    free_end(end_of(entry));
}

static void each_frees_itself(void)
{
    open_crowd(free_itself);
    for (int i = 0; i < CROWD && n_called < CROWD; i++)
        run();
    assert_int_equal(n_called, CROWD);
    run();
    assert_int_equal(n_called, CROWD);
}

static void free_all(struct loop_fd *entry, unsigned events)
{
    (void)entry;
    (void)events;
    n_called++;
    free_crowd();
}

/* The first one called frees all, those before it and after it in the batch. */
static void one_frees_all(void)
{
    open_crowd(free_all);
    run();
    assert_int_equal(n_called, 1);
    run();
    assert_int_equal(n_called, 1);
}

static void replace_others(struct loop_fd *entry, unsigned events)
{
    struct end *self = end_of(entry);

    (void)events;
    n_called++;
    drain(self);
    for (int i = 0; i < CROWD; i++)
        if (crowd[i] != self) {
            close_end(crowd[i]);
            open_end(crowd[i], LOOP_IN, count); /* the same memory, nothing to read */
        }
}

/* An event of the entry that was there before must not reach the new one. */
static void memory_used_again(void)
{
    open_crowd(replace_others);
    run();
    assert_int_equal(n_called, 1);
    for (int i = 0; i < CROWD; i++)
        assert_int_equal(crowd[i]->calls, 0);
    free_crowd();
}

static void silence_others(struct loop_fd *entry, unsigned events)
{
    (void)events;
    n_called++;
    drain(end_of(entry));
    for (int i = 0; i < CROWD; i++)
        if (&crowd[i]->entry != entry)
            assert_int_equal(loop_mod(loop, &crowd[i]->entry, LOOP_NONE), 0);
}

static void others_silenced(void)
{
    open_crowd(silence_others);
    run();
    run();
    assert_int_equal(n_called, 1);
    free_crowd();
}

static struct end late[200];

static void add_many(struct loop_fd *entry, unsigned events)
{
    (void)events;
    drain(end_of(entry));
    for (size_t i = 0; i < COUNT_OF(late); i++) {
        open_end(&late[i], LOOP_IN, count);
        poke(&late[i]);
    }
}

/* The set grows while it is dispatched. */
static void adding_many(void)
{
    struct end end;

    open_end(&end, LOOP_IN, add_many);
    poke(&end);
    for (int i = 0; i < 4; i++)
        run();
    for (size_t i = 0; i < COUNT_OF(late); i++) {
        assert_true(late[i].calls > 0);
        close_end(&late[i]);
    }
    close_end(&end);
}

BOTH(each_frees_itself)
BOTH(one_frees_all)
BOTH(memory_used_again)
BOTH(others_silenced)
BOTH(adding_many)

int main(void)
{
    static const struct CMUnitTest tests[] = {
        kit_test(test_each_frees_itself),
        kit_test(test_one_frees_all),
        kit_test(test_memory_used_again),
        kit_test(test_others_silenced),
        kit_test(test_adding_many),
    };

    return kit_run("loop_changes", tests, KIT_LENGTH(tests));
}
