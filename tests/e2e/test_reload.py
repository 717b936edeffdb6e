# SPDX-License-Identifier: Apache-2.0
"""A configuration changes while lines flow: taken over whole, or refused with the reason; no line lost or doubled."""
import signal

from harness import KAFKA, Case, Tally


class Reload(Case):
    order = 30
    LINES = 200_000                     # at most, of each of three writers, which write until all has changed
    RATE = 1500

    def test(self):
        first, second, index = self.topic("first"), self.topic("second"), self.index()
        shipper = self.shipper(first, paths=("a.log",)).start()
        collector = self.collector(first, index)
        collector.start()
        writers = [self.loggen(w, lines=self.LINES, rate=self.RATE) for w in "abc"]

        self.input_added_by_signal(shipper, first)
        self.broken_file_refused(shipper)
        self.topic_changed_without_a_signal(shipper, second)
        self.collector_follows(collector, first, second)
        self.input_removed_and_back(shipper, second)

        for writer in writers:
            writer.stop()
        expected = set().union(*(w.tags() for w in writers))
        self.wait_for_count(index, len(expected), 60)
        self.wait_for_idle(shipper, collector)
        Tally(expected, index.documents()).check(self)
        for program in (shipper, collector):
            program.check_ledger()
            program.stop()

    def configure(self, shipper, topic, *files):
        shipper.write_config({
            "http": shipper.url.removeprefix("http://"),
            "inputs": tuple({"paths": [str(self.logs / f)]} for f in files),
            "kafka": {"brokers": KAFKA, "topic": topic},
            "state": str(self.dir / "shipper.state"),
        })

    def wait_for_reloads(self, program, n, name="reloads_total"):
        def reloaded():
            return program.metric(name) == n
        self.wait_until(f"{program.name} has {name} {n}", reloaded, 30)

    def input_added_by_signal(self, shipper, topic):
        self.wait_until("lines are acknowledged", lambda: shipper.metric("lines_acked_total") > 500, 30)
        self.configure(shipper, topic, "a.log", "b.log")
        shipper.process.send_signal(signal.SIGHUP)
        self.wait_for_reloads(shipper, 1)

    def broken_file_refused(self, shipper):
        good = shipper.path.read_text()
        shipper.path.write_text(good + 'memroy = "1 MiB";\nmemory = 5;\n')
        shipper.process.send_signal(signal.SIGHUP)
        self.wait_for_reloads(shipper, 1, "reload_errors_total")
        log = shipper.tail()
        for part in ("the old one stays", "memroy", "memory"):
            self.check(part in log, f"the log does not say {part!r}: {log}")
        self.check(shipper.metric("reloads_total") == 1, "a broken configuration was taken over")
        before = shipper.metric("lines_acked_total")
        self.wait_until("lines go on", lambda: shipper.metric("lines_acked_total") > before, 30)

    def topic_changed_without_a_signal(self, shipper, topic):
        self.configure(shipper, topic, "a.log", "b.log", "c.log")
        self.wait_for_reloads(shipper, 2)

    def collector_follows(self, collector, first, second):
        text = collector.path.read_text()
        self.check(first in text, text)
        collector.path.write_text(text.replace(f'"{first}"', f'"{first}", "{second}"'))
        self.wait_for_reloads(collector, 1)

    def input_removed_and_back(self, shipper, topic):
        self.configure(shipper, topic, "a.log", "b.log")
        self.wait_for_reloads(shipper, 3)
        self.configure(shipper, topic, "a.log", "b.log", "c.log")
        self.wait_for_reloads(shipper, 4)
