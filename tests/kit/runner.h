/*
 * A cmocka group whose tests cannot hang, leak descriptors, or leave anything behind.
 *
 * kit_run() forks: the child runs the group, the parent waits, then kills what the child left running and
 * removes kit_dir() with all in it, however the child ended. Each test has an alarm, and the descriptors of
 * the process are counted before and after it. Processes of broker_proc.h that a failed test left behind
 * are shown (their log) and ended after it.
 *
 *     int main(void)
 *     {
 *         static const struct CMUnitTest tests[] = {
 *             kit_test(a_subscriber_gets_what_is_published),
 *             kit_test(a_closed_slot_answers_no_call),
 *         };
 *         return kit_run("pubsub", tests, KIT_LENGTH(tests));
 *     }
 *
 * This header brings cmocka's own and what it needs. Everything here is for the test's one thread.
 */
#ifndef TESTS_KIT_RUNNER_H
#define TESTS_KIT_RUNNER_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/** Seconds a test may take unless it calls kit_deadline(). */
#define KIT_TIMEOUT_S 30

#define KIT_LENGTH(array) (sizeof(array) / sizeof((array)[0]))

/** An entry of the tests array. @p function is a `static void f(void **state)`. */
#define kit_test(function) cmocka_unit_test_setup_teardown(function, kit_begin, kit_end)

/** True in a build with AddressSanitizer, where memory figures mean nothing. */
#if defined(__SANITIZE_ADDRESS__)
#    define KIT_SANITIZED true
#elif defined(__has_feature)
#    if __has_feature(address_sanitizer)
#        define KIT_SANITIZED true
#    endif
#endif
#ifndef KIT_SANITIZED
#    define KIT_SANITIZED false
#endif

/**
 * Runs the group.
 * @return for main() to return: 0 all passed, 77 every one was skipped (meson's SKIP), else 1.
 */
int kit_run(const char *name, const struct CMUnitTest *tests, size_t n_tests);

/** Gives the running test @p seconds from now on, instead of what is left of its time. */
void kit_deadline(unsigned seconds);

/** Ends the running test as skipped. @p reason is printed, and listed by scripts/test. */
#define kit_skip(reason)      \
    do {                      \
        kit_skipping(reason); \
        skip();               \
    } while (0)

/** The group's private folder (mode 0700, below $TMPDIR or /tmp), removed at the end. */
const char *kit_dir(void);

/** Removes @p path and all below it; follows no link. */
void kit_remove_tree(const char *path);

/** CLOCK_MONOTONIC in nanoseconds. */
int64_t kit_now_ns(void);

/** Sleeps one step of a bounded wait: for loops that ask /proc, where there is nothing to poll. */
void kit_nap(void);

/** Waits until @p condition is true or @p timeout_ms are over; false then. */
#define kit_wait_for(condition, timeout_ms)                                      \
    ({                                                                           \
        const int64_t kit_end_ns = kit_now_ns() + (int64_t)(timeout_ms)*1000000; \
        while (!(condition) && kit_now_ns() < kit_end_ns)                        \
            kit_nap();                                                           \
        (condition);                                                             \
    })

/** Open descriptors of process @p pid, or of this one for 0; -1 when it is gone. */
int kit_count_fds(int pid);

/** Has @p hook called after each test, before descriptors are counted; it may be one hook only. */
void kit_set_cleanup(void (*hook)(void));

/* Behind the macros above. */
int kit_begin(void **state);
int kit_end(void **state);
void kit_skipping(const char *reason);

#endif
