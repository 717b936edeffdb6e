# SPDX-License-Identifier: Apache-2.0
"""Static membership: a killed collector that comes back under its name has its partitions at once, nobody else notices.

And two collectors of one name: the one that the broker puts out says so, and the other works.
"""
import json
import os
import time

import kafka
from harness import KAFKA, PARTITIONS, Case
from producer import Producer


class Members(Case):
    order = 22
    SESSION_S = 10          # the default: so long the partitions of a member without a name stand still
    AT_ONCE_S = 4           # with one; a busy machine takes its time to start a process

    def test(self):
        self.topic_name, self.sent = self.topic(), 0
        os.environ["SLUICE_TEST_MEMBER"] = f"{self.unique}-a"
        self.a = self.member("a", "${SLUICE_TEST_MEMBER}").start()
        self.b = self.member("b", f"{self.unique}-b").start()
        self.wait_until("each has half", lambda: self.shares() == [PARTITIONS // 2] * 2, 60)
        self.send()
        self.wait_until("all is committed", self.committed, 30)
        self.killed_and_back()
        self.twice_the_same_name()

    def member(self, name, instance):
        return self.collector(self.topic_name, self.index(), name, kafka={"group_instance_id": instance})

    def shares(self):
        return sorted(len(m.status()["partitions"]) for m in (self.a, self.b))

    def send(self):
        """One record for each partition."""
        with Producer(KAFKA) as producer:
            for p in range(PARTITIONS):
                producer.put(self.topic_name, p, json.dumps({"message": f"{self.sent} {p}"}).encode())
        self.sent += 1

    def committed(self):
        offsets = kafka.committed_offsets(KAFKA, f"{self.unique}-collector", self.topic_name, PARTITIONS)
        return all(offset == self.sent for offset in offsets.values())

    def killed_and_back(self):
        before = self.b.metric("rebalances_total")
        self.a.kill()
        self.send()
        begun = time.monotonic()
        self.a.start()
        self.wait_until("all is committed", self.committed, 60)
        took = time.monotonic() - begun
        self.figures["stood_still_s"] = round(took, 1)
        self.check(took < self.AT_ONCE_S < self.SESSION_S, f"the partitions stood still for {took:.1f} s")
        self.check(self.b.metric("rebalances_total") == before, "the other member noticed")

    def twice_the_same_name(self):
        self.a.stop()
        self.a.start()
        self.wait_until("a is back", lambda: self.shares() == [PARTITIONS // 2] * 2, 60)
        self.double = self.member("double", f"{self.unique}-a").start()
        sentence = f"another member of group {self.unique}-collector has the same kafka.group_instance_id, {self.unique}-a"
        self.wait_until("one of the two is put out",
                        lambda: any((m.status()["trouble"] or "").startswith(sentence) for m in (self.a, self.double)), 60)
        self.send()
        self.wait_until("all is committed", self.committed, 60)
        for m in (self.a, self.b, self.double):
            m.kill()
