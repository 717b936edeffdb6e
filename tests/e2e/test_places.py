# SPDX-License-Identifier: Apache-2.0
"""Where documents go: through a pipeline, and under which _id, and by rules."""
import re
import subprocess

from harness import BIN, ELASTICSEARCH, TAG, Case, Tally, run


class Places(Case):
    order = 41
    LINES = 200

    def test(self):
        topic, index, auto = self.topic(), self.index(), self.index("auto")
        loggen = self.loggen("a", lines=self.LINES)
        loggen.end()
        self.shipper(topic).run_once()
        self.documents_wait_for_their_pipeline(topic, index, loggen)
        self.the_cluster_makes_ids_up(topic, auto)
        self.rules_part_the_records(topic, self.index("routes"), self.index("other"))
        self.a_field_chooses_the_shard(topic, self.index("routed"))

    def documents_wait_for_their_pipeline(self, topic, index, loggen):
        pipeline = f"{index.name}-pipeline"
        collector = self.collector(topic, index, elasticsearch={
            "urls": [ELASTICSEARCH], "index": index.name, "pipeline": pipeline})
        self.check_says(collector, 78, f"{pipeline} is not there: create it")
        collector.start()
        self.wait_until("the missing pipeline is named",
                        lambda: f"pipeline with id [{pipeline}]" in (collector.status()["trouble"] or ""), 60)
        self.check(collector.in_flight() == self.LINES and index.count() == 0, "it went on without the pipeline")

        index.ask("PUT", f"_ingest/pipeline/{pipeline}", {"description": "changes nothing", "processors": []})
        try:
            self.check_says(collector, 0, "ok    pipeline")
            self.wait_for_count(index, self.LINES)
        finally:
            collector.stop()
            index.ask("DELETE", f"_ingest/pipeline/{pipeline}")
        Tally(loggen.tags(), index.documents()).check(self)

    def the_cluster_makes_ids_up(self, topic, index):
        """What is taken twice stands twice: the other side of `id`."""
        for group in ("first", "second"):
            self.collector(topic, index, name=group, group=group, elasticsearch={
                "urls": [ELASTICSEARCH], "index": index.name, "id": "auto"}).run_once()
        found = list(index.documents())
        self.check(len(found) == 2 * self.LINES, f"{len(found)} documents of {self.LINES} lines taken twice")
        self.check(not any(identity == source["event"]["id"] for identity, source in found), "ids were sent")

    def a_field_chooses_the_shard(self, topic, index):
        """In an index that takes no document without; a dead letter that is sent again keeps its shard."""
        index.ask("PUT", index.name, {"settings": {"number_of_shards": 3, "number_of_replicas": 0},
                                      "mappings": {"_routing": {"required": True}}})
        collector = self.collector(topic, index, name="routed", group="routed", dlq={"dir": str(self.dir / "letters")},
                                   routes=({"when": "log.offset < 1500", "to": "dead_letter"},),
                                   elasticsearch={"urls": [ELASTICSEARCH], "index": index.name, "routing": "log.offset"})
        collector.run_once()
        early = self.LINES - index.count()
        self.check(0 < early < self.LINES, f"{early} dead letters")
        run(BIN / "sluice-collector", "dlq", "redrive", "-c", str(collector.path), timeout=60)
        index.count()
        hits = index.ask("POST", f"{index.name}/_search", {"size": 2 * self.LINES})["hits"]["hits"]
        self.check(len(hits) == self.LINES, f"{len(hits)} documents of {self.LINES}")
        self.check(all(hit["_routing"] == str(hit["_source"]["log"]["offset"]) for hit in hits), "another shard")

    def rules_part_the_records(self, topic, rest, other):
        collector = self.collector(topic, rest, name="routes", group="routes", routes=(
            {"when": "message ~ 'n=a-1[0-9]?[0-9]?(?![0-9])'", "to": "drop"},
            {"when": "message ~ 'n=a-2[0-9]?(?![0-9])'", "to": "dead_letter"},
            {"topics": ["e2e-*"], "when": "log.offset < 1500", "index": other.name, "routing": "event.id"}))
        tags = {"-".join(tag): source["log"]["offset"] for _, source in self.indexes[0].documents()
                for tag in TAG.findall(source["message"])}
        dropped = {tag for tag in tags if re.fullmatch("a-1[0-9]?[0-9]?", tag)}
        dead = {tag for tag in tags if re.fullmatch("a-2[0-9]?", tag)}
        left = tags.keys() - dropped - dead
        early = {tag for tag in left if tags[tag] < 1500}
        collector.start()
        self.wait_until("every record has its outcome", lambda: collector.metric("records_consumed_total") == self.LINES and
                        collector.in_flight() == 0, 60)
        collector.check_ledger()
        metrics = collector.metrics().series
        for name, expected in (("records_dropped_total", dropped), ("records_dead_lettered_total", dead)):
            counted = metrics["sluice_collector_" + name, (("reason", "route"),)]
            self.check(counted == len(expected), f"{name} is {counted}, not {len(expected)}")
        collector.stop()
        for name, found in ((rest.name, left - early), (None, left)):
            said = subprocess.run([BIN / "sluice-collector", "audit", "-c", collector.path, self.logs / "a.log"] if not name else
                                  [BIN / "sluice-collector", "audit", "--url", ELASTICSEARCH, "--index", name, self.logs / "a.log"],
                                  stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, timeout=60).stdout
            self.check(f"{self.LINES} lines, {len(found)} found, " in said, f"audit of {name or 'all that routes name'}: {said}")
        Tally(early, other.documents()).check(self)
        Tally(left - early, rest.documents()).check(self)
