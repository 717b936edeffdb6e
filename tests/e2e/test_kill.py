# SPDX-License-Identifier: Apache-2.0
"""The main promise: whatever is killed, every line stands in Elasticsearch exactly once.

Four writers rotate their files by rename while the shipper and both collectors are killed with SIGKILL again and
again, each time with something in flight.  Kafka and Elasticsearch are killed too, and while they are gone so is who
writes to them: then all that is in flight stays so, and a position that ran ahead of its acknowledgements shows.
What a kill made the programs send again is seen as 409s: without any, the test has proved nothing and fails.
"""
import random
import time

from harness import Case, Tally, stack


class Victim:
    """A program and its kills to come.  Each comes some seconds after it has begun to work, so that it stores positions
    between two kills, and at a moment at which it holds something that is not settled."""
    WORK_S = 6

    def __init__(self, program, kills, chance):
        self.program, self.left, self.chance = program, kills, chance
        self.kills, self.duplicates = 0, 0      # of incarnations that have ended
        self.due = None                         # of the next kill; None: it does not work yet

    def step(self):
        """True when all its kills are done."""
        if self.left and self.program.in_flight() > 0:
            now = time.monotonic()
            self.due = self.due or now + self.chance.uniform(0, self.WORK_S)
            if now >= self.due:
                self.kill()
                self.left -= 1
        return not self.left

    def kill(self):
        self.duplicates += self.duplicates_now()
        self.program.kill()
        self.program.start()
        self.kills, self.due = self.kills + 1, None

    def duplicates_now(self):
        return self.program.metric("records_duplicate_total") if self.program.kind == "collector" else 0


class Kill(Case):
    order = 70
    WRITERS = ("a", "b", "c", "d")
    PATHS = ("[ab].log", "[cd].log*")       # rotated files leave their pattern, or match it still
    RATE = 600              # lines a second of each
    HELD, HELD_S = 1000, 1  # lines in flight before a kill without a server, and for how long: positions are stored
                            # twice a second

    def test(self):
        self.lines = 250_000 if self.options.long else 50_000           # of each writer
        kills = 25 if self.options.long else 5
        chance = random.Random(self.options.seed)

        topic, index = self.topic(), self.index()
        index.create({"properties": {"message": {"type": "text"}}}, shards=2)
        programs = [self.shipper(topic, paths=self.PATHS)]
        for name in ("collector-1", "collector-2"):
            programs.append(self.collector(topic, index, name, kafka={"session_timeout": "6 s"}))
        victims = [Victim(program.start(), kills, chance) for program in programs]
        writers = [self.loggen(writer, lines=self.lines, rate=self.RATE, rotate_every=self.lines // 10, seed=n)
                   for n, writer in enumerate(self.WRITERS)]

        self.torment(victims)
        for writer in writers:
            writer.end(self.lines / self.RATE + 60)
        self.everything_arrives(set().union(*(writer.tags() for writer in writers)), topic, index, victims)
        for program in programs:
            program.stop()

    def torment(self, victims):
        """The servers are killed when a quarter and a half of the lines are written."""
        seconds = self.lines / self.RATE
        begun = time.monotonic()
        outages = [(begun + seconds / 4, "kafka", victims[:1]), (begun + seconds / 2, "elasticsearch", victims[1:])]

        def step():
            if outages and time.monotonic() >= outages[0][0]:
                _, server, writing = outages.pop(0)
                self.kill_without(server, writing)
            return all([victim.step() for victim in victims]) and not outages

        self.wait_until("all are killed often enough", step, seconds + 60)

    def kill_without(self, server, victims):
        """Kills whoever is the first to hold enough for the server that has gone."""
        stack("kill", server)
        names = " or ".join(victim.program.name for victim in victims)
        full = self.wait_until(f"{names} holds {self.HELD} lines for {server}",
                               lambda: [v for v in victims if v.program.in_flight() >= self.HELD], 60)
        ripe = time.monotonic() + self.HELD_S
        self.wait_until("positions have been stored", lambda: time.monotonic() >= ripe, 60)
        full[0].kill()
        stack("up", server)

    def everything_arrives(self, expected, topic, index, victims):
        begun = time.monotonic()
        programs = [victim.program for victim in victims]
        self.wait_for_count(index, len(expected), 120)
        self.wait_for_idle(*programs)
        duplicates = sum(victim.duplicates + victim.duplicates_now() for victim in victims)
        self.figures["lines"], self.figures["409s"] = len(expected), duplicates
        self.figures["kills"] = "+".join(str(victim.kills) for victim in victims)
        self.figures["drained_s"] = round(time.monotonic() - begun, 1)
        Tally(expected, index.documents()).check(self)
        self.wait_for_commit(topic)
        for program in programs:
            program.check_ledger()
        self.check(duplicates > 0, "no 409: no kill made anything be sent again")
