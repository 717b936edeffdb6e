# SPDX-License-Identifier: Apache-2.0
"""The batch format: another record in Kafka, the same documents."""
import json
import random
import re
import subprocess

import batch_format
import kafka
from harness import BIN, KAFKA, PARTITIONS, Case, Tally
from test_kill import Victim

RECORD = re.compile(r"^record \d+\n((?:  .+\n)+)", re.M)


class BatchFormat(Case):
    order = 12
    LINES = 5000

    def test(self):
        loggen = self.loggen("a", lines=self.LINES)
        loggen.end()
        self.write_awkward_files()
        events, batches = self.topic("events", "compression.type=uncompressed"), self.topic("batches", "compression.type=uncompressed")
        self.shipper(events, name="event", inputs=self.inputs()).run_once()
        self.shipper(batches, name="batch", inputs=self.inputs(), format="batch").run_once()
        expected = self.a_reader_made_from_the_page_finds_the_same_documents(events, batches)

        index = self.index()
        self.collector(batches, index).run_once()
        self.the_collector_makes_the_same_documents(index, expected)
        self.collector(batches, index, group="again").run_once()
        self.check(index.count() == len(expected), "the second time other ids were made")
        Tally(loggen.tags(), ((i, d) for i, d in index.documents() if "n=a-" in d.get("message", ""))).check(self)
        self.both_programs_show_it(batches)

    def write_awkward_files(self):
        (self.logs / "crlf.txt").write_bytes(b"".join(b"line %d\r\n" % i for i in range(50)))
        (self.logs / "bytes.txt").write_bytes(b"\x00\x01 \"\\ \xff\xfe\n\n\xc3\xa4\xe2\x82\xac\tend\nno line end")
        (self.logs / "long.txt").write_bytes(b"short\n" + b"x" * 3000 + b"\nshort again\n")
        (self.logs / "trace.txt").write_text("".join(
            f"2026-11-23 10:00:{i:02d} java.lang.Exception: {i}\n\tat A.b(A.java:1)\n\tat C.d(C.java:2)\n" for i in range(20)))
        (self.logs / "json.txt").write_text("".join(
            f'{{"msg":"m{i}","level":"WARN","time":"2026-11-23T10:00:00.{i:09d}Z","user_id":"u{i}"}}\nnot json {i}\n' for i in range(30)))
        (self.logs / "some.txt").write_text("".join(f"{'drop' if i % 3 else 'keep'} {i}\n" for i in range(60)))

    def inputs(self):
        def of(name, **settings):
            return {"paths": [str(self.logs / name)], "service": "shop", "fields": ["env=prod"], **settings}
        return (of("a.log"), of("crlf.txt"), of("bytes.txt"), of("long.txt", redact=["x{40}"], ), of("trace.txt", multiline="java"),
                of("json.txt", parse="json"), of("some.txt", exclude=["^drop"]))

    def a_reader_made_from_the_page_finds_the_same_documents(self, events, batches):
        found, keys, records = {}, set(), 0
        for key, value, _ in kafka.records(KAFKA, batches, PARTITIONS):
            records += 1
            for document in map(json.loads, batch_format.documents(value)):
                keys.add((document["log"]["file"]["id"], key.decode()))
                self.check(found.setdefault(document["event"]["id"], document) is document, "an id twice")
        expected = {}
        for key, value, _ in kafka.records(KAFKA, events, PARTITIONS):
            document = json.loads(value)
            self.check((document["log"]["file"]["id"], key.decode()) in keys, f"{key}: the key is not that of the event format")
            expected[document["event"]["id"]] = document
        self.check(self.LINES < len(expected) < self.LINES + 300, f"{len(expected)} events")
        self.check(records * 20 < len(expected), f"{records} records hold {len(expected)} lines")
        self.compare(found, expected)
        self.figures["records"] = records
        return expected

    def compare(self, found, expected):
        """But for the time of what has none of its own: it was read twice."""
        self.check(found.keys() == expected.keys(), f"{len(found)} ids and not the {len(expected)} of the events")
        for identity, document in expected.items():
            other = found[identity]
            if "json" not in document:
                document, other = ({**d, "@timestamp": len(d["@timestamp"])} for d in (document, other))
            self.check(document == other, f"{other} and not {document}")

    def the_collector_makes_the_same_documents(self, index, expected):
        self.compare(dict(index.documents(fields=None)), expected)

    def tell(self, program, *arguments):
        done = subprocess.run([BIN / f"sluice-{program}", *map(str, arguments)], cwd=self.dir, text=True, timeout=60,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        return done.returncode, [dict(line.split(None, 1) for line in found[1].splitlines())
                                 for found in RECORD.finditer(done.stdout)], done.stderr

    def both_programs_show_it(self, topic):
        code, records, said = self.tell("shipper", "--dry-run=7", "--format", "batch", "--topic", "t", self.logs / "a.log")
        self.check(code == 0 and len(records) == 7, f"exit {code}, {len(records)} records: {said}")
        text = (self.logs / "a.log").read_text().splitlines()
        self.check([json.loads(r["document"])["message"] for r in records] == text[:7], "the first lines, in order")
        self.check(all(re.fullmatch(r"line \d of \d+ in a record of \d+ bytes", r["batch"]) for r in records), records)
        code, records, said = self.tell("collector", "--dry-run=9", "--brokers", KAFKA, "--topic", topic, "--group", "g",
                                        "--url", "http://127.0.0.1:1", "--index", "i")
        self.check(code == 0 and len(records) == 9, f"exit {code}, {len(records)} records: {said}")
        self.check(all(r["_id"] == json.loads(r["document"])["event"]["id"] for r in records), records)
        code, _, said = self.tell("shipper", "--format", "batch", "--output", "stdout", self.logs / "a.log")
        self.check(code == 78 and 'format: "batch" is for output "kafka"' in said, f"exit {code}: {said}")


class BatchKill(Case):
    """A record holds many lines: whoever is killed in its middle, each of them stands once."""
    order = 71
    WRITERS, RATE = ("a", "b"), 2000

    def test(self):
        lines, kills = (200_000, 15) if self.options.long else (10_000, 2)
        chance = random.Random(self.options.seed)
        topic, index = self.topic(), self.index()
        shipper = self.shipper(topic, format="batch")
        # Small bulks, so that a record's lines are answered one after the other.
        collector = self.collector(topic, index, kafka={"session_timeout": "6 s", "group_instance_id": "one"}, batch_records=500)
        victims = [Victim(program.start(), kills, chance) for program in (shipper, collector)]
        for victim in victims:
            victim.WORK_S = 1.5
        writers = [self.loggen(writer, lines=lines, rate=self.RATE, rotate_every=lines // 4, seed=n)
                   for n, writer in enumerate(self.WRITERS)]
        self.wait_until("all are killed often enough", lambda: all([victim.step() for victim in victims]), 120)
        for writer in writers:
            writer.end(120)
        expected = set().union(*(writer.tags() for writer in writers))
        self.wait_for_count(index, len(expected), 120)
        self.wait_for_idle(shipper, collector)
        self.figures["lines"], self.figures["409s"] = len(expected), sum(v.duplicates + v.duplicates_now() for v in victims)
        self.figures["records"] = collector.metric("batch_records_total")
        Tally(expected, index.documents()).check(self)
        self.wait_for_commit(topic)
        for program in (shipper, collector):
            program.check_ledger()
            program.stop()
        self.check(self.figures["409s"] > 0, "no 409: no kill made anything be sent again")
