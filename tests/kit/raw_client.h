/*
 * A peer that speaks bytes: what a well-behaved library cannot send, and what it would not show.
 *
 * A peer is a plain blocking-free descriptor; the caller closes it. Every wait has a deadline. What is called
 * "expect" fails the running test when it does not come about.
 */
#ifndef TESTS_KIT_RAW_CLIENT_H
#define TESTS_KIT_RAW_CLIENT_H

#include <stddef.h>
#include <sys/socket.h>
#include <sys/types.h>

/** How long the expect functions wait. */
#define RAW_DEADLINE_MS 5000

/** Connects to the AF_UNIX stream socket at @p path ('@' first: an abstract name). Fails the test if it cannot. */
int raw_open(const char *path);
/** The same; -errno if it cannot. */
int raw_try_open(const char *path);

/**
 * Sends all of @p data.
 * @return @p len; less when the peer took no more for @p timeout_ms; -errno (-EPIPE, -ECONNRESET) if it hung up
 */
ssize_t raw_try_send(int fd, const void *data, size_t len, int timeout_ms);
/** Sends all of @p data within the deadline, or fails the test. */
void raw_send(int fd, const void *data, size_t len);
/** Sends a frame: the 4-byte length, then @p body. */
void raw_send_frame(int fd, const void *body, size_t len);

/**
 * Receives what is there, at least a byte.
 * @return the number of bytes; 0 at the end of the stream; -ETIMEDOUT after @p timeout_ms; -errno
 */
ssize_t raw_recv(int fd, void *buffer, size_t max, int timeout_ms);
/** Receives exactly @p len bytes, or fails the test. */
void raw_expect(int fd, void *buffer, size_t len);
/**
 * Receives one whole frame into @p body, without its length. Fails the test when none comes, or one longer than @p max.
 * @return the length of the body
 */
size_t raw_expect_frame(int fd, void *body, size_t max);
/** Reads on, dropping what comes, to an orderly end of the stream; a reset fails the test: it may eat the reason. */
void raw_expect_eof(int fd);
/** Fails the test if anything comes, the end included, in @p ms. */
void raw_expect_silence(int fd, int ms);

#endif
