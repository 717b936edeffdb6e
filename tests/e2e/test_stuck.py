# SPDX-License-Identifier: Apache-2.0
"""Every sentence of docs/why-is-it-stuck.md, provoked from outside: /readyz says it, 503, and the page knows it."""
import http.server
import os
import re
import resource
import socket
import threading

from harness import KAFKA, ROOT, Case, free_port
from mock import (GROUP_AUTHORIZATION_FAILED, NOT_ENOUGH_REPLICAS, OFFSET_FETCH, PRODUCE, TOPIC_AUTHORIZATION_FAILED,
                  UNKNOWN_TOPIC_OR_PART, MockKafka)

STALL_SECONDS = 30      # without progress, until /readyz says so (status/ready.h)

# Rows whose fault no test can make from outside, and the test inside that hears the sentence.
INSIDE = {
    "a write has not ended for": "tests/sinks/test_file_slow.c",
    "and the broker does not say which do": "tests/collector/test_consume.c",
    "kafka: ": "tests/sinks/test_kafka_conf.c",
}


class Elastic(http.server.BaseHTTPRequestHandler):
    """A good Elasticsearch, but for /_bulk: the first step of its address says what is wrong with it."""
    protocol_version = "HTTP/1.1"
    ITEM = ('{"errors":true,"items":[{"create":{"status":%d,"error":{"type":"%s","reason":"%s"}}}]}')
    BULK = {
        "refused": (401, '{"error":{"type":"security_exception","reason":"missing credentials"},"status":401}'),
        "overloaded": (503, '{"error":{"type":"unavailable","reason":"no master"},"status":503}'),
        "foreign": (200, "<html>Sign in</html>"),
        "blocked": (200, ITEM % (429, "cluster_block_exception", "index [shop] blocked by: disk usage exceeded")),
    }

    def do_GET(self):
        self.answer(200, '{"version":{"number":"8.18.0"},"tagline":"You Know, for Search"}')

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.answer(*self.BULK[self.path.split("/")[1]])

    def answer(self, status, body):
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("X-Elastic-Product", "Elasticsearch")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *arguments):
        pass


def page():
    """The rows of the page: the sentence as it stands there, and a pattern that it fits."""
    text = (ROOT / "docs/why-is-it-stuck.md").read_text()
    return {row: re.escape(row).replace(r"\.\.\.", ".+") for row in re.findall(r"^\| `(.+?)` \|", text, re.M)}


class Stuck(Case):
    order = 32

    def test(self):
        self.mocks, self.expected, self.heard = [], [], set()
        self.closed = f"127.0.0.1:{free_port()}"
        (self.logs / "x.log").write_text("a line\n")
        self.shippers()
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
        for program in self.programs:
            if program.process:                         # the feeder has ended
                program.kill()
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

    def expect(self, program, part, stalls=True):
        """stalls: nothing goes on, so /readyz says it; else only /status does."""
        self.expected.append((program, part, stalls))
        return program.start()

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
        rows = [row for row, pattern in page().items() if re.fullmatch(pattern, sentence)]
        self.check(rows, f"docs/why-is-it-stuck.md does not know: {sentence}")
        self.heard.update(rows)

    def page_is_whole(self):
        for row in page().keys() - self.heard:
            inside = [path for part, path in INSIDE.items() if part in row]
            self.check(inside, f"docs/why-is-it-stuck.md: nothing provokes: {row}")
            self.check(row.split("...")[-2].strip(" :") in (ROOT / inside[0]).read_text(), f"{inside[0]} does not hear: {row}")

    def a_topic_that_comes_is_taken(self):
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
        self.standard_output("reader-gone", "standard output: its reader has gone", os.close)
        self.standard_output("reader-slow", "standard output has taken nothing for", lambda fd: None)

    def standard_output(self, name, part, treat):
        """A reader that takes nothing, or has gone: the shipper writes more than the pipe holds."""
        (self.logs / f"{name}.big").write_text("a line that is one of many\n" * 20000)
        program = self.shipper("t", name, (f"{name}.big",), output="stdout")
        reader, writer = os.pipe()
        program.start(stdout=writer)
        self.expected.append((program, part, True))
        os.close(writer)
        treat(reader)

    def files(self):
        (self.logs / "files.big").write_text("a line that is one of many\n" * 20000)
        for name, part in (("file-full", ": full: "), ("file-limit", ": cannot write: File too large")):
            out = self.dir / f"{name}.out"
            program = self.shipper("t", name, ("files.big",) if name == "file-full" else ("x.log", "late.log"), output="file",
                                   file={"path": str(out), "rotate_size": "64 KiB", "max_total": "64 KiB"})
            self.expect(program, f"{out}{part}")
        self.wait_until("the first line is written", out.exists, 20)
        self.no_growth(program)
        (self.logs / "late.log").write_text("a line\n")

    def sockets(self):
        self.senders = []
        ring = self.listener("ring", "is full (ring_size, 1048576 bytes)", kafka={"brokers": self.closed, "topic": "t"})
        self.wait_until("the ring is full", lambda: self.push(ring), 30)
        self.push(self.listener("ring-disk", "cannot be written: File too large", self.no_growth, stalls=False))

    def listener(self, name, part, then=lambda program: None, stalls=True, **config):
        """A shipper that listens, and what sends to it."""
        port = free_port()
        program = self.expect(self.shipper(self.topic(name), name, inputs=(
            {"listen": f"tcp://127.0.0.1:{port}", "ring_size": "1 MiB"},), **config), part, stalls)
        self.wait_until("the port is open", lambda: program.get("/healthz")[0] == 200, 20)
        then(program)
        sender = socket.create_connection(("127.0.0.1", port))
        sender.setblocking(False)
        self.senders.append(sender)
        return sender

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
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Elastic)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        silent = socket.create_server(("127.0.0.1", 0))
        here = f"http://127.0.0.1:{server.server_port}"
        mute = f"http://127.0.0.1:{silent.getsockname()[1]}"
        self.servers = server, silent
        for name, url, part in (
            ("es-closed", f"http://{self.closed}", f"http://{self.closed}: "),
            ("es-refused", f"{here}/refused", f"{here}/refused answers 401 security_exception"),
            ("es-overloaded", f"{here}/overloaded", f"{here}/overloaded answers 503"),
            ("es-foreign", f"{here}/foreign", f"{here}/foreign answers 200 without a whole bulk answer"),
            ("es-blocked", f"{here}/blocked", "index shop: 429 cluster_block_exception"),
            ("es-silent", mute, f"{mute} has not answered a bulk request for"),
        ):
            self.collect(name, topic, part, {"urls": [url], "index": "shop"})
        self.collect("no-broker", "t", f"kafka broker {self.closed} cannot be reached", kafka={"brokers": self.closed})
        late = f"{self.unique}-late"
        self.late = self.collect("no-topic", late, f"topic {late} does not exist")
        unread = self.kafka("unread", refuse=(OFFSET_FETCH, GROUP_AUTHORIZATION_FAILED))
        self.collect("no-group", "unread", "no-group cannot be read: ", kafka={"brokers": unread})

    def collect(self, name, topic, part, elasticsearch=None, kafka=()):
        return self.expect(self.collector(topic, self.index(name), name, name, kafka,
                                          elasticsearch=elasticsearch or {"urls": ["http://127.0.0.1:1"], "index": "i"}), part)
