/* $SYS.policy.explain: what policy says of somebody, and which rule says so. */
#include <stdlib.h>
#include <string.h>

#include "broker/guard/policy_explain.h"
#include "broker/session/handlers.h"
#include "proto/subject.h"

enum { COMPETING_MAX = 100, RULE_PAIRS = 7, ANSWER_PAIRS = 12 };

/* What is asked. */
struct question {
    const struct client *client; /* NULL: it is about somebody who need not be here */
    struct principal who;        /* of `executable` it owns a copy, of `groups` too */
    enum policy_verb verb;
    const char *subject; /* into the body; NULL: the verb has none */
    size_t subject_len;
};

static bool is_nil(const msgpack_object *value)
{
    return !value || value->type == MSGPACK_OBJECT_NIL;
}

/* A uid or gid; the last one is nobody's. */
static bool read_id(const msgpack_object *value, uint32_t *ret)
{
    if (value->type != MSGPACK_OBJECT_POSITIVE_INTEGER || value->via.u64 >= UINT32_MAX)
        return false;
    *ret = (uint32_t)value->via.u64;
    return true;
}

static char *read_text(const msgpack_object *value)
{
    return value->type == MSGPACK_OBJECT_STR ? strndup(value->via.str.ptr, value->via.str.size)
                                             : NULL;
}

static enum status read_groups(const msgpack_object *value, struct principal *who)
{
    if (is_nil(value))
        return STATUS_OK;
    if (value->type != MSGPACK_OBJECT_ARRAY)
        return STATUS_BAD_FIELD;
    who->groups = calloc(value->via.array.size + 1U, sizeof *who->groups);
    if (!who->groups)
        return STATUS_NO_MEMORY;
    for (; who->n_groups < value->via.array.size; who->n_groups++) {
        if (!read_id(&value->via.array.ptr[who->n_groups], &who->groups[who->n_groups]))
            return STATUS_BAD_FIELD;
    }
    return STATUS_OK;
}

/* Somebody by number; of groups and a program policy knows what is said here. */
static enum status read_principal(const msgpack_object *body, struct principal *who)
{
    const msgpack_object *uid = sys_field(body, "uid"), *gid = sys_field(body, "gid");
    const msgpack_object *executable = sys_field(body, "executable");
    if (is_nil(uid) || !read_id(uid, &who->uid) || (!is_nil(gid) && !read_id(gid, &who->gid)))
        return STATUS_BAD_FIELD;
    if (!is_nil(executable) && !(who->executable = read_text(executable)))
        return executable->type == MSGPACK_OBJECT_STR ? STATUS_NO_MEMORY : STATUS_BAD_FIELD;
    return read_groups(sys_field(body, "groups"), who);
}

static enum status read_who(const struct session *session, const msgpack_object *body,
                            struct question *q)
{
    const msgpack_object *id = sys_field(body, "client");
    if (is_nil(id))
        return read_principal(body, &q->who);
    if (id->type != MSGPACK_OBJECT_POSITIVE_INTEGER || !is_nil(sys_field(body, "uid")))
        return STATUS_BAD_FIELD;
    q->client = clients_find(session, id->via.u64);
    return q->client ? STATUS_OK : STATUS_NO_SID;
}

static enum status read_verb(const msgpack_object *body, struct question *q)
{
    const msgpack_object *verb = sys_field(body, "verb"), *subject = sys_field(body, "subject");
    char name[16] = "";
    if (!verb || verb->type != MSGPACK_OBJECT_STR || verb->via.str.size >= sizeof name)
        return STATUS_BAD_FIELD;
    memcpy(name, verb->via.str.ptr, verb->via.str.size);
    if (!policy_verb_parse(name, &q->verb) || is_nil(subject) == policy_verb_has_subject(q->verb))
        return STATUS_BAD_FIELD;
    if (is_nil(subject))
        return STATUS_OK;
    if (subject->type != MSGPACK_OBJECT_STR)
        return STATUS_BAD_FIELD;
    q->subject = subject->via.str.ptr;
    q->subject_len = subject->via.str.size;
    return pattern_valid(q->subject, q->subject_len, NULL) ? STATUS_OK : STATUS_BAD_SUBJECT;
}

/* ---- the answer ----------------------------------------------------------------- */

static void put_bytes(msgpack_packer *out, const char *key, const char *s, size_t len)
{
    sys_put_key(out, key);
    if (s)
        msgpack_pack_str_with_body(out, s, len);
    else
        msgpack_pack_nil(out);
}

static void put_line(msgpack_packer *out, const struct policy_rule *rule)
{
    sys_put_key(out, "line");
    if (rule->file)
        msgpack_pack_unsigned_int(out, rule->line);
    else
        msgpack_pack_nil(out);
}

static void put_rule(msgpack_packer *out, const struct policy_ground *ground, const char *why)
{
    const struct policy_rule *rule = ground->rule;
    msgpack_pack_map(out, RULE_PAIRS);
    sys_put_str(out, "id", rule->id);
    sys_put_str(out, "effect", rule->effect == EFFECT_ALLOW ? "allow" : "deny");
    sys_put_str(out, "file", rule->file);
    put_line(out, rule);
    sys_put_str(out, "subject", *ground->pattern ? ground->pattern : NULL);
    sys_put_bool(out, "audit-only", rule->audit_only);
    sys_put_str(out, "why", why);
}

static size_t find(const struct policy_explanation *e, const struct policy_rule *rule)
{
    size_t i = 0;
    while (i + 1 < e->n_grounds && e->grounds[i].rule != rule)
        i++;
    return i;
}

/* Why it goes before the one behind it. */
static const char *why_first(const struct policy_explanation *e, size_t i)
{
    if (i + 1 == e->n_grounds)
        return "no rule says otherwise";
    return i + 2 == e->n_grounds ? "no other rule has a word in it"
                                 : policy_step_text(e->grounds[i + 1].step);
}

/* Why it goes behind the one before it. */
static const char *why_behind(const struct policy_explanation *e, size_t i)
{
    if (e->grounds[i].rule->audit_only)
        return "only reported, not enforced yet";
    if (i + 1 == e->n_grounds)
        return "what no rule allows is denied";
    return policy_step_text(e->grounds[i].step);
}

static void put_named(msgpack_packer *out, const char *key, const struct policy_explanation *e,
                      const struct policy_rule *rule)
{
    size_t i = find(e, rule);
    sys_put_key(out, key);
    if (rule)
        put_rule(out, &e->grounds[i], why_first(e, i));
    else
        msgpack_pack_nil(out);
}

static void put_competing(msgpack_packer *out, const struct policy_explanation *e)
{
    size_t decider = find(e, e->verdict.rule);
    size_t n = e->n_grounds - 1 < COMPETING_MAX ? e->n_grounds - 1 : COMPETING_MAX;
    sys_put_uint(out, "competing", e->n_grounds - 1);
    sys_put_key(out, "competing-list");
    msgpack_pack_array(out, n);
    for (size_t i = 0; n > 0; i++) {
        if (i == decider)
            continue;
        put_rule(out, &e->grounds[i], why_behind(e, i));
        n--;
    }
}

static void put_answer(msgpack_packer *out, const struct session *session, const struct question *q,
                       const struct principal *who, const struct policy_explanation *e)
{
    bool differs = e->worst.rule != e->verdict.rule;
    msgpack_pack_map(out, ANSWER_PAIRS);
    sys_put_bool(out, "allowed", e->verdict.allowed);
    sys_put_bool(out, "every", e->worst.allowed);
    sys_put_uint(out, "uid", who->uid);
    sys_put_key(out, "client");
    if (q->client)
        msgpack_pack_uint64(out, q->client->conn.card->id);
    else
        msgpack_pack_nil(out);
    sys_put_str(out, "verb", policy_verb_name(q->verb));
    put_bytes(out, "subject", q->subject, q->subject_len);
    sys_put_bool(out, "audit-only", policy_is_audit_only(session->policy));
    put_named(out, "rule", e, e->verdict.rule);
    put_named(out, "worst", e, differs ? e->worst.rule : NULL);
    put_named(out, "audit", e, e->verdict.audit);
    put_competing(out, e);
}

static enum status explain(struct session *session, const struct question *q, msgpack_packer *out)
{
    const struct principal *who = q->client ? card_principal(q->client->conn.card) : &q->who;
    struct policy_peer peer = { KIND_UNIX, who };
    struct policy_explanation e;
    if (policy_explain(session->policy, &peer, q->verb, q->subject, q->subject_len, &e) < 0)
        return STATUS_NO_MEMORY;
    put_answer(out, session, q, who, &e);
    policy_explanation_deinit(&e);
    return STATUS_OK;
}

static enum status answer_explain(void *userdata, const msgpack_object *body, msgpack_packer *out)
{
    struct question q = { .who = PRINCIPAL_INIT };
    enum status status = read_who(userdata, body, &q);
    if (status == STATUS_OK)
        status = read_verb(body, &q);
    if (status == STATUS_OK)
        status = explain(userdata, &q, out);
    principal_deinit(&q.who);
    return status;
}

void explain_register(struct session *session)
{
    session->explain_service =
        (struct sys_service){ "$SYS.policy.explain", answer_explain, session, NULL, true };
    sys_register(&session->sys, &session->explain_service);
}
