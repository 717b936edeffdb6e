# SPDX-License-Identifier: Apache-2.0
"""Anything that can happen to log files and their shipper, in random order, against a model of what must arrive.

Each world is a folder with some log files and a shipper.  What happens there follows from a seed, which a failure prints:
run.py --seed N filesrandom plays that world again (the shipper's own timing is its own).  --long: for minutes.
"""
import concurrent.futures
import random
import subprocess
import time

from harness import Case, Failure
from scene import Scene

KINDS = ("gz", "lz4", "zst")
PATTERNS = (["*.log"], ["*.log"], ["*.log*"], ["*.log", "*.gz", "*.lz4", "*.zst"])
BLOCK = 1_000_000       # seeds of worlds for each seed of a run
KEEP = 6                # rotated files of one name


class World:
    """What is done to one scene.  Rotated files are NAME.1, the youngest, to NAME.KEEP, each perhaps compressed."""

    def __init__(self, scene, rng, names):
        self.s, self.rng, self.names = scene, rng, names
        self.up = False
        self.copies = {name: rng.random() < 0.3 for name in names}      # nobody rotates a file in both ways
        self.open_end = set()           # files whose last line has no newline yet

    # What happens, by weight.
    ACTIONS = {"write": 12, "rotate": 7, "truncate": 1, "delete": 1, "compress": 4, "start": 5, "stop": 2,
               "kill": 3, "catch_up": 3, "pause": 2}

    def step(self):
        action = self.rng.choices(list(self.ACTIONS), list(self.ACTIONS.values()))[0]
        getattr(self, action)(self.rng.choice(self.names))

    def exists(self, name):
        return self.s.path(name).exists()

    def settle(self):
        """Two scans later a running shipper knows every file that there is."""
        if self.up:
            self.s.wait("metrics", self.s.shipper.metrics, 20)
            scans = self.s.shipper.metric("scans_total") + 2
            self.s.wait("scans", lambda: self.s.shipper.metric("scans_total") >= scans, 20)

    def begin(self):
        """What was rotated away before the first start is nobody's business."""
        for name in self.names:
            self.write(name)
        self.start(None)
        self.s.wait_for_all()

    def write(self, name):
        if name in self.open_end:
            with open(self.s.path(name), "ab") as file:
                file.write(b"\n")
            self.open_end.discard(name)
        new = not self.exists(name)
        newline = self.rng.random() > 0.1
        self.s.write(name, self.rng.choice((1, 3, 50, 400)), size=self.rng.choice((0, 0, 80, 3000)), newline=newline)
        if not newline:
            self.open_end.add(name)
        if new:
            self.settle()

    def rotated(self, name):
        """number -> name of the file that has it"""
        return {i: f for i in range(1, KEEP + 1) for f in [f"{name}.{i}"] + [f"{name}.{i}.{k}" for k in KINDS]
                if self.exists(f)}

    def make_room(self, name):
        for i, old in sorted(self.rotated(name).items(), reverse=True):
            ending = old.removeprefix(f"{name}.{i}")
            if i == KEEP:
                self.s.unlink(old)
            else:
                self.s.rename(old, f"{name}.{i + 1}{ending}")

    def rotate(self, name):
        if not self.exists(name):
            return
        self.make_room(name)
        if self.copies[name]:
            self.s.copy(name, name + ".1")
            self.truncate(name)
            return
        self.s.rename(name, name + ".1")
        self.open_end.discard(name)
        if self.rng.random() < 0.5:
            self.write(name)

    def truncate(self, name):
        if not self.exists(name):
            return
        self.s.truncate(name)
        self.open_end.discard(name)
        self.write(name)

    def delete(self, name):
        if self.exists(name):
            self.s.unlink(name)
            self.open_end.discard(name)

    def compress(self, name):
        plain = [f for f in self.rotated(name).values() if f.rpartition(".")[2] not in KINDS]
        if plain:
            self.settle()               # a file that lives for milliseconds may never be seen
            self.s.compress(plain[-1], self.rng.choice(KINDS))

    def start(self, _):
        if not self.up:
            self.s.start()
            self.up = True
            if any(self.copies.values()):       # between copy and truncation a new file looks like two
                self.settle()

    def stop(self, _):
        if self.up:
            self.s.stop()
            self.up = False

    def kill(self, _):
        if self.up:
            self.s.kill()
            self.up = False

    def catch_up(self, _):
        if self.up:
            self.s.wait_for_all()

    def pause(self, _):
        time.sleep(self.rng.random() * 0.3)


class FilesRandom(Case):
    needs_servers = False
    order = 16
    WORKERS = 6
    STEPS = 60

    def test(self):
        seconds = 240 if self.options.long else 10
        deadline = time.monotonic() + seconds
        first = self.options.seed * BLOCK if self.options.seed < BLOCK else self.options.seed
        failures, worlds, lines, doubles = [], 0, 0, 0
        with concurrent.futures.ThreadPoolExecutor(self.WORKERS) as pool:
            running, seed, alone = set(), first, first % BLOCK != 0
            while time.monotonic() < deadline and not failures or running:
                while len(running) < (1 if alone else self.WORKERS) and time.monotonic() < deadline and not failures:
                    running.add(pool.submit(self.play, seed, worlds if alone else 0))
                    seed += 0 if alone else 1
                done, running = concurrent.futures.wait(running, return_when=concurrent.futures.FIRST_COMPLETED)
                for future in done:
                    why, some_lines, some_doubles = future.result()
                    worlds, lines, doubles = worlds + 1, lines + some_lines, doubles + some_doubles
                    failures += [why] if why else []
        self.figures.update(worlds=worlds, lines=lines, sent_again=doubles)
        self.check(not failures, "\n".join(failures))

    def play(self, seed, again):
        rng = random.Random(seed)
        scene = Scene(self, f"world-{seed}" + f"-{again}" * (again > 0), rng.choice(PATTERNS))
        world = World(scene, rng, ["a.log", "b.log"][:rng.choice((1, 1, 2))])
        why = None
        try:
            world.begin()
            for _ in range(self.STEPS):
                world.step()
            world.start(None)
            scene.check_all()
            world.stop(None)
        except (Failure, OSError, subprocess.SubprocessError) as failure:
            why = f"seed {seed}: {failure}"
        if world.up and scene.shipper.process:
            scene.kill()
        return why, scene.next, scene.doubles()
