# SPDX-License-Identifier: Apache-2.0
"""Ten thousand quiet files cost nearly nothing, and two thousand busy ones with no Kafka stay within the budget.

The figures are CPU time of the process and its memory, so a busy machine changes them little.
"""
import os
import time

from harness import Case, cpu_seconds, free_port, is_quiet
from mock import MockKafka

MIB = 1 << 20


class ManyFiles(Case):
    order = 24
    needs_servers = False
    QUIET, BUSY = 10_000, 2_000
    START_SECONDS = 0.5             # of CPU, until all of them are read ...
    STARTS = 3                      # ... at one of so many starts: a core shared with other work counts more
    QUIET_MIB = 24
    QUIET_PERCENT = 0.5             # of a core: the library's threads and a tick a second, and room for a busy machine
    WINDOW = 8                      # seconds
    BUDGET_MIB = 16
    MORE_MIB = 28                   # than the budget: the program, its libraries, what is known of the files

    def test(self):
        self.quiet()
        self.busy_without_kafka()

    def fill(self, files, text):
        for i in range(files):
            with open(self.logs / f"app-{i:05}.log", "a", encoding="ascii") as log:
                log.write(text)

    def start_with_all(self, kafka, topic, attempt):
        """A shipper that has read all files, and the seconds of CPU that this took."""
        shipper = self.shipper(topic, f"quiet-{attempt}", ["*.log"], kafka={"brokers": kafka.brokers, "topic": topic}).start()
        self.wait_until("all is read", lambda: is_quiet(shipper.process.pid), 120)
        start = cpu_seconds(shipper.process.pid)
        self.wait_until("all is acknowledged", lambda: shipper.metric("lines_acked_total") == 3 * self.QUIET, 120)
        return shipper, start

    def quiet(self):
        self.fill(self.QUIET, "a line of a service that has little to say\n" * 3)
        kafka = MockKafka()
        topic = kafka.topic("logs")
        for attempt in range(self.STARTS):
            shipper, start = self.start_with_all(kafka, topic, attempt)
            if start < self.START_SECONDS:
                break
            if attempt + 1 < self.STARTS:
                shipper.kill()
        self.figures["start_cpu_s"] = f"{start:.2f}"
        self.check(start < self.START_SECONDS, f"{start:.2f} s of CPU until {self.QUIET} files were read")
        # The next scan takes from quiet files what they need only while they are read; the one after it is far away.
        self.wait_until("they are at rest", lambda: shipper.metric("scans_total") >= 2 and is_quiet(shipper.process.pid), 120)
        self.check(shipper.memory() < self.QUIET_MIB * MIB, f"{shipper.memory() / MIB:.1f} MiB for quiet files")
        self.figures["quiet_MiB"] = f"{shipper.memory() / MIB:.1f}"
        before, began = cpu_seconds(shipper.process.pid), time.monotonic()
        time.sleep(self.WINDOW)         # it is this time that is measured
        percent = 100 * (cpu_seconds(shipper.process.pid) - before) / (time.monotonic() - began)
        self.figures["quiet_cpu_percent"] = f"{percent:.2f}"
        self.check(percent < self.QUIET_PERCENT, f"{percent:.2f}% of a core for {self.QUIET} quiet files")
        with open(self.logs / "app-00007.log", "a", encoding="ascii") as log:
            log.write("it is still listened to\n")
        self.wait_until("the one that speaks is heard",
                        lambda: shipper.metric("lines_acked_total") == 3 * self.QUIET + 1, 20)
        shipper.check_ledger()
        shipper.stop()
        kafka.close()
        for path in self.logs.iterdir():
            os.unlink(path)

    def busy_without_kafka(self):
        lines, line = 100, "x" * 199 + "\n"
        self.fill(self.BUSY, line * lines)      # 40 MB, more than twice the budget
        shipper = self.shipper("logs", "busy", ["*.log"], memory=f"{self.BUDGET_MIB} MiB",
                               kafka={"brokers": f"127.0.0.1:{free_port()}", "topic": "logs"}).start()
        self.wait_until("reading stops at the budget", lambda: shipper.metric("reading_stopped_total") > 0, 60)
        for _ in range(3):
            self.fill(self.BUSY, line)
        held, budget = shipper.metric("held_bytes"), shipper.metric("budget_bytes")
        self.check(held < budget + MIB, f"{held} bytes held of {budget}")
        most = shipper.memory("VmHWM") / MIB
        self.figures["busy_peak_MiB"] = f"{most:.1f}"
        self.check(most < self.BUDGET_MIB + self.MORE_MIB, f"{most:.1f} MiB at most with a budget of {self.BUDGET_MIB}")
        self.check(shipper.metric("lag_bytes") >= self.BUSY * lines * len(line), "nothing is forgotten")
        shipper.check_ledger()
        shipper.kill()
