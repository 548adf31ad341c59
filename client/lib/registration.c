#include <stdlib.h>
#include <string.h>

#include <brokerclient.h>

#include "client/lib/handle.h"
#include "proto/subject.h"

struct broker_sub_options {
    enum broker_policy policy;
    char group[MAX_GROUP + 1];
    size_t bytes, messages;
    uint64_t after;
    bool credentials;
};

struct broker_service_options {
    unsigned max_open; /* 0: the broker's default */
    bool credentials;
};

int broker_sub_options_new(broker_sub_options **ret)
{
    broker_sub_options *options = calloc(1, sizeof *options);

    if (!options)
        return -BROKER_E_NO_MEMORY;
    *ret = options;
    return 0;
}

broker_sub_options *broker_sub_options_free(broker_sub_options *options)
{
    free(options);
    return NULL;
}

int broker_sub_options_set_queue(broker_sub_options *options, const char *group)
{
    size_t len = group ? strnlen(group, MAX_GROUP + 1) : 0;

    if (!group || len > MAX_GROUP || !group_valid(group, len, NULL))
        return -BROKER_E_INVALID;
    memcpy(options->group, group, len + 1);
    return 0;
}

int broker_sub_options_set_policy(broker_sub_options *options, enum broker_policy policy)
{
    if ((unsigned)policy > BROKER_DISCONNECT)
        return -BROKER_E_INVALID;
    options->policy = policy;
    return 0;
}

int broker_sub_options_set_limits(broker_sub_options *options, size_t bytes, size_t messages)
{
    options->bytes = bytes;
    options->messages = messages;
    return 0;
}

int broker_sub_options_set_after(broker_sub_options *options, uint64_t messages)
{
    options->after = messages;
    return 0;
}

int broker_sub_options_set_credentials(broker_sub_options *options, int on)
{
    options->credentials = on != 0;
    return 0;
}

int broker_service_options_new(broker_service_options **ret)
{
    broker_service_options *options = calloc(1, sizeof *options);

    if (!options)
        return -BROKER_E_NO_MEMORY;
    *ret = options;
    return 0;
}

broker_service_options *broker_service_options_free(broker_service_options *options)
{
    free(options);
    return NULL;
}

int broker_service_options_set_max_open(broker_service_options *options, unsigned max_open)
{
    options->max_open = max_open;
    return 0;
}

int broker_service_options_set_credentials(broker_service_options *options, int on)
{
    options->credentials = on != 0;
    return 0;
}

static int bad_pattern(broker *b, const char *pattern)
{
    struct subject_error error = { 0, "it is missing" };

    if (pattern && strnlen(pattern, MAX_SUBJECT + 1) > MAX_SUBJECT)
        error = (struct subject_error){ MAX_SUBJECT, "more than 255 bytes" };
    else if (pattern)
        pattern_valid(pattern, strlen(pattern), &error);
    return handle_fail(b, BROKER_E_BAD_PATTERN, "the pattern, at byte %zu: %s", error.at,
                       error.why);
}

/* Checks the pattern, and lists a copy of `from` under it. */
static int add(broker *b, struct reg **ret, const struct reg *from, const char *pattern)
{
    size_t len = pattern ? strnlen(pattern, MAX_SUBJECT + 1) : 0;
    struct reg *reg;
    int r = handle_check(b);

    if (r < 0)
        return r;
    if (len == 0 || len > MAX_SUBJECT || !pattern_valid(pattern, len, NULL))
        return bad_pattern(b, pattern);
    reg = malloc(sizeof *reg);
    if (!reg)
        return handle_fail(b, BROKER_E_NO_MEMORY, NULL);
    *reg = *from;
    memcpy(reg->pattern, pattern, len + 1);
    r = regs_add(b, reg);
    if (r < 0) {
        free(reg);
        return r;
    }
    *ret = reg;
    return 0;
}

static int status_of(const struct reg *reg)
{
    switch (reg->state) {
    case REG_ACTIVE:
        return BROKER_OK;
    case REG_PENDING:
        return -BROKER_E_TIMEOUT;
    default:
        return -reg->status;
    }
}

static void use_options(struct reg *reg, const broker_sub_options *options)
{
    memcpy(reg->group, options->group, sizeof reg->group);
    reg->policy = options->policy;
    reg->queue_bytes = options->bytes;
    reg->queue_messages = options->messages;
    reg->after = options->after;
    reg->flags = options->credentials ? SUB_CREDENTIALS : 0;
}

int broker_subscribe(broker *b, broker_subscription **ret, const char *pattern,
                     const broker_sub_options *options, broker_message_fn fn, void *userdata)
{
    struct reg from = { .userdata = userdata, .fn.message = fn }, *reg = NULL;
    int r;

    if (!fn)
        return handle_fail(b, BROKER_E_INVALID, "a subscription needs a callback");
    if (options)
        use_options(&from, options);
    r = add(b, &reg, &from, pattern);
    if (r == 0 && ret)
        *ret = (broker_subscription *)reg;
    return r;
}

void broker_subscription_set_notice_fn(broker_subscription *sub, broker_notice_fn fn,
                                       void *userdata)
{
    sub->reg.notice_fn.subscription = fn;
    sub->reg.notice_data = userdata;
}

int broker_subscription_status(const broker_subscription *sub)
{
    return status_of(&sub->reg);
}

const char *broker_subscription_pattern(const broker_subscription *sub)
{
    return sub->reg.pattern;
}

broker *broker_subscription_broker(const broker_subscription *sub)
{
    return sub->reg.b;
}

broker_subscription *broker_subscription_free(broker_subscription *sub)
{
    if (sub && !sub->reg.freed)
        regs_release(&sub->reg);
    return NULL;
}

int broker_serve(broker *b, broker_service **ret, const char *pattern,
                 const broker_service_options *options, broker_request_fn fn, void *userdata)
{
    struct reg from = { .is_service = true, .userdata = userdata, .fn.request = fn }, *reg = NULL;
    int r;

    if (!fn)
        return handle_fail(b, BROKER_E_INVALID, "a service needs a callback");
    if (options) {
        from.max_open = options->max_open;
        from.flags = options->credentials ? SUB_CREDENTIALS : 0;
    }
    r = add(b, &reg, &from, pattern);
    if (r == 0 && ret)
        *ret = (broker_service *)reg;
    return r;
}

void broker_service_set_notice_fn(broker_service *service, broker_service_notice_fn fn,
                                  void *userdata)
{
    service->reg.notice_fn.service = fn;
    service->reg.notice_data = userdata;
}

int broker_service_status(const broker_service *service)
{
    return status_of(&service->reg);
}

const char *broker_service_pattern(const broker_service *service)
{
    return service->reg.pattern;
}

broker *broker_service_broker(const broker_service *service)
{
    return service->reg.b;
}

broker_service *broker_service_free(broker_service *service)
{
    if (service && !service->reg.freed) {
        requests_forget_service(service->reg.b, service);
        regs_release(&service->reg);
    }
    return NULL;
}
