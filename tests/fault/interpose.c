/*
 * interpose.so: stands between a program and libc (LD_PRELOAD), and lets calls fail as a plan says (plan.h).
 *
 * Here: where the plan comes from, when it holds, and memory. The system calls are in interpose_sockets.c and interpose_files.c.
 */
#include "tests/fault/interpose.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Before the page is there, and when there is none: blocks are counted all the same. */
static struct fault_plan nothing = { .call = CALL_none };
static struct fault_plan *plan = &nothing;

/* -- the plan -------------------------------------------------------------------------------- */

static _Noreturn void give_up(const char *what, const char *name)
{
    static const char who[] = "interpose.so: ";

    (void)!write(STDERR_FILENO, who, sizeof(who) - 1);
    (void)!write(STDERR_FILENO, what, strlen(what));
    (void)!write(STDERR_FILENO, name, strlen(name));
    (void)!write(STDERR_FILENO, "\n", 1);
    _exit(126);
}

void *fault_real(const char *name)
{
    void *real = dlsym(RTLD_NEXT, name);

    if (!real)
        give_up("there is no ", name);
    return real;
}

static void find_memory(void);

__attribute__((constructor)) static void find_plan(void)
{
    const char *path = getenv(FAULT_ENV);

    find_memory();
    if (!path)
        return;
    int fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CLOEXEC);
    if (fd < 0)
        give_up("cannot open ", path);
    struct fault_plan *page = mmap(NULL, sizeof(*page), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (page == MAP_FAILED)
        give_up("cannot map ", path);
    syscall(SYS_close, fd);
    page->n_blocks = nothing.n_blocks;
    page->n_bytes = nothing.n_bytes;
    page->in_main = page->left_main = 0; /* the test may start several, one after the other */
    plan = page;
}

static bool is_about(uint32_t planned, enum fault_call call)
{
    return planned == (uint32_t)call ||
           (planned == CALL_every && call != CALL_memory && call != CALL_close);
}

int fault_decide(enum fault_call call, int fd)
{
    if (!plan->in_main)
        return 0;
    plan->n_calls[call]++;
    if (!is_about(plan->call, call) || (fd >= 0 && fd < FAULT_MAX_FD && plan->spared[fd]))
        return 0;
    uint64_t number = ++plan->n_seen;
    if (number < plan->first || number - plan->first >= plan->n)
        return 0;
    plan->n_failed++;
    plan->failed = call;
    return plan->error;
}

bool fault_pause(void)
{
    bool before = plan->in_main;

    plan->in_main = 0;
    return before;
}

void fault_go_on(bool before)
{
    plan->in_main = before;
}

size_t fault_shortened(size_t len)
{
    return len < plan->short_len ? len : plan->short_len;
}

/* -- main ------------------------------------------------------------------------------------ */

typedef int main_fn(int argc, char **argv, char **envp);
typedef int start_fn(main_fn *fn, int argc, char **argv, main_fn *init, void (*fini)(void),
                     void (*rtld_fini)(void), void *stack_end);

static main_fn *real_main;

/* What libc keeps for itself (of looking up users, say) is no leak, and not always as much: it gives it back, as
 * valgrind(1) has it do. */
static void have_libc_free(void)
{
    void (*give_back)(void) = (void (*)(void))dlsym(RTLD_DEFAULT, "__libc_freeres");

    if (give_back)
        give_back();
}

static int scoped_main(int argc, char **argv, char **envp)
{
    plan->in_main = 1;
    int code = real_main(argc, argv, envp);
    plan->in_main = 0;
    have_libc_free();
    plan->left_main = 1;
    return code;
}

start_fn __libc_start_main;

/* What the C library's start-up code calls with the program's main(). */
int __libc_start_main(main_fn *fn, int argc, char **argv, main_fn *init, void (*fini)(void),
                      void (*rtld_fini)(void), void *stack_end)
{
    start_fn *real = (start_fn *)fault_real("__libc_start_main");

    real_main = fn;
    return real(scoped_main, argc, argv, init, fini, rtld_fini, stack_end);
}

/* -- memory ---------------------------------------------------------------------------------- */

static struct {
    void *(*malloc)(size_t size);
    void *(*calloc)(size_t n, size_t size);
    void *(*realloc)(void *block, size_t size);
    void *(*memalign)(size_t alignment, size_t size);
    void (*free)(void *block);
} real;

/* What is wanted until the real ones are found, by the loader and by libraries that start. Never freed. */
static char early[1 << 20];
static size_t early_used;

static void *early_block(size_t size)
{
    size_t at = (early_used + 15) & ~(size_t)15;

    if (size > sizeof(early) - at)
        give_up("too little memory before ", "the start");
    early_used = at + size;
    return early + at;
}

static bool is_early(const void *block)
{
    return (const char *)block >= early && (const char *)block < early + sizeof(early);
}

/* By then a sanitizer, whose malloc they may be, is ready for use. */
static void find_memory(void)
{
    real.malloc = (void *(*)(size_t))fault_real("malloc");
    real.calloc = (void *(*)(size_t, size_t))fault_real("calloc");
    real.realloc = (void *(*)(void *, size_t))fault_real("realloc");
    real.memalign = (void *(*)(size_t, size_t))fault_real("memalign");
    real.free = (void (*)(void *))fault_real("free");
}

static bool found(void)
{
    return real.free;
}

static bool memory_fails(void)
{
    int error = fault_decide(CALL_memory, -1);

    if (error)
        errno = ENOMEM;
    return error;
}

static void *count_in(void *block)
{
    if (block) {
        plan->n_blocks++;
        plan->n_bytes += (int64_t)malloc_usable_size(block);
    }
    return block;
}

static void count_out(void *block)
{
    if (block) {
        plan->n_blocks--;
        plan->n_bytes -= (int64_t)malloc_usable_size(block);
    }
}

void *malloc(size_t size)
{
    if (!found())
        return early_block(size);
    return memory_fails() ? NULL : count_in(real.malloc(size));
}

void *calloc(size_t n, size_t size)
{
    if (!found())
        return early_block(n * size); /* zero, as it was never used */
    return memory_fails() ? NULL : count_in(real.calloc(n, size));
}

void free(void *block)
{
    if (!block || is_early(block) || !found())
        return;
    count_out(block);
    real.free(block);
}

void *realloc(void *block, size_t size)
{
    if (!found() || is_early(block)) {
        void *moved = malloc(size);
        size_t had = block ? (size_t)(early + early_used - (char *)block) : 0; /* at most */
        if (moved && block)
            memcpy(moved, block, size < had ? size : had);
        return moved;
    }
    if (size > 0 && memory_fails())
        return NULL;
    size_t before = block ? malloc_usable_size(block) : 0;
    void *moved = real.realloc(block, size);
    if (moved || size == 0) {
        plan->n_blocks += (moved != NULL) - (block != NULL);
        plan->n_bytes += (int64_t)(moved ? malloc_usable_size(moved) : 0) - (int64_t)before;
    }
    return moved;
}

void *reallocarray(void *block, size_t n, size_t size)
{
    size_t bytes;

    if (__builtin_mul_overflow(n, size, &bytes)) {
        errno = ENOMEM;
        return NULL;
    }
    return realloc(block, bytes);
}

void *memalign(size_t alignment, size_t size)
{
    return !found() || memory_fails() ? NULL : count_in(real.memalign(alignment, size));
}

void *aligned_alloc(size_t alignment, size_t size)
{
    return memalign(alignment, size);
}

int posix_memalign(void **ret, size_t alignment, size_t size)
{
    void *block = memalign(alignment, size);

    if (block)
        *ret = block;
    return block ? 0 : ENOMEM;
}
