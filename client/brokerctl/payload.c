#include "client/brokerctl/payload.h"

#include "client/brokerctl/json.h"
#include "client/brokerctl/mp.h"
#include "client/brokerctl/print.h"

#include <errno.h>
#include <fcntl.h>
#include <msgpack.h>
#include <string.h>
#include <unistd.h>

/* The wire's own limit; a broker may have a lower one, and then says so. */
static const size_t max_payload = (size_t)16 << 20;

void payload_deinit(struct payload *payload)
{
    text_deinit(&payload->bytes);
}

int payload_form(bool from_json, bool raw, enum payload_form *ret)
{
    if (from_json && raw)
        return options_misuse("--from-json and --raw exclude each other");
    *ret = from_json ? PAYLOAD_JSON : raw ? PAYLOAD_OPAQUE : PAYLOAD_STRING;
    return -1;
}

static bool set_string(struct payload *payload, const char *data, size_t len, struct text *why)
{
    msgpack_packer pk;
    size_t at;

    if (!utf8_check(data, len, &at)) {
        text_clear(why);
        text_printf(why, "byte %zu is not UTF-8 (--raw sends bytes as they are)", at + 1);
        return false;
    }
    msgpack_packer_init(&pk, &payload->bytes, json_pack_write);
    msgpack_pack_str_with_body(&pk, data, len);
    payload->added = payload->bytes.len - len;
    return true;
}

bool payload_set(struct payload *payload, enum payload_form form, const char *data, size_t len,
                 struct text *ret_why)
{
    text_clear(&payload->bytes);
    payload->flags = form == PAYLOAD_OPAQUE ? 0 : BROKER_MSGPACK;
    payload->added = 0;
    if (form == PAYLOAD_STRING)
        return set_string(payload, data, len, ret_why);
    if (form == PAYLOAD_JSON)
        return json_to_msgpack(&payload->bytes, data, len, ret_why);
    text_add(&payload->bytes, data, len);
    return true;
}

/* 0, a negative errno, or -EFBIG when the file is larger than any payload. */
static int read_all(int fd, struct text *ret)
{
    for (;;) {
        ssize_t n = read(fd, text_reserve(ret, 64 << 10), 64 << 10);

        if (n == 0)
            return 0;
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        ret->len += (size_t)n;
        if (ret->len > max_payload)
            return -EFBIG;
    }
}

static const char *name_of(const char *file)
{
    return strcmp(file, "-") ? file : "standard input";
}

static int read_file(const char *file, struct text *ret)
{
    bool is_stdin = !strcmp(file, "-");
    int fd = is_stdin ? STDIN_FILENO : open(file, O_RDONLY | O_CLOEXEC);
    int error = fd < 0 ? -errno : read_all(fd, ret);

    if (fd >= 0 && !is_stdin)
        close(fd);
    if (error == -EFBIG)
        return print_failure(EXIT_DATA, "%s is larger than a payload may be, %zu bytes",
                             name_of(file), max_payload);
    if (error)
        return print_failure(1, "cannot read %s: %s", name_of(file), strerror(-error));
    return 0;
}

int payload_load(struct payload *payload, enum payload_form form, const char *operand,
                 const char *file)
{
    _cleanup_text_ struct text bytes = TEXT_INIT, why = TEXT_INIT;
    int code;

    if (operand && file)
        return options_misuse("a payload and --file exclude each other");
    if (form == PAYLOAD_JSON && !operand && !file)
        return options_misuse("--from-json wants a payload, or --file");
    if (!operand && !file)
        return 0;
    if (file) {
        code = read_file(file, &bytes);
        if (code)
            return code;
    } else {
        text_puts(&bytes, operand);
    }
    if (payload_set(payload, form, bytes.data, bytes.len, &why))
        return 0;
    return print_failure(EXIT_DATA, "%s is not %s: %s", file ? name_of(file) : "the payload",
                         form == PAYLOAD_JSON ? "JSON that can be sent" : "text",
                         text_string(&why));
}

int payload_check_size(const struct payload *payload, size_t max)
{
    if (payload->bytes.len <= max)
        return 0;
    if (payload->added)
        return print_failure(EXIT_DATA,
                             "the payload has %zu bytes, %zu of them msgpack's, and may have %zu "
                             "(--raw sends it without msgpack)",
                             payload->bytes.len, payload->added, max);
    return print_failure(EXIT_DATA, "the payload has %zu bytes, and may have %zu",
                         payload->bytes.len, max);
}

/* ---- headers --------------------------------------------------------------- */

static bool pack_header(msgpack_packer *pk, const char *pair)
{
    const char *equals = strchr(pair, '=');
    size_t len = equals ? (size_t)(equals - pair) : 0;
    uint64_t ms;

    if (len == 0 || !utf8_check(pair, strlen(pair), NULL))
        return false;
    msgpack_pack_str_with_body(pk, pair, len);
    if (len == strlen("ttl-ms") && !memcmp(pair, "ttl-ms", len)) {
        if (!parse_count(equals + 1, &ms))
            return false;
        msgpack_pack_uint64(pk, ms);
        return true;
    }
    msgpack_pack_str_with_body(pk, equals + 1, strlen(equals + 1));
    return true;
}

int payload_headers(struct text *ret, const struct option_list *pairs)
{
    enum { MAX_HEADERS = 65535 };
    msgpack_packer pk;

    if (pairs->n == 0)
        return 0;
    msgpack_packer_init(&pk, ret, json_pack_write);
    msgpack_pack_map(&pk, pairs->n);
    for (size_t i = 0; i < pairs->n; i++)
        if (!pack_header(&pk, pairs->v[i]))
            return options_misuse("-H %s: wants KEY=VALUE in UTF-8, of ttl-ms a number",
                                  pairs->v[i]);
    if (ret->len > MAX_HEADERS)
        return print_failure(EXIT_DATA, "the headers are larger than %d bytes", MAX_HEADERS);
    return 0;
}

/* ---- showing ---------------------------------------------------------------- */

void payload_show(struct text *out, const void *data, size_t len, unsigned flags)
{
    if (flags & BROKER_MSGPACK) {
        if (json_from_msgpack(out, data, len))
            return;
        text_puts(out, "(malformed msgpack, base64) ");
    } else if (utf8_check(data, len, NULL)) {
        text_add_safe(out, data, len);
        return;
    } else {
        text_puts(out, "(base64) ");
    }
    text_add_base64(out, data, len);
}

void payload_show_member(struct text *out, const void *data, size_t len, unsigned flags)
{
    size_t before = out->len;

    if (flags & BROKER_MSGPACK) {
        text_puts(out, "\"payload\":");
        if (json_from_msgpack(out, data, len))
            return;
        out->len = before;
        text_puts(out, "\"malformed\":true,");
    } else if (utf8_check(data, len, NULL)) {
        text_puts(out, "\"payload-text\":");
        text_add_json(out, data, len);
        return;
    }
    text_puts(out, "\"payload-base64\":\"");
    text_add_base64(out, data, len);
    text_char(out, '"');
}

void payload_raw(const void *data, size_t len, unsigned flags, const char **ret, size_t *ret_len)
{
    struct mp mp = mp_of(data, len);
    struct mp_item item;
    bool is_string = (flags & BROKER_MSGPACK) && mp_next(&mp, &item) && item.type == MP_STR &&
                     mp.p == mp.end;

    *ret = is_string ? item.data : data;
    *ret_len = is_string ? item.len : len;
}

static void add_raw(struct text *out, const void *data, size_t len, unsigned flags)
{
    const char *raw;

    payload_raw(data, len, flags, &raw, &len);
    if (print_is_tty())
        text_add_safe(out, raw, len);
    else
        text_add(out, raw, len);
}

void payload_show_message(struct text *out, const struct ctl *ctl, const broker_message *m)
{
    size_t len;
    const void *data = broker_message_payload(m, &len);
    unsigned flags = broker_message_flags(m);

    if (ctl->json)
        payload_show_member(out, data, len, flags);
    else if (ctl->raw)
        add_raw(out, data, len, flags);
    else
        payload_show(out, data, len, flags);
}

void payload_show_headers(struct text *out, const broker_message *m)
{
    size_t before = out->len, len = 0;
    const void *headers = broker_message_headers(m, &len);

    if (!headers)
        return;
    text_puts(out, ",\"headers\":");
    if (!json_from_msgpack(out, headers, len))
        out->len = before;
}
