# SPDX-License-Identifier: Apache-2.0
"""What the end-to-end tests share: programs, servers, waiting, counting.

A test is a class derived from Case in a file test_*.py; run.py finds it.  It has a folder, a topic, an index and
a consumer group of its own, so tests share the servers and not their data.

    Case.shipper(...), .collector(...), .loggen(...)    programs; they end with the test at the latest
    Case.wait_until(what, condition, seconds)           the only way to wait: for a state, with a deadline
    Case.check(condition, what)                         fails the test
    Case.figures                                        shown behind the test's name when it has passed
"""
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request

import kafka

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(os.environ.get("SLUICE_BIN", ROOT / "build/release/bin"))
KAFKA = "127.0.0.1:" + os.environ.get("SLUICE_KAFKA_PORT", "19092")
ELASTICSEARCH = "http://127.0.0.1:" + os.environ.get("SLUICE_ES_PORT", "19200")
RUN = f"{int(time.time()):x}{os.getpid() % 4096:03x}"

TAG = re.compile(r"\bn=([A-Za-z0-9]+)-(\d+)\b")         # what sluice-loggen puts into every line
PARTITIONS = 8                                          # of every topic
POLL_SECONDS = 0.05
DISTURBS = 60


class Failure(Exception):
    """The test has failed, and the text says why."""


# --- small tools ---------------------------------------------------------------------------------

def libconfig(value):
    """A Python value as libconfig text: a dict is a group, a list an array, a tuple a list of groups."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    if isinstance(value, list):
        return "[ " + ", ".join(map(libconfig, value)) + " ]"
    if isinstance(value, tuple):
        return "(\n" + ",\n".join(map(libconfig, value)) + "\n)"
    return "{ " + " ".join(f"{key} = {libconfig(v)};" for key, v in value.items()) + " }"


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def http(method, url, body=None, timeout=30):
    """Status and text of an answer, whatever its status.  OSError when there is none."""
    request = urllib.request.Request(url, method=method, data=None if body is None else body.encode())
    request.add_header("Content-Type", "application/json")
    try:
        with urllib.request.urlopen(request, timeout=timeout) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def cpu_seconds(pid, threads=None):
    """Of all threads of the process, or of these, to the nanosecond: /proc/PID/stat counts in ticks of 10 ms."""
    tasks = pathlib.Path(f"/proc/{pid}/task")
    return sum(int((tasks / str(thread) / "schedstat").read_text().split()[0]) for thread in threads or os.listdir(tasks)) / 1e9


def is_quiet(pid, worked=0.05):
    """It has worked for so many seconds and works no more.  It is asked by nobody meanwhile: that would cost CPU too."""
    before = cpu_seconds(pid)
    time.sleep(0.5)
    return before > worked and cpu_seconds(pid) - before < 0.002


def run(*command, **keywords):
    """Runs a command of the tree to its end; its output when it fails."""
    done = subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, **keywords)
    if done.returncode != 0:
        raise Failure(f"{' '.join(map(str, command))}: exit {done.returncode}: {done.stdout[-2000:]}")
    return done.stdout


def stack(verb, *server):
    """./dev stack up|stop|kill|restart [SERVER]...; returns when the server answers, or is gone."""
    return run("./dev", "stack", verb, *server, timeout=180)


def address(server):
    """Where a server of the stack answers HTTP.  It runs, or ran."""
    folder = pathlib.Path(os.environ.get("SLUICE_STACK_DIR", ROOT / "build/stack"))
    return "http://" + (folder / server / "address").read_text().strip()


# --- metrics -------------------------------------------------------------------------------------

class Metrics:
    """A scrape in Prometheus' text format 0.0.4, read strictly: what does not fit is a ValueError."""
    NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
    SAMPLE = re.compile(rf"({NAME})(?:\{{(.*)\}})? (\S+)")
    LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(?:,|$)')
    COMMENT = re.compile(rf"# (HELP|TYPE) ({NAME}) (.+)")

    def __init__(self, text):
        self.kinds, self.helps, self.series = {}, {}, {}
        if not text.endswith("\n"):
            raise ValueError("the last line has no newline")
        for line in text[:-1].split("\n"):
            self._line(line)

    def _line(self, line):
        if comment := self.COMMENT.fullmatch(line):
            word, name, rest = comment.groups()
            known = self.helps if word == "HELP" else self.kinds
            if name in known:
                raise ValueError(f"{word} of {name} twice")
            known[name] = rest
            return
        sample = self.SAMPLE.fullmatch(line)
        if not sample:
            raise ValueError(f"not a sample: {line}")
        name, labels, value = sample[1], self._labels(sample[2] or "", line), float(sample[3])
        if (name, labels) in self.series:
            raise ValueError(f"twice: {line}")
        if self.family(name) not in self.kinds:
            raise ValueError(f"no TYPE before {line}")
        self.series[name, labels] = value

    def _labels(self, text, line):
        labels, position = {}, 0
        while position < len(text):
            label = self.LABEL.match(text, position)
            if not label:
                raise ValueError(f"labels: {line}")
            labels[label[1]] = label[2]
            position = label.end()
        return tuple(sorted(labels.items()))

    def family(self, name):
        base = re.sub(r"_(bucket|sum|count)$", "", name)
        return base if self.kinds.get(base) == "histogram" else name

    def names(self):
        return {name for name, _ in self.series}

    def sum(self, name):
        """Over all labels; a name that is not there is an error, not zero."""
        values = [value for (n, _), value in self.series.items() if n == name]
        if not values:
            raise Failure(f"metric {name}: not there")
        return int(sum(values))


LEDGERS = {
    "shipper": ("lines_read_total", ("lines_acked_total", "lines_dropped_total", "lines_in_flight")),
    "collector": ("records_consumed_total", ("records_indexed_total", "records_duplicate_total",
                                             "records_dead_lettered_total", "records_dropped_total",
                                             "records_in_flight")),
}


# --- programs ------------------------------------------------------------------------------------

class Program:
    """sluice-shipper or sluice-collector under a config file.  It can be started again after it has ended."""

    def __init__(self, case, kind, name, config):
        self.case, self.kind, self.name = case, kind, name
        self.path = case.dir / f"{name}.cfg"
        self.log = case.dir / f"{name}.log"
        self.url = f"http://127.0.0.1:{free_port()}"
        self.process = None
        self.write_config({"http": self.url.removeprefix("http://"), **config})

    def write_config(self, config):
        self.path.write_text("".join(f"{key} = {libconfig(value)};\n" for key, value in config.items()))

    def start(self, *arguments, stdout=None):
        """Both outputs go to the log, or the first to the descriptor stdout."""
        with open(self.log, "ab") as log:
            log.write(b"--- start\n")
            log.flush()
            self.process = subprocess.Popen([BIN / f"sluice-{self.kind}", "run", "-c", self.path, *arguments],
                                            cwd=self.case.dir, stdin=subprocess.DEVNULL,
                                            stdout=log if stdout is None else stdout, stderr=log)
        return self

    def run_once(self, seconds=60):
        """With --once, to its end, which must be a success."""
        self.start("--once")
        self.end(seconds)

    def end(self, seconds):
        try:
            code = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise Failure(f"{self.name} has not ended after {seconds} s: {self.tail()}") from None
        self.process = None
        if code != 0:
            raise Failure(f"{self.name} ended with {code}: {self.tail()}")

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.process = None

    def stop(self, seconds=30):
        self.process.send_signal(signal.SIGTERM)
        self.end(seconds)

    def tail(self):
        return self.log.read_text(errors="replace")[-1500:].strip()

    def get(self, path):
        return http("GET", self.url + path, timeout=5)

    def status(self):
        code, text = self.get("/status")
        if code != 200:
            raise Failure(f"{self.name}: /status: {code}")
        return json.loads(text)

    def metrics(self):
        code, text = self.get("/metrics")
        if code != 200:
            raise Failure(f"{self.name}: /metrics: {code}")
        return Metrics(text)

    def metric(self, name):
        return self.metrics().sum(f"sluice_{self.kind}_{name}")

    def in_flight(self):
        return self.metric(LEDGERS[self.kind][1][-1])

    def check_ledger(self):
        metrics = self.metrics()
        total_name, part_names = LEDGERS[self.kind]
        total = metrics.sum(f"sluice_{self.kind}_{total_name}")
        parts = {name: metrics.sum(f"sluice_{self.kind}_{name}") for name in part_names}
        self.case.check(total == sum(parts.values()), f"{self.name}: ledger: {total_name} {total} is not {parts}")

    def memory(self, what="VmRSS"):
        """VmRSS, or VmHWM for the largest it ever was, in bytes."""
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(rf"^{what}:\s+(\d+) kB", status, re.M)[1]) * 1024


class Loggen:
    """A writer.  The tests' truth: lines ID-FIRST to ID-(FIRST+LINES-1) stand in its files."""

    def __init__(self, case, writer, out, lines, first=0, **options):
        self.writer, self.numbers = writer, range(first, first + lines)
        command = [BIN / "sluice-loggen", "--writer", writer, "--out", out, "--lines", str(lines), "--first", str(first)]
        for name, value in options.items():
            command += [f"--{name.replace('_', '-')}"] + ([] if value is True else [str(value)])
        self.log = case.dir / f"loggen-{writer}-{first}.log"
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def tags(self):
        return {f"{self.writer}-{n}" for n in self.numbers}

    def stop(self):
        """Writes no more: what it has written counts."""
        self.process.terminate()
        self.numbers = self.numbers[:self.end()["lines"]]

    def end(self, seconds=60):
        """Waits, and returns the report: lines, bytes, seconds, longest_write_ms."""
        try:
            code = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise Failure(f"loggen {self.writer} has not ended after {seconds} s") from None
        text = self.log.read_text()
        if code != 0:
            raise Failure(f"loggen {self.writer}: {code}: {text}")
        return json.loads(text)


# --- Elasticsearch -------------------------------------------------------------------------------

class Index:
    """One index, in the words of the tests."""

    def __init__(self, name, url=ELASTICSEARCH):
        self.name, self.url = name, url

    def ask(self, method, path, body=None):
        code, text = http(method, f"{self.url}/{path}", None if body is None else json.dumps(body))
        if code >= 300:
            raise Failure(f"{method} {path}: {code}: {text[:500]}")
        return json.loads(text)

    def create(self, mappings, shards=1):
        settings = {"number_of_shards": shards, "number_of_replicas": 0, "refresh_interval": "5s"}
        self.ask("PUT", self.name, {"settings": settings, "mappings": mappings})

    def delete(self):
        http("DELETE", f"{self.url}/{self.name}")

    def count(self):
        """Of what stands there now; 0 while there is no index.  OSError while it cannot say."""
        code, text = http("POST", f"{self.url}/{self.name}/_refresh")
        if code == 404:
            return 0
        if code != 200:
            raise ConnectionError(f"refresh: {code}")
        code, text = http("GET", f"{self.url}/{self.name}/_count")
        if code != 200:
            raise ConnectionError(f"count: {code}")
        return json.loads(text)["count"]

    def documents(self, fields=("message", "event.id", "log.offset"), page=10000):
        """(_id, _source with those fields) of every document; fields None: all of it."""
        if not self.count():
            return
        body = {"size": page, "sort": ["_doc"], "_source": True if fields is None else list(fields)}
        answer = self.ask("POST", f"{self.name}/_search?scroll=1m", body)
        while answer["hits"]["hits"]:
            for hit in answer["hits"]["hits"]:
                yield hit["_id"], hit["_source"]
            answer = self.ask("POST", "_search/scroll", {"scroll": "1m", "scroll_id": answer["_scroll_id"]})
        self.ask("DELETE", "_search/scroll", {"scroll_id": answer["_scroll_id"]})


class Tally:
    """The verdict over an index: which numbers are lost, doubled, or nobody's, and is an id a number's own."""

    def __init__(self, expected, documents):
        self.seen, ids, wrong = {}, set(), []
        for document_id, source in documents:
            tags = TAG.findall(source.get("message", ""))
            event_id = source.get("event", {}).get("id")
            if len(tags) != 1 or event_id != document_id or event_id in ids:
                wrong.append(f"_id {document_id}, event.id {event_id}, tags {tags}")
                continue
            ids.add(event_id)
            self.seen.setdefault("-".join(tags[0]), []).append(event_id)
        self.wrong = wrong
        self.lost = sorted(expected - self.seen.keys())
        self.foreign = sorted(self.seen.keys() - expected)
        self.doubled = sorted(tag for tag, ids_of_tag in self.seen.items() if len(ids_of_tag) > 1)

    def check(self, case):
        case.figures["lost"], case.figures["doubled"] = len(self.lost), len(self.doubled)
        for what in ("lost", "doubled", "foreign", "wrong"):
            found = getattr(self, what)
            case.check(not found, f"{len(found)} {what}, such as {found[:5]}")


# --- the test case -------------------------------------------------------------------------------

class Case:
    needs_servers = True
    more_servers = ()       # of the stack beside Kafka and Elasticsearch; run.py ends them after the last test
    order = 50              # tests with a lower one run first; from DISTURBS on they stop servers or want the machine
    patient = False         # mostly waits: runs beside those before DISTURBS

    def __init__(self, options):
        self.options = options          # long, input, seed: see run.py
        self.name = type(self).__name__.lower()
        self.unique = f"e2e-{self.name}-{RUN}"
        self.dir = ROOT / "build/e2e" / self.unique
        self.figures = {}
        self.programs, self.writers, self.topics, self.indexes = [], [], [], []

    def test(self):
        raise NotImplementedError

    def setup(self):
        self.dir.mkdir(parents=True)
        self.logs = self.dir / "logs"
        self.logs.mkdir()
        if self.needs_servers:
            stack("up", "kafka", "elasticsearch", *self.more_servers)

    def teardown(self, passed):
        """Ends what runs; the folder stays when the test has failed, with the last facts of each program."""
        if not passed:
            self.keep_facts()
        for program in self.programs + self.writers:
            if program.process:
                program.process.kill()
                program.process.wait()
        if self.needs_servers:
            stack("up")
            for topic in self.topics:
                run("tests/stack/topic", "delete", topic)
            for index in self.indexes:
                index.delete()
        if passed:
            shutil.rmtree(self.dir)

    def keep_facts(self):
        for program in self.programs:
            for page in ("status", "metrics", "readyz"):
                try:
                    text = program.get(f"/{page}")[1] if program.process else "not running"
                except OSError as error:
                    text = str(error)
                (self.dir / f"{program.name}.{page}").write_text(text)

    # Names are unique to the test and the run; suffix tells several of one test apart.

    def topic(self, suffix="logs", *settings):
        name = f"{self.unique}-{suffix}"
        run("tests/stack/topic", "create", name, str(PARTITIONS), *settings)
        self.topics.append(name)
        return name

    def index(self, suffix="logs", url=ELASTICSEARCH):
        index = Index(f"{self.unique}-{suffix}", url)
        self.indexes.append(index)
        return index

    def shipper(self, topic, name="shipper", paths=("*.log*",), **config):
        settings = {
            "inputs": ({"paths": [str(self.logs / p) for p in paths], "service": "shop"},),
            "kafka": {"brokers": KAFKA, "topic": topic},
            "state": str(self.dir / f"{name}.state"),
            **config,
        }
        return self._program("shipper", name, settings)

    def collector(self, topic, index, name="collector", group="collector", kafka=(), **config):
        """kafka: more settings of that group."""
        settings = {
            "kafka": {"brokers": KAFKA, "topics": [topic], "group": f"{self.unique}-{group}", **dict(kafka)},
            "elasticsearch": {"urls": [index.url], "index": index.name},
            "dlq": {"dir": str(self.dir / "dead")},
            **config,
        }
        return self._program("collector", name, settings)

    def _program(self, kind, name, settings):
        program = Program(self, kind, name, settings)
        self.programs.append(program)
        return program

    def loggen(self, writer, out=None, lines=1000, **options):
        loggen = Loggen(self, writer, out or self.logs / f"{writer}.log", lines, **options)
        self.writers.append(loggen)
        return loggen

    def check_says(self, collector, code, *texts):
        """`sluice-collector check` with its configuration."""
        done = subprocess.run([BIN / "sluice-collector", "check", "-c", collector.path], text=True, timeout=60,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        for text in texts:
            self.check(done.returncode == code and text in done.stdout, f"exit {done.returncode}, {text}: {done.stdout}")

    def check(self, condition, what):
        if not condition:
            raise Failure(what)

    def wait_until(self, what, condition, seconds):
        """Until condition() is true, and returns what it returned.  OSError counts as not yet: nobody answers."""
        deadline = time.monotonic() + seconds
        while True:
            trouble = ""
            try:
                if value := condition():
                    return value
            except OSError as error:
                trouble = f" ({error})"
            for program in self.programs:
                if program.process and program.process.poll() is not None:
                    raise Failure(f"{program.name} has ended with {program.process.returncode}: {program.tail()}")
            if time.monotonic() > deadline:
                raise Failure(f"{what}: not within {seconds} s{trouble}")
            time.sleep(POLL_SECONDS)

    def wait_for_count(self, index, n, seconds=60):
        """Documents arrive in bulk and counting costs the server a refresh, so ask only every so often."""
        counted = {"at": 0.0, "n": 0}

        def enough():
            if time.monotonic() - counted["at"] > 0.5:
                counted.update(n=index.count(), at=time.monotonic())
            return counted["n"] >= n

        try:
            self.wait_until(f"{n} documents in {index.name}", enough, seconds)
        except Failure as failure:
            raise Failure(f"{failure}; there are {counted['n']}") from None

    def wait_for_commit(self, topic, group="collector", seconds=30):
        """The group's position, as Kafka knows it, is the end of the topic."""
        def committed():
            ends = kafka.end_offsets(KAFKA, topic, PARTITIONS)
            offsets = kafka.committed_offsets(KAFKA, f"{self.unique}-{group}", topic, PARTITIONS)
            return all(offsets[p] == end or end == 0 for p, end in ends.items())

        self.wait_until(f"the end of {topic} is committed", committed, seconds)

    def wait_for_idle(self, *programs, seconds=60):
        for program in programs:
            self.wait_until(f"{program.name}: nothing in flight", lambda p=program: p.in_flight() == 0, seconds)
