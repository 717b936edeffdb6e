# SPDX-License-Identifier: Apache-2.0
"""What the figures ought to be, and whether they are: one row for each target, of what was measured in this run."""
import operator

from report import table

AT_MOST, AT_LEAST = ("at most", operator.le), ("at least", operator.ge)
FLUENT_BIT = 2.3 / 1.68         # its cost, when it was measured beside a floor of 1.68 us
FLOOR, OURS = "floor", "sluice-shipper"


def us(r, part, row):
    return r[part]["rows"][row]["us"]


def of(part, row, base):
    return lambda r: us(r, part, row) / us(r, part, base)


def facts(part, row, key):
    return lambda r: r[part]["rows"][row][key]


def latency(rate, where, percentile):
    return lambda r: r["latency"]["rows"][f"sluice, {rate}/s"][f"{where} {percentile}"]


def rate_of_rsyslog(r):
    rows = r["elasticsearch"]["rows"]
    return rows["sluice-collector"]["rate"] / rows["rsyslog"]["rate"]


def growth(name):
    """The last point of a plot against its first."""
    def figure(r):
        points = r["scale"][name]
        return points[-1]["us"] / points[0]["us"]
    return figure


# Which target, in what unit, how much, and where it stands in the figures of a run.
TARGETS = (
    ("shipper: CPU a line", "of the floor", AT_MOST, 1.1, of("shipper", OURS, FLOOR)),
    ("shipper: CPU a line", "of rsyslog", AT_MOST, 0.25, of("shipper", OURS, "rsyslog")),
    ("shipper: the smallest event, CPU a line", "of Fluent Bit, by the floor", AT_MOST, 0.7,
     lambda r: us(r, "shipper", "sluice-shipper, smallest event") / us(r, "shipper", FLOOR) / FLUENT_BIT),
    ("shipper: batch format, CPU a line", "of the floor", AT_MOST, 0.35, of("shipper", "sluice-shipper, batch format", FLOOR)),
    ("shipper: batch format, CPU a line", "of lz4 -1", AT_MOST, 2, of("shipper", "sluice-shipper, batch format", "lz4 -1")),
    ("shipper: peak with a backlog", "MiB", AT_MOST, 32, facts("memory", "backlog", "mib")),
    ("shipper: idle with one file", "MiB", AT_MOST, 18, facts("memory", "one file", "mib")),
    ("shipper: idle with one file, anonymous", "MiB", AT_MOST, 6, facts("memory", "one file", "anonymous_mib")),
    ("shipper: start to first line acknowledged", "ms", AT_MOST, 300, facts("memory", "one file", "first_line_ms")),
    ("10,000 quiet files: CPU to start and ship a line of each", "s", AT_MOST, 0.5, facts("memory", "quiet files", "start_s")),
    ("10,000 quiet files: CPU while they are quiet", "% of a core", AT_MOST, 0.05, facts("memory", "quiet files", "idle_percent")),
    ("10,000 quiet files", "MiB", AT_MOST, 24, facts("memory", "quiet files", "mib")),
    ("10,000 quiet files beside a busy one, CPU a line", "of one file's", AT_MOST, 1.1, growth("quiet_beside")),
    ("collector: CPU a record", "of the floor", AT_MOST, 1.3, of("collector", "sluice-collector", FLOOR)),
    ("collector: CPU a record", "of rsyslog", AT_MOST, 0.5, of("collector", "sluice-collector", "rsyslog, not compressed")),
    ("collector: not compressed, CPU a record", "of rsyslog", AT_MOST, 0.5,
     of("collector", "sluice-collector, not compressed", "rsyslog, not compressed")),
    ("collector: one process keeps busy, on this machine", "cores", AT_LEAST, 1, lambda r: r["scale"]["workers"][0]["cores"]),
    ("collector: peak", "MiB", AT_MOST, 64, facts("collector", "sluice-collector", "mib")),
    ("documents a second into Elasticsearch", "of rsyslog", AT_LEAST, 1, rate_of_rsyslog),
    ("1,000 lines/s, written to readable, p50", "ms", AT_MOST, 4, latency(1000, "readable", "p50")),
    ("1,000 lines/s, written to readable, p99", "ms", AT_MOST, 10, latency(1000, "readable", "p99")),
    ("1,000 lines/s, written to bulk answer, p99", "ms", AT_MOST, 300, latency(1000, "bulk", "p99")),
    ("a lone line, written to readable, p99", "ms", AT_MOST, 10, latency(2, "readable", "p99")),
)


def judge(result):
    """Prints them; [{what, unit, limit, figure, met}], figure and met None where nothing was measured."""
    judged = []
    for what, unit, (word, holds), limit, find in TARGETS:
        try:
            figure = find(result)
        except (KeyError, IndexError, ZeroDivisionError):
            figure = None
        judged.append({"what": what, "unit": unit, "limit": f"{word} {limit}", "figure": figure,
                       "met": None if figure is None else bool(holds(figure, limit))})
    measured = [t for t in judged if t["met"] is not None]
    if measured:
        table("targets", ["targets", "figure", "target", "unit", "verdict"],
              [[t["what"], f"{t['figure']:.2f}", t["limit"], t["unit"], "met" if t["met"] else "NOT MET"] for t in measured])
    return judged
