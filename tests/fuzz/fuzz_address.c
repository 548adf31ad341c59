/* Addresses of brokers, as the library's URLs, --listen and the configuration give them. The input
 * is the text of a list.
 */
#include "proto/address.h"

#include <arpa/inet.h>
#include <errno.h>

#include "tests/fuzz/fuzz.h"

/* ---- what is refused ---------------------------------------------------------------- */

/* A sentence, and a place in the text. */
static void check_error(const struct address_error *error, const char *text, size_t len)
{
    REQUIRE(error->why && error->at <= len);
    REQUIRE(strpbrk(error->why, "\n\r\x1b") == NULL);
    REQUIRE(*text || error->at == 0);
}

/* ---- what is accepted --------------------------------------------------------------- */

static void check_unix(const struct address *address)
{
    size_t len = strlen(address->name);
    REQUIRE(len >= 1 && len <= ADDRESS_PATH_MAX && address->port == 0);
    REQUIRE(address->uid <= UINT32_MAX - 1 && (address->has_uid || address->uid == 0));
    if (address->kind == ADDRESS_PATH)
        REQUIRE(address->name[0] == '/' && address->name[len - 1] != '/');
}

/* A name, or the number of an IPv6 address; nothing that a shell or a terminal would heed. */
static void check_net(const struct address *address)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    size_t len = strlen(address->name);
    REQUIRE(len >= 1 && len <= ADDRESS_HOST_MAX && address->port > 0);
    REQUIRE(!address->has_uid && address->uid == 0);
    for (const char *c = address->name; *c; c++)
        REQUIRE(strchr(letters, *c) || strchr("-._:%", *c));
    if (strchr(address->name, ':')) {
        char number[INET6_ADDRSTRLEN + 1] = "";
        struct in6_addr parsed;
        size_t n = strcspn(address->name, "%");
        REQUIRE(n < sizeof number);
        memcpy(number, address->name, n);
        REQUIRE(inet_pton(AF_INET6, number, &parsed) == 1);
    }
}

static bool same(const struct address *a, const struct address *b)
{
    return a->kind == b->kind && a->has_uid == b->has_uid && a->uid == b->uid &&
           a->port == b->port && strcmp(a->name, b->name) == 0;
}

/* Written again it is the same, fits where it is promised to, and is written the same twice. */
static size_t check_round_trip(const struct address *address, char *text)
{
    char again[ADDRESS_TEXT_MAX];
    struct address parsed;
    int n = address_format(address, text, ADDRESS_TEXT_MAX);
    REQUIRE(n > 0 && n < ADDRESS_TEXT_MAX && strlen(text) == (size_t)n);
    for (int i = 0; i < n; i++)
        REQUIRE(text[i] > 0x20 && text[i] < 0x7f && text[i] != ',');
    REQUIRE(address_parse(&parsed, text, NULL) == 0 && same(&parsed, address));
    REQUIRE(address_format(&parsed, again, sizeof again) == n && strcmp(again, text) == 0);
    REQUIRE(address_format(address, again, (size_t)n) == -ENOBUFS);
    return (size_t)n;
}

static void check_list(const struct address_list *list)
{
    char text[ADDRESS_LIST_MAX * ADDRESS_TEXT_MAX];
    struct address_list again;
    size_t len = 0;
    REQUIRE(list->n >= 1 && list->n <= ADDRESS_LIST_MAX);
    for (size_t i = 0; i < list->n; i++) {
        const struct address *address = &list->at[i];
        REQUIRE(address_is_unix(address) == address_is_unix(&list->at[0]));
        if (address_is_unix(address))
            check_unix(address);
        else
            check_net(address);
        if (i > 0)
            text[len++] = ',';
        len += check_round_trip(address, text + len);
    }
    REQUIRE(address_list_parse(&again, text, NULL) == 0 && again.n == list->n);
    for (size_t i = 0; i < list->n; i++)
        REQUIRE(same(&again.at[i], &list->at[i]));
}

/* ---- one, and a list ---------------------------------------------------------------- */

static void check(const char *text, size_t len)
{
    struct address one = { .port = 4711 };
    struct address_list list = { .n = 4711 };
    struct address_error of_one = { 0, NULL }, of_list = { 0, NULL };
    bool is_one = address_parse(&one, text, &of_one) == 0;
    bool is_list = address_list_parse(&list, text, &of_list) == 0;
    if (is_list)
        check_list(&list);
    else
        check_error(&of_list, text, len);
    if (!is_one)
        check_error(&of_one, text, len);
    REQUIRE(is_one || one.port == 4711); /* untouched */
    REQUIRE(is_list || list.n == 4711);
    REQUIRE(is_one == (is_list && list.n == 1)); /* one is a list of one */
    REQUIRE(!is_one || same(&one, &list.at[0]));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    char *text = malloc(len + 1); /* ASan sees its end */
    REQUIRE(text);
    if (len > 0)
        memcpy(text, data, len);
    text[len] = '\0';
    check(text, strlen(text));
    free(text);
    return 0;
}
