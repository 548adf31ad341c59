"""The two sides that cases are sent to, broker and client library: states, probes, and the models behind them."""
import copy

import wire_spec
from wire_broker_model import Broker
from wire_client_model import Call, Client, Reg
from wire_notation import Reader, encode, read_number

TOKEN = 0xfaceb00cdeadbeef  # stands for the token that a broker makes: the programs put the true one in its place


def token_places(data):
    """Where the eight bytes of the token stand."""
    needle, places, at = TOKEN.to_bytes(8, "big"), [], data.find(TOKEN.to_bytes(8, "big"))
    while at >= 0:
        places.append(at)
        at = data.find(needle, at + 1)
    return places


def words_of(item):
    """The words of a piece of an outcome, numbers in decimal."""
    return [str(read_number(word)) if "^" in word or word.startswith("0x") else word for word in item.split()]


def item_agrees(written, item):
    words, there = words_of(written), item.split()
    return words[0] == there[0] and all(word in there[1:] for word in words[1:])


class Side:
    """One side: `setups` are what its states have sent before a case, in the notation of the files."""
    direction = home = breaks = first_breaks = no_first = bad_opcode = too_large = large = None
    extra = {}
    hello_is_limited = False

    def __init__(self, spec, setups):
        self.spec, self.setups = spec, {state: encode(pieces) for state, pieces in setups.items()}
        self.states = list(setups)
        self.begun = {state: self.begin(state) for state in self.states}

    def run(self, state, data, probed):
        """(trace, theirs) of these bytes in that state, and then the end of the stream."""
        model = copy.deepcopy(self.begun[state], {id(self.spec): self.spec})
        n = len(model.trace)
        model.feed(data if probed else data + self.probes)
        model.eof()
        return model.trace[n:], getattr(model, "theirs", [])

    def begin(self, state):
        model = self.model()
        model.feed(self.setups[state])
        return model

    def items(self, outcome):
        return [] if outcome in ("nothing", "leaves") else outcome.split(", ")


class BrokerSide(Side):
    direction, home = wire_spec.TO_BROKER, "open"
    breaks, no_first, too_large = "GOODBYE BAD_FRAME", "GOODBYE BAD_MAGIC", "GOODBYE TOO_LARGE"
    first_breaks, large, bad_opcode = breaks, no_first, "GOODBYE BAD_OPCODE"
    extra = {"MESSAGE": "REFUSED 1-1 UNSUPPORTED", "REQUEST": "END UNSUPPORTED", "REPLY": "ERROR REPLY UNSUPPORTED"}
    hello_is_limited = True
    probes = encode(Reader({"CONFIRM": 9, "PING": 4}).pieces("[CONFIRM 4711] / [PING 4712]"))

    def model(self):
        return Broker(self.spec)

    def begin(self, state):
        model = super().begin(state)
        if state == "serving":
            model.requests.add(TOKEN)
        return model

    def agrees(self, case, trace):
        trace = [item for item in trace if not item.startswith("REPLY 00000000 witness")]
        goes_on = trace[-1:] == ["PONG 4712"]
        if goes_on:
            trace = trace[:-2]
        items = self.items(case.outcome)
        ends = case.waits or case.outcome.endswith("leaves") or "GOODBYE" in case.outcome
        items = [item for item in items if item != "leaves"]
        return (goes_on != ends and len(items) == len(trace) and
                all(item_agrees(written, item) for written, item in zip(items, trace)))

    def state_of(self, name):
        return "greeting" if name == "HELLO" else "serving" if name == "REPLY" else "subscribed"

    def print_setup(self, state):
        print("setup", state, self.setups[state].hex(), "", "; ".join(self.begun[state].trace), sep="\t")


class ClientSide(Side):
    direction, home = wire_spec.TO_CLIENT, "busy"
    breaks, too_large, bad_opcode = "closed BAD_FRAME", "closed TOO_LARGE", "closed BAD_OPCODE"
    first_breaks, no_first, large = "refused BAD_FRAME", "refused BAD_MAGIC", "nothing"
    probes = encode(Reader({"SELECT": 0x18, "MESSAGE": 0x20}).pieces('[SELECT 6] / [MESSAGE u32:0 u64:0 "a.end"]'))

    def model(self):
        return Client(self.spec)

    def begin(self, state):
        model = self.model()
        if state == "busy":
            open_all(model)
        for data in self.parts(state):
            model.feed(data)
        return model

    def parts(self, state):
        """What answers HELLO, and what follows when the client is ready for it."""
        data = self.setups[state]
        first = 4 + int.from_bytes(data[:4], "big") if data else 0
        return data[:first], data[first:]

    def agrees(self, case, trace):
        """The fates of what was open when the stream ended are no part of what is written."""
        at = next((n for n, item in enumerate(trace) if item.startswith(("closed ", "refused "))), len(trace))
        ended = trace[at] if at < len(trace) and not trace[at].endswith(" VANISHED") else None
        items, there = self.items(case.outcome), trace[:at] + ([ended] if ended else [])
        if items and items[-1].endswith(" VANISHED"):
            there.append(trace[at])
        goes_on = any(item.startswith("message 6 0 0 a.end") for item in there)
        there = [item for item in there if not item.startswith("message 6 0 0 a.end")]
        return (len(items) == len(there) and all(item_agrees(w, i) for w, i in zip(items, there)) and
                (goes_on or case.waits or "closed" in case.outcome or case.state == "greeting"))

    def state_of(self, name):
        return "greeting" if name == "WELCOME" else "busy"

    def print_setup(self, state):
        first, rest = self.parts(state)
        print("setup", state, first.hex(), rest.hex(), "; ".join(self.begun[state].trace), sep="\t")


def open_all(client):
    """What tests/live/wire_library.c has open in its state "busy"."""
    client.regs = {1: Reg(1, sub_ref=2), 2: Reg(2, sub_ref=4, after=2), 3: Reg(3, sub_ref=6),
                   4: Reg(4, sub_ref=8, is_service=True), 5: Reg(5, sub_ref=10, unsub_ref=11, freed=True),
                   6: Reg(6, sub_ref=12)}
    client.calls = {1 << 20: Call(1, False), (1 << 21) + 1: Call(2, True)}
    client.confirms, client.pings, client.n_published = [1], {1: 3}, 3


SIDES = {"broker": BrokerSide, "client": ClientSide}
