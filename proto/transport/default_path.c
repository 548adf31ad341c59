#include "proto/transport/default_path.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const char *environment(const char *name)
{
    const char *value = secure_getenv(name);

    return value && *value ? value : NULL;
}

int default_path_user(struct address *ret)
{
    const char *dir = environment("XDG_RUNTIME_DIR");
    struct address address = { .kind = ADDRESS_PATH };
    int n;

    if (!dir || *dir != '/')
        return -ENXIO;
    n = snprintf(address.name, ADDRESS_PATH_MAX + 1, "%s/brokerd/brokerd.sock", dir);
    if (n < 0 || n > ADDRESS_PATH_MAX)
        return -ENAMETOOLONG;
    *ret = address;
    return 0;
}

void default_path_system(struct address *ret)
{
    *ret = (struct address){ .kind = ADDRESS_PATH, .name = DEFAULT_PATH_SYSTEM };
}

static bool has_socket(const struct address *address)
{
    struct stat st;

    return stat(address->name, &st) == 0 && S_ISSOCK(st.st_mode);
}

static int only(struct address_list *ret, const struct address *address)
{
    *ret = (struct address_list){ .n = 1, .at[0] = *address };
    return 0;
}

int default_path_client(struct address_list *ret, enum default_path_choice choice,
                        struct address_error *error)
{
    const char *url = choice == DEFAULT_PATH_AUTO ? environment("BROKER_URL") : NULL;
    struct address address;
    int r;

    if (url)
        return address_list_parse(ret, url, error);
    if (choice != DEFAULT_PATH_ONLY_SYSTEM) {
        r = default_path_user(&address);
        if (choice == DEFAULT_PATH_ONLY_USER)
            return r < 0 ? r : only(ret, &address);
        if (r == 0 && has_socket(&address))
            return only(ret, &address);
    }
    default_path_system(&address);
    return only(ret, &address);
}
