# SPDX-License-Identifier: Apache-2.0
"""The parts of ./dev bench that have no file of their own; each prints its table and returns its figures."""
import json
import os
import shutil
import subprocess
import time

import peers
from inputs import fill, input_file
from measure import (BENCH, DEADLINE_S, DIR, KAFKA, DidNotFinish, NullBulk, Process, Topic, add_ratios, measure, metric, rounds,
                     start_collector, start_shipper, wait_until)
from report import table

FLOOR = "floor"


def costs(name, title, results):
    """The table of programs that do the same work."""
    add_ratios(results, FLOOR)
    table(name, [title, "CPU, us a record", "least to most", "of the floor", "peak MiB"],
          [[row, r["failed"]] if "failed" in r else
           [row, f"{r['us']:.2f}", f"{r['us_min']:.2f} to {r['us_max']:.2f}", f"{r['of_floor']:.2f}" if "of_floor" in r else "", f"{r['mib']:.0f}"]
           for row, r in results.items()])


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


def small_events(path):
    """A configuration: time, id, message and offset."""
    config = DIR / "small.cfg"
    config.write_text(f'inputs = ( {{ paths = [ "{path}" ]; event = "small"; }} );\n')
    return config


def shipper(options):
    path, n = input_file(options), options.lines
    acked = lambda p: metric(p, "sluice_shipper_lines_acked_total") >= n            # noqa: E731
    floor = lambda t, *more: Process("floor-shipper", [BENCH / "bench_floor_shipper", KAFKA, t.name, path, *more])   # noqa: E731
    rows = {FLOOR: lambda: shipped(floor, n),
            "sluice-shipper": lambda: shipped(lambda t: start_shipper([path], t), n)}
    rows["sluice-shipper, smallest event"] = lambda: shipped(
        lambda t: start_shipper([], t, "sluice-shipper-small", "-c", small_events(path)), n)
    rows["sluice-shipper, batch format"] = lambda: shipped(
            lambda t: start_shipper([path], t, "sluice-shipper-batch", "--format", "batch"), n, acked)
    if shutil.which("lz4"):
        rows["lz4 -1"] = lambda: lz4_alone(path, n)
    missing = peers.rsyslog_missing("imfile", "omkafka")
    if not missing:
        rows["rsyslog"] = lambda: shipped(lambda t: peers.rsyslog_shipper([path], t), n)
    for name, command in peers.named(options):
        rows[name] = lambda name=name, command=command: shipped(
            lambda t: peers.other(name, command, "shipper", topic=t.name, input=path), n)
    results = rounds(rows, options.rounds)
    if missing:
        results["rsyslog"] = {"failed": missing}
    costs("shipper", "shipper: file to Kafka, acks from all, lz4", results)
    return {"rows": results}


# --- collector -----------------------------------------------------------------------------------

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
    for name, command in peers.named(options):
        rows[name] = lambda name=name, command=command: indexed(
            lambda b: peers.other(name, command, "collector", topic=topic.name, url=b.url), n)
    results = rounds(rows, options.rounds)
    if missing:
        results["rsyslog, not compressed"] = {"failed": missing}
    costs("collector", "collector: Kafka to _bulk, gzip level 1, a verdict per document", results)
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
        if bulk:
            bulk.count()                                # which writes out its stamps
        paths = {"readable": seen_path, **({"bulk": bulk_path} if bulk else {})}
        return {f"{where} {what}": value for where, path in paths.items() for what, value in percentiles(written, read_stamps(path)).items()}
    finally:
        for process in running:
            process.stop()
        if bulk:
            bulk.stop()
        topic.delete()


def latency(options):
    seconds = 3 if options.quick else 10
    rows = {f"sluice, {rate}/s": lambda rate=rate: latency_once(rate, max(20, rate * seconds), lambda p, t: start_shipper(p, t), True)
            for rate in (2, 100, 1000, 10000)}
    missing = peers.rsyslog_missing("imfile", "omkafka")
    if not missing:
        rows["rsyslog, 1000/s"] = lambda: latency_once(1000, 1000 * seconds, peers.rsyslog_shipper, False)
    results = rounds(rows, options.rounds)
    if missing:
        results["rsyslog, 1000/s"] = {"failed": missing}
    shown = [f"{where} {what}" for where in ("readable", "bulk") for what in ("p50", "p99", "p99.9")]
    table("latency", ["latency in ms from the write(2) of the line", *shown],
          [[name, r["failed"]] if "failed" in r else [name, *(f"{r[key]:.1f}" for key in shown if key in r)] for name, r in results.items()])
    return {"rows": results}


# --- micro ---------------------------------------------------------------------------------------

def micro(options):
    path = input_file(options)
    text = subprocess.run([BENCH / "bench_micro", path], stdout=subprocess.PIPE, text=True, check=True).stdout
    rows = [json.loads(line) for line in text.splitlines()]
    copy = next(r["gb_per_s"] for r in rows if r["name"] == "memcpy")
    for r in rows:
        r["of_memcpy"] = r["gb_per_s"] / copy
    table("micro", ["step", "GB/s", "of memcpy", "ns an item"],
          [[r["name"], f"{r['gb_per_s']:.2f}", f"{r['of_memcpy']:.3f}", "" if r["name"] == "memcpy" else f"{r['ns_per_item']:.0f}"] for r in rows])
    return rows
