/* brokerctl config and reload: what the broker was told, and having it look again. */
#include "client/brokerctl/verbs.h"

#include "client/brokerctl/sys.h"
#include "client/brokerctl/table.h"

#include <string.h>

static void add_string(struct table *table, struct mp map, const char *key)
{
    struct mp_item item;

    if (mp_get_item(map, key, MP_STR, &item))
        table_cell(table, item.data, item.len);
    else
        table_puts(table, "-");
}

static void add_value(struct mp map, void *userdata)
{
    struct table *table = userdata;

    add_string(table, map, "section");
    add_string(table, map, "key");
    add_string(table, map, "value");
    add_string(table, map, "origin");
}

int verb_config(struct ctl *ctl, int argc, char **argv)
{
    static const struct usage usage = {
        .verb = "config",
        .operands = "",
        .about = "Prints the configuration that holds: a line for each value, and where it comes\n"
                 "from; with --json an object a line.",
        .example = "  brokerctl config",
        .raw = "print the broker's answers as they are, in msgpack",
    };
    static const struct table_column columns[] = {
        { "SECTION", false, true, false },
        { "KEY", false, false, false },
        { "VALUE", false, true, false },
        { "ORIGIN", false, true, false },
    };
    _cleanup_session_ struct session session = SESSION_INIT;
    _cleanup_table_ struct table table;
    struct operands operands;
    int code = options_parse(ctl, &usage, NULL, 0, argc, argv, &operands);

    table_init(&table, columns, sizeof columns / sizeof *columns);
    if (code >= 0)
        return code;
    if (operands.n)
        return options_misuse("takes no operand: '%s'", operands.v[0]);
    code = session_open(&session, ctl, "config", false);
    if (code == 0)
        code = sys_list(&session, ctl, "$SYS.config", "values", add_value, &table);
    if (table.n_cells)
        table_print(&table);
    return session_close(&session, code);
}

/* ---- reload ---------------------------------------------------------------------------- */

/* Each sentence of the list, on a line of standard error. */
static void note_sentences(struct mp map, const char *key)
{
    struct mp list;
    struct mp_item head, item;

    if (!mp_get(map, key, &list) || !mp_next(&list, &head) || head.type != MP_ARRAY)
        return;
    for (size_t i = 0; i < head.len; i++) {
        if (!mp_next(&list, &item) || item.type != MP_STR)
            return;
        print_note("%.*s", (int)item.len, item.data);
    }
}

/* 0, or the exit code for a configuration that was refused. */
static int tell_reload(struct mp map)
{
    struct mp_item done;
    uint64_t more = mp_get_number(map, "more-errors");

    if (mp_get_item(map, "reloaded", MP_BOOL, &done) && done.number)
        return 0;
    if (more)
        print_note("%llu more", (unsigned long long)more);
    return print_failure(EXIT_CONFIG, "the configuration stays as it was");
}

int verb_reload(struct ctl *ctl, int argc, char **argv)
{
    static const struct usage usage = {
        .verb = "reload",
        .operands = "",
        .about = "Has the broker read its configuration again, which it takes as a whole or not\n"
                 "at all. What is wrong is printed, and the exit code is 78; what needs a restart\n"
                 "is printed too.",
        .example = "  brokerctl reload",
        .raw = "print the broker's answers as they are, in msgpack",
    };
    _cleanup_session_ struct session session = SESSION_INIT;
    _cleanup_answer_ struct answer answer = { 0 };
    struct operands operands;
    int code = options_parse(ctl, &usage, NULL, 0, argc, argv, &operands);

    if (code >= 0)
        return code;
    if (operands.n)
        return options_misuse("takes no operand: '%s'", operands.v[0]);
    code = session_open(&session, ctl, "reload", false);
    if (code == 0)
        code = sys_ask(&session, "$SYS.reload", NULL, NULL, &answer);
    if (code)
        return session_close(&session, code);
    if (!sys_print_exact(ctl, &answer)) {
        note_sentences(answer.map, "errors");
        note_sentences(answer.map, "needs-restart");
    }
    return session_close(&session, tell_reload(answer.map));
}
