# SPDX-License-Identifier: Apache-2.0
"""The systemd journal as a source: each entry once, in order, with its fields; over kills, a full ring and a lost cursor.

A journal needs no systemd to run: systemd-journal-remote writes one from journald's export format.
"""
import itertools
import json
import subprocess

from harness import BIN, Case, run
from mock import TOPIC_AUTHORIZATION_FAILED, MockKafka

WRITER = "/lib/systemd/systemd-journal-remote"
LEVELS = ("emergency", "alert", "critical", "error", "warn", "notice", "info", "debug")
BOOT = "9f1f8f6a0b0d4f0f8c3a5d2e1b7c6a90"
FIRST_US = 1764000000000000


class Journald(Case):
    order = 26
    needs_servers = False
    LINES, MANY = 1000, 20_000

    def setup(self):
        super().setup()
        run("./dev", "deps", "deploy", timeout=600)
        self.journal = self.dir / "journal"
        self.journal.mkdir()
        self.numbers = itertools.count()
        self.events = self.dir / "events.ndjson"

    def append(self, n, name="a", **fields):
        """Entries with the next n numbers; a bytes value makes a field that may hold anything."""
        export = []
        for i in itertools.islice(self.numbers, n):
            all_fields = {"__REALTIME_TIMESTAMP": FIRST_US + i * 1001, "__MONOTONIC_TIMESTAMP": 1 + i * 1001,
                          "_BOOT_ID": BOOT, "PRIORITY": i % 8, "SYSLOG_IDENTIFIER": "shop", "SYSLOG_FACILITY": 3, "_PID": 100 + i,
                          "_SYSTEMD_UNIT": ("cart" if i % 2 else "shop") + ".service", "MESSAGE": f"entry {i}", **fields}
            for key, value in all_fields.items():
                if isinstance(value, bytes):
                    export.append(key.encode() + b"\n" + len(value).to_bytes(8, "little") + value + b"\n")
                else:
                    export.append(f"{key}={value}\n".encode())
            export.append(b"\n")
        subprocess.run([WRITER, "-o", self.journal / f"{name}.journal", "-"], input=b"".join(export), check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def config(self, name, out="file", **more):
        given = {"output": "file", "file": {"path": str(self.events)}} if out == "file" else {"kafka": out}
        return {"state": str(self.dir / f"{name}.state"), **given, "max_line_bytes": "4 KiB", "stop_timeout": "1 s",
                "inputs": ({"listen": f"journald://{self.journal}", "ring_size": "1 MiB", "service": "host", **more},)}

    def start(self, name="shipper", **more):
        return self._program("shipper", name, self.config(name, **more)).start()

    def read(self):
        """All that is there; a line that is being written is not there yet."""
        text = self.events.read_bytes() if self.events.exists() else b""
        return [json.loads(line) for line in text.split(b"\n")[:-1]]

    def wait_for(self, shipper, n):
        self.wait_until(f"{n} entries are acknowledged", lambda: shipper.metric("lines_acked_total") >= n, 60)
        self.check(shipper.metric("lines_acked_total") == n, f"no more than {n}")

    def test(self):
        self.append(self.LINES)
        shipper = self.start()
        self.wait_for(shipper, self.LINES)
        self.each_entry_has_its_fields(self.read())
        self.append(10)
        self.wait_for(shipper, self.LINES + 10)
        self.check(shipper.metric("records_received_total") == self.LINES + 10, "each entry is taken once")
        self.check(shipper.metric("journal_last_entry_timestamp_seconds") == (FIRST_US + (self.LINES + 9) * 1001) // 10**6,
                   "the time of the last entry is told")
        shipper.check_ledger()
        shipper.stop()
        self.nothing_comes_twice()
        self.odd_messages_arrive()
        self.a_full_ring_waits_and_a_kill_loses_nothing()
        self.a_lost_cursor_begins_at_the_oldest()
        self.units_choose()
        self.wrong_settings_are_refused()

    def each_entry_has_its_fields(self, events):
        self.check([e["message"] for e in events] == [f"entry {i}" for i in range(self.LINES)], "all, once, in order")
        for i, e in enumerate(events):
            us = FIRST_US + i * 1001
            time = e["@timestamp"].split(":")[-1].rstrip("Z")
            self.check(int(time.split(".")[1].ljust(9, "0")) == us % 10**6 * 1000, f"{i}: microseconds: {time}")
            self.check(e["log"]["level"] == LEVELS[i % 8], f"{i}: level: {e}")
            self.check(e["log"]["syslog"] == {"severity": {"code": i % 8}, "facility": {"code": 3}, "appname": "shop"}, f"{i}: {e}")
            self.check(e["systemd"]["unit"] == ("cart" if i % 2 else "shop") + ".service", f"{i}: unit: {e}")
            self.check(e["process"]["pid"] == 100 + i, f"{i}: pid: {e}")
            self.check(e["service"]["name"] == "host", f"{i}: service: {e}")

    def nothing_comes_twice(self):
        shipper = self.start()
        self.append(1)
        self.wait_for(shipper, 1)
        shipper.stop()
        messages = [e["message"] for e in self.read()]
        self.check(messages == [f"entry {i}" for i in range(self.LINES + 11)], f"after a restart: {messages[-3:]}")

    def odd_messages_arrive(self):
        self.events.unlink()
        self.append(1, MESSAGE=b"first\nsecond \"quoted\"\x1a\n")
        self.append(1, MESSAGE=b"caf\xe9 open")
        self.append(1, MESSAGE="x" * 10_000)
        shipper = self.start()
        self.wait_for(shipper, 3)
        self.check(shipper.metric("utf8_repaired_total") == 1, "what is no UTF-8 is counted")
        self.check(shipper.metric("bytes_cut_total") > 0, "what is cut is counted")
        self.check(shipper.metric("lines_truncated_total") == 1, "a line that is cut is marked")
        shipper.stop()
        lines, latin, long = self.read()
        self.check(lines["message"] == "first\nsecond \"quoted\"\x1a\n", f"{lines}")
        self.check(latin["message"] == "caf\ufffd open", f"{latin}")
        self.check(set(long["message"]) == {"x"} and "truncated" in long["log"]["flags"], f"{long}")
        self.check(long["systemd"]["unit"], "a long message leaves the fields their room")

    def a_full_ring_waits_and_a_kill_loses_nothing(self):
        """Kafka takes nothing, so the ring fills in the middle of the journal; killed there, the next run goes on."""
        self.events.unlink()
        first = next(self.numbers) + 1
        self.append(self.MANY)
        kafka = MockKafka()
        topic = kafka.topic("logs", TOPIC_AUTHORIZATION_FAILED)
        shipper = self.start(out={"brokers": kafka.brokers, "topic": topic})
        self.wait_until("the ring is full", lambda: shipper.metric("ring_full_total") == 1, 60)
        self.wait_until("it is said", lambda: "wait in the journal" in shipper.get("/status")[1], 30)
        for _ in range(self.MANY // 256):       # each answer is a turn of its loop, which is what reading goes on by
            shipper.get("/healthz")
        taken = shipper.metric("records_received_total")
        self.check(0 < taken < self.MANY, f"reading has stopped: {taken}")
        self.check(shipper.metric("ring_bytes") < 2 << 20, "the ring keeps its bound")
        shipper.kill()
        kafka.close()

        shipper = self.start()
        wanted = [f"entry {i}" for i in range(first, first + self.MANY)]
        self.wait_until("all have arrived", lambda: len({e["message"] for e in self.read()}) == self.MANY, 60)
        shipper.stop()
        messages = [e["message"] for e in self.read()]
        self.check(list(dict.fromkeys(messages)) == wanted, "none is lost, in order")
        self.figures["doubles"] = len(messages) - self.MANY
        self.check(self.figures["doubles"] <= taken, "no entry of the time before comes again")

    def a_lost_cursor_begins_at_the_oldest(self):
        """The journal's files are gone, and others are there."""
        self.events.unlink()
        for path in self.journal.iterdir():
            path.unlink()
        first = next(self.numbers) + 1
        self.append(10, "b")
        shipper = self.start()
        self.wait_for(shipper, 10)
        self.check(shipper.metric("journal_cursor_lost_total") == 1, "it is counted")
        shipper.stop()
        self.check("no entry any more where the last run stopped" in shipper.log.read_text(), "it is said")
        messages = [e["message"] for e in self.read()]
        self.check(messages == [f"entry {i}" for i in range(first, first + 10)], f"{messages}")
        shipper = self.start()
        self.append(1, "b")
        self.wait_for(shipper, 1)
        self.check(shipper.metric("journal_cursor_lost_total") == 0, "the new place is kept")
        shipper.stop()

    def units_choose(self):
        self.events.unlink()
        self.append(1, "b", _PID=1, _SYSTEMD_UNIT="init.scope", UNIT="cart.service", MESSAGE="Started cart.")
        self.append(1, "b", _PID=77, _SYSTEMD_UNIT="liar.service", UNIT="cart.service", MESSAGE="Pretends to be cart.")
        shipper = self.start("chosen", units=["cart"])
        self.wait_until("the manager's entry is there", lambda: any(e["message"] == "Started cart." for e in self.read()), 30)
        shipper.stop()
        units = {e["systemd"]["unit"] for e in self.read()}
        self.check(units == {"cart.service", "init.scope"}, f"{units}")
        n = len(self.read())
        self.append(2, "b", _SYSTEMD_UNIT="shop.service")
        shipper = self.start("chosen", units=["shop.service"])
        self.wait_for(shipper, 2)
        self.check(shipper.metric("journal_cursor_lost_total") == 0, "a unit that is not wanted any more has its place yet")
        shipper.stop()
        self.check(len(self.read()) == n + 2, "other units: it goes on at the same place")

    def wrong_settings_are_refused(self):
        for setting, said in (({"parse": "json"}, "parse: is not for journald"),
                              ({"start_at": "end"}, "start_at: is for inputs with paths"),
                              ({"multiline": "java"}, "multiline: is not for journald"),
                              ({"listen": "journald://relative"}, "not an address to listen on"),
                              ({"listen": "stdin://", "units": ["cart"]}, "units: is for inputs with listen"),
                              ({"listen": "journald:///nowhere"}, "/nowhere: No such file or directory")):
            shipper = self._program("shipper", "wrong", self.config("wrong", **setting))
            done = subprocess.run([BIN / "sluice-shipper", "run", "-c", shipper.path], text=True, timeout=60,
                                  stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            self.check(done.returncode != 0 and said in done.stdout, f"{setting}: exit {done.returncode}: {done.stdout}")
