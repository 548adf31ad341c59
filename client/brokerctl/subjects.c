/* brokerctl subjects: which patterns somebody listens to or serves. */
#include "client/brokerctl/verbs.h"

#include "client/brokerctl/sys.h"
#include "client/brokerctl/table.h"

#include <inttypes.h>

static const struct usage usage = {
    .verb = "subjects",
    .operands = "",
    .about = "Prints a line for each pattern that is subscribed to or served; with --json an\n"
             "object a line.",
    .example = "  brokerctl subjects",
    .raw = "print the broker's answers as they are, in msgpack",
};

/* {"workers": 3, "audit": 1} as "workers:3 audit:1"; +7 behind it: seven others. */
static void add_groups(struct table *table, struct mp map)
{
    _cleanup_text_ struct text text = TEXT_INIT;
    struct mp groups;
    struct mp_item head, name, count;
    uint64_t more = mp_get_number(map, "more-groups");

    if (!mp_get(map, "groups", &groups) || !mp_next(&groups, &head) || head.type != MP_MAP)
        head.len = 0;
    for (size_t i = 0; i < head.len; i++) {
        if (!mp_next(&groups, &name) || name.type != MP_STR || !mp_next(&groups, &count) ||
            count.type != MP_UINT)
            break;
        if (i)
            text_char(&text, ' ');
        text_add(&text, name.data, name.len);
        text_printf(&text, ":%" PRIu64, count.number);
    }
    if (more)
        text_printf(&text, " +%" PRIu64, more);
    if (!text.len)
        text_char(&text, '-');
    table_cell(table, text.data, text.len);
}

static void add_subject(struct mp map, void *userdata)
{
    struct table *table = userdata;
    struct mp_item pattern;

    if (!mp_get_item(map, "pattern", MP_STR, &pattern))
        return;
    table_cell(table, pattern.data, pattern.len);
    table_number(table, mp_get_number(map, "subscriptions"));
    add_groups(table, map);
    table_number(table, mp_get_number(map, "servers"));
}

int verb_subjects(struct ctl *ctl, int argc, char **argv)
{
    static const struct table_column columns[] = {
        { "PATTERN", false, true, false },
        { "SUBSCRIPTIONS", true, false, false },
        { "GROUPS", false, true, false },
        { "SERVERS", true, false, false },
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
    code = session_open(&session, ctl, "subjects", false);
    if (code == 0)
        code = sys_list(&session, ctl, "$SYS.subjects", "subjects", add_subject, &table);
    if (table.n_cells)
        table_print(&table);
    return session_close(&session, code);
}
