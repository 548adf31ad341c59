#!/usr/bin/env python3
"""Checks that brokerclient.pc asks for no other library, since the client library stands on libc alone.

usage: pkgconfig.py BUILD-FOLDER
"""
import sys
from pathlib import Path


def main(build):
    lines = (Path(build) / "meson-private" / "brokerclient.pc").read_text(encoding="utf-8").splitlines()
    fields = dict(line.split(":", 1) for line in lines if ":" in line)
    wrong = [f"{key}:{value}" for key, value in fields.items() if key.startswith("Requires") and value.strip()]
    libs = fields.get("Libs", "").split() + fields.get("Libs.private", "").split()
    wrong += [f"links {lib}" for lib in libs if lib.startswith("-l") and lib != "-lbrokerclient"]
    if "-lbrokerclient" not in libs:
        wrong.append("does not link the library")
    print(*wrong, sep="\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
