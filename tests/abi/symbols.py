#!/usr/bin/env python3
"""Checks what libbrokerclient exports: versioned broker_* functions, every one that the header declares, nothing else.

usage: symbols.py HEADER NM SHARED-LIBRARY
"""
import re
import subprocess
import sys

NODE = re.compile(r"broker_\w+@@BROKERCLIENT_\d+\.\d+")


def exported(nm, library):
    out = subprocess.run([nm, "-D", "--defined-only", "--with-symbol-versions", library],
                         check=True, capture_output=True, text=True).stdout
    rows = [line.split() for line in out.splitlines()]
    return {row[2] for row in rows if len(row) == 3 and row[1] != "A"}


def declared(header):
    """Names that look like functions of ours, outside comments and macros."""
    text = re.sub(r"/\*.*?\*/|//[^\n]*", " ", open(header, encoding="utf-8").read(), flags=re.S)
    text = re.sub(r"^[ \t]*#(?:[^\n]*\\\n)*[^\n]*", "", text, flags=re.M)
    text = re.sub(r"^[^;]*\{[^}]*\}", lambda m: m[0] if "extern" in m[0] else " ", text)
    pattern = r"^(?!typedef)[\w\s\*\(\),]*?\b(broker_\w+)\s*\([^;{]*\)[^;{]*;"
    return set(re.findall(pattern, text, flags=re.M))


def main(header, nm, library):
    symbols = exported(nm, library)
    wrong = [f"{s}: exported, but not as broker_* in a BROKERCLIENT node" for s in sorted(symbols) if not NODE.fullmatch(s)]
    names = {s.split("@")[0] for s in symbols}
    wrong += [f"{n}: declared in the header, but not exported" for n in sorted(declared(header) - names)]
    wrong += [f"{n}: exported, but the header does not declare it" for n in sorted(names - declared(header))]
    if not symbols:
        wrong.append("nothing is exported")
    print(*wrong, f"{len(symbols)} symbols", sep="\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
