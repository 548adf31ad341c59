/*
 * One frame of each kind a client sends, and what becomes of it byte by byte: shared by test_bad_bytes.c, which tries
 * some values at every offset, and long_bad_bytes.c, which tries all.
 */
#ifndef TESTS_LIVE_BYTE_FAULTS_H
#define TESTS_LIVE_BYTE_FAULTS_H

#include <stdlib.h>
#include <string.h>

#include "tests/kit/health.h"

struct sample {
    const char *name;
    const char *bytes;
    size_t len;
};

#define SAMPLE(name, bytes) { name, bytes, sizeof(bytes) - 1 }

static const struct sample samples[] = {
    SAMPLE("HELLO", "\0\0\0\x14\x95\1\xa7" "brokerd\1\0\x81\xa4name\xa1" "n"),
    SAMPLE("PING", "\0\0\0\3\x92\4\x2a"),
    SAMPLE("CONFIRM", "\0\0\0\5\x92\x09\xcd\1\xf4"),
    SAMPLE("SUB", "\0\0\0\x16\x9a\x10\1\1\xa3" "a.*\xa6" "worker\1\xcd\1\0\x64\x0a\1"),
    SAMPLE("UNSUB", "\0\0\0\4\x93\x11\3\1"),
    SAMPLE("SERVE", "\0\0\0\x08\x95\x12\4\2\xa2" "s.\x10"),
    SAMPLE("UNSERVE", "\0\0\0\4\x93\x13\5\2"),
    SAMPLE("MESSAGE", "\0\0\0\x1c\x94\x20\xce\x80\0\0\5\xcf\0\0\0\0\0\0\0\0\xa3" "a.b" "\x81\xa1k\xa1v\xa2on"),
    SAMPLE("REQUEST", "\0\0\0\x20\x97\x21\xce\x80\0\0\0\xcf\0\0\0\0\0\0\0\0\xcf\0\0\0\0\0\0\0\5\xa1s\0\xcd\x13\x88\xc0"),
    SAMPLE("REPLY", "\0\0\0\x1c\x95\x22\xce\xc0\0\0\0\xcf\0\0\0\0\0\0\0\0\xcf\0\0\0\0\0\0\0\5\0\xa1L"),
    SAMPLE("CANCEL", "\0\0\0\3\x92\x24\5"),
    SAMPLE("GOODBYE", "\0\0\0\6\x93\3\x10\xa2" "by"),
};

/** Sends a frame in its own connection (all but HELLO after a HELLO), half-closes, and reads to the end. */
static inline void send_sample(const struct broker_proc *broker, const uint8_t *bytes, size_t len,
                               bool greeted)
{
    struct peer peer;
    char scrap[4096];
    ssize_t n;

    peer_connect(&peer, broker);
    if (greeted)
        peer_hello(&peer, NULL);
    (void)raw_try_send(peer.fd, bytes, len, RAW_DEADLINE_MS);
    (void)shutdown(peer.fd, SHUT_WR);
    do
        n = raw_recv(peer.fd, scrap, sizeof scrap, RAW_DEADLINE_MS);
    while (n > 0);
    if (n != 0)
        fail_msg("no end: %s", strerror((int)-n));
    peer_close(&peer);
}

/** Every @p step-th byte value in place of each byte of each sample. */
static inline void try_byte_values(unsigned step)
{
    struct broker_proc *broker = broker_proc_new();
    struct health health;

    broker_proc_start(broker, NULL);
    health_begin(&health, broker);
    for (size_t i = 0; i < KIT_LENGTH(samples); i++) {
        print_message("  %s\n", samples[i].name);
        for (size_t at = 0; at < samples[i].len; at++) {
            uint8_t bytes[64];
            memcpy(bytes, samples[i].bytes, samples[i].len);
            for (unsigned value = (unsigned)(at % step); value < 256; value += step) {
                bytes[at] = (uint8_t)value;
                send_sample(broker, bytes, samples[i].len, i > 0);
            }
            health_check(&health);
        }
    }
    health_check_all(&health, 2 << 20);
    health_end(&health);
    assert_int_equal(broker_proc_stop(broker), 0);
    broker_proc_free(broker);
}

#endif
