/* Files of the configuration. The input is one file, or up to four with a form feed between them,
 * which come one after the other.
 */
#include <errno.h>
#include <grp.h>
#include <pwd.h>

#include "broker/config_build.h"
#include "broker/guard/policy.h"
#include "tests/fuzz/fuzz.h"

enum { MAX_FILES = 4 };

static const char *const names[MAX_FILES] = { "f0", "f1", "f2", "f3" };

/* Only root is there: the real ones would be read from /etc each time. */
int getpwnam_r(const char *name, struct passwd *user, char *buf, size_t size,
               struct passwd **result)
{
    (void)buf;
    (void)size;
    *user = (struct passwd){ .pw_uid = 0 };
    *result = strcmp(name, "root") == 0 ? user : NULL;
    return 0;
}

int getgrnam_r(const char *name, struct group *group, char *buf, size_t size, struct group **result)
{
    (void)buf;
    (void)size;
    *group = (struct group){ .gr_gid = 0 };
    *result = strcmp(name, "root") == 0 ? group : NULL;
    return 0;
}

static struct config_errors errors, kept;

/* ---- building ----------------------------------------------------------------------------- */

struct file {
    const char *text;
    size_t len;
    size_t n_lines;
};

static size_t count_lines(const struct file *file)
{
    size_t n = 1;
    for (size_t i = 0; i < file->len; i++)
        n += file->text[i] == '\n';
    return n;
}

static unsigned cut(const uint8_t *data, size_t len, struct file files[MAX_FILES])
{
    unsigned n = 0;
    const char *at = (const char *)data, *end = at + len;
    for (; n < MAX_FILES; n++) {
        const char *feed = at < end ? memchr(at, '\f', (size_t)(end - at)) : NULL;
        files[n].text = at;
        files[n].len = (size_t)((feed ? feed : end) - at);
        files[n].n_lines = count_lines(&files[n]);
        if (!feed)
            return n + 1;
        at = feed + 1;
    }
    return n;
}

static struct config *build(const struct file *files, unsigned n, const struct config *before)
{
    struct config *config = NULL;
    config_errors_clear(&errors);
    config_errors_clear(&kept);
    struct config_build *build = config_build_new(&errors);
    REQUIRE(build);
    for (unsigned i = 0; i < n; i++) {
        char *copy = malloc(files[i].len ? files[i].len : 1); /* ASan sees its end */
        REQUIRE(copy);
        if (files[i].len)
            memcpy(copy, files[i].text, files[i].len);
        config_build_file(build, names[i], copy, files[i].len);
        free(copy);
    }
    int r = config_build_finish(build, before, &kept, &config);
    REQUIRE((r < 0) == (config == NULL) && (r < 0) == (config_errors_total(&errors) > 0));
    REQUIRE(r == 0 || r == -EINVAL);
    config_build_free(build);
    return config;
}

/* ---- what is wrong ------------------------------------------------------------------------- */

/* "f1:17: ...": a file and a line that there are, and nothing that a terminal obeys. */
static void check_error(const char *error, const struct file *files, unsigned n)
{
    unsigned file = (unsigned)(error[1] - '0');
    char *end;
    REQUIRE(error[0] == 'f' && file < n && error[2] == ':');
    unsigned long line = strtoul(error + 3, &end, 10);
    REQUIRE(line >= 1 && line <= files[file].n_lines && *end == ':');
    REQUIRE(strpbrk(error, "\x1b\x07\n\r\x7f") == NULL);
}

/* ---- what is right -------------------------------------------------------------------------- */

/* What was said, said again. */
static char *write_again(const struct config *config, size_t *ret_len)
{
    char *text = NULL;
    FILE *out = open_memstream(&text, ret_len);
    REQUIRE(out);
    for (size_t i = 0; i < config->n_listen; i++)
        fprintf(out, "[broker]\nlisten=%s\n", config->listen[i].text);
    for (unsigned key = CONFIG_LISTEN + 1; key < N_CONFIG_KEYS; key++)
        if (config_is_set(config, key))
            fprintf(out, "[%s]\n%s=%s\n", config_key_info(key).section, config_key_info(key).name,
                    config_text(config, key));
    for (size_t i = 0; i < config->n_settings; i++) {
        const struct config_setting *setting = &config->settings[i];
        if (i == 0 || strcmp(setting[-1].rule, setting->rule) != 0)
            fprintf(out, "[rule \"%s\"]\n", setting->rule);
        fprintf(out, "%s=%s\n", setting->key, setting->value);
    }
    fclose(out);
    return text;
}

static void check_same(const struct config *a, const struct config *b)
{
    for (unsigned key = 0; key < N_CONFIG_KEYS; key++)
        REQUIRE(config_same(a, b, key));
    REQUIRE(memcmp(&a->limits, &b->limits, sizeof a->limits) == 0);
    REQUIRE(a->n_settings == b->n_settings && a->system == b->system);
    REQUIRE(policy_n_rules(a->policy) == policy_n_rules(b->policy));
    for (size_t i = 0; i < a->n_settings; i++) {
        REQUIRE(strcmp(a->settings[i].rule, b->settings[i].rule) == 0);
        REQUIRE(strcmp(a->settings[i].key, b->settings[i].key) == 0);
        REQUIRE(strcmp(a->settings[i].value, b->settings[i].value) == 0);
    }
}

static void check_round_trip(const struct config *config)
{
    struct file file;
    char *text = write_again(config, &file.len);
    file.text = text;
    struct config *again = build(&file, 1, NULL);
    REQUIRE(again);
    check_same(config, again);
    config_unref(again);
    free(text);
}

/* A reload changes nothing that needs a restart, and only that. */
static void check_reload(const struct config *config, const struct file *files, unsigned n)
{
    static const struct file nothing = { "", 0, 1 };
    static struct config *before; /* it is never written to: one for all runs */
    if (!before)
        before = build(&nothing, 1, NULL);
    REQUIRE(before);
    struct config *now = build(files, n, before);
    REQUIRE(now);
    for (unsigned key = 0; key < N_CONFIG_KEYS; key++)
        REQUIRE(config_same(now, config_key_info(key).live ? config : before, key));
    config_unref(now);
    now = build(files, n, config);
    REQUIRE(now && config_errors_total(&kept) == 0);
    check_same(now, config);
    config_unref(now);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct file files[MAX_FILES];
    unsigned n = cut(data, len, files);
    struct config *config = build(files, n, NULL);
    for (const char *error = NULL; (error = config_errors_next(&errors, error));)
        check_error(error, files, n);
    if (config) {
        check_round_trip(config);
        check_reload(config, files, n);
    }
    config_unref(config);
    return 0;
}
