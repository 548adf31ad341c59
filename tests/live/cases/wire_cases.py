#!/usr/bin/env python3
"""Prints the wire cases for the programs of tests/live, with what is to come of each in each state.

usage: wire_cases.py PROTOCOL.md broker|client [named | mutations STRIDE START | whole | list]

named      each case in each state, that first which it is written for
mutations  each byte value at each offset of each valid frame, or one of STRIDE of them
whole      the valid frames
list       the names, for people, with bytes and outcome

Of the first three, a line each, columns parted by tabs:
  setup STATE FIRST REST TRACE           what is sent before a case, in hex, and what comes of it
  case NAME HEX TOKENS                   TOKENS: where the token of "serving" stands, offsets parted by commas
  differs RIGHT INSTEAD                  a difference that is known: an item of a trace, and what comes instead
  in STATE TRACE THEIRS                  what comes of the case before it in that state; THEIRS at the witness
"""
import itertools
import sys

sys.dont_write_bytecode = True  # the source tree stays as it is

from pathlib import Path

import wire_spec
import wire_states
from wire_expand import Case, Expander, opcode_cases
from wire_frame import read_frame
from wire_msgpack import Broken
from wire_notation import FileReader, Reader, encode

HERE = Path(__file__).resolve().parent
FILES = {"broker": ("values.cases", "texts.cases", "broker.cases"), "client": ("values.cases", "client.cases")}


class Cases:
    """All cases of one side, each checked against the side's model in the state it is written for."""

    def __init__(self, spec, side_name):
        names = {frame.name: frame.opcode for frame in spec.frames.values()} | {"token": wire_states.TOKEN}
        reader = FileReader(Reader(names))
        for name in FILES[side_name]:
            reader.read(HERE / name)
        self.spec, self.file, self.reader = spec, reader.file, reader.reader
        self.file.parse = lambda source: self.reader.pieces(source)[0].nodes[0]
        self.side = wire_states.SIDES[side_name](spec, self.file.setups)
        self.wrong = []

    def written(self):
        for line in self.file.lines:
            pieces = self.reader.pieces(line.bytes)
            waits = line.outcome == "waits"
            yield Case(line.name, pieces, "nothing" if waits else line.outcome, line.state, waits)

    def derived(self):
        for base in self.file.bases:
            frame = self.spec.opcodes[base.pieces[0].envelope().items[0].value]
            yield from Expander(self.file, base, frame, self.side).cases()

    def named(self):
        """Every case with its name, the name once."""
        seen = set()
        for case in (*self.written(), *opcode_cases(self.spec, self.side), *self.derived()):
            if case.name in seen:
                raise SystemExit(f"two cases are called {case.name!r}")
            seen.add(case.name)
            self.check(case)
            yield case
        if self.wrong:
            raise SystemExit("\n".join(self.wrong[:40] + [f"{len(self.wrong)} in all"]))

    def check(self, case):
        """What is written of a case, and what the model says, are two readings of one page."""
        trace, _ = self.side.run(case.state, case.encode(), case.waits)
        if case.outcome not in (None, "varies") and not self.side.agrees(case, trace):
            self.wrong.append(f"{case.name} ({case.state}): written {case.outcome!r}, the model says {trace}")


def print_line(*columns):
    print(*columns, sep="\t")


def print_outcome(side, state, data):
    trace, theirs = side.run(state, data, True)
    print_line("in", state, "; ".join(trace), "; ".join(theirs))


def print_case(side, name, data, states):
    print_line("case", name, data.hex(), ",".join(map(str, wire_states.token_places(data))))
    for state in states:
        print_outcome(side, state, data)


def print_named(cases):
    for case in cases.named():
        data = case.encode() + (b"" if case.waits else cases.side.probes)
        others = [state for state in cases.side.states if state != case.state]
        print_case(cases.side, case.name, data, [case.state, *others])


def samples(cases):
    """Every valid frame, once: those of the files, in their state, and the examples of PROTOCOL.md."""
    seen = set()
    for base in cases.file.bases:
        seen.add(encode(base.pieces))
        yield base.name, encode(base.after), encode(base.pieces), base.state
    for name, comment, data in cases.spec.examples:
        if cases.side.direction in cases.spec.frames[name].directions and data not in seen:
            yield f"{name}: {comment}", b"", data, cases.side.state_of(name)


def keeps_token(cases, frame, places):
    """Whether the token is still read as one: then the true one may be put in its place."""
    try:
        values, _, _ = read_frame(cases.spec.frames["REPLY"], frame[4:])
    except Broken:
        return False
    return values["token"] == int.from_bytes(frame[places[0]:places[0] + 8], "big")


def mutant(cases, name, before, frame, state, at, value):
    changed = frame[:at] + bytes([value]) + frame[at + 1:]
    places = wire_states.token_places(frame)
    if places and (at < 4 or not keeps_token(cases, changed, places)):
        state, places = "subscribed", []
    data = before + changed + cases.side.probes
    print_line("case", f"{name}: byte {at} is {value:02x}", data.hex(), ",".join(map(str, places)))
    print_outcome(cases.side, state, data)


def print_mutations(cases, stride, start):
    """Each byte value at each offset of each valid frame, or one of `stride` of them."""
    n = 0
    for name, before, frame, state in samples(cases):
        for at, value in itertools.product(range(len(frame)), range(256)):
            n += 1
            if frame[at] != value and n % stride == start % stride:
                mutant(cases, name, before, frame, state, at, value)


def print_whole(cases):
    """The valid frames as they are: what is cut and split."""
    for name, before, frame, state in samples(cases):
        print_case(cases.side, name, before + frame + cases.side.probes, [state])
    for line in cases.file.wholes:
        print_case(cases.side, line.name, encode(cases.reader.pieces(line.bytes)) + cases.side.probes, [line.state])


def main(arguments):
    if len(arguments) < 2 or arguments[1] not in FILES:
        sys.exit(__doc__)
    cases = Cases(wire_spec.read(arguments[0]), arguments[1])
    what = arguments[2] if len(arguments) > 2 else "named"
    if what == "list":
        for case in cases.named():
            print(f"{case.state:10} {case.name:70} {case.encode().hex():60} {case.outcome or 'varies'}")
        return
    for state in cases.side.states:
        cases.side.print_setup(state)
    for right, instead in cases.file.differs:
        print_line("differs", right, instead)
    if what == "mutations":
        print_mutations(cases, int(arguments[3]), int(arguments[4]))
    elif what == "whole":
        print_whole(cases)
    else:
        print_named(cases)


if __name__ == "__main__":
    main(sys.argv[1:])
