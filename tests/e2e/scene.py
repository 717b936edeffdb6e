# SPDX-License-Identifier: Apache-2.0
"""A directory of log files, a shipper on it that writes NDJSON, and the truth about both.

    Scene.write, .rename, .copy, .truncate, .unlink, .compress ...   what happens to the files
    Scene.start, .stop, .kill                                        what happens to the shipper
    Scene.check_all()                                                waits for what must arrive, and judges it

Every line has a number of its own.  A line that the file system holds no more, and that had not arrived, may be missing;
every other must arrive.  However often it does, it has one id, and that id is no other line's.
"""
import json
import os
import re
import shutil
import subprocess
import time

from harness import POLL_SECONDS, Failure

NUMBER = re.compile(r"^line (\d+) ")
COMPRESSORS = {"gz": ["gzip", "-q", "-f"], "lz4": ["lz4", "-q", "-f", "-m", "--rm"], "zst": ["zstd", "-q", "-f", "--rm"]}


class Scene:
    def __init__(self, case, name, paths, **config):
        self.case, self.name = case, name
        self.dir = case.dir / name
        self.logs = self.dir / "logs"
        self.logs.mkdir(parents=True)
        self.out = self.dir / "out.ndjson"
        self.shipper = case.shipper(
            "none", name, output="file", file={"path": str(self.out)},
            inputs=({"paths": [str(self.logs / p) for p in paths], "partial_timeout": "300 ms"},),
            state=str(self.dir / "state"), scan_interval="200 ms", **config)
        self.next = 0
        self.held = {}          # name of a file -> numbers of its whole lines; hard links share one list
        self.gone = set()       # numbers of lines that no file holds any more
        self.history = []       # what happened, for the message of a failure
        self.parts = set()      # numbers of lines that had no end when they may have been shipped: that is another event
        self.lost_before = 0    # bytes_lost of earlier runs of the shipper

    # --- files -----------------------------------------------------------------------------------

    def path(self, name):
        return self.logs / name

    def note(self, *words):
        self.history.append(f"{time.time() % 1000:7.3f} " + " ".join(map(str, words)))

    def make_lines(self, n, size=0):
        """n lines as bytes, and their numbers.  Their ends differ as those of real lines do: marks are made of them."""
        numbers = list(range(self.next, self.next + n))
        self.next += n
        return "".join(f"line {i} {(f'{i:07d} ' * (size // 8))}end\n" for i in numbers).encode(), numbers

    def write(self, name, n, size=0, head=b"", newline=True):
        """Appends; head: a line without a number, before them.  newline False: the last one has no end."""
        text, numbers = self.make_lines(n, size)
        self.note("write", name, n, "from", numbers[0] if numbers else "-", "" if newline else "without the last newline")
        with open(self.path(name), "ab") as file:
            file.write(head + (text if newline else text[:-1]))
        self.held.setdefault(name, []).extend(numbers)
        self.parts.update(numbers[-1:] if not newline else [])
        return numbers

    def tick(self):
        """Until the clock of the file system has moved on: rotations are told apart by their times."""
        probe = self.dir / "clock"
        probe.touch()
        begun = probe.stat().st_mtime_ns
        while probe.stat().st_mtime_ns == begun:
            probe.touch()

    def rename(self, old, new):
        self.note("rename", old, new)
        self.drop(new)
        os.rename(self.path(old), self.path(new))
        self.held[new] = self.held.pop(old, [])

    def copy(self, old, new):
        self.note("copy", old, new)
        self.drop(new)
        shutil.copyfile(self.path(old), self.path(new))
        self.held[new] = list(self.held.get(old, []))

    def truncate(self, name):
        self.note("truncate", name)
        os.truncate(self.path(name), 0)
        numbers, self.held[name] = self.held.get(name, []), []
        self.count_gone(numbers)

    def unlink(self, name):
        self.note("unlink", name)
        os.unlink(self.path(name))
        self.drop(name)

    def link(self, old, new):
        self.note("link", old, new)
        os.link(self.path(old), self.path(new))
        self.held[new] = self.held[old]

    def symlink(self, target, name):
        """As Kubernetes does it: made beside and renamed over."""
        self.note("symlink", name, "to", target)
        os.symlink(self.path(target), self.path(name + ".tmp"))
        os.rename(self.path(name + ".tmp"), self.path(name))

    def compress(self, name, kind):
        self.note("compress", name, kind)
        packed = f"{name}.{kind}"
        st = os.stat(self.path(name))
        subprocess.run(COMPRESSORS[kind] + [self.path(name)], check=True)
        os.utime(self.path(packed), ns=(st.st_atime_ns, st.st_mtime_ns))        # lz4 keeps whole seconds only
        self.drop(packed)
        self.held[packed] = self.held.pop(name, [])
        return packed

    def drop(self, name):
        self.count_gone(self.held.pop(name, []))

    def count_gone(self, numbers):
        held = {n for some in self.held.values() for n in some}
        self.gone.update(n for n in numbers if n not in held)

    # --- the shipper -----------------------------------------------------------------------------

    def start(self):
        self.note("start")
        self.shipper.start()

    def stop(self):
        self.note("stop")
        self.remember_lost()
        self.shipper.stop()

    def kill(self):
        self.note("kill")
        self.shipper.kill()

    def lost_bytes(self):
        """By the metric; of all runs that were stopped and of this one."""
        return self.lost_before + self.shipper.metric("bytes_lost_total")

    def remember_lost(self):
        self.wait("metrics", self.shipper.metrics, 20)
        self.lost_before = self.lost_bytes()

    def wait(self, what, condition, seconds):
        """As Case.wait_until, for this scene alone: others run beside it."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                if value := condition():
                    return value
            except OSError:
                pass                    # it does not listen yet
            if self.shipper.process.poll() is not None:
                self.fail(f"{what}: the shipper has ended with {self.shipper.process.returncode}")
            if time.monotonic() > deadline:
                self.fail(f"{what}: not within {seconds} s")
            time.sleep(POLL_SECONDS)

    # --- the verdict -----------------------------------------------------------------------------

    def arrived(self):
        """number -> ids."""
        found = {}
        if self.out.exists():
            for line in self.out.read_bytes().split(b"\n")[:-1]:        # behind the last newline: not whole yet
                event = json.loads(line)
                number = NUMBER.match(event["message"])
                if number:
                    found.setdefault(int(number[1]), []).append(event["event"]["id"])
        return found

    def wait_for_some(self, n, seconds=30):
        self.wait(f"{n} lines", lambda: len(self.arrived()) >= n, seconds)

    def missing(self):
        return sorted(set(range(self.next)) - self.gone - self.arrived().keys())

    def wait_for_all(self, seconds=30):
        try:
            self.wait("all lines", lambda: not self.missing(), seconds)
        except Failure:
            missing = self.missing()
            if missing:
                self.fail(f"{len(missing)} lines are lost, such as {missing[:5]}")
            raise

    def check_ids(self):
        owner = {}
        for number, ids in self.arrived().items():
            if len(set(ids)) > 1 + (number in self.parts):
                self.fail(f"line {number} has {len(set(ids))} ids")
            for one in ids:
                if owner.setdefault(one, number) != number:
                    self.fail(f"lines {owner[one]} and {number} have one id")

    def check_order(self):
        """Each line, where it came first, behind all that were written before it."""
        last = -1
        for number in self.arrived():
            if number < last:
                self.fail(f"line {number} arrived after line {last}")
            last = number

    def check_all(self, seconds=30):
        self.wait_for_all(seconds)
        self.wait("nothing in flight", lambda: self.shipper.in_flight() == 0, 20)
        self.check_ids()
        self.shipper.check_ledger()

    def doubles(self):
        return sum(len(ids) - 1 for ids in self.arrived().values())

    def fail(self, why):
        (self.dir / "history").write_text("\n".join(self.history) + "\n")
        raise Failure(f"{self.name}: {why}\n    " + "\n    ".join(self.history[-40:]))
