#include "client/brokerctl/options.h"

#include "client/brokerctl/print.h"

#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_SPECS = 24, HELP_COLUMN = 26, HELP_WIDTH = 80 };

/* One flat table of the verb's options and the common ones, as getopt wants it. */
struct parser {
    struct option_spec specs[MAX_SPECS];
    size_t n;
    struct option longs[MAX_SPECS + 1];
    char shorts[2 * MAX_SPECS + 3];
    bool user, system, help, version;
};

/* `raw` explains --raw; NULL: it is no option here. */
static void add_common(struct parser *parser, struct ctl *ctl, const char *raw)
{
    const struct option_spec common[] = {
        { "url", 0, OPTION_TEXT, &ctl->url, "URL", "the broker's address, such as unix:/path" },
        { "user", 0, OPTION_FLAG, &parser->user, NULL, "the user's broker and no other" },
        { "system", 0, OPTION_FLAG, &parser->system, NULL, "the system's broker and no other" },
        { "json", 0, OPTION_FLAG, &ctl->json, NULL, "print JSON, an object a line" },
        { "raw", 0, OPTION_FLAG, &ctl->raw, NULL, raw },
        { "help", 'h', OPTION_FLAG, &parser->help, NULL, "print this" },
    };

    for (size_t i = 0; i < sizeof common / sizeof *common; i++)
        if (common[i].help)
            parser->specs[parser->n++] = common[i];
}

/* `prefix`: "+:" stops at the first operand, ":" takes options behind it too. */
static void build_tables(struct parser *parser, const char *prefix)
{
    char *shorts = stpcpy(parser->shorts, prefix);

    for (size_t i = 0; i < parser->n; i++) {
        const struct option_spec *spec = &parser->specs[i];

        parser->longs[i] = (struct option){
            .name = spec->name,
            .has_arg = spec->kind == OPTION_FLAG ? no_argument : required_argument,
            .val = 256 + (int)i,
        };
        if (spec->letter)
            *shorts++ = spec->letter;
        if (spec->letter && spec->kind != OPTION_FLAG)
            *shorts++ = ':';
    }
    *shorts = '\0';
}

int options_misuse(const char *format, ...)
{
    char *message = NULL;
    va_list args;
    int len;

    va_start(args, format);
    len = vasprintf(&message, format, args);
    va_end(args);
    if (len >= 0)
        print_note("%s (--help explains)", message);
    free(message);
    return EXIT_USAGE;
}

void option_list_deinit(struct option_list *list)
{
    free(list->v);
    *list = (struct option_list){ NULL, 0 };
}

static void list_add(struct option_list *list, const char *value)
{
    list->v = xrealloc(list->v, (list->n + 1) * sizeof *list->v);
    list->v[list->n++] = value;
}

static int bad_value(const struct option_spec *spec, const char *value, const char *wanted)
{
    return options_misuse("--%s %s: wants %s", spec->name, value, wanted);
}

/* 0, or the exit code. */
static int store(const struct option_spec *spec, const char *value)
{
    switch (spec->kind) {
    case OPTION_FLAG:
        *(bool *)spec->dest = true;
        return 0;
    case OPTION_TEXT:
        *(const char **)spec->dest = value;
        return 0;
    case OPTION_LIST:
        list_add(spec->dest, value);
        return 0;
    case OPTION_COUNT:
        if (parse_count(value, spec->dest) && *(uint64_t *)spec->dest > 0)
            return 0;
        return bad_value(spec, value, "a number from 1");
    case OPTION_NUMBER:
        if (parse_count(value, spec->dest))
            return 0;
        return bad_value(spec, value, "a number from 0");
    case OPTION_DURATION:
        if (parse_duration(value, spec->dest))
            return 0;
        return bad_value(spec, value, "a time such as 500ms, 3s or 2m");
    case OPTION_SIZE:
        if (parse_size(value, spec->dest))
            return 0;
        return bad_value(spec, value, "a size such as 512, 64K or 1M");
    }
    return EXIT_USAGE;
}

static const struct option_spec *spec_of(const struct parser *parser, int c)
{
    if (c >= 256)
        return &parser->specs[c - 256];
    for (size_t i = 0; i < parser->n; i++)
        if (parser->specs[i].letter == c)
            return &parser->specs[i];
    return NULL;
}

/* getopt says little about what it did not like: 256 and above is a long
 * option that it knows, a letter is one it does not, 0 is a word. */
static int misparsed(const struct parser *parser, int c, char **argv)
{
    const char *word = argv[optind - 1];
    const struct option_spec *spec = optopt ? spec_of(parser, optopt) : NULL;

    if (c == ':' || (spec && spec->kind != OPTION_FLAG))
        return options_misuse("%s wants a value", word);
    if (spec)
        return options_misuse("--%s takes no value", spec->name);
    if (optopt)
        return options_misuse("unknown option -%c; an operand with a dash goes behind --", optopt);
    return options_misuse("unknown option %s", word);
}

static int run_getopt(struct parser *parser, struct ctl *ctl, int argc, char **argv)
{
    int c;

    optind = 0; /* glibc: forget the parse before */
    opterr = 0;
    while ((c = getopt_long(argc, argv, parser->shorts, parser->longs, NULL)) != -1) {
        const struct option_spec *spec = c == '?' || c == ':' ? NULL : spec_of(parser, c);
        int bad = spec ? store(spec, optarg) : misparsed(parser, c, argv);

        if (bad)
            return bad;
        if (parser->help)
            return -1;
    }
    if (parser->user && parser->system)
        return options_misuse("--user and --system exclude each other");
    if (ctl->url && (parser->user || parser->system))
        return options_misuse("--url excludes --user and --system");
    if (parser->user || parser->system)
        ctl->scope = parser->user ? 'u' : 's';
    return -1;
}

int options_parse_global(struct ctl *ctl, int argc, char **argv, int *ret_verb, bool *ret_help,
                         bool *ret_version)
{
    struct parser parser = { .n = 1 };
    int code;

    parser.specs[0].name = "version";
    parser.specs[0].letter = 'V';
    parser.specs[0].dest = &parser.version;
    add_common(&parser, ctl, "payloads are bytes");
    build_tables(&parser, "+:");
    code = run_getopt(&parser, ctl, argc, argv);
    *ret_verb = optind;
    *ret_help = parser.help;
    *ret_version = parser.version;
    return code;
}

/* Words from `column` on, in lines of at most HELP_WIDTH. */
static void help_words(struct text *text, const char *words, size_t column)
{
    while (*words) {
        size_t len = strcspn(words, " ");

        if (column + 1 + len > HELP_WIDTH) {
            text_printf(text, "\n%*s", HELP_COLUMN, "");
            column = HELP_COLUMN;
        } else if (column > HELP_COLUMN) {
            text_char(text, ' ');
            column++;
        }
        text_add(text, words, len);
        column += len;
        words += len + (words[len] == ' ');
    }
    text_char(text, '\n');
}

static void help_option(struct text *text, const struct option_spec *spec)
{
    size_t begin = text->len, width;

    if (spec->letter)
        text_printf(text, "  -%c, --%s", spec->letter, spec->name);
    else
        text_printf(text, "      --%s", spec->name);
    if (spec->arg)
        text_printf(text, " %s", spec->arg);
    width = text->len - begin;
    text_printf(text, "%*s", width < HELP_COLUMN ? (int)(HELP_COLUMN - width) : 2, "");
    help_words(text, spec->help, width < HELP_COLUMN ? HELP_COLUMN : width + 2);
}

static int print_help(const struct parser *parser, const struct usage *usage)
{
    _cleanup_text_ struct text text = TEXT_INIT;

    text_printf(&text, "Usage: brokerctl %s%s%s [OPTION...]%s\n\n%s\n\nOptions:\n", usage->verb,
                *usage->operands ? " " : "", usage->operands,
                strcmp(usage->verb, "serve") ? "" : " [-- COMMAND ARG...]", usage->about);
    for (size_t i = 0; i < parser->n; i++)
        help_option(&text, &parser->specs[i]);
    text_printf(&text, "\nExample:\n%s\n", usage->example);
    print_out(&text);
    return print_end(0);
}

int options_parse(struct ctl *ctl, const struct usage *usage, const struct option_spec *specs,
                  size_t n_specs, int argc, char **argv, struct operands *ret)
{
    struct parser parser = { .n = n_specs };
    int code;

    if (n_specs)
        memcpy(parser.specs, specs, n_specs * sizeof *specs);
    add_common(&parser, ctl, usage->raw);
    build_tables(&parser, ":");
    /* A scope given before the verb gives way to one behind it. */
    code = run_getopt(&parser, ctl, argc, argv);
    if (code >= 0)
        return code;
    if (parser.help)
        return print_help(&parser, usage);
    if (ctl->raw && !usage->raw)
        return options_misuse("--raw means nothing to %s", usage->verb);
    if (ctl->raw && ctl->json && !usage->raw_beside_json)
        return options_misuse("--json and --raw exclude each other");
    *ret = (struct operands){ argv + optind, argc - optind };
    return -1;
}
