/* Several users of one broker, and a model of them: what each has subscribed to and serves, what
 * each has heard, and what the policy's oracle says of each. Nothing of broker/ is asked here, but
 * that it does what clients say.
 */
#pragma once

#include "tests/unit/policy_random.h"
#include "tests/unit/route_kit.h"

enum { N_PLAYERS = 6, REGS_MAX = 10, SEEN_MAX = 256, NOBODY = -1, BARRIER = 7 };

struct reg {
    uint32_t sid;
    bool is_service, latest, credentials;
    char pattern[32];
    char group[2];       /* "": none */
    uint64_t after;      /* messages until it ends; 0: never */
    uint64_t n_replaced; /* of `latest`: what it did not get, and has to be told */
};

struct seen {
    int op;
    bool taken;
    uint32_t sids;   /* a bit each */
    uint64_t number; /* of a message; token, reference or sid of the others */
    uint64_t last;   /* REFUSED: the last; MESSAGE, REQUEST: the sender; CONFIRMED: refused */
    uint64_t asked, answered, gone, matched;
    uint64_t status;
    char what[128];
};

struct player {
    struct principal who;
    gid_t groups[2];
    struct cli *cli; /* NULL: policy keeps it out */
    struct reg regs[REGS_MAX];
    size_t n_regs;
    struct seen seen[SEEN_MAX];
    size_t n_seen;
    bool heard_peer; /* the credentials of somebody */
    uint64_t n_messages;
};

static struct player players[N_PLAYERS];
static struct both both;
static uint64_t n_cases, n_arrived, n_denied;

/* ---- what the kernel says --------------------------------------------------- */

static const struct player *comes; /* who connects */

int getsockopt(int fd, int level, int name, void *value, socklen_t *len)
{
    const struct player *p = comes;
    if (!p || level != SOL_SOCKET || (name != SO_PEERCRED && name != SO_PEERGROUPS))
        return (int)syscall(SYS_getsockopt, fd, level, name, value, len);
    if (name == SO_PEERCRED) {
        *(struct ucred *)value = (struct ucred){ .pid = 0, .uid = p->who.uid, .gid = p->who.gid };
        return 0;
    }
    *len = (socklen_t)(p->who.n_groups * sizeof(gid_t));
    memcpy(value, p->groups, *len);
    return 0;
}

/* ---- what the oracle says ------------------------------------------------------ */

static struct {
    bool known;
    struct oracle_answer answer;
} answers[N_PLAYERS][N_VERBS][WORLD_MAX];

static const struct oracle_answer *answer_of(int p, enum policy_verb verb, size_t subject)
{
    if (!answers[p][verb][subject].known) {
        struct policy_peer peer = { KIND_UNIX, &players[p].who };
        answers[p][verb][subject].known = true;
        answers[p][verb][subject].answer =
            oracle_decide(&both.oracle, &peer, (int)verb, world[subject]);
    }
    return &answers[p][verb][subject].answer;
}

static bool may(int p, enum policy_verb verb, size_t subject)
{
    return answer_of(p, verb, subject)->allowed;
}

static bool matches(const char *pattern, size_t subject)
{
    return oracle_match(pattern, strlen(pattern), world[subject], strlen(world[subject]));
}

/* Whether some of all subjects of the pattern are allowed. */
static bool may_some(int p, enum policy_verb verb, const char *pattern)
{
    bool some = false;
    for (size_t i = 0; i < n_world; i++)
        some |= matches(pattern, i) && may(p, verb, i);
    return some;
}

/* ---- what is heard --------------------------------------------------------------- */

/* Events have the id of whom they are about; clients' messages a number. */
#define CAME(id) (UINT64_C(1) << 62 | (id))
#define LEFT(id) (UINT64_C(1) << 63 | (id))
#define LOSS     (UINT64_C(3) << 62)

/* {"id": number, ...} */
static uint64_t event_number(const struct frame *f)
{
    const uint8_t *p = f->payload;
    uint64_t id = p[4];
    if (p[4] >= 0x80) { /* cc, cd, ce: so many bytes follow */
        size_t n = (size_t)1 << (p[4] - 0xcc);
        id = 0;
        for (size_t i = 0; i < n; i++)
            id = id << 8 | p[5 + i];
    }
    assert_memory_equal(p + 1, "\xa2id", 3);
    const char *kind = f->subject + strlen("$SYS.event.");
    return memcmp(kind, "left", 4) == 0 ? LEFT(id) : memcmp(kind, "came", 4) == 0 ? CAME(id) : LOSS;
}

static uint32_t selected(const struct cli *cli)
{
    uint32_t sids = 0;
    for (uint32_t i = 0; i < cli->n_sids; i++)
        sids |= UINT32_C(1) << cli->sids[i];
    return sids;
}

static void copy_what(struct seen *seen, struct piece what)
{
    snprintf(seen->what, sizeof seen->what, "%.*s", (int)what.len,
             what.len ? (const char *)what.p : "");
}

static void note_envelope(struct seen *seen, const struct envelope *e)
{
    switch (seen->op) {
    case OP_REFUSED:
        seen->number = e->refused.first;
        seen->last = e->refused.last;
        seen->status = e->refused.status;
        copy_what(seen, e->refused.what);
        break;
    case OP_CONFIRMED:
        seen->number = e->confirmed.last;
        seen->matched = e->confirmed.matched;
        seen->last = e->confirmed.refused;
        break;
    case OP_END:
        seen->number = e->end.token;
        seen->status = e->end.status;
        seen->asked = e->end.asked;
        seen->answered = e->end.answered;
        seen->gone = e->end.gone;
        copy_what(seen, e->end.what);
        break;
    case OP_ENDED:
        seen->number = e->ended.sid;
        seen->status = e->ended.status;
        break;
    case OP_ERROR:
        seen->number = e->error.ref;
        seen->status = e->error.status;
        copy_what(seen, e->error.what);
        break;
    case OP_GAP:
        seen->number = e->gap.sid;
        seen->matched = e->gap.count;
        seen->status = e->gap.reason;
        break;
    case OP_GOODBYE:
        seen->status = e->goodbye.status;
        break;
    case OP_CANCEL:
        seen->number = e->cancel.token;
        break;
    default:
        seen->number = e->ref;
    }
}

static void note_heard(struct player *p, const struct heard *h)
{
    assert_true(p->n_seen < SEEN_MAX);
    struct seen *seen = &p->seen[p->n_seen];
    *seen = (struct seen){ .op = h->op };
    p->heard_peer |= h->op == OP_PEER;
    if (h->op == OP_SELECT || h->op == OP_PEER)
        return;
    p->n_seen++;
    if (h->op != OP_MESSAGE && h->op != OP_REQUEST && h->op != OP_REPLY) {
        note_envelope(seen, &h->e);
        return;
    }
    seen->sids = h->op == OP_REPLY ? 0 : selected(p->cli);
    seen->last = h->f.id;
    seen->status = h->f.status;
    seen->number = h->op != OP_MESSAGE ? h->f.token
                   : h->f.id           ? load_be64(h->f.payload)
                                       : event_number(&h->f);
}

static void hear_all(void)
{
    turn();
    for (int i = 0; i < N_PLAYERS; i++) {
        if (!players[i].cli)
            continue;
        cli_fill(players[i].cli);
        while (cli_has_frame(players[i].cli))
            note_heard(&players[i], hear(players[i].cli));
    }
}

/* The first of these that nobody has taken yet; NULL: there is none. */
static struct seen *take(int p, int op, uint64_t number)
{
    for (size_t i = 0; i < players[p].n_seen; i++) {
        struct seen *seen = &players[p].seen[i];
        if (!seen->taken && seen->op == op && seen->number == number) {
            seen->taken = true;
            return seen;
        }
    }
    return NULL;
}

/* Everybody hears what there is, once the broker has handled what these have said. Who has used up
 * its share of the time is not read from in each round, so there is no saying how many it takes. */
static void listen_all(unsigned speakers)
{
    for (int p = 0; p < N_PLAYERS; p++) {
        if (speakers & 1u << p)
            cli_ref(players[p].cli, OP_PING, BARRIER);
    }
    for (int i = 0; speakers; i++) {
        assert_true(i < 10000);
        hear_all();
        for (int p = 0; p < N_PLAYERS; p++) {
            if (speakers & 1u << p && take(p, OP_PONG, BARRIER))
                speakers &= ~(1u << p);
        }
    }
    hear_all();
}

static void print_policy(int p)
{
    struct policy_peer peer = { KIND_UNIX, &players[p].who };
    for (size_t i = 0; i < both.oracle.n_rules; i++) {
        const struct oracle_rule *rule = &both.oracle.rules[i];
        printf("%s: %s%s", rule->id, rule->allow ? "allow" : "deny", rule->audit ? " (audit)" : "");
        for (int verb = 0; verb < N_VERBS; verb++)
            printf("%s%s", rule->verbs[verb] ? " " : "",
                   rule->verbs[verb] ? oracle_verbs[verb] : "");
        for (size_t j = 0; j < rule->n_subjects; j++)
            printf(" \"%s\"", rule->subjects[j]);
        printf(oracle_is_for(rule, &peer) ? ", for this one\n" : "\n");
    }
}

#define disagree(p, ...)       \
    do {                       \
        print_policy(p);       \
        fail_msg(__VA_ARGS__); \
    } while (0)

/* Whether a subscription or service has ended so. */
static bool take_ended(int p, uint32_t sid, enum status status)
{
    struct seen *ended = take(p, OP_ENDED, sid);
    if (ended && ended->status != status)
        ended->taken = false;
    return ended && ended->status == status;
}

/* The end of a step: nobody has heard anything that nobody expected. */
static void forget_all(void)
{
    for (int p = 0; p < N_PLAYERS; p++) {
        for (size_t i = 0; i < players[p].n_seen; i++) {
            const struct seen *seen = &players[p].seen[i];
            if (!seen->taken)
                disagree(p, "case %zu: player %d heard %s %llx (sids %x, status %d %s)",
                         (size_t)n_cases, p, opcode_name((uint8_t)seen->op),
                         (unsigned long long)seen->number, seen->sids, (int)seen->status,
                         seen->what);
        }
        players[p].n_seen = 0;
        players[p].heard_peer = false;
    }
}
