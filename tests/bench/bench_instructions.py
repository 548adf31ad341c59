#!/usr/bin/env python3
"""Counts the instructions that a message costs in brokerd and in the client library, in user space.

usage: bench_instructions.py [--quick] [--functions] [--count N] COUNTED

One publisher sends N messages to one subscriber, and then 2N; one of the three processes runs under valgrind
--tool=callgrind. The difference by N is what a message costs: starting, connecting and ending are in both and
drop out. Noise of the machine does not count here, but how many messages fall into one read and write does,
so the figures move by some percent. --functions lists what the instructions are spent in.

COUNTED is the program tests/bench/counted; BROKERD names the daemon. Exit 77 without valgrind.
"""
import argparse
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

SIZE = 128
EU, US, BOTH = "orders.eu.created", "orders.us.created", "orders.*.created"
# name, subjects published in turn, patterns subscribed to
STREAMS = (
    ("one subject (the envelope repeats)", [EU], [EU]),
    ("two subjects in turn, one pattern", [EU, US], [BOTH]),
    ("two subjects in turn, two subscriptions", [EU, US], [EU, US]),
)
# What is counted of each role, callees included; of the broker all. The program's own loop is left out.
ROLES = {"broker": None, "publisher": "broker_publish", "subscriber": "broker_run"}
DEADLINE_S = 30  # of one process
ALL_S = 90
N_FUNCTIONS = 12


def callgrind(out, function):
    toggle = [f"--toggle-collect={function}"] if function else []
    return ["valgrind", "--tool=callgrind", "--quiet", f"--log-file={out}.log", f"--callgrind-out-file={out}",
            *toggle]


class Processes:
    """Starts programs; what still runs at the end is killed, by its own pid."""

    def __enter__(self):
        self.running = []
        return self

    def __exit__(self, *_):
        for process in self.running:
            if process.poll() is None:
                process.kill()
            process.wait()
            if process.stdout:
                process.stdout.close()

    def start(self, argv, **options):
        process = subprocess.Popen(argv, **options)
        self.running.append(process)
        return process


def end(process, name):
    if (code := process.wait(DEADLINE_S)) != 0:
        sys.exit(f"{name} ended with {code}")


def await_socket(broker, path):
    """Until something listens at the path; the connection is gone again."""
    for _ in range(DEADLINE_S * 100):
        with socket.socket(socket.AF_UNIX) as probe:
            if broker.poll() is not None:
                sys.exit(f"brokerd ended with {broker.returncode}")
            if probe.connect_ex(str(path)) == 0:
                return
        time.sleep(0.01)
    sys.exit("brokerd does not listen")


def run(folder, counted, which, count, subjects, patterns):
    """One stream of `count` messages with role `which` under callgrind; the file that callgrind wrote."""
    out, path = folder / f"{which}.{count}", folder / "brokerd.sock"
    under = {role: callgrind(out, function) if role == which else [] for role, function in ROLES.items()}
    url = f"unix:{path}"
    with Processes() as processes:
        broker = processes.start(under["broker"] + [os.environ["BROKERD"], "--listen", url, "--log-level", "warn"])
        await_socket(broker, path)
        sub = processes.start(under["subscriber"] + [counted, url, "sub", str(count), *patterns],
                              stdout=subprocess.PIPE)
        if sub.stdout.readline() != b"ready\n":
            sys.exit(f"the subscriber ended with {sub.wait(DEADLINE_S)}")
        pub = processes.start(under["publisher"] + [counted, url, "pub", str(count), str(SIZE), *subjects])
        end(pub, "the publisher")
        end(sub, "the subscriber")
        broker.terminate()
        end(broker, "brokerd")
    return out


def total(out):
    return int(re.search(r"^(?:totals|summary): (\d+)", out.read_text(), re.M)[1])


def functions(out):
    """Instructions by function, their own only."""
    listing = subprocess.run(["callgrind_annotate", "--threshold=100", "--auto=no", str(out)],
                             capture_output=True, text=True, check=True).stdout
    found = re.findall(r"^ *([\d,]+) \([^)]*\) +\S*?:([^\s\[]+)", listing, re.M)
    counts = {}
    for number, name in found:
        counts[name] = counts.get(name, 0) + int(number.replace(",", ""))
    return counts


def list_functions(once, twice, count):
    before, after = functions(once), functions(twice)
    cost = {name: (after[name] - before.get(name, 0)) / count for name in after}
    for name in sorted(cost, key=cost.get, reverse=True)[:N_FUNCTIONS]:
        if cost[name] >= 0.5:
            print(f"      {cost[name]:8.1f}  {name}")


def measure(folder, options, which, subjects, patterns):
    outs = [run(folder, options.counted, which, n, subjects, patterns) for n in (options.count, 2 * options.count)]
    return (total(outs[1]) - total(outs[0])) / options.count, outs


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("counted")
    parser.add_argument("--quick", action="store_true", help="fewer messages")
    parser.add_argument("--functions", action="store_true", help="where the instructions are spent")
    parser.add_argument("--count", type=int, help="N, an even number")
    options = parser.parse_args()
    for number in (signal.SIGTERM, signal.SIGALRM):
        signal.signal(number, lambda number, _: sys.exit(128 + number))
    signal.alarm(ALL_S)
    options.count = options.count or (50000 if options.quick else 200000)
    if "BROKERD" not in os.environ:
        parser.error("the environment variable BROKERD has to name the daemon")
    if not shutil.which("valgrind"):
        print("skipped: there is no valgrind")
        return 77

    print(f"\ninstructions per message of {SIZE} bytes, 1 publisher -> 1 subscriber, N = {options.count}")
    print(f"  {'':41} | {'broker':>8} | {'publish':>8} | {'dispatch':>8}", flush=True)
    with tempfile.TemporaryDirectory(prefix="brokerd-bench-") as folder:
        for name, subjects, patterns in STREAMS:
            found = [measure(Path(folder), options, which, subjects, patterns) for which in ROLES]
            print(f"  {name:41} | " + " | ".join(f"{cost:8.1f}" for cost, _ in found), flush=True)
            for which, (_, outs) in zip(ROLES, found) if options.functions else ():
                print(f"    {which}, by function")
                list_functions(*outs, options.count)
                for out in outs:
                    out.unlink()
    print()
    return 0


if __name__ == "__main__":
    sys.exit(main())
