#!/usr/bin/env python3
"""Prints which branches and lines of some folders the tests have taken, by folder and by file.

usage: coverage.py [--least PERCENT] SOURCE BUILD FOLDER… | --self-test

BUILD is a build with b_coverage in which tests have run; gcovr reads what they left there. The branches that are
missing are named by their lines. The exit status is 1 if a FOLDER (proto/ …) has less than PERCENT of its branches taken.

What an assert would do if it failed is no branch: nothing that works takes it. What else cannot be taken has a
comment in the source that says why (GCOVR_EXCL_BR_LINE).
"""
import argparse
import json
import subprocess
import sys
from pathlib import PurePosixPath
from typing import NamedTuple

ASSERTS = r"^\s*assert\("


class Count(NamedTuple):
    taken: int = 0
    of: int = 0

    def __add__(self, other):
        return Count(self.taken + other.taken, self.of + other.of)

    def percent(self):
        return 100.0 * self.taken / self.of if self.of else 100.0

    def __str__(self):
        return f"{self.percent():6.1f} %  {f'{self.taken}/{self.of}':>11}"


class Figures(NamedTuple):
    branches: Count = Count()
    lines: Count = Count()
    missing: tuple = ()  # lines with a branch that was not taken

    def __add__(self, other):
        return Figures(self.branches + other.branches, self.lines + other.lines)


def figures_of(file):
    """Of one file of gcovr's JSON report."""
    lines = [line for line in file["lines"] if not line.get("gcovr/noncode")]
    branches = [[branch["count"] > 0 for branch in line.get("branches", [])] for line in lines]
    return Figures(
        Count(sum(map(sum, branches)), sum(map(len, branches))),
        Count(sum(line["count"] > 0 for line in lines), len(lines)),
        tuple(line["line_number"] for line, taken in zip(lines, branches) if not all(taken)),
    )


def table(report, folders, least):
    """The text, and the folders with too little; folders in their order, files by name."""
    files = {file["file"]: figures_of(file) for file in report["files"]}
    text, poor = [f"{'':34}{'branches':>22} {'lines':>22}"], []
    for folder in folders:
        inside = {name: files[name] for name in sorted(files) if PurePosixPath(name).is_relative_to(folder)}
        whole = sum(inside.values(), Figures())
        if not inside or whole.branches.percent() < least:
            poor.append(folder)
        text.append(f"{folder.rstrip('/') + '/':34}{whole.branches} {whole.lines}")
        for name, figures in inside.items():
            text.append(f"  {name:32}{figures.branches} {figures.lines}  {' '.join(map(str, figures.missing))}".rstrip())
    return "\n".join(text), poor


def gcovr(source, build, folders):
    filters = [word for folder in folders for word in ("--filter", f"{source}/{folder.rstrip('/')}/")]
    command = ["gcovr", "--root", source, *filters, "--exclude-branches-by-pattern", ASSERTS,
               "--gcov-ignore-parse-errors", "--json", "-", build]
    run = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True, cwd=build)
    return json.loads(run.stdout)


def self_test():
    def file(name, *lines):
        return {"file": name, "lines": [{"line_number": i, "count": count, "branches": [{"count": n} for n in branches]}
                                        for i, (count, branches) in enumerate(lines, 1)]}

    report = {"files": [file("proto/a.c", (5, [4, 1]), (0, [0, 0]), (5, [])), file("proto/sub/b.c", (1, [1, 1])),
                        file("protocol/c.c", (0, [0, 0]))]}
    text, poor = table(report, ["proto"], 66)
    assert poor == [] and "proto/" in text and "protocol" not in text, text
    assert "66.7 %          4/6" in text and "75.0 %          3/4" in text and "50.0 %          2/4" in text, text
    assert next(line for line in text.splitlines() if "proto/a.c" in line).endswith("  2"), text
    assert table(report, ["proto"], 67)[1] == ["proto"]
    assert table(report, ["nothing"], 0)[1] == ["nothing"]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--least", type=float, default=0)
    parser.add_argument("source")
    parser.add_argument("build")
    parser.add_argument("folders", nargs="+")
    args = parser.parse_args()
    text, poor = table(gcovr(args.source, args.build, args.folders), args.folders, args.least)
    print(text)
    for folder in poor:
        print(f"failed: less than {args.least:g} % of the branches of {folder} were taken")
    return 1 if poor else 0


if __name__ == "__main__":
    sys.exit(self_test() if sys.argv[1:] == ["--self-test"] else main())
