# SPDX-License-Identifier: Apache-2.0
"""The parts of ./dev bench; each prints its table and returns its figures."""
import json
import os
import statistics
import subprocess
import sys
import time

import peers
from measure import (BENCH, BIN, DIR, KAFKA, DidNotFinish, NullBulk, Process, Topic, add_ratios, measure, metric, rounds,
                     start_collector, start_shipper, table, wait_until)

DEADLINE_S = 300
FLOOR = "floor"


def input_file(options):
    """The lines of this run; those of --input are repeated until there are enough."""
    path = DIR / "input.log"
    if path.exists():
        return path
    if not options.input:
        subprocess.run([BIN / "sluice-loggen", "--lines", str(options.lines), "--out", path], check=True, stderr=subprocess.DEVNULL)
        return path
    lines = options.input.read_bytes().splitlines(keepends=True)
    if not lines:
        sys.exit(f"bench: {options.input}: is empty")
    if not lines[-1].endswith(b"\n"):
        lines[-1] += b"\n"
    with open(path, "wb") as out:
        for start in range(0, options.lines, len(lines)):
            out.writelines(lines[:options.lines - start])
    return path


def describe(path):
    """How the lines look, so that a run can be compared with another input's."""
    with open(path, "rb") as f:
        data = f.read(20_000_000)
    data = data[:data.rindex(b"\n") + 1]
    lengths = sorted(map(len, data[:-1].split(b"\n")))
    n = len(lengths)
    facts = {"bytes_mean": statistics.fmean(lengths), "bytes_p50": lengths[n // 2], "bytes_p90": lengths[n * 9 // 10],
             "bytes_p99": lengths[n * 99 // 100], "bytes_max": lengths[-1],
             "escapes_per_1000": 1000 * sum(data.count(bytes([c])) for c in [*range(0x20), 0x22, 0x5c] if c != 10) / len(data),
             "above_ascii_per_1000": 1000 * sum(c >= 0x80 for c in data[:2_000_000]) / min(len(data), 2_000_000)}
    packed = subprocess.run(["lz4", "-1", "-c"], input=data, stdout=subprocess.PIPE).stdout if have("lz4") else b""
    if packed:
        facts["lz4_ratio"] = len(data) / len(packed)
    print("input: lines of {bytes_mean:.0f} bytes (p50 {bytes_p50}, p90 {bytes_p90}, p99 {bytes_p99}, longest {bytes_max}); of 1,000 bytes "
          "{escapes_per_1000:.1f} need an escape, {above_ascii_per_1000:.1f} are above ASCII; ".format(**facts)
          + (f"lz4 -1 makes it {facts['lz4_ratio']:.1f} times smaller" if packed else "lz4 is not installed"))
    return facts


def have(program):
    return subprocess.run(["which", program], stdout=subprocess.DEVNULL).returncode == 0


def named_peers(options):
    for peer in options.peer:
        name, equals, command = peer.partition("=")
        if not equals:
            sys.exit(f"bench: --peer {peer}: is not NAME=COMMAND")
        yield name, command


# --- shipper -------------------------------------------------------------------------------------

def shipped(start, lines, done=None):
    """Measures once: from the file into a topic of its own."""
    topic = Topic()
    try:
        process = start(topic)
        return measure(process, lines, (lambda: done(process)) if done else lambda: topic.records() >= lines, DEADLINE_S)
    finally:
        topic.delete()


def lz4_alone(path, lines):
    """`lz4 -1` of the same bytes."""
    before = time.monotonic()
    process = subprocess.Popen(["lz4", "-1", "-f", "-q", path, DIR / "input.lz4"])
    _, _, usage = os.wait4(process.pid, 0)
    return {"us": (usage.ru_utime + usage.ru_stime) / lines * 1e6, "mib": usage.ru_maxrss / 1024, "wall_s": time.monotonic() - before}


def shipper(options):
    path, n = input_file(options), options.lines
    facts = describe(path)
    acked = lambda p: metric(p, "sluice_shipper_lines_acked_total") >= n            # noqa: E731
    floor = lambda t, *more: Process("floor-shipper", [BENCH / "bench_floor_shipper", KAFKA, t.name, path, *more])   # noqa: E731
    rows = {FLOOR: lambda: shipped(floor, n),
            "sluice-shipper": lambda: shipped(lambda t: start_shipper([path], t), n)}
    rows["sluice-shipper, batch format"] = lambda: shipped(
            lambda t: start_shipper([path], t, "sluice-shipper-batch", "--format", "batch"), n, acked)
    if have("lz4"):
        rows["lz4 -1"] = lambda: lz4_alone(path, n)
    missing = peers.rsyslog_missing("imfile", "omkafka")
    if not missing:
        rows["rsyslog"] = lambda: shipped(lambda t: peers.rsyslog_shipper([path], t), n)
    for name, command in named_peers(options):
        rows[name] = lambda name=name, command=command: shipped(
            lambda t: peers.other(name, command, "shipper", topic=t.name, input=path), n)
    results = rounds(rows, options.rounds)
    if missing:
        results["rsyslog"] = {"failed": missing}
    add_ratios(results, FLOOR)
    table("shipper: file to Kafka, acks from all, lz4", results)
    return {"input": facts, "rows": results}


# --- collector -----------------------------------------------------------------------------------

def fill(path, lines, partitions=8, files=16):
    """A topic with the events of the input, from several files, so that every partition has some."""
    folder = DIR / "split"
    if not folder.exists():
        folder.mkdir()
        subprocess.run(["split", "-n", f"l/{files}", path, folder / "part-"], check=True)
    topic = Topic(partitions)
    process = start_shipper([folder / "part-*"], topic, "fill")
    try:
        if not wait_until(lambda: topic.records() >= lines, DEADLINE_S, process):
            sys.exit("bench: the topic could not be filled; see build/bench/fill.log")
    finally:
        process.stop()
    return topic


def indexed(start, lines):
    bulk = NullBulk()
    try:
        got = measure(start(bulk), lines, lambda: bulk.documents() >= lines, DEADLINE_S)
        count = bulk.count()
        return {**got, "documents_a_bulk": count["documents"] / count["requests"], "sent_bytes": count["sent_bytes"] / lines}
    finally:
        bulk.stop()


def collector(options):
    path, n = input_file(options), options.lines
    topic = fill(path, n)
    floor = lambda b, *more: Process("floor-collector", [BENCH / "bench_floor_collector", KAFKA, topic.name, b.url + "/_bulk",  # noqa: E731
                                                         str(n), *more])
    rows = {FLOOR: lambda: indexed(floor, n),
            "floor, not compressed": lambda: indexed(lambda b: floor(b, "plain"), n),
            "sluice-collector": lambda: indexed(lambda b: start_collector(topic, b.url), n),
            "sluice-collector, not compressed": lambda: indexed(
                lambda b: start_collector(topic, b.url, "sluice-collector-plain", None, "--set", 'elasticsearch.compression="none"'), n)}
    missing = peers.rsyslog_missing("imkafka", "omelasticsearch")
    if not missing:
        rows["rsyslog, not compressed"] = lambda: indexed(
            lambda b: peers.rsyslog_collector(topic, b.port, f"rsyslog-{time.monotonic_ns():x}"), n)
    for name, command in named_peers(options):
        rows[name] = lambda name=name, command=command: indexed(
            lambda b: peers.other(name, command, "collector", topic=topic.name, url=b.url), n)
    results = rounds(rows, options.rounds)
    if missing:
        results["rsyslog, not compressed"] = {"failed": missing}
    add_ratios(results, FLOOR)
    table("collector: Kafka to _bulk, gzip level 1, a verdict per document", results)
    topic.delete()
    return {"rows": results}


# --- latency -------------------------------------------------------------------------------------

def read_stamps(path):
    return {int(a): int(b) for a, b in (line.split() for line in path.read_text().splitlines() if line[0].isdigit())}


def percentiles(begin, end):
    ms = sorted((end[n] - begin[n]) / 1e6 for n in begin if n in end)
    if len(ms) < len(begin):
        raise DidNotFinish(f"{len(begin) - len(ms)} of {len(begin)} lines were not seen")
    return {"p50": ms[len(ms) // 2], "p99": ms[len(ms) * 99 // 100], "p99.9": ms[len(ms) * 999 // 1000], "max": ms[-1]}


def latency_once(rate, count, start, with_collector):
    """Line written to record readable by an outside consumer, and to bulk answer, in milliseconds."""
    topic, log = Topic(), DIR / "latency.log"
    seen_path, bulk_path, written_path = DIR / "seen", DIR / "bulk", DIR / "written"
    log.write_bytes(b"")
    bulk = NullBulk("--stamps", bulk_path) if with_collector else None
    running = [start([log], topic)]
    try:
        if bulk:
            running.append(start_collector(topic, bulk.url))
        with open(seen_path, "w") as seen:
            observer = subprocess.Popen([BENCH / "bench_observe", KAFKA, topic.name, str(count + 1)], stdout=seen)
        if not wait_until(lambda: "ready" in seen_path.read_text(), 30):
            raise DidNotFinish("the observer found no end of the topic")
        with open(log, "a") as f:                       # one line on its own: everything is connected then
            f.write("warm n=w-999999999\n")
        if not wait_until(lambda: topic.records() == 1, 60) or (bulk and not wait_until(lambda: bulk.documents() == 1, 60)):
            raise DidNotFinish("the first line did not arrive")
        with open(written_path, "w") as written:
            subprocess.run([BENCH / "bench_write_lines", log, str(rate), str(count)], stdout=written, check=True)
        if observer.wait(60) != 0 or (bulk and not wait_until(lambda: bulk.documents() >= count + 1, 60)):
            raise DidNotFinish("not every line was seen")
        written = read_stamps(written_path)
        out = {"readable": percentiles(written, read_stamps(seen_path))}
        if bulk:
            bulk.count()                                # which writes out its stamps
            out["bulk"] = percentiles(written, read_stamps(bulk_path))
        return out
    finally:
        for process in running:
            process.stop()
        if bulk:
            bulk.stop()
        topic.delete()


def latency(options):
    seconds = 5 if options.quick else 15
    runs = [(rate, max(20, rate * seconds)) for rate in (100, 1000, 10000)]
    results = {}
    for rate, count in [(2, 20), *runs]:
        print(f"  {rate} lines a second", file=sys.stderr, flush=True)
        results[f"sluice, {rate}/s"] = latency_once(rate, count, lambda p, t: start_shipper(p, t), True)
    if not peers.rsyslog_missing("imfile", "omkafka"):
        print("  rsyslog", file=sys.stderr, flush=True)
        try:
            results["rsyslog, 1000/s"] = latency_once(1000, 1000 * seconds, peers.rsyslog_shipper, False)
        except DidNotFinish as why:
            results["rsyslog, 1000/s"] = {"failed": str(why)}
    print(f"\nlatency in ms, from the write(2) of the line\n{'':24} {'readable by a consumer':^32} {'bulk answered':^32}\n"
          f"{'':24}" + " {:>7} {:>7} {:>7} {:>8}".format("p50", "p99", "p99.9", "max") * 2)
    for name, r in results.items():
        print(f"{name:24}" + ("".join(f" {r[k]['p50']:7.1f} {r[k]['p99']:7.1f} {r[k]['p99.9']:7.1f} {r[k]['max']:8.1f}"
                                      for k in ("readable", "bulk") if k in r) if "failed" not in r else " " + r["failed"]))
    return results


# --- micro ---------------------------------------------------------------------------------------

def micro(options):
    path = input_file(options)
    text = subprocess.run([BENCH / "bench_micro", path], stdout=subprocess.PIPE, text=True, check=True).stdout
    rows = [json.loads(line) for line in text.splitlines()]
    copy = next(r["gb_per_s"] for r in rows if r["name"] == "memcpy")
    print(f"\nmicro\n{'':34} {'GB/s':>8} {'of memcpy':>10} {'ns/item':>9}")
    for r in rows:
        r["of_memcpy"] = r["gb_per_s"] / copy
        print(f"{r['name']:34} {r['gb_per_s']:8.2f} {r['of_memcpy']:10.3f} {r['ns_per_item']:9.1f}")
    return rows


def scale(options):
    import scale as module
    return module.run(options)

