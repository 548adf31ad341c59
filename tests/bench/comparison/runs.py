"""The runs: everybody does every row in every round, in an order that rotates."""
import json
import os
import signal
import subprocess
import sys
import time

from comparison import contestants
from peers import brokers

RUN_S = 120  # nothing takes so long unless it hangs


def prepare(affinity):
    """Runs in a client before exec: it ends with us, and keeps to its processors."""
    def in_child():
        brokers.LIBC.prctl(brokers.PR_SET_PDEATHSIG, signal.SIGKILL)
        if affinity is not None:
            os.sched_setaffinity(0, affinity)
    return in_child


def put_to_work(who, row, server, build, seconds, affinity):
    """Runs the program once: what it says, and "error" if it went wrong."""
    argv = [contestants.client_of(who, build), row.args[0], "--addr", server.address, "--broker-pid", str(server.pid),
            "--seconds", str(seconds), *row.args[1:]]
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          timeout=RUN_S, preexec_fn=prepare(affinity))
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    if not lines:
        words = done.stderr.strip().splitlines() or [f"it ended with {done.returncode}"]
        return {"error": words[0]}
    result = json.loads(lines[-1])
    if result.get("lost"):
        result.setdefault("error", f"lost {result['lost']} messages")
    return result


def one_run(who, row, build, seconds):
    """Starts a broker and puts it to work once."""
    affinity = {max(os.sched_getaffinity(0))} if row.pinned else None
    try:
        with contestants.running(who, build, affinity) as server:
            return put_to_work(who, row, server, build, seconds, affinity)
    except subprocess.TimeoutExpired:
        return {"error": f"no end after {RUN_S} s"}
    except (brokers.Failed, OSError, ValueError) as why:
        return {"error": str(why)}


def fits(who, row):
    return not row.key.startswith(who.not_for)


class Progress:
    """A line that says where we are; on a terminal it is written over, else there is one a row and round."""

    def __init__(self, n_runs):
        self.n_runs, self.n_done, self.start, self.live = n_runs, 0, time.monotonic(), sys.stdout.isatty()

    def clock(self):
        spent = time.monotonic() - self.start
        total = spent / self.n_done * self.n_runs if self.n_done else 0
        return f"{spent // 60:2.0f}:{spent % 60:02.0f}" + (f" of {total // 60:.0f}:{total % 60:02.0f}" if total else "")

    def run(self, round_, row, name):
        if self.live:
            self.write(f"{self.clock():>14}  round {round_ + 1}  {row.key}: {name}", end="")

    def row_done(self, round_, row):
        if not self.live:
            self.write(f"{self.clock():>14}  round {round_ + 1}  {row.key:<18} {row.text}")

    def write(self, text, end="\n"):
        print(("\r\x1b[K" if self.live else "") + text, end=end, flush=True)

    def end(self):
        if self.live:
            self.write("", end="")


def measure_row(everybody, row, round_, build, seconds, progress, results, told):
    for who in everybody:
        if not fits(who, row):
            continue
        progress.run(round_, row, who.name)
        result = one_run(who, row, build, seconds)
        results.append({**result, "peer": who.name, "row": row.key, "round": round_})
        progress.n_done += 1
        if "error" in result and (who.name, row.key) not in told:
            told.add((who.name, row.key))
            progress.write(f"{who.name}, {row.key}: {result['error']}")


def measure(everybody, rows, build, rounds, seconds, results):
    """Fills `results`, a list, run by run: what is there when it is interrupted counts."""
    progress = Progress(rounds * sum(fits(who, row) for who in everybody for row in rows))
    told = set()
    try:
        for round_ in range(rounds):
            for n, row in enumerate(rows):
                turn = (round_ + n) % len(everybody)
                measure_row(everybody[turn:] + everybody[:turn], row, round_, build, seconds, progress, results, told)
                progress.row_done(round_, row)
    finally:
        progress.end()
