# SPDX-License-Identifier: Apache-2.0
"""OpenSearch 2 and 3, and Elasticsearch: data streams, the index template made on demand, and what a rollover lets through."""
import json

from harness import BIN, ELASTICSEARCH, Case, Failure, Index, Tally, address, http, run, stack


class Products(Case):
    order = 90
    more_servers = ("opensearch2",)
    LINES = 200

    def test(self):
        self.lines = self.loggen("a", lines=self.LINES)
        self.lines.end()
        self.logs_topic = self.topic()
        self.shipper(self.logs_topic).run_once()
        for server, url in self.servers():
            namespace = f"{self.name}_{self.unique[-7:]}"
            self.data_stream_on(server, Index(f"logs-shop-{namespace}", url))
            self.foreign_template_stays(server, Index(f"logs-shop-{namespace}_foreign", url))
            self.figures[server] = "ok"

    def servers(self):
        yield "elasticsearch", ELASTICSEARCH
        yield "opensearch2", address("opensearch2")
        try:
            stack("up", "opensearch3")
        except Failure as failure:
            if "needs a JDK" not in str(failure):
                raise
            self.figures["opensearch3"] = "no-jdk-21"
            return
        try:
            yield "opensearch3", address("opensearch3")
        finally:
            stack("down", "opensearch3")

    def template(self, stream):
        return "sluice-" + stream.name.replace("-shop-", "-any-")

    def take(self, server, stream, group):
        name = f"{server}-{group}"
        index = stream.name.replace("-shop-", "-{service.name:generic}-")
        return self.collector(self.logs_topic, stream, name=name, group=name, elasticsearch={"urls": [stream.url], "index": index})

    def data_stream_on(self, server, stream):
        first = self.take(server, stream, "first")
        self.check_says(first, 0, f"{self.template(stream)} will be made at the start")
        first.run_once()
        Tally(self.lines.tags(), stream.documents()).check(self)
        self.check_is_data_stream(stream)
        self.audit(first, f"{self.LINES} lines, {self.LINES} found\n")
        self.check_says(first, 0, f"{self.template(stream)} is there")

        self.take(server, stream, "again").run_once()
        self.check(stream.count() == self.LINES, "re-sent documents stand twice")
        stream.ask("POST", f"{stream.name}/_rollover")
        self.take(server, stream, "rolled").run_once()
        self.check(stream.count() == 2 * self.LINES, "docs/collector.md says that a rollover lets re-sent ones through")
        self.audit(first, f"{self.LINES} lines, {self.LINES} found, {self.LINES} more than once\n")
        http("DELETE", f"{stream.url}/_data_stream/{stream.name}")      # the Elasticsearch of the stack does not have it
        http("DELETE", f"{stream.url}/_index_template/{self.template(stream)}")

    def audit(self, collector, said):
        """By the collector's own configuration, whose index has a field in its name."""
        out = run(BIN / "sluice-collector", "audit", "-c", collector.path, self.logs / "a.log", timeout=60)
        self.check(said in out, f"audit: {out}")

    def check_is_data_stream(self, stream):
        for name, index in stream.ask("GET", f"{stream.name}/_mapping").items():
            self.check(name.startswith(f".ds-{stream.name}-"), f"{name} is no data stream's")
            fields = index["mappings"]["properties"]
            self.check(fields["event"]["properties"]["id"]["type"] == "keyword" and fields["message"]["type"] == "text" and
                       fields["log"]["properties"]["offset"]["type"] == "long", json.dumps(fields))

    def foreign_template_stays(self, server, stream):
        foreign = {"index_patterns": [f"{stream.name}-none"], "priority": 1}
        path = f"_index_template/{self.template(stream)}"
        stream.ask("PUT", path, foreign)
        other = self.take(server, stream, "other")
        self.check_says(other, 0, "is there but not Sluice's")
        other.run_once()
        kept = stream.ask("GET", path)["index_templates"][0]["index_template"]
        self.check(kept["index_patterns"] == foreign["index_patterns"], f"the foreign template is now {kept}")
        stream.delete()
        stream.ask("DELETE", path)
