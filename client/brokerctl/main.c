/* brokerctl: the command line of brokerd. */
#include "client/brokerctl/print.h"
#include "client/brokerctl/verbs.h"

#include <brokerclient.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const struct verb {
    const char *name;
    int (*run)(struct ctl *ctl, int argc, char **argv);
    const char *summary;
} verbs[] = {
    { "pub", verb_pub, "publish a message, a file, or each line of standard input" },
    { "sub", verb_sub, "print the messages that match a pattern" },
    { "req", verb_req, "ask whoever serves a subject, and print the answer" },
    { "serve", verb_serve, "answer requests with a command, or with an echo" },
    { "ping", verb_ping, "measure the way to the broker and back" },
    { "bench", verb_bench, "measure messages a second, latency and loss" },
    { "info", verb_info, "what the broker is: version, limits, uptime" },
    { "stats", verb_stats, "what the broker has counted since it started" },
    { "clients", verb_clients, "who is connected" },
    { "client", verb_client, "one connection: credentials, subscriptions, losses" },
    { "subjects", verb_subjects, "which patterns are subscribed to or served" },
    { "config", verb_config, "what the broker was told, and where" },
    { "reload", verb_reload, "have the broker read its configuration again" },
    { "policy", verb_policy, "who may do what, and which rule says so" },
};
enum { N_VERBS = sizeof verbs / sizeof *verbs };

static int print_overview(void)
{
    _cleanup_text_ struct text text = TEXT_INIT;

    text_puts(&text, "Usage: brokerctl [--url URL] [--user|--system] [--json] VERB ...\n\n"
                     "Talks to a brokerd. Verbs:\n");
    for (size_t i = 0; i < N_VERBS; i++)
        text_printf(&text, "  %-10s%s\n", verbs[i].name, verbs[i].summary);
    text_puts(&text, "\nbrokerctl help VERB explains a verb. Without --url the broker is that\n"
                     "of $BROKER_URL, else the user's, else the system's.\n\n"
                     "Exit codes: 0 ok, 1 failure, 2 a negative answer, 3 denied, 4 timeout,\n"
                     "64 usage, 65 bad data, 69 broker not reachable, 78 bad configuration.\n\n"
                     "Example:\n"
                     "  brokerctl sub 'log.>' &\n"
                     "  brokerctl pub log.web 'it works'\n");
    print_out(&text);
    return print_end(0);
}

static int print_version(void)
{
    _cleanup_text_ struct text text = TEXT_INIT;

    text_printf(&text, "brokerctl %s\n", broker_version());
    print_out(&text);
    return print_end(0);
}

static int run_verb(struct ctl *ctl, int argc, char **argv)
{
    for (size_t i = 0; i < N_VERBS; i++) {
        if (strcmp(argv[0], verbs[i].name))
            continue;
        print_set_verb(verbs[i].name);
        return verbs[i].run(ctl, argc, argv);
    }
    return options_misuse("unknown verb '%s'", argv[0]);
}

/* Started with a standard descriptor closed, the socket would take its number,
 * and results would be written into it. */
static void hold_standard_descriptors(void)
{
    int fd;

    do
        fd = open("/dev/null", O_RDWR); /* inherited on purpose, as they are */
    while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd >= 0)
        close(fd);
}

int main(int argc, char **argv)
{
    struct ctl ctl = { 0 };
    bool help, version;
    int verb, code;

    hold_standard_descriptors();
    signal(SIGPIPE, SIG_IGN);
    code = options_parse_global(&ctl, argc, argv, &verb, &help, &version);
    if (code >= 0)
        return code;
    if (help)
        return print_overview();
    if (version)
        return print_version();
    if (verb >= argc)
        return options_misuse("wants a verb, such as pub or sub");
    if (strcmp(argv[verb], "help"))
        return run_verb(&ctl, argc - verb, argv + verb);
    if (verb + 1 == argc)
        return print_overview();
    return run_verb(&ctl, 2, (char *[]){ argv[verb + 1], (char[]){ "--help" }, NULL });
}
