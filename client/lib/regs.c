#include "client/lib/regs.h"

#include <stdlib.h>
#include <string.h>

#include "client/lib/handle.h"
#include "client/lib/output.h"
#include "client/lib/text.h"
#include "proto/opcode.h"

enum { CACHE_LINE = 64 };

static struct piece piece_of(const char *s)
{
    return (struct piece){ s, strlen(s) };
}

static void send_sub(broker *b, const struct reg *reg)
{
    struct envelope e = { .op = OP_SUB };

    e.sub.ref = (uint64_t)reg->sid << REF_SHIFT | REF_SUB;
    e.sub.sid = reg->sid;
    e.sub.pattern = piece_of(reg->pattern);
    if (reg->group[0] != '\0')
        e.sub.group = piece_of(reg->group);
    e.sub.policy = reg->policy;
    e.sub.queue_bytes = reg->queue_bytes;
    e.sub.queue_messages = reg->queue_messages;
    e.sub.after = reg->after > 0 ? reg->after - reg->n_taken : 0;
    e.sub.flags = reg->flags;
    output_control(b, &e);
}

static void send_serve(broker *b, const struct reg *reg)
{
    struct envelope e = { .op = OP_SERVE };

    e.serve.ref = (uint64_t)reg->sid << REF_SHIFT | REF_SUB;
    e.serve.sid = reg->sid;
    e.serve.pattern = piece_of(reg->pattern);
    e.serve.max_open = reg->max_open;
    e.serve.flags = reg->flags;
    output_control(b, &e);
}

static void reg_send(broker *b, struct reg *reg)
{
    reg->sent_epoch = b->epoch;
    if (reg->is_service)
        send_serve(b, reg);
    else
        send_sub(b, reg);
}

static void reg_send_end(broker *b, struct reg *reg)
{
    struct envelope e = { .op = reg->is_service ? OP_UNSERVE : OP_UNSUB };

    reg->unsubscribed = true;
    e.unsub.ref = (uint64_t)reg->sid << REF_SHIFT | REF_UNSUB;
    e.unsub.sid = reg->sid;
    output_control(b, &e);
}

static bool grow(struct regs *regs)
{
    uint32_t n = regs->n > 0 ? 2 * regs->n : 8;
    struct reg_slot *at = aligned_alloc(CACHE_LINE, n * sizeof *at);

    if (!at)
        return false;
    if (regs->n > 0)
        memcpy(at, regs->at, regs->n * sizeof *at);
    memset(at + regs->n, 0, (n - regs->n) * sizeof *at);
    free(regs->at);
    regs->at = at;
    regs->n = n;
    return true;
}

/* Small sids are short on the wire, so the lowest free one is taken. */
static uint32_t free_sid(struct regs *regs)
{
    uint32_t sid = regs->lowest > 0 ? regs->lowest : 1;

    while (sid < regs->n && regs->at[sid].reg)
        sid++;
    regs->lowest = sid;
    return sid;
}

int regs_add(broker *b, struct reg *reg)
{
    uint32_t sid = free_sid(&b->regs);

    if (sid > MAX_SID)
        return handle_fail(b, BROKER_E_QUOTA, NULL);
    if (sid >= b->regs.n && !grow(&b->regs))
        return handle_fail(b, BROKER_E_NO_MEMORY, NULL);
    reg->b = b;
    reg->sid = sid;
    reg->listed = true;
    b->regs.at[sid] = (struct reg_slot){ .reg = reg, .userdata = reg->userdata };
    if (!reg->is_service && reg->after == 0)
        b->regs.at[sid].fn = reg->fn.message;
    if (b->state == STATE_OPEN)
        reg_send(b, reg);
    return 0;
}

static void link_over(struct regs *regs, struct reg *reg)
{
    reg->next = regs->over;
    reg->link = &regs->over;
    if (reg->next)
        reg->next->link = &reg->next;
    regs->over = reg;
}

static void unlink_over(struct reg *reg)
{
    *reg->link = reg->next;
    if (reg->next)
        reg->next->link = reg->link;
}

static void unlist(struct reg *reg)
{
    struct regs *regs = &reg->b->regs;

    regs->at[reg->sid].reg = NULL;
    regs->at[reg->sid].fn = NULL;
    if (reg->sid < regs->lowest)
        regs->lowest = reg->sid;
    reg->listed = false;
    if (reg->freed)
        handle_bury(reg->b, reg);
    else
        link_over(regs, reg);
}

void regs_release(struct reg *reg)
{
    broker *b = reg->b;

    reg->freed = true;
    if (!reg->listed) {
        unlink_over(reg);
        handle_bury(b, reg);
        return;
    }
    b->regs.at[reg->sid].fn = NULL;
    if (reg->sent_epoch < b->dispatch_epoch) { /* nothing in the inbox can mean it */
        unlist(reg);
    } else if (reg->sent_epoch == b->epoch && b->state == STATE_OPEN &&
               reg->state != REG_OVER) {
        reg_send_end(b, reg);
    }
}

/* All its messages came; the connection was lost before the broker said so. */
static bool took_all(const struct reg *reg)
{
    return reg->after > 0 && reg->n_taken >= reg->after && reg->state != REG_OVER;
}

void regs_send_all(broker *b)
{
    for (uint32_t sid = 1; sid < b->regs.n; sid++) {
        struct reg *reg = b->regs.at[sid].reg;

        if (reg && !reg->freed && reg->state != REG_OVER && !took_all(reg))
            reg_send(b, reg);
    }
}

void regs_lost(broker *b)
{
    for (uint32_t sid = 1; sid < b->regs.n; sid++) {
        struct reg *reg = b->regs.at[sid].reg;

        if (!reg || reg->state != REG_ACTIVE)
            continue;
        reg->state = REG_PENDING;
        reg->gap_due = !reg->is_service;
    }
}

static void end(struct reg *reg, int status, const char *text, const char *what)
{
    struct broker_notice notice = {
        .kind = status == BROKER_E_ENDED || reg->was_active ? BROKER_NOTICE_ENDED
                                                            : BROKER_NOTICE_REFUSED,
        .status = -status,
        .text = text,
        .what = what,
    };

    bool freed = reg->freed;

    reg->state = REG_OVER;
    reg->status = status;
    unlist(reg);
    if (!freed)
        reg_notice(reg, &notice);
}

void regs_forget(broker *b, uint64_t epoch)
{
    for (uint32_t sid = 1; sid < b->regs.n && !b->freed; sid++) {
        struct reg *reg = b->regs.at[sid].reg;

        if (!reg || reg->sent_epoch > epoch)
            continue;
        if (reg->freed || reg->state == REG_OVER)
            unlist(reg);
        else if (took_all(reg))
            end(reg, BROKER_E_ENDED, broker_status_text(BROKER_E_ENDED), NULL);
    }
}

void regs_deinit(broker *b)
{
    for (uint32_t sid = 1; sid < b->regs.n; sid++)
        free(b->regs.at[sid].reg);
    while (b->regs.over) {
        struct reg *reg = b->regs.over;

        b->regs.over = reg->next;
        free(reg);
    }
    free(b->regs.at);
    b->regs = (struct regs){ 0 };
}

bool regs_scan_answer(broker *b, uint64_t ref, uint64_t status)
{
    struct reg *reg = regs_find(&b->regs, regs_sid_of(ref));

    if (!reg || reg->sent_epoch != b->epoch)
        return false;
    if ((ref & 1) == REF_UNSUB)
        return reg->unsubscribed;
    if (reg->state != REG_PENDING)
        return false;
    reg->state = status == 0 ? REG_ACTIVE : REG_OVER;
    reg->status = (int)status;
    return true;
}

static void activated(struct reg *reg)
{
    struct broker_notice gap = {
        .kind = BROKER_NOTICE_GAP,
        .count = UINT64_MAX,
        .text = "connection-lost",
    };
    struct broker_notice active = { .kind = BROKER_NOTICE_ACTIVE, .text = "in force" };

    reg->was_active = true;
    if (reg->gap_due)
        reg_notice(reg, &gap);
    reg->gap_due = false;
    if (!reg->freed)
        reg_notice(reg, &active);
}

void regs_dispatch_answer(broker *b, uint64_t ref, uint64_t status, const char *text,
                          const char *what)
{
    struct reg *reg = regs_find(&b->regs, regs_sid_of(ref));

    if (!reg || reg->sent_epoch != b->dispatch_epoch)
        return;
    if ((ref & 1) == REF_UNSUB) {
        if (reg->unsubscribed)
            unlist(reg);
    } else if (status == 0 && !reg->freed) {
        activated(reg);
    } else if (status != 0 && !reg->unsubscribed) {
        end(reg, (int)status, text, what);
    }
}

bool regs_scan_ended(broker *b, const struct envelope *envelope)
{
    struct reg *reg = regs_find(&b->regs, envelope->ended.sid);

    if (!reg || reg->sent_epoch != b->epoch || envelope->ended.status > UINT16_MAX)
        return reg != NULL && envelope->ended.status <= UINT16_MAX;
    if (reg->state == REG_ACTIVE) {
        reg->state = REG_OVER;
        reg->status = (int)envelope->ended.status;
    }
    return true;
}

void regs_dispatch_ended(broker *b, const struct envelope *envelope)
{
    struct reg *reg = regs_find(&b->regs, envelope->ended.sid);
    char text[TEXT_MAX];

    if (!reg || reg->unsubscribed || reg->sent_epoch != b->dispatch_epoch)
        return;
    text_copy(text, &envelope->ended.sentence, (int)envelope->ended.status);
    end(reg, (int)envelope->ended.status, text, NULL);
}

bool reg_hears_notices(const struct reg *reg)
{
    return reg->is_service ? reg->notice_fn.service != NULL
                           : reg->notice_fn.subscription != NULL;
}

void reg_notice(struct reg *reg, const struct broker_notice *notice)
{
    broker *b = reg->b;

    if (!reg_hears_notices(reg) || b->freed)
        return;
    b->n_callbacks++;
    if (reg->is_service)
        reg->notice_fn.service((broker_service *)reg, notice, reg->notice_data);
    else
        reg->notice_fn.subscription((broker_subscription *)reg, notice, reg->notice_data);
}
