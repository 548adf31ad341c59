#include <string.h>

#include <brokerclient.h>

#include "client/lib/deadline.h"
#include "proto/cursor.h"
#include "proto/limits.h"
#include "proto/status.h"
#include "proto/subject.h"

uint64_t broker_now_ns(void)
{
    return deadline_now();
}

const char *broker_version(void)
{
    return BROKER_VERSION;
}

static uint32_t number_of(int status)
{
    return status < 0 ? 0u - (uint32_t)status : (uint32_t)status;
}

const char *broker_status_name(int status)
{
    return status_name(number_of(status));
}

const char *broker_status_text(int status)
{
    return status_sentence(number_of(status));
}

int broker_status_exit_code(int status)
{
    return status_exit_code(number_of(status));
}

int broker_msgpack_check(const void *buf, size_t len, unsigned max_depth, size_t *ret_at)
{
    if (msgpack_valid(buf, len, max_depth > 0 ? max_depth : MAX_DEPTH, ret_at))
        return 0;
    return -BROKER_E_INVALID;
}

static int check(bool valid, const struct subject_error *error, size_t *ret_at,
                 const char **ret_why, int status)
{
    if (valid)
        return 0;
    if (ret_at)
        *ret_at = error->at;
    if (ret_why)
        *ret_why = error->why;
    return -status;
}

int broker_subject_check(const char *subject, size_t *ret_at, const char **ret_why)
{
    struct subject_error error = { 0, "" };
    bool valid = subject_valid(subject, strlen(subject), &error);

    return check(valid, &error, ret_at, ret_why, BROKER_E_BAD_SUBJECT);
}

int broker_pattern_check(const char *pattern, size_t *ret_at, const char **ret_why)
{
    struct subject_error error = { 0, "" };
    bool valid = pattern_valid(pattern, strlen(pattern), &error);

    return check(valid, &error, ret_at, ret_why, BROKER_E_BAD_PATTERN);
}
