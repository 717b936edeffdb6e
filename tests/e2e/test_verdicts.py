# SPDX-License-Identifier: Apache-2.0
"""Documents that Elasticsearch refuses go to the dead letters with the reason; their neighbours are indexed."""
import json

from harness import TAG, Case, Tally


class Verdicts(Case):
    order = 40
    GOOD, BAD = 2000, 300

    def test(self):
        topic, dead_topic = self.topic(), self.topic("dead")
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
        """Read back by a collector of their own."""
        index = self.index("dead")
        self.collector(dead_topic, index, "reader", group="reader").run_once()
        seen = []
        for _, source in index.documents(None):
            text = json.dumps(source)
            tags = {f"{writer}-{n}" for writer, n in TAG.findall(text)}
            self.check(len(tags) == 1, f"a dead letter with the tags {tags}: {text[:500]}")
            self.check("strict_dynamic_mapping_exception" in text and topic in text, f"no reason or topic: {text[:500]}")
            seen += tags
        self.check(sorted(seen) == sorted(bad.tags()), f"{len(seen)} dead letters read, {len(set(seen))} of them different")
