/* A broker with configuration files of its own, and what it says of them. */
#ifndef TESTS_LIVE_CONFIG_FILES_H
#define TESTS_LIVE_CONFIG_FILES_H

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/live/sys_body.h"

static struct broker_proc *broker;

static inline const char *in_dir(const char *name)
{
    static char path[4][200];
    static unsigned turn;
    char *to = path[turn++ % 4];

    snprintf(to, sizeof path[0], "%s/%s", broker_proc_dir(broker), name);
    return to;
}

static inline const char *write_file(const char *name, const char *text)
{
    const char *path = in_dir(name);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
    return path;
}

static inline void begin(const char *text)
{
    broker = broker_proc_new();
    assert_int_equal(mkdir(in_dir("conf.d"), 0700), 0);
    write_file("b.conf", text);
}

static inline void start(void)
{
    broker_proc_start(broker, (const char *[]){ "--config", in_dir("b.conf"), NULL });
}

static inline void finish(void)
{
    assert_int_equal(broker_proc_stop(broker), 0);
    broker_proc_free(broker);
}

/* Has it read everything again, and waits until the log says what came of it. */
static inline void hang_up(const char *expected)
{
    char *log = broker_proc_log(broker);
    size_t before = strlen(log);

    free(log);
    kill(broker_proc_pid(broker), SIGHUP);
    for (int i = 0; i < 500; i++) {
        log = broker_proc_log(broker);
        bool said = strstr(log + before, expected) != NULL;
        free(log);
        if (said)
            return;
        kit_nap();
    }
    fail_msg("the log does not say: %s", expected);
}

/* What $SYS.config says of one key: "VALUE from ORIGIN". */
static inline void expect_held(struct peer *peer, const char *key, const char *expected)
{
    static struct sys_body body;
    uint8_t ask[16] = "\x81\xa5" "after\xcf";
    char got[600] = "";

    for (uint64_t after = 0, more = 1; more && !*got;) {
        store_be64(ask + 8, after);
        sys_ask(&body, peer, "$SYS.config", ask, sizeof ask);
        const msgpack_object_array *values = sys_list(body.root, "values");
        for (uint32_t i = 0; i < values->size; i++) {
            const msgpack_object_str *k = &sys_find(&values->ptr[i], "key")->via.str;
            const msgpack_object_str *v = &sys_find(&values->ptr[i], "value")->via.str;
            const msgpack_object_str *o = &sys_find(&values->ptr[i], "origin")->via.str;
            if (k->size == strlen(key) && memcmp(k->ptr, key, k->size) == 0)
                snprintf(got, sizeof got, "%.*s from %.*s", (int)v->size, v->ptr, (int)o->size, o->ptr);
        }
        const msgpack_object *next = sys_find(body.root, "next");
        more = next->type != MSGPACK_OBJECT_NIL;
        after = more ? next->via.u64 : 0;
        sys_free(&body);
    }
    const char *name = strrchr(got, '/'); /* of a file its name is enough */
    if (name && strncmp(got, "unix:", 5) != 0) {
        char *from = strstr(got, " from ");
        memmove(from + 6, name + 1, strlen(name));
    }
    assert_string_equal(got, expected);
}

#endif
