# SPDX-License-Identifier: Apache-2.0
"""Documents a second into a real Elasticsearch on this machine, and how the CPU is shared between it and the collector.

Each measurement fills an index of its own with the documents of one topic.  All programs get the same settings of the index and the same bytes.
A round before the first is not counted: the server's compiler is busy then.
"""
import os
import pathlib
import subprocess
import sys
import time

import peers
from inputs import fill, input_file
from measure import DEADLINE_S, MIB, DidNotFinish, ROOT, TICKS, harness, rounds, start_collector, wait_until
from report import table

SETTINGS = {"settings": {"number_of_shards": 1, "number_of_replicas": 0, "refresh_interval": "30s"}}
LINES, QUICK_LINES = 300_000, 50_000
ONE_COMPILER = b"TieredStopAtLevel=1"


class Server:
    """Elasticsearch of the stack; started, and ended, when it does not run."""

    def __init__(self):
        self.folder = pathlib.Path(os.environ.get("SLUICE_STACK_DIR", ROOT / "build/stack")) / "elasticsearch"
        status = subprocess.run(["tests/stack/run", "status"], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True).stdout
        self.ours = "elasticsearch  down" in status
        if self.ours:
            subprocess.run(["./dev", "stack", "up", "elasticsearch"], cwd=ROOT, stdout=sys.stderr, check=True,
                           env={"SLUICE_STACK_JAVA_OPTS": "", **os.environ})
        self.pid = int((self.folder / "pid").read_text())
        self.slow = ONE_COMPILER in pathlib.Path(f"/proc/{self.pid}/cmdline").read_bytes()
        if self.slow:
            print("bench: Elasticsearch runs already, with the first of Java's compilers only: its figures are too low; first ./dev stack down",
                  file=sys.stderr)

    def cpu(self):
        fields = pathlib.Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def stop(self):
        if self.ours:
            subprocess.run(["./dev", "stack", "down", "elasticsearch"], cwd=ROOT, stdout=sys.stderr, check=True)


def indexed(index):
    """Documents that it has taken, without a refresh."""
    return index.ask("GET", f"{index.name}/_stats/indexing")["_all"]["primaries"]["indexing"]["index_total"]


def once(server, start, lines):
    """From the first documents seen to the last: neither a start nor a consumer group's beginning is part of the rate."""
    index = harness.Index(f"bench-{time.monotonic_ns():x}")
    index.ask("PUT", index.name, SETTINGS)
    process, server_before = start(index), server.cpu()
    try:
        if not wait_until(lambda: indexed(index) > 0, DEADLINE_S, process):
            raise DidNotFinish("no document arrived")
        began, first = time.monotonic(), indexed(index)
        if not wait_until(lambda: indexed(index) >= lines, DEADLINE_S, process):
            raise DidNotFinish(f"{indexed(index)} of {lines} documents arrived")
        seconds, cpu, server_cpu = time.monotonic() - began, process.cpu(), server.cpu() - server_before
        if index.count() != lines:
            raise DidNotFinish(f"{index.count()} documents of {lines}")
        return {"rate": (lines - first) / seconds, "us": cpu / lines * 1e6, "server_us": server_cpu / lines * 1e6,
                "part": cpu / (cpu + server_cpu) * 100, "mib": process.memory() / MIB}
    finally:
        process.stop()
        index.delete()


def run(options):
    lines = min(options.lines, QUICK_LINES if options.quick else LINES)
    topic, server = fill(input_file(options), lines), Server()

    def sluice(name, *settings):
        return lambda: once(server, lambda index: start_collector(
            topic, index.url, name, None, "--set", 'elasticsearch.manage_template="off"', *settings, index=index.name), lines)

    plain = ("--set", 'elasticsearch.compression="none"', "--set", 'elasticsearch.id="auto"')
    rows = {"sluice-collector": sluice("es-sluice"), "sluice-collector, not compressed, id = \"auto\"": sluice("es-sluice-plain", *plain)}
    missing = peers.rsyslog_missing("imkafka", "omelasticsearch")
    if not missing:
        rows["rsyslog"] = lambda: once(server, lambda index: peers.rsyslog_collector(
            topic, index.url.rpartition(":")[2], f"rsyslog-{time.monotonic_ns():x}", index.name), lines)
    for name, command in peers.named(options):
        rows[name] = lambda name=name, command=command: once(
            server, lambda index: peers.other(name, command, "collector", topic=topic.name, url=index.url, index=index.name), lines)
    try:
        rounds(rows, 1)
        results = rounds(rows, options.rounds)
    finally:
        server.stop()
        topic.delete()
    if missing:
        results["rsyslog"] = {"failed": missing}
    table("elasticsearch", [f"Kafka to a real Elasticsearch on the same machine, {lines:,} documents", "documents/s", "least to most",
                            "its CPU, us a record", "Elasticsearch's", "its part of both", "peak MiB"],
          [[name, r["failed"]] if "failed" in r else
           [name, f"{r['rate']:,.0f}", f"{r['rate_min']:,.0f} to {r['rate_max']:,.0f}", f"{r['us']:.2f}", f"{r['server_us']:.1f}",
            f"{r['part']:.0f} %", f"{r['mib']:.0f}"] for name, r in results.items()])
    return {"one_compiler": server.slow, "rows": results}
