"""What a client does with the bytes of a broker, by PROTOCOL.md: a second implementation, for the tests.

The client has open what tests/live/wire_library.c opens in its state "busy", and the trace is what that program's
callbacks write down.
"""
from dataclasses import dataclass, field

import wire_msgpack as mp
import wire_spec
from wire_frame import Ends, body_of, opcode_of, read_frame, show
from wire_msgpack import Broken

MAX_STATUS = 65535


@dataclass
class Reg:
    """A subscription or a service. Its number in traces is the order in which it was made."""
    number: int
    sub_ref: int = None    # of a SUB or SERVE that was not answered yet
    unsub_ref: int = None
    is_service: bool = False
    active: bool = False
    was_active: bool = False
    freed: bool = False
    listed: bool = True
    after: int = 0
    taken: int = 0


@dataclass
class Call:
    number: int
    is_survey: bool


@dataclass
class Client:
    spec: object
    regs: dict = field(default_factory=dict)      # by sid
    calls: dict = field(default_factory=dict)     # by reference
    confirms: list = field(default_factory=list)  # references, in order
    pings: dict = field(default_factory=dict)     # by reference: how many messages were sent before
    n_published: int = 0
    n_confirmed: int = 0
    kept: list = field(default_factory=list)      # tokens of requests that were not answered
    greeted: bool = False
    over: bool = False
    buf: bytes = b""
    selected: list = field(default_factory=list)
    peers: dict = field(default_factory=dict)
    trace: list = field(default_factory=list)

    # -- the stream ------------------------------------------------------------------------------

    def feed(self, data):
        self.buf += data
        while len(self.buf) >= 4 and not self.over:
            length = int.from_bytes(self.buf[:4], "big")
            try:
                if not 1 <= length <= wire_spec.MAX_FRAME:
                    raise Ends(self.bad_length(length))
                if len(self.buf) - 4 < length:
                    return
                frame, self.buf = self.buf[4:4 + length], self.buf[4 + length:]
                self.frame(frame)
            except Ends as end:
                self.close(str(end))
                self.trace.append(f"says {end}")  # in its GOODBYE

    def bad_length(self, length):
        if not self.greeted:
            return "BAD_MAGIC"
        return "TOO_LARGE" if length else "BAD_FRAME"

    def eof(self):
        if not self.over:
            self.close("VANISHED")

    def close(self, status):
        """The connection is lost: what was under way is told."""
        self.over = True
        if not self.greeted:
            self.trace.append(f"refused {status}")
            return
        self.trace.append(f"closed {status}")
        unknown = self.n_published - self.n_confirmed
        if unknown:
            self.trace.append(f"unknown {self.n_confirmed + 1}-{self.n_published}")
        self.trace += ["confirmed UNKNOWN_FATE"] * len(self.confirms)
        self.trace += [f"done {call.number} UNKNOWN_FATE 0 0 0 0 0 0 0" for call in self.calls.values()]
        self.trace += ["cancel REQUESTER_GONE"] * len(self.kept)
        self.trace += [f"ended {reg.number} ENDED" for reg in self.regs.values() if 0 < reg.after <= reg.taken]

    def frame(self, buf):
        op = opcode_of(buf)
        if not self.greeted and op not in (0x02, 0x03):
            raise Ends("BAD_MAGIC")
        if op is None:
            raise Ends("BAD_FRAME")
        if 0x60 <= op <= 0x7f:
            return
        frame = self.spec.opcodes.get(op)
        if not frame or wire_spec.TO_CLIENT not in frame.directions or (op == 0x02 and self.greeted):
            raise Ends("BAD_OPCODE")
        try:
            f, rest, _ = read_frame(frame, buf)
        except Broken:
            raise Ends("BAD_FRAME") from None
        if frame.has_payload:
            n = f["word"] & 0xffff
            f.update(headers=rest[:n], payload=rest[n:])
            self.believe(not f["word"] >> 16 & 0xff)
            self.believe(len(f.get("subject", b"")) <= 255)
        getattr(self, frame.name.lower())(f)

    @staticmethod
    def believe(true):
        """What a broker never says (PROTOCOL.md, "Frames") breaks the wire."""
        if not true:
            raise Ends("BAD_FRAME")

    # -- the connection --------------------------------------------------------------------------

    def welcome(self, f):
        if f["version"] != 1:
            raise Ends("BAD_VERSION")
        self.believe(len(f["instance"]) == 16 and f["id"] <= wire_spec.MAX_ID)
        try:
            most = self.options(mp.Cursor(f.get("options", b"\x80")))
        except Broken:
            raise Ends("BAD_FRAME") from None
        self.greeted = True
        self.trace.append(f"connected {f['id']} {most}")

    def options(self, cursor):
        """What WELCOME says of the largest payload."""
        most = wire_spec.MAX_PAYLOAD
        for _ in range(cursor.map()):
            key, value = cursor.text(), cursor.skip()
            if key == b"max-payload":
                most = self.max_payload(value, most)
        return most

    @staticmethod
    def max_payload(value, most):
        try:
            return min(mp.Cursor(value).uint(), wire_spec.MAX_PAYLOAD)
        except Broken:
            return most

    def goodbye(self, f):
        status = f["status"]
        self.close(self.status(status) if 1 <= status <= MAX_STATUS else "VANISHED")

    def status(self, number):
        return self.spec.names.get(number, str(number))

    def pong(self, f):
        self.believe(f["ref"] in self.pings)
        self.n_confirmed = max(self.n_confirmed, self.pings.pop(f["ref"]))

    def confirmed(self, f):
        self.believe(self.confirms and self.confirms[0] == f["ref"] and f["last"] <= self.n_published)
        self.confirms.pop(0)
        self.n_confirmed = max(self.n_confirmed, f["last"])
        self.trace.append(f"confirmed {f['last']} {f['matched']} {f['refused']}")

    def refused(self, f):
        self.believe(1 <= f["first"] <= f["last"] <= self.n_published and 1 <= f["status"] <= MAX_STATUS)
        self.trace.append(f"refused-messages {f['first']}-{f['last']} {self.status(f['status'])}")

    # -- subscriptions ---------------------------------------------------------------------------

    def ok(self, f):
        reg = self.answered(f["ref"])
        if reg and not reg.freed:
            reg.active = reg.was_active = True
            self.trace.append(f"active {reg.number}")

    def answered(self, ref):
        """The registration whose SUB or SERVE this answers; None if it was the answer to an UNSUB."""
        for sid, reg in self.regs.items():
            if ref == reg.sub_ref:
                reg.sub_ref = None
                return reg
            if ref == reg.unsub_ref:
                del self.regs[sid]
                return None
        raise Ends("BAD_FRAME")

    def error(self, f):
        self.believe(1 <= f["status"] <= MAX_STATUS)
        name = self.spec.opcodes[f["opcode"]].name if f["opcode"] in self.spec.opcodes else ""
        status = self.status(f["status"])
        if name in ("SUB", "UNSUB", "SERVE", "UNSERVE"):
            reg = self.answered(f["ref"])
            if reg and not reg.freed:
                self.forget(reg)
                ended = reg.was_active or status == "ENDED"
                self.trace.append(f"{'ended' if ended else 'not-active'} {reg.number} {status}")
        elif name == "REQUEST":
            self.done(f["ref"], status)

    def forget(self, reg):
        self.regs = {sid: r for sid, r in self.regs.items() if r is not reg}

    def ended(self, f):
        reg = self.regs.get(f["sid"])
        self.believe(reg and f["status"] <= MAX_STATUS)
        if not reg.freed:
            self.forget(reg)
            self.trace.append(f"ended {reg.number} {self.status(f['status'])}")

    def gap(self, f):
        self.believe(f["reason"] <= MAX_STATUS)
        reg = self.regs.get(f["sid"])
        if reg and not reg.freed:
            self.trace.append(f"gap {reg.number} {f['count']}")

    def select(self, f):
        self.believe(1 <= len(f["sids"]) <= wire_spec.MAX_SIDS)
        self.believe(all(1 <= sid <= wire_spec.MAX_SID for sid in f["sids"]))
        self.selected = f["sids"]

    def peer(self, f):
        self.believe(f["uid"] <= 0xffffffff and f["gid"] <= 0xffffffff and (f.get("pid") or 0) < 1 << 31)
        try:
            groups = self.groups(mp.Cursor(f.get("groups") or b"\x90"))
        except Broken:
            raise Ends("BAD_FRAME") from None
        self.believe(len(groups) <= 64 and all(gid <= 0xffffffff for gid in groups))
        self.peers[f["id"] % 256] = (f["id"], f"{f['uid']} {f['gid']} {f.get('pid') or 0} {len(groups)}")

    @staticmethod
    def groups(cursor):
        return [cursor.uint() for _ in range(cursor.array())]

    def who(self, sender):
        found = self.peers.get(sender % 256)
        return f" of {found[1]}" if found and found[0] == sender else ""

    def message(self, f):
        for sid in self.selected:
            reg = self.regs.get(sid)
            if not reg or reg.is_service or reg.freed:
                continue
            reg.taken += 1
            if not reg.after or reg.taken <= reg.after:
                self.trace.append(f"message {reg.number} {f['word'] >> 30:x} {f['id']} {show(f['subject'])} "
                                  f"{body_of(f)}{self.who(f['id'])}")

    # -- requests --------------------------------------------------------------------------------

    def request(self, f):
        for sid in self.selected:
            reg = self.regs.get(sid)
            if reg and reg.is_service and not reg.freed:
                self.kept.append(f["token"])
                self.trace.append(f"request {reg.number} {f['word'] >> 30:x} {f['id']} {show(f['subject'])} "
                                  f"{body_of(f)}{self.who(f['id'])}")
                return

    def cancel(self, f):
        status = f.get("status", 0)
        self.believe(status <= MAX_STATUS)
        if f["token"] in self.kept:
            self.kept.remove(f["token"])
            self.trace.append(f"cancel {self.status(status) if status else 'CANCELLED'}")

    def reply(self, f):
        self.believe(f["status"] <= MAX_STATUS)
        call = self.calls.get(f["token"])
        if not call:
            return
        self.trace.append(f"reply {call.number} {f['word'] >> 30:x} {f['id']} {f['status']} {body_of(f)}"
                          f"{self.who(f['id'])}")
        if not call.is_survey and (not f["word"] >> 30 & 1 or f["status"]):
            self.done(f["token"], "FAILED" if f["status"] else "OK")

    def end(self, f):
        self.believe(f["status"] <= MAX_STATUS)
        left = 1 if f["left-queue"] else 0
        counts = [f[name] for name in ("asked", "answered", "refused", "gone", "timed-out", "cancelled")]
        self.done(f["token"], self.status(f["status"]), left, counts)

    def done(self, ref, status, left=0, counts=(0, 0, 0, 0, 0, 0)):
        call = self.calls.pop(ref, None)
        if call:
            self.trace.append(f"done {call.number} {status} {left} {' '.join(map(str, counts))}")

