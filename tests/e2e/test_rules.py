# SPDX-License-Identifier: Apache-2.0
"""Prometheus' own checks of the rules and their unit tests; dashboards are what dashboards.py writes, docs/scaling.md what
scaling.py computes; each alert says what to do."""
import sys

import yaml

from harness import ROOT, Case, run

PROMETHEUS = ROOT / "docker/prometheus"


class Rules(Case):
    needs_servers = False
    order = 10

    def test(self):
        run("./dev", "deps", "deploy", timeout=600)
        run("promtool", "check", "config", "--syntax-only", str(PROMETHEUS / "prometheus.yml"))
        run("promtool", "check", "rules", str(PROMETHEUS / "recording.yml"), str(PROMETHEUS / "alerts.yml"))
        run("promtool", "test", "rules", str(PROMETHEUS / "rules_test.yml"))
        run(sys.executable, str(ROOT / "docker/grafana/dashboards.py"), "--check")
        run(sys.executable, str(ROOT / "tests/scaling/scaling.py"), "--check")
        tested = (PROMETHEUS / "rules_test.yml").read_text()
        for rule in yaml.safe_load((PROMETHEUS / "alerts.yml").read_text())["groups"][0]["rules"]:
            name, notes = rule["alert"], rule["annotations"]
            self.check(len(notes["todo"]) > 40 and notes["summary"], f"{name} does not say what to do")
            self.check(name in tested, f"{name} has no unit test")
