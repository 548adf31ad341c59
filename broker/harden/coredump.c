#include "broker/harden/coredump.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <ucontext.h>
#include <unistd.h>

#include "broker/watch/log.h"

enum {
    KNOWN_MAX = 128,
    LINE_MAX_LEN = 256, /* of /proc/self/maps, its path cut */
    STACK = 64 << 10,   /* SIGSTKSZ is no constant any more: sysconf(3) */
};

struct range {
    uintptr_t begin;
    uintptr_t end;
};

/* Without a file, but there before the broker did anything: the loader's. */
static struct range known[KNOWN_MAX];
static size_t n_known;
static _Alignas(16) char stack[STACK]; /* an overrun stack is a reason to die, too */

/* Everything below is called by a signal handler: nothing but signal-safety(7). */

/* ---- /proc/self/maps, proc(5) ------------------------------------------------------------- */

struct map {
    struct range at;
    bool is_ours; /* can be written to, and is of no file */
    bool is_heap;
};

static const char *take_hex(const char *p, uintptr_t *ret)
{
    for (*ret = 0;; p++) {
        unsigned digit = *p >= '0' && *p <= '9' ? (unsigned)(*p - '0') : (unsigned)(*p - 'a') + 10;
        if (digit > 15)
            return p;
        *ret = *ret << 4 | digit;
    }
}

static const char *skip_word(const char *p)
{
    while (*p && *p != ' ')
        p++;
    while (*p == ' ')
        p++;
    return p;
}

/* "55d0c0000000-55d0c0021000 rw-p 00000000 00:00 0     [heap]" */
static struct map read_line(const char *line)
{
    struct map map;
    const char *p = take_hex(line, &map.at.begin);
    p = skip_word(take_hex(*p ? p + 1 : p, &map.at.end));
    bool may_write = p[0] && p[1] == 'w';
    p = skip_word(skip_word(skip_word(p)));
    bool is_of_a_file = *p != '0';
    const char *name = skip_word(p);
    map.is_heap = strncmp(name, "[heap]", 6) == 0;
    map.is_ours = may_write && !is_of_a_file && strncmp(name, "[stack]", 7) != 0;
    return map;
}

typedef bool map_fn(const struct map *map);

/* false: not all of them could be read, or taken. */
static bool each_line(int fd, map_fn *take)
{
    char line[LINE_MAX_LEN], text[1024];
    size_t len = 0;
    for (;;) {
        ssize_t n;
        do
            n = read(fd, text, sizeof text);
        while (n < 0 && errno == EINTR);
        if (n <= 0)
            return n == 0;
        for (ssize_t i = 0; i < n; i++) {
            if (text[i] != '\n' && len < sizeof line - 1)
                line[len++] = text[i];
            if (text[i] != '\n')
                continue;
            line[len] = '\0';
            len = 0;
            struct map map = read_line(line);
            if (map.is_ours && !take(&map))
                return false;
        }
    }
}

static bool each_map(map_fn *take)
{
    int fd;
    do
        fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
    while (fd < 0 && errno == EINTR);
    bool done = fd >= 0 && each_line(fd, take);
    if (fd >= 0)
        close(fd);
    return done;
}

/* ---- at the start, and at the end ------------------------------------------------------------ */

static bool remember(const struct map *map)
{
    if (map->is_heap)
        return true;
    if (n_known == KNOWN_MAX)
        return false;
    known[n_known++] = map->at;
    return true;
}

static bool leave_out_range(uintptr_t begin, uintptr_t end)
{
    return begin >= end || madvise((void *)begin, end - begin, MADV_DONTDUMP) == 0;
}

/* But for what was known: the kernel joins neighbours. `known` is in the order of the file. */
static bool leave_out(const struct map *map)
{
    uintptr_t begin = map->at.begin;
    for (size_t i = 0; i < n_known; i++) {
        if (known[i].end <= begin || known[i].begin >= map->at.end)
            continue;
        if (!leave_out_range(begin, known[i].begin))
            return false;
        begin = known[i].end;
    }
    return leave_out_range(begin, map->at.end);
}

/* Copying goes through the wide registers, which the kernel has saved below `context` and restores
 * from there. x86-64: FXSAVE has them behind 32 bytes, XSAVE the rest behind 512, its size in the
 * kernel's own words before that (asm/sigcontext.h). */
static bool clear_wide_registers(ucontext_t *context)
{
#ifdef __x86_64__
    enum { WIDE = 32, WIDE_END = 416, EXTENDED = 512, OWN_WORDS = 464, MAGIC = 0x46505853 };
    struct {
        uint32_t magic, whole_size;
        uint64_t features;
        uint32_t size;
    } words;
    uint8_t *saved = (uint8_t *)context->uc_mcontext.fpregs;
    if (!saved)
        return true;
    memcpy(&words, saved + OWN_WORDS, sizeof words);
    memset(saved + WIDE, 0, WIDE_END - WIDE);
    if (words.magic == MAGIC && words.size > EXTENDED)
        memset(saved + EXTENDED, 0, words.size - EXTENDED);
    return true;
#else
    (void)context;
    return false;
#endif
}

static bool comes_again(int signo)
{
    return signo == SIGSEGV || signo == SIGBUS || signo == SIGILL || signo == SIGFPE;
}

/* The default action is back (SA_RESETHAND), and is taken on return: for a signal that is raised
 * here, which waits until then, or when the instruction that cannot go on is tried again. So the
 * core shows what was interrupted, and not this. */
static void on_fatal(int signo, siginfo_t *info, void *context)
{
    if (!each_map(leave_out) || !clear_wide_registers(context))
        prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    if (info->si_code <= 0 || !comes_again(signo))
        raise(signo);
}

static bool handle(void)
{
    static const int signals[] = { SIGSEGV, SIGBUS,  SIGILL,  SIGFPE, SIGABRT,
                                   SIGTRAP, SIGQUIT, SIGXCPU, SIGXFSZ };
    struct sigaction action = { .sa_sigaction = on_fatal,
                                .sa_flags = (int)(SA_SIGINFO | SA_ONSTACK | SA_RESETHAND) };
    const stack_t other = { .ss_sp = stack, .ss_size = sizeof stack };
    if (sigaltstack(&other, NULL) < 0)
        return false;
    for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++)
        if (sigaction(signals[i], &action, NULL) < 0)
            return false;
    return true;
}

/* A sanitizer has handlers of its own. */
#ifdef INSTRUMENTED
enum { IS_INSTRUMENTED = true };
#else
enum { IS_INSTRUMENTED = false };
#endif

void coredump_spare_payloads(void)
{
    if (IS_INSTRUMENTED)
        return;
    n_known = 0;
    if (each_map(remember) && handle())
        return;
    log_warn("a core could not be kept free of messages, so there will be none: %s",
             strerror(errno));
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}
