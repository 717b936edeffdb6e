# SPDX-License-Identifier: Apache-2.0
"""A burst's memory goes back to the system when the work is done."""
from harness import Case

MIB = 1 << 20


class Memory(Case):
    LINES = 150_000
    MORE_MIB = 8            # than before the burst: buffers that stay, and what the allocator cannot give back

    def test(self):
        topic = self.topic()
        shipper = self.shipper(topic, "shipper", ["*.log"]).start()
        collector = self.collector(topic, self.index(), "collector", "memory", output="file",
                                   file={"path": str(self.dir / "out.ndjson")}).start()
        self.loggen("a", self.logs / "a.log", lines=100).end()
        self.wait_until("some is written", lambda: collector.metric("records_indexed_total") == 100, 60)
        self.wait_for_idle(shipper, collector)
        before = {p.name: p.memory() for p in (shipper, collector)}
        self.loggen("b", self.logs / "b.log", lines=self.LINES).end()
        self.wait_until("all is written", lambda: collector.metric("records_indexed_total") == self.LINES + 100, 120)
        self.wait_for_idle(shipper, collector)
        for program in (shipper, collector):
            bound = before[program.name] + self.MORE_MIB * MIB
            self.wait_until(f"{program.name} gives back what the burst took, down to {bound / MIB:.0f} MiB",
                            lambda p=program, b=bound: p.memory() <= b, 20)
            self.figures[f"{program.name}_MiB"] = f"{program.memory('VmHWM') / MIB:.0f}->{program.memory() / MIB:.0f}"
            program.stop()
