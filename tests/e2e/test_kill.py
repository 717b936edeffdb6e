# SPDX-License-Identifier: Apache-2.0
"""The main promise: whatever is killed, every line stands in Elasticsearch exactly once.

Four writers rotate their files by rename while the shipper and both collectors are killed with SIGKILL again and
again, each time with something in flight, and Kafka and Elasticsearch are restarted.  What a kill made the programs
send again is seen as 409s: without any, the test has proved nothing and fails.
"""
import random
import time

from harness import Case, Tally, stack


class Kill(Case):
    order = 70
    WRITERS = ("a", "b", "c", "d")
    PATHS = ("[ab].log", "[cd].log*")       # rotated files leave their pattern, or match it still

    def test(self):
        long = self.options.long
        self.lines = 250_000 if long else 50_000        # of each writer
        self.rate = 700                                 # of each writer, a second
        self.kills_each = 20 if long else 5
        self.random = random.Random(self.options.seed)
        self.duplicates = 0                             # of incarnations that have ended
        self.kills = {}

        topic, index = self.topic(), self.index()
        index.create({"properties": {"message": {"type": "text"}}}, shards=2)
        shipper = self.shipper(topic, paths=self.PATHS)
        collectors = [self.collector(topic, index, f"collector-{n}") for n in (1, 2)]
        programs = [shipper, *collectors]
        for program in programs:
            program.start()
            self.kills[program.name] = 0
        writers = [self.loggen(w, lines=self.lines, rate=self.rate, rotate_every=self.lines // 5, seed=n,
                               kind="mix") for n, w in enumerate(self.WRITERS)]
        self.torment(programs)
        for writer in writers:
            writer.end(self.lines / self.rate + 60)
        expected = set().union(*(writer.tags() for writer in writers))
        self.everything_arrives(expected, topic, index, programs)
        for program in programs:
            program.stop()

    def torment(self, programs):
        """Kills and restarts in a random order, spread over four fifths of the time for which lines are written."""
        actions = [lambda p=p: self.kill(p) for p in programs for _ in range(self.kills_each)]
        actions += [lambda: stack("restart", "kafka"), lambda: stack("restart", "elasticsearch")]
        self.random.shuffle(actions)
        begun, pace = time.monotonic(), 0.8 * self.lines / self.rate / len(actions)
        for n, action in enumerate(actions):
            due = begun + pace * (n + self.random.random())
            self.wait_until("the next kill is due", lambda: time.monotonic() >= due, 60)
            action()

    def kill(self, program):
        """At a moment at which it holds something that is not settled yet; it comes back at once."""
        self.wait_until(f"{program.name} has something in flight", lambda: program.in_flight() > 0, 60)
        if program.kind == "collector":
            self.duplicates += program.metric("records_duplicate_total")
        program.kill()
        self.kills[program.name] += 1
        program.start()

    def everything_arrives(self, expected, topic, index, programs):
        begun = time.monotonic()
        self.wait_for_count(index, len(expected), 120)
        self.wait_for_idle(*programs)
        self.figures["drained_s"] = round(time.monotonic() - begun, 1)
        duplicates = self.duplicates + sum(p.metric("records_duplicate_total") for p in programs[1:])
        self.figures["lines"], self.figures["409s"] = len(expected), duplicates
        self.figures["kills"] = "+".join(str(n) for n in self.kills.values())
        Tally(expected, index.documents()).check(self)
        self.wait_for_commit(topic)
        for program in programs:
            program.check_ledger()
        self.check(duplicates > 0, "no 409: no kill made anything be sent again")
