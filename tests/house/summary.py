#!/usr/bin/env python3
"""Counts the results of a meson test log (testlog-*.json), and lists what failed and what was skipped, with why.

usage: summary.py LOG

The last line is "N passed, N failed, N skipped"; exit 1 if any failed, or if no test ran.
"""
import json
import sys
from pathlib import Path

PASSED = {"OK", "EXPECTEDFAIL"}


def reasons(output):
    """What the tests of a group said when they skipped (tests/kit/runner.h)."""
    return [line.removeprefix("SKIPPED because ") for line in output.splitlines() if line.startswith("SKIPPED because ")]


def main(log):
    lines = Path(log).read_text(encoding="utf-8").splitlines() if Path(log).is_file() else []
    results = [json.loads(line) for line in lines]
    counts = {"passed": 0, "failed": 0, "skipped": 0}
    for test in results:
        result, name = test["result"], test["name"].strip()
        kind = "passed" if result in PASSED else "skipped" if result == "SKIP" else "failed"
        counts[kind] += 1
        why = reasons(test.get("stdout") or "")
        if kind == "failed":
            print(f"failed: {name} ({result.lower()})")
        elif kind == "skipped":
            print(f"skipped: {name}: {'; '.join(why) or 'no reason given'}")
        else:
            print(*(f"skipped a part of {name}: {reason}" for reason in why), sep="\n", end="\n" if why else "")
    if not results:
        print("failed: no test ran")
        counts["failed"] = 1
    print(", ".join(f"{n} {kind}" for kind, n in counts.items()))
    return 1 if counts["failed"] else 0


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    sys.exit(main(sys.argv[1]))
