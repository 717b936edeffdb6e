# SPDX-License-Identifier: Apache-2.0
"""Where documents go: through a pipeline, and under which _id."""
from harness import ELASTICSEARCH, Case, Tally


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
