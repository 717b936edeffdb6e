#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""./dev demo: the whole pipeline on one machine, to look at.

    three writers --> files --> sluice-shipper --> Kafka --> two sluice-collectors --> Elasticsearch

    --input DIR     ship the log files of DIR (never changed) instead of generated lines
    --for SECONDS   end by itself; else Ctrl-C ends it
    --embedded      no Java: an embedded broker instead of Kafka, and one collector, which writes a file

Started from the right to the left and stopped from the left to the right, so that what was written still arrives; a
second Ctrl-C does not wait for that.  The last line is `written=N indexed=N`, counted in the files and in the store.
Exit code 0 when every line has arrived.  All files lie in one folder of build/demo/, which goes in the end; when
something has failed the logs stay there.
"""
import argparse
import json
import os
import pathlib
import re
import shutil
import signal
import sys
import tempfile
import threading
import time

import parts
import view

TURN_SECONDS = 0.5
SETTLE_SECONDS = 30             # for what is on its way when the writers have stopped
STOP_SECONDS = 20               # for a program that drains
EMBEDDED_ROOM = 512 * 1024      # of raw lines on their way: far below what a partition of the embedded broker keeps


class Demo:
    def __init__(self, options):
        self.seconds = options.seconds
        home = parts.ROOT / "build/demo"
        home.mkdir(parents=True, exist_ok=True)
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="run-", dir=home))
        self.ends = threading.Event()
        self.signals = 0
        self.servers = self.source = self.shipper = None
        self.collectors, self.last_metrics = [], {}
        self.options = options

    def on_signal(self, *_):
        self.signals += 1
        self.ends.set()

    def pause(self, seconds):
        if self.ends.wait(seconds):
            raise parts.Interrupted

    # --- start -----------------------------------------------------------------------------------

    def start(self):
        o = self.options
        if o.input:
            self.source = parts.GivenFiles(o.input, self.folder, EMBEDDED_ROOM if o.embedded else 0)
        else:
            self.source = parts.DemoService(self.folder)
        self.servers = (parts.EmbeddedServers if o.embedded else parts.RealServers)(self.folder)
        print("demo: starting " + ("the embedded broker" if o.embedded else "Kafka and Elasticsearch"), flush=True)
        self.servers.start(self.pause)
        for number in range(1, self.servers.collectors + 1):
            self.collectors.append(self._program("collector", f"collector-{number}", 19601 + number, f"""\
kafka = {{ brokers = "{self.servers.brokers}"; topics = [ "{parts.TOPIC}" ]; group = "{parts.GROUP}"; }};
dlq = {{ dir = {quoted(self.folder / "dead-letters")}; }};
{self.servers.collector_settings()}"""))
        self.source.start()
        self.shipper = self._program("shipper", "shipper", 19601, f"""\
inputs = ( {', '.join(self._input(*i) for i in self.source.inputs())} );
kafka = {{ brokers = "{self.servers.brokers}"; topic = "{parts.TOPIC}"; }};
state = {quoted(self.folder / "state")};
""")
        for program in (self.shipper, *self.collectors):
            self._wait_for_answer(program)

    def _input(self, paths, service):
        literal = [re.sub(r"([*?\[\\])", r"\\\1", str(path)) for path in paths]
        return (f"{{ paths = [ {', '.join(map(quoted, literal))} ];"
                + (f" service = {quoted(service)};" if service else "") + " }")

    def _program(self, kind, name, port, settings):
        http = f"127.0.0.1:{parts.free_port(port)}"
        path = self.folder / f"{name}.cfg"
        path.write_text(f'http = "{http}";\n{settings}')
        return parts.Program(name, self.folder, parts.BIN / f"sluice-{kind}", "run", "-c", path, http=http)

    def _wait_for_answer(self, program):
        while True:
            program.check()
            try:
                return program.metrics()
            except OSError:
                self.pause(0.05)

    def introduce(self):
        print("\nOpen:")
        for program in (self.shipper, *self.collectors):
            print(f"  {program.name:14} {program.url}/status   {program.url}/metrics")
        for name, link in self.servers.links():
            print(f"  {name:14} {link}")
        print("\nTry:")
        for what, command in self.servers.samples(self._first_trace()):
            print(f"  # {what}\n  {command}")
        print(flush=True)

    def _first_trace(self):
        """None when the lines carry none: a generated file gets one within its first lines."""
        for _ in range(20):
            if (trace := self.source.trace()) or self.options.input:
                return trace
            self.pause(0.1)
        return None

    # --- run -------------------------------------------------------------------------------------

    def counts(self):
        for program in (self.shipper, *self.collectors):
            try:
                self.last_metrics[program.name] = program.metrics()
            except OSError:
                program.check()         # busy; the next turn tells

        def of(programs, name):
            return int(sum(self.last_metrics.get(p.name, {}).get(name, 0) for p in programs))

        def shipped(name):
            return of([self.shipper], f"sluice_shipper_{name}")

        def collected(name):
            return of(self.collectors, f"sluice_collector_{name}")

        return {
            "written": self.source.written(), "read": shipped("lines_read_total"),
            "acknowledged": shipped("lines_acked_total"), "consumed": collected("records_consumed_total"),
            "indexed": collected("records_indexed_total"), "duplicates": collected("records_duplicate_total"),
            "dead": collected("records_dead_lettered_total") + collected("records_dropped_total"),
            "lag_bytes": shipped("lag_bytes"), "lag_records": collected("lag_records"),
        }

    def processes(self):
        ours = [(p.name, p.pid) for p in (self.shipper, *self.collectors)]
        return [(name, pid, *parts.usage_of(pid)) for name, pid in ours + self.servers.pids()]

    def turn(self, screen):
        """One look at everything.  True when all that was written seems to have arrived."""
        for part in (self.source, self.servers, self.shipper, *self.collectors):
            part.check()
        counts = self.counts()
        self.source.turn(idle(counts), self.shipper)
        counts["written"] = self.source.written()
        screen.show(counts, self.processes())
        return idle(counts)

    def run(self, screen):
        """Until its time is over or somebody ends it."""
        end = time.monotonic() + (float("inf") if self.seconds is None else self.seconds)
        try:
            while time.monotonic() < end:
                self.turn(screen)
                self.pause(TURN_SECONDS)
        except parts.Interrupted:
            print("demo: stopping; once more to not wait for what is on its way", flush=True)
            screen.height = 0

    # --- stop ------------------------------------------------------------------------------------

    def all_stored(self):
        return self.servers.count() + self.counts()["dead"] >= self.source.written()

    def settle(self, screen):
        """Lets arrive what was written."""
        self.source.stop()
        self.source.check = lambda: None        # it has ended now, and should
        deadline = time.monotonic() + SETTLE_SECONDS
        while not (self.turn(screen) and self.all_stored()) and time.monotonic() < deadline and self.signals < 2:
            self.ends.clear()
            self.ends.wait(0.1)
        screen.show(self.counts(), self.processes(), at_last=True)

    def finish(self):
        """The verdict: (all is well, summary)."""
        counts = self.counts()
        well = all([self.ends_well(program) for program in (self.shipper, *self.collectors)])
        stored, written, dead = self.servers.count(), self.source.written(), counts["dead"]
        summary = f"written={written} indexed={stored}" + (f" dead={dead}" if dead else "")
        if unfinished := len(self.source.counted.unfinished):
            print(f"demo: not shipped: {unfinished} unfinished lines, each the last of its file")
        return well and stored > 0 and stored + dead == written, summary

    def ends_well(self, program):
        if program.stop(self.patience()):
            return True
        print(f"demo: {program.name} ended with {program.process.returncode}: {program.tail()}", flush=True)
        return False

    def patience(self):
        """Seconds that a program has for its end."""
        return STOP_SECONDS if self.signals < 2 else 0

    def stop_all(self):
        """Whatever has been started, however far it came."""
        if self.source:
            self.source.stop()
        for program in filter(None, (self.shipper, *self.collectors)):
            program.stop(self.patience())
        if self.servers:
            self.servers.stop()

    def clean(self, well):
        if not well:
            print(f"demo: logs: {self.folder}")
            return
        shutil.rmtree(self.folder)
        try:
            self.folder.parent.rmdir()
        except OSError:
            pass                        # another demo runs


def idle(counts):
    """Nothing on its way, as far as the programs know."""
    settled = counts["indexed"] + counts["duplicates"] + counts["dead"]
    return counts["acknowledged"] >= counts["written"] and settled >= counts["written"] and counts["lag_records"] == 0


def quoted(value):
    return json.dumps(str(value), ensure_ascii=False)   # libconfig escapes as JSON does


def perform(demo):
    """The exit code, and the summary when it has come to one."""
    demo.start()
    demo.introduce()
    screen = view.View(demo.servers.store)
    demo.run(screen)
    demo.settle(screen)
    return demo.finish()


def main():
    parser = argparse.ArgumentParser(prog="./dev demo", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--input", type=pathlib.Path, metavar="DIR")
    parser.add_argument("--for", type=float, metavar="SECONDS", dest="seconds")
    parser.add_argument("--embedded", action="store_true")
    options = parser.parse_args()
    if options.input and not options.input.is_dir():
        parser.error(f"--input: {options.input}: not a folder")

    demo = Demo(options)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, demo.on_signal)
    well, summary, code = False, "", 1
    try:
        well, summary = perform(demo)
        code = 0 if well else 1
    except parts.Interrupted:
        well, code = True, 130          # before there was anything to see
    except parts.Trouble as trouble:
        print(f"demo: {trouble}", file=sys.stderr)
    except OSError as error:
        print(f"demo: no answer: {error}", file=sys.stderr)
    finally:
        demo.stop_all()
        demo.clean(well or demo.signals > 1)
    if summary:
        print(summary)
    return code


if __name__ == "__main__":
    sys.exit(main())
