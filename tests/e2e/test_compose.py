# SPDX-License-Identifier: Apache-2.0
"""docker/docker-compose.yml without an engine: its services are started here, with the commands, environments, files and health
checks that stand in it, and real servers in the place of the images that are not ours.  Then a real Prometheus with the
stack's configuration scrapes them, and every query of every panel of every dashboard returns data."""
import json
import os
import pathlib
import re
import subprocess
import sys
import urllib.parse

import yaml

from harness import BIN, ELASTICSEARCH, KAFKA, ROOT, Case, Failure, free_port, http, run

FILE = ROOT / "docker/docker-compose.yml"
OURS = ("sluice-shipper", "sluice-collector", "python:3.12-slim")


class Service:
    """One service of the file as a process here.  Addresses and folders of the network it would have are those of this run."""

    def __init__(self, case, name, spec):
        self.case, self.name, self.spec = case, name, spec
        self.port = free_port()
        self.process = None
        self.log = case.dir / f"{name}.log"
        self.folders = {}
        for volume in spec.get("volumes", ()):
            source, place, *_ = volume.split(":")
            self.folders[place] = source if source.startswith("/") else str(case.volume(source))

    def is_ours(self):
        return self.spec["image"] in OURS

    def rewrite(self, text):
        for place, folder in sorted(self.folders.items(), reverse=True):
            text = re.sub(rf"^{place}(?=/|$)", folder, text)
        for name, service in self.case.services.items():
            text = re.sub(rf"//{name}:8080\b", f"//127.0.0.1:{service.port}", text)
        return text.replace("kafka:9092", KAFKA).replace("http://elasticsearch:9200", ELASTICSEARCH)

    def environment(self):
        own = {key: self.rewrite(value) for key, value in (self.spec.get("environment") or {}).items()}
        own["LOG_DIR"] = self.folders.get("/logs", "")
        own["LOG"] = f"{own['LOG_DIR']}/{self.name}.log"
        own["PORT"] = str(self.port)
        own["INDEX"] = f"{self.case.unique}-logs-*"
        if "KAFKA_BROKERS" in own:
            own["KAFKA_GROUP"] = self.case.unique
            own["KAFKA_DEAD_TOPIC"] = self.case.topic_name + "-dead"
        return {**os.environ, "KAFKA_BROKERS": KAFKA, **own, "KAFKA_TOPIC": self.case.topic_name}

    def command(self):
        words = [self.rewrite(word) for word in self.spec["command"]]
        if not self.spec["image"].startswith("sluice-"):
            return [sys.executable, *words[1:]]
        state = next(folder for place, folder in self.folders.items() if place.startswith("/var/lib/sluice"))
        if self.spec["image"] == "sluice-collector":
            words += ["-c", str(ROOT / "docker/collector.cfg"), "--index", f"{self.case.unique}-logs-{{service.name}}"]
        else:
            words += ["--state", state]
        return [BIN / self.spec["image"], *words, "--http", f"127.0.0.1:{self.port}"]

    def start(self):
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(self.command(), env=self.environment(), cwd=self.case.dir, stdin=subprocess.DEVNULL,
                                            stdout=log, stderr=log)

    def healthy(self):
        """By the check in the file; our images carry theirs."""
        if self.spec["image"].startswith("sluice-"):
            words = [BIN / self.spec["image"], "--health", "--http", f"127.0.0.1:{self.port}"]
        else:
            test = self.spec["healthcheck"]["test"]
            self.case.check(test[0] == "CMD", f"{self.name}: health check {test}")
            words = [sys.executable, *(word.replace("localhost:8080", f"127.0.0.1:{self.port}") for word in test[2:])]
        return subprocess.run(words, capture_output=True, check=False).returncode == 0

    def kill(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
        if self.process:
            self.process.wait()


class Compose(Case):
    order = 60

    def test(self):
        run("./dev", "deps", "deploy", timeout=600)
        text = run("docker-compose", "-f", str(FILE), "config")
        self.stack = yaml.safe_load(text)
        self.services = {}
        self.names_agree()
        self.topic_name = self.topic()
        run("tests/stack/topic", "create", self.topic_name + "-dead", "1")
        self.topics.append(self.topic_name + "-dead")
        self.indexes.append(self.index("logs-*"))
        for name, spec in self.stack["services"].items():
            self.services[name] = Service(self, name, spec)
        self.prometheus = None
        try:
            self.run_services()
        finally:
            for service in self.services.values():
                service.kill()
            if self.prometheus:
                self.prometheus.kill()
                self.prometheus.wait()

    def volume(self, name):
        path = self.dir / "volumes" / name
        path.mkdir(parents=True, exist_ok=True)
        return path

    # --- the file, read ---

    def names_agree(self):
        services = self.stack["services"]
        for name, spec in services.items():
            for other in spec.get("depends_on") or ():
                self.check(other in services, f"{name} depends on {other}, which is not there")
            for volume in spec.get("volumes") or ():
                source = volume.split(":")[0]
                there = pathlib.Path(source).exists() if source.startswith("/") else source in self.stack["volumes"]
                self.check(there, f"{name}: {volume}: {source} is not there")
            for host, port in re.findall(r"(?<![\w.-])([a-z][a-z0-9-]*):(\d{4})\b", json.dumps(spec.get("environment") or {})):
                self.check(host in services, f"{name}: {host}:{port}: no such service")
        scraped = set(re.findall(r'"([a-z0-9-]+):96\d\d"', (ROOT / "docker/prometheus/prometheus.yml").read_text()))
        ours = {n for n, s in services.items() if s["image"].startswith("sluice-")}
        self.check(scraped == ours, f"Prometheus scrapes {scraped}, and there are {ours}")

    # --- the services, run ---

    def run_services(self):
        ours = [s for s in self.services.values() if s.is_ours()]
        lasting = [s for s in ours if not s.spec.get("profiles")]
        self.check(len(lasting) == 8 and len(ours) == 10, f"services: {[s.name for s in ours]}")
        for service in lasting:
            service.start()
        for service in lasting:
            self.wait_until(f"{service.name} is healthy", service.healthy, 30)
        self.start_prometheus()
        self.passing("verify", {"LINES": "2000", "SECONDS": "60"})
        self.passing("chaos", {"PERIOD": "1", "ROUNDS": "5"})
        self.a_trace_goes_through_all_services()
        self.panels_show_something()
        for service in lasting:
            self.check(service.process.poll() is None, f"{service.name} has ended: {service.log.read_text()[-1000:]}")

    def passing(self, name, environment):
        service = self.services[name]
        service.spec["environment"].update(environment)
        service.start()
        code = service.process.wait(90)
        said = service.log.read_text()
        self.check(code == 0 and "did not work" not in said, f"{name}: exit {code}: {said[-1500:]}")

    def a_trace_goes_through_all_services(self):
        index = f"{ELASTICSEARCH}/{self.unique}-logs-*"
        body = {"size": 0, "query": {"exists": {"field": "trace.id"}},
                "aggs": {"traces": {"terms": {"field": "trace.id.keyword", "size": 100},
                                    "aggs": {"services": {"terms": {"field": "service.name.keyword"}}}}}}

        def whole():
            http("POST", f"{index}/_refresh")
            code, text = http("POST", f"{index}/_search", json.dumps(body))
            if code != 200:
                raise ConnectionError(text[:500])
            buckets = json.loads(text)["aggregations"]["traces"]["buckets"]
            return any({"front", "cart", "payment"} == {s["key"] for s in b["services"]["buckets"]} for b in buckets)
        self.wait_until("a trace id stands in the documents of all three services", whole, 30)

    # --- Prometheus ---

    def start_prometheus(self):
        config = (ROOT / "docker/prometheus/prometheus.yml").read_text()
        for name, service in self.services.items():
            config = re.sub(rf'"{name}:96\d\d"', f'"127.0.0.1:{service.port}"', config)
        home = self.dir / "prometheus"
        home.mkdir()
        for rules in ("alerts.yml", "recording.yml"):
            (home / rules).write_text((ROOT / "docker/prometheus" / rules).read_text())
        (home / "prometheus.yml").write_text(config.replace("5s", "1s"))
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        with open(self.dir / "prometheus.log", "wb") as log:
            self.prometheus = subprocess.Popen(["prometheus", f"--config.file={home}/prometheus.yml", f"--storage.tsdb.path={home}/data",
                                                f"--web.listen-address=127.0.0.1:{port}"], stdout=log, stderr=log)

    def ask(self, query):
        code, text = http("GET", f"{self.url}/api/v1/query?query={urllib.parse.quote(query)}")
        if code != 200:
            raise Failure(f"{query}: {text[:500]}")
        return json.loads(text)["data"]["result"]

    def panels_show_something(self):
        panels = 0
        for path in sorted((ROOT / "docker/grafana/dashboards").glob("*.json")):
            for panel in json.loads(path.read_text())["panels"]:
                for target in panel["targets"]:
                    if "expr" not in target:
                        continue
                    query = target["expr"].replace("$__rate_interval", "30s").replace("$instance", ".*")
                    self.wait_until(f"{path.name}: {panel['title']}: {query}", lambda q=query: self.ask(q), 20)
                    panels += 1
        self.figures["queries"] = panels
        rules = json.loads(http("GET", f"{self.url}/api/v1/rules")[1])["data"]["groups"]
        ill = [f"{r['name']}: {r['lastError']}" for g in rules for r in g["rules"] if r.get("health") == "err"]
        self.check(rules and not ill, f"rules: {ill}")
