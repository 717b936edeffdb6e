# SPDX-License-Identifier: Apache-2.0
"""Every kind of rotation, with the shipper running, down, and killed with SIGKILL in the middle.

A row of the table is a function over a Scene: it writes lines, yields, and rotates.  At the yield the shipper is left
running, is stopped, or is killed while it is at work; at the end it runs again.  Nothing that a file still holds is lost, and
every line has one id.  Where the rest of a file is large (BIG lines) the lines must also arrive in the order they were
written in.  The table runs in parallel; it needs no servers.
"""
import concurrent.futures
import os
import subprocess

from harness import Case, Failure
from scene import Scene

MODES = ("running", "down", "killed")
BIG, SIZE = 3000, 300           # lines, and about the bytes of each: several turns of a file
ROWS = []


def row(*paths, modes=MODES, lossy=False, in_order=False):
    """lossy: what was not read before the rotation is gone."""
    def add(function):
        ROWS.append((function.__name__, paths or ("*.log",), modes, lossy, in_order, function))
        return function
    return add


@row()
def rename(s):
    s.write("a.log", 200)
    yield
    s.write("a.log", 50)
    s.rename("a.log", "a.log.1")
    s.write("a.log", 50)


@row()
def rename_and_nothing_new(s):
    s.write("a.log", 200)
    yield
    s.write("a.log", 50)
    s.rename("a.log", "a.log.1")


@row()
def rename_chain(s):
    s.write("a.log", 200)
    yield
    for generation in range(3):
        s.write("a.log", 30)
        for i in range(generation, 0, -1):
            s.rename(f"a.log.{i}", f"a.log.{i + 1}")
        s.rename("a.log", "a.log.1")
    s.write("a.log", 30)


@row()
def renamed_and_written_on(s):
    """The writer still holds the old file when the new one is there."""
    s.write("a.log", 200)
    yield
    s.rename("a.log", "a.log.1")
    s.write("a.log", 20)
    s.write("a.log.1", 20)


@row()
def dated(s):
    s.write("a.log", 200)
    yield
    s.write("a.log", 50)
    s.rename("a.log", "a.log-20261123")
    s.write("a.log", 50)


@row("*.log*")
def rename_under_a_pattern_that_matches_both(s):
    s.write("a.log", 200)
    yield
    s.write("a.log", 50)
    s.rename("a.log", "a.log.1")
    s.write("a.log", 50)
    s.rename("a.log.1", "a.log.2")
    s.rename("a.log", "a.log.1")
    s.write("a.log", 50)


@row()
def deleted_while_open(s):
    s.write("a.log", 200)
    yield
    s.unlink("a.log")
    s.write("a.log", 50)


@row(lossy=True)
def copytruncate(s):
    s.write("a.log", 200)
    yield
    s.copy("a.log", "a.log.1")
    s.truncate("a.log")
    s.write("a.log", 50)


@row(lossy=True)
def copytruncate_regrown_past_the_offset(s):
    s.write("a.log", 200)
    yield
    s.copy("a.log", "a.log.1")
    s.truncate("a.log")
    s.write("a.log", 600)


@row("*.log*", lossy=True)
def copytruncate_under_a_pattern_that_matches_the_copy(s):
    s.write("a.log", 200)
    yield
    s.copy("a.log", "a.log.1")
    s.truncate("a.log")
    s.write("a.log", 50)


@row()
def copytruncate_twice_at_once(s):
    s.write("a.log", 200)
    yield
    s.write("a.log", 50)
    s.copy("a.log", "a.log.1")
    s.truncate("a.log")
    s.write("a.log", 50)
    s.rename("a.log.1", "a.log.2")
    s.copy("a.log", "a.log.1")
    s.truncate("a.log")
    s.write("a.log", 50)


@row()
def copytruncate_three_times_at_once(s):
    s.write("a.log", 200)
    yield
    for generation in range(3):
        s.write("a.log", 50)
        for i in range(generation, 0, -1):
            s.rename(f"a.log.{i}", f"a.log.{i + 1}")
        s.copy("a.log", "a.log.1")
        s.truncate("a.log")
    s.write("a.log", 50)


def compressed(kind):
    def renamed_and_compressed(s):
        s.write("a.log", 200)
        yield
        s.write("a.log", 50)
        s.rename("a.log", "a.log.1")
        s.write("a.log", 50)
        s.compress("a.log.1", kind)
        s.write("a.log", 50)
    renamed_and_compressed.__name__ += "_" + kind
    return renamed_and_compressed


for a_kind in ("gz", "lz4", "zst"):
    row()(compressed(a_kind))


@row("*.log*")
def compressed_under_a_pattern_that_matches_the_archive(s):
    s.write("a.log", 200)
    yield
    s.write("a.log", 50)
    s.rename("a.log", "a.log.1")
    s.write("a.log", 50)
    s.compress("a.log.1", "gz")


@row("*.log", "*.gz", "*.zst")
def compressed_where_archives_are_wanted(s):
    s.write("old.log.1", 100)
    s.compress("old.log.1", "gz")
    s.write("a.log", 200)
    yield
    s.write("a.log", 50)
    s.rename("a.log", "a.log.1")
    s.write("a.log", 50)
    s.compress("a.log.1", "zst")


@row()
def compressed_chain(s):
    """Two rotations at once, each compressed, and renamed afterwards."""
    s.write("a.log", 200)
    yield
    s.write("a.log", 50)
    s.rename("a.log", "a.log.1")
    s.compress("a.log.1", "gz")
    s.rename("a.log.1.gz", "a.log.2.gz")
    s.write("a.log", 50)


@row("*.log", "*.gz")
def an_archive_of_its_own(s):
    s.write("old.log", 3000)
    s.compress("old.log", "gz")
    yield
    s.write("a.log", 50)


@row()
def symlink_swap(s):
    s.write("a.log.1", 200)
    s.symlink("a.log.1", "a.log")
    yield
    s.write("a.log.2", 50)
    s.symlink("a.log.2", "a.log")


@row("*.log")
def hard_link(s):
    s.write("a.log", 200)
    s.link("a.log", "b.log")
    yield
    s.write("a.log", 50)
    s.unlink("a.log")
    s.write("b.log", 50)


@row()
def inode_reused(s):
    s.write("a.log", 200)
    yield
    inode = os.stat(s.path("a.log")).st_ino
    s.unlink("a.log")
    for i in range(20):         # the first new file mostly gets it
        s.write(f"b{i}.log", 1)
        if os.stat(s.path(f"b{i}.log")).st_ino == inode:
            break
    s.write(f"b{i}.log", 300)


@row()
def tiny_files(s):
    s.write("a.log", 1)
    s.write("b.log", 1, newline=False)
    yield
    s.rename("a.log", "a.log.1")
    s.write("a.log", 1)
    s.write("c.log", 1)


@row()
def equal_heads(s):
    head = b"# a header of every file\n"
    s.write("a.log", 100, head=head)
    s.write("b.log", 100, head=head)
    yield
    s.write("a.log", 50)
    s.rename("a.log", "a.log.1")
    s.write("a.log", 50, head=head)


@row()
def equal_heads_compressed(s):
    head = b"# a header of every file\n"
    s.write("a.log", 100, head=head)
    s.write("b.log", 100, head=head)
    yield
    for name in ("a.log", "b.log"):
        s.write(name, 50)
        s.rename(name, name + ".1")
        s.write(name, 50, head=head)
        s.compress(name + ".1", "gz")


@row()
def last_line_without_newline(s):
    s.write("a.log", 200, newline=False)
    yield
    s.rename("a.log", "a.log.1")
    s.write("a.log", 50, newline=False)


@row()
def compressed_without_the_last_newline(s):
    s.write("a.log", 200)
    yield
    s.write("a.log", 50, newline=False)
    s.rename("a.log", "a.log.1")
    s.compress("a.log.1", "zst")
    s.write("a.log", 50)


@row()
def long_lines_compressed(s):
    s.write("a.log", 3, size=700_000)
    yield
    s.write("a.log", 3, size=700_000)
    s.rename("a.log", "a.log.1")
    s.compress("a.log.1", "gz")
    s.write("a.log", 50)


@row(in_order=True)
def large_rest(s):
    s.write("a.log", 200)
    yield
    s.write("a.log", BIG, size=SIZE)
    s.rename("a.log", "a.log.1")
    s.write("a.log", BIG, size=SIZE)


@row("*.log*", in_order=True)
def large_rests_in_a_chain(s):
    s.write("a.log", 200)
    yield
    for generation in range(3):
        s.write("a.log", BIG, size=SIZE)
        for i in range(generation, 0, -1):
            s.rename(f"a.log.{i}", f"a.log.{i + 1}")
        s.rename("a.log", "a.log.1")
        s.tick()
    s.write("a.log", BIG, size=SIZE)


@row(in_order=True)
def large_rest_in_a_copy(s):
    s.write("a.log", 200)
    yield
    s.write("a.log", BIG, size=SIZE)
    s.copy("a.log", "a.log.1")
    s.truncate("a.log")
    s.write("a.log", BIG, size=SIZE)


@row(modes=("down", "killed"), in_order=True)
def large_rests_in_archives(s):
    """With the shipper running the file that lives for milliseconds may never be seen."""
    s.write("a.log", 200)
    yield
    s.write("a.log", BIG, size=SIZE)
    s.rename("a.log", "a.log.1")
    s.compress("a.log.1", "gz")
    s.rename("a.log.1.gz", "a.log.2.gz")
    s.tick()
    s.write("a.log", BIG, size=SIZE)
    s.rename("a.log", "a.log.1")
    s.compress("a.log.1", "zst")
    s.tick()
    s.write("a.log", BIG, size=SIZE)


class Rotation(Case):
    needs_servers = False
    order = 15
    WORKERS = 8

    def test(self):
        jobs = [(row, mode) for row in ROWS for mode in row[2]]
        with concurrent.futures.ThreadPoolExecutor(self.WORKERS) as pool:
            failures = [str(f) for f in pool.map(self.run_row, jobs) if f]
        self.figures["cases"], self.figures["failed"] = len(jobs), len(failures)
        self.check(not failures, f"{len(failures)} of {len(jobs)}\n" + "\n".join(failures))

    def run_row(self, job):
        (name, paths, _, lossy, in_order, function), mode = job
        scene = Scene(self, f"{name}-{mode}", paths)
        try:
            self.drive(scene, function, mode)
            self.judge(scene, mode, lossy)
            if in_order:
                scene.check_order()
            scene.stop()
        except (Failure, OSError, subprocess.SubprocessError) as failure:
            return f"{name}, {mode}: {failure}"
        return None

    def drive(self, scene, function, mode):
        steps = function(scene)
        if mode == "killed":            # with enough to do that it dies in the middle
            next(steps)
            scene.start()
            scene.wait_for_some(1)
            scene.kill()
        else:
            scene.start()
            next(steps)
            scene.wait_for_all()
            if mode == "down":
                scene.stop()
        for _ in steps:
            pass
        if mode != "running":
            scene.start()

    def judge(self, scene, mode, lossy):
        scene.check_all()
        lost = sorted(set(range(scene.next)) - scene.arrived().keys())
        if lost and not lossy and mode == "running":
            scene.fail(f"{len(lost)} lines vanished although they were read, such as {lost[:5]}")
        # What had arrived without its answer being stored counts as lost when its file is gone as well.
        vanished = scene.gone if mode == "killed" else lost
        most, counted = sum(len(f"line {n} end\n") for n in vanished), scene.lost_bytes()
        if counted > most:
            scene.fail(f"bytes_lost {counted}, and only {most} are gone")
