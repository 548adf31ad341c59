"""The rows of the comparison: what is asked of each broker, and what is looked at."""
from dataclasses import dataclass

MORE, LESS = "more", "less"  # is better


@dataclass(frozen=True)
class Metric:
    field: str  # of a run's JSON
    unit: str
    better: str


RATE = Metric("rate", "msg/s", MORE)
CALLS = Metric("rate", "calls/s", MORE)
P50 = Metric("p50_us", "p50 µs", LESS)
P99 = Metric("p99_us", "p99 µs", LESS)
PER_SUB = Metric("mbps_per_sub", "MB/s each", MORE)
SUB_MEMORY = Metric("rss_per_sub_b", "bytes/sub", LESS)
CONN_MEMORY = Metric("rss_per_conn_b", "bytes/conn", LESS)
CPU = Metric("broker_cpu_ns_per_msg", "ns", LESS)
SENDER = Metric("sender_cpu_ns_per_sent", "ns", LESS)
RECEIVER = Metric("receiver_cpu_ns_per_msg", "ns", LESS)


@dataclass(frozen=True)
class Row:
    key: str
    text: str
    args: tuple
    metrics: tuple  # the first decides who is best
    pinned: bool = False  # broker and clients share one processor
    quick: bool = False


def stream(key, text, *args, quick=False):
    return Row(key, text, args, (RATE,), quick=quick)


def call(key, text, *args, pinned=False, quick=False):
    return Row(key, text, args, (P50, P99), pinned, quick)


def calls(key, text, *args, pinned=False, quick=False):
    return Row(key, text, args, (CALLS,), pinned, quick)


def large(size_text, size, n, quick=False):
    return Row(f"w5-{size_text}-{n}", f"{size_text} to {n}", ("w5", "--size", str(size), "--subs", str(n)), (PER_SUB,),
               quick=quick)


def many(key, text, wild, quick=False):
    return Row(key, text, ("w6", "--wild", str(wild)), (RATE, SUB_MEMORY), quick=quick)


def idle(n, quick=False):
    memory = (CONN_MEMORY,) if n >= 1000 else ()  # of fewer it is lost in what a broker takes page by page
    return Row(f"w7-{n}", f"a call beside {n} idle, one processor", ("w7", "--idle", str(n)), (P50, P99, *memory),
               pinned=True, quick=quick)


BY_PATTERN = ("--subjects", "2", "--subjects-by", "pattern")

ROWS = (
    stream("w1-16", "1 to 1, 16 bytes", "w1", "--size", "16", quick=True),
    stream("w1-128", "1 to 1, 128 bytes", "w1", "--size", "128", quick=True),
    stream("w1-1024", "1 to 1, 1 KiB", "w1", "--size", "1024"),
    stream("w1-16384", "1 to 1, 16 KiB", "w1", "--size", "16384", quick=True),
    stream("w2-8", "1 to 8", "w2", "--subs", "8"),
    stream("w2-64", "1 to 64", "w2", "--subs", "64", quick=True),
    stream("w2-256", "1 to 256", "w2", "--subs", "256"),
    stream("w3-8", "8 to 1", "w3", "--pubs", "8", quick=True),
    call("w4-1", "one call open", "w4", "--out", "1"),
    call("w4-1-1cpu", "one call open, one processor", "w4", "--out", "1", pinned=True, quick=True),
    calls("w4-64", "64 calls open", "w4", "--out", "64", quick=True),
    calls("w4-64-1cpu", "64 calls open, one processor", "w4", "--out", "64", pinned=True),
    large("64K", 64 << 10, 1),
    large("64K", 64 << 10, 8),
    large("1M", 1 << 20, 1, quick=True),
    large("1M", 1 << 20, 8),
    many("w6-exact", "100,000 subscriptions", 0),
    many("w6-mixed", "every fifth a wildcard", 5, quick=True),
    idle(10),
    idle(1000, quick=True),
    idle(10000),
    stream("two-w1", "1 to 1, two subjects in turn", "w1", "--subjects", "2", quick=True),
    stream("two-w1-pattern", "… by one pattern", "w1", *BY_PATTERN),
    stream("two-w2-64", "1 to 64, two subjects in turn", "w2", "--subs", "64", "--subjects", "2"),
    stream("two-w2-64-pattern", "… by one pattern", "w2", "--subs", "64", *BY_PATTERN),
)


def chosen(only, quick):
    """The rows whose keys begin with one of `only`; without it all, or those of --quick."""
    if only:
        return [row for row in ROWS if any(row.key == word or row.key.startswith(word + "-") for word in only)]
    return [row for row in ROWS if row.quick or not quick]
