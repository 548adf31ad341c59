#include "broker/options.h"

#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <string.h>
#include <unistd.h>

#include "broker/config_value.h"

static const char help[] =
    "Usage: brokerd [OPTION...]\n"
    "\n"
    "Passes messages between local processes. Without --listen it listens on the\n"
    "default socket: /run/brokerd/brokerd.sock for root, else\n"
    "$XDG_RUNTIME_DIR/brokerd/brokerd.sock; or on what systemd hands it.\n"
    "\n"
    "  --config FILE       read FILE, then conf.d/*.conf beside it (without --listen:\n"
    "                      /etc/brokerd/brokerd.conf if the broker is the system's,\n"
    "                      ~/.config/brokerd/brokerd.conf if it is a user's)\n"
    "  --check-config      say what is wrong with the configuration, and end\n"
    "  --listen URL        unix:/path or unix:@abstract; may be given again\n"
    "  --user, --system    whose broker it is: default socket, default file\n"
    "  --mode MODE         permissions of a socket's path, octal (0600; system: 0666)\n"
    "  --owner USER        its owner, by name or number\n"
    "  --group GROUP       its group, by name or number\n"
    "  --run-as USER[:GROUP]  become that user once it listens (needs root)\n"
    "  --loop NAME         poll, epoll or auto (the best there is)\n"
    "  --seccomp MODE      system calls that are not needed fail: auto, yes or no\n"
    "  --log-level LEVEL   err, warn, info (default) or debug\n"
    "  --help              this text\n"
    "  --version           the version\n"
    "\n"
    "Exit codes: 0 ended in order, 64 usage, 69 another broker has the socket,\n"
    "71 a system call failed, 73 the socket cannot be made, 78 bad configuration.\n"
    "\n"
    "See brokerd(8), brokerd.conf(5), brokerctl(1), brokerclient(3).\n";

/* From OPT_KEY on they are keys. */
enum {
    OPT_USER = 256,
    OPT_SYSTEM,
    OPT_CONFIG,
    OPT_CHECK,
    OPT_HELP,
    OPT_VERSION,
    OPT_KEY = 512,
};

static const struct option long_options[] = {
    { "listen", required_argument, NULL, OPT_KEY + CONFIG_LISTEN },
    { "user", no_argument, NULL, OPT_USER },
    { "system", no_argument, NULL, OPT_SYSTEM },
    { "mode", required_argument, NULL, OPT_KEY + CONFIG_MODE },
    { "owner", required_argument, NULL, OPT_KEY + CONFIG_OWNER },
    { "group", required_argument, NULL, OPT_KEY + CONFIG_GROUP },
    { "run-as", required_argument, NULL, OPT_KEY + CONFIG_RUN_AS },
    { "loop", required_argument, NULL, OPT_KEY + CONFIG_LOOP },
    { "seccomp", required_argument, NULL, OPT_KEY + CONFIG_SECCOMP },
    { "log-level", required_argument, NULL, OPT_KEY + CONFIG_LOG_LEVEL },
    { "config", required_argument, NULL, OPT_CONFIG },
    { "check-config", no_argument, NULL, OPT_CHECK },
    { "help", no_argument, NULL, OPT_HELP },
    { "version", no_argument, NULL, OPT_VERSION },
    { NULL, 0, NULL, 0 },
};

static int usage(const char *format, ...) __attribute__((format(printf, 1, 2)));

static int usage(const char *format, ...)
{
    va_list args;
    fputs("brokerd: ", stderr);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputs(" (see brokerd --help)\n", stderr);
    return EXIT_USAGE;
}

/* ---- options that are keys ------------------------------------------------------------- */

static struct config_option *find(struct options *options, enum config_key key)
{
    for (size_t i = 0; i < options->source.n_options; i++)
        if (options->given[i].key == key)
            return &options->given[i];
    return NULL;
}

static void add(struct options *options, enum config_key key, const char *text)
{
    options->given[options->source.n_options++] = (struct config_option){ key, text };
}

static int add_listen(struct options *options, const char *url)
{
    char why[CONFIG_WHY_MAX];
    struct address_list list;
    if (config_value_parse_urls(url, &list, why) < 0)
        return usage("--listen %s: %s", url, why);
    options->n_addresses += list.n;
    if (options->n_addresses > CONFIG_LISTEN_MAX)
        return usage("--listen %s: more than %d addresses", url, CONFIG_LISTEN_MAX);
    add(options, CONFIG_LISTEN, url);
    return -1;
}

/* The last one counts. */
static int set(struct options *options, enum config_key key, const char *text)
{
    char why[CONFIG_WHY_MAX];
    uint64_t number;
    if (config_value_parse(key, text, &number, why) < 0)
        return usage("--%s %s: %s", config_key_info(key).name, text, why);
    struct config_option *given = find(options, key);
    if (given)
        given->text = text;
    else
        add(options, key, text);
    return -1;
}

static int set_scope(struct options *options, const char *which)
{
    const struct config_option *given = find(options, CONFIG_SCOPE);
    if (given && strcmp(given->text, which) != 0)
        return usage("--user and --system exclude each other");
    return set(options, CONFIG_SCOPE, which);
}

/* ---- the command line -------------------------------------------------------------------- */

static int apply(struct options *options, int option, const char *arg)
{
    switch (option) {
    case OPT_USER:
        return set_scope(options, "user");
    case OPT_SYSTEM:
        return set_scope(options, "system");
    case OPT_CONFIG:
        options->source.file = arg;
        return *arg ? -1 : usage("--config: the name of the file is empty");
    case OPT_CHECK:
        options->check = true;
        return -1;
    case OPT_HELP:
        fputs(help, stdout);
        return EXIT_SUCCESS;
    case OPT_VERSION:
        puts("brokerd " BROKER_VERSION);
        return EXIT_SUCCESS;
    case OPT_KEY + CONFIG_LISTEN:
        return add_listen(options, arg);
    default:
        return set(options, (enum config_key)(option - OPT_KEY), arg);
    }
}

/* What getopt did not take: ':' and a value is missing, else a long option that
 * it knows (optopt is its value) has one too many, else it knows none such. */
static int misparsed(int c, const char *word)
{
    if (c == ':')
        return usage("option '%s' wants a value", word);
    if (optopt >= OPT_USER)
        return usage("option '%s' takes no value", word);
    if (optopt)
        return usage("unrecognized option '-%c'", optopt);
    return usage("unrecognized option '%s'", word);
}

int options_parse(struct options *ret, int argc, char **argv)
{
    int option;
    memset(ret, 0, sizeof *ret);
    ret->source.options = ret->given;
    opterr = 0;
    while ((option = getopt_long(argc, argv, ":", long_options, NULL)) != -1) {
        int code = option == '?' || option == ':' ? misparsed(option, argv[optind - 1])
                                                  : apply(ret, option, optarg);
        if (code != -1)
            return code;
    }
    if (optind < argc)
        return usage("%s: brokerd takes options only", argv[optind]);
    const struct config_option *which = find(ret, CONFIG_SCOPE);
    if (which && find(ret, CONFIG_LISTEN))
        return usage("--%s names the default socket: leave out --listen", which->text);
    ret->source.system = which ? strcmp(which->text, "system") == 0 : getuid() == 0;
    return -1;
}
