"""Who takes part: a broker, and the program that puts it to work (peers/brokers.py knows how each is started)."""
import contextlib
import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from peers import brokers

PROGRAMS = Path("tests", "bench", "peers")  # in a build folder
EXTRA_OPTIONS = ("--chunk", str(256 << 10), "--sndbuf", str(1 << 20))


@dataclass(frozen=True)
class Contestant:
    name: str
    broker: str  # as peers/brokers.py calls it
    client: str  # the program is peer-CLIENT
    kind: str    # "ours", "floor", "rival", "extra"
    not_for: tuple = ()  # rows, by what their keys begin with
    folder: Path = None  # of an extra's program, which is its own broker
    url: bool = False    # the client wants unix:PATH, though the broker has a path


ALL = (
    Contestant("ours", "brokerd", "ours", "ours"),
    Contestant("floor", "floor", "floor", "floor"),
    # Whole frames do not matter to it: those of several publishers would get mixed up, and all get everything.
    Contestant("copy-nothing", "floor-copy-nothing", "floor", "floor", not_for=("w3", "w6", "two")),
    Contestant("redis", "redis", "redis", "rival"),
    Contestant("nats", "nats", "nats", "rival"),
    Contestant("zmq", "zmq", "zmq", "rival"),
    Contestant("dbus", "dbus-broker", "dbus", "rival"),
    Contestant("mosquitto", "mosquitto", "mosquitto", "rival"),
)
# Only when they are asked for: our library with the floor's broker, and the floor's client with ours.
HALVES = (
    Contestant("ours@floor", "floor", "ours", "extra", url=True),
    Contestant("floor@ours", "brokerd", "floor", "extra"),
)


def extra(name, folder):
    """Somebody else's program that obeys the contract: NAME, or NAME:VARIANT of its broker."""
    program = name.partition(":")[0]
    return Contestant(name, "", program, "extra", folder=folder)


def client_of(who, build):
    """The path of its program. Raises brokers.Failed."""
    if not who.folder:
        return brokers.program({"ours": "brokerd", "dbus": "dbus-broker"}.get(who.client, who.client), build)
    path = who.folder / f"peer-{who.client}"
    if not os.access(path, os.X_OK):
        raise brokers.Failed(f"{path} is not there")
    return str(path)


def start_extra(who, folder, affinity):
    path = folder / "extra.sock"
    variant = who.name.partition(":")[2]
    argv = [client_of(who, None), "serve", "--addr", str(path), *EXTRA_OPTIONS]
    plan = brokers.Plan(argv + (["--variant", variant] if variant else []), str(path), path)
    return brokers.Server(plan, folder / "extra.log", affinity)


@contextlib.contextmanager
def running(who, build, affinity=None):
    """Its broker, started afresh in a folder that is gone afterwards; .address is as the client spells it."""
    folder = Path(tempfile.mkdtemp(prefix="bench-"))
    try:
        start = start_extra(who, folder, affinity) if who.folder else brokers.start(who.broker, folder, build, affinity)
        with start as server:
            if who.url:
                server.address = f"unix:{server.address}"
            yield server
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def check(contestants, build):
    """Those that come up; says of each other one why it does not."""
    good = []
    for who in contestants:
        try:
            client_of(who, build)
            with running(who, build):
                good.append(who)
        except (brokers.Failed, OSError) as why:
            print(f"without {who.name}: {why}", flush=True)
    return good
