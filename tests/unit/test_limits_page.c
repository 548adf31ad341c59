/* PROTOCOL.md, "Limits": each kind that is counted has its line there, with the amounts that are in force by default. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/guard/limits.h"
#include "tests/kit/runner.h"

#define SPECIFICATION SOURCE_ROOT "/proto/PROTOCOL.md"

static char *read_page(void)
{
    enum { PAGE_MAX = 256 << 10 };
    char *page = malloc(PAGE_MAX);
    FILE *file = fopen(SPECIFICATION, "re");
    assert_non_null(page);
    assert_non_null(file);
    size_t len = fread(page, 1, PAGE_MAX - 1, file);
    fclose(file);
    page[len] = '\0';
    return page;
}

/* 1,048,576. */
static const char *with_commas(uint64_t n, char buf[32])
{
    char digits[24];
    int len = snprintf(digits, sizeof digits, "%llu", (unsigned long long)n);
    char *to = buf;
    for (int i = 0; i < len; i++) {
        if (i > 0 && (len - i) % 3 == 0)
            *to++ = ',';
        *to++ = digits[i];
    }
    *to = '\0';
    return buf;
}

static void each_kind_has_its_line(void **state)
{
    struct limits limits;
    char *page = read_page(), line[160], all[32], one[32], basic[32];
    (void)state;
    limits_default(&limits);
    for (unsigned kind = 0; kind < N_QUOTA_KINDS; kind++) {
        snprintf(line, sizeof line, "| `%s` | %s | %s | %s |", limits_name(kind),
                 with_commas(limits.total[kind], all),
                 with_commas(limits.per_connection[kind], one),
                 with_commas(limits_basic(kind), basic));
        if (!strstr(page, line))
            fail_msg("PROTOCOL.md has no line that begins %s", line);
    }
    free(page);
}

static void what_is_fixed_is_there_too(void **state)
{
    static const struct {
        const char *text;
        unsigned long long value;
    } fixed[] = {
        { "| payload | 16 MiB (%s bytes)", MAX_PAYLOAD },
        { "| headers | %s bytes |", MAX_HEADERS },
        { "| frame | %s bytes behind the length", MAX_FRAME },
        { "| envelope | %s bytes", MAX_ENVELOPE },
        { "| subject, pattern | %s bytes,", MAX_SUBJECT },
        { "| open requests of a broker | %s |", MAX_OPEN_CALLS },
        { "| deadline of a request | %s ms |", MAX_TIMEOUT_MS },
        { "at most %s match one subject", MAX_OVERLAP },
    };
    char *page = read_page(), line[160], number[32];
    (void)state;
    for (size_t i = 0; i < KIT_LENGTH(fixed); i++) {
        const char *hole = strstr(fixed[i].text, "%s");
        snprintf(line, sizeof line, "%.*s%s%s", (int)(hole - fixed[i].text), fixed[i].text,
                 with_commas(fixed[i].value, number), hole + 2);
        if (!strstr(page, line))
            fail_msg("PROTOCOL.md does not say: %s", line);
    }
    free(page);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        kit_test(each_kind_has_its_line),
        kit_test(what_is_fixed_is_there_too),
    };
    return kit_run("limits page", tests, KIT_LENGTH(tests));
}
