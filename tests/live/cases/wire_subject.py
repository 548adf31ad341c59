"""The grammar of subjects, patterns, groups and names. (PROTOCOL.md, "Subjects", and the notes on HELLO.)"""
import re

NOT_ALLOWED = re.compile("[\u0000-\u0020\u007f-\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\ufeff]")



def tokens_of(subject):
    """The tokens of a piece of text that keeps what subjects and patterns have in common, else None."""
    try:
        text = subject.decode("utf-8")
    except UnicodeDecodeError:
        return None
    tokens = text.split(".")
    good = 1 <= len(subject) <= 255 and len(tokens) <= 16 and all(tokens) and not NOT_ALLOWED.search(text)
    return tokens if good else None


def is_subject(text):
    tokens = tokens_of(text)
    return bool(tokens) and not any(t in ("*", ">") for t in tokens)


def is_pattern(text):
    tokens = tokens_of(text)
    return bool(tokens) and ">" not in tokens[:-1]


def is_group(text):
    return is_subject(text) and b"." not in text and len(text) <= 64


def is_sys(subject):
    return subject == b"$SYS" or subject.startswith(b"$SYS.")


def matches(pattern, subject):
    p, s = pattern.decode().split("."), subject.decode().split(".")
    if p[0] in ("*", ">") and s[0].startswith("$"):
        return False
    if p[-1] == ">":
        p, s = p[:-1], s[:len(p) - 1] if len(s) >= len(p) else [None]
    return len(p) == len(s) and all(a in ("*", b) for a, b in zip(p, s))


def is_name(text):
    try:
        plain = text.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return len(text) <= 64 and not re.search("[\x00-\x1f\x7f-\x9f]", plain)
