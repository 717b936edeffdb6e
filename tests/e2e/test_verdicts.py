# SPDX-License-Identifier: Apache-2.0
"""Documents that Elasticsearch refuses go to the dead letters with the reason; their neighbours are indexed."""
import json

import kafka
from harness import KAFKA, PARTITIONS, TAG, Case, Tally


class Verdicts(Case):
    order = 40
    GOOD, BAD = 2000, 300

    def test(self):
        topic, dead_topic = self.topic(), self.topic("dead", "compression.type=uncompressed")
        index = self.index()
        self.create_strict(index)
        good = self.loggen("good", lines=self.GOOD)
        bad = self.loggen("bad", lines=self.BAD, kind="java")
        shipper = self.shipper(topic, inputs=({"paths": [str(self.logs / "good.log")]},
                                              {"paths": [str(self.logs / "bad.log")], "service": "shop"}))
        collector = self.collector(topic, index, dlq={"topic": dead_topic}).start()
        shipper.start()
        self.wait_until("every record has its verdict", lambda: self.settled(collector) == self.GOOD + self.BAD, 60)

        dead = collector.metric("records_dead_lettered_total")
        self.figures["dead"] = dead
        self.check(dead == self.BAD, f"{dead} dead letters, not {self.BAD}")
        collector.check_ledger()
        self.wait_for_commit(topic)
        Tally(good.tags(), index.documents()).check(self)
        self.dead_letters_say_what_and_why(dead_topic, topic, bad)

    def create_strict(self, index):
        """No `service` in the mapping, so the events of the input that has one are refused."""
        anything = {"type": "object", "dynamic": True}
        index.create({"dynamic": "strict", "properties": {
            "@timestamp": {"type": "date"}, "message": {"type": "text"},
            "event": anything, "log": anything, "host": anything}})

    def settled(self, collector):
        return collector.metric("records_consumed_total") - collector.metric("records_in_flight")

    def dead_letters_say_what_and_why(self, dead_topic, topic, bad):
        seen, places = [], set()
        for _, value, headers in kafka.records(KAFKA, dead_topic, PARTITIONS):
            seen += ["-".join(tag) for tag in TAG.findall(json.loads(value)["message"])]
            cause = {name.removeprefix("sluice."): text.decode() for name, text in headers.items()}
            self.check(cause["status"] == "400" and "service" in cause["error"] and cause["topic"] == topic,
                       f"a dead letter because of {cause}")
            places.add((int(cause["partition"]), int(cause["offset"])))
        self.check(sorted(seen) == sorted(bad.tags()), f"{len(seen)} dead letters, {len(set(seen))} of them different")
        self.check(len(places) == self.BAD, f"{len(places)} places in {topic} named by {self.BAD} dead letters")
