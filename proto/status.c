#include "proto/status.h"

const char *status_name(uint32_t status)
{
    switch (status) {
#define STATUS_NAME(number, name, exit_code, sentence) \
    case number:                                       \
        return #name;
        STATUS_MAP(STATUS_NAME)
#undef STATUS_NAME
    default:
        return "UNKNOWN";
    }
}

const char *status_sentence(uint32_t status)
{
    switch (status) {
#define STATUS_SENTENCE(number, name, exit_code, sentence) \
    case number:                                           \
        return sentence;
        STATUS_MAP(STATUS_SENTENCE)
#undef STATUS_SENTENCE
    default:
        return "unknown status";
    }
}

int status_exit_code(uint32_t status)
{
    switch (status) {
#define STATUS_EXIT(number, name, exit_code, sentence) \
    case number:                                       \
        return exit_code;
        STATUS_MAP(STATUS_EXIT)
#undef STATUS_EXIT
    default:
        return 1;
    }
}
