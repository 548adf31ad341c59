#!/usr/bin/env python3
"""Checks every #include of proto/, broker/, client/ and tests/ against the layers.

usage: include_graph.py ROOT | --self-test

A file includes its own layer or a lower one, by a path from the root. Exit 1 if one does not; files of
more than 400 lines are only named.
"""
import re
import sys
import tempfile
from pathlib import Path

# Lowest first: an include points to its own line or to a line above it here.
LAYERS = (
    "proto",
    "proto/transport",
    "broker/loop",
    "broker/watch",
    "broker/guard",
    "broker/net",
    "broker/route",
    "broker/session",
    "broker/bridge",
    "broker",
    "client/include",
    "client/lib",
    "client/adapters",
    "client/brokerctl",
    "client/examples",
    "tests",
)
PUBLIC = "brokerclient.h"
# These see what an application sees: the public header, their own folder, and what is named here.
APPLICATIONS = {
    "client/include": (),
    "client/adapters": (),
    "client/brokerctl": (),
    "client/examples": ("client/adapters",),
}
# proto/ is pure: no I/O, so none of these. What needs the kernel is proto/transport.
IMPURE = {"fcntl.h", "poll.h", "sys/epoll.h", "sys/ioctl.h", "sys/socket.h", "syslog.h", "unistd.h"}
MAX_LINES = 400

INCLUDE = re.compile(r'^\s*#\s*(?:include|include_next)\s*([<"])([^>"]+)[>"]')


def layer_of(path):
    """The layer of a path from the root: the longest that is a prefix of it, or None."""
    fits = [layer for layer in LAYERS if str(path).startswith(layer + "/")]
    return max(fits, key=len, default=None)


def wrong_path(root, source, target):
    """What is wrong with a quoted include that names no file below the root."""
    if (root / source.parent / target).is_file():
        return f'write it from the root: "{(source.parent / target).as_posix()}"'
    return f'no file "{target}" below the root'


def wrong_edge(source, target):
    """What is wrong with an edge between two files of ours, or None."""
    own, other = layer_of(source), layer_of(target)
    if own == "tests":
        return None
    if other is None or other == "tests":
        return f"{target} belongs to no layer that {own} may include"
    sides = {side for side in ("broker", "client") if side in (own.split("/")[0], other.split("/")[0])}
    if len(sides) == 2:
        return f"{own} and {other}: broker/ and client/ never include each other"
    if own in APPLICATIONS and other != own and other not in APPLICATIONS[own]:
        return f"{own} includes only <{PUBLIC}> of ours, not {target}"
    if LAYERS.index(other) > LAYERS.index(own):
        return f"{own} is below {other}: an include never goes up (a callback struct does)"
    return None


def wrong_include(root, source, quote, target):
    """What is wrong with one include line, or None."""
    if quote == '"':
        if not (root / target).is_file():
            return wrong_path(root, source, target)
        return wrong_edge(source, target)
    if target == PUBLIC:
        ours = source.parts[0] in ("client", "tests") and not str(source).startswith("client/include/")
        return None if ours else f"{layer_of(source)} does not know <{PUBLIC}>"
    if (root / target).is_file():
        return f'a file of ours: write "{target}"'
    if layer_of(source) == "proto" and source.suffix != ".S" and target in IMPURE:
        return f"proto/ is pure: what needs <{target}> belongs into proto/transport/"
    return None


def includes(path):
    """(line number, quote, target) of each include."""
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        found = INCLUDE.match(line)
        if found:
            yield number, found[1], found[2]


def check(root):
    """Returns (violations, warnings, number of includes read)."""
    violations, warnings, n_includes = [], [], 0
    tops = sorted({layer.split("/")[0] for layer in LAYERS})
    for path in sorted(p for top in tops for p in (root / top).rglob("*.[chS]*")):
        source = path.relative_to(root)
        if path.suffix not in (".c", ".h", ".cc", ".hh"):
            continue
        n_lines = len(path.read_text(encoding="utf-8").splitlines())
        if n_lines > MAX_LINES:
            warnings.append(f"{source}: warning: {n_lines} lines; what second thing does it do?")
        for number, quote, target in includes(path):
            n_includes += 1
            wrong = wrong_include(root, source, quote, target)
            if wrong:
                violations.append(f"{source}:{number}: {wrong}")
    return violations, warnings, n_includes


GOOD = {
    "proto/frame.h": "#include <stdint.h>\n",
    "proto/frame.c": '#include "proto/frame.h"\n',
    "proto/transport/sys.h": '#include <sys/socket.h>\n#include "proto/frame.h"\n',
    "broker/loop/loop.h": "",
    "broker/route/subs.c": '#include "broker/loop/loop.h"\n#include "proto/frame.h"\n',
    "broker/main.c": '#include "broker/loop/loop.h"\n',
    "client/include/brokerclient.h": "#include <stddef.h>\n",
    "client/lib/conn.c": '#include <brokerclient.h>\n#include "proto/transport/sys.h"\n',
    "client/adapters/poll.h": "#include <brokerclient.h>\n",
    "client/brokerctl/verb.h": "",
    "client/brokerctl/pub.c": '#include <brokerclient.h>\n#include "client/brokerctl/verb.h"\n',
    "client/examples/loop.c": '#include "client/adapters/poll.h"\n',
    "tests/unit/test_any.c": '#include "broker/route/subs.c"\n#include "client/lib/conn.c"\n',
}
# Each line alone must be found.
BAD = (
    ("proto/frame.c", '#include "proto/transport/sys.h"'),
    ("proto/frame.c", "#include <sys/socket.h>"),
    ("proto/frame.c", "#include <brokerclient.h>"),
    ("broker/loop/loop.h", '#include "broker/route/subs.c"'),
    ("broker/route/subs.c", '#include "broker/main.c"'),
    ("broker/route/subs.c", '#include "../loop/loop.h"'),
    ("broker/route/subs.c", '#include "subs.c"'),
    ("broker/route/subs.c", '#include "broker/nothing.h"'),
    ("broker/route/subs.c", '#include "client/lib/conn.c"'),
    ("broker/route/subs.c", '  #  include "tests/unit/test_any.c"'),
    ("broker/route/subs.c", "#include <proto/frame.h>"),
    ("client/lib/conn.c", '#include "broker/loop/loop.h"'),
    ("client/lib/conn.c", '#include "client/brokerctl/verb.h"'),
    ("client/include/brokerclient.h", '#include "proto/frame.h"'),
    ("client/brokerctl/pub.c", '#include "proto/frame.h"'),
    ("client/brokerctl/pub.c", '#include "client/lib/conn.c"'),
    ("client/adapters/poll.h", '#include "client/lib/conn.c"'),
    ("client/examples/loop.c", '#include "proto/frame.h"'),
)


def self_test():
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for name, text in GOOD.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text)
        violations, _, n_includes = check(root)
        if violations or n_includes == 0:
            failed += 1
            print("a good tree is refused:", *violations, sep="\n  ")
        for name, line in BAD:
            (root / name).write_text(GOOD[name] + line + "\n")
            violations, _, _ = check(root)
            if len(violations) != 1 or not violations[0].startswith(name):
                failed += 1
                print(f"{name}: {line}\n  gave {violations}")
            (root / name).write_text(GOOD[name])
    print(f"{len(BAD) + 1 - failed} of {len(BAD) + 1} cases right")
    return 1 if failed else 0


def main(argument):
    if argument == "--self-test":
        return self_test()
    violations, warnings, n_includes = check(Path(argument))
    print(*warnings, *violations, sep="\n")
    print(f"{n_includes} includes, {len(violations)} violations")
    return 1 if violations else 0


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    sys.exit(main(sys.argv[1]))
