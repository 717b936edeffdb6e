# SPDX-License-Identifier: Apache-2.0
"""./dev demo does what it shows: lines arrive, its sample queries find them, and nothing of it is left behind."""
import os
import pathlib
import re
import signal
import subprocess

from harness import ROOT, Case, Failure


class Run:
    """One ./dev demo, in a session of its own as at a terminal.  A mark in the environment tells its processes."""
    FOLDER = ROOT / "build/demo"
    SUMMARY = re.compile(r"written=(\d+) indexed=(\d+)")

    def __init__(self, case, *arguments):
        self.case, self.log = case, case.dir / f"demo{len(case.writers)}.log"
        self.mark = f"SLUICE_DEMO_TEST={case.unique}-{len(case.writers)}"
        self.before = self.folders()
        name, _, value = self.mark.partition("=")
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(["./dev", "demo", *arguments], cwd=ROOT,
                                            env={**os.environ, **case.environment, name: value},
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
        case.writers.append(self)               # killed with the test at the latest

    def folders(self):
        return set(self.FOLDER.iterdir()) if self.FOLDER.exists() else set()

    def text(self):
        return self.log.read_text(errors="replace")

    def wait_for_documents(self):
        """Until a line of the view shows some."""
        def shown():
            if self.process.poll() is not None:
                raise Failure(f"ended with {self.process.returncode}: {self.text()[-1500:]}")
            return re.search(r" indexed=[1-9]", self.text())

        self.case.wait_until("documents in the view", shown, 180)

    def commands(self):
        """{what it is for: the command} of the samples."""
        return dict(re.findall(r"^  # (.+)\n  (.+)$", self.text(), re.M))

    def interrupt(self):
        os.killpg(self.process.pid, signal.SIGINT)

    def end(self, seconds):
        """Waits, checks that all lines arrived, and returns how many."""
        try:
            code = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise Failure(f"the demo has not ended after {seconds} s: {self.text()[-1500:]}") from None
        last = self.text().splitlines()[-1]
        summary = self.SUMMARY.fullmatch(last)
        self.case.check(code == 0 and summary, f"exit {code}: {self.text()[-1500:]}")
        written, indexed = map(int, summary.groups())
        self.case.check(written == indexed > 0, last)
        self.nothing_is_left()
        return indexed

    def nothing_is_left(self):
        left = list(self.processes())
        self.case.check(not left, f"still running: {left}")
        self.case.check(self.folders() <= self.before, f"folders are left: {self.folders() - self.before}")

    def processes(self):
        for path in pathlib.Path("/proc").glob("[0-9]*"):
            try:
                if self.mark.encode() in (path / "environ").read_bytes().split(b"\0"):
                    yield path.name, (path / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            except OSError:
                pass                            # gone, or not ours


class Steps:
    """What the two demos have in common."""
    needs_servers = False
    order = 90
    environment = {}
    options_of_demo = ("--embedded",)

    def teardown(self, passed):
        for run in self.writers:
            if run.process.poll() is None:      # let it stop its servers, which are in sessions of their own
                run.process.terminate()
                run.process.wait(60)
        super().teardown(passed)

    def it_ends_by_itself(self):
        run = Run(self, *self.options_of_demo, "--for", "20")
        run.wait_for_documents()
        for what, command in run.commands().items():
            self.wait_until(f"{what}: {command}", lambda c=command: self.finds_something(c), 15)
        self.figures["lines"] = run.end(60)
        self.check(len(run.commands()) == 3, f"samples: {run.commands()}")
        self.check(run.text().count(" s  written=") >= 5, "a view that goes on")

    def ctrl_c_ends_it(self):
        run = Run(self, *self.options_of_demo)
        run.wait_for_documents()
        run.interrupt()
        run.end(60)

    @staticmethod
    def finds_something(command):
        answer = subprocess.run(["bash", "-c", command], stdout=subprocess.PIPE, text=True, timeout=30).stdout
        if command.startswith("curl"):
            return re.search(r'"(count|value)" : [1-9]', answer)
        return answer.strip() not in ("", "0")


class Demo(Steps, Case):
    def test(self):
        self.it_ends_by_itself()
        self.ctrl_c_ends_it()
        self.ctrl_c_while_it_starts_leaves_nothing()

    def ctrl_c_while_it_starts_leaves_nothing(self):
        run = Run(self)
        self.wait_until("Kafka starts", lambda: any("kafka.Kafka" in command for _, command in run.processes()), 60)
        run.interrupt()
        run.process.wait(60)
        run.nothing_is_left()


class DemoEmbedded(Steps, Case):
    order = 41
    patient = True
    options_of_demo = ("--embedded",)

    def test(self):
        self.take_java_away()
        self.it_ends_by_itself()
        self.ctrl_c_ends_it()
        self.the_files_of_a_folder_are_shipped_and_stay_as_they_are()
        self.check(not self.used.exists(), "the embedded demo has asked for Java")

    def take_java_away(self):
        """As on a machine without it, and whoever asks for it leaves a mark."""
        folder, self.used = self.dir / "bin", self.dir / "java-was-asked-for"
        folder.mkdir()
        for name in ("java", "javac"):
            (folder / name).write_text(f"#!/bin/sh\ntouch '{self.used}'\nexit 127\n")
            (folder / name).chmod(0o755)
        self.environment = {"PATH": f"{folder}:{os.environ['PATH']}"}

    def the_files_of_a_folder_are_shipped_and_stay_as_they_are(self):
        for writer, lines in (("a", 20_000), ("b", 100)):       # more than the embedded broker is sent at once
            self.loggen(writer, lines=lines).end()
        (self.logs / "c [1]*.txt").write_text("one\n\nthree\nunfinished")
        before = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in self.logs.iterdir()}
        run = Run(self, "--embedded", "--input", str(self.logs), "--for", "8")
        self.check(run.end(60) == 20_103, "lines of the folder")
        for path, (data, changed) in before.items():
            self.check((path.read_bytes(), path.stat().st_mtime_ns) == (data, changed), f"{path} was changed")
