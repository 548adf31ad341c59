#include "client/brokerctl/sys.h"

#include "client/brokerctl/json.h"

#include <inttypes.h>
#include <msgpack.h>
#include <stdlib.h>
#include <string.h>

void answer_deinit(struct answer *answer)
{
    free(answer->data);
    *answer = (struct answer){ 0 };
}

/* A $SYS service that refuses does so with a status of the broker. */
static int tell_error(struct session *session, const char *subject, int status,
                      uint32_t error, const char *absent)
{
    int code;

    if (status != -BROKER_E_FAILED)
        return session_failure(session, status, "%s", subject);
    code = broker_status_exit_code((int)error);
    if (absent && code == EXIT_NEGATIVE)
        return print_failure(code, "%s", absent);
    return print_failure(code ? code : 1, "%s: %s", subject, broker_status_text((int)error));
}

int sys_ask(struct session *session, const char *subject, const struct text *request,
            const char *absent, struct answer *ret)
{
    _cleanup_answer_ struct answer answer = { 0 };
    const void *body = request && request->len ? request->data : NULL;
    unsigned flags = 0;
    uint32_t error = 0;
    int status = broker_call_wait(session->b, subject, body, body ? request->len : 0,
                                     body ? BROKER_MSGPACK : 0, BROKER_DEFAULT, &answer.data,
                                     &answer.len, &flags, &error);
    struct mp_item head;

    if (status < 0)
        return tell_error(session, subject, status, error, absent);
    answer.map = mp_of(answer.data, answer.len);
    if (!(flags & BROKER_MSGPACK) || broker_msgpack_check(answer.data, answer.len, 0, NULL) < 0 ||
        !mp_next(&(struct mp){ answer.map.p, answer.map.end }, &head) || head.type != MP_MAP)
        return print_failure(EXIT_DATA, "%s: the answer is not a msgpack map", subject);
    *ret = answer;
    answer = (struct answer){ 0 };
    return 0;
}

/* As JSON, but bytes in hex, as the text has them: they are only numbers to be compared. */
static void add_json_map(struct text *line, struct mp map)
{
    struct mp_item head, key, item;

    if (!mp_next(&map, &head))
        return;
    text_char(line, '{');
    for (size_t i = 0; i < head.len && mp_next(&map, &key); i++) {
        struct mp value = map, inner = map;

        if (key.type != MP_STR || !mp_skip(&map) || !mp_next(&inner, &item))
            break;
        text_puts(line, i ? "," : "");
        text_add_json(line, key.data, key.len);
        text_char(line, ':');
        if (item.type == MP_BIN) {
            text_char(line, '"');
            text_add_hex(line, item.data, item.len);
            text_char(line, '"');
        } else {
            json_from_msgpack(line, value.p, (size_t)(map.p - value.p));
        }
    }
    text_char(line, '}');
}

bool sys_print_exact(const struct ctl *ctl, const struct answer *answer)
{
    _cleanup_text_ struct text line = TEXT_INIT;

    if (ctl->json)
        add_json_map(&line, answer->map);
    else if (!ctl->raw)
        return false;
    else
        print_raw(answer->data, answer->len);
    text_char(&line, '\n');
    print_out(&line);
    return true;
}

int sys_simple_verb(struct ctl *ctl, const struct usage *usage, int argc, char **argv,
                    const char *subject, void (*show)(struct mp map))
{
    _cleanup_session_ struct session session = SESSION_INIT;
    _cleanup_answer_ struct answer answer = { 0 };
    struct operands operands;
    int code = options_parse(ctl, usage, NULL, 0, argc, argv, &operands);

    if (code >= 0)
        return code;
    if (operands.n)
        return options_misuse("takes no operand: '%s'", operands.v[0]);
    code = session_open(&session, ctl, usage->verb, false);
    if (code == 0)
        code = sys_ask(&session, subject, NULL, NULL, &answer);
    if (code == 0 && !sys_print_exact(ctl, &answer))
        show(answer.map);
    return session_close(&session, code);
}

/* ---- lists -------------------------------------------------------------------- */

struct listing {
    const struct ctl *ctl;
    const char *list;
    sys_element_fn element;
    void *userdata;
};

static void list_element(struct listing *listing, struct mp element)
{
    _cleanup_text_ struct text json = TEXT_INIT;

    if (!listing->ctl->json) {
        listing->element(element, listing->userdata);
        return;
    }
    add_json_map(&json, element);
    text_char(&json, '\n');
    print_out(&json);
}

static void list_page(struct listing *listing, const struct answer *answer)
{
    struct mp elements;
    struct mp_item head;

    if (listing->ctl->raw && !listing->ctl->json) {
        sys_print_exact(listing->ctl, answer);
        return;
    }
    if (!mp_get(answer->map, listing->list, &elements) || !mp_next(&elements, &head) ||
        head.type != MP_ARRAY)
        return;
    for (size_t i = 0; i < head.len; i++) {
        struct mp element = elements;

        if (!mp_skip(&elements))
            return;
        element.end = elements.p;
        list_element(listing, element);
    }
}

/* The request for the page behind this one; false: it was the last. The
 * cursor is handed back as it came; one that does not move would go on for ever. */
static bool next_request(const struct answer *answer, struct text *request)
{
    _cleanup_text_ struct text before = { request->data, request->len, request->cap };
    struct mp next, end;
    msgpack_packer pk;

    *request = (struct text)TEXT_INIT;
    if (!mp_get(answer->map, "next", &next) || next.p == next.end || *next.p == 0xc0)
        return false;
    end = next;
    if (!mp_skip(&end))
        return false;
    msgpack_packer_init(&pk, request, json_pack_write);
    msgpack_pack_map(&pk, 1);
    msgpack_pack_str_with_body(&pk, "after", strlen("after"));
    text_add(request, next.p, (size_t)(end.p - next.p));
    return request->len != before.len || memcmp(request->data, before.data, before.len);
}

static int list_pages(struct session *session, const char *subject, struct listing *listing)
{
    _cleanup_text_ struct text request = TEXT_INIT;
    bool more = true;

    while (more && !print_gone()) {
        _cleanup_answer_ struct answer answer = { 0 };
        int code = sys_ask(session, subject, &request, NULL, &answer);

        if (code)
            return code;
        list_page(listing, &answer);
        more = next_request(&answer, &request);
    }
    return 0;
}

int sys_list(struct session *session, const struct ctl *ctl, const char *subject,
             const char *list, sys_element_fn element, void *userdata)
{
    struct listing listing = { ctl, list, element, userdata };

    return list_pages(session, subject, &listing);
}
