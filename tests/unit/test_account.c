/* One account: what is covered in advance, what is given back, and charges of their own. */
#include "broker/guard/account.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/quota_kit.h"

enum { STEP = 32 << 10 }; /* the basic amount of queued bytes */

static void start(void)
{
    struct limits limits;
    limits_default(&limits);
    quota_init(&quota, &limits, OWNER);
}

/* Nobody else's books are touched while it lies within what is basic. */
static void small_needs_are_covered_at_once(void **state)
{
    (void)state;
    start();
    peer_open(0, 1000);
    assert_int_equal(account_cover(&peers[0], QUOTA_QUEUED_BYTES, 1, NULL), STATUS_OK);
    assert_int_equal(peers[0].use[QUOTA_QUEUED_BYTES], STEP);
    assert_int_equal(account_cover(&peers[0], QUOTA_QUEUED_BYTES, STEP, NULL), STATUS_OK);
    assert_int_equal(quota.pools[QUOTA_QUEUED_BYTES].n_active, 0);
    account_trim(&peers[0], QUOTA_QUEUED_BYTES, 0);
    assert_int_equal(peers[0].use[QUOTA_QUEUED_BYTES], STEP);
    peers_close();
}

static void more_is_granted_in_steps(void **state)
{
    struct account *a = &peers[0];
    (void)state;
    start();
    peer_open(0, 1000);
    assert_int_equal(account_cover(a, QUOTA_QUEUED_BYTES, STEP + 1, NULL), STATUS_OK);
    assert_int_equal(a->use[QUOTA_QUEUED_BYTES], 2 * STEP);
    assert_int_equal(account_cover(a, QUOTA_QUEUED_BYTES, 2 * STEP + 1, NULL), STATUS_OK);
    assert_int_equal(a->use[QUOTA_QUEUED_BYTES], 3 * STEP);
    assert_int_equal(account_cover(a, QUOTA_QUEUED_BYTES, 10, NULL), STATUS_OK);
    account_trim(a, QUOTA_QUEUED_BYTES, 2 * STEP + 1);
    assert_int_equal(a->use[QUOTA_QUEUED_BYTES], 3 * STEP);
    account_trim(a, QUOTA_QUEUED_BYTES, STEP + 1);
    assert_int_equal(a->use[QUOTA_QUEUED_BYTES], 2 * STEP);
    account_trim(a, QUOTA_QUEUED_BYTES, STEP);
    assert_int_equal(a->use[QUOTA_QUEUED_BYTES], STEP);
    assert_int_equal(quota.pools[QUOTA_QUEUED_BYTES].shared, 0);
    peers_close();
}

/* The last step is what is left, to the byte. */
static void it_is_covered_up_to_the_limit(void **state)
{
    struct quota_refusal refusal;
    struct account *a = &peers[0];
    (void)state;
    struct limits limits;
    limits_default(&limits);
    limits.per_connection[QUOTA_QUEUED_BYTES] = 100000;
    quota_init(&quota, &limits, OWNER);
    peer_open(0, 1000);
    assert_int_equal(account_cover(a, QUOTA_QUEUED_BYTES, 98305, &refusal), STATUS_OK);
    assert_int_equal(a->use[QUOTA_QUEUED_BYTES], 100000);
    assert_int_equal(account_cover(a, QUOTA_QUEUED_BYTES, 100000, &refusal), STATUS_OK);
    assert_int_equal(account_cover(a, QUOTA_QUEUED_BYTES, 100001, &refusal), STATUS_QUOTA);
    assert_string_equal(refusal.limit, "queued-bytes-per-connection");
    assert_int_equal(refusal.value, 100000);
    assert_int_equal(a->use[QUOTA_QUEUED_BYTES], 100000);
    assert_int_equal(account_cover(a, QUOTA_QUEUED_BYTES, UINT64_MAX - STEP, NULL), STATUS_QUOTA);
    assert_int_equal(account_cover(a, QUOTA_QUEUED_BYTES, UINT64_MAX, NULL), STATUS_QUOTA);
    peers_close();
}

/* A kind without basic amounts is granted one by one. */
static void where_nothing_is_basic(void **state)
{
    (void)state;
    start();
    peer_open(0, 1000);
    assert_int_equal(account_cover(&peers[0], QUOTA_DESCRIPTORS, 7, NULL), STATUS_OK);
    assert_int_equal(peers[0].use[QUOTA_DESCRIPTORS], 8);
    account_trim(&peers[0], QUOTA_DESCRIPTORS, 0);
    assert_int_equal(peers[0].use[QUOTA_DESCRIPTORS], 0);
    peers_close();
}

/* Sixty-three clients of one uid read, one does not, and all it can take is taken. */
static void a_stalled_one_leaves_its_neighbours_theirs(void **state)
{
    struct account *stalled = &peers[0];
    (void)state;
    start();
    for (size_t i = 0; i < 64; i++)
        peer_open(i, 1000);
    uint64_t most = peer_fill(0, QUOTA_QUEUED_BYTES);
    assert_int_equal(most, stalled->use[QUOTA_QUEUED_BYTES]);
    assert_int_equal(most, QUEUED_MAX);
    for (size_t i = 1; i < 64; i++)
        assert_int_equal(account_cover(&peers[i], QUOTA_QUEUED_BYTES, 8 << 20, NULL), STATUS_OK);
    peers_close();
}

/* ---- charges ---------------------------------------------------------------- */

static void a_charge_pays_and_is_released(void **state)
{
    struct charge charge = CHARGE_INIT;
    struct charge other = CHARGE_INIT;
    struct account *a = &peers[0];
    (void)state;
    start();
    peer_open(0, 1000);
    charge_release(&charge);
    assert_int_equal(charge_take(&charge, a, QUOTA_DESCRIPTORS, 20, NULL), STATUS_OK);
    assert_int_equal(charge_take(&other, a, QUOTA_DESCRIPTORS, 5, NULL), STATUS_OK);
    assert_int_equal(a->use[QUOTA_DESCRIPTORS], 25);
    assert_int_equal(charge_resize(&charge, 30, NULL), STATUS_OK);
    assert_int_equal(a->use[QUOTA_DESCRIPTORS], 35);
    assert_int_equal(charge_resize(&charge, 100000, NULL), STATUS_QUOTA);
    assert_int_equal(charge.amount, 30);
    assert_int_equal(charge_resize(&charge, 1, NULL), STATUS_OK);
    assert_int_equal(a->use[QUOTA_DESCRIPTORS], 6);
    charge_release(&other);
    charge_release(&charge);
    charge_release(&charge);
    assert_int_equal(a->use[QUOTA_DESCRIPTORS], 0);
    assert_int_equal(charge_take(&charge, a, QUOTA_DESCRIPTORS, 100000, NULL), STATUS_QUOTA);
    assert_null(charge.account);
    peers_close();
}

/* What is retained outlives the connection that sent it, and then its uid's last one. */
static void an_estate_outlives_its_connections(void **state)
{
    struct charge charges[3] = { CHARGE_INIT, CHARGE_INIT, CHARGE_INIT };
    struct quota_refusal refusal;
    char text[REFUSAL_TEXT_MAX];
    (void)state;
    start();
    peer_open(0, 1000);
    for (int i = 0; i < 2; i++)
        assert_int_equal(charge_take(&charges[i], account_estate(&peers[0]), QUOTA_RETAINED_BYTES,
                                     20 << 20, NULL),
                         STATUS_OK);
    assert_int_equal(charge_take(&charges[2], account_estate(&peers[0]), QUOTA_RETAINED_BYTES,
                                 30 << 20, &refusal),
                     STATUS_QUOTA);
    assert_string_equal(refusal_text(&refusal, text),
                        "limit retained-bytes: uid 1000 may hold 58720256 now, and holds 41943040");
    struct account *estate = account_estate(&peers[0]);
    assert_int_equal(account_add(estate, QUOTA_SUBSCRIPTIONS, 1, NULL), STATUS_OK);
    assert_int_equal(account_beyond(estate, QUOTA_SUBSCRIPTIONS), 1); /* nothing is basic here */
    account_sub(estate, QUOTA_SUBSCRIPTIONS, 1);
    peer_close(0);
    assert_int_equal(quota.n_users, 1);
    peer_open(0, 1000); /* it comes back, and finds them */
    assert_int_equal(account_estate(&peers[0])->use[QUOTA_RETAINED_BYTES], 40 << 20);
    peer_close(0);
    charge_release(&charges[0]);
    assert_int_equal(quota.n_users, 1);
    charge_release(&charges[1]);
    charge_release(&charges[2]);
    assert_int_equal(quota.n_users, 0);
    peers_close();
}

/* ---- what is left ----------------------------------------------------------- */

static void close_too_early(void)
{
    account_close(&peers[0]);
}

static void deinit_too_early(void)
{
    quota_deinit(&quota);
}

static void give_back_twice(void)
{
    account_sub(&peers[0], QUOTA_SERVERS, 1);
    account_sub(&peers[0], QUOTA_SERVERS, 1);
}

/* In a process of its own, which an assertion ends. */
static bool is_noticed(void (*mistake)(void))
{
    int status = 0;
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        const struct rlimit none = { 0, 0 };
        (void)setrlimit(RLIMIT_CORE, &none);
        (void)signal(SIGABRT, SIG_DFL);
        (void)close(STDERR_FILENO);
        mistake();
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

static void what_is_left_is_noticed(void **state)
{
    (void)state;
    start();
    peer_open(0, 1000);
    assert_int_equal(account_add(&peers[0], QUOTA_SERVERS, 1, NULL), STATUS_OK);
    assert_true(is_noticed(close_too_early));
    assert_true(is_noticed(deinit_too_early));
    assert_true(is_noticed(give_back_twice));
    peers_close();
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        kit_test(small_needs_are_covered_at_once),
        kit_test(more_is_granted_in_steps),
        kit_test(it_is_covered_up_to_the_limit),
        kit_test(where_nothing_is_basic),
        kit_test(a_stalled_one_leaves_its_neighbours_theirs),
        kit_test(a_charge_pays_and_is_released),
        kit_test(an_estate_outlives_its_connections),
        kit_test(what_is_left_is_noticed),
    };
    return kit_run("account", tests, KIT_LENGTH(tests));
}
