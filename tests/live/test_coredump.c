/* A broker that crashes leaves a core that can be looked into, and nobody's messages in it. */
#include <fcntl.h>
#include <glob.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/live/live.h"

static char secret[] = "?wordless-albatross-47"; /* not as it is sent: the core of this test is not looked at */
enum { LARGE = 1 << 20, N_SMALL = 2000 };

/* Only where a core goes into the working folder can it be found again: core(5). */
static void expect_cores_here(void)
{
    char pattern[200] = "";
    FILE *file = fopen("/proc/sys/kernel/core_pattern", "re");

    if (!file || !fgets(pattern, sizeof pattern, file))
        strcpy(pattern, "|");
    if (file)
        fclose(file);
    if (strpbrk(pattern, "|/"))
        kit_skip("cores do not go into the working folder here: kernel.core_pattern");
}

static void allow_cores(void *dir)
{
    struct rlimit limit;

    getrlimit(RLIMIT_CORE, &limit);
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_CORE, &limit) < 0 || chdir(dir) < 0)
        _exit(126);
}

static bool has_secret(const char *bytes, size_t len, const char *word)
{
    return memmem(bytes, len, word, strlen(word)) != NULL;
}

/* Whether the memory of the broker has it now: else nothing would be shown by a core without. */
static bool is_in_memory(pid_t pid)
{
    char path[40], line[300];
    bool found = false;

    snprintf(path, sizeof path, "/proc/%d/maps", (int)pid);
    FILE *maps = fopen(path, "re");
    snprintf(path, sizeof path, "/proc/%d/mem", (int)pid);
    int mem = open(path, O_RDONLY | O_CLOEXEC);
    assert_non_null(maps);
    while (mem >= 0 && !found && fgets(line, sizeof line, maps)) {
        unsigned long begin, end;
        char mode[5];
        if (sscanf(line, "%lx-%lx %4s", &begin, &end, mode) != 3 || mode[1] != 'w')
            continue;
        char *bytes = malloc(end - begin);
        ssize_t n = pread(mem, bytes, end - begin, (off_t)begin);
        found = n > 0 && has_secret(bytes, (size_t)n, secret);
        free(bytes);
    }
    fclose(maps);
    if (mem >= 0)
        close(mem);
    return found;
}

/* Messages that wait for one who does not read, small and large; and one that has only begun. */
static void fill(struct wire *publisher, struct wire *reader, struct wire *half)
{
    static char large[LARGE];

    secret[0] = 'a';
    memcpy(large + LARGE / 2, secret, sizeof secret);
    wire_sub(reader, &(struct wire_sub){ .sid = 1, .pattern = "kept.>" });
    wire_cork(publisher);
    for (int i = 0; i < N_SMALL; i++)
        wire_publish(publisher, i % 2 ? "kept.a" : "kept.b", secret, sizeof secret);
    for (int i = 0; i < 4; i++)
        wire_publish(publisher, "kept.large", large, sizeof large);
    wire_flush(publisher);
    wire_barrier(publisher);
    uint8_t unfinished[200] = { 0, 0, 2, 0, 0x94, 0x10 };
    memcpy(unfinished + 100, secret, sizeof secret);
    wire_bytes(half, unfinished, sizeof unfinished);
    wire_push(half);
}

/* The core in the broker's folder: its bytes, and that there is one. */
static char *read_core(const struct broker_proc *broker, size_t *ret_len)
{
    char pattern[300];
    struct stat st;
    glob_t found;

    snprintf(pattern, sizeof pattern, "%s/*core*", broker_proc_dir(broker));
    if (glob(pattern, 0, NULL, &found) != 0)
        fail_msg("no %s", pattern);
    int fd = open(found.gl_pathv[0], O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0 && fstat(fd, &st) == 0);
    char *bytes = malloc((size_t)st.st_size);
    assert_non_null(bytes);
    assert_int_equal(read(fd, bytes, (size_t)st.st_size), st.st_size);
    close(fd);
    assert_int_equal(unlink(found.gl_pathv[0]), 0);
    globfree(&found);
    *ret_len = (size_t)st.st_size;
    return bytes;
}

static void crash_of(int signo)
{
    struct broker_proc *broker = broker_proc_new();
    struct wire *wires[3];
    size_t len;

    broker_proc_set_child(broker, allow_cores, (char *)broker_proc_dir(broker));
    broker_proc_start(broker, NULL);
    for (int i = 0; i < 3; i++)
        wires[i] = wire_open(broker_proc_socket(broker));
    fill(wires[0], wires[1], wires[2]);
    assert_true(is_in_memory(broker_proc_pid(broker)));
    kill(broker_proc_pid(broker), signo);
    assert_int_equal(broker_proc_wait(broker, 20000), 128 + signo);
    char *core = read_core(broker, &len);
    assert_true(has_secret(core, len, broker_proc_url(broker))); /* the stack is there: argv */
    assert_false(has_secret(core, len, secret));
    free(core);
    for (int i = 0; i < 3; i++)
        wire_close(wires[i]);
    broker_proc_free(broker);
}

static void a_core_has_no_messages(void **state)
{
    static const int signals[] = { SIGABRT, SIGSEGV, SIGBUS, SIGQUIT };

    (void)state;
#ifdef INSTRUMENTED
    kit_skip("an instrumented broker keeps nothing out of its cores");
#endif
    expect_cores_here();
    for (size_t i = 0; i < KIT_LENGTH(signals); i++)
        crash_of(signals[i]);
}

int main(void)
{
    static const struct CMUnitTest tests[] = { kit_test(a_core_has_no_messages) };
    return kit_run("coredump", tests, KIT_LENGTH(tests));
}
