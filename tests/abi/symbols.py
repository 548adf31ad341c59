#!/usr/bin/env python3
"""Checks what libbrokerclient exports: what the header declares, each function in the node that the map lists it in.

usage: symbols.py HEADER MAP NM SHARED-LIBRARY [STATIC-LIBRARY]

The static library has to define the same global names, and no other.
"""
import re
import subprocess
import sys

COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*", flags=re.S)


def nm(program, *args):
    out = subprocess.run([program, "--defined-only", *args], check=True, capture_output=True, text=True).stdout
    rows = [line.split() for line in out.splitlines()]
    return {row[2] for row in rows if len(row) == 3 and row[1] != "A"}


def declared(header):
    """Names that look like functions of ours, outside comments and macros."""
    text = COMMENT.sub(" ", open(header, encoding="utf-8").read())
    text = re.sub(r"^[ \t]*#(?:[^\n]*\\\n)*[^\n]*", "", text, flags=re.M)
    text = re.sub(r"^[^;]*\{[^}]*\}", lambda m: m[0] if "extern" in m[0] else " ", text)
    pattern = r"^(?!typedef)[\w\s\*\(\),]*?\b(broker_\w+)\s*\([^;{]*\)[^;{]*;"
    return set(re.findall(pattern, text, flags=re.M))


def listed(path):
    """NAME@@NODE of each name in the version script."""
    text = COMMENT.sub(" ", open(path, encoding="utf-8").read())
    found = set()
    for node, body in re.findall(r"(\w[\w.]*)\s*\{(.*?)\}", text, flags=re.S):
        names = re.search(r"global:(.*?)(?:local:|$)", body, flags=re.S)
        found |= {f"{name}@@{node}" for name in re.findall(r"[^\s;]+", names[1] if names else "")}
    return found


def differences(left, right, text):
    return [f"{name}: {text}" for name in sorted(left - right)]


def main(header, path, program, shared, static=None):
    exports, wanted, names = nm(program, "-D", "--with-symbol-versions", shared), listed(path), declared(header)
    plain = {name.split("@")[0] for name in exports}
    wrong = [f"{name}: the map has to name each function, and its node BROKERCLIENT_X.Y" for name in sorted(wanted)
             if not re.fullmatch(r"broker_\w+@@BROKERCLIENT_\d+\.\d+", name)]
    wrong += differences(exports, wanted, "exported, but not listed so in the map")
    wrong += differences(wanted, exports, "listed in the map, but not exported so")
    wrong += differences(names, plain, "declared in the header, but not exported")
    wrong += differences(plain, names, "exported, but the header does not declare it")
    if static:
        globals_ = nm(program, "-g", static)
        wrong += differences(globals_, names, "global in the static library, but the header does not declare it")
        wrong += differences(names, globals_, "declared in the header, but not in the static library")
    if not exports:
        wrong.append("nothing is exported")
    print(*wrong, f"{len(exports)} symbols", sep="\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
