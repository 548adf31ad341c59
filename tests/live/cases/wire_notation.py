"""The notation of the *.cases files: bytes, and lines. README.md here explains it to who writes cases."""
import copy
import re
from dataclasses import dataclass, field

import wire_msgpack as mp

# -- elements ------------------------------------------------------------------------------------


@dataclass
class Num:
    value: int
    form: str = None

    def encode(self):
        return mp.number(self.value, self.form)


@dataclass
class Text:
    value: bytes
    form: str = None

    def encode(self):
        return mp.text(self.value, self.form)


@dataclass
class Bin:
    value: bytes
    form: str = None

    def encode(self):
        return mp.binary(self.value, self.form or "b8")


@dataclass
class Raw:
    value: bytes

    def encode(self):
        return self.value


@dataclass
class Arr:
    items: list
    form: str = None
    claim: int = None  # what its head says instead of the truth

    def encode(self):
        n = len(self.items) if self.claim is None else self.claim
        return mp.array_head(n, self.form) + b"".join(item.encode() for item in self.items)


@dataclass
class Map(Arr):
    def encode(self):
        n = len(self.items) // 2 if self.claim is None else self.claim
        return mp.map_head(n, self.form) + b"".join(item.encode() for item in self.items)


# -- frames --------------------------------------------------------------------------------------

@dataclass
class Piece:
    """A frame: its elements, of which the first is the envelope as a rule, and its length."""
    nodes: list
    length: int = None  # what the length says instead of the truth
    raw: bool = False   # no length at all

    def encode(self):
        body = b"".join(node.encode() for node in self.nodes)
        if self.raw:
            return body
        return (len(body) if self.length is None else self.length).to_bytes(4, "big") + body

    def envelope(self):
        return self.nodes[0]

    def copy(self):
        return copy.deepcopy(self)


def encode(pieces):
    return b"".join(piece.encode() for piece in pieces)


TOKEN = re.compile(r"""\s*(?:
    (?P<text>(?:[sb](?:8|16|32):)?(?:"(?:\\.|[^"\\])*"(?:\*\d+)?\+?)+) |
    (?P<hex><[0-9a-f\s]*>) |
    (?P<open>(?:[am](?:16|32))?(?:\#[\d^+-]+)?[\[{]) |
    (?P<close>[\]}]) |
    (?P<slash>/) |
    (?P<word>[^\s\[\]{}|"<>/]+)
)""", re.X)
ESCAPE = re.compile(r'\\x([0-9a-f]{2})|\\u([0-9a-f]{4})|\\(.)')


def unescape(found):
    if found[1]:
        return bytes.fromhex(found[1]).decode("latin-1")
    character = chr(int(found[2], 16)) if found[2] else {"n": "\n", "t": "\t"}.get(found[3], found[3])
    return character.encode().decode("latin-1")


def read_text(source):
    form, value = re.match(r"(?:([sb]\d+):)?(.*)", source, re.S).groups()
    parts = re.findall(r'"((?:\\.|[^"\\])*)"(?:\*(\d+))?', value)
    plain = "".join(ESCAPE.sub(unescape, part.encode().decode("latin-1")) * int(times or 1) for part, times in parts)
    value = plain.encode("latin-1")
    return Bin(value, form) if form and form.startswith("b") else Text(value, form)


def read_number(word):
    """5, -5, 0x1f, 2^31, 2^32-1."""
    found = re.fullmatch(r"(-?)2\^(\d+)([+-]\d+)?", word)
    if found:
        return int(found[1] + "1") * (1 << int(found[2])) + int(found[3] or 0)
    return int(word, 0)


# "deep:65" and the like: elements that are made, by a number.
MADE = {
    "deep": lambda n: b"\x91" * n + b"\xc0",         # arrays in arrays
    "deepmap": lambda n: b"\x81\xc0" * n + b"\xc0",  # maps in maps
    "filler": mp.filler,                              # an ext of n bytes in all
    "zeros": bytes,
}


class Reader:
    """Reads the notation of bytes; `names` are opcodes and what the files define with "let"."""

    def __init__(self, names):
        self.names = dict(names)

    def word(self, word):
        plain = {"nil": b"\xc0", "false": b"\xc2", "true": b"\xc3"}
        form, _, value = word.rpartition(":")
        if word in plain:
            return Raw(plain[word])
        if form in MADE:
            return Raw(MADE[form](read_number(value)))
        return Num(self.names[value] if value in self.names else read_number(value), form or None)

    def pieces(self, source):
        """A list of frames: "[PING 1] / raw <00>"."""
        stack, pieces, at = [], [Piece([])], 0
        while source[at:].strip():
            found = TOKEN.match(source, at)
            if not found:
                raise ValueError(f"cannot read {source[at:]!r}")
            at = found.end()
            into = stack[-1].items if stack else pieces[-1].nodes
            if found["slash"]:
                pieces.append(Piece([]))
            elif found["close"]:
                stack.pop()
            elif found["open"]:
                stack.append(self.container(found["open"]))
                into.append(stack[-1])
            elif found["word"] in ("raw", "length") and not stack:
                pieces[-1].raw = found["word"] == "raw"
                pieces[-1].length = -1 if found["word"] == "length" else None
            elif pieces[-1].length == -1:
                pieces[-1].length = read_number(found["word"])
            else:
                into.append(self.element(found))
        return pieces

    def container(self, source):
        form, claim = re.match(r"(\w*)(?:#(.*))?.$", source).groups()
        kind = Arr if source.endswith("[") else Map
        return kind([], form or None, read_number(claim) if claim else None)

    def element(self, found):
        if found["text"]:
            return read_text(found["text"])
        if found["hex"]:
            return Raw(bytes.fromhex(found["hex"][1:-1]))
        return self.word(found["word"])


# -- lines ---------------------------------------------------------------------------------------

@dataclass
class Line:
    """A line of a file: "name | bytes | outcome", in a state."""
    name: str
    bytes: str
    outcome: str
    state: str
    after: str = ""


@dataclass
class Base:
    """A frame as it should be, of which cases are derived."""
    name: str
    pieces: list
    outcome: str
    state: str
    after: list


@dataclass
class Range:
    low: int
    high: int
    outcome: str


@dataclass
class File:
    lines: list = field(default_factory=list)
    bases: list = field(default_factory=list)
    wholes: list = field(default_factory=list)  # lines that are cut and split as well
    ranges: dict = field(default_factory=dict)  # by "sub.sid"
    lists: dict = field(default_factory=dict)   # by name: (what, source)
    setups: dict = field(default_factory=dict)  # by state: frames
    differs: list = field(default_factory=list) # (what is right, what comes instead)


def columns(line):
    return [part.strip() for part in re.split(r" \| ", line + " ")]


class FileReader:
    """Reads *.cases files, one after the other, into one File."""

    def __init__(self, reader):
        self.reader, self.file, self.state, self.after = reader, File(), None, ""
        self.list = self.each = None

    def read(self, path):
        self.state = None
        with open(path, encoding="utf-8") as source:
            for n, line in enumerate(source, 1):
                try:
                    self.line(line.rstrip())
                except (ValueError, KeyError, IndexError, AttributeError) as error:
                    raise SystemExit(f"{path}:{n}: {error!r}: {line.rstrip()}") from error

    def line(self, line):
        if not line.strip() or line.startswith("#"):
            return
        if line.startswith("  "):
            self.inner(columns(line.strip()))
            return
        self.list = self.each = None
        verb, _, rest = line.partition(" ")
        if " | " in line and verb not in ("frame", "whole", "differs"):
            self.case(columns(line))
        else:
            getattr(self, "on_" + verb)(rest)

    def case(self, parts):
        name, source, outcome = parts
        self.file.lines.append(Line(name, source, outcome, self.state, self.after))

    def inner(self, parts):
        """A line below "list", or one below "each"."""
        if self.list is not None:
            self.list.append((parts[0], parts[1]))
            return
        name, source, outcome = parts
        for what, value in self.each:
            self.case([name.replace("%", what), source.replace("%", value), outcome.replace("%", value)])

    def on_list(self, rest):
        self.list = self.file.lists.setdefault(rest, [])

    def on_each(self, rest):
        self.each = [pair for name in rest.split(", ") for pair in self.file.lists[name]]

    def on_state(self, rest):
        self.state, _, after = rest.partition(" after ")
        self.after = after

    def on_setup(self, rest):
        state, _, source = rest.partition(" ")
        self.file.setups[state] = self.reader.pieces(source) if source.strip() else []

    def on_differs(self, rest):
        self.file.differs.append(columns(rest))

    def on_let(self, rest):
        name, value = rest.split()
        self.reader.names[name] = read_number(value)

    def on_frame(self, rest):
        name, source, outcome = columns(rest)
        after = self.reader.pieces(self.after) if self.after else []
        self.file.bases.append(Base(name, self.reader.pieces(source), outcome, self.state, after))

    def on_whole(self, rest):
        self.case(columns(rest))
        self.file.wholes.append(self.file.lines[-1])

    def on_range(self, rest):
        found = re.fullmatch(r"(.+?) (\S+)\.\.(\S+)(?: else (.*))?", rest)
        self.file.ranges[found[1]] = Range(self.number(found[2]), self.number(found[3]), found[4])

    def on_varies(self, rest):
        """What comes of a number in this field is for the model alone to say."""
        self.file.ranges[rest] = Range(1, 0, None)

    def number(self, word):
        return self.reader.names[word] if word in self.reader.names else read_number(word)
