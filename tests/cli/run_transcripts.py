#!/usr/bin/env python3
"""Runs the command-line transcripts of a page and compares what comes with what the page shows.

usage: run_transcripts.py PAGE… | --self-test

A transcript is a fenced block: in Markdown one marked ```console, in a man page (.scd, which knows no marks)
one that begins with a command.

    $ brokerctl req nobody.home '?'       a command; goes on after a trailing \\ or up to the end of a << word
    brokerctl: nobody serves nobody.home  what it prints, stdout and stderr
    [exit 2]                              and its exit status, unless 0
    ...                                   any lines, or none; inside a line: any text
    $ brokerctl sub 'log.>' &             stays in the background; what it prints stands where it comes

All blocks of a page run in one shell, in an empty folder, with a fresh broker of their own: BROKER_URL names it,
and brokerd, brokerctl and the examples are in PATH. Programs come from $BROKERD, $BROKERCTL and $EXAMPLES.
A page that says "Needs a pseudo-terminal." in a line of its own is skipped where there is none.
After a command the runner goes on when nobody has anything left to do: the processes of the shell and the broker
all sleep. So a background command has subscribed before the next one publishes. $BROKER_TEST_LOOP picks a loop.
"""
import os
import re
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

COMMAND_S = 20  # a command may take
START_S = 10
QUIET = 3  # looks in a row that find everybody asleep
LOOK_S = 0.02

# Reads commands from 8, each ended by NUL, and writes their statuses to 9; they do not get to see either.
SHELL = r"""while IFS= read -r -d '' -u 8 command; do
  eval "$command" 8<&- 9>&-
  printf '%d\n' $? >&9
done"""


class Failed(Exception):
    """A page that does not hold; the text says where."""


# -- the page --------------------------------------------------------------------------------------


def blocks(text, is_man):
    """(line number, lines) of each transcript of a page."""
    lines, start, mark = text.splitlines(), None, ""
    for number, line in enumerate(lines, 1):
        fence = re.fullmatch(r"\s*```(.*)", line)
        if not fence:
            continue
        if start is None:
            start, mark = number + 1, fence[1].strip()
            continue
        block = lines[start - 1:number - 1]
        if mark == "console" or (is_man and block and block[0].startswith("$ ")):
            yield start, block
        start = None
    if start is not None:
        raise Failed(f"line {start - 1}: a fence that is never closed")


def steps(start, block):
    """(line number, command, expected lines, expected status) of each command of a block."""
    at = 0
    while at < len(block):
        number, line = start + at, block[at]
        if not line.startswith("$ "):
            raise Failed(f"line {number}: a transcript begins with a command, '$ …'")
        command, at = [line[2:]], at + 1
        here = re.search(r"<<-?\s*['\"]?(\w+)", command[0])
        while at < len(block) and (here or command[-1].endswith("\\")):
            command.append(block[at].removeprefix("> "))
            at += 1
            if here and command[-1].strip() == here[1]:
                break
        output, status = [], 0
        while at < len(block) and not block[at].startswith("$ "):
            stated = re.fullmatch(r"\[exit (\d+)\]", block[at])
            if stated:
                status = int(stated[1])
            else:
                output.append(block[at])
            at += 1
        yield number, "\n".join(command), output, status


def matches(expected, got):
    """True if the lines got are the expected ones, '...' standing for any lines, or for any text in a line."""
    if not expected:
        return not got
    if expected[0] == "...":
        return any(matches(expected[1:], got[at:]) for at in range(len(got) + 1))
    pattern = ".*".join(re.escape(part) for part in expected[0].rstrip().split("..."))
    return bool(got) and re.fullmatch(pattern, got[0].rstrip()) is not None and matches(expected[1:], got[1:])


# -- the stage: a folder, a broker, a shell --------------------------------------------------------


def states(session, *pids):
    """The state letters (proc(5)) of all processes of a session, and of some more."""
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            fields = Path("/proc", entry, "stat").read_text(errors="replace").rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[3]) == session or int(entry) in pids:
            yield fields[0]


def start_broker(folder, environment):
    """Starts $BROKERD in a folder; returns the process and its address."""
    path = folder / "brokerd.sock"
    loop = environment.get("BROKER_TEST_LOOP")
    arguments = [environment["BROKERD"], "--listen", f"unix:{path}"] + (["--loop", loop] if loop else [])
    with open(folder / "brokerd.log", "wb") as log:
        broker = subprocess.Popen(arguments, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
    end = time.monotonic() + START_S
    while time.monotonic() < end and broker.poll() is None:
        with socket.socket(socket.AF_UNIX) as probe:
            try:
                probe.connect(str(path))
                return broker, f"unix:{path}"
            except OSError:
                time.sleep(LOOK_S)
    broker.kill()
    raise Failed("the broker does not listen:\n" + (folder / "brokerd.log").read_text(errors="replace"))


class Stage:
    def __init__(self, folder, broker_pid, environment):
        self.broker_pid = broker_pid
        work = folder / "work"
        work.mkdir()
        out_read, out_write = os.pipe()
        command_read, self.commands = os.pipe()
        self.statuses, status_write = os.pipe()
        self.output = out_read

        def descriptors():
            # by way of high numbers, so that none is overwritten before it is copied
            high = [os.dup2(fd, 100 + i, False) for i, fd in enumerate((command_read, status_write))]
            os.dup2(high[0], 8)
            os.dup2(high[1], 9)
            os.closerange(100, 102)

        self.shell = subprocess.Popen(
            ["bash", "--noprofile", "--norc", "-c", SHELL], cwd=work, env=environment, stdin=subprocess.DEVNULL,
            stdout=out_write, stderr=out_write, close_fds=False, start_new_session=True, preexec_fn=descriptors)
        for fd in (out_write, command_read, status_write):
            os.close(fd)

    def run(self, command):
        """Runs a command in the shell; returns its status and all that was printed until everybody slept."""
        os.write(self.commands, command.encode() + b"\0")
        text, status, asleep = b"", None, 0
        end = time.monotonic() + COMMAND_S
        while asleep < QUIET:
            if time.monotonic() > end:
                raise Failed(f"not done after {COMMAND_S} s; so far it printed:\n{text.decode(errors='replace')}")
            ready, _, _ = select.select([self.output] + [self.statuses] * (status is None), [], [], LOOK_S)
            if self.output in ready:
                text += os.read(self.output, 65536)
            if self.statuses in ready:
                line = os.read(self.statuses, 16)
                if not line:
                    raise Failed("the shell ended")
                status = int(line)
            idle = not ready and status is not None and set(states(self.shell.pid, self.broker_pid)) <= set("SZTI")
            asleep = asleep + 1 if idle else 0
        return status, text.decode(errors="replace").splitlines()

    def close(self):
        os.killpg(self.shell.pid, signal.SIGKILL)
        self.shell.wait()
        for fd in (self.commands, self.statuses, self.output):
            os.close(fd)


# -- a page on the stage ---------------------------------------------------------------------------


def compare(number, command, expected, status, result):
    got_status, got = result
    if matches(expected, got) and got_status == status:
        return
    page, real = (["  " + line for line in lines] or ["  (nothing)"] for lines in (expected, got))
    raise Failed("\n".join([f"line {number}: $ {command}", f" the page says, exit {status}:", *page,
                            f" but it printed, exit {got_status}:", *real]))


def run_page(page, environment):
    """Runs all transcripts of a page; returns the number of commands."""
    todo = [step for start, block in blocks(page.read_text(encoding="utf-8"), page.suffix == ".scd")
            for step in steps(start, block)]
    if not todo:
        return 0
    folder = Path(tempfile.mkdtemp(prefix="brokerd-page-"))
    broker = stage = None
    try:
        if "BROKERD" in environment:
            broker, environment["BROKER_URL"] = start_broker(folder, environment)
        stage = Stage(folder, broker.pid if broker else 0, environment)
        for number, command, expected, status in todo:
            compare(number, command, expected, status, stage.run(command))
    except Failed as failure:
        log = folder / "brokerd.log"
        said = "\n the broker's log:\n" + log.read_text(errors="replace") if log.is_file() else ""
        raise Failed(f"{page}, {failure}{said}") from None
    finally:
        if stage:
            stage.close()
        if broker:
            broker.terminate()
            try:
                broker.wait(10)
            except subprocess.TimeoutExpired:
                broker.kill()
                broker.wait()
        shutil.rmtree(folder, ignore_errors=True)
    return len(todo)


def page_environment():
    environment = dict(os.environ, LC_ALL="C.UTF-8", NO_COLOR="1", PS1="")
    programs = [environment.get("BROKERD"), environment.get("BROKERCTL")]
    folders = [os.path.dirname(p) for p in programs if p] + [environment.get("EXAMPLES", "")]
    environment["PATH"] = ":".join([f for f in folders if f] + [environment["PATH"]])
    return environment


SELF_TEST = """
```console
$ echo one; echo two >&2
one
two
$ cat <<END
> in here
> END
in here
$ (for i in $(seq 20000); do :; done; echo late) &
late
$ (while read -r line; do echo "got $line"; done) < <(sleep 100) &
$ kill $! && (exit 3)
[exit 3]
$ seq 5
1
...
5
$ echo pid $$ \\
    and more
pid ... and more
$ pwd
/.../work
```

    indented: no transcript

```sh
false
```
"""
SELF_TEST_BAD = (
    "```console\n$ echo one\ntwo\n```",
    "```console\n$ echo one\n```",
    "```console\n$ true\none\n```",
    "```console\n$ false\n```",
    "```console\n$ true\n[exit 1]\n```",
    "```console\n$ seq 3\n1\n...\n2\n```",
    "```console\n$ echo abc\na...d\n```",
    "```console\noutput first\n```",
    "```console\n$ true\n",
    "```console\n$ exit 7\n```",
)


def self_test():
    wrong, environment = 0, {k: v for k, v in page_environment().items() if not k.startswith("BROKER")}
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder, "page.md")
        for text, good in [(SELF_TEST, True)] + [(bad, False) for bad in SELF_TEST_BAD]:
            page.write_text(text)
            try:
                run_page(page, dict(environment))
                held, why = True, ""
            except Failed as failure:
                held, why = False, str(failure)
            if held != good:
                wrong += 1
                print(f"{'refused' if good else 'accepted'}:\n{text}\n{why}")
        man = Path(folder, "page.scd")
        man.write_text("```\n$ echo one\none\n```\n\n```\nno transcript\n```\n")
        wrong += run_page(man, dict(environment)) != 1
    print(f"{len(SELF_TEST_BAD) + 2 - wrong} of {len(SELF_TEST_BAD) + 2} cases right")
    return 1 if wrong else 0


def has_terminals():
    try:
        for fd in os.openpty():
            os.close(fd)
    except OSError:
        return False
    return True


def main(arguments):
    if arguments == ["--self-test"]:
        return self_test()
    if not arguments:
        sys.exit(__doc__)
    failed = 0
    for name in arguments:
        if "\nNeeds a pseudo-terminal.\n" in Path(name).read_text(encoding="utf-8") and not has_terminals():
            print("SKIPPED because there are no pseudo-terminals here")
            return 77
        try:
            print(f"{name}: {run_page(Path(name), page_environment())} commands as the page shows them")
        except Failed as failure:
            failed += 1
            print(failure)
    return 1 if failed else 0


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    sys.exit(main(sys.argv[1:]))
