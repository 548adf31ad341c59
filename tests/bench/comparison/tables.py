"""The tables: medians [min–max], and ratios, each the median of the ratios within the rounds."""
import statistics

from comparison.rows import CPU, LESS, RECEIVER, SENDER


class Results:
    """What the runs found out, by row, peer and round. A run with an error counts as none."""

    def __init__(self, results, peers):
        self.peers = peers  # contestants
        self.found = {(r["row"], r["peer"], r["round"]): r for r in results if "error" not in r}
        self.errors = {(r["row"], r["peer"]): r["error"] for r in results if "error" in r}
        self.rounds = range(1 + max((r["round"] for r in results), default=0))

    def values(self, row, peer, metric):
        """{round: value}"""
        got = ((n, self.found.get((row.key, peer, n), {}).get(metric.field)) for n in self.rounds)
        return {n: value for n, value in got if value is not None}

    def median(self, row, peer, metric):
        values = self.values(row, peer, metric).values()
        return statistics.median(values) if values else None

    def ratio(self, row, metric, over):
        """ours / over; None if they have no round in common."""
        ours, other = self.values(row, "ours", metric), self.values(row, over, metric) if over else {}
        ratios = [ours[n] / other[n] for n in ours if other.get(n)]
        return statistics.median(ratios) if ratios else None

    def best_rival(self, row, metric):
        medians = [(self.median(row, peer.name, metric), peer.name) for peer in self.peers if peer.kind == "rival"]
        medians = [pair for pair in medians if pair[0] is not None]
        return (min if metric.better == LESS else max)(medians)[1] if medians else None


def number(value):
    if value is None:
        return "-"
    for limit, divisor, suffix in ((1e6, 1e6, " M"), (1e4, 1e3, " k")):
        if abs(value) >= limit:
            value = value / divisor
            return f"{value:.0f}{suffix}" if value >= 100 else f"{value:.1f}{suffix}" if value >= 10 else f"{value:.2f}{suffix}"
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def spread(results, row, peer, metric):
    values = results.values(row, peer, metric).values()
    if not values:
        return "failed" if (row.key, peer) in results.errors else "-"
    text = number(statistics.median(values))
    return f"{text} [{number(min(values))}–{number(max(values))}]" if len(values) > 1 else text


def ratio_text(value):
    return "-" if value is None else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def layout(head, lines, n_left):
    """Columns as wide as they have to be; the first n_left to the left, the rest to the right."""
    widths = [max(len(line[i]) for line in [head, *lines]) for i in range(len(head))]

    def one(line):
        return "  ".join(cell.ljust(w) if i < n_left else cell.rjust(w) for i, (cell, w) in enumerate(zip(line, widths)))
    return [one(head).rstrip(), "  ".join("─" * w for w in widths), *(one(line).rstrip() for line in lines)]


def ratios_over(results):
    """The peers beside the best rival that ours is set against."""
    return [peer.name for peer in results.peers if peer.kind in ("floor", "extra")]


def main_table(results, rows):
    floors = ratios_over(results)
    head = ["row", "", "unit", "ours", *floors, "best rival", "", *(f"ours/{name}" for name in floors), "ours/rival"]
    lines = []
    for row in rows:
        for i, metric in enumerate(row.metrics):
            best = results.best_rival(row, metric)
            arrow = "↓" if metric.better == LESS else "↑"
            lines.append([
                row.key if i == 0 else "", row.text if i == 0 else "", f"{metric.unit} {arrow}",
                spread(results, row, "ours", metric), *(spread(results, row, name, metric) for name in floors),
                best or "-", spread(results, row, best, metric) if best else "-",
                *(ratio_text(results.ratio(row, metric, name)) for name in floors),
                ratio_text(results.ratio(row, metric, best))])
    return ["Medians [min–max]; ratios are the medians of the ratios within the rounds. ↑ more is better, ↓ less is.", "",
            *layout(head, lines, 3)]


def cost_table(results, rows):
    """Processor time by whose it is: of the broker and of receivers per message delivered, of senders per one sent."""
    floors = [peer.name for peer in results.peers if peer.kind == "floor"][:1]
    names = ["ours", *floors]
    metrics = (("broker", CPU), ("sender", SENDER), ("receiver", RECEIVER))
    head = ["row", *(f"{who}: {name}" for who, _ in metrics for name in [*names, "ratio"][:len(names) + len(floors)])]
    lines = []
    for row in rows:
        line = [row.key]
        for _, metric in metrics:
            line += [number(results.median(row, name, metric)) for name in names]
            line += [ratio_text(results.ratio(row, metric, name)) for name in floors]
        lines.append(line)
    return ["Processor time, ns: of the broker and of receivers per message delivered (or call), of senders per one sent.",
            "", *layout(head, lines, 1)]


def rival_table(results, rows):
    rivals = [peer.name for peer in results.peers if peer.kind == "rival"]
    lines = [[row.key, row.metrics[0].unit, number(results.median(row, "ours", row.metrics[0])),
              *(number(results.median(row, name, row.metrics[0]))
                if (row.key, name) not in results.errors or results.values(row, name, row.metrics[0]) else "failed"
                for name in rivals)] for row in rows]
    return ["Medians of everybody.", "", *layout(["row", "unit", "ours", *rivals], lines, 2)] if rivals else []


def text(results, rows):
    measured = [row for row in rows if any(key == row.key for key, _, _ in results.found)]
    if not measured:
        return "nothing was measured"
    tables = (main_table(results, measured), cost_table(results, measured), rival_table(results, measured))
    return "\n\n".join("\n".join(lines) for lines in tables if lines)


def summary(results, rows):
    """The same for a program: a list of dicts."""
    found = []
    for row in rows:
        for metric in (*row.metrics, CPU, SENDER, RECEIVER):
            best = results.best_rival(row, metric)
            medians = {peer.name: results.median(row, peer.name, metric) for peer in results.peers}
            if all(value is None for value in medians.values()):
                continue
            found.append({"row": row.key, "field": metric.field, "unit": metric.unit, "better": metric.better,
                          "medians": medians, "best_rival": best,
                          "ours_over_rival": results.ratio(row, metric, best),
                          "ours_over": {name: results.ratio(row, metric, name) for name in ratios_over(results)}})
    return found
