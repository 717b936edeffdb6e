# SPDX-License-Identifier: Apache-2.0
"""What the demo is made of: programs, the two kinds of servers, writers, and the counting of lines.

Everything a part keeps lies in the folder of the run.  A part that has been started has a stop(), which may be called
twice, and after which no process of it is left.
"""
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[1]
BIN = ROOT / "build/release/bin"
TOPIC, PARTITIONS, GROUP = "demo", 8, "demo"
TRACE = re.compile(rb'"(?:trace\.id|traceId|trace_id)":"([0-9a-f]{32})"')


class Trouble(Exception):
    """The demo cannot go on, and the text says why."""


class Interrupted(Exception):
    """Somebody wants it to end."""


def free_port(preferred, *also):
    """preferred, when it and its neighbours port + also are free; else the next ones that are."""
    def free(port):
        with socket.socket() as s:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                s.bind(("127.0.0.1", port))
                return True
            except OSError:
                return False

    for port in range(preferred, preferred + 1000, 10):
        if all(free(port + offset) for offset in (0, *also)):
            return port
    raise Trouble(f"no free port from {preferred} on")


def get(url, method="GET"):
    with urllib.request.urlopen(urllib.request.Request(url, method=method), timeout=10) as answer:
        return answer.read().decode()


# --- processes -----------------------------------------------------------------------------------

class Program:
    """A process of ours, in a session of its own: Ctrl-C must reach the demo only, which stops all in order."""

    def __init__(self, name, folder, *command, http=None):
        self.name, self.url = name, http and f"http://{http}"
        self.log = folder / f"{name}.log"
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=ROOT,
                                            start_new_session=True)
        self.pid = self.process.pid

    def metrics(self):
        """{name: sum over its labels}.  OSError when there is no answer."""
        sums = {}
        for line in get(self.url + "/metrics").splitlines():
            if line and line[0] != "#":
                name, value = line.rsplit(" ", 1)
                name = name.split("{")[0]
                sums[name] = sums.get(name, 0) + float(value)
        return sums

    def check(self):
        if self.process.poll() is not None:
            raise Trouble(f"{self.name} has ended with {self.process.returncode}: {self.tail()}")

    def tail(self):
        return self.log.read_text(errors="replace")[-1000:].strip()

    def stop(self, seconds=5):
        """As SIGTERM, and SIGKILL when that takes too long.  False when it did not end well."""
        if self.process.returncode is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(seconds)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        return self.process.returncode == 0


def usage_of(pid):
    """(resident bytes, seconds of CPU so far) of a process, (0, 0.0) when it has gone."""
    try:
        pages = int(pathlib.Path(f"/proc/{pid}/statm").read_text().split()[1])
        fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0, 0.0
    return pages * os.sysconf("SC_PAGE_SIZE"), (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


# --- servers -------------------------------------------------------------------------------------

class RealServers:
    """Kafka and Elasticsearch from tests/stack, on ports and in a folder of the demo's own."""
    store, collectors = "Elasticsearch", 2

    def __init__(self, folder):
        self.folder = folder / "stack"
        kafka, elasticsearch = free_port(19492, 1), free_port(19500, 100)
        self.brokers, self.url = f"127.0.0.1:{kafka}", f"http://127.0.0.1:{elasticsearch}"
        self.environment = {**os.environ, "SLUICE_STACK_DIR": str(self.folder), "SLUICE_KAFKA_PORT": str(kafka),
                            "SLUICE_ES_PORT": str(elasticsearch)}

    def start(self, pause):
        """pause(seconds) raises Interrupted when it is to end."""
        self._run(pause, "tests/stack/run", "up")
        # Bounded, for a demo that is left alone over night.
        self._run(pause, "tests/stack/topic", "create", TOPIC, str(PARTITIONS), "retention.bytes=33554432",
                  "segment.bytes=16777216")

    def _run(self, pause, *command):
        with open(self.folder.with_suffix(".log"), "ab") as log:
            process = subprocess.Popen(command, cwd=ROOT, env=self.environment, stdin=subprocess.DEVNULL, stdout=log,
                                       stderr=log, start_new_session=True)
        try:
            while process.poll() is None:
                pause(0.1)
        except Interrupted:
            os.killpg(process.pid, signal.SIGTERM)      # the servers are in sessions of their own: stop() ends them
            process.wait()
            raise
        if process.returncode != 0:
            raise Trouble(f"{' '.join(command)}: {self.folder.with_suffix('.log').read_text()[-1000:].strip()}")

    def stop(self):
        if self.folder.exists():
            subprocess.run(["tests/stack/run", "down"], cwd=ROOT, env=self.environment, stdin=subprocess.DEVNULL,
                           stdout=subprocess.DEVNULL, check=True, start_new_session=True)

    def check(self):
        for name, pid in self.pids():
            if not os.path.exists(f"/proc/{pid}"):
                raise Trouble(f"{name} has ended")

    def pids(self):
        return [(name, int((self.folder / name / "pid").read_text())) for name in ("kafka", "elasticsearch")]

    def collector_settings(self):
        return f'elasticsearch = {{ urls = [ "{self.url}" ]; index = "demo-{{service.name:generic}}"; }};\n'

    def count(self):
        get(f"{self.url}/demo-*/_refresh", "POST")
        return json.loads(get(f"{self.url}/demo-*/_count"))["count"]

    def links(self):
        return [("Elasticsearch", f"{self.url}/_cat/indices/demo-*?v")]

    def samples(self, trace):
        search = f"curl -sG '{self.url}/demo-*/_search?pretty&size=3' --data-urlencode "
        yield "how many documents", f"curl -s '{self.url}/demo-*/_count?pretty'"
        if trace:
            yield "the lines of one trace", search + f"'q=\"{trace}\"'"
        yield "errors of the last minute", search + "'q=ERROR AND @timestamp:[now-1m TO now]'"


class EmbeddedServers:
    """No Java: sluice-devbroker for Kafka, and the collector writes a file.

    One collector: while a second one joins, the mock cluster refuses commits, and unlike Elasticsearch a file takes
    what comes again as one more line."""
    store, collectors = "a file", 1
    ID = re.compile(rb'"event":{"id":"([^"]+)"')

    def __init__(self, folder):
        self.folder, self.broker = folder, None
        self.brokers = ""

    def start(self, pause):
        self.broker = Program("devbroker", self.folder, BIN / "sluice-devbroker", TOPIC, str(PARTITIONS))
        while not (found := re.search(r"^(127\.0\.0\.1:\d+)\n", self.broker.log.read_text(), re.M)):
            self.check()
            pause(0.02)
        self.brokers = found[1]

    def stop(self):
        if self.broker:
            self.broker.stop()

    def check(self):
        self.broker.check()

    def pids(self):
        return [("devbroker", self.broker.pid)]

    def collector_settings(self):
        return f'output = "file";\nfile = {{ path = {json.dumps(str(self.folder / "documents.ndjson"))}; }};\n'

    def count(self):
        """Different ones, as an index would hold."""
        ids = set()
        for path in self.folder.glob("documents*"):
            with open(path, "rb") as file:
                ids.update(found[1] for found in map(self.ID.search, file) if found)
        return len(ids)

    def links(self):
        return [("documents", f"{self.folder}/documents*")]

    def samples(self, trace):
        documents = f"{self.folder}/documents*"
        yield "how many documents", f"cat {documents} | wc -l"
        if trace:
            yield "the lines of one trace", f"grep -h {trace} {documents}"
        yield "the last errors", f"grep -h ERROR {documents} | tail -n 3"


# --- lines ---------------------------------------------------------------------------------------

class LineCount:
    """Complete lines in files that grow.  A file is its inode, so that a rename changes nothing."""

    def __init__(self):
        self.known = {}         # inode: [bytes counted, lines]
        self.gone = 0           # lines of files that were removed
        self.unfinished = set() # inodes whose last line has no end yet

    def take(self, path):
        with open(path, "rb") as file:
            inode = os.fstat(file.fileno()).st_ino
            seen = self.known.setdefault(inode, [0, 0])
            file.seek(seen[0])
            while piece := file.read(1 << 20):
                seen[0] += len(piece)
                seen[1] += piece.count(b"\n")
                (self.unfinished.discard if piece.endswith(b"\n") else self.unfinished.add)(inode)

    def drop(self, inode):
        self.gone += self.known.pop(inode)[1]

    def total(self):
        return self.gone + sum(lines for _, lines in self.known.values())


class DemoService:
    """Three writers with rotation; what the shipper has done with is removed but for the newest."""
    WRITERS = (("web", "access", 100), ("shop", "json", 60), ("billing", "java", 40))   # service, kind, lines a second
    ROTATE_SECONDS, KEEP = 8, 4

    def __init__(self, folder):
        self.folder = folder / "logs"
        self.folder.mkdir()
        self.counted, self.writers = LineCount(), []

    def inputs(self):
        return [([self.folder / f"{service}.log"], service) for service, _, _ in self.WRITERS]

    def start(self):
        for service, kind, rate in self.WRITERS:
            self.writers.append(Program(
                f"writer-{service}", self.folder.parent, BIN / "sluice-loggen", "--writer", service, "--kind", kind,
                "--rate", str(rate), "--rotate-every", str(rate * self.ROTATE_SECONDS), "--lines", "1000000000",
                "--start", "now", "--seed", str(time.time_ns() % 2**32), "--out", self.folder / f"{service}.log"))

    def check(self):
        for writer in self.writers:
            writer.check()

    def turn(self, idle, shipper):
        """Counts what stands in the files, and prunes.  idle: all that was counted so far has arrived."""
        for path in list(self.folder.iterdir()):
            try:
                self.counted.take(path)
            except FileNotFoundError:
                pass            # rotated between the two; the next turn sees it under its new name
        if len(self.counted.known) > len(self.WRITERS) * (self.KEEP + 2):
            self._prune(shipper)

    def _prune(self, shipper):
        busy = {f["inode"] for f in json.loads(get(shipper.url + "/status"))["files"] if f["lag"] > 0}
        for service, _, _ in self.WRITERS:
            rotated = sorted(self.folder.glob(f"{service}.log.*"), key=lambda p: int(p.suffix[1:]))
            for path in rotated[:-self.KEEP]:
                inode = path.stat().st_ino
                if inode not in busy and inode in self.counted.known:
                    self.counted.take(path)
                    path.unlink()
                    self.counted.drop(inode)

    def written(self):
        return self.counted.total()

    def trace(self):
        for path in self.folder.glob("shop.log*"):
            if found := TRACE.search(path.read_bytes()):
                return found[1].decode()
        return None

    def stop(self):
        for writer in self.writers:
            writer.stop()       # ends by the signal, as a writer does that knows no end


class GivenFiles:
    """The files of a folder, read where they are and never written to.

    With `room`, a size, they are copied instead, that much at a time, the next when the last has arrived: the
    embedded broker keeps only so much, and drops what it has no room for."""
    ARCHIVES = (".gz", ".xz", ".bz2", ".zst", ".lz4", ".zip")

    def __init__(self, source, folder, room=0):
        found = sorted(p.resolve() for p in source.rglob("*") if p.is_file())
        self.files = list({p.stat().st_ino: p for p in found if self.is_log(p)}.values())
        if not self.files:
            raise Trouble(f"{source}: no log files in it")
        print(f"demo: {len(self.files)} files of {source}, {len(found) - len(self.files)} passed over")
        self.counted, self.room = LineCount(), room
        self.unread = [(p, folder / "logs" / p.relative_to(source.resolve())) for p in self.files] if room else []
        self.paths = [copy for _, copy in self.unread] or self.files
        self.source = None

    def is_log(self, path):
        try:
            with open(path, "rb") as file:
                return path.suffix not in self.ARCHIVES and b"\0" not in file.read(4096)
        except OSError:
            return False

    def inputs(self):
        return [(self.paths, None)]

    def start(self):
        for _, copy in self.unread:
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.touch()

    def check(self):
        pass

    def turn(self, idle, shipper):
        if self.unread and idle:
            self._copy_more()
        for path in self.paths:
            self.counted.take(path)

    def _copy_more(self):
        left = self.room
        while self.unread and left > 0:
            original, copy = self.unread[0]
            self.source = self.source or open(original, "rb")
            piece = b"".join(self.source.readlines(left))
            left -= len(piece)
            with open(copy, "ab") as file:
                file.write(piece)
            if not piece:
                self.source.close()
                self.source = None
                del self.unread[0]

    def written(self):
        return self.counted.total()

    def trace(self):
        for path in self.files:
            with open(path, "rb") as file:
                if found := TRACE.search(file.read(1 << 20)):
                    return found[1].decode()
        return None

    def stop(self):
        if self.source:
            self.source.close()
