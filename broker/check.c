#include "broker/check.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "broker/config_load.h"

static void say_errors(const struct config_errors *errors)
{
    for (const char *error = NULL; (error = config_errors_next(errors, error));)
        fprintf(stderr, "%s\n", error);
    if (errors->n_more > 0)
        fprintf(stderr, "brokerd: %zu more\n", errors->n_more);
}

static void say(const char *path, const char *what)
{
    char shown[CONFIG_PATH_MAX];
    snprintf(shown, sizeof shown, "%s", path);
    config_make_safe(shown);
    printf("%s: %s\n", shown, what);
}

static void say_files(const struct config *config, const struct config_source *source)
{
    char path[CONFIG_PATH_MAX];
    for (size_t i = 0; i < config->n_files; i++)
        say(config->files[i], "good");
    if (config->n_files > 0)
        return;
    if (config_load_path(source, path))
        say(path, "not there, so the defaults hold");
    else
        puts("no file, so the defaults hold");
}

int check_config(const struct options *options)
{
    static struct config_errors errors, kept; /* too large for the stack */
    struct config *config = NULL;
    int r = config_load(&config, &options->source, NULL, &errors, &kept);
    if (r < 0) {
        say_errors(&errors);
        return r == -ENOMEM ? EXIT_OSERR : EXIT_CONFIG;
    }
    say_files(config, &options->source);
    config_unref(config);
    return EXIT_SUCCESS;
}
