#include "tests/hostile/contest.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/kit/peer.h"
#include "tests/kit/runner.h"

enum { READY_MS = 10000, LEAVE_MS = 15000, MAX_DISTURBERS = 8 };

/* What the processes of a run share. */
struct contest_shared {
    struct attack_report attack;
    struct victim_report victim;
    atomic_bool stop_burning;
};

/* -- processes ------------------------------------------------------------------------------- */

/* Only when it has taken on the uid: that clears the death signal (prctl(2)). */
static void become(uid_t uid, pid_t parent)
{
    if (setresgid(uid, uid, uid) < 0 || setresuid(uid, uid, uid) < 0)
        _exit(126);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(127);
}

/* The one that returns 0 has no alarm, and leaves by _exit. */
static pid_t fork_as(uid_t uid)
{
    fflush(NULL);
    pid_t parent = getpid(), pid = fork();
    if (pid < 0)
        fail_msg("fork: %s", strerror(errno));
    if (pid > 0)
        return pid;
    alarm(0);
    signal(SIGALRM, SIG_DFL);
    become(uid, parent);
    return 0;
}

struct usage {
    int64_t cpu_ns;
    uint64_t n_sleeps;
};

static int64_t ns_of(struct timeval time)
{
    return (int64_t)time.tv_sec * 1000000000 + (int64_t)time.tv_usec * 1000;
}

static bool has_ended(pid_t pid)
{
    siginfo_t info = { 0 };

    return waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == pid;
}

/* Waits for its end, and helps if it does not come. What it used, its children included. */
static struct usage reap(pid_t pid, const char *who)
{
    struct rusage usage = { 0 };
    int status = 0;

    bool ended = kit_wait_for(has_ended(pid), LEAVE_MS);
    if (!ended)
        kill(pid, SIGKILL);
    wait4(pid, &status, 0, &usage);
    if (!ended)
        fail_msg("the %s did not end", who);
    if (status != 0)
        fail_msg("the %s ended with status %#x", who, (unsigned)status);
    return (struct usage){
        .cpu_ns = ns_of(usage.ru_utime) + ns_of(usage.ru_stime),
        .n_sleeps = (uint64_t)usage.ru_nvcsw,
    };
}

/* -- the stage ------------------------------------------------------------------------------- */

static void broker_child(void *data)
{
    const struct contest_roles *roles = data;
    const uid_t uid = roles->broker;
    const struct rlimit files = { roles->max_files, roles->max_files };

    if (roles->max_files > 0 && setrlimit(RLIMIT_NOFILE, &files) < 0)
        _exit(126);
    if (setresgid(uid, uid, uid) < 0 || setresuid(uid, uid, uid) < 0)
        _exit(126);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
}

static void start_broker(struct contest *contest)
{
    const uid_t uid = contest->roles.broker;

    contest->broker = broker_proc_new();
    assert_int_equal(chmod(kit_dir(), 0711), 0); /* on the way to the broker's own folder */
    assert_int_equal(chown(broker_proc_dir(contest->broker), uid, uid), 0);
    broker_proc_set_child(contest->broker, broker_child, &contest->roles);
    broker_proc_start(contest->broker, NULL);
}

void contest_begin(struct contest *contest, const struct contest_roles *roles)
{
    struct peer peer;

    if (geteuid() != 0)
        kit_skip("only root can take on several uids");
    *contest = (struct contest){ .roles = *roles };
    contest->shared = mmap(NULL, sizeof *contest->shared, PROT_READ | PROT_WRITE,
                           MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(contest->shared, MAP_FAILED);
    start_broker(contest);
    peer_open(&peer, contest->broker); /* what the first client costs is not the attacker's doing */
    peer_ping(&peer);
    contest->n_fds = broker_proc_n_fds(contest->broker) - 1;
    peer_close(&peer);
    contest->rss = broker_proc_rss(contest->broker);
}

void contest_end(struct contest *contest)
{
    munmap(contest->shared, sizeof *contest->shared);
    if (!contest->is_silent)
        assert_int_equal(broker_proc_stop(contest->broker), 0);
    contest->broker = broker_proc_free(contest->broker);
}

/* -- a run ----------------------------------------------------------------------------------- */

static pid_t start_victim(struct contest *contest)
{
    struct victim_report *report = &contest->shared->victim;
    pid_t pid = fork_as(contest->roles.victim);

    if (pid == 0) {
        victim_run(broker_proc_socket(contest->broker), report);
        _exit(0);
    }
    if (!kit_wait_for(report->is_ready || has_ended(pid), READY_MS) || !report->is_ready)
        fail_msg("the victim is not ready: %s", report->trouble);
    return pid;
}

typedef void disturb_fn(const char *path, struct attack_report *report, void *data);

static pid_t start_disturber(struct contest *contest, disturb_fn *disturb, void *data)
{
    struct attack_report *report = &contest->shared->attack;
    pid_t pid = fork_as(contest->roles.attacker);

    if (pid == 0) {
        disturb(broker_proc_socket(contest->broker), report, data);
        while (wait(NULL) > 0) /* what they used counts */
            continue;
        _exit(0);
    }
    if (!kit_wait_for(report->is_up || has_ended(pid), READY_MS))
        fail_msg("the attacker did not get to its attack");
    return pid;
}

static pid_t start_burner(struct contest *contest, const struct burn *burn)
{
    pid_t pid = fork_as(contest->roles.attacker);

    if (pid > 0)
        return pid;
    burn_run(burn, &contest->shared->stop_burning);
    _exit(0);
}

static void await_victim(const struct contest_times *times, pid_t pid)
{
    int64_t patience_ms =
        (times->work_ns + times->bulk_ns) / 1000000 + times->n_seldom * 2000 + LEAVE_MS;

    (void)kit_wait_for(has_ended(pid), patience_ms);
    (void)reap(pid, "victim");
}

static void begin_run(struct contest *contest, const struct contest_times *times)
{
    memset(contest->shared, 0, sizeof *contest->shared);
    contest->shared->victim.work_ns = times->work_ns;
    contest->shared->victim.bulk_ns = times->bulk_ns;
    contest->shared->victim.n_seldom = times->n_seldom;
}

static void collect_attack(struct contest_run *ret, const struct attack_report *report)
{
    ret->n_opened = report->n_opened;
    ret->n_cut = report->n_cut;
    ret->bytes_out = report->bytes_out;
    ret->bytes_in = report->bytes_in;
}

/* The work of the victim, in the presence of what has been started at @p start_ns. */
static void run_victim(struct contest *contest, const struct contest_times *times, pid_t victim,
                       struct contest_run *ret)
{
    int64_t broker_before_ns = broker_proc_cpu_ns(contest->broker);

    contest->shared->victim.go = true;
    await_victim(times, victim);
    ret->broker_ns = broker_proc_cpu_ns(contest->broker) - broker_before_ns;
    ret->rss_grown = broker_proc_rss(contest->broker) - contest->rss;
    memcpy(&ret->victim, &contest->shared->victim, sizeof ret->victim);
}

void contest_disturb(struct contest *contest, disturb_fn *disturb, void *data,
                     const struct contest_times *times, struct contest_run *ret)
{
    *ret = (struct contest_run){ .n_threads = 1 };
    begin_run(contest, times);
    pid_t victim = start_victim(contest);
    int64_t start_ns = kit_now_ns();
    pid_t disturber = disturb ? start_disturber(contest, disturb, data) : 0;
    run_victim(contest, times, victim, ret);
    ret->wall_ns = kit_now_ns() - start_ns;
    if (contest->behind_victim)
        contest->behind_victim(contest);
    if (!disturb)
        return;
    contest->shared->attack.stop = true;
    struct usage usage = reap(disturber, "attacker");
    ret->disturber_ns = usage.cpu_ns;
    ret->n_sleeps = usage.n_sleeps;
    collect_attack(ret, &contest->shared->attack);
}

static void follow_strategy(const char *path, struct attack_report *report, void *data)
{
    attack_run(data, path, report);
}

void contest_attack(struct contest *contest, const struct strategy *strategy,
                    const struct contest_times *times, struct contest_run *ret)
{
    contest_disturb(contest, strategy ? follow_strategy : NULL, (void *)(uintptr_t)strategy, times,
                    ret);
    ret->n_threads = strategy && strategy->prepare ? 2 : 1;
}

void contest_burn(struct contest *contest, const struct contest_run *like,
                  const struct contest_times *times, struct contest_run *ret)
{
    const int n = like->n_threads;
    const struct burn burn =
        burn_like(like->disturber_ns / n, like->wall_ns, like->n_sleeps / (uint64_t)n);
    pid_t burners[MAX_DISTURBERS];

    *ret = (struct contest_run){ .n_threads = n };
    begin_run(contest, times);
    pid_t victim = start_victim(contest);
    int64_t start_ns = kit_now_ns();
    for (int i = 0; i < n; i++)
        burners[i] = start_burner(contest, &burn);
    run_victim(contest, times, victim, ret);
    ret->wall_ns = kit_now_ns() - start_ns;
    contest->shared->stop_burning = true;
    for (int i = 0; i < n; i++) {
        struct usage usage = reap(burners[i], "burner");
        ret->disturber_ns += usage.cpu_ns;
        ret->n_sleeps += usage.n_sleeps;
    }
}
