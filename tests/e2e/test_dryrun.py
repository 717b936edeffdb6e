# SPDX-License-Identifier: Apache-2.0
"""--dry-run shows what would be sent, and sends nothing."""
import json
import re
import subprocess

import kafka
from harness import BIN, KAFKA, PARTITIONS, Case

RECORD = re.compile(r"^record \d+\n((?:  .+\n)+)", re.M)


class DryRun(Case):
    order = 22
    LINES = 20

    def test(self):
        self.loggen("a", lines=self.LINES).end()
        self.source, self.stored = self.topic(), self.index()
        lines = self.the_shipper_shows_records_without_servers_or_state()
        self.shipper(self.source).run_once()
        shown = self.the_collector_shows_documents_and_commits_nothing()
        self.collector(self.source, self.stored).run_once()
        documents = {identity: source for identity, source in self.stored.documents(fields=("event", "message", "log"))}
        self.check({document["event"]["id"] for document in lines} <= set(documents), "ids of the shipper's dry run")
        self.check({record["_id"] for record in shown} == set(documents), "_ids of the collector's dry run")

    def tell(self, program, *arguments):
        done = subprocess.run([BIN / f"sluice-{program}", *map(str, arguments)], cwd=self.dir, text=True, timeout=60,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        records = [dict(line.split(None, 1) for line in found[1].splitlines())
                   for found in RECORD.finditer(done.stdout)]
        return done.returncode, records, done.stderr

    def the_shipper_shows_records_without_servers_or_state(self):
        state = self.dir / "no-state"
        code, records, said = self.tell("shipper", "--dry-run=7", "--state", state, "--topic", "t", self.logs / "*.log")
        self.check(code == 0 and len(records) == 7, f"exit {code}, {len(records)} records: {said}")
        self.check("7 records shown, nothing was sent" in said, said)
        self.check(not state.exists(), "it made a state directory")
        documents = [json.loads(record["document"]) for record in records]
        text = (self.logs / "a.log").read_text().splitlines()
        self.check([d["message"] for d in documents] == text[:7], "the first lines, in order")
        self.check(all(record["topic"] == "t" and record["key"] for record in records), records)
        code, records, _ = self.tell("shipper", "--dry-run", "--output", "elasticsearch", "--index", "logs-x", self.logs / "*.log")
        self.check(code == 0 and len(records) == 10, f"exit {code}, {len(records)} records, not the 10 of no number")
        self.check({record["index"] for record in records} == {"logs-x"}, records)
        self.check(all(record["_id"] == json.loads(record["document"])["event"]["id"] for record in records), records)
        code, records, _ = self.tell("shipper", "--dry-run", "--output", "elasticsearch", "--set", 'elasticsearch.id="auto"',
                                     self.logs / "*.log")
        self.check(code == 0 and {record["_id"] for record in records} == {"made by the server"}, records)
        return documents

    def the_collector_shows_documents_and_commits_nothing(self):
        arguments = ("--brokers", KAFKA, "--topic", self.source, "--group", self.source, "--url", "http://127.0.0.1:1",
                     "--index", self.stored.name)
        code, records, said = self.tell("collector", "--dry-run=1000", *arguments)
        self.check(code == 0 and len(records) == self.LINES, f"exit {code}, {len(records)} records: {said}")
        self.check(all(record["index"] == self.stored.name for record in records), records)
        committed = kafka.committed_offsets(KAFKA, self.source, self.source, PARTITIONS)
        self.check(not any(offset > 0 for offset in committed.values()), f"committed: {committed}")
        self.check(self.stored.count() == 0, "it indexed")
        code, _, said = self.tell("collector", "--dry-run", "--brokers", "127.0.0.1:1", "--topic", self.source,
                                  "--set", 'start_timeout="1 s"')
        self.check(code == 69 and "127.0.0.1:1" in said, f"exit {code}: {said}")
        return records
