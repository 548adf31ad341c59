/*
 * What a peer may send that is wrong, or looks so: one frame a line, and what must come of it.
 *
 * FRAME(…) is a frame's body, RAW(…) bytes as they are. (PROTOCOL.md, "Frames", "Subjects" and "Statuses".)
 */
#ifndef TESTS_LIVE_BAD_INPUT_CASES_H
#define TESTS_LIVE_BAD_INPUT_CASES_H

#include <stdbool.h>
#include <stddef.h>

#include "proto/status.h"

enum outcome {
    ENDS,    /* GOODBYE, and the end of the stream */
    REFUSED, /* a REFUSED for message 1, and the connection goes on */
    ERROR,   /* an ERROR, and the connection goes on */
    END,     /* an END, and the connection goes on */
    SILENT,  /* taken, or stepped over, without an answer */
    OK,      /* an OK */
    PONG,    /* a PONG */
};

struct bad_input {
    const char *name;
    bool greeted;
    bool raw; /* no length is put in front */
    const char *bytes;
    size_t len;
    enum outcome outcome;
    enum status status;
};

#define BYTES(s)          s, sizeof(s) - 1
#define EARLY(name, s, o) { name, false, false, BYTES(s), ENDS, STATUS_##o }
#define EARLY_RAW(n, s, o) { n, false, true, BYTES(s), ENDS, STATUS_##o }
#define LATE_RAW(n, s, o) { n, true, true, BYTES(s), ENDS, STATUS_##o }
#define BREAKS(name, s)   { name, true, false, BYTES(s), ENDS, STATUS_BAD_FRAME }
#define NO_OP(name, s)    { name, true, false, BYTES(s), ENDS, STATUS_BAD_OPCODE }
#define TAKEN(name, s, o) { name, true, false, BYTES(s), o, STATUS_OK }
#define FAILS(name, s, o, status) { name, true, false, BYTES(s), o, STATUS_##status }

/* The three with a payload, up to their subject or status. */
#define M_WORD(word) "\x94\x20\xce" word "\xcf\0\0\0\0\0\0\0\0"
#define M            M_WORD("\0\0\0\0")
#define Q_WORD(word) "\x97\x21\xce" word "\xcf\0\0\0\0\0\0\0\0\xcf\0\0\0\0\0\0\0\5"
#define Q            Q_WORD("\0\0\0\0")
#define R(token)     "\x95\x22\xce\0\0\0\0\xcf\0\0\0\0\0\0\0\0\xcf" token
#define HELLO        "\x95\1\xa7" "brokerd\1\0"

#define B16 "bbbbbbbbbbbbbbbb"
#define B64 B16 B16 B16 B16
#define B255 B64 B64 B64 B16 B16 B16 "bbbbbbbbbbbbbbb"
#define X10 "\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91"
#define X100 X10 X10 X10 X10 X10 X10 X10 X10 X10 X10
#define NUMBER_2_31 "\xce\x80\0\0\0"
#define NUMBER_2_32 "\xcf\0\0\0\1\0\0\0\0"
#define NUMBER_2_63 "\xcf\x80\0\0\0\0\0\0\0"
#define NUMBER_MAX  "\xcf\xff\xff\xff\xff\xff\xff\xff\xff"

/* A subject as it would be published and asked for, a pattern that is subscribed to. */
#define BAD_SUBJECT_3(what, s)                                       \
    FAILS("publish: " what, M s, REFUSED, BAD_SUBJECT),              \
        FAILS("request: " what, Q s "\0\1", END, BAD_SUBJECT)
#define BAD_EVERYWHERE(what, s)                                      \
    BAD_SUBJECT_3(what, s),                                          \
        FAILS("subscribe: " what, "\x94\x10\1\1" s, ERROR, BAD_PATTERN), \
        FAILS("serve: " what, "\x94\x12\1\1" s, ERROR, BAD_PATTERN)

static const struct bad_input bad_inputs[] = {
    /* Before HELLO. */
    EARLY_RAW("a zero-length frame first", "\0\0\0\0", BAD_MAGIC),
    EARLY_RAW("a length of 4 GiB first", "\xff\xff\xff\xff", BAD_MAGIC),
    EARLY_RAW("a length over the limit of HELLO", "\0\0\x0f\xfd", BAD_MAGIC),
    EARLY_RAW("HTTP", "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", BAD_MAGIC),
    EARLY_RAW("TLS", "\x16\x03\x01\x02\0\1\0\1\xfc\x03\x03", BAD_MAGIC),
    EARLY_RAW("D-Bus", "\0AUTH EXTERNAL 30\r\n", BAD_MAGIC),
    EARLY("PING first", "\x92\4\1", BAD_MAGIC),
    EARLY("a frame that is to be skipped, first", "\x91\x60", BAD_MAGIC),
    EARLY("no array first", "\xc0", BAD_MAGIC),
    EARLY("a HELLO that claims 2^32-1 elements", "\xdd\xff\xff\xff\xff\1", BAD_FRAME),
    EARLY("a HELLO whose magic claims 2^32-1 bytes", "\x94\1\xdb\xff\xff\xff\xff" "brokerd", BAD_FRAME),
    EARLY("a HELLO whose options claim 2^32-1 pairs", HELLO "\xdf\xff\xff\xff\xff", BAD_FRAME),
    EARLY("a HELLO with a nesting bomb", HELLO "\x81\xa1k" X100 "\xc0", BAD_FRAME),
    EARLY("a byte behind the HELLO's envelope", HELLO "\x80\xc0", BAD_FRAME),

    /* The frame and its array. */
    LATE_RAW("a zero-length frame", "\0\0\0\0", BAD_FRAME),
    LATE_RAW("a length of 4 GiB", "\xff\xff\xff\xff", TOO_LARGE),
    LATE_RAW("a length one over the limit", "\1\1\4\0", TOO_LARGE),
    BREAKS("nil", "\xc0"),
    BREAKS("a map", "\x81\4\1"),
    BREAKS("the byte that msgpack does not use", "\xc1"),
    BREAKS("an empty array", "\x90"),
    BREAKS("an array of nil", "\x91\xc0"),
    BREAKS("a negative opcode", "\x92\xff\1"),
    BREAKS("an opcode of 16 bits", "\x92\xcd\1\4\1"),
    BREAKS("an array cut short", "\x92\4"),
    BREAKS("2^32-1 elements", "\xdd\xff\xff\xff\xff\4\1"),
    BREAKS("2^32-1 bytes of text", "\x94\x10\1\1\xdb\xff\xff\xff\xff" "a"),
    BREAKS("2^32-1 bytes of bin", "\x93\4\1\xc6\xff\xff\xff\xff"),
    BREAKS("2^32-1 bytes of ext", "\x93\4\1\xc9\xff\xff\xff\xff"),
    BREAKS("2^32-1 pairs", "\x93\4\1\xdf\xff\xff\xff\xff"),
    BREAKS("the five bytes that cost msgpack-c 137 GB", "\xdd\xff\0\0\0"),
    BREAKS("a nesting bomb", "\x93\4\1" X100 "\xc0"),
    BREAKS("a byte behind PING's envelope", "\x92\4\1\xc0"),
    BREAKS("a byte behind SUB's envelope", "\x94\x10\1\1\xa1" "a" "\xc0"),
    BREAKS("a byte behind CANCEL's envelope", "\x92\x24\1\0"),
    BREAKS("an envelope over 1,024 bytes", "\x93\4\1\xda\4\0" B255 B255 B255 B255 "bbbb"),
    TAKEN("an element that nobody knows", "\x93\4\1\xc0", PONG),
    TAKEN("a map with a key twice", "\x93\4\1\x82\xa1k\1\xa1k\2", PONG),
    TAKEN("ten levels deep", "\x93\4\1" X10 "\xc0", PONG),
    TAKEN("a reference of 2^64-1", "\x92\4" NUMBER_MAX, PONG),
    TAKEN("an opcode kept for later: 0x60", "\x91\x60", SILENT),
    TAKEN("an opcode kept for later: 0x7f", "\x92\x7f\xc0", SILENT),
    NO_OP("opcode 0", "\x91\0"),
    NO_OP("opcode 0x0b", "\x91\x0b"),
    NO_OP("an opcode of streams: 0x40", "\x92\x40\1"),
    NO_OP("an opcode of streams: 0x5f", "\x92\x5f\1"),
    NO_OP("WELCOME from a client", "\x95\2\1\0\xc4\0\1"),
    NO_OP("OK from a client", "\x92\6\1"),
    NO_OP("REFUSED from a client", "\x94\x08\1\1\1"),
    NO_OP("GAP from a client", "\x94\x1a\1\1\1"),
    NO_OP("END from a client", "\x9a\x23\1\0\0\0\0\0\0\0\0"),
    NO_OP("HELLO again", HELLO "\x80"),

    /* Subjects and patterns. */
    BAD_EVERYWHERE("an empty subject", "\xa0"),
    BAD_EVERYWHERE("an empty token", "\xa4" "a..b"),
    BAD_EVERYWHERE("an empty first token", "\xa2.a"),
    BAD_EVERYWHERE("an empty last token", "\xa2" "a."),
    BAD_EVERYWHERE("a space", "\xa3" "a b"),
    BAD_EVERYWHERE("a NUL", "\xa3" "a\0b"),
    BAD_EVERYWHERE("an escape", "\xa4" "a\x1b[m"),
    BAD_EVERYWHERE("DEL", "\xa2" "a\x7f"),
    BAD_EVERYWHERE("a C1 control character", "\xa3" "a\xc2\x9b"),
    BAD_EVERYWHERE("a no-break space", "\xa3" "a\xc2\xa0"),
    BAD_EVERYWHERE("an ideographic space", "\xa4" "a\xe3\x80\x80"),
    BAD_EVERYWHERE("a byte-order mark", "\xa4" "\xef\xbb\xbf" "a"),
    BAD_EVERYWHERE("UTF-8 cut short", "\xa2" "a\xc3"),
    BAD_EVERYWHERE("overlong UTF-8", "\xa2\xc0\xaf"),
    BAD_EVERYWHERE("a surrogate", "\xa3\xed\xa0\x80"),
    BAD_EVERYWHERE("256 bytes", "\xda\1\0" B255 "b"),
    BAD_EVERYWHERE("17 tokens", "\xd9\x21" "1.2.3.4.5.6.7.8.9.a.b.c.d.e.f.g.h"),
    BAD_SUBJECT_3("a star", "\xa1*"),
    BAD_SUBJECT_3("a star among tokens", "\xa5" "a.*.b"),
    BAD_SUBJECT_3("a last >", "\xa3" "a.>"),
    FAILS("subscribe: > in the middle", "\x94\x10\1\1\xa5" "a.>.b", ERROR, BAD_PATTERN),
    TAKEN("publish: 255 bytes", M "\xd9\xff" B255, SILENT),
    TAKEN("publish: 16 tokens", M "\xbf" "1.2.3.4.5.6.7.8.9.a.b.c.d.e.f.g", SILENT),
    FAILS("publish: of the broker", M "\xa6$SYS.x", REFUSED, RESERVED),
    FAILS("serve: of the broker", "\x94\x12\1\1\xa6$SYS.x", ERROR, RESERVED),
    FAILS("request: of the broker, unknown", Q "\xa6$SYS.x" "\0\1", END, NO_SERVER),

    /* MESSAGE. */
    FAILS("spare bit 28", M_WORD("\x10\0\0\0") "\xa1" "a", REFUSED, BAD_FIELD),
    FAILS("spare bit 29", M_WORD("\x20\0\0\0") "\xa1" "a", REFUSED, BAD_FIELD),
    FAILS("a descriptor announced", M_WORD("\0\1\0\0") "\xa1" "a", REFUSED, UNSUPPORTED),
    FAILS("255 descriptors announced", M_WORD("\0\xff\0\0") "\xa1" "a", REFUSED, UNSUPPORTED),
    FAILS("an element behind the subject", "\x95" "\x20\xce\0\0\0\0\xcf\0\0\0\0\0\0\0\0\xa1" "a" "\xc0",
          REFUSED, UNSUPPORTED),
    TAKEN("bits of the broker, and another's id", M_WORD("\x8f\0\0\0") "\xa1" "a", SILENT),
    TAKEN("numbers in other widths", "\x94\x20\0\1\xa1" "a", SILENT),
    TAKEN("no payload", M "\xa1" "a", SILENT),
    BREAKS("headers longer than the frame", M_WORD("\0\0\0\2") "\xa1" "a" "h"),
    BREAKS("65,535 bytes of headers in none", M_WORD("\0\0\xff\xff") "\xa1" "a"),
    BREAKS("a word of 33 bits", "\x94\x20" NUMBER_2_32 "\0\xa1" "a"),
    BREAKS("a subject that is bin", M "\xc4\1" "a"),
    BREAKS("no subject", "\x93\x20\0\0"),

    /* SUB, SERVE, UNSUB, UNSERVE. */
    FAILS("sid 0", "\x94\x10\1\0\xa1" "a", ERROR, BAD_FIELD),
    FAILS("sid 2^24", "\x94\x10\1\xce\1\0\0\0\xa1" "a", ERROR, BAD_FIELD),
    FAILS("sid 2^31", "\x94\x10\1" NUMBER_2_31 "\xa1" "a", ERROR, BAD_FIELD),
    FAILS("sid 2^32 + 1", "\x94\x10\1\xcf\0\0\0\1\0\0\0\1\xa1" "a", ERROR, BAD_FIELD),
    FAILS("sid 2^63", "\x94\x10\1" NUMBER_2_63 "\xa1" "a", ERROR, BAD_FIELD),
    TAKEN("sid 2^24-1", "\x94\x10\1\xce\0\xff\xff\xff\xa1" "a", OK),
    FAILS("an empty group", "\x95\x10\1\1\xa1" "a\xa0", ERROR, BAD_FIELD),
    FAILS("a group of two tokens", "\x95\x10\1\1\xa1" "a\xa3" "b.c", ERROR, BAD_FIELD),
    FAILS("a group of 65 bytes", "\x95\x10\1\1\xa1" "a\xd9\x41" B64 "b", ERROR, BAD_FIELD),
    FAILS("policy 5", "\x96\x10\1\1\xa1" "a\xc0\5", ERROR, BAD_FIELD),
    FAILS("policy 2^32", "\x96\x10\1\1\xa1" "a\xc0" NUMBER_2_32, ERROR, BAD_FIELD),
    FAILS("a queue of 8 MiB and a byte", "\x97\x10\1\1\xa1" "a\xc0\0\xce\0\x80\0\1", ERROR, QUOTA),
    FAILS("a queue of 2^63 bytes", "\x97\x10\1\1\xa1" "a\xc0\0" NUMBER_2_63, ERROR, QUOTA),
    FAILS("a queue of 65,537 messages", "\x98\x10\1\1\xa1" "a\xc0\0\0\xce\0\1\0\1", ERROR, QUOTA),
    TAKEN("after 2^63 messages", "\x99\x10\1\1\xa1" "a\xc0\0\0\0" NUMBER_2_63, OK),
    FAILS("flag 2", "\x9a\x10\1\1\xa1" "a\xc0\0\0\0\0\2", ERROR, BAD_FIELD),
    FAILS("flag 2^63", "\x9a\x10\1\1\xa1" "a\xc0\0\0\0\0" NUMBER_2_63, ERROR, BAD_FIELD),
    FAILS("max-open 65,537", "\x95\x12\1\1\xa1" "a\xce\0\1\0\1", ERROR, QUOTA),
    FAILS("max-open 2^63", "\x95\x12\1\1\xa1" "a" NUMBER_2_63, ERROR, QUOTA),
    FAILS("UNSUB of nothing", "\x93\x11\1\1", ERROR, NO_SID),
    FAILS("UNSUB of 2^63", "\x93\x11\1" NUMBER_2_63, ERROR, NO_SID),
    FAILS("UNSERVE of nothing", "\x93\x13\1\1", ERROR, NO_SID),
    BREAKS("SUB without a pattern", "\x93\x10\1\1"),

    /* REQUEST, REPLY, CANCEL. */
    FAILS("mode 2", Q "\xa1" "a\2\1", END, BAD_FIELD),
    FAILS("mode 2^32", Q "\xa1" "a" NUMBER_2_32 "\1", END, BAD_FIELD),
    FAILS("timeout 0", Q "\xa1" "a\0\0", END, BAD_FIELD),
    FAILS("timeout 2^63", Q "\xa1" "a\0" NUMBER_2_63, END, NO_SERVER),
    FAILS("timeout 2^64-1", Q "\xa1" "a\0" NUMBER_MAX, END, NO_SERVER),
    FAILS("a request with a spare bit", Q_WORD("\x10\0\0\0") "\xa1" "a\0\1", END, BAD_FIELD),
    FAILS("a request with a descriptor", Q_WORD("\0\1\0\0") "\xa1" "a\0\1", END, UNSUPPORTED),
    FAILS("an element behind the timeout",
          "\x98\x21\xce\0\0\0\0\xcf\0\0\0\0\0\0\0\0\xcf\0\0\0\0\0\0\0\5\xa1" "a\0\1\xc0", END, UNSUPPORTED),
    BREAKS("a request cut short", Q "\xa1" "a\0"),
    FAILS("a reply to 0", R("\0\0\0\0\0\0\0\0") "\0", ERROR, NO_CALL),
    FAILS("a reply to 2^31", R("\0\0\0\0\x80\0\0\0") "\0", ERROR, NO_CALL),
    FAILS("a reply to 2^32", R("\0\0\0\1\0\0\0\0") "\0", ERROR, NO_CALL),
    FAILS("a reply to 2^63", R("\x80\0\0\0\0\0\0\0") "\0", ERROR, NO_CALL),
    FAILS("a reply to 2^64-1", R("\xff\xff\xff\xff\xff\xff\xff\xff") "\0", ERROR, NO_CALL),
    FAILS("CANCEL of nothing", "\x92\x24" NUMBER_2_63, ERROR, NO_CALL),
};

#endif
