"""How the broker of each peer is started for a bench, and ended.

    with start("redis", folder, build) as server:
        run([program("redis", build), "w1", "--addr", server.address, "--broker-pid", str(server.pid)])

Every broker gets a fresh socket in the folder (nats-server, which has no AF_UNIX, a free port of 127.0.0.1), keeps
nothing on disk, and has the limits raised that would make it drop messages, refuse them or turn clients away. What
it has to say goes to NAME.log in the folder. A server is ended by its own pid; should the thread that started it
end before, the kernel ends it.

Names: brokerd; floor, floor-VARIANT; redis, nats, zmq, dbus-broker, mosquitto.
"""
import ctypes
import os
import pwd
import resource
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path
from typing import NamedTuple, Union

START_S, END_S = 8, 2
SETTLE_S = 0.15  # from the first connection taken until it has come to rest
POLL_S = 0.02
MAX_PATH = 107  # bytes of an AF_UNIX path
N_FILES = 1048576
MANY = 100000  # connections, and more than any bench has
PR_SET_PDEATHSIG = 1

LIBC = ctypes.CDLL(None)


class Failed(Exception):
    """A sentence for whoever started the bench."""


class Plan(NamedTuple):
    argv: list
    address: str                # as the peer's program spells it
    listens: Union[Path, int]   # where a connection shows that it is up: a socket, a port


# -- what there is ---------------------------------------------------------------------------------

def daemon(name, package):
    """The path of a daemon of the distribution."""
    path = shutil.which(name, path=os.environ.get("PATH", os.defpath) + ":/usr/sbin:/sbin")
    if not path:
        raise Failed(f"{name} is not there: install the Debian package {package}")
    return path


def program(name, build):
    """The path of the program that puts this broker to work."""
    peer = {"brokerd": "ours", "dbus-broker": "dbus"}.get(name, name.split("-")[0])
    path = Path(build) / "tests" / "bench" / "peers" / f"peer-{peer}"
    if not path.is_file():
        raise Failed(f"{path} is not there: {BUILDS.get(peer, 'build it')}")
    return str(path)


RIVAL = "install {} and configure with -Drivals=enabled"
BUILDS = {peer: RIVAL.format(package) for peer, package in (
    ("redis", "libhiredis-dev"), ("nats", "libnats-dev"), ("zmq", "libzmq3-dev"),
    ("dbus", "libsystemd-dev"), ("mosquitto", "libmosquitto-dev"))}


# -- each broker -----------------------------------------------------------------------------------

def plan_brokerd(folder, build):
    path = folder / "brokerd.sock"
    brokerd = Path(build) / "broker" / "brokerd"
    if not brokerd.is_file():
        raise Failed(f"{brokerd} is not there: build it")
    return Plan([str(brokerd), "--listen", f"unix:{path}"], f"unix:{path}", path)


def plan_floor(folder, build, variant=""):
    path = folder / "floor.sock"
    argv = [program("floor", build), "serve", "--addr", str(path)]
    return Plan(argv + (["--variant", variant] if variant else []), str(path), path)


def plan_redis(folder, build):
    path = folder / "redis.sock"
    options = {
        "--port": [0], "--unixsocket": [path], "--dir": [folder], "--daemonize": ["no"],
        "--save": [""], "--appendonly": ["no"], "--loglevel": ["warning"],
        "--client-output-buffer-limit": ["pubsub", 0, 0, 0],  # else slow subscribers are cut off
        "--client-query-buffer-limit": ["1gb"],
        "--maxclients": [30000], "--tcp-backlog": [4096],
    }
    argv = [str(word) for option, words in options.items() for word in (option, *words)]
    return Plan([daemon("redis-server", "redis-server"), *argv], str(path), path)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def plan_nats(folder, build):
    port, config = free_port(), folder / "nats.conf"
    config.write_text(f"""\
listen: 127.0.0.1:{port}
max_payload: {64 << 20}
max_pending: {1 << 30}  # else slow consumers are cut off
max_connections: {MANY}
max_control_line: 65536
write_deadline: "60s"
ping_interval: "10m"
logfile: "/dev/null"
""")
    return Plan([daemon("nats-server", "nats-server"), "-c", str(config)], f"nats://127.0.0.1:{port}", port)


def plan_zmq(folder, build):
    # the last of the four sockets that it binds
    return Plan([program("zmq", build), "serve", "--addr", str(folder)], str(folder), folder / "zmq-back")


def plan_dbus_broker(folder, build):
    daemon("dbus-broker", "dbus-broker")  # which the program becomes
    path = folder / "dbus.sock"
    return Plan([program("dbus-broker", build), "serve", "--addr", str(path)], str(path), path)


def plan_mosquitto(folder, build):
    path, config = folder / "mosquitto.sock", folder / "mosquitto.conf"
    config.write_text(f"""\
# Started by root it would become somebody who cannot reach the folder.
user {pwd.getpwuid(os.getuid()).pw_name}
listener 0 {path}
allow_anonymous true
# 0: no limit, else messages are dropped
max_queued_messages 0
max_queued_bytes 0
max_connections -1
max_keepalive 65535
persistence false
sys_interval 0
log_dest none
""")
    return Plan([daemon("mosquitto", "mosquitto"), "-c", str(config)], str(path), path)


PLANS = {"brokerd": plan_brokerd, "floor": plan_floor, "redis": plan_redis, "nats": plan_nats, "zmq": plan_zmq,
         "dbus-broker": plan_dbus_broker, "mosquitto": plan_mosquitto}


def plan_of(name, folder, build):
    if name.startswith("floor-"):
        return plan_floor(folder, build, name[len("floor-"):])
    if name not in PLANS:
        raise Failed(f"{name} is no broker: {', '.join(PLANS)}, floor-VARIANT")
    return PLANS[name](folder, build)


# -- a process -------------------------------------------------------------------------------------

def raise_files():
    """Beyond the hard limit only with CAP_SYS_RESOURCE."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    for n in (N_FILES, hard):
        try:
            return resource.setrlimit(resource.RLIMIT_NOFILE, (n, n))
        except (ValueError, OSError):
            pass


class Server:
    """A broker that takes connections: its pid, its address, and stop(), which may be called again."""

    def __init__(self, plan, log, affinity=None):
        def prepare():
            LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
            raise_files()
            if affinity is not None:
                os.sched_setaffinity(0, affinity)

        self.address, self.log = plan.address, log
        with open(log, "wb") as to:
            self.process = subprocess.Popen(plan.argv, stdin=subprocess.DEVNULL, stdout=to, stderr=to,
                                            cwd=log.parent, preexec_fn=prepare)
        self.pid = self.process.pid
        try:
            self.await_up(plan)
        except BaseException:
            self.stop()
            raise

    def await_up(self, plan):
        end = time.monotonic() + START_S
        while not accepts(plan.listens):
            if self.process.poll() is not None:
                raise Failed(f"{plan.argv[0]} ended at once: {self.last_words()}")
            if time.monotonic() > end:
                raise Failed(f"{plan.argv[0]} takes no connections after {START_S} s: {self.last_words()}")
            time.sleep(POLL_S)
        time.sleep(SETTLE_S)

    def last_words(self):
        lines = self.log.read_text(errors="replace").split("\n")
        return next((line for line in reversed(lines) if line.strip()), "it said nothing")

    def stop(self):
        self.process.terminate()  # nothing, if it has ended
        try:
            self.process.wait(END_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


def accepts(listens):
    is_port = isinstance(listens, int)
    with socket.socket(socket.AF_INET if is_port else socket.AF_UNIX) as s:
        try:
            s.connect(("127.0.0.1", listens) if is_port else str(listens))
        except OSError:
            return False
    return True


def start(name, directory, build_dir, affinity=None):
    """Starts a broker in a directory that it has for itself, on the CPUs of the set `affinity`, else on all.

    Returns a Server when it takes connections. Raises Failed, a sentence, if it does not.
    """
    folder = Path(directory).resolve()
    plan = plan_of(name, folder, build_dir)
    if isinstance(plan.listens, Path) and len(os.fsencode(plan.listens)) > MAX_PATH:
        raise Failed(f"{plan.listens} is too long for a socket: choose another directory")
    return Server(plan, folder / f"{name}.log", affinity)
