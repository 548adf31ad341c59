#include "broker/guard/policy_words.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const verb_names[N_VERBS] = {
    [VERB_PUBLISH] = "publish", [VERB_SUBSCRIBE] = "subscribe",
    [VERB_REQUEST] = "request", [VERB_SERVE] = "serve",
    [VERB_TAP] = "tap",         [VERB_HOLD] = "hold",
    [VERB_CONNECT] = "connect", [VERB_ADMIN] = "admin",
};

static const char *const kind_names[N_KINDS] = { "unix", "bridge", "anonymous" };

const char *policy_verb_name(enum policy_verb verb)
{
    return (unsigned)verb < N_VERBS ? verb_names[verb] : "unknown";
}

bool policy_verb_parse(const char *name, enum policy_verb *ret)
{
    for (unsigned i = 0; i < N_VERBS; i++) {
        if (strcmp(name, verb_names[i]) == 0) {
            *ret = (enum policy_verb)i;
            return true;
        }
    }
    return false;
}

bool policy_verb_has_subject(enum policy_verb verb)
{
    return POLICY_VERBS_SUBJECT & POLICY_VERB_BIT(verb);
}

int policy_why(char why[POLICY_WHY_MAX], int r, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(why, POLICY_WHY_MAX, format, args);
    va_end(args);
    return r;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

int policy_item(char **rest, char **ret_item, char why[POLICY_WHY_MAX])
{
    char *from = *rest + strspn(*rest, " \t");
    char *to = from, *item = from;
    for (; *from && *from != ','; from++) {
        if (*from == '\\' && from[1] != ',' && from[1] != '\\')
            return policy_why(why, -EINVAL, "a backslash stands before \",\" or \"\\\" only");
        if (*from == '\\')
            from++;
        *to++ = *from;
    }
    *rest = *from ? from + 1 : NULL;
    while (to > item && is_blank(to[-1]))
        to--;
    *to = '\0';
    if (to == item)
        return policy_why(why, -EINVAL, "an empty value");
    *ret_item = item;
    return 0;
}

int policy_number(const char *text, uint32_t *ret, char why[POLICY_WHY_MAX])
{
    uint64_t value = 0;
    const char *p = text;
    for (; *p >= '0' && *p <= '9' && value < UINT32_MAX; p++)
        value = value * 10 + (uint64_t)(*p - '0');
    if (p == text || *p || value >= UINT32_MAX)
        return policy_why(why, -EINVAL, "\"%s\" is not a number from 0 to 4294967294", text);
    *ret = (uint32_t)value;
    return 0;
}

int policy_yes(const char *text, bool *ret, char why[POLICY_WHY_MAX])
{
    bool yes = strcmp(text, "yes") == 0 || strcmp(text, "true") == 0;
    if (!yes && strcmp(text, "no") != 0 && strcmp(text, "false") != 0)
        return policy_why(why, -EINVAL, "\"%s\" is neither yes nor no", text);
    *ret = yes;
    return 0;
}

int policy_kind_parse(const char *name, enum policy_kind *ret, char why[POLICY_WHY_MAX])
{
    for (unsigned i = 0; i < N_KINDS; i++) {
        if (strcmp(name, kind_names[i]) == 0) {
            *ret = (enum policy_kind)i;
            return 0;
        }
    }
    return policy_why(why, -EINVAL, "there is no kind \"%s\": unix, bridge or anonymous", name);
}

int policy_id_check(const char *id, char why[POLICY_WHY_MAX])
{
    size_t len = strlen(id);
    size_t good = strspn(id, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.:/");
    if (len == 0)
        return policy_why(why, -EINVAL, "a rule needs an id: [rule \"ID\"]");
    if (len > POLICY_ID_MAX)
        return policy_why(why, -EINVAL, "the id \"%s\" is longer than 64 bytes", id);
    if (good < len)
        return policy_why(why, -EINVAL,
                          "the id \"%s\" has more than letters, digits and \"-_.:/\" in it", id);
    if (strncmp(id, "default:", 8) == 0)
        return policy_why(why, -EINVAL, "\"%s\": ids that begin with \"default:\" are taken", id);
    return 0;
}

int policy_ids_add(struct policy_ids *ids, uint32_t id)
{
    uint32_t *more = reallocarray(ids->ids, ids->n + 1, sizeof *more);
    if (!more)
        return -ENOMEM;
    ids->ids = more;
    more[ids->n++] = id;
    return 0;
}

int policy_texts_add(struct policy_texts *texts, const char *text)
{
    char **more = reallocarray(texts->texts, texts->n + 1, sizeof *more);
    if (more)
        texts->texts = more;
    char *copy = more ? strdup(text) : NULL;
    if (!copy)
        return -ENOMEM;
    more[texts->n++] = copy;
    return 0;
}
