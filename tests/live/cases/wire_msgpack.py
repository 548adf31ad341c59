"""msgpack as PROTOCOL.md asks for it: written in any width, read with bounds.

Nothing of the project's own reader or writer is used: what the cases expect rests on the specification alone.
"""
import struct

MAX_DEPTH = 64  # PROTOCOL.md, "Frames": elements are nested at most so deep

UINT_FORMS = {"u8": (0xcc, 1), "u16": (0xcd, 2), "u32": (0xce, 4), "u64": (0xcf, 8)}
INT_FORMS = {"i8": (0xd0, 1), "i16": (0xd1, 2), "i32": (0xd2, 4), "i64": (0xd3, 8)}


# -- writing -------------------------------------------------------------------------------------

def number(value, form=None):
    """An integer in its shortest form, or in the one asked for; bits beyond the form are cut off."""
    if form:
        head, size = {**UINT_FORMS, **INT_FORMS}[form]
        return bytes([head]) + (value % (1 << 8 * size)).to_bytes(size, "big")
    if -32 <= value < 128:
        return struct.pack("b", value)
    forms, bits = (UINT_FORMS, 0) if value > 0 else (INT_FORMS, 1)
    for name, (_, size) in forms.items():
        if -(1 << 8 * size - 1) * bits <= value < 1 << 8 * size - bits:
            return number(value, name)
    raise ValueError(f"{value} is no msgpack integer")


def head_of(n, short, shorts, heads, form):
    """The head of what has a length: `short` holds up to `shorts`, `heads` are (form, byte, size)."""
    if form is None and n < shorts:
        return bytes([short | n])
    for name, head, size in heads:
        if form == name or form is None and n < 1 << 8 * size:
            return bytes([head]) + n.to_bytes(size, "big")
    raise ValueError(f"no form {form} for a length of {n}")


def text(value, form=None, claim=None):
    heads = (("s8", 0xd9, 1), ("s16", 0xda, 2), ("s32", 0xdb, 4))
    return head_of(len(value) if claim is None else claim, 0xa0, 32, heads, form) + value


def binary(value, form=None, claim=None):
    heads = (("b8", 0xc4, 1), ("b16", 0xc5, 2), ("b32", 0xc6, 4))
    return head_of(len(value) if claim is None else claim, 0, 0, heads, form) + value


def array_head(n, form=None):
    return head_of(n, 0x90, 16, (("a16", 0xdc, 2), ("a32", 0xdd, 4)), form)


def map_head(n, form=None):
    return head_of(n, 0x80, 16, (("m16", 0xde, 2), ("m32", 0xdf, 4)), form)


def filler(n):
    """One ext of n bytes in all (n from 3): an element that nobody knows."""
    size = 1 if n < 259 else 2
    return bytes([0xc7 if size == 1 else 0xc8]) + (n - size - 2).to_bytes(size, "big") + bytes(n - size - 1)


# -- reading -------------------------------------------------------------------------------------

class Broken(Exception):
    """The bytes break the wire."""


# By the first byte from 0xc0: kind, bytes of a number or length behind it, further bytes.
_FORMS = {
    0xc0: ("nil", 0, 0), 0xc2: ("bool", 0, 0), 0xc3: ("bool", 0, 0),
    0xc4: ("bin", 1, 0), 0xc5: ("bin", 2, 0), 0xc6: ("bin", 4, 0),
    0xc7: ("ext", 1, 1), 0xc8: ("ext", 2, 1), 0xc9: ("ext", 4, 1),
    0xca: ("float", 4, 0), 0xcb: ("float", 8, 0),
    0xcc: ("int", 1, 0), 0xcd: ("int", 2, 0), 0xce: ("int", 4, 0), 0xcf: ("int", 8, 0),
    0xd0: ("sint", 1, 0), 0xd1: ("sint", 2, 0), 0xd2: ("sint", 4, 0), 0xd3: ("sint", 8, 0),
    0xd4: ("fixext", 0, 2), 0xd5: ("fixext", 0, 3), 0xd6: ("fixext", 0, 5), 0xd7: ("fixext", 0, 9),
    0xd8: ("fixext", 0, 17),
    0xd9: ("str", 1, 0), 0xda: ("str", 2, 0), 0xdb: ("str", 4, 0),
    0xdc: ("array", 2, 0), 0xdd: ("array", 4, 0), 0xde: ("map", 2, 0), 0xdf: ("map", 4, 0),
}


class Cursor:
    """Walks over buf[at:end]; what is not there, or not of the kind asked for, raises Broken."""

    def __init__(self, buf, at=0, end=None):
        self.buf, self.at, self.end = buf, at, len(buf) if end is None else min(end, len(buf))

    def _element(self):
        """(kind, value): a number, the bytes of text, the count of a container."""
        if self.at >= self.end:
            raise Broken
        first = self.buf[self.at]
        if first < 0x80 or first >= 0xe0:
            return self._step(1, "int", first if first < 0x80 else first - 256)
        if first < 0xc0:
            kind = "map" if first < 0x90 else "array" if first < 0xa0 else "str"
            return self._body(1, kind, first & (0x1f if kind == "str" else 0x0f), 0)
        if first not in _FORMS:
            raise Broken
        kind, size, more = _FORMS[first]
        behind = self.at + 1 + size
        if behind > self.end:
            raise Broken
        value = int.from_bytes(self.buf[self.at + 1:behind], "big", signed=kind == "sint")
        return self._body(1 + size, "int" if kind == "sint" else kind, value, more)

    def _step(self, n, kind, value):
        if n > self.end - self.at:
            raise Broken
        self.at += n
        return kind, value

    def _body(self, head, kind, value, more):
        if kind not in ("str", "bin", "ext"):
            return self._step(head + more, kind, value)
        start = self.at + head + more
        self._step(head + more + value, kind, None)
        return kind, bytes(self.buf[start:start + value])

    def _take(self, wanted):
        before = self.at
        kind, value = self._element()
        if kind != wanted:
            self.at = before
            raise Broken
        return value

    def uint(self):
        before, value = self.at, self._take("int")
        if value < 0:
            self.at = before
            raise Broken
        return value

    def text(self):
        return self._take("str")

    def binary(self):
        return self._take("bin")

    def array(self):
        return self._take("array")

    def map(self):
        return self._take("map")

    def nil(self):
        """Steps over a nil; False if something else comes."""
        if self.at < self.end and self.buf[self.at] == 0xc0:
            self.at += 1
            return True
        return False

    def skip(self):
        """Steps over one element with all that it holds, and returns its bytes."""
        start, open_ = self.at, []
        while True:
            kind, value = self._element()
            if kind in ("array", "map"):
                if len(open_) == MAX_DEPTH:
                    raise Broken
                open_.append(value * (2 if kind == "map" else 1))
            while open_ and open_[-1] == 0:
                open_.pop()
            if not open_:
                return bytes(self.buf[start:self.at])
            open_[-1] -= 1
