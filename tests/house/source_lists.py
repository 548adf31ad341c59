#!/usr/bin/env python3
"""Checks that the meson.build of each folder lists the files there, all of them and no others.

usage: source_lists.py [--fix] ROOT | --self-test

A list stands under a comment that says what it is of:

    # all of *.c but main.c
    broker_sources = files(
      'config.c',
    )

In a files() list the entries are file names; in a [] list they are what the * of the pattern stands for.
--fix writes the lists.
"""
import re
import sys
import tempfile
from fnmatch import fnmatch
from pathlib import Path

LIST = re.compile(
    r"^# all of (?P<pattern>\S+)(?: but (?P<but>\S+))?\n(?P<head>\w+ \+?= (?:files\(|\[))\n(?P<entries>(?:  '.*',?\n)*)(?P<tail>[)\]])$",
    re.M)
SOURCE = (".c", ".cc")


def wanted(folder, found):
    """The entries that a list should have."""
    names = sorted(p.name for p in folder.glob(found["pattern"]) if not (found["but"] and fnmatch(p.name, found["but"])))
    if found["tail"] == ")":
        return names
    before, after = found["pattern"].split("*")
    return [name[len(before):len(name) - len(after)] for name in names]


def check_folder(build, fix):
    """What is wrong with the lists of one meson.build, and with files that no word of it names."""
    text, wrong = build.read_text(), []

    def one_list(found):
        entries = re.findall(r"'([^']*)'", found["entries"])
        names = wanted(build.parent, found)
        wrong.extend(f"{build}: {name}: not listed" for name in names if name not in entries)
        wrong.extend(f"{build}: {name}: listed, but there is no such file" for name in entries if name not in names)
        if sorted(entries) == names:
            return found[0]
        but = f" but {found['but']}" if found["but"] else ""
        lines = "".join(f"  '{name}',\n" for name in names)
        return f"# all of {found['pattern']}{but}\n{found['head']}\n{lines}{found['tail']}"

    fixed = LIST.sub(one_list, text)
    patterns = [found["pattern"] for found in LIST.finditer(text)]
    for path in sorted(p for p in build.parent.iterdir() if p.suffix in SOURCE):
        if not any(fnmatch(path.name, pattern) for pattern in patterns) and f"'{path.name}'" not in text:
            wrong.append(f"{path}: no list of {build.name} is for it")
    if fix and fixed != text:
        build.write_text(fixed)
    return wrong


def check(root, fix=False):
    wrong = []
    for top in ("proto", "broker", "client", "docs", "tests"):
        for build in sorted((root / top).rglob("meson.build")):
            wrong += check_folder(build, fix)
        folders = {path.parent for suffix in SOURCE for path in (root / top).rglob("*" + suffix)}
        wrong += [f"{f}: sources, but no meson.build" for f in sorted(folders) if not (f / "meson.build").is_file()]
    return wrong


def self_test():
    good = "# all of *.c but main.c\nx = files(\n  'a.c',\n)\n\nexecutable('x', 'main.c')\n\n# all of t_*.x\ny = [\n  'one',\n]\n"
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "proto").mkdir()
        for name in ("a.c", "main.c", "t_one.x"):
            (root / "proto" / name).touch()
        build = root / "proto" / "meson.build"
        build.write_text(good)
        results = [check(root) == []]
        for bad in (good.replace("  'a.c',\n", ""), good.replace("'one'", "'two'"), good.replace("'a.c'", "'a.c',\n  'gone.c'")):
            build.write_text(bad)
            results += [check(root) != [], check(root, fix=True) != [] and build.read_text() == good]
        (root / "proto" / "stray.cc").touch()
        results.append(len(check(root)) == 1)
    print(f"{sum(results)} of {len(results)} cases right")
    return 0 if all(results) else 1


def main(arguments):
    if arguments == ["--self-test"]:
        return self_test()
    fix = arguments[:1] == ["--fix"]
    if len(arguments) != 1 + fix:
        sys.exit(__doc__)
    wrong = check(Path(arguments[-1]), fix)
    print(*wrong, f"{len(wrong)} {'mended' if fix else 'wrong'}", sep="\n")
    return 1 if wrong and not fix else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
