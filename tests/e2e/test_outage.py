# SPDX-License-Identifier: Apache-2.0
"""Kafka, then Elasticsearch, absent at the start and for a while in the middle.

Two pipelines go through the same outages side by side: lines of 100 kB, where a bound on the number of things would
hold too many bytes, and lines that compress to nothing, where a bound on compressed bytes would.  Nothing is lost,
memory stays within the budget, no writer is held up, and the collectors keep their partitions.
"""
import time

from harness import Case, Tally, stack

MIB = 1 << 20


class Pipeline:
    def __init__(self, case, name, rate, **lines):
        self.case, self.name, self.rate, self.lines = case, name, rate, lines
        self.topic, self.index = case.topic(name), case.index(name)
        self.index.create({"properties": {"message": {"type": "text", "index": False}}})
        self.shipper = case.shipper(self.topic, f"shipper-{name}", [f"{name}.log*"], memory=f"{case.SHIPPER_MIB} MiB")
        self.collector = case.collector(self.topic, self.index, f"collector-{name}", name,
                                        memory=f"{case.COLLECTOR_MIB} MiB")
        self.writers = []

    def write(self, seconds):
        first = sum(len(w.numbers) for w in self.writers)
        self.writers.append(self.case.loggen(self.name, lines=int(self.rate * seconds), first=first, rate=self.rate,
                                             **self.lines))

    def expected(self):
        return set().union(*(w.tags() for w in self.writers))


class Outage(Case):
    order = 60
    SHIPPER_MIB, COLLECTOR_MIB = 16, 40
    LONGEST_WRITE_MS = 1000         # the disk's own pauses are in it; a writer that waits for a reader waits for seconds
    AT_START_S = 8

    def test(self):
        self.seconds = 60 if self.options.long else 20
        self.measure_rest()
        self.pipelines = [Pipeline(self, "long", 20, long=100_000),
                          Pipeline(self, "dense", 600, long=3_000, compressible=True)]
        self.collectors = [p.collector for p in self.pipelines]
        self.shippers = [p.shipper for p in self.pipelines]
        self.kafka_is_absent_at_the_start()
        self.kafka_goes_away()
        self.elasticsearch_is_absent_at_the_start()
        self.elasticsearch_goes_away()
        self.everything_arrives()

    def measure_rest(self):
        """What a program that has seen a few lines holds when it is idle: libraries, threads, the empty queues."""
        topic, index = self.topic("rest"), self.index("rest")
        shipper = self.shipper(topic, "shipper-rest", ["rest.log"]).start()
        collector = self.collector(topic, index, "collector-rest", "rest").start()
        self.loggen("rest", lines=100).end()
        self.wait_for_count(index, 100)
        self.wait_for_idle(shipper, collector)
        self.rest = {"shipper": shipper.memory(), "collector": collector.memory()}
        shipper.stop()
        collector.stop()

    def write_during(self, begin, end, seconds):
        """Writers go on from before `begin` until after `end`, `seconds` later."""
        for pipeline in self.pipelines:
            pipeline.write(seconds + 5)
        begin()
        back = time.monotonic() + seconds
        self.wait_until("the outage is over", lambda: time.monotonic() >= back, seconds + 5)
        end()

    def flows_again(self):
        """Of every pipeline all that was written so far arrives."""
        for pipeline in self.pipelines:
            for writer in pipeline.writers:
                writer.end()
            self.wait_for_count(pipeline.index, len(pipeline.expected()), 120)

    def kafka_is_absent_at_the_start(self):
        stack("kill", "kafka")
        self.write_during(lambda: [p.start() for p in self.shippers + self.collectors],
                          lambda: stack("up", "kafka"), self.AT_START_S)
        self.flows_again()

    def kafka_goes_away(self):
        self.write_during(lambda: stack("kill", "kafka"), lambda: stack("up", "kafka"), self.seconds)
        self.flows_again()

    def elasticsearch_is_absent_at_the_start(self):
        for collector in self.collectors:
            self.check_memory(collector)
            collector.stop()
        stack("kill", "elasticsearch")
        self.write_during(lambda: [c.start() for c in self.collectors],
                          lambda: stack("up", "elasticsearch"), self.AT_START_S)
        self.flows_again()

    def elasticsearch_goes_away(self):
        before = [c.metric("rebalances_total") for c in self.collectors]
        self.write_during(lambda: stack("kill", "elasticsearch"), lambda: stack("up", "elasticsearch"), self.seconds)
        after = [c.metric("rebalances_total") for c in self.collectors]
        self.check(before == after, f"rebalances during Elasticsearch's absence: {before} before, {after} after")
        self.flows_again()

    def everything_arrives(self):
        self.wait_for_idle(*self.shippers, *self.collectors)
        for program in self.shippers + self.collectors:
            self.check_memory(program)
            program.check_ledger()
        longest = max(w.end()["longest_write_ms"] for p in self.pipelines for w in p.writers)
        self.figures["longest_write_ms"] = longest
        self.check(longest < self.LONGEST_WRITE_MS, f"a writer was held up for {longest} ms")
        for pipeline in self.pipelines:
            self.wait_for_commit(pipeline.topic, pipeline.name)
            Tally(pipeline.expected(), pipeline.index.documents(page=200)).check(self)
            self.figures[pipeline.name] = len(pipeline.expected())
        for program in self.shippers + self.collectors:
            program.stop()

    def check_memory(self, program):
        """The largest it ever was, seen from outside, against budget plus rest."""
        budget = self.SHIPPER_MIB if program.kind == "shipper" else self.COLLECTOR_MIB
        bound = budget * MIB + self.rest[program.kind]
        peak = program.memory("VmHWM")
        self.figures[f"{program.name}_MiB"] = f"{peak / MIB:.0f}/{bound / MIB:.0f}"
        self.check(peak <= bound, f"{program.name}: {peak / MIB:.1f} MiB at its largest, "
                                  f"over {budget} MiB of budget and {self.rest[program.kind] / MIB:.1f} MiB at rest")
