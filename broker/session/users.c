/* $SYS.users: what the connections of each uid hold, and may. */
#include <string.h>

#include "broker/session/handlers.h"

enum { USERS_PAGE = 100 };

/* The first page of uids from `from` on, kept in order while all are seen. */
struct page {
    uint64_t from;
    uint32_t n;
    bool more;
    const struct quota_user *users[USERS_PAGE];
};

static uint32_t place_of(const struct page *page, uid_t uid)
{
    uint32_t low = 0;
    uint32_t high = page->n;
    while (low < high) {
        uint32_t mid = low + (high - low) / 2;
        if (page->users[mid]->uid < uid)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

static void consider(struct page *page, const struct quota_user *user)
{
    if (user->uid < page->from)
        return;
    uint32_t at = place_of(page, user->uid);
    page->more |= page->n == USERS_PAGE;
    if (at == USERS_PAGE)
        return;
    uint32_t last = page->n < USERS_PAGE ? page->n++ : USERS_PAGE - 1;
    memmove(&page->users[at + 1], &page->users[at], (last - at) * sizeof(struct quota_user *));
    page->users[at] = user;
}

static bool read_after(struct page *page, const msgpack_object *body)
{
    const msgpack_object *after = sys_field(body, "after");
    if (!after || after->type == MSGPACK_OBJECT_NIL)
        return !body || body->type == MSGPACK_OBJECT_MAP;
    if (after->type != MSGPACK_OBJECT_POSITIVE_INTEGER || after->via.u64 > UINT32_MAX)
        return false;
    page->from = after->via.u64 + 1;
    return true;
}

static void put_kind(msgpack_packer *out, const struct quota_usage *usage, enum quota_kind kind)
{
    sys_put_key(out, limits_name(kind));
    msgpack_pack_map(out, 3);
    sys_put_uint(out, "charged", usage->kinds[kind].use);
    sys_put_uint(out, "allowed", usage->kinds[kind].allowed);
    sys_put_uint(out, "refused", usage->kinds[kind].n_refused);
}

/* The anonymous have no uid. */
static void put_user(msgpack_packer *out, const struct quota_user *user)
{
    struct quota_usage usage;
    quota_usage(user, &usage);
    msgpack_pack_map(out, 1 + N_QUOTA_KINDS);
    if (usage.is_anonymous) {
        sys_put_key(out, "uid");
        msgpack_pack_nil(out);
    } else {
        sys_put_uint(out, "uid", usage.uid);
    }
    for (unsigned kind = 0; kind < N_QUOTA_KINDS; kind++)
        put_kind(out, &usage, (enum quota_kind)kind);
}

static enum status answer_users(void *userdata, const msgpack_object *body, msgpack_packer *out)
{
    const struct session *session = userdata;
    struct page page = { .from = 0 };
    if (!read_after(&page, body))
        return STATUS_BAD_FIELD;
    const struct quota_user *user = NULL;
    while ((user = quota_next_user(&session->quota, user)))
        consider(&page, user);
    msgpack_pack_map(out, 2);
    sys_put_key(out, "users");
    msgpack_pack_array(out, page.n);
    for (uint32_t i = 0; i < page.n; i++)
        put_user(out, page.users[i]);
    sys_put_key(out, "next");
    if (page.more)
        msgpack_pack_uint64(out, page.users[page.n - 1]->uid);
    else
        msgpack_pack_nil(out);
    return STATUS_OK;
}

void users_register(struct session *session)
{
    session->users_service = (struct sys_service){ "$SYS.users", answer_users, session, NULL };
    sys_register(&session->sys, &session->users_service);
}
