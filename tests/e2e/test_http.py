# SPDX-License-Identifier: Apache-2.0
"""What a running program shows over HTTP."""
import re

from harness import LEDGERS, Case, Program


class Http(Case):
    order = 30
    PROCESS = ("process_resident_memory_bytes", "process_cpu_seconds_total")

    def test(self):
        topic, index = self.topic(), self.index()
        self.loggen("a", lines=500).end()
        programs = [self.shipper(topic).start(), self.collector(topic, index).start()]
        self.wait_for_count(index, 500)
        self.wait_for_idle(*programs)
        for program in programs:
            self.it_is_alive_and_ready(program)
            self.every_metric_of_the_ledger_is_there(program)
            self.the_status_is_json(program)
            self.the_page_draws_what_the_status_has(program)
            self.check(program.get("/nothing")[0] == 404, f"{program.name}: /nothing is not a 404")
            program.check_ledger()
        for program in programs:
            program.stop()

    def it_is_alive_and_ready(self, program: Program):
        self.check(program.get("/healthz")[0] == 200, f"{program.name}: /healthz")
        self.wait_until(f"{program.name}: /readyz is 200", lambda: program.get("/readyz")[0] == 200, 30)

    def every_metric_of_the_ledger_is_there(self, program):
        metrics = program.metrics()
        total, parts = LEDGERS[program.kind]
        for name in (total, *parts):
            name = f"sluice_{program.kind}_{name}"
            self.check(name in metrics.names(), f"{name} is not there")
            kind = "gauge" if name.endswith("in_flight") else "counter"
            self.check(metrics.kinds[name] == kind and metrics.helps.get(name), f"{name}: TYPE or HELP")
        for (name, labels) in metrics.series:
            if name.endswith(("lines_dropped_total", "records_dropped_total", "records_dead_lettered_total")):
                self.check("reason" in dict(labels), f"{name} has no reason")
        for name in self.PROCESS:
            self.check(name in metrics.names(), f"{program.name}: {name} is not there")
        self.check(metrics.sum(f"sluice_{program.kind}_{total}") == 500, f"{program.name}: {total} is not 500")

    def the_page_draws_what_the_status_has(self, program):
        """One file that asks for nothing but /status, and for no member that is not there."""
        code, page = program.get("/")
        self.check(code == 200 and page.startswith("<!doctype html>") and page.rstrip().endswith("</html>"), f"{program.name}: /: {code}")
        outside = re.findall(r'(?:src|href)="(?!status|metrics|readyz|healthz)[^"]*"|https?://(?!www\.w3\.org/2000/svg)[^"\s]+', page)
        self.check(not outside, f"{program.name}: the page asks others: {outside}")
        status = program.status()
        other = "COLLECTOR" if program.kind == "shipper" else "SHIPPER"
        script = re.sub(rf"const {other} = {{.*?\n}};", "", page, flags=re.S)
        wanted = set(re.findall(r"\bs\.([a-z_]+)\b(?!\()", script))
        both = {"paused", "catch_up_seconds", "toFixed"}                # of the collector alone
        self.check(wanted - both <= status.keys(), f"{program.name}: /status lacks {wanted - both - status.keys()}")
        ledger = set(re.findall(r"\bs\.ledger\.([a-z_]+)", script)) | set(re.findall(r'\["((?:lines|records)_[a-z_]+)"', script))
        self.check(ledger <= status["ledger"].keys(), f"{program.name}: the ledger lacks {ledger - status['ledger'].keys()}")
        rows = status["files" if program.kind == "shipper" else "partitions"]
        letter = "f" if program.kind == "shipper" else "p"
        columns = set(re.findall(rf"\b{letter}\.([a-z_]+)\b", script))
        self.check(rows and columns and columns <= rows[0].keys(), f"{program.name}: a row lacks {columns - rows[0].keys()}")

    def the_status_is_json(self, program):
        status = program.status()
        self.check(isinstance(status, dict) and status, f"{program.name}: /status: {status}")
