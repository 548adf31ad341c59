"""What proto/PROTOCOL.md says, read from the page itself: its table of frames, its statuses, its examples.

A field that is added to the table there has its cases here without another word.
"""
import re
from dataclasses import dataclass, field

MAX_ENVELOPE = 1024
MAX_HEADERS = 65535
MAX_PAYLOAD = 16 << 20
MAX_FRAME = MAX_PAYLOAD + MAX_HEADERS + MAX_ENVELOPE
MAX_HELLO = 4092  # behind the length
MAX_ID = (1 << 53) - 1
MAX_SID = (1 << 24) - 1
MAX_SIDS = 64

TO_BROKER, TO_CLIENT = "C→B", "B→C"


@dataclass
class Field:
    name: str
    type: str  # uint, str, map, bin, list (of what is left); "or nil" is apart
    optional: bool
    or_nil: bool
    groups: bool = False  # an array of uint


@dataclass
class Frame:
    opcode: int
    name: str
    directions: tuple
    fields: list = field(default_factory=list)

    @property
    def n_required(self):
        return sum(not f.optional for f in self.fields)

    @property
    def has_payload(self):
        return self.name in ("MESSAGE", "REQUEST", "REPLY")


@dataclass
class Spec:
    frames: dict    # by name
    opcodes: dict   # by number
    statuses: dict  # number by name
    names: dict     # status names by number
    examples: list  # (name, comment, bytes)


TYPES = {"uint": "uint", "str": "str", "map": "map", "bin": "bin", "word": "uint", "id": "uint", "token": "uint",
         "array": "array"}


def read_field(cell):
    """`*queue-bytes uint*`, "groups array of uint (the first 64)", "word `ce`", "sid uint … (1–64 of them)"."""
    optional = cell.startswith("*")
    plain = cell.replace("*", "").strip()
    if plain.startswith("magic"):
        return Field("magic", "str", False, False)
    name, _, kind = plain.partition(" ")
    kind = "uint" if kind.startswith("`c") else kind
    base = "list" if "…" in kind else TYPES[kind.split()[0]]
    return Field(name, base, optional, "or nil" in kind, "array of" in kind)


def read_frames(page):
    frames = {}
    for line in page.splitlines():
        found = re.match(r"\| 0x([0-9a-f]{2}) \| ([A-Z]+) \| (C→B|B→C|both) \| (.*) \|$", line)
        if not found:
            continue
        directions = (TO_BROKER, TO_CLIENT) if found[3] == "both" else (found[3],)
        fields = [read_field(cell.strip()) for cell in found[4].split(" · ")]
        frames[found[2]] = Frame(int(found[1], 16), found[2], directions, fields)
    return frames


def read_examples(page):
    examples = []
    for block in re.findall(r"^```hex\n(.*?)^```", page, re.M | re.S):
        name, comment = re.match(r"# ([A-Z]+): (.*)", block).groups()
        lines = [line.split("#")[0] for line in block.splitlines()]
        examples.append((name, comment, bytes.fromhex("".join(lines))))
    return examples


def read(path):
    with open(path, encoding="utf-8") as file:
        page = file.read()
    frames = read_frames(page)
    statuses = {m[2]: int(m[1]) for m in re.finditer(r"^\| (\d+) \| `([A-Z_]+)` \|", page, re.M)}
    if len(frames) < 20 or len(statuses) < 40:
        raise SystemExit(f"{path}: the table of frames or of statuses is not where it was")
    return Spec(frames, {f.opcode: f for f in frames.values()}, statuses, {n: s for s, n in statuses.items()},
                read_examples(page))
