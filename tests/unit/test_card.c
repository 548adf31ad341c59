/* Identity cards, and the PEER frame that tells one. */
#include "broker/guard/card.h"

#include "proto/cursor.h"
#include "proto/envelope.h"
#include "tests/kit/runner.h"
#include "tests/unit/unit.h"

static struct identities known;

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
    struct card *card = card_new(&known, id, &who, "a listener");
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
    card->pid = 0;
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

/* Of one program and one user there is one, whatever the processes. */
static void identities_are_shared(void **state)
{
    (void)state;
    struct card *a = make(1, 3, "unconfined");
    struct card *b = make(2, 3, "unconfined");
    struct card *c = make(3, 2, "unconfined");
    struct card *d = make(4, 3, NULL);
    struct principal own = PRINCIPAL_INIT;
    own.uid = 1000;
    own.gid = 2000;
    struct card *e = card_new(&known, 5, &own, "another listener");
    struct card *f = card_new(&known, 6, &own, "a listener"); /* own is nobody by now */
    assert_ptr_equal(a->identity, b->identity);
    assert_ptr_not_equal(a->identity, c->identity);
    assert_ptr_not_equal(a->identity, d->identity);
    assert_ptr_not_equal(e->identity, f->identity);
    assert_int_equal(card_principal(f)->uid, (uid_t)-1);
    b->pid = 17;
    assert_int_equal(a->pid, 3000);
    card_unref(a);
    assert_int_equal(b->identity->n_cards, 1);
    assert_string_equal(card_principal(b)->label, "unconfined");
    card_unref(c);
    card_unref(b);
    card_unref(f);
    card_unref(d);
    card_unref(e);
    assert_null(known.first);
}

/* However many there are, accepting one looks at a few. */
static void many_identities(void **state)
{
    enum { N = 3000 };
    static struct card *cards[N];
    (void)state;
    for (uint64_t i = 0; i < N; i++) {
        struct principal who = PRINCIPAL_INIT;
        who.uid = (uid_t)(i % 1000);
        who.gid = 1;
        cards[i] = card_new(&known, i, &who, "a listener");
        assert_int_equal(card_principal(cards[i])->uid, i % 1000);
    }
    for (size_t i = 0; i < N; i++)
        card_unref(cards[i * 7 % N]);
    assert_null(known.first);
}

static void a_name_may_be_set(void **state)
{
    (void)state;
    struct card *card = make(1, 0, NULL);
    assert_string_equal(card_name(card), "");
    assert_int_equal(card_set_name(card, "", 0), 0);
    assert_null(card->name);
    assert_int_equal(card_set_name(card, "firstly", 5), 0);
    assert_string_equal(card_name(card), "first");
    assert_int_equal(card_set_name(card, "second", 6), 0);
    assert_string_equal(card_name(card), "second");
    card_unref(card);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        kit_test(it_tells_what_the_kernel_said),
        kit_test(the_first_64_groups_and_a_label_of_bounded_length),
        kit_test(what_is_missing_is_said_to_be_missing),
        kit_test(identities_are_shared),
        kit_test(many_identities),
        kit_test(a_name_may_be_set),
    };
    return kit_run("card", tests, KIT_LENGTH(tests));
}
