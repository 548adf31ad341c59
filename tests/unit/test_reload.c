/* The configuration that holds: swapped whole or not at all, and shown page by page. */
#include "broker/reload.h"

#include "broker/config_lines.h"
#include "broker/watch/log.h"
#include "tests/unit/config_kit.h"

static struct reload reload;
static struct sys_registry registry;
static unsigned n_applied;
static char applied[64]; /* log levels, as they came */

static int apply(void *userdata, const struct config *before, const struct config *now)
{
    assert_ptr_equal(userdata, &n_applied);
    snprintf(applied, sizeof applied, "%s, %s", config_text(before, CONFIG_LOG_LEVEL),
             config_text(now, CONFIG_LOG_LEVEL));
    n_applied++;
    return 0;
}

static const struct reload_ops ops = { .apply = apply };
static const struct config_option options[] = { { CONFIG_LISTEN, "unix:/a" } };
static struct config_source source = { NULL, false, options, 1 };

static void begin(const char *text)
{
    log_open(-1, NULL, LOG_LEVEL_ERR); /* nobody reads it */
    n_applied = 0;
    source.file = write_file("b.conf", text);
    registry = (struct sys_registry){ NULL };
    reload_init(&reload, &source, &ops, &n_applied);
    assert_int_equal(reload_first(&reload), 0);
    reload_register(&reload, &registry);
}

/* ---- $SYS ----------------------------------------------------------------------------------- */

static msgpack_sbuffer bytes;
static msgpack_unpacked unpacked;

/* The answer to a body of one pair, "after" and a number; none for UINT64_MAX. */
static const msgpack_object *ask(const char *subject, uint64_t after)
{
    msgpack_object_kv pair = { .key = { .type = MSGPACK_OBJECT_STR },
                               .val = { .type = MSGPACK_OBJECT_POSITIVE_INTEGER } };
    msgpack_object body = { .type = MSGPACK_OBJECT_MAP };
    msgpack_packer out;
    pair.key.via.str.ptr = "after";
    pair.key.via.str.size = 5;
    pair.val.via.u64 = after;
    body.via.map.ptr = &pair;
    body.via.map.size = 1;
    msgpack_sbuffer_init(&bytes);
    msgpack_packer_init(&out, &bytes, msgpack_sbuffer_write);
    struct sys_service *service = sys_lookup(&registry, subject, strlen(subject));
    assert_non_null(service);
    assert_int_equal(service->answer(service->userdata, after == UINT64_MAX ? NULL : &body, &out),
                     STATUS_OK);
    assert_in_range(bytes.size, 1, 64 << 10); /* what an answer has room for */
    msgpack_unpacked_init(&unpacked);
    size_t at = 0;
    assert_int_equal(msgpack_unpack_next(&unpacked, bytes.data, bytes.size, &at),
                     MSGPACK_UNPACK_SUCCESS);
    assert_int_equal(at, bytes.size);
    return &unpacked.data;
}

static void forget(void)
{
    msgpack_unpacked_destroy(&unpacked);
    msgpack_sbuffer_destroy(&bytes);
}

static bool has_text(const msgpack_object *map, const char *key, const char *text)
{
    const msgpack_object *value = sys_field(map, key);
    return value->type == MSGPACK_OBJECT_STR && value->via.str.size == strlen(text) &&
           memcmp(value->via.str.ptr, text, strlen(text)) == 0;
}

/* Goes through all pages; how many values there were, *ret_found of them with this section, key
 * and value. */
static size_t count_values(const char *section, const char *key, const char *value,
                           unsigned *ret_found)
{
    uint64_t after = UINT64_MAX;
    size_t n = 0;
    *ret_found = 0;
    for (bool more = true; more;) {
        const msgpack_object *map = ask("$SYS.config", after);
        const msgpack_object_array *list = &sys_field(map, "values")->via.array;
        for (uint32_t i = 0; i < list->size; i++)
            *ret_found += has_text(&list->ptr[i], "section", section) &&
                          has_text(&list->ptr[i], "key", key) &&
                          has_text(&list->ptr[i], "value", value);
        n += list->size;
        const msgpack_object *next = sys_field(map, "next");
        more = next->type != MSGPACK_OBJECT_NIL;
        after = more ? next->via.u64 : 0;
        forget();
    }
    return n;
}

static void all_values_in_pages(void **state)
{
    static char text[200000] = "[broker]\nlog-level = err\n";
    unsigned found;
    (void)state;
    for (unsigned i = 0; i < 300; i++)
        sprintf(text + strlen(text), "[rule \"r%u\"]\nallow = publish\nsubject = a.%0200u\n", i, i);
    begin(text);
    assert_int_equal(count_values("broker", "log-level", "err", &found), N_CONFIG_KEYS + 600);
    assert_int_equal(found, 1);
    assert_int_equal(count_values("rule \"r299\"", "allow", "publish", &found),
                     N_CONFIG_KEYS + 600);
    assert_int_equal(found, 1);
    const msgpack_object *map = ask("$SYS.config", UINT64_MAX - 1);
    assert_int_equal(sys_field(map, "values")->via.array.size, 0);
    assert_int_equal(sys_field(map, "next")->type, MSGPACK_OBJECT_NIL);
    forget();
    reload_deinit(&reload);
}

static void where_a_value_comes_from(void **state)
{
    char origin[400];
    (void)state;
    begin("[broker]\nlog-level = err\n");
    const msgpack_object *map = ask("$SYS.config", UINT64_MAX);
    const msgpack_object *values = sys_field(map, "values")->via.array.ptr;
    assert_true(has_text(&values[CONFIG_LISTEN], "value", "unix:/a"));
    assert_true(has_text(&values[CONFIG_LISTEN], "origin", "command line"));
    assert_true(has_text(&values[CONFIG_LOOP], "origin", "default"));
    assert_int_equal(sys_field(&values[CONFIG_OWNER], "value")->type, MSGPACK_OBJECT_NIL);
    snprintf(origin, sizeof origin, "%s/b.conf:2", kit_dir());
    assert_true(has_text(&values[CONFIG_LOG_LEVEL], "origin", origin));
    forget();
    reload_deinit(&reload);
}

/* A page of the longest values there can be is still an answer. */
static void the_longest_values(void **state)
{
    static char text[400000], value[CONFIG_LINE_MAX];
    unsigned found;
    (void)state;
#ifndef HAVE_INI_MAX_LINE
    kit_skip("this libinih has a line buffer of its own size");
#endif
    *text = '\0';
    memset(value, ' ', sizeof value);
    memcpy(value, "a", 1);
    strcpy(value + sizeof value - 30, ", b");
    for (unsigned i = 0; i < 60; i++)
        sprintf(text + strlen(text), "[rule \"%064u\"]\nallow = publish\nsubject = %s\n", i, value);
    begin(text);
    assert_int_equal(count_values("x", "y", "z", &found), N_CONFIG_KEYS + 120);
    reload_deinit(&reload);
}

/* ---- reload ---------------------------------------------------------------------------------- */

static void swapped_whole(void **state)
{
    (void)state;
    begin("[broker]\nlog-level = err\n");
    const struct config *before = reload.config;
    write_file("b.conf", "[broker]\nlog-level = warn\nmode = 640\n");
    assert_true(reload_run(&reload, "a test"));
    assert_int_equal(n_applied, 1);
    assert_string_equal(applied, "err, warn");
    assert_ptr_not_equal(reload.config, before);
    assert_int_equal(reload.config->n_refs, 1);
    assert_int_equal(config_errors_total(&reload.kept), 1);
    assert_true(reload_run(&reload, "a test"));
    assert_int_equal(config_errors_total(&reload.kept), 1); /* said anew, not once more */
    reload_deinit(&reload);
}

static void kept_whole(void **state)
{
    (void)state;
    begin("[broker]\nlog-level = err\n");
    struct config *before = reload.config;
    write_file("b.conf", "[broker]\nlog-level = warn\nmode = 640\nloop = x\n");
    assert_false(reload_run(&reload, "a test"));
    assert_ptr_equal(reload.config, before);
    assert_int_equal(before->n_refs, 1);
    assert_int_equal(n_applied, 0);
    assert_int_equal(config_errors_total(&reload.errors), 1);
    assert_int_equal(config_errors_total(&reload.kept), 0);
    unlink(path_of("b.conf"));
    assert_false(reload_run(&reload, "a test"));
    assert_ptr_equal(reload.config, before);
    reload_deinit(&reload);
}

static void on_request(void **state)
{
    (void)state;
    begin("[broker]\nlog-level = err\n");
    write_file("b.conf", "[broker]\nlog-level = warn\nmode = 640\n");
    const msgpack_object *map = ask("$SYS.reload", UINT64_MAX);
    assert_true(sys_field(map, "reloaded")->via.boolean);
    assert_int_equal(sys_field(map, "errors")->via.array.size, 0);
    assert_int_equal(sys_field(map, "needs-restart")->via.array.size, 1);
    forget();
    write_file("b.conf", "[broker]\nx = 1\ny = 2\n");
    map = ask("$SYS.reload", UINT64_MAX);
    assert_false(sys_field(map, "reloaded")->via.boolean);
    assert_int_equal(sys_field(map, "errors")->via.array.size, 2);
    assert_int_equal(sys_field(map, "more-errors")->via.u64, 0);
    assert_int_equal(sys_field(map, "needs-restart")->via.array.size, 0);
    forget();
    assert_int_equal(n_applied, 1);
    reload_deinit(&reload);
}

/* More mistakes than an answer may be long. */
static void a_file_full_of_mistakes(void **state)
{
    static char text[400000] = "[broker]\n";
    char key[900];
    (void)state;
    memset(key, 'k', sizeof key);
    key[sizeof key - 1] = '\0';
    begin("");
    for (unsigned i = 0; i < 300; i++)
        sprintf(text + strlen(text), "%s%u = 1\n", key, i);
    write_file("b.conf", text);
    const msgpack_object *map = ask("$SYS.reload", UINT64_MAX);
    uint64_t told = sys_field(map, "errors")->via.array.size;
    assert_int_equal(told + sys_field(map, "more-errors")->via.u64, 300);
    assert_in_range(told, 16, CONFIG_ERRORS_MAX);
    forget();
    reload_deinit(&reload);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        kit_test(all_values_in_pages),
        kit_test(where_a_value_comes_from),
        kit_test(the_longest_values),
        kit_test(swapped_whole),
        kit_test(kept_whole),
        kit_test(on_request),
        kit_test(a_file_full_of_mistakes),
    };
    return kit_run("reload", tests, KIT_LENGTH(tests));
}
