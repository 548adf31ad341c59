"""The cases that every frame has: each field of each wrong type, in each encoding, at each boundary, missing, cut …

A frame as it should be (a "frame" line of a *.cases file) and the fields that PROTOCOL.md names for it make some
two hundred cases, each with the outcome that the specification gives it.
"""
from dataclasses import dataclass

import wire_spec
from wire_notation import Arr, Bin, Map, Num, Piece, Raw, Text, encode

INT_FORMS = ("u8", "u16", "u32", "u64", "i8", "i16", "i32", "i64")


@dataclass
class Case:
    name: str
    pieces: list
    outcome: str         # None: the model alone says
    state: str
    waits: bool = False  # an unfinished frame: nothing may follow it

    def encode(self):
        return encode(self.pieces)


class Expander:
    """Derives the cases of one base: `breaks` is what comes of a broken wire, `no_opcode` of a frame without one."""

    def __init__(self, file, base, frame, side):
        self.file, self.base, self.frame, self.side = file, base, frame, side
        self.piece = base.pieces[0]
        self.whole = self.piece.encode()[4:]
        self.envelope_len = len(self.piece.envelope().encode())
        self.first = base.state == "greeting"
        self.breaks = side.first_breaks if self.first else side.breaks
        self.no_opcode = side.no_first if self.first else side.breaks

    # -- tools -----------------------------------------------------------------------------------

    def case(self, what, pieces, outcome, waits=False):
        return Case(f"{self.base.name}: {what}", self.base.after + pieces, outcome, self.base.state, waits)

    def changed(self, what, outcome, change):
        """A case of the base whose envelope `change` has changed."""
        piece = self.piece.copy()
        change(piece.envelope())
        return self.case(what, [piece], outcome)

    def replaced(self, what, outcome, at, node):
        return self.changed(what, outcome, lambda envelope: envelope.items.__setitem__(at, node))

    def bytes(self, what, outcome, body, length=None, waits=False):
        """A case of these bytes behind a length, the true one unless it is said."""
        n = len(body) if length is None else length
        return self.case(what, [raw(n.to_bytes(4, "big") + body)], outcome, waits)

    def fields(self):
        """(place in the array, what names call it, Field), opcode apart."""
        for at in range(1, len(self.piece.envelope().items)):
            field = self.frame.fields[min(at, len(self.frame.fields)) - 1]
            yield at, f"{field.name} {at}" if field.type == "list" else field.name, field

    def listed(self, name):
        return [(what, self.file.parse(source)) for what, source in self.file.lists[name]]

    def with_more(self):
        """What comes of elements that nobody knows. Where the last field is a list they are of it, and wrong."""
        if self.frame.fields[-1].type == "list":
            return None
        return self.side.extra.get(self.frame.name, self.base.outcome)

    # -- all of them -----------------------------------------------------------------------------

    def cases(self):
        for make in (self.good, self.opcode, self.wrong_types, self.encodings, self.numbers, self.missing,
                     self.counts, self.extra, self.behind, self.ends_early, self.cut, self.claims, self.lengths,
                     self.sizes):
            yield from make()

    def good(self):
        yield self.case("as it should be", [self.piece], self.base.outcome)
        yield self.case("twice", [self.piece, self.piece], None)

    def opcode(self):
        for what, node in self.listed("not uint"):
            yield self.replaced(f"its opcode: {what}", self.no_opcode, 0, node)
        for form in INT_FORMS:
            yield self.replaced(f"its opcode: {form_name(form)}", self.base.outcome, 0, Num(self.frame.opcode, form))
        yield self.replaced("opcode: 0x80 more", self.no_opcode, 0, Num(self.frame.opcode + 0x80))

    def wrong_types(self):
        for at, name, field in self.fields():
            kind = "uint" if field.type == "list" else field.type
            for what, node in self.listed(f"not {kind}{' or nil' if field.or_nil else ''}"):
                yield self.replaced(f"{name}: {what}", self.breaks, at, node)

    def encodings(self):
        for form in ("a16", "a32"):
            yield self.changed(f"array of {form[1:]} bits", self.base.outcome,
                               lambda envelope, form=form: setattr(envelope, "form", form))
        for at, name, field in self.fields():
            node = self.piece.envelope().items[at]
            for form in forms_of(node):
                yield self.replaced(f"{name}: {form_name(form)}", self.base.outcome, at, with_form(node, form))

    def numbers(self):
        for at, name, field in self.fields():
            if field.type not in ("uint", "list"):
                continue
            allowed = self.file.ranges.get(f"{self.base.name}.{field.name}")
            for what, node in self.listed("numbers"):
                fits = not allowed or allowed.low <= node.value <= allowed.high
                outcome = self.base.outcome if fits else allowed.outcome
                yield self.replaced(f"{name}: {what}", outcome, at, node)

    def missing(self):
        for at, name, field in self.fields():
            optional = field.optional or field.type == "list" and at > 1
            outcome = self.base.outcome if optional else self.breaks
            yield self.changed(f"without {name} and what follows", outcome,
                               lambda envelope, at=at: envelope.items.__delitem__(slice(at, None)))

    def counts(self):
        n = len(self.piece.envelope().items)
        tail = len(self.whole) > self.envelope_len
        for what, claim, form, outcome in (
                ("none", 0, None, self.no_opcode), ("one", 1, None, self.breaks), ("one less", n - 1, None, None),
                ("one more", n + 1, None, None if tail else self.breaks),
                ("2^16-1", 65535, "a16", self.breaks), ("2^31", 1 << 31, "a32", self.breaks),
                ("2^32-1", (1 << 32) - 1, "a32", self.breaks)):
            yield self.changed(f"array that says it has {what}", outcome,
                               lambda e, claim=claim, form=form: (setattr(e, "claim", claim), setattr(e, "form", form)))

    def extra(self):
        outcome = self.with_more()
        for what, node in self.listed("extra"):
            yield self.changed(f"behind the last element: {what}", outcome, lambda e, node=node: e.items.append(node))
        for what, node in self.listed("broken extra"):
            yield self.changed(f"behind the last element: {what}", self.breaks,
                               lambda e, node=node: e.items.append(node))

    def behind(self):
        if self.frame.has_payload:
            return
        for what, node in self.listed("behind"):
            piece = self.piece.copy()
            piece.nodes.append(node)
            yield self.case(f"behind the envelope: {what}", [piece], self.breaks)

    def ends_early(self):
        """The frame is whole, the envelope is not."""
        for n in range(1, self.envelope_len):
            outcome = self.no_opcode if n < 2 else self.breaks
            yield self.bytes(f"a frame of the first {n} bytes of its envelope", outcome, self.whole[:n])

    def cut(self):
        """The stream ends within the frame."""
        frame = self.piece.encode()
        for n in range(1, len(frame)):
            yield self.case(f"the stream ends after {n} bytes of {len(frame)}", [raw(frame[:n])], "nothing", True)

    def claims(self):
        """Text and bytes that say they are longer than they are."""
        for at, name, field in self.fields():
            node = self.piece.envelope().items[at]
            for what, head in claims_of(node):
                yield self.replaced(f"{name}: says it has {what}", self.breaks, at, Raw(head + value_of(node)))

    def lengths(self):
        n = len(self.whole)
        yield self.bytes("a length of one less", None, self.whole, n - 1)
        yield self.bytes("a length of one more", None, self.whole, n + 1)
        yield self.bytes("a length of 0", self.side.no_first if self.first else self.breaks,
                         self.whole, 0)
        for what, length in (("2^24", 1 << 24), ("the most there may be", wire_spec.MAX_FRAME)):
            outcome = self.side.large if self.first else "nothing"
            yield self.bytes(f"a length of {what}", outcome, self.whole, length, waits=True)
        for what, length in (("one more than there may be", wire_spec.MAX_FRAME + 1), ("2^31", 1 << 31),
                             ("2^32-1", (1 << 32) - 1)):
            outcome = self.side.no_first if self.first else self.side.too_large
            yield self.bytes(f"a length of {what}", outcome, self.whole, length)

    def sizes(self):
        """The largest envelope, and one that is a byte larger."""
        hello = self.frame.name in ("HELLO", "WELCOME")
        limit = wire_spec.MAX_HELLO if hello else wire_spec.MAX_ENVELOPE
        fits = self.with_more()
        room = limit - self.envelope_len
        larger = self.side.no_first if hello and self.side.hello_is_limited else self.breaks
        for what, n, outcome in (("largest", room, fits), ("too large", room + 1, larger)):
            node = self.file.parse(f"filler:{n}")
            yield self.changed(f"the {what} envelope", outcome, lambda e, node=node: e.items.append(node))


# -- elements ------------------------------------------------------------------------------------

def raw(data):
    return Piece([Raw(data)], raw=True)


def opcode_cases(spec, side):
    """Each opcode that there may be: alone, and with a number, twice."""
    for op in range(0x80):
        frame = spec.opcodes.get(op)
        first = frame and frame.name in ("HELLO", "WELCOME")
        taken = frame and side.direction in frame.directions and not first
        kept = 0x60 <= op <= 0x7f
        name = f"opcode 0x{op:02x}" + (f", {frame.name}" if frame else "")
        one, two = Piece([Arr([Num(op)])]), Piece([Arr([Num(op), Num(1)])])
        yield Case(f"{name}: alone", [one],
                   "nothing" if kept else side.breaks if taken else side.bad_opcode, side.home)
        yield Case(f"{name}: with a number, twice", [two, two],
                   "nothing" if kept else None if taken else side.bad_opcode, side.home)


def form_name(form):
    kind, bits = form[0], form[1:]
    return {"u": f"as an unsigned number of {bits} bits", "i": f"as a signed number of {bits} bits",
            "s": f"with a length of {bits} bits", "b": f"with a length of {bits} bits",
            "a": f"with a count of {bits} bits", "m": f"with a count of {bits} bits"}[kind]


def forms_of(node):
    if isinstance(node, Num):
        return [form for form in INT_FORMS if node.value < 1 << int(form[1:]) - (form[0] == "i")]
    if isinstance(node, (Text, Bin)):
        return [form for form in (("s8", "s16", "s32") if isinstance(node, Text) else ("b8", "b16", "b32"))
                if len(node.value) < 1 << int(form[1:])]
    if isinstance(node, Map):
        return ["m16", "m32"]
    return ["a16", "a32"] if isinstance(node, Arr) else []


def with_form(node, form):
    if isinstance(node, Arr):
        return type(node)(node.items, form)
    return type(node)(node.value, form)


def value_of(node):
    if isinstance(node, Arr):
        return b"".join(item.encode() for item in node.items)
    return node.value


CLAIMS = {Text: (0xda, 0xdb, "bytes"), Bin: (0xc5, 0xc6, "bytes"), Map: (0xde, 0xdf, "pairs"),
          Arr: (0xdc, 0xdd, "elements")}


def claims_of(node):
    if type(node) not in CLAIMS:
        return
    short, long, unit = CLAIMS[type(node)]
    yield f"2^16-1 {unit}", bytes([short]) + b"\xff\xff"
    for what, n in (("2^24", 1 << 24), ("2^31-1", (1 << 31) - 1), ("2^31", 1 << 31), ("2^32-1", (1 << 32) - 1)):
        yield f"{what} {unit}", bytes([long]) + n.to_bytes(4, "big")
