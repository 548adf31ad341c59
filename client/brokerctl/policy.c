/* brokerctl policy explain: who may do what, and which rule says so. */
#include "client/brokerctl/verbs.h"

#include "client/brokerctl/json.h"
#include "client/brokerctl/sys.h"
#include "client/brokerctl/table.h"

#include <grp.h>
#include <inttypes.h>
#include <msgpack.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* How a sentence speaks of each verb, and what may be asked. */
static const struct deed {
    const char *verb, *words;
    bool has_subject;
} deeds[] = {
    { "publish", "publish to ", true },
    { "subscribe", "subscribe to ", true },
    { "request", "request ", true },
    { "serve", "serve ", true },
    { "tap", "tap ", true },
    { "hold", "hold publishers of ", true },
    { "connect", "connect", false },
    { "admin", "administer the broker", false },
};
enum { N_DEEDS = sizeof deeds / sizeof *deeds };

struct query {
    const char *user, *executable;
    uint64_t client; /* 0: it is about a user */
    const struct deed *deed;
    const char *subject; /* NULL: the deed has none */
    uint32_t uid;
    const struct passwd *entry; /* NULL: the number has no name */
};

/* ---- the question --------------------------------------------------------------- */

static int read_user(struct query *query)
{
    uint64_t uid = getuid();

    if (query->user && !parse_count(query->user, &uid)) {
        query->entry = getpwnam(query->user);
        if (!query->entry)
            return options_misuse("--uid %s: no user is called so", query->user);
        uid = query->entry->pw_uid;
    }
    if (uid >= UINT32_MAX)
        return options_misuse("--uid %s: wants a number below %" PRIu32, query->user, UINT32_MAX);
    query->uid = (uint32_t)uid;
    if (!query->entry)
        query->entry = getpwuid(query->uid);
    return 0;
}

static int read_deed(struct query *query, const struct operands *operands)
{
    if (operands->n < 1 || strcmp(operands->v[0], "explain"))
        return options_misuse(operands->n ? "knows 'explain', not '%s'" : "wants 'explain'",
                              operands->n ? operands->v[0] : "");
    if (operands->n < 2)
        return options_misuse("explain wants a verb, such as publish");
    for (size_t i = 0; i < N_DEEDS; i++)
        if (!strcmp(deeds[i].verb, operands->v[1]))
            query->deed = &deeds[i];
    if (!query->deed)
        return options_misuse("'%s' is none of publish, subscribe, request, serve, tap, hold, "
                              "connect, admin",
                              operands->v[1]);
    if (operands->n != 2 + query->deed->has_subject)
        return options_misuse(query->deed->has_subject ? "explain %s wants one subject or pattern"
                                                       : "explain %s takes no subject",
                              query->deed->verb);
    query->subject = query->deed->has_subject ? operands->v[2] : NULL;
    return query->subject ? session_check_pattern(query->subject) : 0;
}

static void pack_key(msgpack_packer *pk, const char *key)
{
    msgpack_pack_str_with_body(pk, key, strlen(key));
}

static void pack_text(msgpack_packer *pk, const char *key, const char *value)
{
    pack_key(pk, key);
    if (value)
        msgpack_pack_str_with_body(pk, value, strlen(value));
    else
        msgpack_pack_nil(pk);
}

/* As the databases of this machine have them; the broker looks nobody up. */
static void pack_groups(msgpack_packer *pk, const struct passwd *entry)
{
    int n = 64, found;
    gid_t *groups = xrealloc(NULL, (size_t)n * sizeof *groups);

    while ((found = getgrouplist(entry->pw_name, entry->pw_gid, groups, &n)) < 0)
        groups = xrealloc(groups, (size_t)n * sizeof *groups);
    pack_key(pk, "gid");
    msgpack_pack_uint32(pk, entry->pw_gid);
    pack_key(pk, "groups");
    msgpack_pack_array(pk, (size_t)found);
    for (int i = 0; i < found; i++)
        msgpack_pack_uint32(pk, groups[i]);
    free(groups);
}

static void pack_query(struct text *request, const struct query *query)
{
    msgpack_packer pk;

    msgpack_packer_init(&pk, request, json_pack_write);
    msgpack_pack_map(&pk, query->client ? 3 : query->entry ? 6 : 4);
    pack_text(&pk, "verb", query->deed->verb);
    pack_text(&pk, "subject", query->subject);
    pack_key(&pk, query->client ? "client" : "uid");
    msgpack_pack_uint64(&pk, query->client ? query->client : query->uid);
    if (query->client)
        return;
    pack_text(&pk, "executable", query->executable);
    if (query->entry)
        pack_groups(&pk, query->entry);
}

/* ---- the answer ----------------------------------------------------------------- */

static bool is_true(struct mp map, const char *key)
{
    struct mp_item item;

    return mp_get_item(map, key, MP_BOOL, &item) && item.number;
}

static void add_string(struct text *text, struct mp map, const char *key)
{
    struct mp_item item;

    if (mp_get_item(map, key, MP_STR, &item))
        text_add_safe(text, item.data, item.len);
    else
        text_char(text, '-');
}

/* "policy.conf:3" */
static void add_where(struct text *text, struct mp rule)
{
    struct mp_item item;

    if (!mp_get_item(rule, "file", MP_STR, &item)) {
        text_puts(text, "built in");
        return;
    }
    text_add_safe(text, item.data, item.len);
    text_printf(text, ":%" PRIu64, mp_get_number(rule, "line"));
}

static bool has_map(struct mp map, const char *key, struct mp *ret)
{
    struct mp_item head;

    return mp_get(map, key, ret) && mp_next(&(struct mp){ ret->p, ret->end }, &head) &&
           head.type == MP_MAP;
}

static void add_rule(struct text *text, struct mp rule)
{
    add_string(text, rule, "id");
    text_puts(text, " (");
    add_where(text, rule);
    text_char(text, ')');
}

static void say_verdict(struct text *text, const struct query *query, struct mp map)
{
    bool allowed = is_true(map, "allowed");
    struct mp rule;

    if (query->client)
        text_printf(text, "client %" PRIu64 ", ", query->client);
    text_printf(text, "uid %" PRIu64 " may %s%s", mp_get_number(map, "uid"), allowed ? "" : "not ",
                query->deed->words);
    if (allowed && !is_true(map, "every"))
        text_puts(text, "a part of ");
    if (query->subject)
        text_add_safe(text, query->subject, strlen(query->subject));
    if (!has_map(map, "rule", &rule))
        return;
    text_puts(text, ": rule ");
    add_rule(text, rule);
    text_puts(text, ", ");
    add_string(text, rule, "why");
    text_char(text, '\n');
}

/* What is true only of some subjects, and what is not enforced. */
static void say_more(struct text *text, struct mp map)
{
    struct mp rule;

    if (is_true(map, "allowed") && !is_true(map, "every") && has_map(map, "worst", &rule)) {
        text_puts(text, "another part is denied by rule ");
        add_rule(text, rule);
        text_char(text, '\n');
    }
    if (has_map(map, "audit", &rule)) {
        text_puts(text, "allowed only since it is not enforced yet: rule ");
        add_rule(text, rule);
        text_char(text, '\n');
    }
}

static void add_row(struct table *table, struct mp rule)
{
    static const char *const keys[] = { "id", "effect", "subject" };
    _cleanup_text_ struct text where = TEXT_INIT;
    struct mp_item item;

    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        bool there = mp_get_item(rule, keys[i], MP_STR, &item);

        table_cell(table, there ? item.data : "-", there ? item.len : 1);
    }
    add_where(&where, rule);
    table_cell(table, where.data, where.len);
    mp_get_item(rule, "why", MP_STR, &item) ? table_cell(table, item.data, item.len)
                                            : table_puts(table, "-");
}

static void show_rules(struct mp map)
{
    static const struct table_column columns[] = {
        { "RULE", false, true, false },      { "SAYS", false, false, false },
        { "SUBJECT", false, true, false },   { "WHERE", false, true, false },
        { "WHY THERE", false, true, false },
    };
    _cleanup_table_ struct table table;
    struct mp rule, list;
    struct mp_item head = { .len = 0 };

    table_init(&table, columns, sizeof columns / sizeof *columns);
    if (has_map(map, "rule", &rule))
        add_row(&table, rule);
    if (!mp_get(map, "competing-list", &list) || !mp_next(&list, &head) || head.type != MP_ARRAY)
        head.len = 0;
    for (size_t i = 0; i < head.len; i++) {
        add_row(&table, list);
        if (!mp_skip(&list))
            break;
    }
    table_print(&table);
}

static void show(const struct query *query, struct mp map)
{
    _cleanup_text_ struct text text = TEXT_INIT;

    say_verdict(&text, query, map);
    say_more(&text, map);
    text_char(&text, '\n');
    print_out(&text);
    show_rules(map);
}

static int ask(const struct ctl *ctl, const struct query *query)
{
    _cleanup_session_ struct session session = SESSION_INIT;
    _cleanup_answer_ struct answer answer = { 0 };
    _cleanup_text_ struct text request = TEXT_INIT;
    int code;

    pack_query(&request, query);
    code = session_open(&session, ctl, "policy", false);
    if (code == 0)
        code = sys_ask(&session, "$SYS.policy.explain", &request,
                       query->client ? "no connection has this number" : NULL, &answer);
    if (code == 0) {
        if (!sys_print_exact(ctl, &answer))
            show(query, answer.map);
        code = is_true(answer.map, "allowed") ? 0 : EXIT_DENIED;
    }
    return session_close(&session, code);
}

int verb_policy(struct ctl *ctl, int argc, char **argv)
{
    static const struct usage usage = {
        .verb = "policy",
        .operands = "explain VERB [SUBJECT]",
        .about = "Says whether somebody may do something, which rule decides, and which others\n"
                 "have a word in it, in the order in which they are asked. VERB is publish,\n"
                 "subscribe, request, serve, tap or hold with a SUBJECT or pattern, connect or\n"
                 "admin without. Without --uid and --client it is about you. Administrators\n"
                 "may ask. The exit code is 0 if it is allowed, 3 if not.",
        .example = "  brokerctl policy explain --uid 1000 publish a.b",
        .raw = "print the broker's answers as they are, in msgpack",
    };
    struct query query = { 0 };
    const struct option_spec specs[] = {
        { "uid", 'u', OPTION_TEXT, &query.user, "UID", "this user, by number or by name" },
        { "client", 'c', OPTION_COUNT, &query.client, "ID", "this connection" },
        { "executable", 'x', OPTION_TEXT, &query.executable, "PATH",
          "as if this program asked; with --uid" },
    };
    struct operands operands;
    int code =
        options_parse(ctl, &usage, specs, sizeof specs / sizeof *specs, argc, argv, &operands);

    if (code >= 0)
        return code;
    if (query.client && (query.user || query.executable))
        return options_misuse("--client excludes --uid and --executable");
    code = read_deed(&query, &operands);
    if (code == 0)
        code = read_user(&query);
    return code ? code : ask(ctl, &query);
}
