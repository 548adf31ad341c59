/* Files: what is read, what is refused, and that nothing there can block. */
#include "broker/config_file.h"

#include <sys/socket.h>
#include <sys/un.h>

#include "tests/unit/config_kit.h"

static char why[CONFIG_WHY_MAX];

static void refused(const char *path, bool guarded, int code, const char *sentence)
{
    char *text = NULL;
    size_t len = 4711;
    assert_int_equal(config_file_read(path, guarded, &text, &len, why), code);
    assert_string_equal(why, sentence);
    assert_null(text);
    assert_int_equal(len, 4711);
}

static void a_file(void **state)
{
    char *text = NULL;
    size_t len = 0;
    (void)state;
    const char *path = write_file("a.conf", "[broker]\n");
    assert_int_equal(config_file_read(path, true, &text, &len, why), 0);
    assert_int_equal(len, 9);
    assert_string_equal(text, "[broker]\n");
    free(text);
    assert_int_equal(symlink(path, path_of("link")), 0); /* as /etc is kept */
    assert_int_equal(config_file_read(path_of("link"), true, &text, &len, why), 0);
    free(text);
    assert_int_equal(config_file_read(write_file("empty", ""), false, &text, &len, why), 0);
    assert_int_equal(len, 0);
    assert_string_equal(text, "");
    free(text);
}

static void what_is_no_file(void **state)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    (void)state;
    refused(path_of("missing"), false, -ENOENT, "cannot be opened: No such file or directory");
    refused(kit_dir(), false, -EINVAL, "is a folder, not a file");
    assert_int_equal(mkfifo(path_of("fifo"), 0600), 0);
    refused(path_of("fifo"), false, -EINVAL, "is no regular file");
    refused("/dev/null", false, -EINVAL, "is no regular file");
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    strcpy(address.sun_path, path_of("socket"));
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    refused(path_of("socket"), false, -ENXIO, "cannot be opened: No such device or address");
    close(fd);
    assert_int_equal(symlink("loop", path_of("loop")), 0);
    refused(path_of("loop"), false, -ELOOP, "cannot be opened: Too many levels of symbolic links");
}

static void what_may_not_be_read(void **state)
{
    (void)state;
    const char *path = write_file("secret", "");
    assert_int_equal(chmod(path, 0), 0);
    if (geteuid() != 0)
        refused(path, false, -EACCES, "cannot be opened: Permission denied");
    unlink(path);
}

static void the_size(void **state)
{
    char *text = NULL, *large = malloc(CONFIG_FILE_MAX + 1);
    size_t len = 0;
    (void)state;
    memset(large, '#', CONFIG_FILE_MAX);
    large[CONFIG_FILE_MAX] = '\0';
    const char *path = write_file("large", large);
    assert_int_equal(config_file_read(path, false, &text, &len, why), 0);
    assert_int_equal(len, CONFIG_FILE_MAX);
    free(text);
    free(large);
    assert_int_equal(truncate(path, CONFIG_FILE_MAX + 1), 0);
    refused(path, false, -EFBIG, "is larger than 1024 KiB");
    unlink(path);
}

/* Files that say they have 0 bytes, and have more. */
static void a_size_that_is_not_true(void **state)
{
    char *text = NULL;
    size_t len = 0;
    (void)state;
    assert_int_equal(config_file_read("/proc/self/status", false, &text, &len, why), 0);
    assert_int_equal(strlen(text), len);
    assert_true(len > 100);
    free(text);
}

/* Somebody who writes it in the middle of our reading. */
static const char *written_meanwhile;

ssize_t __real_read(int fd, void *buf, size_t size);
ssize_t __wrap_read(int fd, void *buf, size_t size);
ssize_t __wrap___read_chk(int fd, void *buf, size_t size, size_t has);

ssize_t __wrap_read(int fd, void *buf, size_t size)
{
    ssize_t n = __real_read(fd, buf, size);
    if (written_meanwhile) {
        int file = open(written_meanwhile, O_WRONLY | O_APPEND | O_CLOEXEC);
        assert_int_equal(write(file, "x", 1), 1);
        close(file);
        written_meanwhile = NULL;
    }
    return n;
}

/* What -D_FORTIFY_SOURCE makes of it. */
ssize_t __wrap___read_chk(int fd, void *buf, size_t size, size_t has)
{
    assert_true(size <= has);
    return __wrap_read(fd, buf, size);
}

static void a_file_that_is_being_written(void **state)
{
    char *text = NULL;
    size_t len = 0;
    (void)state;
    const char *path = write_file("torn", "[rule \"a\"]\n");
    written_meanwhile = path;
    refused(path, false, -EAGAIN, "changed while it was read: try again");
    assert_int_equal(config_file_read(path, false, &text, &len, why), 0);
    assert_string_equal(text, "[rule \"a\"]\nx");
    free(text);
}

static void who_may_write_it(void **state)
{
    char *text = NULL, sentence[200];
    size_t len = 0;
    (void)state;
    const char *path = write_file("open", "");
    for (mode_t mode = 0600; mode < 0700; mode++) {
        assert_int_equal(chmod(path, mode), 0);
        assert_int_equal(config_file_read(path, false, &text, &len, why), 0);
        free(text);
        text = NULL;
        snprintf(sentence, sizeof sentence,
                 "has mode %04o: for a system's broker only its owner may be able to write to it",
                 (unsigned)mode);
        if (mode & 022)
            refused(path, true, -EPERM, sentence);
    }
    assert_int_equal(chmod(path, 0644), 0);
    if (geteuid() == 0) {
        assert_int_equal(chown(path, 12, 0), 0);
        refused(path, true, -EPERM,
                "belongs to uid 12: for a system's broker it must be root's or that of the user "
                "who runs it");
    }
    unlink(path);
}

static void its_folder(void **state)
{
    (void)state;
    assert_int_equal(mkdir(path_of("sub"), 0700), 0);
    const char *path = write_file("sub/f.conf", "");
    assert_int_equal(config_file_check_folder(path, why), 0);
    assert_int_equal(chmod(path_of("sub"), 0770), 0);
    assert_int_equal(config_file_check_folder(path, why), -EPERM);
    assert_string_equal(why, "its folder has mode 0770: for a system's broker only its owner may "
                             "be able to write to it");
    assert_int_equal(chmod(path_of("sub"), 01777), 0);
    assert_int_equal(config_file_check_folder(path, why), 0);
    assert_int_equal(config_file_check_folder(path_of("missing/f"), why), -ENOENT);
    assert_int_equal(config_file_check_folder("/f", why), 0);
    assert_int_equal(chdir(path_of("sub")), 0);
    assert_int_equal(config_file_check_folder("f.conf", why), 0);
    assert_int_equal(chdir("/"), 0);
}

/* ---- folders ------------------------------------------------------------------------------ */

static void names_by_their_bytes(void **state)
{
    static const char *const there[] = { "conf.d/b.conf", "conf.d/10.conf",       "conf.d/9.conf",
                                         "conf.d/B.conf", "conf.d/\xc3\xa4.conf", "conf.d/.x.conf",
                                         "conf.d/.conf",  "conf.d/a.conf~",       "conf.d/aconf",
                                         "conf.d/a.CONF" };
    static const char *const expected[] = { "10.conf", "9.conf", "B.conf", "b.conf",
                                            "\xc3\xa4.conf" };
    char **names;
    size_t n;
    (void)state;
    assert_int_equal(config_file_list(path_of("conf.d"), true, &names, &n, why), 0);
    assert_int_equal(n, 0);
    config_file_free_names(names, n);
    assert_int_equal(mkdir(path_of("conf.d"), 0755), 0);
    for (size_t i = 0; i < COUNT_OF(there); i++)
        write_file(there[i], "");
    assert_int_equal(config_file_list(path_of("conf.d"), true, &names, &n, why), 0);
    assert_int_equal(n, COUNT_OF(expected));
    for (size_t i = 0; i < n; i++)
        assert_string_equal(names[i], expected[i]);
    config_file_free_names(names, n);
    assert_int_equal(chmod(path_of("conf.d"), 01777), 0); /* who may add files is enough */
    assert_int_equal(config_file_list(path_of("conf.d"), true, &names, &n, why), -EPERM);
    assert_int_equal(config_file_list(path_of("conf.d"), false, &names, &n, why), 0);
    config_file_free_names(names, n);
}

static void no_folder_and_too_much(void **state)
{
    char **names, name[32];
    size_t n;
    (void)state;
    assert_int_equal(config_file_list(write_file("file", ""), false, &names, &n, why), -ENOTDIR);
    assert_string_equal(why, "cannot be opened: Not a directory");
    assert_int_equal(mkdir(path_of("full"), 0700), 0);
    for (int i = 0; i < CONFIG_DROP_INS_MAX; i++) {
        snprintf(name, sizeof name, "full/%d.conf", i);
        write_file(name, "");
    }
    assert_int_equal(config_file_list(path_of("full"), false, &names, &n, why), 0);
    assert_int_equal(n, CONFIG_DROP_INS_MAX);
    config_file_free_names(names, n);
    write_file("full/more.conf", "");
    assert_int_equal(config_file_list(path_of("full"), false, &names, &n, why), -E2BIG);
    assert_string_equal(why, "holds more than 256 files");
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        kit_test(a_file),
        kit_test(what_is_no_file),
        kit_test(what_may_not_be_read),
        kit_test(the_size),
        kit_test(a_size_that_is_not_true),
        kit_test(a_file_that_is_being_written),
        kit_test(who_may_write_it),
        kit_test(its_folder),
        kit_test(names_by_their_bytes),
        kit_test(no_folder_and_too_much),
    };
    return kit_run("config_file", tests, KIT_LENGTH(tests));
}
