#include "broker/options.h"

#include <errno.h>
#include <getopt.h>
#include <grp.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char help[] =
    "Usage: brokerd [OPTION...]\n"
    "\n"
    "Passes messages between local processes. Without --listen it listens on the\n"
    "default socket: /run/brokerd/brokerd.sock for root, else\n"
    "$XDG_RUNTIME_DIR/brokerd/brokerd.sock; or on what systemd hands it.\n"
    "\n"
    "  --listen URL        unix:/path or unix:@abstract; may be given again\n"
    "  --user, --system    the default socket of the user, of the system\n"
    "  --mode MODE         permissions of a socket's path, octal (0600; system: 0666)\n"
    "  --owner USER        its owner, by name or number\n"
    "  --group GROUP       its group, by name or number\n"
    "  --loop NAME         poll, epoll or auto (the best there is)\n"
    "  --log-level LEVEL   err, warn, info (default) or debug\n"
    "  --help              this text\n"
    "  --version           the version\n"
    "\n"
    "Exit codes: 0 ended in order, 64 usage, 69 another broker has the socket,\n"
    "71 a system call failed, 73 the socket cannot be made.\n"
    "\n"
    "See brokerd(8), brokerctl(1), brokerclient(3).\n";

enum {
    OPT_LISTEN = 256,
    OPT_USER,
    OPT_SYSTEM,
    OPT_MODE,
    OPT_OWNER,
    OPT_GROUP,
    OPT_LOOP,
    OPT_LOG_LEVEL,
    OPT_HELP,
    OPT_VERSION,
};

static const struct option long_options[] = {
    { "listen", required_argument, NULL, OPT_LISTEN },
    { "user", no_argument, NULL, OPT_USER },
    { "system", no_argument, NULL, OPT_SYSTEM },
    { "mode", required_argument, NULL, OPT_MODE },
    { "owner", required_argument, NULL, OPT_OWNER },
    { "group", required_argument, NULL, OPT_GROUP },
    { "loop", required_argument, NULL, OPT_LOOP },
    { "log-level", required_argument, NULL, OPT_LOG_LEVEL },
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

static int add_listen(struct options *options, const char *url)
{
    struct address_list list;
    struct address_error error;
    if (address_list_parse(&list, url, &error) < 0)
        return usage("--listen %s: wrong at byte %zu: %s", url, error.at + 1, error.why);
    for (size_t i = 0; i < list.n; i++) {
        if (!address_is_unix(&list.at[i]))
            return usage("--listen %s: only unix: addresses are supported yet", url);
        if (options->n_listen == OPTIONS_LISTEN_MAX)
            return usage("--listen %s: more than %d addresses", url, OPTIONS_LISTEN_MAX);
        options->listen[options->n_listen++] = list.at[i];
    }
    return -1;
}

static int set_mode(struct options *options, const char *arg)
{
    char *end;
    unsigned long mode = strtoul(arg, &end, 8);
    if (*arg < '0' || *arg > '7' || *end != '\0' || mode > 0777)
        return usage("--mode %s: not an octal number from 0 to 777", arg);
    options->socket.mode = (mode_t)mode;
    options->has_mode = true;
    return -1;
}

static bool number(const char *arg, unsigned *ret)
{
    char *end;
    errno = 0;
    unsigned long value = strtoul(arg, &end, 10);
    if (*arg < '0' || *arg > '9' || *end != '\0' || errno || value >= UINT32_MAX)
        return false;
    *ret = (unsigned)value;
    return true;
}

static int set_owner(struct options *options, const char *arg)
{
    const struct passwd *user = getpwnam(arg);
    if (user)
        options->socket.owner = user->pw_uid;
    else if (!number(arg, &options->socket.owner))
        return usage("--owner %s: there is no such user", arg);
    return -1;
}

static int set_group(struct options *options, const char *arg)
{
    const struct group *group = getgrnam(arg);
    if (group)
        options->socket.group = group->gr_gid;
    else if (!number(arg, &options->socket.group))
        return usage("--group %s: there is no such group", arg);
    return -1;
}

static int set_loop(struct options *options, const char *arg)
{
    if (strcmp(arg, "poll") != 0 && strcmp(arg, "epoll") != 0 && strcmp(arg, "auto") != 0)
        return usage("--loop %s: it is poll, epoll or auto", arg);
    options->loop = arg;
    return -1;
}

static int set_scope(struct options *options, char scope)
{
    if (options->scope && options->scope != scope)
        return usage("--user and --system exclude each other");
    options->scope = scope;
    return -1;
}

static int apply(struct options *options, int option, const char *arg)
{
    switch (option) {
    case OPT_LISTEN:
        return add_listen(options, arg);
    case OPT_USER:
        return set_scope(options, 'u');
    case OPT_SYSTEM:
        return set_scope(options, 's');
    case OPT_MODE:
        return set_mode(options, arg);
    case OPT_OWNER:
        return set_owner(options, arg);
    case OPT_GROUP:
        return set_group(options, arg);
    case OPT_LOOP:
        return set_loop(options, arg);
    case OPT_LOG_LEVEL:
        if (log_level_parse(&options->log_level, arg) < 0)
            return usage("--log-level %s: it is err, warn, info or debug", arg);
        return -1;
    case OPT_HELP:
        fputs(help, stdout);
        return EXIT_SUCCESS;
    case OPT_VERSION:
        puts("brokerd " BROKER_VERSION);
        return EXIT_SUCCESS;
    default:
        return EXIT_USAGE;
    }
}

/* What getopt did not take: ':' and a value is missing, else a long option that
 * it knows (optopt is its value) has one too many, else it knows none such. */
static int misparsed(int c, const char *word)
{
    if (c == ':')
        return usage("option '%s' wants a value", word);
    if (optopt >= OPT_LISTEN)
        return usage("option '%s' takes no value", word);
    if (optopt)
        return usage("unrecognized option '-%c'", optopt);
    return usage("unrecognized option '%s'", word);
}

int options_parse(struct options *ret, int argc, char **argv)
{
    int option;
    *ret = (struct options){
        .socket = SOCKPATH_OPTIONS_INIT,
        .loop = "auto",
        .log_level = LOG_LEVEL_INFO,
    };
    opterr = 0;
    while ((option = getopt_long(argc, argv, ":", long_options, NULL)) != -1) {
        int code = option == '?' || option == ':' ? misparsed(option, argv[optind - 1])
                                                  : apply(ret, option, optarg);
        if (code != -1)
            return code;
    }
    if (optind < argc)
        return usage("%s: brokerd takes options only", argv[optind]);
    if (ret->scope && ret->n_listen > 0)
        return usage("--%s names the default socket: leave out --listen",
                     ret->scope == 'u' ? "user" : "system");
    return -1;
}
