#include "tests/kit/broker_proc.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/kit/raw_client.h"
#include "tests/kit/runner.h"

#define MAX_ARGS 64
#define START_MS 10000
#define STOP_MS  10000

struct broker_proc {
    struct broker_proc *next;
    pid_t pid; /* 0: none runs */
    int status;
    char dir[64];
    char socket[96];
    char url[112];
    char log[96];
    void (*child_hook)(void *data);
    void *child_data;
};

/* Those not freed: a failed test leaves by longjmp. */
static struct broker_proc *procs;

/* -- a place --------------------------------------------------------------------------------- */

static void show_log(const struct broker_proc *proc)
{
    char *log = broker_proc_log(proc);

    print_error("-- what brokerd said (%s):\n%s--\n", proc->log, *log ? log : "(nothing)\n");
    free(log);
}

static void free_leftovers(void)
{
    while (procs) {
        show_log(procs);
        broker_proc_free(procs);
    }
}

struct broker_proc *broker_proc_new(void)
{
    struct broker_proc *proc = calloc(1, sizeof(*proc));

    assert_non_null(proc);
    snprintf(proc->dir, sizeof(proc->dir), "%.48s/b-XXXXXX", kit_dir());
    if (!mkdtemp(proc->dir))
        fail_msg("cannot make %s: %s", proc->dir, strerror(errno));
    snprintf(proc->socket, sizeof(proc->socket), "%s/brokerd.sock", proc->dir);
    snprintf(proc->url, sizeof(proc->url), "unix:%s", proc->socket);
    snprintf(proc->log, sizeof(proc->log), "%s/log", proc->dir);

    proc->next = procs;
    procs = proc;
    kit_set_cleanup(free_leftovers);
    return proc;
}

struct broker_proc *broker_proc_free(struct broker_proc *proc)
{
    if (!proc)
        return NULL;
    broker_proc_kill(proc);
    for (struct broker_proc **at = &procs; *at; at = &(*at)->next) {
        if (*at == proc) {
            *at = proc->next;
            break;
        }
    }
    kit_remove_tree(proc->dir);
    free(proc);
    return NULL;
}

void broker_proc_set_child(struct broker_proc *proc, void (*hook)(void *data), void *data)
{
    proc->child_hook = hook;
    proc->child_data = data;
}

/* -- start ----------------------------------------------------------------------------------- */

static const char *brokerd_path(void)
{
    const char *path = getenv("BROKERD");

    return path && *path ? path : KIT_BROKERD;
}

static _Noreturn void exec_broker(struct broker_proc *proc, char *argv[], pid_t parent)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(127);
    int log = open(proc->log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (log < 0 || dup2(null, 0) < 0 || dup2(log, 1) < 0 || dup2(log, 2) < 0)
        _exit(127);
    close_range(3, ~0U, CLOSE_RANGE_CLOEXEC);
    alarm(0);
    signal(SIGALRM, SIG_DFL);
    if (proc->child_hook)
        proc->child_hook(proc->child_data);
    execv(argv[0], argv);
    dprintf(2, "cannot execute %s: %s\n", argv[0], strerror(errno));
    _exit(127);
}

static void spawn(struct broker_proc *proc, const char *const first[], const char *const args[])
{
    const char *argv[MAX_ARGS + 1] = {brokerd_path()};
    size_t n = 1;

    if (broker_proc_running(proc))
        fail_msg("the broker at %s runs already", proc->socket);
    for (; first && *first && n < MAX_ARGS; first++)
        argv[n++] = *first;
    for (; args && *args && n < MAX_ARGS; args++)
        argv[n++] = *args;

    fflush(NULL);
    pid_t parent = getpid(), pid = fork();
    if (pid < 0)
        fail_msg("fork: %s", strerror(errno));
    if (pid == 0)
        exec_broker(proc, (char **)argv, parent);
    proc->pid = pid;
}

void broker_proc_spawn(struct broker_proc *proc, const char *const args[])
{
    spawn(proc, NULL, args);
}

void broker_proc_start(struct broker_proc *proc, const char *const args[])
{
    const char *loop = getenv("BROKER_TEST_LOOP");
    bool has_loop = loop && *loop;

    spawn(proc,
          (const char *[]){"--listen", proc->url, has_loop ? "--loop" : NULL,
                           has_loop ? loop : NULL, NULL},
          args);
    broker_proc_await(proc, proc->socket);
}

static bool probe(struct broker_proc *proc, const char *path)
{
    int fd = raw_try_open(path);

    if (fd < 0 && !broker_proc_running(proc))
        fail_msg("brokerd ended with %d before it listened at %s", proc->status, path);
    if (fd < 0)
        return false;
    shutdown(fd, SHUT_WR); /* it closes its end before we count descriptors */
    char byte;
    while (raw_recv(fd, &byte, 1, 1000) > 0)
        continue;
    close(fd);
    return true;
}

void broker_proc_await(struct broker_proc *proc, const char *path)
{
    if (!kit_wait_for(probe(proc, path), START_MS))
        fail_msg("brokerd does not listen at %s after %d ms", path, START_MS);
}

/* -- end ------------------------------------------------------------------------------------- */

static bool reap(struct broker_proc *proc, int flags)
{
    int status;

    if (proc->pid == 0)
        return true;
    if (waitpid(proc->pid, &status, flags) != proc->pid)
        return false;
    proc->pid = 0;
    proc->status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    return true;
}

bool broker_proc_running(struct broker_proc *proc)
{
    return !reap(proc, WNOHANG);
}

int broker_proc_wait(struct broker_proc *proc, int timeout_ms)
{
    return kit_wait_for(reap(proc, WNOHANG), timeout_ms) ? proc->status : -1;
}

int broker_proc_stop(struct broker_proc *proc)
{
    if (proc->pid == 0)
        fail_msg("no broker runs at %s: it ended with %d", proc->socket, proc->status);
    kill(proc->pid, SIGTERM);
    int status = broker_proc_wait(proc, STOP_MS);
    if (status >= 0)
        return status;
    broker_proc_kill(proc);
    fail_msg("brokerd was still there %d ms after SIGTERM", STOP_MS);
    return -1;
}

void broker_proc_kill(struct broker_proc *proc)
{
    if (proc->pid == 0)
        return;
    kill(proc->pid, SIGKILL);
    reap(proc, 0);
}

/* -- look at it ------------------------------------------------------------------------------ */

pid_t broker_proc_pid(const struct broker_proc *proc)
{
    return proc->pid;
}

const char *broker_proc_dir(const struct broker_proc *proc)
{
    return proc->dir;
}

const char *broker_proc_socket(const struct broker_proc *proc)
{
    return proc->socket;
}

const char *broker_proc_url(const struct broker_proc *proc)
{
    return proc->url;
}

/** The content of @p path as a string for the caller to free, empty when it cannot be read. */
static char *read_text(const char *path)
{
    char *text = NULL;
    size_t len = 0;
    FILE *file = fopen(path, "re");

    if (!file || getdelim(&text, &len, '\0', file) < 0) {
        free(text);
        text = NULL;
    }
    if (file)
        fclose(file);
    return text ? text : strdup("");
}

char *broker_proc_log(const struct broker_proc *proc)
{
    return read_text(proc->log);
}

static bool log_has(const struct broker_proc *proc, const char *text)
{
    char *log = broker_proc_log(proc);
    bool found = strstr(log, text) != NULL;

    free(log);
    return found;
}

bool broker_proc_log_has(const struct broker_proc *proc, const char *text, int timeout_ms)
{
    return kit_wait_for(log_has(proc, text), timeout_ms);
}

int broker_proc_n_fds(const struct broker_proc *proc)
{
    return proc->pid > 0 ? kit_count_fds(proc->pid) : -1;
}

void broker_proc_expect_n_fds(const struct broker_proc *proc, int n_fds)
{
    if (!kit_wait_for(broker_proc_n_fds(proc) == n_fds, 2000))
        fail_msg("brokerd has %d descriptors, not %d", broker_proc_n_fds(proc), n_fds);
}

static char *proc_file(const struct broker_proc *proc, const char *name)
{
    char path[64];

    snprintf(path, sizeof(path), "/proc/%d/%s", (int)proc->pid, name);
    return read_text(path);
}

int64_t broker_proc_rss(const struct broker_proc *proc)
{
    char *status = proc_file(proc, "status");
    const char *at = strstr(status, "\nVmRSS:");
    long long kib = at ? strtoll(at + strlen("\nVmRSS:"), NULL, 10) : -1;

    free(status);
    if (kib < 0)
        fail_msg("brokerd at %s does not run", proc->socket);
    return kib * 1024;
}

int64_t broker_proc_cpu_ns(const struct broker_proc *proc)
{
    char *stat = proc_file(proc, "stat");
    const char *at = strrchr(stat, ')'); /* the name before it may hold anything; proc(5) */
    unsigned long long user = 0, system = 0;
    int n = at ? sscanf(at + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu", &user,
                        &system)
               : 0;

    free(stat);
    if (n != 2)
        fail_msg("brokerd at %s does not run", proc->socket);
    return (int64_t)(user + system) * (1000000000 / sysconf(_SC_CLK_TCK));
}
