/* $SYS services: the registry, and the helpers of who answers. */
#include "broker/watch/sys_service.h"

#include "tests/kit/runner.h"
#include "tests/unit/unit.h"

static enum status answer(void *userdata, const msgpack_object *body, msgpack_packer *out)
{
    (void)userdata;
    (void)body;
    (void)out;
    return STATUS_OK;
}

static void found_by_the_whole_subject(void **state)
{
    (void)state;
    struct sys_registry registry = { 0 };
    struct sys_service a = { "$SYS.a", answer, NULL, NULL, false };
    struct sys_service ab = { "$SYS.ab", answer, NULL, NULL, false };
    assert_null(sys_lookup(&registry, LITERAL("$SYS.a")));
    sys_register(&registry, &a);
    sys_register(&registry, &ab);
    assert_ptr_equal(sys_lookup(&registry, LITERAL("$SYS.a")), &a);
    assert_ptr_equal(sys_lookup(&registry, LITERAL("$SYS.ab")), &ab);
    assert_null(sys_lookup(&registry, LITERAL("$SYS.abc")));
    assert_null(sys_lookup(&registry, LITERAL("$SYS.")));
    assert_ptr_equal(sys_lookup(&registry, "$SYS.abc", 7), &ab);
}

static void pairs_and_fields(void **state)
{
    (void)state;
    msgpack_sbuffer buf;
    msgpack_packer out;
    msgpack_unpacked unpacked;
    msgpack_sbuffer_init(&buf);
    msgpack_packer_init(&out, &buf, msgpack_sbuffer_write);
    msgpack_pack_map(&out, 5);
    sys_put_uint(&out, "n", UINT64_MAX);
    sys_put_str(&out, "s", "text");
    sys_put_str(&out, "nil", NULL);
    sys_put_bool(&out, "yes", true);
    sys_put_bool(&out, "no", false);
    msgpack_unpacked_init(&unpacked);
    assert_int_equal(msgpack_unpack_next(&unpacked, buf.data, buf.size, NULL),
                     MSGPACK_UNPACK_SUCCESS);
    const msgpack_object *map = &unpacked.data;
    assert_true(sys_field(map, "n")->via.u64 == UINT64_MAX);
    assert_int_equal(sys_field(map, "s")->via.str.size, 4);
    assert_int_equal(sys_field(map, "nil")->type, MSGPACK_OBJECT_NIL);
    assert_true(sys_field(map, "yes")->via.boolean);
    assert_false(sys_field(map, "no")->via.boolean);
    assert_null(sys_field(map, "ni"));
    assert_null(sys_field(map, "nill"));
    assert_null(sys_field(sys_field(map, "n"), "n")); /* no map */
    assert_null(sys_field(NULL, "n"));
    msgpack_unpacked_destroy(&unpacked);
    msgpack_sbuffer_destroy(&buf);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        kit_test(found_by_the_whole_subject),
        kit_test(pairs_and_fields),
    };
    return kit_run("sys_service", tests, KIT_LENGTH(tests));
}
