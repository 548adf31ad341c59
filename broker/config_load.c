#include "broker/config_load.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "broker/config_build.h"
#include "broker/config_file.h"

/* ---- which files --------------------------------------------------------------------- */

static bool has_option(const struct config_source *source, enum config_key key)
{
    for (size_t i = 0; i < source->n_options; i++)
        if (source->options[i].key == key)
            return true;
    return false;
}

static const char *environment(const char *name)
{
    const char *value = secure_getenv(name);
    return value && *value == '/' ? value : NULL; /* basedir-spec: relative ones are ignored */
}

static bool user_path(char ret[CONFIG_PATH_MAX])
{
    const char *folder = environment("XDG_CONFIG_HOME"), *home = environment("HOME");
    int n = -1;
    if (folder)
        n = snprintf(ret, CONFIG_PATH_MAX, "%s/brokerd/brokerd.conf", folder);
    else if (home)
        n = snprintf(ret, CONFIG_PATH_MAX, "%s/.config/brokerd/brokerd.conf", home);
    return n >= 0 && n < CONFIG_PATH_MAX;
}

bool config_load_path(const struct config_source *source, char ret[CONFIG_PATH_MAX])
{
    const char *fixed = source->file;
    if (!fixed && has_option(source, CONFIG_LISTEN))
        return false;
    if (!fixed && !source->system)
        return user_path(ret);
    if (!fixed)
        fixed = CONFIG_FILE_SYSTEM;
    if (strlen(fixed) >= CONFIG_PATH_MAX)
        return false;
    strcpy(ret, fixed);
    return true;
}

/* ---- reading them ---------------------------------------------------------------------- */

struct loading {
    const struct config_source *source;
    const struct config *before;
    struct config_errors *errors;
    struct config_build *build;
    bool guarded;
    size_t n_bytes;
};

static bool was_read(const struct config *before, const char *path)
{
    for (size_t i = 0; before && i < before->n_files; i++)
        if (strcmp(before->files[i], path) == 0)
            return true;
    return false;
}

static int read_file(struct loading *loading, const char *path, char **ret, size_t *ret_len,
                     char *why)
{
    int r = config_file_read(path, loading->guarded, ret, ret_len, why);
    if (r < 0)
        return r;
    loading->n_bytes += *ret_len;
    if (loading->n_bytes <= CONFIG_TOTAL_MAX)
        return 0;
    snprintf(why, CONFIG_WHY_MAX, "makes it more than %d MiB, with the files before it",
             CONFIG_TOTAL_MAX >> 20);
    return -EFBIG;
}

static int add_file(struct loading *loading, const char *path)
{
    char why[CONFIG_WHY_MAX];
    char *text = NULL;
    size_t len;
    int r = read_file(loading, path, &text, &len, why);
    if (r == 0)
        config_build_file(loading->build, path, text, len);
    else
        config_errors_add(loading->errors, path, 0, "%s", why);
    free(text);
    return r;
}

/* Whether there is one to be read: a default file may be missing, unless it was there before. */
static bool is_expected(const struct loading *loading, const char *path)
{
    return loading->source->file || was_read(loading->before, path) || access(path, F_OK) == 0 ||
           errno != ENOENT;
}

static int add_first(struct loading *loading, const char *path)
{
    char why[CONFIG_WHY_MAX];
    if (!is_expected(loading, path))
        return 0;
    int r = add_file(loading, path);
    if (r == 0 && loading->guarded && (r = config_file_check_folder(path, why)) < 0)
        config_errors_add(loading->errors, path, 0, "%s", why);
    return r;
}

/* "/etc/brokerd/brokerd.conf": "/etc/brokerd/conf.d" */
static bool drop_in_folder(const char *path, char ret[CONFIG_PATH_MAX])
{
    const char *slash = strrchr(path, '/');
    int len = slash ? (int)(slash - path) + 1 : 0;
    return snprintf(ret, CONFIG_PATH_MAX, "%.*sconf.d", len, path) < CONFIG_PATH_MAX;
}

static int add_drop_in(struct loading *loading, const char *folder, const char *name)
{
    char path[CONFIG_PATH_MAX];
    if (snprintf(path, sizeof path, "%s/%s", folder, name) < (int)sizeof path)
        return add_file(loading, path);
    config_errors_add(loading->errors, folder, 0, "%s: the name is too long", name);
    return -ENAMETOOLONG;
}

static int add_drop_ins(struct loading *loading, const char *path)
{
    char folder[CONFIG_PATH_MAX], why[CONFIG_WHY_MAX];
    char **names;
    size_t n;
    int r = drop_in_folder(path, folder) ? 0 : -ENAMETOOLONG;
    if (r < 0) {
        config_errors_add(loading->errors, path, 0, "the name is too long");
        return r;
    }
    r = config_file_list(folder, loading->guarded, &names, &n, why);
    if (r < 0) {
        config_errors_add(loading->errors, folder, 0, "%s", why);
        return r;
    }
    for (size_t i = 0; i < n; i++) {
        int one = add_drop_in(loading, folder, names[i]);
        r = r < 0 ? r : one;
    }
    config_file_free_names(names, n);
    return r;
}

static int add_files(struct loading *loading)
{
    char path[CONFIG_PATH_MAX];
    if (!config_load_path(loading->source, path)) {
        if (!loading->source->file)
            return 0;
        config_errors_add(loading->errors, loading->source->file, 0, "the name is too long");
        return -ENAMETOOLONG;
    }
    int r = add_first(loading, path), drop_ins = add_drop_ins(loading, path);
    return r < 0 ? r : drop_ins;
}

int config_load(struct config **ret, const struct config_source *source,
                const struct config *before, struct config_errors *errors,
                struct config_errors *kept)
{
    struct loading loading = {
        .source = source,
        .before = before,
        .errors = errors,
        .build = config_build_new(errors),
        .guarded = source->system,
    };
    if (!loading.build)
        return -ENOMEM;
    int r = add_files(&loading);
    for (size_t i = 0; i < source->n_options; i++)
        config_build_option(loading.build, source->options[i].key, source->options[i].text);
    int finished = config_build_finish(loading.build, before, kept, ret);
    config_build_free(loading.build);
    return r < 0 ? r : finished;
}
