#!/usr/bin/env python3
"""Checks that the public header and the man page give each status the number and the sentence of the table.

usage: statuses.py STATUS.H BROKERCLIENT.H BROKERCLIENT.3.SCD
"""
import re
import sys


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def public(name):
    return "BROKER_OK" if name == "OK" else f"BROKER_E_{name}"


def main(table, header, page):
    rows = re.findall(r'X\((\d+), (\w+), \d+,\s*"([^"]*)"\)', read(table).replace("\\\n", " "))
    wanted = [(public(name), number, text) for number, name, text in rows]
    found = {
        header: re.findall(r"^ +(BROKER_\w+) = (\d+),? +/\* (.*?) \*/$", read(header), flags=re.M),
        page: re.findall(r"^\*(BROKER_\w+)\* \((\d+)\)\n\t(.*)$", read(page), flags=re.M),
    }
    wrong = [f"{path}: {row}" for path, there in found.items() for row in wanted if row not in there]
    if not rows:
        wrong.append("the table cannot be read")
    print(*wrong, f"{len(rows)} statuses", sep="\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
