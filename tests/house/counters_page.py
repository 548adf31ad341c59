#!/usr/bin/env python3
"""Checks that brokerd(8) lists every counter of broker/watch/counters.h, in its order and with its sentence.

usage: counters_page.py [--fix] ROOT | --self-test

The list stands under the heading COUNTERS, between the first and the last entry of a definition list:

    *refused-memory*
    	connections refused: out of memory

A name has dashes, as on the wire. --fix writes the list.
"""
import re
import sys
import tempfile
from pathlib import Path

HEADER = Path("broker/watch/counters.h")
PAGE = Path("docs/brokerd.8.scd")
COUNTER = re.compile(r'^ *X\((\w+),\s*"([^"]*)"\)', re.M)
SECTION = re.compile(r"^# COUNTERS\n.*?(?=^# )", re.M | re.S)
ENTRY = re.compile(r"^\*(\S+)\*\n\t(.*)\n", re.M)


def wanted(root):
    """(name, sentence) of each counter."""
    return [(name.replace("_", "-"), sentence) for name, sentence in COUNTER.findall((root / HEADER).read_text())]


def check(root, fix=False):
    """What is wrong with the page."""
    page, counters = (root / PAGE).read_text(), wanted(root)
    section = SECTION.search(page)
    if not section:
        return [f"{PAGE}: no section COUNTERS"]
    listed = ENTRY.findall(section[0])
    if listed == counters and counters:
        return []
    if fix:
        entries = list(ENTRY.finditer(section[0]))
        start, end = (entries[0].start(), entries[-1].end()) if entries else (len(section[0]),) * 2
        text = "\n".join(f"*{name}*\n\t{sentence}\n" for name, sentence in counters)
        text = section[0][:start] + text + (section[0][end:] or "\n")
        (root / PAGE).write_text(page[:section.start()] + text + page[section.end():])
    wrong = [f"{PAGE}: {name}: not as {HEADER} has it" for name, sentence in counters if (name, sentence) not in listed]
    wrong += [f"{PAGE}: {name}: {HEADER} has no such counter" for name, sentence in listed
              if name not in dict(counters)]
    return wrong or [f"{PAGE}: the counters do not stand in the order of {HEADER}"]


def self_test():
    header = '    X(a_b, "what a is")  \\\n    X(c,      "what c is")\n'
    pages = [
        ("# COUNTERS\n\nText.\n\n*a-b*\n\twhat a is\n\n*c*\n\twhat c is\n\n# FILES\n", True),
        ("# COUNTERS\n\nText.\n\n*a-b*\n\twhat a is\n\n# FILES\n", False),
        ("# COUNTERS\n\nText.\n\n# FILES\n", False),
        ("# COUNTERS\n\n*c*\n\twhat c is\n\n*a-b*\n\twhat a is\n\n# FILES\n", False),
        ("# COUNTERS\n\n*a-b*\n\twhat a was\n\n*c*\n\twhat c is\n\n# FILES\n", False),
        ("# COUNTERS\n\n*a-b*\n\twhat a is\n\n*c*\n\twhat c is\n\n*d*\n\twhat d is\n\n# FILES\n", False),
    ]
    wrong = 0
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for path in (HEADER, PAGE):
            (root / path).parent.mkdir(parents=True)
        (root / HEADER).write_text(header)
        for text, good in pages:
            (root / PAGE).write_text(text)
            wrong += (not check(root)) != good
            check(root, fix=True)
            wrong += bool(check(root)) or not (root / PAGE).read_text().endswith("what c is\n\n# FILES\n")
        (root / PAGE).write_text("# FILES\n")
        wrong += not check(root)
    print(f"{wrong} of {2 * len(pages) + 1} cases wrong")
    return 1 if wrong else 0


def main(arguments):
    if arguments == ["--self-test"]:
        return self_test()
    if not arguments or arguments[-1].startswith("-"):
        sys.exit(__doc__)
    wrong = check(Path(arguments[-1]), "--fix" in arguments)
    print("\n".join(wrong) or "every counter is there")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
