#!/usr/bin/env python3
"""The pages that say which test keeps what name tests that exist.

usage: promises.py ROOT | --self-test

Of docs/security.md and tests/live/faults.md: a file in backticks is there (from the root, from the page, or in a folder
of tests), and of `FILE.c`, `FILE.c`: NAME, NAME each NAME is a test in each of these files. NAME… is how one begins.
"""
import re
import sys
from pathlib import Path

PAGES = ("docs/security.md", "tests/live/faults.md")
FOLDERS = ("tests/unit", "tests/live", "tests/fault", "tests/hostile", "tests/live/cases")
FILE = r"`([\w./-]+\.(?:c|h|py|md|cases)|[\w.-]+/[\w./-]*)`"
NAME = r"[a-z0-9]+_[a-z0-9_]*…?"
FILES = re.compile(rf"{FILE}(?:, {FILE})*")
NAMES = re.compile(rf": ({NAME}(?:, {NAME})*)")


def find(root, page, name):
    """The files or the folder that a page may mean."""
    folders = (root, page.parent, *(root / folder for folder in FOLDERS))
    return [folder / name for folder in folders if (folder / name).exists()]


def is_test(path, name):
    end = "" if name.endswith("…") else r"\b"
    return re.search(rf"\bkit_test\w*\({re.escape(name.rstrip('…'))}{end}", path.read_text()) is not None


def check_line(root, page, line):
    for files in FILES.finditer(line):
        names = NAMES.match(line, files.end())
        wanted = names.group(1).split(", ") if names else []
        for written in re.findall(FILE, files.group(0)):
            paths = find(root, page, written)
            if not paths:
                yield f"there is no {written}"
            elif written.endswith(".c"):
                yield from (f"{written} has no test {name}" for name in wanted
                            if not any(is_test(path, name) for path in paths))


def check(root):
    for name in PAGES:
        page = root / name
        for number, line in enumerate(page.read_text().splitlines(), 1):
            for wrong in check_line(root, page, line):
                yield f"{name}:{number}: {wrong}"


def self_test():
    """On a tree of its own: what is right is not complained of, and each thing that is wrong is."""
    import tempfile
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for name in (*FOLDERS, "docs"):
            (root / name).mkdir(parents=True, exist_ok=True)
        (root / "tests/unit/test_a.c").write_text("kit_test(it_is_so), kit_test_with(it_was_so, x)")
        (root / "tests/live/faults.md").write_text("")
        lines = {
            "| a | unit `test_a.c`: it_is_so, it_was_so; `tests/unit/test_a.c`: it_was_… and more |": 0,
            "| a | `test_a.c` (whatever it_is) |": 0,
            "| a | `test_b.c` |": 1,
            "| a | `test_a.c`: it_is_s |": 1,
            "| a | `test_a.c`, `test_a.c`: it_is_so, it_is_not_so |": 2,
            "| a | `tests/nowhere/` |": 1,
        }
        for line, n in lines.items():
            (root / "docs/security.md").write_text(line)
            wrong = list(check(root))
            if len(wrong) != n:
                sys.exit(f"{line}: {wrong}")


def main(arguments):
    if arguments == ["--self-test"]:
        self_test()
        return
    if len(arguments) != 1:
        sys.exit(__doc__)
    wrong = list(check(Path(arguments[0]).resolve()))
    print("\n".join(wrong) or "each test that is named is there")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main(sys.argv[1:])
