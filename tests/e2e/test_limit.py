# SPDX-License-Identifier: Apache-2.0
"""A topic that takes only small records: long lines are cut to it, and nothing is refused or stuck."""
import json

import batch_format
import kafka
from harness import KAFKA, PARTITIONS, Case

LIMIT = 20000


class Limit(Case):
    order = 13
    LINES = 3000

    def test(self):
        self.loggen("a", lines=self.LINES).end()
        with open(self.logs / "long.log", "wb") as out:
            for i in range(20):
                out.write(b"long %d " % i + b'"' * 100_000 + b" end\nshort %d\n" % i)
        with open(self.logs / "json.log", "w") as out:
            for i in range(5):
                print(json.dumps({"msg": f"json {i}", "payload": "x" * (100 if i % 2 else 50_000)}), file=out)
        for form in "event", "batch":
            self.ship(form)

    def ship(self, form):
        topic = self.topic(form, "compression.type=uncompressed", f"max.message.bytes={LIMIT}")
        shipper = self.shipper(topic, name=form, format=form,
                               inputs=({"paths": [str(self.logs / "json.log")], "parse": "json"},
                                       {"paths": [str(self.logs / "[al]*.log")]})).start()
        lines = self.LINES + 45
        self.wait_until("all lines are acknowledged", lambda: shipper.metric("lines_acked_total") == lines, 60)
        shipper.check_ledger()
        metrics = shipper.metrics()
        for name, value in (("lines_dropped_total", 0), ("lines_truncated_total", 23), ("lines_unparsed_total", 3),
                            ("records_divided_total", 0), ("kafka_record_limit_bytes", LIMIT - 1024),
                            ("kafka_delivery_errors_total", 0), ("kafka_producer_restarts_total", 0)):
            got = metrics.sum(f"sluice_shipper_{name}")
            self.check(got == value, f"{form}: {name} is {got} and not {value}")
        shipper.stop()

        documents = []
        for _, value, _ in kafka.records(KAFKA, topic, PARTITIONS):
            self.check(len(value) < LIMIT, f"{form}: a record of {len(value)} bytes")
            documents += map(json.loads, [value] if form == "event" else batch_format.documents(value))
        self.check(len({d["event"]["id"] for d in documents}) == lines, f"{form}: {len(documents)} documents")
        cut = [d for d in documents if "truncated" in d["log"].get("flags", ())]
        self.check(len(cut) == 23 and all(len(json.dumps(d["message"])) > LIMIT - 2000 for d in cut),
                   f"{form}: {len(cut)} are marked: {[len(d['message']) for d in cut]}")
        self.check(sum(d["message"].startswith("short ") for d in documents) == 20, f"{form}: the lines between")
