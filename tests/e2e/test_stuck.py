# SPDX-License-Identifier: Apache-2.0
"""Every sentence of docs/why-is-it-stuck.md, provoked from outside: /readyz says it, 503, and the page knows it."""
import os
import re
import resource
import socket

from fake_http import ByTable, serve
from harness import KAFKA, ROOT, Case, free_port
from mock import (GROUP_AUTHORIZATION_FAILED, NOT_ENOUGH_REPLICAS, OFFSET_FETCH, PRODUCE, TOPIC_AUTHORIZATION_FAILED,
                  UNKNOWN_TOPIC_OR_PART, MockKafka)

STALL_SECONDS = 30      # without progress, until /readyz says so (status/ready.h)

# Rows whose fault no test can make from outside, and the test inside that hears the sentence.
INSIDE = {
    "a write has not ended for": "tests/sinks/test_file_slow.c",
    "the disk of the state directory has not answered for": "tests/shipper/test_positions.c",
    "and the broker does not say which do": "tests/collector/test_consume.c",
    "kafka: ": "tests/sinks/test_kafka_sentence.c",
    "refuses the credentials": "tests/e2e/test_secure.py",
    "refuses cannot be written to a file": "tests/collector/test_dead.c",
    "fill its share of the memory": "tests/collector/test_share.c",
    "cannot be read: ": "tests/collector/test_consume.c",
    "takes no member of this user": "tests/collector/test_consume.c",
    "cannot be committed": "tests/collector/test_consume.c",
    "the same kafka.group_instance_id": "tests/e2e/test_members.py",
}


class Elastic(ByTable):
    """What is wrong with it is wrong with its bulk answers; only `denied` refuses every question."""
    ITEM = '{"errors":true,"items":[{"create":{"status":%d,"error":{"type":"%s","reason":"%s"}}}]}'
    DENIED = (401, "application/json",
              '{"error":{"type":"security_exception","reason":"missing credentials"},"status":401}')
    GOOD = (200, "application/json", '{"version":{"number":"8.18.0"},"tagline":"You Know, for Search"}')
    fields = {"X-Elastic-Product": "Elasticsearch"}
    posts = {
        "denied": DENIED,
        "refused": DENIED,
        "overloaded": (503, "application/json", '{"error":{"type":"unavailable","reason":"no master"},"status":503}'),
        "foreign": (200, "application/json", "<html>Sign in</html>"),
        "blocked": (200, "application/json",
                    ITEM % (429, "cluster_block_exception", "index [shop] blocked by: disk usage exceeded")),
    }
    gets = {**dict.fromkeys(posts, GOOD), "denied": DENIED}


def page():
    """The rows of the page: the sentence as it stands there, and a pattern that it fits."""
    text = (ROOT / "docs/why-is-it-stuck.md").read_text()
    return {row: re.escape(row).replace(r"\.\.\.", ".+") for row in re.findall(r"^\| `(.+?)` \|", text, re.M)}


class Stuck(Case):
    patient = True
    order = 32

    def test(self):
        self.page = page()
        self.expected, self.heard = [], set()
        self.closed = f"127.0.0.1:{free_port()}"
        (self.logs / "x.log").write_text("a line\n")
        self.late_topic()
        self.shippers()
        self.standard_output()
        self.files()
        self.sockets()
        self.no_state()
        self.collectors()
        for program, part, stalls in self.expected:
            self.wait_until(f"{program.name}: {part}", lambda p=program, t=part, s=stalls: self.says(p, t, s),
                            STALL_SECONDS + 30)
        self.page_is_whole()
        self.a_topic_that_comes_is_taken()
        self.figures["sentences"] = len(self.heard)

    def setup(self):
        super().setup()
        self.mocks, self.servers, self.sockets_held = [], [], []

    def teardown(self, passed):
        super().teardown(passed)
        for server in self.servers:
            server.shutdown()
        for mock in self.mocks:
            mock.close()

    def kafka(self, topic, error=0, refuse=None):
        """A cluster of its own for each fault: its brokers."""
        mock = MockKafka()
        self.mocks.append(mock)
        mock.topic(topic, error)
        if refuse:
            mock.refuse(*refuse)
        return mock.brokers

    def expect(self, program, part, stalls=True, **how):
        """stalls: nothing goes on, so /readyz says it; else only /status does."""
        self.expected.append((program, part, stalls))
        return program.start(**how)

    def says(self, program, part, stalls):
        sentence = program.status()["trouble"]
        if not sentence or part not in sentence:
            return False
        code, ready = program.get("/readyz")
        if stalls and not (code == 503 and ready.startswith("no progress for ") and part in ready):
            return False
        for said in re.split(r"; (?=the ring of )", sentence):
            self.known(said)
        return True

    def known(self, sentence):
        rows = [row for row, pattern in self.page.items() if re.fullmatch(pattern, sentence)]
        self.check(rows, f"docs/why-is-it-stuck.md does not know: {sentence}")
        self.heard.update(rows)

    def page_is_whole(self):
        for row in self.page.keys() - self.heard:
            inside = [path for part, path in INSIDE.items() if part in row]
            self.check(inside, f"docs/why-is-it-stuck.md: nothing provokes: {row}")
            self.check(row.split("...")[-2].strip(" :") in (ROOT / inside[0]).read_text(),
                       f"{inside[0]} does not hear: {row}")

    def late_topic(self):
        name = f"{self.unique}-late"
        self.late_sentence = f"topic {name} does not exist"
        self.late = self.collect("no-topic", name, self.late_sentence)

    def a_topic_that_comes_is_taken(self):
        """librdkafka says once that it is missing.  The third line of the log, a minute later, is beyond all
        that a trouble is remembered for (TROUBLE_STALE_MS in collector/consume.c)."""
        self.wait_until("a minute of the log", lambda: self.late.log.read_text().count(self.late_sentence) >= 3, 90)
        self.check(self.says(self.late, self.late_sentence, True), "a topic that is missing still is forgotten")
        self.check(self.late.metric("consumer_errors_total") > 0, "a missing topic is no error of the consumer")
        self.topic("late")
        self.wait_until("the late topic is assigned", lambda: self.late.status()["partitions"], 120)
        self.wait_until("nothing is missing", lambda: not self.late.status()["trouble"], 30)

    def shippers(self):
        for name, brokers, part in (
            ("closed", self.closed, f"kafka broker {self.closed} cannot be reached"),
            ("missing", self.kafka("missing", UNKNOWN_TOPIC_OR_PART), "topic missing does not exist"),
            ("secret", self.kafka("secret", refuse=(PRODUCE, TOPIC_AUTHORIZATION_FAILED)),
             "topic secret takes no records: "),
            ("replicas", self.kafka("replicas", refuse=(PRODUCE, NOT_ENOUGH_REPLICAS)),
             "topic replicas: nothing is acknowledged for"),
        ):
            self.expect(self.shipper(name, name, ("x.log",), kafka={"brokers": brokers, "topic": name}), part)

    def standard_output(self):
        """Readers that have gone or take nothing, and a full disk: there is more to write than a pipe holds."""
        (self.logs / "big.log").write_text("a line that is one of many\n" * 20000)
        gone, slow = os.pipe(), os.pipe()
        os.close(gone[0])
        for name, part, out in (
            ("reader-gone", "standard output: its reader has gone", gone[1]),
            ("reader-slow", "standard output has taken nothing for", slow[1]),
            ("stdout-full", "standard output: No space left on device", os.open("/dev/full", os.O_WRONLY)),
        ):
            self.expect(self.shipper("t", name, ("big.log",), output="stdout"), part, stdout=out)
            os.close(out)

    def files(self):
        for name, paths, part in (("file-full", ("big.log",), ": full: "),
                                  ("file-limit", ("x.log", "late.log"), ": cannot write: File too large")):
            out = self.dir / f"{name}.out"
            program = self.shipper("t", name, paths, output="file",
                                   file={"path": str(out), "rotate_size": "64 KiB", "max_total": "64 KiB"})
            self.expect(program, f"{out}{part}")
        self.wait_until("the first line is written", out.exists, 20)
        self.no_growth(program)
        (self.logs / "late.log").write_text("a line\n")

    def sockets(self):
        _, sender = self.listener("ring", "t", self.closed, "is full (ring_size, 1048576 bytes)")
        self.wait_until("the ring is full", lambda: self.push(sender), 30)
        program, sender = self.listener("ring-disk", self.topic("ring"), KAFKA, "cannot be written: File too large",
                                        stalls=False)
        self.no_growth(program)
        self.push(sender)

    def listener(self, name, topic, brokers, part, stalls=True):
        """A shipper that listens, and what sends to it."""
        port = free_port()
        program = self.expect(self.shipper(topic, name, kafka={"brokers": brokers, "topic": topic}, inputs=(
            {"listen": f"tcp://127.0.0.1:{port}", "ring_size": "1 MiB"},)), part, stalls)
        self.wait_until("the port is open", lambda: program.get("/healthz")[0] == 200, 20)
        sender = socket.create_connection(("127.0.0.1", port))
        sender.setblocking(False)
        self.sockets_held.append(sender)
        return program, sender

    def no_growth(self, program):
        """No file of it may grow any more, as on a full disk."""
        resource.prlimit(program.process.pid, resource.RLIMIT_FSIZE, (1, 1))

    def push(self, sender):
        """True when nobody takes any more."""
        try:
            return sender.send(b"a line for the ring\n" * 1000) == 0
        except BlockingIOError:
            return True

    def no_state(self):
        program = self.shipper(self.topic(), "full-disk", ("disk.log",))
        self.expect(program, f"positions cannot be stored: {self.dir}/full-disk.state/", stalls=False)
        self.wait_until("the positions are watched", lambda: program.get("/healthz")[0] == 200, 20)
        self.no_growth(program)
        (self.logs / "disk.log").write_text("a line\n")

    def collectors(self):
        topic = self.topic("fed")
        self.shipper(topic, "feeder", ("x.log",)).run_once()
        server, here = serve(Elastic)
        silent = socket.create_server(("127.0.0.1", 0))
        mute = f"http://127.0.0.1:{silent.getsockname()[1]}"
        self.servers.append(server)
        self.sockets_held.append(silent)
        for name, url, part in (
            ("es-closed", f"http://{self.closed}", f"http://{self.closed}: "),
            ("es-denied", f"{here}/denied", f"{here}/denied answers 401"),
            ("es-refused", f"{here}/refused", f"{here}/refused answers 401 security_exception"),
            ("es-overloaded", f"{here}/overloaded", f"{here}/overloaded answers 503"),
            ("es-foreign", f"{here}/foreign", f"{here}/foreign answers 200 without a whole bulk answer"),
            ("es-blocked", f"{here}/blocked", "index shop: 429 cluster_block_exception"),
            ("es-silent", mute, f"{mute} has not answered a bulk request for"),
        ):
            self.collect(name, topic, part, {"urls": [url], "index": "shop"})
        self.collect("no-broker", "t", f"kafka broker {self.closed} cannot be reached", kafka={"brokers": self.closed})
        self.collect("no-match", "^nothing-like-this-.*", "no topic matches ^nothing-like-this-.*")
        unread = self.kafka("unread", refuse=(OFFSET_FETCH, GROUP_AUTHORIZATION_FAILED))
        self.collect("no-group", "unread", "no-group cannot be read: ", kafka={"brokers": unread})

    def collect(self, name, topic, part, elasticsearch=None, kafka=()):
        elasticsearch = elasticsearch or {"urls": [f"http://{self.closed}"], "index": "i"}
        program = self.collector(topic, self.index(name), name, name, kafka, elasticsearch=elasticsearch)
        return self.expect(program, part)
