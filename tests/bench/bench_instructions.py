#!/usr/bin/env python3
"""Counts the instructions that a message or a request costs in brokerd and in the client library, in user space.

usage: bench_instructions.py [--functions] [--rounds N] [--budgets FILE [--write]] [--build TEXT] COUNTED | --self-test

The broker and both ends run under valgrind --tool=callgrind. A row is run twice, with few and with many messages in
as many batches; the difference is what one message more costs. Starting, connecting, batches and system calls are
in both and drop out, the clock and the number of processors do not count, and libc is held to functions that most
processors have: the figures of two runs are the same to a fraction of a percent.

--functions lists what the instructions are spent in. --budgets compares with the figures of FILE, which hold for one
kind of build (--build says which this is, and another is skipped): more than the tolerance above one, or so far
below it that it guards nothing, is a failure; --write writes them anew ("ninja instruction-budgets").

COUNTED is the program tests/bench/counted; BROKERD names the daemon. Exit 77 when skipped.
"""
import argparse
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

SIZE = 128
ALL_S = 90
N_FUNCTIONS = 12
TOLERANCE, SLACK = 3, 15  # percent above a budget, and below it
# The processor decides which memcpy(3) runs; without these, and under valgrind, it is that for AVX2.
TUNABLES = "glibc.cpu.hwcaps=-ERMS,-FSRM,-RTM"
PROCESSOR = "avx2"  # and this one must be there
HELLO = b"\0\0\0\x0c\x94\x01\xa7brokerd\x01\0"

EU, US, BOTH = "orders.eu.created", "orders.us.created", "orders.*.created"
MANY = [f"meters.{n}.watt-hours" for n in range(10, 42)]


class Row(NamedTuple):
    name: str
    does: str        # what "counted drive" is told, behind it the subjects
    few: tuple       # batches, and of how many
    many: tuple
    subjects: list
    patterns: list
    columns: tuple   # what the figures of the three processes are called; None: they vary


STREAM, CALLS = ("broker", "publish", "dispatch"), ("broker", "request", "serve")
BATCH = (32, 32), (32, 160)  # 160 messages are less than what the kernel splits
ROWS = (
    Row("one subject: the envelope repeats", "publish", *BATCH, [EU], [EU], STREAM),
    Row("two subjects in turn, one pattern", "publish", *BATCH, [EU, US], [BOTH], STREAM),
    Row("two subjects in turn, two subscriptions", "publish", *BATCH, [EU, US], [EU, US], STREAM),
    Row("one subject, two kinds of payload in turn", "flags", *BATCH, [EU], [EU], STREAM),
    Row("one subject, headers of 12 lengths in turn", "headers", *BATCH, [EU], [EU], STREAM),
    Row("32 subjects in turn, one pattern", "publish", *BATCH, MANY, ["meters.>"], STREAM),
    Row("one subject, each sent at once", "at-once", *BATCH, [EU], [EU], (None, "publish", None)),
    Row("request and reply, one open", "ask", (200, 1), (400, 1), [], [], CALLS),
    Row("request and reply, 64 open", "ask", (16, 16), (16, 64), [], [], CALLS),
)
# What is counted of each process, callees included; of the broker all. The programs' own loops are left out.
COUNTED = {"broker": (), "drive": ("broker_publish", "broker_publish_headers", "counted_ask"), "answer": ("broker_run",)}
MARKS = {"broker": "accept4", "drive": "counted_mark", "answer": "counted_mark"}


def skip(why):
    print(f"SKIPPED because {why}")  # for tests/house/summary.py
    sys.exit(77)


def processor():
    """What of it decides which functions of libc run."""
    known = Path("/proc/cpuinfo")
    return "" if known.exists() and PROCESSOR in known.read_text().split() else f", no {PROCESSOR}"


class Process:
    """One of the three, under callgrind."""

    def __init__(self, folder, name, argv, **options):
        self.out, self.name, self.n_dumps = folder / name, name, 0
        toggles = [f"--toggle-collect={function}" for function in COUNTED[name]]
        env = {"PATH": os.environ.get("PATH", os.defpath), "GLIBC_TUNABLES": TUNABLES}
        self.process = subprocess.Popen(
            ["valgrind", "--tool=callgrind", "--vgdb=no", f"--log-file={self.out}.log", f"--callgrind-out-file={self.out}",
             f"--dump-before={MARKS[name]}", *toggles, *argv], env=env, text=True, **options)

    def expect(self, word):
        if (line := self.process.stdout.readline()) != word + "\n":
            sys.exit(f"{self.name} said {line!r} and not {word!r}; it ended with {self.process.wait(10)}")

    def since(self):
        """What was counted since the mark before: the files that callgrind wrote."""
        dumps = []
        while (dump := self.out.with_name(f"{self.name}.{self.n_dumps + 1}")).exists():
            dumps.append(dump)
            self.n_dumps += 1
        if not dumps:
            sys.exit(f"callgrind wrote nothing at {MARKS[self.name]} of {self.name}")
        return dumps

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout):
            if stream:
                stream.close()


class World:
    """A broker and the two ends, each under callgrind; ended by their own pids."""

    def __init__(self, folder, counted):
        self.path, self.all = folder / "brokerd.sock", []
        self.url = f"unix:{self.path}"
        self.folder, self.counted = folder, counted

    def __enter__(self):
        try:
            self.start("broker", os.environ["BROKERD"], "--listen", self.url, "--log-level", "warn",
                       "--seccomp", "no")  # valgrind writes its counts in here
            self.await_broker()
            self.start("answer", self.counted, self.url, "answer", stdout=subprocess.PIPE).expect("ready")
            self.drive = self.start("drive", self.counted, self.url, "drive", stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for process in self.all:
            process.kill()

    def start(self, name, *argv, **options):
        self.all.append(Process(self.folder, name, argv, **options))
        return self.all[-1]

    def await_broker(self):
        for _ in range(2000):
            if self.all[0].process.poll() is not None:
                sys.exit(f"brokerd ended with {self.all[0].process.returncode}")
            try:
                return self.connect()
            except OSError:
                time.sleep(0.01)
        sys.exit("brokerd does not listen")

    def connect(self):
        """A client comes and goes, for the sake of the broker's accept4(2)."""
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(self.path))
            client.sendall(HELLO)
            if not client.recv(4096):
                sys.exit("brokerd refused a client")
            client.shutdown(socket.SHUT_WR)
            while client.recv(4096):
                pass

    def tell(self, line):
        print(line, file=self.drive.process.stdin, flush=True)
        self.drive.expect("done")

    def mark(self):
        """What each of the three did since the mark before."""
        self.tell("mark")
        self.connect()
        return {process.name: process.since() for process in self.all}


def run(world, row, round_):
    """The dumps of a run with few, and of one with many."""
    def once(batches, each):
        world.tell(" ".join([row.does, str(batches), str(each), *row.subjects]))
        return world.mark()
    if round_ == 0:
        world.tell(" ".join(["listen", *row.patterns]))
        world.tell(" ".join([row.does, "4", str(row.many[1]), *row.subjects]))
    world.mark()
    return once(*row.few), once(*row.many)


def total(dumps):
    return sum(int(re.search(r"^(?:totals|summary): (\d+)", dump.read_text(), re.M)[1]) for dump in dumps)


def functions(dumps):
    """Instructions by function, their own only: "fn=(7) name" once, then "fn=(7)"; "calls=" before a callee's costs."""
    counts = {}
    for dump in dumps:
        lines, names, name = iter(dump.read_text().splitlines()), {}, None
        for line in lines:
            if found := re.match(r"(c?)fn=\((\d+)\)(?: (\S+))?", line):
                called, number, text = found.groups()
                names.setdefault(number, text)
                name = name if called else names[number]
            elif line.startswith("calls="):
                next(lines)
            elif found := re.match(r"[+*\-\d]\S* (\d+)$", line):
                counts[name] = counts.get(name, 0) + int(found[1])
    return counts


def list_functions(few, many, n):
    before, after = functions(few), functions(many)
    cost = {name: (after[name] - before.get(name, 0)) / n for name in after}
    for name in sorted(cost, key=cost.get, reverse=True)[:N_FUNCTIONS]:
        if cost[name] >= 0.5:
            print(f"      {cost[name]:8.1f}  {name}")


def measure(world, row, options):
    """Column: the least of the rounds, since what disturbs only adds."""
    costs = {}
    n = row.many[0] * row.many[1] - row.few[0] * row.few[1]
    for round_ in range(options.rounds):
        few, many = run(world, row, round_)
        for process, column in zip(COUNTED, row.columns):
            cost = (total(many[process]) - total(few[process])) / n
            costs[column] = min(cost, costs.get(column, cost))
    costs.pop(None, None)
    print(f"  {row.name:42} | " + " | ".join(f"{costs.get(column, ''):8.1f}" if column else " " * 8
                                              for column in row.columns), flush=True)
    for process, column in zip(COUNTED, row.columns) if options.functions else ():
        if not column:
            continue
        print(f"    {column}, by function")
        list_functions(few[process], many[process], n)
    return costs


def measure_all(options):
    print(f"\ninstructions per message or request of {SIZE} bytes: {options.build}")
    print(f"  {'':42} | {'broker':>8} | {'publish,':>8} | {'dispatch,':>8}")
    print(f"  {'':42} | {'':>8} | {'request':>8} | {'serve':>8}", flush=True)
    with tempfile.TemporaryDirectory(prefix="brokerd-bench-") as folder, World(Path(folder), options.counted) as world:
        return {row.name: measure(world, row, options) for row in ROWS}


def write(path, build, found):
    rows = ",\n".join(f"    {json.dumps(name)}: " + json.dumps({column: round(cost, 1) for column, cost in costs.items()})
                      for name, costs in found.items())
    path.write_text(f'{{\n  "build": {json.dumps(build)},\n  "instructions": {{\n{rows}\n  }}\n}}\n')
    print(f"written to {path.name}")


def compare(budgets, found):
    """What is wrong with the figures: sentences."""
    for name in budgets.keys() | found.keys():
        wanted, costs = budgets.get(name, {}), found.get(name, {})
        for column in wanted.keys() | costs.keys():
            budget, cost = wanted.get(column), costs.get(column)
            if budget is None or cost is None:
                yield f"{name}, {column}: only one of budget and figure is there; write the budgets anew"
            elif cost > budget * (1 + TOLERANCE / 100):
                yield f"{name}, {column}: {cost:.1f} instructions, the budget is {budget:.1f} (and {TOLERANCE} %)"
            elif cost < budget * (1 - SLACK / 100):
                yield f"{name}, {column}: {cost:.1f} instructions, the budget is {budget:.1f}: lower the budget"


def self_test():
    """The comparison can fail, in each of its ways, and passes what is within."""
    budgets = {"row": {"broker": 100.0}}
    for found, n_wrong in (({"row": {"broker": 102.9}}, 0), ({"row": {"broker": 85.1}}, 0), ({"row": {"broker": 103.1}}, 1),
                           ({"row": {"broker": 84.9}}, 1), ({"row": {"broker": 100.0, "new": 1.0}}, 1), ({}, 1)):
        wrong = list(compare(budgets, found))
        if len(wrong) != n_wrong:
            sys.exit(f"{found}: {wrong}")
    print("the comparison fails where it should")
    return 0


def main():
    if sys.argv[1:] == ["--self-test"]:
        return self_test()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("counted")
    parser.add_argument("--functions", action="store_true", help="where the instructions are spent")
    parser.add_argument("--rounds", type=int, default=1, help="of each row; the least counts")
    parser.add_argument("--budgets", type=Path, help="the figures to compare with")
    parser.add_argument("--write", action="store_true", help="write them anew")
    parser.add_argument("--build", default="", help="what this build is: budgets hold for one kind only")
    options = parser.parse_args()
    for number in (signal.SIGTERM, signal.SIGALRM):
        signal.signal(number, lambda number, _: sys.exit(128 + number))
    signal.alarm(ALL_S)
    if "BROKERD" not in os.environ:
        parser.error("the environment variable BROKERD has to name the daemon")
    options.build = f"{options.build}, {os.confstr('CS_GNU_LIBC_VERSION')}" + processor()
    known = json.loads(options.budgets.read_text()) if options.budgets and not options.write else None
    if known and known["build"] != options.build:
        skip(f"the budgets are those of a build with {known['build']}; this one is {options.build}")
    if not shutil.which("valgrind"):
        skip("there is no valgrind to count instructions with")

    found = measure_all(options)
    print()
    if options.write:
        write(options.budgets, options.build, found)
    wrong = sorted(compare(known["instructions"], found)) if known else []
    for sentence in wrong:
        print(sentence)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
