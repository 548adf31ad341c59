/* Statuses: what the broker answers on the wire, and what the library returns
 * (negated). One table: number, name, exit code of brokerctl, sentence.
 *
 * Numbers never change and are never used again. <brokerclient.h> lists the
 * same ones as BROKER_*; tests/unit/test_status.c holds the two together.
 */
#pragma once

#include <stdint.h>

#define STATUS_MAP(X)                                                                              \
    X(0, OK, 0, "done")                                                                            \
    /* the wire: the connection ends */                                                            \
    X(1, BAD_FRAME, 65, "the frame breaks the wire format")                                        \
    X(2, BAD_OPCODE, 65, "no such opcode, or not in this state or direction")                      \
    X(3, BAD_MAGIC, 65, "not a brokerd peer: the first frame is not a HELLO")                      \
    X(4, BAD_VERSION, 65, "no protocol version in common")                                         \
    X(5, TOO_LARGE, 65, "larger than the limit")                                                   \
    X(6, HELLO_TIMEOUT, 4, "no HELLO in time")                                                     \
    X(7, NOT_READING, 1, "the peer provokes answers and does not read them")                       \
    X(8, UNEXPECTED_FDS, 65, "descriptors came with a frame that announces none")                  \
    /* the end of a connection */                                                                  \
    X(16, LEFT, 0, "the client left")                                                              \
    X(17, VANISHED, 69, "the connection ended without a word")                                     \
    X(18, SHUTTING_DOWN, 69, "the broker is shutting down")                                        \
    X(19, TOO_SLOW, 1, "a queue overflowed and its policy is to disconnect")                       \
    X(20, NO_MEMORY, 1, "the broker is out of memory")                                             \
    X(21, NO_DESCRIPTORS, 69, "the broker is out of file descriptors")                             \
    X(22, NO_IDENTITY, 3, "the kernel did not say who the peer is")                                \
    /* one request, one message */                                                                 \
    X(32, DENIED, 3, "not allowed")                                                                \
    X(33, BAD_SUBJECT, 65, "the subject breaks the grammar")                                       \
    X(34, BAD_PATTERN, 65, "the pattern breaks the grammar")                                       \
    X(35, BAD_FIELD, 65, "a field has a value that is not allowed")                                \
    X(36, SID_IN_USE, 65, "the subscription number is in use")                                     \
    X(37, NO_SID, 2, "no such subscription")                                                       \
    X(38, RESERVED, 3, "subjects that begin with $SYS. belong to the broker")                      \
    X(39, UNSUPPORTED, 1, "not supported by this broker")                                          \
    X(40, QUOTA, 1, "a limit of the broker is reached")                                            \
    X(41, REF_IN_USE, 65, "the reference belongs to a request that is still open")                 \
    /* the end of a request */                                                                     \
    X(48, NO_SERVER, 2, "nobody serves this subject")                                              \
    X(49, SERVER_GONE, 1, "the server died or left")                                               \
    X(50, BUSY, 1, "all servers are busy")                                                         \
    X(51, OVERFLOW, 1, "the replies fill the requester's queue")                                   \
    X(52, TIMEOUT, 4, "the deadline passed")                                                       \
    X(53, CANCELLED, 1, "cancelled by the requester")                                              \
    X(54, NO_CALL, 2, "no such request is open, or it was not yours to answer")                    \
    X(55, REQUESTER_GONE, 1, "the requester left")                                                 \
    X(56, FAILED, 1, "the server answered with an error")                                          \
    /* the library's own */                                                                        \
    X(64, NOT_CONNECTED, 69, "not connected to a broker")                                          \
    X(65, UNREACHABLE, 69, "no broker could be reached")                                           \
    X(66, UNTRUSTED_BROKER, 3, "the broker runs as a user this client does not trust")             \
    X(67, BAD_ADDRESS, 64, "the address cannot be read")                                           \
    X(68, INBOX_FULL, 1, "the inbox is full and the broker does not take more")                    \
    X(69, FORKED, 1, "the handle was opened before fork(2)")                                       \
    X(70, CLOSED, 1, "the handle is closed")                                                       \
    X(71, INVALID, 64, "the call is not valid here")                                               \
    X(72, UNKNOWN_FATE, 1, "the connection ended before the broker confirmed")                     \
    X(73, NOT_SENT, 1, "the connection ended before this was sent")                                \
    X(74, ENDED, 0, "the subscription ended as it was asked to")                                   \
    X(75, SYSTEM, 1, "a system call failed")

enum status {
#define STATUS_ENUM(number, name, exit_code, sentence) STATUS_##name = number,
    STATUS_MAP(STATUS_ENUM)
#undef STATUS_ENUM
};

/* The table's name ("NO_SERVER") and sentence; for a number that is not in it
 * "UNKNOWN" and "unknown status". Constant strings. */
const char *status_name(uint32_t status);
const char *status_sentence(uint32_t status);
/* brokerctl's exit code for a status; 1 for an unknown one. */
int status_exit_code(uint32_t status);
