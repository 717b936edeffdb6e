# SPDX-License-Identifier: Apache-2.0
"""What the benchmarks share: processes and what they cost, topics, the endpoint that stores nothing, medians.

The figure that counts is CPU per record: user and system time of the process from /proc/PID/stat, read when its last record
is acknowledged.  It barely depends on what else the machine does; wall time does.
"""
import json
import os
import pathlib
import re
import shutil
import statistics
import subprocess
import sys
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/e2e"))
import harness  # noqa: E402
import kafka    # noqa: E402

BIN = harness.BIN                       # $SLUICE_BIN, or the release build
BENCH = BIN.parent / "bench"
DIR = ROOT / "build/bench"
KAFKA = harness.KAFKA
MIB = 1 << 20
TICKS = os.sysconf("SC_CLK_TCK")
SETTLE_S = 0.3          # the last acknowledgement is on its way to the process
POLL_S = 0.05
DEADLINE_S = 300


class DidNotFinish(Exception):
    pass


class Process:
    """A program under measurement; its input is a pipe that stays open until stop()."""

    def __init__(self, name, command, env=None):
        self.name = name
        self.log = open(DIR / f"{name.replace(' ', '-').replace('/', '-')}.log", "ab")
        self.popen = subprocess.Popen([str(c) for c in command], cwd=DIR, stdin=subprocess.PIPE, stdout=self.log, stderr=self.log,
                                      env={**os.environ, **(env or {})}, start_new_session=True)
        self.began = time.monotonic()

    def pids(self):
        """The process and its children: a peer may be started by a shell."""
        found, todo = [], [self.popen.pid]
        while todo:
            pid = todo.pop()
            try:
                for task in os.listdir(f"/proc/{pid}/task"):
                    todo += map(int, pathlib.Path(f"/proc/{pid}/task/{task}/children").read_text().split())
                found.append(pid)
            except (FileNotFoundError, ProcessLookupError):
                pass
        return found

    def cpu(self):
        """Seconds of user and system time so far."""
        total = 0
        for pid in self.pids():
            fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            total += int(fields[11]) + int(fields[12])
        return total / TICKS

    def memory(self, what="VmHWM"):
        return sum(int(re.search(rf"^{what}:\s+(\d+) kB", pathlib.Path(f"/proc/{pid}/status").read_text(), re.M)[1]) * 1024
                   for pid in self.pids())

    def alive(self):
        return self.popen.poll() is None

    def stop(self):
        self.popen.stdin.close()
        if self.alive():
            os.killpg(self.popen.pid, 15)
        try:
            self.popen.wait(15)
        except subprocess.TimeoutExpired:
            os.killpg(self.popen.pid, 9)
            self.popen.wait()
        self.log.close()


def wait_until(condition, seconds, process=None):
    """False: not within that time, or the process has ended before."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline or (process and not process.alive()):
            return False
        time.sleep(POLL_S)
    return True


def measure(process, records, done, seconds):
    """{us: CPU per record, mib: peak memory, wall_s}; stops the process."""
    try:
        if not wait_until(done, seconds, process):
            raise DidNotFinish(f"{process.name}: {'not within %d s' % seconds if process.alive() else 'it ended'}")
        wall = time.monotonic() - process.began
        time.sleep(SETTLE_S)
        return {"us": process.cpu() / records * 1e6, "mib": process.memory() / MIB, "wall_s": wall}
    finally:
        process.stop()


# --- servers -------------------------------------------------------------------------------------

class Topic:
    count = 0

    def __init__(self, partitions=8):
        Topic.count += 1
        self.name = f"bench-{harness.RUN}-{Topic.count}"
        self.partitions = partitions
        harness.run("tests/stack/topic", "create", self.name, str(partitions))

    def records(self):
        try:
            return sum(kafka.end_offsets(KAFKA, self.name, self.partitions).values())
        except OSError:         # a partition that is not led yet
            return 0

    def delete(self):
        harness.run("tests/stack/topic", "delete", self.name)


class NullBulk:
    """The endpoint that takes every document and stores none."""

    def __init__(self, *arguments):
        self.port = harness.free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.popen = subprocess.Popen([BENCH / "bench_null_bulk", str(self.port), *map(str, arguments)])
        if not wait_until(self.answers, 10):
            raise DidNotFinish("null_bulk does not answer")

    def answers(self):
        try:
            return self.count() is not None
        except OSError:
            return False

    def count(self):
        with urllib.request.urlopen(self.url + "/count", timeout=30) as answer:
            return json.load(answer)

    def documents(self):
        return self.count()["documents"]

    def stop(self):
        self.popen.terminate()
        self.popen.wait()


# --- programs ------------------------------------------------------------------------------------

def start_shipper(paths, topic, name="sluice-shipper", *more, before=()):
    """With default settings; its state is new.  before: a command that starts it."""
    state = DIR / "state"
    shutil.rmtree(state, ignore_errors=True)
    port = harness.free_port()
    process = Process(name, [*before, BIN / "sluice-shipper", "--brokers", KAFKA, "--topic", topic.name, "--service", "bench", "--state",
                             state, "--http", f"127.0.0.1:{port}", *more, *paths])
    process.url = f"http://127.0.0.1:{port}"
    return process


def start_collector(topic, url, name="sluice-collector", group=None, *more, index="logs-{service.name}-default", before=()):
    group = group or f"bench-{time.monotonic_ns():x}"
    port = harness.free_port()
    urls = ", ".join(f'"{u}"' for u in url.split(","))
    process = Process(name, [*before, BIN / "sluice-collector", "--brokers", KAFKA, "--topic", topic.name, "--group", group, "--set",
                             f"elasticsearch.urls=[{urls}]", "--index", index, "--http", f"127.0.0.1:{port}", *more])
    process.url = f"http://127.0.0.1:{port}"
    return process


def metric(process, name):
    """-1 while it does not answer."""
    try:
        with urllib.request.urlopen(process.url + "/metrics", timeout=5) as answer:
            return harness.Metrics(answer.read().decode()).sum(name)
    except OSError:
        return -1


# --- results -------------------------------------------------------------------------------------

def rounds(rows, n):
    """rows: {name: function of no arguments that measures once}.  Alternating, so that what else the machine does meets all."""
    results = {name: [] for name in rows}
    failed = {}
    for i in range(n):
        for name, once in rows.items():
            if name in failed:
                continue
            print(f"  round {i + 1} of {n}: {name}", file=sys.stderr, flush=True)
            try:
                results[name].append(once())
            except DidNotFinish as why:
                failed[name] = str(why)
    return {name: {"failed": failed[name]} if name in failed else summary(v) for name, v in results.items()}


def summary(values):
    """The median of each figure, and of CPU and rate the least and the largest."""
    out = {key: statistics.median(v[key] for v in values) for key in values[0]}
    for key in {"us", "rate"} & out.keys():
        out.update({f"{key}_min": min(v[key] for v in values), f"{key}_max": max(v[key] for v in values)})
    return {**out, "rounds": len(values)}


def add_ratios(results, floor):
    for row in results.values():
        if "us" in row and "us" in results.get(floor, {}):
            row["of_floor"] = row["us"] / results[floor]["us"]
