# SPDX-License-Identifier: Apache-2.0
"""What cannot go on waits by itself and says so, the rest goes on, and all of it is there once the cause is mended: a
read-only index beside others, and a topic of dead letters that takes none.  With --long the index stays read-only until
its oldest record is overdue, five minutes."""
import json

import kafka
from harness import ELASTICSEARCH, KAFKA, PARTITIONS, Case
from producer import Producer
from test_secure import BY_PASSWORD, USER, user

PAD = "x" * 900


def event(number, service):
    return json.dumps({"message": f"n={service}-{number} {PAD}", "service": {"name": service}}).encode()


class ReadOnlyIndex(Case):
    patient = True
    order = 31
    HELD, FREE = 12_000, 2_000      # events of the partition that waits: more than its share; and of each other one
    OVERDUE_S = 300
    WAITING = "paused, waits for its oldest record"

    def test(self):
        topic, self.held, self.free = self.topic(), self.index("held"), self.index("free")
        for index in (self.held, self.free):
            index.create({"properties": {"message": {"type": "text", "index": False}}})
        self.block(True)
        self.fill(topic)
        self.program = self.collector(topic, self.free, elasticsearch={
            "urls": [ELASTICSEARCH], "index": f"{self.unique}-{{service.name}}"}).start()
        self.the_others_go_on()
        self.it_is_named(topic)
        if self.options.long:
            self.it_is_overdue(topic)
        self.it_is_released(topic)

    def block(self, on):
        self.held.ask("PUT", f"{self.held.name}/_settings", {"index.blocks.write": on})

    def fill(self, topic):
        with Producer(KAFKA, {"compression.type": "lz4", "queue.buffering.max.messages": "1000000"}) as producer:
            for number in range(self.HELD):
                producer.put(topic, 0, event(number, "held"))
            for number in range(self.FREE * (PARTITIONS - 1)):
                producer.put(topic, 1 + number % (PARTITIONS - 1), event(number, "free"))

    def the_others_go_on(self):
        self.wait_for_count(self.free, self.FREE * (PARTITIONS - 1), 120)
        self.wait_until("one partition is paused", lambda: self.program.metric("partitions_paused") == 1, 60)
        self.check(self.held.count() == 0, "the index is not read-only")

    def row(self):
        (row,) = [row for row in self.program.status()["partitions"] if row["partition"] == 0]
        return row

    def it_is_named(self, topic):
        row = self.row()
        self.check(row["state"] == self.WAITING and 0 < row["held"] < self.HELD, row)
        for part in (f"topic {topic} partition 0 is paused for ", "its record at offset 0 is not stored",
                     f"index {self.held.name}: ", "cluster_block_exception"):
            self.check(part in row["paused"], f"{part} is not in: {row['paused']}")
        others = [row for row in self.program.status()["partitions"] if row["partition"] != 0]
        self.check(len(others) == PARTITIONS - 1 and not any(row["paused"] for row in others), others)
        self.wait_until("/readyz says it", lambda: self.program.get("/readyz")[0] == 503 and
                        f"index {self.held.name}: " in self.program.get("/readyz")[1], 60)
        self.check(self.program.metric("overdue_total") == 0, "it is not overdue yet")
        self.program.check_ledger()

    def it_is_overdue(self, topic):
        self.wait_until("it is overdue", lambda: self.program.metric("overdue_total") == 1, self.OVERDUE_S + 30)
        (overdue,) = self.program.status()["overdue"]
        self.check(overdue["topic"] == topic and overdue["partition"] == 0 and overdue["offset"] == 0 and
                   overdue["seconds"] >= self.OVERDUE_S and overdue["held"] > 0, overdue)
        self.check(f"topic={topic} partition=0 offset=0" in self.program.log.read_text(), "the log does not name it")
        self.check(self.program.metric("oldest_in_flight_seconds") >= self.OVERDUE_S, "the oldest is younger")
        self.figures["overdue_s"] = overdue["seconds"]

    def it_is_released(self, topic):
        self.block(False)
        self.wait_for_count(self.held, self.HELD, 120)
        self.wait_for_idle(self.program)
        self.wait_for_commit(topic)
        self.wait_until("nothing is paused", lambda: self.program.metric("partitions_paused") == 0, 30)
        self.check(not self.row()["paused"] and not self.program.status()["overdue"], self.program.status())
        self.wait_until("it is ready", lambda: self.program.get("/readyz")[0] == 200, 30)
        self.program.check_ledger()
        self.check(self.held.count() == self.HELD and self.free.count() == self.FREE * (PARTITIONS - 1), "some stand twice")


class NoDeadLetters(Case):
    """Their topic may not be written: documents go on, letters wait, also through a kill, until the right is there."""
    patient = True
    order = 31
    GOOD, BAD = 3000, 300

    def test(self):
        topic, index, dead = self.topic(), self.index(), self.topic("dead", "compression.type=uncompressed")
        index.create({"properties": {"message": {"type": "text"}, "service": {"properties": {"name": {"type": "long"}}}}})
        with Producer(KAFKA) as producer:
            for number in range(self.GOOD):
                producer.put(topic, number % PARTITIONS, event(number, "7"))
            for number in range(self.BAD):
                producer.put(topic, number % PARTITIONS, event(number, "bad"))
        kafka.deny(KAFKA, USER, kafka.TOPIC, dead, kafka.WRITE)
        collector = self.collector(topic, index, dlq={"topic": dead},
                                   kafka={"brokers": BY_PASSWORD, "security": user("plain")}).start()
        self.wait_for_count(index, self.GOOD, 60)
        self.wait_until("/readyz says it", lambda: collector.get("/readyz")[0] == 503 and
                        f"topic {dead} takes no records: " in collector.get("/readyz")[1], 90)
        self.check(collector.in_flight() == self.BAD, f"{collector.in_flight()} of {self.BAD} wait")
        self.check(collector.metric("records_dead_lettered_total") == 0, "a letter that nobody has is counted")
        collector.check_ledger()
        ends = kafka.end_offsets(KAFKA, topic, PARTITIONS)
        committed = kafka.committed_offsets(KAFKA, f"{self.unique}-collector", topic, PARTITIONS)
        self.check(all(committed[p] < ends[p] for p in ends), f"{committed} are committed of {ends}")

        # Killed meanwhile: they come again.
        collector.kill()
        collector.start()
        self.wait_until("they wait again", lambda: collector.in_flight() == self.BAD, 60)
        kafka.allow_again(KAFKA, USER, kafka.TOPIC, dead, kafka.WRITE)
        self.wait_until("all are letters", lambda: collector.metric("records_dead_lettered_total") == self.BAD, 90)
        self.wait_for_idle(collector)
        self.wait_for_commit(topic)
        self.wait_until("it is ready", lambda: collector.get("/readyz")[0] == 200, 30)
        collector.check_ledger()
        letters = [(headers["sluice.partition"], headers["sluice.offset"]) for _, _, headers in kafka.records(KAFKA, dead, PARTITIONS)]
        self.figures["letters"] = len(letters)
        self.check(len(letters) == len(set(letters)) == self.BAD, f"{len(letters)} letters of {self.BAD}, {len(set(letters))} different")
        self.check(index.count() == self.GOOD, f"{index.count()} of {self.GOOD} stand in the index")
