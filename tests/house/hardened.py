#!/usr/bin/env python3
"""Checks that what was built has what makes a mistake harder to use.

usage: hardened.py READELF WANTED FILE… | --self-test

WANTED are names with commas: of CHECKS below, those that this compiler can do. A file that lacks one is named, and
the exit status is 1.
"""
import re
import subprocess
import sys
from typing import NamedTuple

# The instruction that -fcf-protection puts where an indirect jump may lead, and the one by which gcc's
# -fstack-clash-protection touches each page of a large frame: x86-64.
ENDBR64 = bytes.fromhex("f30f1efa")
PROBE = bytes.fromhex("48830c2400")


class Built(NamedTuple):
    told: str    # what readelf says of it: headers, segments, dynamic section, dynamic symbols
    code: bytes  # the file


def segments(built):
    """(type, flags) of each program header."""
    return re.findall(r"^ +([A-Z_]+) +0x\S+ +0x\S+ +0x\S+ +0x\S+ +0x\S+ +([RWE ]{3}) ", built.told, flags=re.M)


def imports(built):
    return set(re.findall(r" UND (\w+)", built.told))


def has_no_stack_code(built):
    stack = [flags for kind, flags in segments(built) if kind == "GNU_STACK"]
    return bool(stack) and not any("E" in flags for flags in stack)


CHECKS = {
    "pie": (lambda b: re.search(r"Type: +DYN", b.told), "it is always loaded at the same address (b_pie)"),
    "relro": (lambda b: any(kind == "GNU_RELRO" for kind, _ in segments(b)), "its tables stay writable (-z relro)"),
    "now": (lambda b: re.search(r"\(FLAGS(?:_1)?\).*\b(?:BIND_)?NOW\b", b.told), "it binds lazily, so that tables stay writable (-z now)"),
    "noexecstack": (has_no_stack_code, "its stack is executable (-z noexecstack)"),
    "write-or-execute": (lambda b: not any({"W", "E"} <= set(flags) for _, flags in segments(b)),
                         "a segment of it is writable and executable"),
    "stack-protector": (lambda b: "__stack_chk_fail" in imports(b), "no function looks after its stack (-fstack-protector-strong)"),
    "fortify": (lambda b: any(re.fullmatch(r"__\w+_chk", name) for name in imports(b)),
                "libc's lengths are not checked (-D_FORTIFY_SOURCE)"),
    "cf-protection": (lambda b: b.code.count(ENDBR64) > 8, "indirect jumps may lead anywhere (-fcf-protection)"),
    "stack-clash": (lambda b: PROBE in b.code, "large frames may jump over the guard page (-fstack-clash-protection)"),
}


def lacks(built, wanted):
    return [f"{name}: {CHECKS[name][1]}" for name in wanted if not CHECKS[name][0](built)]


def look_at(readelf, path):
    told = subprocess.run([readelf, "-hlWd", "--dyn-syms", path], check=True, capture_output=True, text=True).stdout
    with open(path, "rb") as file:
        return Built(told, file.read())


GOOD = """\
  Type:                              DYN (Position-Independent Executable file)
  LOAD           0x000000 0x0000000000000000 0x0000000000000000 0x003cb0 0x003cb0 R   0x1000
  LOAD           0x004000 0x0000000000004000 0x0000000000004000 0x02d1b1 0x02d1b1 R E 0x1000
  GNU_STACK      0x000000 0x0000000000000000 0x0000000000000000 0x000000 0x000000 RW  0x10
  GNU_RELRO      0x043750 0x0000000000043750 0x0000000000043750 0x0018b0 0x0018b0 R   0x1
 0x000000006ffffffb (FLAGS_1)            Flags: NOW PIE
    24: 0000000000000000     0 FUNC    GLOBAL DEFAULT  UND __stack_chk_fail@GLIBC_2.4 (5)
    25: 0000000000000000     0 FUNC    GLOBAL DEFAULT  UND __memcpy_chk@GLIBC_2.3.4 (3)
"""
WORSE = {
    "pie": ("DYN (Position-Independent Executable file)", "EXEC (Executable file)"),
    "relro": ("GNU_RELRO", "NOTE     "),
    "now": ("NOW PIE", "PIE"),
    "noexecstack": ("RW  0x10", "RWE 0x10"),
    "write-or-execute": ("R E 0x1000", "RWE 0x1000"),
    "stack-protector": ("__stack_chk_fail", "strlen"),
    "fortify": ("__memcpy_chk", "memcpy"),
    "cf-protection": None,
    "stack-clash": None,
}


def self_test():
    code = ENDBR64 * 9 + PROBE
    right, n = int(lacks(Built(GOOD, code), CHECKS) == []), 1
    for name, change in WORSE.items():
        built = Built(GOOD.replace(*change), code) if change else Built(GOOD, b"")
        found = {line.split(":")[0] for line in lacks(built, CHECKS)}
        # an executable stack is a writable and executable segment, and no code has neither of the two instructions
        right += name in found and found <= {name, "write-or-execute", "cf-protection", "stack-clash"}
        n += 1
    print(f"{right} of {n} cases right")
    return 0 if right == n and WORSE.keys() == CHECKS.keys() else 1


def main(arguments):
    if arguments == ["--self-test"]:
        return self_test()
    if len(arguments) < 3 or not set(arguments[1].split(",")) <= CHECKS.keys():
        sys.exit(__doc__)
    wanted, n_wrong = arguments[1].split(","), 0
    for path in arguments[2:]:
        wrong = lacks(look_at(arguments[0], path), wanted)
        n_wrong += len(wrong)
        print(*(f"{path}: {text}" for text in wrong), f"{path}: {len(wanted) - len(wrong)} of {len(wanted)}", sep="\n")
    return 1 if n_wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
