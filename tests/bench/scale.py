# SPDX-License-Identifier: Apache-2.0
"""What the cost of a line depends on, and what it does not: one dimension at a time, each as a plot in docs/bench/."""
import shutil
import subprocess
import sys
import time

import parts
from measure import (BIN, DIR, MIB, ROOT, DidNotFinish, NullBulk, Topic, measure, metric, start_collector, start_shipper, wait_until)
from plot import line_chart

DEADLINE_S = 300
OUT = ROOT / "docs/bench"


def generate(path, lines, *more):
    subprocess.run([BIN / "sluice-loggen", "--lines", str(lines), "--out", path, *more], check=True, stderr=subprocess.DEVNULL)


def fresh_folder(name):
    folder = DIR / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    return folder


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
    """One file has the lines; n - 1 beside it have one each."""
    folder = fresh_folder("quiet")
    for i in range(n - 1):
        (folder / f"{i}.log").write_bytes(b"one line, and then nothing, n=q-%d\n" % i)
    generate(folder / "busy.log", lines)
    return ship([folder / "*.log"], lines + n - 1)


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


def quiet_files(n, seconds):
    """Start with a line in each, then nothing happens: CPU to the last acknowledgement, CPU while quiet, memory."""
    folder, topic = fresh_folder("idle"), Topic()
    for i in range(n):
        (folder / f"{i}.log").write_bytes(b"one line, and then nothing, n=q-%d\n" % i)
    process = start_shipper([folder / "*.log"], topic, "scale-idle")
    try:
        if not wait_until(lambda: metric(process, "sluice_shipper_lines_acked_total") >= n, 120, process):
            raise DidNotFinish("the quiet files were not shipped")
        time.sleep(3)
        start = process.cpu()
        time.sleep(seconds)
        return {"files": n, "start_s": start, "idle_percent": (process.cpu() - start) / seconds * 100,
                "mib": process.memory("VmRSS") / MIB, "peak_mib": process.memory() / MIB, "seconds": seconds}
    finally:
        process.stop()
        topic.delete()


# --- collector -----------------------------------------------------------------------------------

def collect(topic, lines, collectors=1, nodes=1):
    """CPU of all collectors together."""
    bulks = [NullBulk() for _ in range(nodes)]
    group = f"scale-{time.monotonic_ns():x}"
    url = ",".join(b.url for b in bulks)
    running = [start_collector(topic, url, f"scale-collector-{i}", group) for i in range(collectors)]
    try:
        began = time.monotonic()
        if not wait_until(lambda: sum(b.documents() for b in bulks) >= lines, DEADLINE_S, running[0]):
            raise DidNotFinish("not all documents arrived")
        wall = time.monotonic() - began
        time.sleep(0.3)
        return {"us": sum(p.cpu() for p in running) / lines * 1e6, "mib": max(p.memory() for p in running) / MIB, "wall_s": wall}
    finally:
        for process in [*running, *bulks]:
            process.stop()


# --- all of it -----------------------------------------------------------------------------------

def sweep(name, title, x_name, values, once):
    points = []
    for value in values:
        print(f"  {title}: {value}", file=sys.stderr, flush=True)
        try:
            points.append({"x": value, **once(value)})
        except DidNotFinish as why:
            print(f"  {title}: {value}: {why}", file=sys.stderr)
    print(f"{title + ', by ' + x_name:58}" + "  ".join(f"{p['x']:,}: {p['us']:.2f}" for p in points))
    OUT.mkdir(exist_ok=True)
    (OUT / f"{name}.svg").write_text(line_chart(title, x_name, "CPU, microseconds a line", {"": [(p["x"], p["us"]) for p in points]}))
    return points


def run(options):
    lines = min(options.lines, 100_000 if options.quick else 200_000)
    quick = options.quick
    print(f"\nscale: CPU in microseconds a line, {lines:,} lines a point")
    result = {"quiet": quiet_files(10_000, 20 if quick else 60)}
    print("10,000 quiet files: {start_s:.2f} s of CPU to start and ship a line of each, then {idle_percent:.2f} % of a core over "
          "{seconds} s; {mib:.1f} MiB, at most {peak_mib:.1f}".format(**result["quiet"]))
    result["quiet_beside"] = sweep("files", "shipper", "quiet files beside the busy one", [1, 10, 100, 1000, 10_000],
                                   lambda n: quiet_beside(n, lines))
    result["active"] = sweep("active-files", "shipper", "files that share the lines", [1, 10, 100, 1000, 10_000],
                             lambda n: active_files(n, lines))
    result["length"] = sweep("line-length", "shipper", "bytes of a line", [20, 100, 1000, 10_000, 100_000],
                             lambda n: line_length(n, lines))
    result["partitions"] = sweep("partitions", "shipper", "partitions of the topic", [1, 8, 32, 128], lambda n: partitions(n, lines))
    topic = parts.fill(parts.input_file(options), options.lines, partitions=8)
    result["nodes"] = sweep("nodes", "collector", "nodes", [1, 2, 4, 8], lambda n: collect(topic, options.lines, nodes=n))
    result["collectors"] = sweep("collectors", "collectors together", "collectors", [1, 2, 4],
                                 lambda n: collect(topic, options.lines, collectors=n))
    topic.delete()
    return result
