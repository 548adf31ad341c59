/* libbrokerclient: talk to brokerd.
 *
 * A `broker` is one client: a connection that comes back by itself, with its
 * subscriptions and its services. There are two ways to drive it, and they may
 * be mixed: calls that block until a deadline, or the loop contract (broker_fd,
 * broker_events, broker_deadline_ns, broker_process), on which the adapters for
 * poll, libevent, libev, libuv, glib and sd-event are written.
 *
 * - The library starts no thread, installs no signal handler, prints nothing
 *   and has no globals. A handle belongs to one thread at a time. After fork(2)
 *   every call on a handle of the parent answers BROKER_E_FORKED, but
 *   broker_free, which then only frees memory and closes the descriptor.
 * - Callbacks run only inside broker_process, broker_run and broker_wait. A
 *   blocking call (broker_flush, broker_confirm, broker_call_wait …) keeps what
 *   arrives meanwhile in an inbox of at most 8 MiB and runs no callback.
 *   Releasing anything, the handle too, is allowed inside any callback.
 * - Functions that can fail return 0 (or a count) on success and a negative
 *   status, -BROKER_E_…, on failure; outputs are then untouched. Every pointer
 *   that a function hands out is borrowed, unless it says that you free it.
 * - Times are milliseconds, relative; 0 means "do not wait", BROKER_FOREVER
 *   never gives up (of a request: the broker's maximum, 1 h), BROKER_DEFAULT is
 *   5 s.
 * - Subjects and patterns: tokens joined by '.', see PROTOCOL.md, "Subjects".
 *   Payloads are bytes; BROKER_MSGPACK says that they are one msgpack value.
 * - Structs grow at their end in later versions. The two that you allocate
 *   (broker_credentials, broker_confirmation) have room for it, `reserved`,
 *   which the library sets to 0. Those that callbacks get may be longer than you
 *   know of: copy their fields, not the struct.
 */
#ifndef BROKERCLIENT_H
#define BROKERCLIENT_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#define BROKER_DEFAULT (-2)
#define BROKER_FOREVER (-1)

/* Statuses: the same numbers as on the wire (PROTOCOL.md, "Statuses"), each with
 * the sentence of broker_status_text. */
enum broker_status {
    BROKER_OK = 0,                    /* done */
    BROKER_E_BAD_FRAME = 1,           /* the frame breaks the wire format */
    BROKER_E_BAD_OPCODE = 2,          /* no such opcode, or not in this state or direction */
    BROKER_E_BAD_MAGIC = 3,           /* not a brokerd peer: the first frame is not a HELLO */
    BROKER_E_BAD_VERSION = 4,         /* no protocol version in common */
    BROKER_E_TOO_LARGE = 5,           /* larger than the limit */
    BROKER_E_HELLO_TIMEOUT = 6,       /* no HELLO in time */
    BROKER_E_NOT_READING = 7,         /* the peer provokes answers and does not read them */
    BROKER_E_UNEXPECTED_FDS = 8,      /* descriptors came with a frame that announces none */
    BROKER_E_LEFT = 16,               /* the client left */
    BROKER_E_VANISHED = 17,           /* the connection ended without a word */
    BROKER_E_SHUTTING_DOWN = 18,      /* the broker is shutting down */
    BROKER_E_TOO_SLOW = 19,           /* a queue overflowed and its policy is to disconnect */
    BROKER_E_NO_MEMORY = 20,          /* the broker is out of memory */
    BROKER_E_NO_DESCRIPTORS = 21,     /* the broker is out of file descriptors */
    BROKER_E_NO_IDENTITY = 22,        /* the kernel did not say who the peer is */
    BROKER_E_DENIED = 32,             /* not allowed */
    BROKER_E_BAD_SUBJECT = 33,        /* the subject breaks the grammar */
    BROKER_E_BAD_PATTERN = 34,        /* the pattern breaks the grammar */
    BROKER_E_BAD_FIELD = 35,          /* a field has a value that is not allowed */
    BROKER_E_SID_IN_USE = 36,         /* the subscription number is in use */
    BROKER_E_NO_SID = 37,             /* no such subscription */
    BROKER_E_RESERVED = 38,           /* subjects that begin with $SYS. belong to the broker */
    BROKER_E_UNSUPPORTED = 39,        /* not supported by this broker */
    BROKER_E_QUOTA = 40,              /* a limit of the broker is reached */
    BROKER_E_REF_IN_USE = 41,         /* the reference belongs to a request that is still open */
    BROKER_E_NO_SERVER = 48,          /* nobody serves this subject */
    BROKER_E_SERVER_GONE = 49,        /* the server died or left */
    BROKER_E_BUSY = 50,               /* all servers are busy */
    BROKER_E_OVERFLOW = 51,           /* the replies fill the requester's queue */
    BROKER_E_TIMEOUT = 52,            /* the deadline passed */
    BROKER_E_CANCELLED = 53,          /* cancelled by the requester */
    BROKER_E_NO_CALL = 54,            /* no such request is open, or it was not yours to answer */
    BROKER_E_REQUESTER_GONE = 55,     /* the requester left */
    BROKER_E_FAILED = 56,             /* the server answered with an error */
    BROKER_E_NOT_CONNECTED = 64,      /* not connected to a broker */
    BROKER_E_UNREACHABLE = 65,        /* no broker could be reached */
    BROKER_E_UNTRUSTED_BROKER = 66,   /* the broker runs as a user this client does not trust */
    BROKER_E_BAD_ADDRESS = 67,        /* the address cannot be read */
    BROKER_E_INBOX_FULL = 68,         /* the inbox is full and the broker does not take more */
    BROKER_E_FORKED = 69,             /* the handle was opened before fork(2) */
    BROKER_E_CLOSED = 70,             /* the handle is closed */
    BROKER_E_INVALID = 71,            /* the call is not valid here */
    BROKER_E_UNKNOWN_FATE = 72,       /* the connection ended before the broker confirmed */
    BROKER_E_NOT_SENT = 73,           /* the connection ended before this was sent */
    BROKER_E_ENDED = 74,              /* the subscription ended as it was asked to */
    BROKER_E_SYSTEM = 75              /* a system call failed */
};

/* The name ("NO_SERVER") and the sentence of a status, negative or positive;
 * the exit code brokerctl gives it. Constant strings, never NULL. */
const char *broker_status_name(int status);
const char *broker_status_text(int status);
int broker_status_exit_code(int status);

/* "0.1.0", the library that runs. */
const char *broker_version(void);

/* Nanoseconds of CLOCK_MONOTONIC: the clock of broker_deadline_ns. */
uint64_t broker_now_ns(void);

typedef struct broker broker;
typedef struct broker_options broker_options;
typedef struct broker_subscription broker_subscription;
typedef struct broker_sub_options broker_sub_options;
typedef struct broker_service broker_service;
typedef struct broker_service_options broker_service_options;
typedef struct broker_request broker_request;
typedef struct broker_call broker_call;
typedef struct broker_message broker_message;

/* Flags of a payload. */
enum {
    BROKER_MSGPACK = 1, /* it is one msgpack value, which nobody checks when it is
                         * sent (broker_msgpack_check does); else opaque bytes */
    BROKER_MORE = 2     /* of a reply: more parts follow */
};

/* ---- Options -------------------------------------------------------------
 * Copied by broker_new; free them after it. Setters return 0, or
 * -BROKER_E_NO_MEMORY, -BROKER_E_INVALID, -BROKER_E_BAD_ADDRESS,
 * -BROKER_E_UNSUPPORTED. */

int broker_options_new(broker_options **ret);
broker_options *broker_options_free(broker_options *options); /* takes and returns NULL */
/* One URL or a comma list, tried in order: "unix:/path", "unix:@abstract";
 * "?uid=N" names the user the broker must run as. Not set: $BROKER_URL, else
 * the user's broker, else the system's. tcp:// and tls:// are addresses that
 * this version cannot reach: -BROKER_E_UNSUPPORTED. */
int broker_options_set_url(broker_options *options, const char *url);
/* Which of the default sockets. */
enum broker_scope {
    BROKER_SCOPE_ANY = 0,     /* $BROKER_URL, else the user's, else the system's */
    BROKER_SCOPE_USER = 'u',  /* only the user's */
    BROKER_SCOPE_SYSTEM = 's' /* only the system's */
};
int broker_options_set_scope(broker_options *options, enum broker_scope scope);
/* What the client calls itself, for people who list clients: at most 64 bytes
 * of UTF-8 without control characters. It is no identity. */
int broker_options_set_name(broker_options *options, const char *name);
/* 0: a lost connection closes the handle for good. 1 (default): it comes back,
 * at once, then after 50 ms doubling to 5 s, ±50 %: in broker_process and its
 * like, and in blocking calls and publishes, which make the attempt that is due
 * before they answer -BROKER_E_NOT_CONNECTED. */
int broker_options_set_reconnect(broker_options *options, int on);
/* Milliseconds until connecting and the handshake are given up; default 5 s. */
int broker_options_set_handshake_timeout(broker_options *options, int timeout_ms);
/* Bytes that may wait to be sent, default 64 KiB batched and 8 MiB in all, and
 * bytes that the inbox may hold, default 8 MiB. 0 leaves a default. */
int broker_options_set_buffers(broker_options *options, size_t outbox_bytes, size_t inbox_bytes);
/* Microseconds to spin before sleeping in a blocking call; default 0. */
int broker_options_set_spin(broker_options *options, unsigned spin_us);

/* ---- The handle ---------------------------------------------------------- */

/* Makes a handle; options may be NULL. Connects not yet. */
int broker_new(broker **ret, const broker_options *options);
/* Connects, says HELLO, waits for WELCOME. With reconnect on, it tries until the deadline only
 * when the first try is refused because nobody listens. 0;
 * -BROKER_E_UNREACHABLE, -BROKER_E_UNTRUSTED_BROKER, -BROKER_E_DENIED,
 * -BROKER_E_BAD_VERSION, -BROKER_E_TIMEOUT, … broker_error_text says more.
 * A program with a loop may leave it out: broker_process connects by itself. */
int broker_connect(broker *b, int timeout_ms);
/* Frees at once: what was not sent is lost, the connection is cut. Frees all
 * that belongs to the handle as well, subscriptions, services, calls and
 * requests: release none of them afterwards. Takes and returns NULL. */
broker *broker_free(broker *b);
/* Leaves in good order: stops taking new messages, sends what waits, hears
 * what the broker still has to say, says GOODBYE. The handle is closed
 * afterwards, whatever the answer; it still wants broker_free. 0;
 * -BROKER_E_TIMEOUT, -BROKER_E_NOT_CONNECTED when something was left unsent. */
int broker_close(broker *b, int timeout_ms);

/* The sentence of the last failure on this handle, with the details the status
 * leaves out ("cannot reach a broker at unix:/run/…: No such file or
 * directory"). Never NULL. */
const char *broker_error_text(const broker *b);
/* The connection's id at the broker, the broker's instance (16 bytes), the URL
 * connected to, the broker's version text; 0 or NULL while not connected. */
uint64_t broker_id(const broker *b);
const uint8_t *broker_instance(const broker *b);
const char *broker_url(const broker *b);
const char *broker_server_version(const broker *b);
/* 1 between WELCOME and the loss of the connection, else 0. */
int broker_is_connected(const broker *b);
/* The largest payload the broker takes, bytes (16 MiB until it has said). */
size_t broker_max_payload(const broker *b);

/* What happens to the handle. */
enum broker_event_kind {
    BROKER_EVENT_CONNECTED = 1, /* also after each reconnect */
    BROKER_EVENT_DISCONNECTED,  /* status: why */
    BROKER_EVENT_REFUSED,       /* messages first..last were refused: status, text, what */
    BROKER_EVENT_NOT_SENT,      /* messages first..last never left this process */
    BROKER_EVENT_UNKNOWN,       /* messages first..last left, and were not confirmed */
    BROKER_EVENT_CLOSED         /* for good: it does not come back */
};
struct broker_event {
    enum broker_event_kind kind;
    int status;       /* negative */
    uint64_t first;   /* numbers as broker_publish returns them */
    uint64_t last;
    const char *text; /* a sentence, never NULL */
    const char *what; /* the rule or limit, or NULL */
};
typedef void (*broker_event_fn)(broker *b, const struct broker_event *event, void *userdata);
void broker_set_event_fn(broker *b, broker_event_fn fn, void *userdata);

/* ---- The loop contract ----------------------------------------------------
 * Wait until broker_fd is ready for broker_events (POLLIN, POLLOUT) or
 * broker_deadline_ns (CLOCK_MONOTONIC; UINT64_MAX: none) has come, then call
 * broker_process; ask again for all three after every call into the library. */
int broker_fd(const broker *b); /* -1 while there is none: only the deadline counts */
short broker_events(const broker *b);
uint64_t broker_deadline_ns(const broker *b);
/* Reads what is there, runs callbacks, writes, reconnects; never blocks.
 * Returns the number of callbacks run, or -BROKER_E_CLOSED when the handle is
 * closed for good and all was told, -BROKER_E_FORKED, -BROKER_E_INVALID inside
 * a callback. When a callback freed the handle, the number all the same. */
int broker_process(broker *b);
/* Waits at most timeout_ms for something to happen, then processes it once.
 * As broker_process; 0 when nothing came, or a signal did. */
int broker_wait(broker *b, int timeout_ms);
/* broker_wait until broker_stop is called in a callback or the handle closes. 0
 * or -BROKER_E_CLOSED. */
int broker_run(broker *b);
void broker_stop(broker *b);

/* ---- Messages -------------------------------------------------------------
 * Views of what arrived; they live until the callback returns. */
/* The subject, ended with a NUL. Here and below ret_len may be NULL. */
const char *broker_message_subject(const broker_message *m, size_t *ret_len);
/* Never NULL, also when the length is 0. */
const void *broker_message_payload(const broker_message *m, size_t *ret_len);
/* The headers, a msgpack map; NULL if there are none. */
const void *broker_message_headers(const broker_message *m, size_t *ret_len);
/* BROKER_MSGPACK, BROKER_MORE. */
unsigned broker_message_flags(const broker_message *m);
/* The sender's connection id, vouched for by the broker; 0: the broker. */
uint64_t broker_message_sender(const broker_message *m);
/* The sender's credentials as the kernel gave them to the broker, if the
 * subscription or the service asked for them: 0, or -BROKER_E_INVALID. Of a
 * request they hold as long as the request, else until the callback returns. */
struct broker_credentials {
    uint64_t id;
    uid_t uid;
    gid_t gid;
    pid_t pid;           /* 0: not known */
    const gid_t *groups; /* the first 64 */
    size_t n_groups;
    const char *label;   /* security label, or NULL */
    uint64_t reserved[4];
};
int broker_message_credentials(const broker_message *m, struct broker_credentials *ret);

/* ---- Publishing ----------------------------------------------------------- */

/* Publishes. Goes out at once unless corked; while the kernel takes no more it
 * waits (for BROKER_DEFAULT, or as broker_set_publish_timeout says), reading
 * meanwhile. Inside a callback it gathers as if corked, and leaves when the
 * callbacks of what was read have run, or some milliseconds have passed. headers
 * may be NULL, else one msgpack map. While there is no connection it makes the
 * attempt that is due, and keeps nothing for later. Returns the message's number
 * on this handle, from 1; or a negative status: -BROKER_E_BAD_SUBJECT,
 * -BROKER_E_TOO_LARGE, -BROKER_E_INVALID (a length, and NULL for the bytes),
 * -BROKER_E_TIMEOUT (nothing of it was sent), -BROKER_E_NOT_CONNECTED,
 * -BROKER_E_INBOX_FULL. */
int64_t broker_publish(broker *b, const char *subject, const void *payload, size_t len,
                       unsigned flags);
int64_t broker_publish_headers(broker *b, const char *subject, const void *headers,
                               size_t headers_len, const void *payload, size_t len,
                               unsigned flags);
void broker_set_publish_timeout(broker *b, int timeout_ms);
/* Between the two, frames gather and leave in pieces of 64 KiB. They nest.
 * broker_uncork sends what is left: 0 or as broker_publish. */
void broker_cork(broker *b);
int broker_uncork(broker *b);

/* Barrier: when it returns 0, everything sent before was routed. */
int broker_flush(broker *b, int timeout_ms);

/* What became of the messages since the confirmation before. */
struct broker_confirmation {
    uint64_t last;    /* the number of the last message that it answers for */
    uint64_t matched; /* subscriptions reached, summed; a queue group counts one */
    uint64_t refused; /* messages refused (each was told to the event callback) */
    uint64_t reserved[5];
};
int broker_confirm(broker *b, struct broker_confirmation *ret, int timeout_ms);
/* The same without blocking: fn is called once; status < 0 when the
 * connection ended first. */
typedef void (*broker_confirm_fn)(broker *b, int status, const struct broker_confirmation *c,
                                  void *userdata);
int broker_confirm_async(broker *b, broker_confirm_fn fn, void *userdata);

/* ---- Subscribing ---------------------------------------------------------- */

enum broker_policy {
    BROKER_WAIT = 0,      /* publishers wait for this subscriber */
    BROKER_DROP_OLD = 1,  /* the oldest messages make room */
    BROKER_DROP_NEW = 2,  /* new ones are dropped while the queue is full */
    BROKER_LATEST = 3,    /* only the newest of each subject is kept */
    BROKER_DISCONNECT = 4 /* the connection ends */
};

int broker_sub_options_new(broker_sub_options **ret);
broker_sub_options *broker_sub_options_free(broker_sub_options *options);
/* A queue group: one token. Of its members one gets each message. */
int broker_sub_options_set_queue(broker_sub_options *options, const char *group);
int broker_sub_options_set_policy(broker_sub_options *options, enum broker_policy policy);
/* The broker's queue for this subscription; 0 leaves the default (8 MiB,
 * 65,536 messages), more than that is refused. */
int broker_sub_options_set_limits(broker_sub_options *options, size_t bytes, size_t messages);
/* The subscription ends after so many messages; 0: never. */
int broker_sub_options_set_after(broker_sub_options *options, uint64_t messages);
/* Credentials come with each message (broker_message_credentials). */
int broker_sub_options_set_credentials(broker_sub_options *options, int on);

typedef void (*broker_message_fn)(broker_subscription *sub, const broker_message *m,
                                  void *userdata);

/* What else a subscription hears. */
enum broker_notice_kind {
    BROKER_NOTICE_ACTIVE = 1, /* the broker has it; also after each reconnect */
    BROKER_NOTICE_GAP,        /* `count` messages were not delivered, here */
    BROKER_NOTICE_REFUSED,    /* it does not exist: status, text */
    BROKER_NOTICE_ENDED       /* asked for (after N messages), or by the broker */
};
struct broker_notice {
    enum broker_notice_kind kind;
    int status;       /* negative, or 0 */
    uint64_t count;   /* of a gap: exact; UINT64_MAX: unknown, the connection was lost */
    const char *text; /* of a gap the reason ("dropped-old", "connection-lost"), else
                       * a sentence */
    const char *what; /* the rule or limit, or NULL */
};
typedef void (*broker_notice_fn)(broker_subscription *sub, const struct broker_notice *notice,
                                 void *userdata);

/* Subscribes; ret and options may be NULL. Before the connection is there it is
 * only noted. Sends at once and does not wait: the answer
 * comes as a notice (or use broker_flush: when it returns 0, the subscription is in force
 * or its refusal is known to broker_subscription_status). 0;
 * -BROKER_E_BAD_PATTERN, -BROKER_E_NO_MEMORY, ... */
int broker_subscribe(broker *b, broker_subscription **ret, const char *pattern,
                     const broker_sub_options *options, broker_message_fn fn, void *userdata);
void broker_subscription_set_notice_fn(broker_subscription *sub, broker_notice_fn fn,
                                       void *userdata);
/* BROKER_OK once in force, -BROKER_E_TIMEOUT while not answered yet, else why it is not. */
int broker_subscription_status(const broker_subscription *sub);
const char *broker_subscription_pattern(const broker_subscription *sub);
broker *broker_subscription_broker(const broker_subscription *sub);
/* Ends it: no callback of it runs any more. Takes and returns NULL. */
broker_subscription *broker_subscription_free(broker_subscription *sub);

/* ---- Requests ------------------------------------------------------------- */

/* The end of a request. */
struct broker_result {
    int status;      /* 0, or why it ended otherwise */
    int left_queue;  /* of SERVER_GONE: 1 if the server may have seen the request */
    uint64_t asked;  /* of a survey: asked = the sum of the five below */
    uint64_t answered;
    uint64_t refused;
    uint64_t gone;
    uint64_t timed_out;
    uint64_t cancelled;
    const char *text; /* a sentence, never NULL */
    const char *what; /* the rule or limit, or NULL */
};
/* One part of an answer. The status of an error reply comes with the last
 * part: broker_message_status. */
typedef void (*broker_reply_fn)(broker_call *call, const broker_message *part, void *userdata);
/* Called exactly once, last; the call is freed when it returns. */
typedef void (*broker_done_fn)(broker_call *call, const struct broker_result *result,
                               void *userdata);
/* 0, or the number an error reply carries (of the server's choosing, never 0). */
uint32_t broker_message_status(const broker_message *m);

enum { BROKER_SURVEY = 4 }; /* flag of a request: ask every server */

/* Asks; the answers come to callbacks. timeout_ms (BROKER_DEFAULT: 5 s;
 * BROKER_FOREVER and more than 1 h: 1 h, the broker's maximum) runs at the broker
 * from when it handles the request. *ret (may be NULL) serves
 * to cancel until `done` ran. 0; -BROKER_E_BAD_SUBJECT, -BROKER_E_TOO_LARGE,
 * -BROKER_E_NOT_CONNECTED … */
int broker_call_start(broker *b, broker_call **ret, const char *subject, const void *payload,
                         size_t len, unsigned flags, int timeout_ms, broker_reply_fn reply,
                         broker_done_fn done, void *userdata);
/* With headers. */
int broker_call_start_headers(broker *b, broker_call **ret, const char *subject,
                                 const void *headers, size_t headers_len, const void *payload,
                                 size_t len, unsigned flags, int timeout_ms,
                                 broker_reply_fn reply, broker_done_fn done, void *userdata);
/* Gives up: the server is told, no callback runs any more, the call is freed. */
void broker_call_cancel(broker_call *call);
broker *broker_call_broker(const broker_call *call);

/* Asks one server and waits, a second longer than the deadline for the broker's
 * word that it passed. *ret_payload is malloc'd, the caller frees it; it is not
 * NULL, and a NUL that does not count is behind its last byte. A reply in parts
 * is joined. Returns 0; -BROKER_E_NO_SERVER,
 * -BROKER_E_SERVER_GONE, -BROKER_E_BUSY, -BROKER_E_TIMEOUT, -BROKER_E_FAILED (an error
 * reply: then the payload is set too) … ret_flags and ret_error (the error
 * reply's number) may be NULL. */
int broker_call_wait(broker *b, const char *subject, const void *payload, size_t len,
                        unsigned flags, int timeout_ms, void **ret_payload, size_t *ret_len,
                        unsigned *ret_flags, uint32_t *ret_error);

/* ---- Serving -------------------------------------------------------------- */

typedef void (*broker_request_fn)(broker_service *service, broker_request *request,
                                  void *userdata);
typedef void (*broker_service_notice_fn)(broker_service *service,
                                         const struct broker_notice *notice, void *userdata);

/* Copied by broker_serve; free them after it. */
int broker_service_options_new(broker_service_options **ret);
broker_service_options *broker_service_options_free(broker_service_options *options);
/* Requests that may be open here at a time; beyond them requesters hear BUSY.
 * 0 leaves the default (1024). */
int broker_service_options_set_max_open(broker_service_options *options, unsigned max_open);
/* Credentials come with each request (broker_message_credentials). */
int broker_service_options_set_credentials(broker_service_options *options, int on);

/* Serves requests for a pattern; ret and options may be NULL. As broker_subscribe. */
int broker_serve(broker *b, broker_service **ret, const char *pattern,
                 const broker_service_options *options, broker_request_fn fn, void *userdata);
void broker_service_set_notice_fn(broker_service *service, broker_service_notice_fn fn,
                                  void *userdata);
int broker_service_status(const broker_service *service); /* as broker_subscription_status */
const char *broker_service_pattern(const broker_service *service);
broker *broker_service_broker(const broker_service *service);
/* Ends it: no callback of it runs any more. Requests that it has taken stay
 * yours, and can be answered. Takes and returns NULL. */
broker_service *broker_service_free(broker_service *service);

/* The request as a message; valid until the last reply, or broker_request_drop:
 * a server may answer later, outside the callback. */
const broker_message *broker_request_message(const broker_request *request);
/* The service it came to; NULL when that was freed meanwhile. */
broker_service *broker_request_service(const broker_request *request);
/* Answers; with BROKER_MORE more parts follow, without it this was the last and the request
 * is freed. 0; -BROKER_E_NO_CALL when the requester is gone or the deadline passed
 * (then it is freed too), -BROKER_E_TOO_LARGE and others (then it is not). */
int broker_reply(broker_request *request, const void *payload, size_t len, unsigned flags);
int broker_reply_headers(broker_request *request, const void *headers, size_t headers_len,
                         const void *payload, size_t len, unsigned flags);
/* Answers with an error: a number (1-65535) and bytes of the server's choosing; frees the
 * request. */
int broker_reply_error(broker_request *request, uint32_t error, const void *payload, size_t len,
                       unsigned flags);
/* Tells a server that works on a request that nobody waits any more: status is
 * why. The request is still the server's to free or to answer (NO_CALL). */
typedef void (*broker_cancel_fn)(broker_request *request, int status, void *userdata);
void broker_request_set_cancel_fn(broker_request *request, broker_cancel_fn fn, void *userdata);
/* Sends an error reply (error 1, no payload) if somebody still waits, and frees
 * the request. Takes and returns NULL. */
broker_request *broker_request_drop(broker_request *request);

/* ---- Bounded msgpack check ------------------------------------------------
 * Whether buf[0..len) is exactly one well-formed msgpack value, at most
 * max_depth deep (0: 64) with valid UTF-8 in its strings. Allocates nothing:
 * use it before msgpack_unpack on bytes that somebody else sent. 0, or
 * -BROKER_E_INVALID with *ret_at (may be NULL) the offset where it goes wrong. */
int broker_msgpack_check(const void *buf, size_t len, unsigned max_depth, size_t *ret_at);
/* Whether a subject / a pattern keeps the grammar. 0, or -BROKER_E_BAD_SUBJECT
 * / -BROKER_E_BAD_PATTERN with the offset and a constant sentence. */
int broker_subject_check(const char *subject, size_t *ret_at, const char **ret_why);
int broker_pattern_check(const char *pattern, size_t *ret_at, const char **ret_why);

#ifdef __cplusplus
}
#endif

#endif
