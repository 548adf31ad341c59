#include "proto/cursor.h"

#include <endian.h>
#include <string.h>

#include "proto/limits.h"
#include "proto/utf8.h"

/* The forms 0xc0-0xdf: `width` big-endian bytes hold the value or a length or
 * a count, `fixed` more bytes follow whatever that says. */
struct form {
    uint8_t type;
    uint8_t width;
    uint8_t fixed;
};

static const struct form forms[32] = {
    [0x00] = { CURSOR_NIL, 0, 0 },   [0x01] = { CURSOR_NONE, 0, 0 },
    [0x02] = { CURSOR_BOOL, 0, 0 },  [0x03] = { CURSOR_BOOL, 0, 0 },
    [0x04] = { CURSOR_BIN, 1, 0 },   [0x05] = { CURSOR_BIN, 2, 0 },
    [0x06] = { CURSOR_BIN, 4, 0 },   [0x07] = { CURSOR_EXT, 1, 1 },
    [0x08] = { CURSOR_EXT, 2, 1 },   [0x09] = { CURSOR_EXT, 4, 1 },
    [0x0a] = { CURSOR_FLOAT, 4, 0 }, [0x0b] = { CURSOR_FLOAT, 8, 0 },
    [0x0c] = { CURSOR_UINT, 1, 0 },  [0x0d] = { CURSOR_UINT, 2, 0 },
    [0x0e] = { CURSOR_UINT, 4, 0 },  [0x0f] = { CURSOR_UINT, 8, 0 },
    [0x10] = { CURSOR_INT, 1, 0 },   [0x11] = { CURSOR_INT, 2, 0 },
    [0x12] = { CURSOR_INT, 4, 0 },   [0x13] = { CURSOR_INT, 8, 0 },
    [0x14] = { CURSOR_EXT, 0, 2 },   [0x15] = { CURSOR_EXT, 0, 3 },
    [0x16] = { CURSOR_EXT, 0, 5 },   [0x17] = { CURSOR_EXT, 0, 9 },
    [0x18] = { CURSOR_EXT, 0, 17 },  [0x19] = { CURSOR_STR, 1, 0 },
    [0x1a] = { CURSOR_STR, 2, 0 },   [0x1b] = { CURSOR_STR, 4, 0 },
    [0x1c] = { CURSOR_ARRAY, 2, 0 }, [0x1d] = { CURSOR_ARRAY, 4, 0 },
    [0x1e] = { CURSOR_MAP, 2, 0 },   [0x1f] = { CURSOR_MAP, 4, 0 },
};

/* One element without what it contains. */
struct element {
    enum cursor_type type;
    uint64_t value;      /* of a number, else a length or a count */
    const uint8_t *body; /* of text, bytes and ext */
    const uint8_t *next;
};

/* `width` is 1, 2, 4 or 8. A memcpy of a constant size and a swap are two
 * instructions; a loop over bytes is not. */
static inline uint64_t load_be(const uint8_t *p, unsigned width)
{
    uint16_t half;
    uint32_t word;
    uint64_t value;

    switch (width) {
    case 1:
        return p[0];
    case 2:
        memcpy(&half, p, sizeof half);
        return be16toh(half);
    case 4:
        memcpy(&word, p, sizeof word);
        return be32toh(word);
    default:
        memcpy(&value, p, sizeof value);
        return be64toh(value);
    }
}

static bool is_container(enum cursor_type type)
{
    return type == CURSOR_ARRAY || type == CURSOR_MAP;
}

/* Types whose value counts the bytes of a body. */
static bool has_body(enum cursor_type type)
{
    return type == CURSOR_STR || type == CURSOR_BIN || type == CURSOR_EXT;
}

/* The forms that are one byte, with the value in its low bits. */
static void read_short(uint8_t first, struct element *ret)
{
    if (first < 0x80)
        *ret = (struct element){ .type = CURSOR_UINT, .value = first };
    else if (first < 0x90)
        *ret = (struct element){ .type = CURSOR_MAP, .value = first & 0x0f };
    else if (first < 0xa0)
        *ret = (struct element){ .type = CURSOR_ARRAY, .value = first & 0x0f };
    else if (first < 0xc0)
        *ret = (struct element){ .type = CURSOR_STR, .value = first & 0x1f };
    else
        *ret = (struct element){ .type = CURSOR_INT };
}

static bool read_form(const uint8_t *p, size_t left, struct element *ret, size_t *ret_size)
{
    const struct form *form = &forms[p[0] & 0x1f];

    *ret_size = 1u + form->width + form->fixed;
    if (form->type == CURSOR_NONE || left < *ret_size)
        return false;
    ret->type = form->type;
    ret->value = form->width > 0 ? load_be(p + 1, form->width) : p[0] & 1;
    /* A number that is not negative is the same number in a signed form. */
    if (form->type == CURSOR_INT && (p[1] & 0x80) == 0)
        ret->type = CURSOR_UINT;
    /* The fixext forms count their bytes as `fixed`. */
    if (form->type == CURSOR_EXT && form->width == 0)
        ret->value = 0;
    return true;
}

static bool read_element(const uint8_t *p, const uint8_t *end, struct element *ret)
{
    size_t left = (size_t)(end - p), size = 1;

    if (left == 0)
        return false;
    if (p[0] >= 0xc0 && p[0] < 0xe0) {
        if (!read_form(p, left, ret, &size))
            return false;
    } else {
        read_short(p[0], ret);
    }
    ret->body = p + size;
    ret->next = p + size;
    if (has_body(ret->type)) {
        if (ret->value > left - size)
            return false;
        ret->next += ret->value;
    }
    return true;
}

/* The next element if it is of `type`; the cursor then stands behind it. */
static bool take(struct cursor *cursor, enum cursor_type type, struct element *ret)
{
    if (!read_element(cursor->p, cursor->end, ret) || ret->type != type)
        return false;
    cursor->p = ret->next;
    return true;
}

enum cursor_type cursor_peek(const struct cursor *cursor)
{
    const uint8_t *p = cursor->p;
    struct element element;
    enum cursor_type type;

    if (p == cursor->end)
        return CURSOR_NONE;
    if (p[0] < 0xc0 || p[0] >= 0xe0) {
        read_short(p[0], &element);
        return element.type;
    }
    type = forms[p[0] & 0x1f].type;
    if (type == CURSOR_INT && cursor->end - p > 1 && (p[1] & 0x80) == 0)
        return CURSOR_UINT;
    return type;
}

static inline bool store_number(struct cursor *cursor, size_t size, uint64_t value, uint64_t *ret)
{
    cursor->p += size;
    *ret = value;
    return true;
}

bool cursor_uint(struct cursor *cursor, uint64_t *ret)
{
    const uint8_t *p = cursor->p;
    size_t left = (size_t)(cursor->end - p);
    struct element element;

    /* The three forms that a well-behaved peer uses in hot frames. */
    if (left >= 1 && p[0] < 0x80)
        return store_number(cursor, 1, p[0], ret);
    if (left >= 9 && p[0] == 0xcf)
        return store_number(cursor, 9, load_be(p + 1, 8), ret);
    if (left >= 5 && p[0] == 0xce)
        return store_number(cursor, 5, load_be(p + 1, 4), ret);
    return take(cursor, CURSOR_UINT, &element) && store_number(cursor, 0, element.value, ret);
}

bool cursor_bool(struct cursor *cursor, bool *ret)
{
    struct element element;

    if (!take(cursor, CURSOR_BOOL, &element))
        return false;
    *ret = element.value != 0;
    return true;
}

bool cursor_nil(struct cursor *cursor)
{
    struct element element;

    return take(cursor, CURSOR_NIL, &element);
}

bool cursor_str(struct cursor *cursor, const char **ret, size_t *ret_len)
{
    const uint8_t *p = cursor->p;
    size_t left = (size_t)(cursor->end - p);
    struct element element;

    /* Most subjects are shorter than 32 bytes, all shorter than 256. */
    if (left >= 1 && (p[0] & 0xe0) == 0xa0 && left > (p[0] & 0x1fu)) {
        *ret = (const char *)p + 1;
        *ret_len = p[0] & 0x1f;
        cursor->p = p + 1 + *ret_len;
        return true;
    }
    if (left >= 2 && p[0] == 0xd9 && left - 2 >= p[1]) {
        *ret = (const char *)p + 2;
        *ret_len = p[1];
        cursor->p = p + 2 + *ret_len;
        return true;
    }
    if (!take(cursor, CURSOR_STR, &element))
        return false;
    *ret = (const char *)element.body;
    *ret_len = (size_t)element.value;
    return true;
}

bool cursor_bin(struct cursor *cursor, const uint8_t **ret, size_t *ret_len)
{
    struct element element;

    if (!take(cursor, CURSOR_BIN, &element))
        return false;
    *ret = element.body;
    *ret_len = (size_t)element.value;
    return true;
}

bool cursor_array(struct cursor *cursor, uint32_t *ret_n)
{
    struct element element;

    if (!take(cursor, CURSOR_ARRAY, &element))
        return false;
    *ret_n = (uint32_t)element.value;
    return true;
}

bool cursor_map(struct cursor *cursor, uint32_t *ret_n)
{
    struct element element;

    if (!take(cursor, CURSOR_MAP, &element))
        return false;
    *ret_n = (uint32_t)element.value;
    return true;
}

/* A walk over one value with all that it holds. */
struct walk {
    const uint8_t *p; /* after a failure: where it goes wrong */
    const uint8_t *end;
    unsigned depth, max_depth;
    bool check_text;
    uint64_t left[MAX_DEPTH]; /* elements still to come in each open container */
};

/* A container's elements take a byte each at the least, so a count beyond what
 * is left in the buffer is refused without walking up to its end. */
static bool walk_into(struct walk *walk, const struct element *element)
{
    uint64_t n = element->type == CURSOR_MAP ? 2 * element->value : element->value;

    if (walk->depth == walk->max_depth || n > (uint64_t)(walk->end - element->next))
        return false;
    walk->left[walk->depth++] = n;
    return true;
}

static bool walk_step(struct walk *walk)
{
    struct element element;
    size_t at = 0;

    if (!read_element(walk->p, walk->end, &element))
        return false;
    if (is_container(element.type) && !walk_into(walk, &element))
        return false;
    if (walk->check_text && element.type == CURSOR_STR &&
        !utf8_valid((const char *)element.body, (size_t)element.value, &at)) {
        walk->p = element.body + at;
        return false;
    }
    walk->p = element.next;
    return true;
}

static bool walk_value(struct walk *walk)
{
    while (walk_step(walk)) {
        while (walk->depth > 0 && walk->left[walk->depth - 1] == 0)
            walk->depth--;
        if (walk->depth == 0)
            return true;
        walk->left[walk->depth - 1]--;
    }
    return false;
}

bool cursor_skip(struct cursor *cursor)
{
    struct walk walk;

    /* Not an initialiser: that would clear the stack, half a kilobyte. */
    walk.p = cursor->p;
    walk.end = cursor->end;
    walk.depth = 0;
    walk.max_depth = MAX_DEPTH;
    walk.check_text = false;
    if (!walk_value(&walk))
        return false;
    cursor->p = walk.p;
    return true;
}

bool msgpack_valid(const void *buf, size_t len, unsigned max_depth, size_t *ret_at)
{
    struct walk walk;

    walk.p = buf;
    walk.end = len > 0 ? walk.p + len : walk.p; /* no payload may come as NULL */
    walk.depth = 0;
    walk.max_depth = max_depth < MAX_DEPTH ? max_depth : MAX_DEPTH;
    walk.check_text = true;
    if (walk_value(&walk) && walk.p == walk.end)
        return true;
    if (ret_at)
        *ret_at = (size_t)(walk.p - (const uint8_t *)buf);
    return false;
}

/* Eight bytes a time as long as all are ASCII, as most text is. */
static size_t skip_ascii(const uint8_t *p, size_t at, size_t len)
{
    uint64_t word;

    for (; len - at >= sizeof word; at += sizeof word) {
        memcpy(&word, p + at, sizeof word);
        if (word & UINT64_C(0x8080808080808080))
            break;
    }
    return at;
}

bool utf8_valid(const char *s, size_t len, size_t *ret_at)
{
    const uint8_t *p = (const uint8_t *)s;
    uint32_t c;

    for (size_t at = skip_ascii(p, 0, len); at < len;) {
        size_t n = utf8_step(p + at, len - at, &c);

        if (n == 0) {
            if (ret_at)
                *ret_at = at;
            return false;
        }
        at += n;
        if (n == 1)
            at = skip_ascii(p, at, len);
    }
    return true;
}
