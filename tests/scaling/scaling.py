#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What 1, 100 and 10,000 hosts need, by arithmetic from measured costs; and a day with a storm under three ways of scaling, by
simulation.  Writes the tables of docs/scaling.md and the plot docs/scaling.svg.

    scaling.py            writes them
    scaling.py --check    exit 1 when the files are not what this would write, or the page's claims do not hold
"""
import math
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGE, PLOT = ROOT / "docs/scaling.md", ROOT / "docs/scaling.svg"

# --- what things cost ----------------------------------------------------------------------------
# CPU per record and memory: docs/performance.md, from `./dev bench`.  The others are assumptions, named as such.
SHIPPER_US, COLLECTOR_US = 1.36, 2.16
SHIPPER_MB = 23
COLLECTOR_RATE = 200_000        # records a second that one process takes: one broker's fetches are the bound, not its core
EVENT_BYTES = 475
PACKED = 0.25                   # of an event in Kafka, lz4 over a batch
LINES_A_HOST = 200              # a second, in the mean                         (assumption)
PEAK = 4                        # a busy minute beside the mean                 (assumption)
BUSY = 0.6                      # of a core, at most, at the peak               (assumption)
ES_DOCS_A_CORE = 8_000          # a second a core indexes                       (assumption: measure your own)
ES_CORES_A_NODE = 8             #                                               (assumption)
BROKER_MB_S = 60                # in and out a broker takes in comfort          (assumption)
RETENTION_H, REPLICAS = 24, 3   #                                               (assumption)
STEPS = (1, 100, 10_000)


def step(hosts):
    mean = hosts * LINES_A_HOST
    peak = mean * PEAK
    kafka_mb_s = peak * EVENT_BYTES * PACKED / 1e6
    collectors = max(1, math.ceil(peak / min(COLLECTOR_RATE, 1e6 / COLLECTOR_US) / BUSY))
    es_cores = max(1, math.ceil(peak / ES_DOCS_A_CORE / BUSY))
    nodes = math.ceil(es_cores / ES_CORES_A_NODE)
    return {
        "hosts": f"{hosts:,}",
        "lines a second, mean and peak": f"{mean:,} and {peak:,}",
        "a shipper, of a core at the peak": f"{LINES_A_HOST * PEAK * SHIPPER_US / 1e4:.2f} %, {SHIPPER_MB} MB at most",
        "into Kafka at the peak": f"{kafka_mb_s:,.1f} MB/s",
        "brokers": str(max(1 if hosts == 1 else 3, math.ceil(kafka_mb_s * (REPLICAS + 1) / BROKER_MB_S))),
        f"disk for {RETENTION_H} h, all replicas": f"{mean * EVENT_BYTES * PACKED * RETENTION_H * 3600 * (1 if hosts == 1 else REPLICAS) / 1e9:,.0f} GB",
        "collectors (processes, each at 60 % of what one took)": f"{max(collectors, 1 if hosts == 1 else 2)}",
        "partitions": str(max(8, 2 ** math.ceil(math.log2(collectors * 3)))),
        "Elasticsearch: cores, nodes": f"{es_cores:,}, {max(nodes, 1 if hosts == 1 else 3)}",
        "primary shards written to": str(max(1, es_cores if es_cores > ES_CORES_A_NODE else math.ceil(es_cores / 2))),
    }


def table():
    columns = [step(hosts) for hosts in STEPS]
    names = list(columns[0])
    lines = ["| " + " | ".join([names[0]] + [c[names[0]] for c in columns]) + " |", "|---" * (len(columns) + 1) + "|"]
    return "\n".join(lines + ["| " + " | ".join([name] + [c[name] for c in columns]) + " |" for name in names[1:]])


# --- a day ---------------------------------------------------------------------------------------

TICK = 15                       # seconds; as often as the autoscaler looks
DAY = 24 * 3600
CAPACITY = 20_000               # records a second that one collector brings in; here Elasticsearch's share, not the CPU's
STORM = (14 * 3600, 14 * 3600 + 20 * 60, 4)
LEAST, MOST = 2, 8              # docker/k8s/keda*: minReplicaCount, maxReplicaCount
THRESHOLD = 50_000              # of both triggers
START_S = 30                    # from the decision to the first record: schedule, pull, join
PAUSE_S = 3                     # a rebalance: what moves stands still
STABLE_S, STABLE_AHEAD_S = 300, 600
WINDOW_S, AHEAD_S = 300, 600    # predict_linear(lag[5m], 600)


def load(t):
    """Records a second: low at night, high in the evening, and a storm in the afternoon that builds up in three minutes."""
    day = 26_000 * (0.55 + 0.45 * math.sin((t - 9 * 3600) / DAY * 2 * math.pi))
    begin, end, times = STORM
    rise = min(1.0, max(0.0, (t - begin) / 180)) if t < end else max(0.0, 1 - (t - end) / 180)
    return day * (1 + (times - 1) * rise)


def slope_ahead(history):
    """predict_linear: least squares over the window, carried on."""
    points = history[-WINDOW_S // TICK:]
    n = len(points)
    if n < 2:
        return points[-1]
    mean_x, mean_y = (n - 1) / 2, sum(points) / n
    slope = sum((i - mean_x) * (y - mean_y) for i, y in enumerate(points)) / sum((i - mean_x) ** 2 for i in range(n)) / TICK
    return max(0.0, points[-1] + slope * AHEAD_S)


def wanted(policy, history):
    if policy == "fixed":
        return 4
    if policy == "by lag":
        return math.ceil(history[-1] / THRESHOLD)
    return math.ceil(max(history[-1], slope_ahead(history)) / THRESHOLD)


def simulate(policy):
    stable = STABLE_AHEAD_S if policy == "by lag and its slope" else STABLE_S
    replicas = 4 if policy == "fixed" else LEAST
    starting, asked, history, lag, pause = [], [], [0.0], 0.0, 0.0
    rows, last_down = [], -10**9
    for t in range(0, DAY, TICK):
        starting, joined = [s for s in starting if s > t], sum(s <= t for s in starting)
        replicas += joined
        pause = PAUSE_S if joined else pause
        work = CAPACITY * replicas * (TICK - pause)
        arrived = load(t) * TICK
        done = min(lag + arrived, work)
        lag, pause = lag + arrived - done, 0.0
        history.append(lag)
        want = min(MOST, max(LEAST, wanted(policy, history)))
        asked = [(at, w) for at, w in [*asked, (t, want)] if at > t - stable]
        have = replicas + len(starting)
        if policy != "fixed" and want > have:
            starting += [t + START_S] * (want - have)
        elif policy != "fixed" and have > max(w for _, w in asked) and t - last_down >= 60:
            replicas, last_down, pause = replicas - 1, t, PAUSE_S
        rows.append((t, load(t), lag, replicas, lag / max(1.0, done / TICK)))
    return rows


POLICIES = ("fixed", "by lag", "by lag and its slope")


def figures(rows):
    return {"worst lag": max(r[2] for r in rows), "worst delay": max(r[4] for r in rows),
            "minutes behind by more than 30 s": sum(r[4] > 30 for r in rows) * TICK / 60, "collector hours": sum(r[3] for r in rows) * TICK / 3600}


def day_table(days):
    lines = ["| scaling | worst lag, records | worst delay | more than 30 s behind | collector hours a day |", "|---|---|---|---|---|"]
    for policy in POLICIES:
        f = figures(days[policy])
        lines.append(f"| {policy} | {f['worst lag']:,.0f} | {f['worst delay']:.0f} s | {f['minutes behind by more than 30 s']:.0f} min | {f['collector hours']:.0f} |")
    return "\n".join(lines)


# --- the plot ------------------------------------------------------------------------------------

WIDE, HIGH, LEFT, TOP = 860, 150, 70, 30
COLOURS = {"load": "#6a7886", "fixed": "#d38b12", "by lag": "#2a6fb5", "by lag and its slope": "#1f8a4c"}


def line(rows, column, top, y, colour):
    points = " ".join(f"{LEFT + r[0] / DAY * WIDE:.1f},{y + HIGH - min(1, r[column] / top) * HIGH:.1f}" for r in rows[::4])
    return f'<polyline fill="none" stroke="{colour}" stroke-width="1.6" points="{points}"/>'


def plot(days):
    parts, y = [], TOP
    panels = (("records a second", 1, ["load"]), ("records behind", 2, POLICIES), ("collectors", 3, POLICIES))
    for title, column, lines in panels:
        rows_of = {name: days["fixed" if name == "load" else name] for name in lines}
        top = max(r[column] for rows in rows_of.values() for r in rows) * 1.05
        parts.append(f'<text x="{LEFT}" y="{y - 8}" font-weight="600">{title}</text>')
        parts.append(f'<rect x="{LEFT}" y="{y}" width="{WIDE}" height="{HIGH}" fill="none" stroke="#d8dee5"/>')
        parts.append(f'<text x="{LEFT - 8}" y="{y + 12}" text-anchor="end">{top:,.0f}</text><text x="{LEFT - 8}" y="{y + HIGH}" text-anchor="end">0</text>')
        parts += [line(rows, column, top, y, COLOURS[name]) for name, rows in rows_of.items()]
        y += HIGH + 46
    parts += [f'<text x="{LEFT + h / 24 * WIDE}" y="{y - 26}" text-anchor="middle">{h}:00</text>' for h in range(0, 25, 4)]
    for i, policy in enumerate(POLICIES):
        parts.append(f'<text x="{LEFT + i * 240}" y="{y}" fill="{COLOURS[policy]}" font-weight="600">{policy}</text>')
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {LEFT + WIDE + 20} {y + 16}" font-family="sans-serif" font-size="13" fill="#1c2733">\n'
            f'<rect width="100%" height="100%" fill="#fff"/>\n' + "\n".join(parts) + "\n</svg>\n")


def put(text, name, content):
    begin, end = f"<!-- {name} -->\n", f"\n<!-- end of {name} -->"
    return text[:text.index(begin) + len(begin)] + content + text[text.index(end):]


def main():
    days = {policy: simulate(policy) for policy in POLICIES}
    page = PAGE.read_text()
    wanted_page = put(put(page, "sizes", table()), "day", day_table(days))
    if "--check" not in sys.argv[1:]:
        PAGE.write_text(wanted_page)
        PLOT.write_text(plot(days))
        return 0
    f = {policy: figures(rows) for policy, rows in days.items()}
    ahead, late = f["by lag and its slope"], f["by lag"]
    held = (ahead["worst lag"] < late["worst lag"] < f["fixed"]["worst lag"] / 10 and ahead["collector hours"] < f["fixed"]["collector hours"] * 0.6)
    stale = wanted_page != page or PLOT.read_text() != plot(days)
    if stale or not held:
        print("docs/scaling.md or its plot is stale: run tests/scaling/scaling.py" if stale else f"the page's claims do not hold: {f}", file=sys.stderr)
    return 1 if stale or not held else 0


if __name__ == "__main__":
    sys.exit(main())
