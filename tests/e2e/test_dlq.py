# SPDX-License-Identifier: Apache-2.0
"""Dead letters, in a topic and in files: listed, shown, sent again once the mapping is mended, and never twice."""
import json
import os
import re
import subprocess

import kafka
from harness import BIN, KAFKA, PARTITIONS, Case, Tally


def create_strict(index):
    """No `service` in the mapping, so the events of an input that has one are refused."""
    anything = {"type": "object", "dynamic": True}
    index.create({"dynamic": "strict", "properties": {
        "@timestamp": {"type": "date"}, "message": {"type": "text"}, "event": anything, "log": anything, "host": anything}})


class Dlq(Case):
    order = 41
    GOOD, BAD = 500, 120

    def test(self):
        topic = self.topic()
        good, bad = self.loggen("good", lines=self.GOOD), self.loggen("bad", lines=self.BAD, kind="java")
        self.shipper(topic, inputs=({"paths": [str(self.logs / "good.log")]},
                                    {"paths": [str(self.logs / "bad.log")], "service": "shop"})).run_once()
        self.expected = good.tags() | bad.tags()
        for kind, dlq in (("topic", {"topic": self.topic("dead")}), ("files", {"dir": str(self.dir / "letters")})):
            self.life_of(kind, dlq, topic)
        self.refused_by_their_topic()

    def life_of(self, kind, dlq, topic):
        index = self.index(kind)
        create_strict(index)
        collector = self.collector(topic, index, name=kind, group=kind, dlq=dlq)
        collector.run_once()
        self.path = collector.path
        self.check_listed(kind, index, opened=self.BAD, redriven=0)
        self.check_shown(topic, index)
        self.check_untouched(index)

        # Refused once more: they stay open.
        self.dlq(65, rf"0 redriven: .*{self.BAD} refused again", "redrive")
        self.check_listed(kind, index, opened=self.BAD, redriven=0)

        index.ask("PUT", f"{index.name}/_mapping", {"properties": {"service": {"type": "object", "dynamic": True}}})
        self.dlq(0, "^0 redriven: ", "redrive", "--until", "1 h")
        self.dlq(0, "^0 redriven: ", "redrive", "--reason", "no_index")
        self.dlq(0, f"^{self.BAD} redriven: {self.BAD} indexed, 0 stood", "redrive", "--reason", "rejected", "--since", "1 h")
        self.check_listed(kind, index, opened=0, redriven=self.BAD)
        self.dlq(0, "^0 redriven: ", "redrive")
        Tally(self.expected, index.documents()).check(self)
        if kind == "files":
            # As if it had been killed between the index's answer and the markers.
            (self.dir / "letters" / "redriven.ndjson").unlink()
            self.dlq(0, f"^{self.BAD} redriven: 0 indexed, {self.BAD} stood there already", "redrive")
            self.dlq(0, "^0 redriven: ", "redrive")
            Tally(self.expected, index.documents()).check(self)
        if kind == "topic":
            self.check(all(offset < 0 for offset in kafka.committed_offsets(KAFKA, f"{self.unique}-{kind}", dlq["topic"],
                                                                            PARTITIONS).values()), "something is committed")

    def refused_by_their_topic(self):
        """Letters larger than their topic takes are in files; all are listed, shown, sent again and marked as one."""
        topic, dead, index = self.topic("mixed"), self.topic("small", "max.message.bytes=6000"), self.index("both")
        sizes = [8000 if n % 20 == 7 else 100 for n in range(self.BAD)]         # bytes that do not compress by half
        (self.logs / "mixed.log").write_text("".join(f"n=m-{n} {os.urandom(size).hex()}\n" for n, size in enumerate(sizes)))
        self.shipper(topic, name="mixed", paths=("mixed.log",)).run_once()
        create_strict(index)
        collector = self.collector(topic, index, name="both", group="both",
                                   dlq={"topic": dead, "dir": str(self.dir / "beside")})
        collector.run_once()
        self.path = collector.path
        self.check_listed(f"topic {dead} and files in ", index, opened=self.BAD, redriven=0)
        said = self.dlq(0, "^#1 open", "show")
        in_files = len(re.findall(r"^  kept in   dead-letters", said, re.M))
        self.check(in_files == sum(size > 6000 for size in sizes), f"{in_files} are in files")
        index.ask("PUT", f"{index.name}/_mapping", {"properties": {"service": {"type": "object", "dynamic": True}}})
        self.dlq(0, f"^{self.BAD} redriven: {self.BAD} indexed, 0 stood", "redrive")
        self.check_listed(f"topic {dead} and files in ", index, opened=0, redriven=self.BAD)
        self.dlq(0, "^0 redriven: ", "redrive")
        Tally({f"m-{n}" for n in range(self.BAD)}, index.documents()).check(self)

    def dlq(self, code, pattern, *arguments):
        done = subprocess.run([BIN / "sluice-collector", "dlq", *arguments, "-c", self.path], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60)
        self.check(done.returncode == code and re.search(pattern, done.stdout, re.M | re.S),
                   f"dlq {' '.join(arguments)}: {done.returncode}, not {code} and {pattern}: {done.stdout[-1500:]}")
        return done.stdout

    def check_listed(self, kind, index, opened, redriven):
        row = rf"^ *{opened} +{redriven}  rejected +400  {index.name}  \S+Z  \S+Z  strict_dynamic_mapping_exception$"
        said = self.dlq(0, row, "ls")
        self.check(f"{self.BAD} dead letters in {kind}" in said and f"{opened} of them open" in said, said)

    def check_shown(self, topic, index):
        said = self.dlq(0, "^#1 open, rejected, status 400$", "show", "1")
        document = json.loads(re.search("^  document  (.*)$", said, re.M)[1])
        self.check(document["service"]["name"] == "shop" and document["event"]["id"] in said.split("document")[0], said)
        self.check(re.search(rf"^  from      topic {topic}, partition \d, offset \d+, written ", said, re.M) and
                   f"  index     {index.name}\n" in said, said)
        said = self.dlq(0, "^#1 open", "show", "--reason", "strict_dynamic_mapping_exception")
        self.check(said.count("\n  document  ") == self.BAD, f"{said.count('document')} of {self.BAD} are shown")
        self.dlq(66, "no number 1000", "show", "1000")
        self.dlq(64, "takes ls, show", "list")

    def check_untouched(self, index):
        said = self.dlq(0, f"^{self.BAD} of {self.BAD} dead letters .* would be sent again", "redrive", "--dry-run=3")
        self.check(said.count("would be created: index " + index.name) == 3, said)
        self.check(index.count() == self.GOOD, "a dry run sends nothing")


class DlqFull(Case):
    """Full files stop progress, and say so; nothing is lost, and it goes on when some are taken away."""
    order = 41
    BAD = 4000

    def test(self):
        topic, index = self.topic(), self.index()
        create_strict(index)
        self.loggen("bad", lines=self.BAD, kind="java").end()
        self.shipper(topic, inputs=({"paths": [str(self.logs / "bad.log")], "service": "shop"},)).run_once()
        here, taken = self.dir / "letters", self.dir / "taken"
        taken.mkdir()
        collector = self.collector(topic, index, dlq={"dir": str(here), "max_size": "128 KiB"}).start()
        self.wait_until("the files are full", lambda: "dead-letters.ndjson.lz4: full: " in
                        (collector.status()["trouble"] or ""), 60)
        self.check(collector.in_flight() > 0, "records wait")
        collector.check_ledger()

        def settled():
            for file in here.glob("dead-letters.ndjson.*.lz4"):
                file.rename(taken / f"dead-letters.ndjson.{len(list(taken.iterdir())) + 1}.lz4")
            return collector.metric("records_dead_lettered_total") == self.BAD

        self.wait_until("all are letters", settled, 60)
        self.wait_for_commit(topic)
        collector.check_ledger()
        self.check(collector.metric("dlq_file_lines_total") == self.BAD, "each is a line")
        numbers = [self.letters(here), self.letters(taken)]
        self.figures["letters"] = sum(numbers)
        self.check(sum(numbers) == self.BAD and all(numbers), f"{numbers} of {self.BAD} are there")

    def letters(self, place):
        said = subprocess.run([BIN / "sluice-collector", "dlq", "ls", "--state", place], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, text=True, timeout=60, check=True).stdout
        return int(re.search(r"^(\d+) dead letter", said, re.M)[1])
