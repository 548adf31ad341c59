"""What a broker answers to the bytes of one client, by PROTOCOL.md: a second implementation, for the tests.

It stands for one connection that has the broker to itself but for the witness of the test (wire_states.py). What
comes back is a trace: a list of texts, as tests/live/wire_trace.c writes them for what a real broker sends.
"""
from dataclasses import dataclass, field

import wire_msgpack as mp
import wire_spec
from wire_frame import Ends, body_of, digest, opcode_of, read_frame, show
from wire_msgpack import Broken
from wire_subject import is_group, is_name, is_pattern, is_subject, is_sys, matches

WITNESS = b"witness.held"  # served by the test, which answers when the client has half-closed
SYS_SUBJECTS = (b"$SYS.info", b"$SYS.stats", b"$SYS.clients", b"$SYS.subjects")


class Refused(Exception):
    """A frame is refused with this status; `what` tells equal statuses of different causes apart."""

    def __init__(self, status, what=None):
        super().__init__(status)
        self.status, self.what = status, what


@dataclass
class Sub:
    pattern: bytes
    group: bytes = None
    after: int = 0
    taken: int = 0


@dataclass
class Broker:
    spec: object
    greeted: bool = False
    over: bool = False     # ended by the broker
    said_goodbye: bool = False
    buf: bytes = b""
    trace: list = field(default_factory=list)
    subs: dict = field(default_factory=dict)
    services: dict = field(default_factory=dict)
    calls: set = field(default_factory=set)      # references of our open requests
    requests: set = field(default_factory=set)   # tokens of requests that were sent to us
    n_messages: int = 0
    matched: int = 0
    n_refused: int = 0
    refusal: list = None   # [first, last, status, what]
    theirs: list = field(default_factory=list)   # what the witness gets

    # -- the stream ------------------------------------------------------------------------------

    def feed(self, data):
        self.buf += data
        while len(self.buf) >= 4 and not self.over and not self.said_goodbye:
            length = int.from_bytes(self.buf[:4], "big")
            try:
                self.check_length(length)
                if len(self.buf) - 4 < length:
                    return
                frame, self.buf = self.buf[4:4 + length], self.buf[4 + length:]
                self.frame(frame)
            except Ends as end:
                self.say_refusal()
                self.end(f"GOODBYE {end}")

    def end(self, *words):
        self.trace.extend(words)
        self.over = True
        self.theirs += ["CANCEL REQUESTER_GONE"] * len(self.calls)
        self.calls = set()
        self.leave()

    def leave(self):
        """Subscriptions and services end; who waits for an answer of ours is told."""
        self.theirs += ["END 1 SERVER_GONE 1 1 0 0 1 0 0"] * len(self.requests)
        self.requests, self.subs, self.services = set(), {}, {}

    def eof(self):
        """The client half-closes: it is answered what it has asked, and then the broker closes."""
        self.say_refusal()
        if not self.over:
            self.leave()
            self.trace += [f"REPLY 00000000 witness {ref} 0 0 2 {digest(b'ok'):08x}" for ref in self.calls]

    def check_length(self, length):
        if not self.greeted:
            if not 1 <= length <= wire_spec.MAX_HELLO:
                raise Ends("BAD_MAGIC")
        elif length == 0:
            raise Ends("BAD_FRAME")
        elif length > wire_spec.MAX_FRAME:
            raise Ends("TOO_LARGE")

    def frame(self, buf):
        op = opcode_of(buf)
        if not self.greeted and op != 0x01:
            raise Ends("BAD_MAGIC")
        if op is None:
            raise Ends("BAD_FRAME")
        if 0x60 <= op <= 0x7f:
            return
        frame = self.spec.opcodes.get(op)
        if not frame or wire_spec.TO_BROKER not in frame.directions or (op == 0x01 and self.greeted):
            raise Ends("BAD_OPCODE")
        try:
            values, rest, n_extra = read_frame(frame, buf)
        except Broken:
            raise Ends("BAD_FRAME") from None
        if frame.has_payload:
            values.update(n_extra=n_extra, payload=rest[values["word"] & 0xffff:],
                          headers=rest[:values["word"] & 0xffff])
        getattr(self, frame.name.lower())(values)

    # -- before HELLO ----------------------------------------------------------------------------

    def hello(self, f):
        if f["magic"] != b"brokerd":
            raise Ends("BAD_MAGIC")
        if f["version"] < 1:
            raise Ends("BAD_VERSION")
        if "options" in f:
            try:
                self.options(mp.Cursor(f["options"]))
            except Broken:
                raise Ends("BAD_FRAME") from None
        self.greeted = True
        self.trace.append("WELCOME 1 0")

    def options(self, cursor):
        for _ in range(cursor.map()):
            key = cursor.skip()
            value = cursor.skip()
            try:
                named = mp.Cursor(key).text() == b"name"
            except Broken:
                continue
            if named and not (is_text(value) and is_name(mp.Cursor(value).text())):
                raise Ends("BAD_FIELD")

    # -- control frames --------------------------------------------------------------------------

    def goodbye(self, _):
        self.say_refusal()
        self.said_goodbye = True
        self.leave()

    def ping(self, f):
        self.say_refusal()
        self.trace.append(f"PONG {f['ref']}")

    def confirm(self, f):
        self.say_refusal()
        self.trace.append(f"CONFIRMED {f['ref']} {self.n_messages} {self.matched} {self.n_refused}")
        self.matched = self.n_refused = 0

    def answer(self, name, f, judge):
        try:
            judge(f)
            self.trace.append(f"OK {f['ref']}")
        except Refused as refused:
            self.trace.append(f"ERROR {name} {f['ref']} {refused.status}")

    def sub(self, f):
        self.answer("SUB", f, self.judge_sub)

    def unsub(self, f):
        self.answer("UNSUB", f, lambda f: self.remove(self.subs, f["sid"]))

    def serve(self, f):
        self.answer("SERVE", f, self.judge_serve)

    def unserve(self, f):
        self.answer("UNSERVE", f, lambda f: self.remove(self.services, f["sid"]))

    def judge_place(self, f):
        if not 1 <= f["sid"] <= wire_spec.MAX_SID:
            raise Refused("BAD_FIELD")
        if not is_pattern(f["pattern"]):
            raise Refused("BAD_PATTERN")
        if f["sid"] in self.subs or f["sid"] in self.services:
            raise Refused("SID_IN_USE")

    def judge_sub(self, f):
        self.judge_place(f)
        group = f.get("group")
        if group is not None and not is_group(group):
            raise Refused("BAD_FIELD")
        if f.get("policy", 0) > 4 or f.get("flags", 0) > 1:
            raise Refused("BAD_FIELD")
        if f.get("queue-bytes", 0) > 8 << 20 or f.get("queue-messages", 0) > 65536:
            raise Refused("QUOTA")
        self.subs[f["sid"]] = Sub(f["pattern"], group, f.get("after", 0))

    def judge_serve(self, f):
        self.judge_place(f)
        if is_sys(f["pattern"]):
            raise Refused("RESERVED")
        if f.get("flags", 0) > 1:
            raise Refused("BAD_FIELD")
        if f.get("max-open", 0) > 65536:
            raise Refused("QUOTA")
        self.services[f["sid"]] = f["pattern"]

    @staticmethod
    def remove(where, sid):
        if sid not in where:
            raise Refused("NO_SID")
        del where[sid]

    def cancel(self, f):
        if f["token"] in self.calls:
            self.calls.remove(f["token"])
            self.trace.append(f"END {f['token']} CANCELLED 0 1 0 0 0 0 1")
            self.theirs.append("CANCEL CANCELLED")
        else:
            self.trace.append(f"ERROR CANCEL {f['token']} NO_CALL")

    # -- frames with a payload -------------------------------------------------------------------

    def judge_word(self, f):
        if f["n_extra"]:
            raise Refused("UNSUPPORTED", "elements")
        if f["word"] >> 28 & 3:
            raise Refused("BAD_FIELD")
        if f["word"] >> 16 & 0xff:
            raise Refused("UNSUPPORTED", "descriptors")
        if len(f["payload"]) > wire_spec.MAX_PAYLOAD:
            raise Refused("TOO_LARGE")

    def message(self, f):
        self.n_messages += 1
        try:
            self.judge_word(f)
            if not is_subject(f["subject"]):
                raise Refused("BAD_SUBJECT")
            if is_sys(f["subject"]):
                raise Refused("RESERVED")
        except Refused as refused:
            self.refuse(refused)
        else:
            self.deliver(f)

    def refuse(self, refused):
        self.n_refused += 1
        last = self.refusal
        if last and last[1:] == [self.n_messages - 1, refused.status, refused.what]:
            last[1] = self.n_messages
            return
        self.say_refusal()
        self.refusal = [self.n_messages, self.n_messages, refused.status, refused.what]

    def say_refusal(self):
        if self.refusal and not self.over:
            first, last, status, _ = self.refusal
            self.trace.append(f"REFUSED {first}-{last} {status}")
        self.refusal = None

    def deliver(self, f):
        hit = {sid: s for sid, s in self.subs.items() if matches(s.pattern, f["subject"])}
        groups = {s.group for s in hit.values() if s.group is not None}
        self.matched += sum(s.group is None for s in hit.values()) + len(groups)
        if hit:
            word = f["word"] & 0xf0ffffff
            self.trace.append(f"MESSAGE {word:08x} self {show(f['subject'])} {body_of(f)}")
        for sid, sub in hit.items():
            sub.taken += 1
            if sub.taken == sub.after:
                self.trace.append(f"ENDED {sid} ENDED")
                del self.subs[sid]

    def request(self, f):
        if f["token"] in self.calls:
            self.trace.append(f"ERROR REQUEST {f['token']} REF_IN_USE")
            return
        try:
            self.judge_word(f)
            if f["mode"] > 1 or f["timeout"] == 0:
                raise Refused("BAD_FIELD")
            if not is_subject(f["subject"]):
                raise Refused("BAD_SUBJECT")
            if f["subject"] == WITNESS:
                self.calls.add(f["token"])
                return
            if f["subject"] not in SYS_SUBJECTS:
                raise Refused("NO_SERVER")
        except Refused as refused:
            self.trace.append(f"END {f['token']} {refused.status} 0 0 0 0 0 0 0")
        else:
            self.ask_broker(f)

    def ask_broker(self, f):
        body = f["headers"] + f["payload"] if f["word"] & 0xffff == 0 else f["payload"]
        status = 0 if not body or is_map(body) else 35
        self.trace.append(f"REPLY 80000000 broker {f['token']} {status}")
        if f["mode"] == 1:
            self.trace.append(f"END {f['token']} OK 0 1 1 0 0 0 0")

    def reply(self, f):
        try:
            self.judge_word(f)
            if f["token"] not in self.requests:
                raise Refused("NO_CALL")
            if f["status"] > 65535:
                raise Refused("BAD_FIELD")
        except Refused as refused:
            self.trace.append(f"ERROR REPLY {f['token']} {refused.status}")
            return
        word = f["word"] & 0xf0ffffff
        last = not word >> 30 & 1 or f["status"] > 0
        if last:
            word &= 0xbfffffff
            self.requests.remove(f["token"])
        self.theirs.append(f"REPLY {word:08x} another 1 {f['status']} {body_of(f)}")


def is_text(element):
    try:
        mp.Cursor(element).text()
        return True
    except Broken:
        return False


def is_map(body):
    """Whether a $SYS body is one map with all it holds, text in UTF-8."""
    try:
        cursor = mp.Cursor(body)
        cursor.skip()
        mp.Cursor(body).map()
        return cursor.at == len(body)
    except Broken:
        return False
