/* Configurations out of text, and what was said about it. */
#pragma once

#include "broker/config_build.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "broker/guard/policy.h"
#include "tests/kit/runner.h"
#include "tests/unit/unit.h"

static struct config_errors errors, kept;

/* A file of kit_dir(); good until the sixteenth from here. */
static inline const char *path_of(const char *name)
{
    static char paths[16][300];
    static unsigned turn;
    char *path = paths[turn++ % 16];
    snprintf(path, sizeof paths[0], "%s/%s", kit_dir(), name);
    return path;
}

static inline const char *write_file(const char *name, const char *text)
{
    const char *path = path_of(name);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
    return path;
}

/* Whether one of the sentences is exactly this one. */
static inline bool was_said(const struct config_errors *in, const char *sentence)
{
    for (const char *error = NULL; (error = config_errors_next(in, error));)
        if (strcmp(error, sentence) == 0)
            return true;
    return false;
}

static inline void show_said(const struct config_errors *in)
{
    for (const char *error = NULL; (error = config_errors_next(in, error));)
        print_error("  said: %s\n", error);
}

#define EXPECT_SAID(in, sentence)                      \
    do {                                               \
        if (!was_said(in, sentence)) {                 \
            show_said(in);                             \
            fail_msg("it was not said: %s", sentence); \
        }                                              \
    } while (0)

/* As files f1, f2 ... in this order; NULL if anything was wrong. */
static inline struct config *build_on(const struct config *before, const char *const *texts)
{
    struct config *config = NULL;
    char name[8];
    config_errors_clear(&errors);
    config_errors_clear(&kept);
    struct config_build *build = config_build_new(&errors);
    assert_non_null(build);
    for (unsigned i = 0; texts[i]; i++) {
        char *copy = exact_copy(texts[i], strlen(texts[i]));
        snprintf(name, sizeof name, "f%u", i + 1);
        config_build_file(build, name, copy, strlen(texts[i]));
        exact_free(copy, strlen(texts[i]));
    }
    int r = config_build_finish(build, before, &kept, &config);
    assert_int_equal(r < 0, config == NULL);
    assert_int_equal(r<0, config_errors_total(&errors)> 0);
    config_build_free(build);
    return config;
}

#define BUILD(...)            build_on(NULL, (const char *const[]){ __VA_ARGS__, NULL })
#define BUILD_ON(before, ...) build_on(before, (const char *const[]){ __VA_ARGS__, NULL })

/* One file, refused with this and nothing else. */
#define REFUSED(text, sentence)                            \
    do {                                                   \
        assert_null(BUILD(text));                          \
        EXPECT_SAID(&errors, sentence);                    \
        assert_int_equal(config_errors_total(&errors), 1); \
    } while (0)

static inline void expect_shown(const struct config *config, enum config_key key, const char *value,
                                const char *origin)
{
    char shown[2048], from[CONFIG_ORIGIN_MAX];
    config_show(config, key, shown, sizeof shown);
    config_origin_format(config, config->values[key].origin, from);
    assert_string_equal(shown, value);
    assert_string_equal(from, origin);
}
