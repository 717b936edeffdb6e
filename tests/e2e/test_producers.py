# SPDX-License-Identifier: Apache-2.0
"""Records as other producers write them: any codec, transactions, tombstones, in topics found by an expression.

What a transaction aborted is not indexed, and what is no record (the marks of transactions) holds up neither --once nor
the group's position nor the lag.  Topics and partitions that come later are taken."""
import json

import kafka
from harness import KAFKA, PARTITIONS, Case, run
from producer import Producer

CODECS = ("none", "gzip", "snappy", "lz4", "zstd")
EACH = 200


class Producers(Case):
    order = 20

    def test(self):
        self.expected, self.n = set(), 0
        self.prefix = f"{self.unique}-in"
        self.first, self.second = self.topic("in-a"), self.topic("in-b")
        self.collect = self.collector(f"^{self.prefix}-.*", self.index(), kafka={
            "librdkafka": ["topic.metadata.refresh.interval.ms=1000"]})
        self.places = [(self.first, PARTITIONS), (self.second, PARTITIONS)]
        self.every_codec()
        self.transactions()
        self.once()
        self.later()

    def value(self, counts=True):
        self.n += 1
        if counts:
            self.expected.add(self.n)
        return json.dumps({"message": f"record {self.n}", "labels": {"n": str(self.n)}}).encode()

    def every_codec(self):
        for codec in CODECS:
            with Producer(KAFKA, {"compression.type": codec}) as producer:
                for i in range(EACH):
                    producer.put(self.first, i % PARTITIONS, self.value())
        with Producer(KAFKA) as producer:
            producer.put(self.first, 0, None)

    def transactions(self):
        """Each partition ends in another way: with a committed one, an aborted one, and one that is nothing else."""
        with Producer(KAFKA, {"transactional.id": self.unique, "compression.type": "lz4"}) as producer:
            producer.init()
            for partitions, commit in ((range(0, 6), True), (range(2, 6), False), (range(4, 6), True), (range(6, 7), False)):
                producer.transaction([(self.second, p, self.value(commit)) for p in partitions for _ in range(EACH)], commit)

    def once(self):
        self.collect.run_once()
        self.found(self.indexes[0])
        self.check(not list(self.not_at_its_end()), f"{list(self.not_at_its_end())}")

    def found(self, index):
        documents = [source for _, source in index.documents(("labels.n",))]
        numbers = {int(source["labels"]["n"]) for source in documents}
        self.check(numbers == self.expected, f"{len(self.expected - numbers)} lost, {len(numbers - self.expected)} that "
                                             "should not be there")
        self.check(len(documents) == len(numbers), f"{len(documents) - len(numbers)} documents twice")
        self.figures["documents"] = len(documents)

    def later(self):
        self.collect.start()
        self.wait_until("both topics are assigned", lambda: len(self.collect.status()["partitions"]) == 2 * PARTITIONS, 30)
        third = self.topic("in-c")
        run("tests/stack/topic", "grow", self.second, str(PARTITIONS + 2))
        self.places = [(self.first, PARTITIONS), (self.second, PARTITIONS + 2), (third, PARTITIONS)]
        self.wait_until("what came later is assigned",
                        lambda: len(self.collect.status()["partitions"]) == 3 * PARTITIONS + 2, 60)
        with Producer(KAFKA, {"transactional.id": f"{self.unique}-later"}) as producer:
            producer.init()
            producer.transaction([(third, 1, self.value()), (self.second, PARTITIONS + 1, self.value())])
            producer.transaction([(third, 2, self.value(False))], commit=False)
        self.wait_for_count(self.indexes[0], len(self.expected))
        self.wait_until("no lag", lambda: self.collect.metric("lag_records") == 0, 30)
        self.check(self.collect.status()["lag"] == 0, "/status has a lag")
        self.wait_until("what came later is committed", lambda: not list(self.not_at_its_end()), 30)
        self.found(self.indexes[0])
        self.collect.check_ledger()
        self.collect.stop()

    def not_at_its_end(self):
        """Partitions in which the group's position is not the end, behind the last mark."""
        group = f"{self.unique}-collector"
        for topic, partitions in self.places:
            offsets = kafka.committed_offsets(KAFKA, group, topic, partitions)
            for p, end in kafka.end_offsets(KAFKA, topic, partitions).items():
                if end not in (0, offsets[p]):
                    yield f"{topic} {p}: committed {offsets[p]}, its end is {end}"
