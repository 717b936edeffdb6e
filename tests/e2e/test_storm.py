# SPDX-License-Identifier: Apache-2.0
"""Five collectors of one group are started, stopped and killed at random while events flow.

Each document stands once in the end.  All the while, seen from outside: the group's positions never go back, and what
stands before them is in the index already; that is looked at record by record, the newest ones before each position.
"""
import json
import random
import signal
import time

import kafka
from harness import KAFKA, PARTITIONS, Case, Failure, Tally

COLLECTORS = 5
NEWEST = 20             # records before a position that are looked up
LOOK_UP_S = 1


class Storm(Case):
    order = 72

    def test(self):
        seconds, lines = (120, 500_000) if self.options.long else (20, 40_000)
        self.chance = random.Random(self.options.seed)
        self.topic_name, self.target = self.topic("logs", "compression.type=uncompressed"), self.index()
        self.target.create({"properties": {"message": {"type": "text", "index": False}}}, shards=2)
        self.members = [self.collector(self.topic_name, self.target, f"collector-{n}",
                                       kafka={"session_timeout": "6 s"}) for n in range(COLLECTORS)]
        self.ending, self.actions = [], {"started": 0, "stopped": 0, "killed": 0}
        self.positions, self.looked_up, self.next_look = dict.fromkeys(range(PARTITIONS), -1), 0, 0.0

        self.shipper(self.topic_name).start()
        writers = [self.loggen(writer, lines=lines // 8, rate=lines // 8 // seconds, seed=n)
                   for n, writer in enumerate("abcdefgh")]
        for member in self.members[:3]:
            member.start()
        self.storm(seconds)
        self.calm(writers)

    def storm(self, seconds):
        end = time.monotonic() + seconds
        due = time.monotonic() + 3

        def step():
            nonlocal due
            self.look()
            self.reap()
            if time.monotonic() >= due:
                due = time.monotonic() + self.chance.uniform(0.3, 2)
                self.act()
            return time.monotonic() >= end

        self.wait_until("the storm is over", step, seconds + 30)
        for what in self.actions:
            self.figures[what] = self.actions[what]
            self.check(self.actions[what] > 0, f"nobody was {what}")

    def act(self):
        """One of them starts or ends; the last one that runs goes on."""
        member = self.chance.choice(self.members)
        if not member.process:
            if member not in [m for m, _ in self.ending]:
                member.start()
                self.actions["started"] += 1
        elif sum(m.process is not None for m in self.members) < 2:
            return
        elif self.chance.random() < 0.5:
            member.kill()
            self.actions["killed"] += 1
        else:
            member.process.send_signal(signal.SIGTERM)
            self.ending.append((member, member.process))
            member.process = None
            self.actions["stopped"] += 1

    def reap(self):
        for member, process in list(self.ending):
            code = process.poll()
            if code is None:
                continue
            self.ending.remove((member, process))
            self.check(code == 0, f"{member.name} was stopped and ended with {code}: {member.tail()}")

    def look(self):
        """First the positions, then the documents: in the other order one could come in between."""
        now = kafka.committed_offsets(KAFKA, f"{self.unique}-collector", self.topic_name, PARTITIONS)
        for p, offset in now.items():
            self.check(offset >= self.positions[p], f"partition {p}: the position went back from {self.positions[p]} to {offset}")
        moved = {p: offset for p, offset in now.items() if offset > self.positions[p] and offset > 0}
        self.positions.update(now)
        if moved and time.monotonic() >= self.next_look:
            self.look_up(moved)
            self.next_look = time.monotonic() + LOOK_UP_S

    def look_up(self, positions):
        ids = {}
        for p, position in positions.items():
            first = max(0, position - NEWEST)
            for offset, (_, value, _) in kafka.batches(kafka.fetch(KAFKA, self.topic_name, p, first), first):
                if offset < position:
                    ids[json.loads(value)["event"]["id"]] = (p, offset, position)
        answer = self.target.ask("POST", f"{self.target.name}/_mget?_source=false", {"ids": list(ids)})
        for document in answer["docs"]:
            if not document.get("found"):
                p, offset, position = ids[document["_id"]]
                raise Failure(f"partition {p}: position {position} is committed, the document of offset {offset} is not there")
        self.looked_up += len(ids)

    def calm(self, writers):
        self.wait_until("those who stop have stopped", lambda: self.reap() or not self.ending, 60)
        running = [m for m in self.members if m.process]
        expected = set().union(*(writer.tags() for writer in writers))
        for writer in writers:
            writer.end(60)
        self.wait_for_count(self.target, len(expected), 120)
        self.look()
        self.wait_for_idle(*running)
        self.figures["lines"], self.figures["looked_up"] = len(expected), self.looked_up
        self.figures["409s"] = sum(m.metric("records_duplicate_total") for m in running)
        Tally(expected, self.target.documents()).check(self)
        self.wait_for_commit(self.topic_name)
        for member in running:
            member.check_ledger()
            member.stop()
