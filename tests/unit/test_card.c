/* Identity cards, and the PEER frame that tells one. */
#include "broker/guard/card.h"

#include "proto/cursor.h"
#include "proto/envelope.h"
#include "tests/kit/runner.h"
#include "tests/unit/unit.h"

static struct card *make(uint64_t id, size_t n_groups, const char *label)
{
    struct principal who = PRINCIPAL_INIT;
    who.uid = 1000;
    who.gid = 2000;
    who.pid = 3000;
    who.n_groups = n_groups;
    who.groups = calloc(n_groups + 1, sizeof *who.groups);
    for (size_t i = 0; i < n_groups; i++)
        who.groups[i] = (gid_t)(UINT32_MAX - 1 - i);
    who.label = label ? strdup(label) : NULL;
    struct card *card = card_new(id, &who);
    assert_non_null(card);
    assert_null(who.groups); /* taken over */
    assert_null(who.label);
    return card;
}

static struct envelope told(const struct card *card, uint8_t buf[PEER_MAX_WRITTEN])
{
    struct envelope e;
    size_t len = card_write_peer(card, buf);
    assert_in_range(len, FRAME_PREFIX + 1, PEER_MAX_WRITTEN);
    assert_true(envelope_read(&e, buf + FRAME_PREFIX, len - FRAME_PREFIX, NULL));
    assert_int_equal(e.op, OP_PEER);
    return e;
}

static uint32_t count_groups(const struct envelope *e)
{
    struct cursor cursor = { e->peer.groups.p,
                             (const uint8_t *)e->peer.groups.p + e->peer.groups.len };
    uint32_t n;
    uint64_t group;
    assert_true(cursor_array(&cursor, &n));
    for (uint32_t i = 0; i < n; i++) {
        assert_true(cursor_uint(&cursor, &group));
        assert_int_equal(group, UINT32_MAX - 1 - i);
    }
    return n;
}

static void it_tells_what_the_kernel_said(void **state)
{
    uint8_t buf[PEER_MAX_WRITTEN];
    (void)state;
    struct card *card = make(7, 2, "unconfined");
    struct envelope e = told(card, buf);
    assert_int_equal(e.peer.id, 7);
    assert_int_equal(e.peer.uid, 1000);
    assert_int_equal(e.peer.gid, 2000);
    assert_int_equal(e.peer.pid.len, 3);
    assert_int_equal(count_groups(&e), 2);
    assert_int_equal(e.peer.label.len, 10);
    card_unref(card);
}

static void the_first_64_groups_and_a_label_of_bounded_length(void **state)
{
    uint8_t buf[PEER_MAX_WRITTEN];
    char label[PEER_MAX_LABEL + 2];
    (void)state;
    memset(label, 'l', sizeof label);
    label[PEER_MAX_LABEL + 1] = '\0';
    struct card *card = make(MAX_ID, 200, label);
    struct envelope e = told(card, buf);
    assert_int_equal(count_groups(&e), PEER_MAX_GROUPS);
    assert_null(e.peer.label.p); /* rather none than half of one */
    card_unref(card);

    label[PEER_MAX_LABEL] = '\0';
    card = make(MAX_ID, 200, label);
    e = told(card, buf);
    assert_int_equal(e.peer.label.len, PEER_MAX_LABEL);
    card_unref(card);
}

static void what_is_missing_is_said_to_be_missing(void **state)
{
    uint8_t buf[PEER_MAX_WRITTEN];
    (void)state;
    struct card *card = make(1, 0, NULL);
    card->principal.pid = 0;
    struct envelope e = told(card, buf);
    assert_memory_equal(e.peer.pid.p, "\xc0", 1);
    assert_int_equal(count_groups(&e), 0);
    assert_null(e.peer.label.p);
    card_ref(card);
    card_unref(card);
    assert_int_equal(card->refs, 1);
    card_unref(card);
    card_unref(NULL);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        kit_test(it_tells_what_the_kernel_said),
        kit_test(the_first_64_groups_and_a_label_of_bounded_length),
        kit_test(what_is_missing_is_said_to_be_missing),
    };
    return kit_run("card", tests, KIT_LENGTH(tests));
}
