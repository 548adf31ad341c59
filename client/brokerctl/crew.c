#include "client/brokerctl/crew.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { GRACE_MS = 2000 }; /* to say goodbye */

/* ---- starting ---------------------------------------------------------------- */

static _Noreturn void be_role(struct crew *crew, size_t i, struct session *session, pid_t parent)
{
    const struct member *member = &crew->members[i];
    struct role role = {
        .plan = crew->plan,
        .board = crew->board,
        .report = &crew->board->reports[i],
        .part = member->part,
    };

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(1);                  /* it died before that was set */
    prctl(PR_SET_TIMERSLACK, 1UL); /* a message is sent when it is due, not 50 us later */
    signal(SIGINT, SIG_IGN);
    signal(SIGTERM, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    session->b = broker_free(session->b); /* only this process's copy */
    member->kind->run(&role);
    _exit(0);
}

static void start_member(struct crew *crew, struct session *session, const struct role_kind *kind,
                         unsigned part)
{
    size_t i = crew->n_members++;
    pid_t parent = getpid(), pid;

    crew->members[i] = (struct member){ kind, part, 0, false };
    pid = fork();
    if (pid == 0)
        be_role(crew, i, session, parent);
    if (pid > 0)
        crew->members[i].pid = pid;
    else
        crew->failed(1, "cannot start all processes", crew->userdata);
}

static void make_board(struct crew *crew, size_t n)
{
    crew->board_size = sizeof *crew->board + n * sizeof crew->board->reports[0];
    crew->board =
        mmap(NULL, crew->board_size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (crew->board != MAP_FAILED)
        return;
    print_note("cannot share memory: %s", strerror(errno));
    exit(1);
}

struct crew *crew_new(const struct bench_plan *plan, struct session *session,
                      void (*failed)(int code, const char *text, void *userdata), void *userdata)
{
    size_t n = plan->n_senders + plan->n_receivers;
    struct crew *crew = xrealloc(NULL, sizeof *crew);

    *crew = (struct crew){ .plan = plan, .failed = failed, .userdata = userdata };
    crew->members = xrealloc(NULL, n * sizeof *crew->members);
    make_board(crew, n);
    for (unsigned i = 0; i < plan->n_receivers; i++)
        start_member(crew, session, plan->kind->receiver, i);
    for (unsigned i = 0; i < plan->n_senders; i++)
        start_member(crew, session, plan->kind->sender, i);
    return crew;
}

/* ---- the board ------------------------------------------------------------------ */

void crew_set_phase(struct crew *crew, enum board_phase phase)
{
    if (phase > crew_phase(crew))
        atomic_store(&crew->board->phase, (int)phase);
}

enum board_phase crew_phase(const struct crew *crew)
{
    return (enum board_phase)atomic_load(&crew->board->phase);
}

bool crew_all_are(const struct crew *crew, enum role_does does, enum role_state state)
{
    for (size_t i = 0; i < crew->n_members; i++)
        if (crew->members[i].kind->does == does && crew->members[i].pid &&
            atomic_load(&crew->board->reports[i].state) < (int)state)
            return false;
    return true;
}

uint64_t crew_progress(const struct crew *crew, enum role_does does)
{
    uint64_t n = 0;

    for (size_t i = 0; i < crew->n_members; i++)
        if (crew->members[i].kind->does == does)
            n += atomic_load_explicit(&crew->board->reports[i].n, memory_order_relaxed);
    return n;
}

/* ---- ending ------------------------------------------------------------------ */

/* "subscriber 2: ..."; of one that is the only one, "subscriber: ..." */
static void fail(struct crew *crew, size_t i, int code, const char *what)
{
    _cleanup_text_ struct text text = TEXT_INIT;
    const struct member *member = &crew->members[i];
    bool sends = member->kind == crew->plan->kind->sender;

    text_puts(&text, member->kind->name);
    if ((sends ? crew->plan->n_senders : crew->plan->n_receivers) > 1)
        text_printf(&text, " %u", member->part + 1);
    text_printf(&text, ": %s", what);
    crew->failed(code, text_string(&text), crew->userdata);
}

/* What it noted itself says more than how it ended. */
static bool tell_noted(struct crew *crew, size_t i)
{
    const struct role_report *report = &crew->board->reports[i];

    if (!report->code || crew->members[i].told)
        return crew->members[i].told;
    crew->members[i].told = true;
    fail(crew, i, report->code, report->text);
    return true;
}

static void tell_ended(struct crew *crew, size_t i, int status)
{
    char killed[64];

    if (tell_noted(crew, i))
        return;
    if (WIFSIGNALED(status)) {
        snprintf(killed, sizeof killed, "killed by signal %d (%s)", WTERMSIG(status),
                 strsignal(WTERMSIG(status)));
        fail(crew, i, 1, killed);
    } else if (WEXITSTATUS(status)) {
        fail(crew, i, 1, "it ended too early");
    }
}

static void reap_member(struct crew *crew, size_t i)
{
    struct member *member = &crew->members[i];
    int status;

    if (!member->pid)
        return;
    if (waitpid(member->pid, &status, WNOHANG) == member->pid) {
        member->pid = 0;
        tell_ended(crew, i, status);
    } else if (atomic_load(&crew->board->reports[i].state) == ROLE_DONE) {
        tell_noted(crew, i);
    }
}

void crew_reap(struct crew *crew)
{
    for (size_t i = 0; i < crew->n_members; i++)
        reap_member(crew, i);
}

static bool any_runs(const struct crew *crew)
{
    for (size_t i = 0; i < crew->n_members; i++)
        if (crew->members[i].pid)
            return true;
    return false;
}

static void kill_all(struct crew *crew)
{
    for (size_t i = 0; i < crew->n_members; i++) {
        if (!crew->members[i].pid)
            continue;
        kill(crew->members[i].pid, SIGKILL);
        waitpid(crew->members[i].pid, NULL, 0);
        crew->members[i].pid = 0;
    }
}

void crew_dismiss(struct crew *crew)
{
    const struct timespec nap = { .tv_nsec = 1000000 };
    uint64_t until_ms = session_now_ms() + GRACE_MS;

    crew_set_phase(crew, BOARD_LEAVES);
    for (crew_reap(crew); any_runs(crew) && session_now_ms() < until_ms; crew_reap(crew))
        nanosleep(&nap, NULL);
    kill_all(crew);
}

struct crew *crew_free(struct crew *crew)
{
    if (!crew)
        return NULL;
    kill_all(crew);
    munmap(crew->board, crew->board_size);
    free(crew->members);
    free(crew);
    return NULL;
}
