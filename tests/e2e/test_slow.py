# SPDX-License-Identifier: Apache-2.0
"""A store that is slow and healthy, with far more in the topic than it takes: the collector pauses and waits.

Seen from outside: its memory does not grow, the group does not throw it out, and records go on being stored.  With --long
for ten minutes, twice what the group's session and the client's own patience (max.poll.interval) would forgive.
"""
import json
import os
import time

from fake_http import ByTable, serve
from harness import KAFKA, PARTITIONS, Case
from producer import Producer

MIB = 1 << 20


class SlowStore(ByTable):
    """Every bulk is taken, after a while."""
    SECONDS = 1.5
    ROOT = (200, "application/json", '{"version":{"number":"8.18.0"},"tagline":"You Know, for Search"}')
    STORED = (200, "application/json", '{"took":1500,"errors":false,"items":[]}')
    fields = {"X-Elastic-Product": "Elasticsearch"}

    def do_GET(self):
        self.answer({self.path.split("/")[1]: self.ROOT})

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        time.sleep(self.SECONDS)
        try:
            self.answer({self.path.split("/")[1]: self.STORED})
        except BrokenPipeError:
            pass                                        # at the end the collector goes without waiting


class Slow(Case):
    patient = True
    order = 26
    RECORD = 1000           # bytes
    GROWTH_MIB = 4          # what an allocator may keep for itself
    WARM_S = 8

    def test(self):
        seconds = 600 if self.options.long else 20
        topic, (server, url) = self.topic(), serve(SlowStore)
        try:
            self.fill(topic, 60_000 if not self.options.long else 500_000)
            collector = self.collector(topic, self.index(), elasticsearch={
                "urls": [url], "index": "shop", "concurrency": 2, "bulk_bytes": "512 KiB"},
                kafka={"librdkafka": ["max.poll.interval.ms=10000"]}).start()
            self.wait_until("partitions pause", lambda: collector.metric("pauses_total") > 0, 60)
            self.watch(collector, seconds)
        finally:
            server.shutdown()

    def fill(self, topic, records):
        with Producer(KAFKA, {"compression.type": "lz4", "linger.ms": "20", "queue.buffering.max.messages": "2000000"}) as p:
            for n in range(records):
                p.put(topic, n % PARTITIONS, json.dumps({"message": f"{n} {os.urandom(self.RECORD // 2).hex()}"}).encode())

    def watch(self, collector, seconds):
        begun = time.monotonic()
        rebalances, first, samples = collector.metric("rebalances_total"), collector.metric("records_indexed_total"), []

        def over():
            samples.append((time.monotonic() - begun, collector.memory()))
            return samples[-1][0] >= seconds

        self.wait_until("the time is over", over, seconds + 30)
        warm_s = max(self.WARM_S, seconds / 3)          # queues and pools fill up to their bounds first
        warm = [rss for at, rss in samples if at < warm_s]
        late = [rss for at, rss in samples if at >= warm_s]
        stored = collector.metric("records_indexed_total") - first
        self.figures["stored"], self.figures["rss_MiB"] = stored, f"{max(warm) / MIB:.0f}->{max(late) / MIB:.0f}"
        self.check(collector.metric("rebalances_total") == rebalances, "there was a rebalance")
        self.check(stored > 0, "nothing was stored")
        self.check(max(late) - max(warm) < self.GROWTH_MIB * MIB, f"memory grew from {max(warm)} to {max(late)}")
        self.check(collector.status()["lag"] > 0, "it has caught up: this proves nothing")
        self.check(not collector.status()["trouble"], f"trouble: {collector.status()['trouble']}")
        collector.check_ledger()
        collector.kill()
