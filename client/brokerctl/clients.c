/* brokerctl clients, and client ID. */
#include "client/brokerctl/verbs.h"

#include "client/brokerctl/facts.h"
#include "client/brokerctl/json.h"
#include "client/brokerctl/sys.h"
#include "client/brokerctl/table.h"

#include <inttypes.h>
#include <msgpack.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>

static void add_string(struct table *table, struct mp map, const char *key)
{
    struct mp_item item;

    if (mp_get_item(map, key, MP_STR, &item) && item.len)
        table_cell(table, item.data, item.len);
    else
        table_puts(table, "-");
}

/* A number that may be missing, such as the pid of a peer the kernel knows none of. */
static void add_number(struct table *table, struct mp map, const char *key)
{
    struct mp_item item;

    if (mp_get_item(map, key, MP_UINT, &item))
        table_number(table, item.number);
    else
        table_puts(table, "-");
}

static void add_user(struct table *table, struct mp map)
{
    struct mp_item item;
    struct passwd *user;

    if (!mp_get_item(map, "uid", MP_UINT, &item)) {
        table_puts(table, "-");
        return;
    }
    user = getpwuid((uid_t)item.number);
    if (user)
        table_puts(table, user->pw_name);
    else
        table_number(table, item.number);
}

static void add_client(struct mp map, void *userdata)
{
    struct table *table = userdata;

    add_number(table, map, "id");
    add_string(table, map, "name");
    add_user(table, map);
    add_number(table, map, "pid");
    add_number(table, map, "subscriptions");
    add_number(table, map, "services");
    add_number(table, map, "queued-messages");
    table_size(table, mp_get_number(map, "queued-bytes"));
    add_string(table, map, "listener");
}

int verb_clients(struct ctl *ctl, int argc, char **argv)
{
    static const struct usage usage = {
        .verb = "clients",
        .operands = "",
        .about = "Prints a line for each connection; with --json an object a line. QUEUED\n"
                 "and BYTES are the messages and the bytes that wait at the broker to be sent to\n"
                 "it. LISTENER, the socket it came by, is left\n"
                 "out where all came by the same.",
        .example = "  brokerctl clients",
        .raw = "print the broker's answers as they are, in msgpack",
    };
    static const struct table_column columns[] = {
        { "ID", true, false, false },
        { "NAME", false, true, false },
        { "USER", false, true, false },
        { "PID", true, false, false },
        { "SUBS", true, false, false },
        { "SERVES", true, false, false },
        { "QUEUED", true, false, false },
        { "BYTES", true, false, false },
        { "LISTENER", false, true, true },
    };
    _cleanup_session_ struct session session = SESSION_INIT;
    _cleanup_table_ struct table table;
    struct operands operands;
    int code = options_parse(ctl, &usage, NULL, 0, argc, argv, &operands);

    table_init(&table, columns, sizeof columns / sizeof *columns);
    if (code >= 0)
        return code;
    if (operands.n)
        return options_misuse("takes no operand: '%s'; one connection is 'client ID'",
                              operands.v[0]);
    code = session_open(&session, ctl, "clients", false);
    if (code == 0)
        code = sys_list(&session, ctl, "$SYS.clients", "clients", add_client, &table);
    if (table.n_cells)
        table_print(&table);
    return session_close(&session, code);
}

/* ---- one connection -------------------------------------------------------------- */

static void add_subscription(struct table *table, struct mp map)
{
    add_number(table, map, "sid");
    add_string(table, map, "pattern");
    add_string(table, map, "group");
    add_string(table, map, "policy");
    add_number(table, map, "queued-messages");
    table_size(table, mp_get_number(map, "queued-bytes"));
    add_number(table, map, "lost");
    add_string(table, map, "last-loss");
}

static void add_service(struct table *table, struct mp map)
{
    add_number(table, map, "sid");
    add_string(table, map, "pattern");
    add_number(table, map, "open");
    add_number(table, map, "max-open");
}

/* The list `key` of the map as a table of its own, if it has any elements. */
static void show_list(struct mp map, const char *key, struct table *table,
                      void (*add)(struct table *table, struct mp element))
{
    _cleanup_text_ struct text blank = TEXT_INIT;
    struct mp list;
    struct mp_item head;

    if (!mp_get(map, key, &list) || !mp_next(&list, &head) || head.type != MP_ARRAY || !head.len)
        return;
    for (size_t i = 0; i < head.len; i++) {
        add(table, list);
        if (!mp_skip(&list))
            break;
    }
    text_char(&blank, '\n');
    print_out(&blank);
    table_print(table);
}

static void show_lists(struct mp map)
{
    static const struct table_column sub_columns[] = {
        { "SID", true, false, false },
        { "PATTERN", false, true, false },
        { "GROUP", false, true, false },
        { "POLICY", false, false, false },
        { "QUEUED", true, false, false },
        { "BYTES", true, false, false },
        { "LOST", true, false, false },
        { "LAST LOSS", false, true, false },
    };
    static const struct table_column service_columns[] = {
        { "SID", true, false, false },
        { "SERVES", false, true, false },
        { "OPEN", true, false, false },
        { "MAX OPEN", true, false, false },
    };
    _cleanup_table_ struct table subs, services;

    table_init(&subs, sub_columns, sizeof sub_columns / sizeof *sub_columns);
    table_init(&services, service_columns, sizeof service_columns / sizeof *service_columns);
    show_list(map, "subscription-list", &subs, add_subscription);
    show_list(map, "service-list", &services, add_service);
}

static void pack_id(struct text *request, uint64_t id)
{
    msgpack_packer pk;

    msgpack_packer_init(&pk, request, json_pack_write);
    msgpack_pack_map(&pk, 1);
    msgpack_pack_str_with_body(&pk, "id", 2);
    msgpack_pack_uint64(&pk, id);
}

int verb_client(struct ctl *ctl, int argc, char **argv)
{
    static const struct usage usage = {
        .verb = "client",
        .operands = "ID",
        .about = "Prints what the broker knows of one connection: credentials, counters, its\n"
                 "subscriptions and what they lost. ID is that of 'brokerctl clients'.",
        .example = "  brokerctl client 7",
        .raw = "print the broker's answers as they are, in msgpack",
    };
    _cleanup_session_ struct session session = SESSION_INIT;
    _cleanup_answer_ struct answer answer = { 0 };
    _cleanup_text_ struct text request = TEXT_INIT;
    struct operands operands;
    char absent[64];
    uint64_t id;
    int code = options_parse(ctl, &usage, NULL, 0, argc, argv, &operands);

    if (code >= 0)
        return code;
    if (operands.n != 1 || !parse_count(operands.v[0], &id))
        return options_misuse("wants the number of a connection");
    pack_id(&request, id);
    snprintf(absent, sizeof absent, "no connection has the number %" PRIu64, id);
    code = session_open(&session, ctl, "client", false);
    if (code == 0)
        code = sys_ask(&session, "$SYS.client", &request, absent, &answer);
    if (code == 0 && !sys_print_exact(ctl, &answer)) {
        facts_print(answer.map, false);
        show_lists(answer.map);
    }
    return session_close(&session, code);
}
