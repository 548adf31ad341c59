"""Frames, read as PROTOCOL.md has them ("Frames", "The frames"), and written down as traces have them."""
import wire_msgpack as mp
import wire_spec
from wire_msgpack import Broken


class Ends(Exception):
    """Who reads ends the connection with this status."""


def show(text):
    """Text as traces have it: what is not plain ASCII as %xx."""
    return "".join(chr(c) if 0x20 < c < 0x7f and c != 0x25 else f"%{c:02x}" for c in text)


def digest(data):
    """FNV-1a, 32 bits: that the bytes are the same bytes."""
    value = 0x811c9dc5
    for byte in data:
        value = (value ^ byte) * 0x01000193 & 0xffffffff
    return value


def body_of(f):
    headers, payload = f["headers"], f["payload"]
    return f"{len(headers)} {len(payload)} {digest(headers + payload):08x}"


def opcode_of(buf):
    """The opcode of a frame; None if it does not begin with an array that begins with one."""
    cursor = mp.Cursor(buf)
    try:
        n, op = cursor.array(), cursor.uint()
    except Broken:
        return None
    return op if n > 0 and op < 0x80 else None


def read_value(cursor, field):
    if field.or_nil and cursor.nil():
        return None
    if field.type in ("map", "array"):
        return cursor.skip()
    return {"uint": cursor.uint, "str": cursor.text, "bin": cursor.binary, "list": cursor.uint}[field.type]()


def read_frame(frame, buf):
    """(values by name, the bytes behind the envelope, number of elements that nobody knows), or Broken."""
    limit = wire_spec.MAX_HELLO if frame.name in ("HELLO", "WELCOME") else wire_spec.MAX_ENVELOPE
    cursor = mp.Cursor(buf, 0, limit)
    n = cursor.array() - 1
    cursor.uint()
    values, known = {}, frame.fields
    if known[0].type == "list":
        return {"sids": [cursor.uint() for _ in range(n)]}, behind(cursor, buf), 0
    if n < frame.n_required:
        raise Broken
    for field in known[:n]:
        values[field.name] = read_value(cursor, field)
    for _ in range(n - len(known)):
        cursor.skip()
    if frame.has_payload:
        return values, payload(cursor, buf, values), max(0, n - len(known))
    return values, behind(cursor, buf), max(0, n - len(known))


def behind(cursor, buf):
    """Nothing may be behind the envelope of a control frame."""
    if cursor.at != len(buf):
        raise Broken
    return b""


def payload(cursor, buf, values):
    rest = bytes(buf[cursor.at:])
    if values["word"] > 0xffffffff or values["word"] & 0xffff > len(rest):
        raise Broken
    return rest
