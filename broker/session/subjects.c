/* $SYS.subjects: which patterns are subscribed to and served. */
#include <stdlib.h>
#include <string.h>

#include "broker/session/handlers.h"

/* A page is shorter if its lines are long: with the last one it must not exceed what a requester's
 * queue was seen to have room for (sys.c). */
enum { SUBJECTS_PAGE = 100, GROUPS_MAX = 100, PAGE_BYTES = 48 << 10 };

/* The first page of patterns behind `after`, kept in order while all are seen. */
struct page {
    const struct index *index;
    char after[MAX_SUBJECT + 1];
    uint32_t n;
    bool more;
    struct line {
        char pattern[MAX_SUBJECT + 1];
        const struct node *node;
    } lines[SUBJECTS_PAGE];
};

static uint32_t place_of(const struct page *page, const char *pattern)
{
    uint32_t low = 0;
    uint32_t high = page->n;
    while (low < high) {
        uint32_t mid = low + (high - low) / 2;
        if (strcmp(page->lines[mid].pattern, pattern) < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

static void consider(struct node *node, void *userdata)
{
    struct page *page = userdata;
    struct line line = { .node = node };
    index_pattern(page->index, node, line.pattern);
    if (strcmp(line.pattern, page->after) <= 0)
        return;
    uint32_t at = place_of(page, line.pattern);
    page->more |= page->n == SUBJECTS_PAGE;
    if (at == SUBJECTS_PAGE)
        return;
    uint32_t last = page->n < SUBJECTS_PAGE ? page->n++ : SUBJECTS_PAGE - 1;
    memmove(&page->lines[at + 1], &page->lines[at], (last - at) * sizeof line);
    page->lines[at] = line;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The names of the groups at a node, one for each member, in order. NULL: none, or no memory. */
static const char **group_names(const struct slab *slab, const struct node *node, uint32_t *ret_n)
{
    uint32_t n = 0;
    for (const struct sub *sub = node_sub(slab, node); sub; sub = sub_next(slab, sub))
        n += sub_group(sub) != NULL;
    const char **names = n ? reallocarray(NULL, n, sizeof *names) : NULL;
    *ret_n = n;
    if (!names)
        return NULL;
    n = 0;
    for (const struct sub *sub = node_sub(slab, node); sub; sub = sub_next(slab, sub)) {
        if (sub_group(sub))
            names[n++] = sub_group(sub);
    }
    qsort(names, n, sizeof *names, by_name);
    return names;
}

static uint32_t count_same(const char *const *names, uint32_t n)
{
    uint32_t same = 1;
    while (same < n && strcmp(names[same], names[0]) == 0)
        same++;
    return same;
}

static uint32_t count_groups(const char *const *names, uint32_t n)
{
    uint32_t n_groups = 0;
    for (uint32_t i = 0; i < n; i += count_same(names + i, n - i))
        n_groups++;
    return n_groups;
}

/* Anybody may make a group of each subscription: sorted, since comparing each with each stops the
 * broker for seconds; and the first of them only, since all may be more than a frame holds. */
static bool put_groups(msgpack_packer *out, const struct slab *slab, const struct node *node)
{
    uint32_t n;
    const char **names = group_names(slab, node, &n);
    if (n && !names)
        return false;
    uint32_t n_groups = count_groups(names, n);
    uint32_t n_told = n_groups < GROUPS_MAX ? n_groups : GROUPS_MAX;
    sys_put_key(out, "groups");
    msgpack_pack_map(out, n_told);
    for (uint32_t i = 0, told = 0, same; told < n_told; i += same, told++) {
        same = count_same(names + i, n - i);
        sys_put_uint(out, names[i], same);
    }
    sys_put_uint(out, "more-groups", n_groups - n_told);
    free(names);
    return true;
}

static bool put_line(msgpack_packer *out, const struct slab *slab, const struct line *line)
{
    uint64_t n_subs = 0;
    uint64_t n_services = 0;
    for (const struct sub *sub = node_sub(slab, line->node); sub; sub = sub_next(slab, sub))
        n_subs++;
    for (const struct service *s = node_service(slab, line->node); s; s = service_next(slab, s))
        n_services++;
    msgpack_pack_map(out, 5);
    sys_put_str(out, "pattern", line->pattern);
    sys_put_uint(out, "subscriptions", n_subs);
    if (!put_groups(out, slab, line->node))
        return false;
    sys_put_uint(out, "servers", n_services);
    return true;
}

static bool read_after(struct page *page, const msgpack_object *body)
{
    const msgpack_object *after = sys_field(body, "after");
    if (!after || after->type == MSGPACK_OBJECT_NIL)
        return !body || body->type == MSGPACK_OBJECT_MAP;
    if (after->type != MSGPACK_OBJECT_STR || after->via.str.size > MAX_SUBJECT)
        return false;
    memcpy(page->after, after->via.str.ptr, after->via.str.size);
    return true;
}

/* As many of the page's lines as are not too long. Returns how many; 0 of some: no memory. */
static uint32_t put_lines(struct sys_body *lines, const struct page *page)
{
    msgpack_packer out;
    uint32_t n = 0;
    sys_body_init(lines, &out);
    while (n < page->n && lines->bytes.size < PAGE_BYTES && !lines->failed) {
        if (!put_line(&out, page->index->slab, &page->lines[n++]))
            lines->failed = true;
    }
    return lines->failed ? 0 : n;
}

static enum status put_page(msgpack_packer *out, const struct page *page)
{
    struct sys_body lines;
    uint32_t n = put_lines(&lines, page);
    bool more = page->more || n < page->n;
    if (n > 0 || page->n == 0) {
        msgpack_pack_map(out, 2);
        sys_put_key(out, "subjects");
        msgpack_pack_array(out, n);
        if (n > 0)
            out->callback(out->data, lines.bytes.data, lines.bytes.size);
        sys_put_str(out, "next", more ? page->lines[n - 1].pattern : NULL);
    }
    sys_body_deinit(&lines);
    return n > 0 || page->n == 0 ? STATUS_OK : STATUS_NO_MEMORY;
}

static enum status answer_subjects(void *userdata, const msgpack_object *body, msgpack_packer *out)
{
    struct session *session = userdata;
    struct page *page = calloc(1, sizeof *page);
    if (!page)
        return STATUS_NO_MEMORY;
    page->index = &session->route.index;
    enum status status = read_after(page, body) ? STATUS_OK : STATUS_BAD_FIELD;
    if (status == STATUS_OK) {
        index_each(page->index, consider, page);
        status = put_page(out, page);
    }
    free(page);
    return status;
}

void subjects_register(struct session *session)
{
    session->subjects_service =
        (struct sys_service){ "$SYS.subjects", answer_subjects, session, NULL, false };
    sys_register(&session->sys, &session->subjects_service);
}
