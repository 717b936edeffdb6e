# SPDX-License-Identifier: Apache-2.0
"""What the cost of a line depends on, and what it does not: one dimension at a time, each as a plot in docs/bench/."""
import subprocess
import time

from inputs import fill, input_file
from measure import (BIN, DEADLINE_S, DIR, MIB, SETTLE_S, DidNotFinish, NullBulk, Topic, measure, rounds, start_collector, start_shipper, wait_until)
from memory import fill_with_quiet, fresh_folder, rest
from plot import line_chart
from report import plot, table


def generate(path, lines, *more):
    subprocess.run([BIN / "sluice-loggen", "--lines", str(lines), "--out", path, *more], check=True, stderr=subprocess.DEVNULL)


# --- shipper -------------------------------------------------------------------------------------

def ship(paths, lines, partitions=8):
    topic = Topic(partitions)
    try:
        return measure(start_shipper(paths, topic, "scale-shipper"), lines, lambda: topic.records() >= lines, DEADLINE_S)
    finally:
        topic.delete()


def active_files(n, lines):
    """The lines stand in n files, all of them to be read."""
    folder = fresh_folder("active")
    generate(DIR / "scale.log", lines)
    with open(DIR / "scale.log", "rb") as f:
        text = f.readlines()
    for i in range(n):
        (folder / f"{i}.log").write_bytes(b"".join(text[i * lines // n:(i + 1) * lines // n]))
    (DIR / "scale.log").unlink()
    return ship([folder / "*.log"], lines)


def quiet_beside(n, lines):
    """One file has the lines and comes last; n - 1 beside it had one each, and are at rest.  CPU from there."""
    folder, topic = fresh_folder("quiet"), Topic()
    fill_with_quiet(folder, n - 1)
    (folder / "first.log").write_text("one line\n")
    generate(DIR / "scale.log", lines)
    process = start_shipper([folder / "*.log"], topic, "scale-quiet")
    try:
        rest(process, n)
        before = process.cpu()
        (DIR / "scale.log").rename(folder / "busy.log")
        if not wait_until(lambda: topic.records() >= lines + n, DEADLINE_S, process):
            raise DidNotFinish("the busy file was not shipped")
        time.sleep(SETTLE_S)
        return {"us": (process.cpu() - before) / lines * 1e6, "mib": process.memory() / MIB}
    finally:
        process.stop()
        topic.delete()


def line_length(n, lines):
    folder = fresh_folder("length")
    if n < 200:
        (folder / "a.log").write_bytes(b"".join(b"%0*d\n" % (n, i) for i in range(lines)))
    else:
        lines = max(2000, min(lines, 100_000_000 // n))
        generate(folder / "a.log", lines, "--long", str(n))
    return ship([folder / "*.log"], lines)


def partitions(n, lines):
    folder = fresh_folder("partitions")
    generate(DIR / "scale.log", lines)
    subprocess.run(["split", "-n", "l/64", DIR / "scale.log", folder / "part-"], check=True)
    (DIR / "scale.log").unlink()
    return ship([folder / "part-*"], lines, n)


# --- collector -----------------------------------------------------------------------------------

def collect(topic, lines, collectors=1, nodes=1, workers=1):
    """CPU of all collectors together, from their start; from the first documents on the rate, in records and in bytes of bodies before
    they are compressed, and the cores that are kept busy."""
    bulks = [NullBulk() for _ in range(nodes)]
    group = f"scale-{time.monotonic_ns():x}"
    url = ",".join(b.url for b in bulks)
    running = [start_collector(topic, url, f"scale-collector-{i}", group, "--set", f"elasticsearch.workers={workers}") for i in range(collectors)]
    arrived = lambda: sum(b.documents() for b in bulks)         # noqa: E731
    raw = lambda: sum(b.count()["raw_bytes"] for b in bulks)    # noqa: E731
    cpu = lambda: sum(p.cpu() for p in running)                 # noqa: E731
    try:
        if not wait_until(arrived, DEADLINE_S, running[0]):
            raise DidNotFinish("no document arrived")
        began, first, first_raw, before = time.monotonic(), arrived(), raw(), cpu()
        if not wait_until(lambda: arrived() >= lines, DEADLINE_S, running[0]):
            raise DidNotFinish("not all documents arrived")
        wall, busy, bodies = time.monotonic() - began, cpu() - before, raw() - first_raw
        time.sleep(SETTLE_S)
        return {"us": cpu() / lines * 1e6, "mib": max(p.memory() for p in running) / MIB, "rate": (lines - first) / wall,
                "mb_per_s": bodies / wall / 1e6, "cores": busy / wall}
    finally:
        for process in [*running, *bulks]:
            process.stop()


# --- all of it -----------------------------------------------------------------------------------

def sweep(name, title, x_name, values, once, options):
    """Alternating too: each round measures every point, and the medians are drawn."""
    results = rounds({f"{title}, {x_name}: {value:,}": lambda value=value: once(value) for value in values}, options.rounds)
    points = [{"x": value, **r} for value, r in zip(values, results.values()) if "us" in r]
    if points:
        plot(name, line_chart(title, x_name, "CPU, microseconds a line", {"": [(p["x"], p["us"]) for p in points]}))
    return points


SWEEPS = {      # the key of its figures: the plot, and its title, x, values
    "quiet_beside": ("files", "shipper", "quiet files beside the busy one", (1, 10, 100, 1000, 10_000)),
    "active": ("active-files", "shipper", "files that share the lines", (1, 10, 100, 1000, 10_000)),
    "length": ("line-length", "shipper", "bytes of a line", (20, 100, 1000, 10_000, 100_000)),
    "partitions": ("partitions", "shipper", "partitions of the topic", (1, 8, 32, 128)),
    "nodes": ("nodes", "collector", "nodes", (1, 2, 4, 8)),
    "workers": ("workers", "collector", "threads that compress", (1, 2, 4)),
    "collectors": ("collectors", "collectors together", "collectors", (1, 2, 4)),
}


def run(options):
    lines = min(options.lines, 100_000 if options.quick else 200_000)
    records = options.lines
    topic = fill(input_file(options), records)
    once = {
        "quiet_beside": lambda n: quiet_beside(n, lines),
        "active": lambda n: active_files(n, lines),
        "length": lambda n: line_length(n, lines),
        "partitions": lambda n: partitions(n, lines),
        "nodes": lambda n: collect(topic, records, nodes=n),
        "workers": lambda n: collect(topic, records, workers=n),
        "collectors": lambda n: collect(topic, records, collectors=n),
    }
    result = {key: sweep(*row, once[key], options) for key, row in SWEEPS.items()}
    topic.delete()
    table("scale", ["", "", "CPU, us a line", "records/s", "bodies, MB/s", "cores busy"],
          [["" if i else f"{SWEEPS[key][1]}, by {SWEEPS[key][2]}", f"{p['x']:,}", f"{p['us']:.2f}", f"{p['rate']:,.0f}" if "rate" in p else "",
            f"{p['mb_per_s']:,.0f}" if "mb_per_s" in p else "", f"{p['cores']:.2f}" if "cores" in p else ""] for key, points in result.items() for i, p in enumerate(points)])
    return result
