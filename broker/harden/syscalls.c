#include "broker/harden/syscalls.h"

#include <errno.h>
#include <string.h>

#include "broker/harden/syscalls_list.h"
#include "broker/watch/log.h"

#if defined HAVE_SECCOMP && !defined INSTRUMENTED

#    include <fcntl.h>
#    include <linux/audit.h>
#    include <seccomp.h>
#    include <signal.h>
#    include <stdbool.h>
#    include <stdlib.h>
#    include <sys/prctl.h>
#    include <ucontext.h>
#    include <unistd.h>

/* ---- what was refused -------------------------------------------------------------------- */

enum {
    REFUSED_MAX = 32,
    NUMBERS = 1024,
    BY_SECCOMP = 1, /* SYS_SECCOMP, which glibc leaves to asm/siginfo.h */
};

static volatile sig_atomic_t refused[REFUSED_MAX]; /* each number once */
static volatile sig_atomic_t n_refused;
static sig_atomic_t n_reported;
static bool is_told[NUMBERS];

static void remember(int number)
{
    if (number < 0 || number >= NUMBERS || is_told[number] || n_refused == REFUSED_MAX)
        return;
    is_told[number] = true;
    refused[n_refused] = number;
    n_refused++;
}

/* Of the processors whose way to return a result is known here; on others the kernel does it, and
 * nothing is said. */
#    if defined __x86_64__
#        define REFUSE             SCMP_ACT_TRAP
#        define RESULT_OF(context) ((context)->uc_mcontext.gregs[REG_RAX])
#    elif defined __aarch64__
#        define REFUSE             SCMP_ACT_TRAP
#        define RESULT_OF(context) ((context)->uc_mcontext.regs[0])
#    else
#        define REFUSE SCMP_ACT_ERRNO(EPERM)
#    endif

#    ifdef RESULT_OF
/* SIGSYS of the filter comes from within the call, which then fails as any other may: seccomp(2). */
static void on_refused(int signo, siginfo_t *info, void *context)
{
    struct sigaction fatal = { .sa_handler = SIG_DFL };
    if (info->si_code != BY_SECCOMP) { /* somebody sent it, who wants the broker to end */
        prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
        sigaction(signo, &fatal, NULL);
        raise(signo);
        return;
    }
    if (info->si_syscall < 0) /* a tracer has taken the call away: what it says of it stands */
        return;
    remember(info->si_syscall);
    RESULT_OF((ucontext_t *)context) = (typeof(RESULT_OF((ucontext_t *)context)))-EPERM;
}

static int handle_refused(void)
{
    struct sigaction action = { .sa_sigaction = on_refused, .sa_flags = SA_SIGINFO };
    return sigaction(SIGSYS, &action, NULL) < 0 ? -errno : 0;
}
#    else
static int handle_refused(void)
{
    return 0;
}
#    endif

void syscalls_report(void)
{
    while (n_reported < n_refused) {
        int number = refused[n_reported++];
        char *name = seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, number);
        log_err("the system call %s (%d) was refused by the seccomp filter: please report it; "
                "seccomp = no does without the filter",
                name ? name : "of this number", number);
        free(name);
    }
}

/* ---- the filter -------------------------------------------------------------------------------- */

/* What the list names and this processor or libseccomp does not know is passed over. */
static int allow(scmp_filter_ctx filter, const struct syscalls_rule *rule)
{
    int number = seccomp_syscall_resolve_name(rule->name);
    if (number == __NR_SCMP_ERROR || number < 0)
        return 0;
    const struct scmp_arg_cmp with = { .arg = rule->argument,
                                       .op = SCMP_CMP_MASKED_EQ,
                                       .datum_a = rule->mask,
                                       .datum_b = rule->value };
    return seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, number, rule->mask != 0, &with);
}

static int fill(scmp_filter_ctx filter)
{
    size_t n;
    const struct syscalls_rule *rules = syscalls_list(&n);
    const struct syscalls_rule to_itself = { "tgkill", UINT32_MAX, (uint64_t)getpid(), 0 };
    int r = allow(filter, &to_itself); /* raise(3) */
    for (size_t i = 0; i < n && r == 0; i++)
        r = allow(filter, &rules[i]);
    /* A filter is read as a tree; and nobody runs code of others in here, against which the kernel
     * would slow down memory (speculative store bypass). Neither is there before libseccomp 2.5. */
    (void)seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
    (void)seccomp_attr_set(filter, SCMP_FLTATR_CTL_SSB, 1);
    return r;
}

static int load(void)
{
    scmp_filter_ctx filter = seccomp_init(REFUSE);
    if (!filter)
        return -ENOMEM;
    int r = fill(filter);
    if (r == 0)
        r = handle_refused();
    if (r == 0)
        r = seccomp_load(filter);
    seccomp_release(filter);
    return r;
}

/* NULL: it can be done. prctl(2): EINVAL from a kernel that is built without. */
static const char *why_not(void)
{
    return prctl(PR_GET_SECCOMP, 0, 0, 0, 0) < 0 && errno == EINVAL ? "the kernel has none" : NULL;
}

#else

static int load(void)
{
    return -ENOSYS;
}

void syscalls_report(void)
{
}

static const char *why_not(void)
{
#    ifdef HAVE_SECCOMP
    return "built to be looked into (sanitizer, coverage)";
#    else
    return "built without libseccomp";
#    endif
}

#endif

int syscalls_restrict(enum syscalls_mode mode)
{
    if (mode == SYSCALLS_NO)
        return 0;
    const char *why = why_not();
    if (why && mode == SYSCALLS_AUTO) {
        log_debug("no seccomp filter: %s", why);
        return 0;
    }
    int r = why ? -EOPNOTSUPP : load();
    if (r < 0)
        log_err("the seccomp filter cannot be had: %s", why ? why : strerror(-r));
    return r;
}
