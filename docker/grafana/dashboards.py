#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes dashboards/*.json, which Grafana is provisioned with: what is shown stands here once, its boxes are arithmetic.

    dashboards.py           writes them
    dashboards.py --check   exit 1 when the files are not what this would write
"""
import json
import pathlib
import sys

HERE = pathlib.Path(__file__).parent / "dashboards"
PROMETHEUS = {"type": "prometheus", "uid": "prometheus"}
LOGS = {"type": "elasticsearch", "uid": "logs"}
WIDTH = 24

S, C = "sluice_shipper_", "sluice_collector_"


class Panel:
    """One box.  queries: (PromQL, legend); of a Panel over logs, Lucene."""

    def __init__(self, title, unit, *queries, kind="timeseries", width=8, height=8, text="", source=PROMETHEUS, red=None):
        self.title, self.unit, self.queries, self.kind, self.width, self.height = title, unit, queries, kind, width, height
        self.text, self.source, self.red = text, source, red

    def json(self, number, x, y):
        field = {"unit": self.unit, "min": 0}
        if self.red is not None:
            field["color"] = {"mode": "thresholds"}
            field["thresholds"] = {"mode": "absolute", "steps": [{"color": "green", "value": None}, {"color": "red", "value": self.red}]}
        panel = {"id": number, "type": self.kind, "title": self.title, "description": self.text, "datasource": self.source,
                 "gridPos": {"h": self.height, "w": self.width, "x": x, "y": y}, "fieldConfig": {"defaults": field, "overrides": []},
                 "targets": [self.target(chr(ord("A") + i), *query) for i, query in enumerate(self.queries)]}
        if self.kind == "stat":
            panel["options"] = {"reduceOptions": {"calcs": ["lastNotNull"]}, "colorMode": "background", "graphMode": "area"}
        if self.kind == "timeseries":
            panel["options"] = {"tooltip": {"mode": "multi", "sort": "desc"}, "legend": {"displayMode": "list", "placement": "bottom"}}
        if self.kind == "logs":
            panel["options"] = {"showTime": True, "enableLogDetails": True, "wrapLogMessage": True, "sortOrder": "Descending"}
        return panel

    def target(self, letter, query, legend):
        if self.source is PROMETHEUS:
            return {"refId": letter, "datasource": self.source, "expr": query, "legendFormat": legend, "range": True}
        metric = {"id": "1", "type": "logs", "settings": {"limit": "500"}} if self.kind == "logs" else {"id": "1", "type": "count"}
        buckets = [] if self.kind == "logs" else [
            {"id": "3", "type": "terms", "field": legend, "settings": {"size": "10", "order": "desc", "orderBy": "_count", "min_doc_count": "1"}},
            {"id": "2", "type": "date_histogram", "field": "@timestamp", "settings": {"interval": "auto"}}]
        return {"refId": letter, "datasource": self.source, "query": query, "timeField": "@timestamp", "metrics": [metric],
                "bucketAggs": buckets}


def variable(name, label, query):
    return {"name": name, "label": label, "type": "query", "datasource": PROMETHEUS, "query": {"query": query, "refId": name},
            "definition": query, "refresh": 2, "includeAll": True, "multi": True, "allValue": ".*", "sort": 1,
            "current": {"text": "All", "value": "$__all"}}


def textbox(name, label, value):
    return {"name": name, "label": label, "type": "textbox", "query": value, "current": {"text": value, "value": value}}


def dashboard(uid, title, text, variables, rows):
    panels, y = [], 0
    for row in rows:
        x = 0
        for panel in row:
            panels.append(panel.json(len(panels) + 1, x, y))
            x += panel.width
        assert x <= WIDTH, f"{title}: a row is {x} wide"
        y += max(panel.height for panel in row)
    return {"uid": uid, "title": title, "description": text, "tags": ["sluice"], "schemaVersion": 39, "version": 1, "editable": True,
            "refresh": "10s", "time": {"from": "now-30m", "to": "now"}, "timezone": "browser",
            "links": [{"type": "dashboards", "tags": ["sluice"], "title": "Sluice", "asDropdown": True, "includeVars": False,
                       "keepTime": True, "icon": "external link", "targetBlank": False, "tooltip": "", "url": ""}],
            "templating": {"list": variables}, "annotations": {"list": []}, "panels": panels}


def stat(title, unit, query, red=None, text="", width=4):
    return Panel(title, unit, (query, ""), kind="stat", width=width, height=4, red=red, text=text)


OVERVIEW = dashboard(
    "sluice-overview", "Sluice: overview", "From files to the index: what flows, what waits, what was given up.", [], [
        [stat("Lines acknowledged", "short", "sum(rate(sluice_shipper_lines_acked_total[$__rate_interval]))", text="By Kafka, a second."),
         stat("Documents indexed", "short", f"sum(rate({C}records_indexed_total[$__rate_interval]))"),
         stat("Records behind", "short", f"sum(max by (topic, partition) ({C}lag_records))", red=100000),
         stat("Not ready", "short", f"count({{__name__=~\"{S}ready|{C}ready\"}} == 0) or vector(0)", red=1, text="Programs in which work waits and nothing moves."),
         stat("Dead letters in an hour", "short", f"sum(increase({C}records_dead_lettered_total[1h]))", red=1),
         stat("Bytes lost in an hour", "bytes", f"sum(increase({S}bytes_lost_total[1h]))", red=1)],
        [Panel("The way of a line", "short", (f"sum(rate({S}lines_read_total[$__rate_interval]))", "read from files"),
               (f"sum(rate({S}lines_acked_total[$__rate_interval]))", "acknowledged by Kafka"),
               (f"sum(rate({C}records_consumed_total[$__rate_interval]))", "taken from Kafka"),
               (f"sum(rate({C}records_indexed_total[$__rate_interval]))", "indexed"), width=12,
               text="The four lines lie on each other when nothing waits."),
         Panel("Behind", "short", (f"sum(max by (topic, partition) ({C}lag_records))", "records in Kafka"),
               (f"sum({S}lines_in_flight)", "lines on their way to Kafka"), (f"sum({C}records_in_flight)", "records on their way to the index"), width=12)],
        [Panel("Outcomes at the index", "short", (f"sum(rate({C}records_indexed_total[$__rate_interval]))", "indexed"),
               (f"sum(rate({C}records_duplicate_total[$__rate_interval]))", "stood there already"),
               (f"sum by (reason) (rate({C}records_dead_lettered_total[$__rate_interval]))", "dead letter: {{reason}}"),
               (f"sum by (reason) (rate({C}records_dropped_total[$__rate_interval]))", "dropped: {{reason}}")),
         Panel("Lines given up", "short", (f"sum by (reason) (rate({S}lines_dropped_total[$__rate_interval]))", "{{reason}}")),
         Panel("CPU", "percentunit", ("sum by (job) (rate(process_cpu_seconds_total{job=~\"sluice-.*\"}[$__rate_interval]))", "{{job}}"))],
    ])

SHIPPER = dashboard(
    "sluice-shipper", "Sluice: shippers", "One row a question: does it keep up, does it lose, what does it cost.",
    [variable("instance", "Shipper", "label_values(sluice_shipper_ready, instance)")], [
        [Panel("Lines read and acknowledged", "short", (f"sum by (instance) (rate({S}lines_read_total{{instance=~\"$instance\"}}[$__rate_interval]))", "{{instance}} read"),
               (f"sum by (instance) (rate({S}lines_acked_total{{instance=~\"$instance\"}}[$__rate_interval]))", "{{instance}} acknowledged")),
         Panel("Bytes not yet acknowledged", "bytes", (f"{S}lag_bytes{{instance=~\"$instance\"}}", "{{instance}}"), text="Seen in files and not yet acknowledged by the output."),
         Panel("Time to the broker's acknowledgement", "s",
               (f"histogram_quantile(0.5, sum by (le) (rate({S}kafka_delivery_seconds_bucket{{instance=~\"$instance\"}}[$__rate_interval])))", "p50"),
               (f"histogram_quantile(0.99, sum by (le) (rate({S}kafka_delivery_seconds_bucket{{instance=~\"$instance\"}}[$__rate_interval])))", "p99"))],
        [Panel("Bytes lost", "bytes", (f"sum by (instance, reason) ({S}bytes_lost_total{{instance=~\"$instance\"}})", "{{instance}} {{reason}}"), text="They vanished before they could be read."),
         Panel("Lines dropped, cut, repaired", "short", (f"sum by (reason) (rate({S}lines_dropped_total{{instance=~\"$instance\"}}[$__rate_interval]))", "dropped: {{reason}}"),
               (f"sum(rate({S}lines_truncated_total{{instance=~\"$instance\"}}[$__rate_interval]))", "cut"),
               (f"sum(rate({S}utf8_repaired_total{{instance=~\"$instance\"}}[$__rate_interval]))", "UTF-8 repaired"),
               (f"sum by (reason) (rate({S}lines_unparsed_total{{instance=~\"$instance\"}}[$__rate_interval]))", "not parsed: {{reason}}")),
         Panel("Files", "short", (f"sum({S}files{{instance=~\"$instance\"}})", "known"), (f"sum({S}files_open{{instance=~\"$instance\"}})", "open"),
               (f"sum(rate({S}rotations_total{{instance=~\"$instance\"}}[$__rate_interval]))", "rotations a second"))],
        [Panel("Byte budget", "percentunit", (f"{S}held_bytes{{instance=~\"$instance\"}} / {S}budget_bytes{{instance=~\"$instance\"}}", "{{instance}}"), text="Full: it stops reading until Kafka has taken what is held."),
         Panel("Memory", "bytes", ("process_resident_memory_bytes{job=\"sluice-shipper\",instance=~\"$instance\"}", "{{instance}}")),
         Panel("CPU", "percentunit", ("rate(process_cpu_seconds_total{job=\"sluice-shipper\",instance=~\"$instance\"}[$__rate_interval])", "{{instance}}"))],
    ])

COLLECTOR = dashboard(
    "sluice-collector", "Sluice: collectors", "How far behind, how the cluster answers, and what it costs.",
    [variable("instance", "Collector", "label_values(sluice_collector_ready, instance)")], [
        [Panel("Lag by partition", "short", (f"max by (topic, partition) ({C}lag_records{{instance=~\"$instance\"}})", "{{topic}} {{partition}}")),
         Panel("Time to catch up", "s", ("sluice:catch_up_seconds", "at the present rate"), text="Of what is there now, if nothing were added."),
         Panel("Records settled", "short", (f"sum by (instance) (rate({C}records_indexed_total{{instance=~\"$instance\"}}[$__rate_interval]))", "{{instance}} indexed"),
               (f"sum by (instance) (rate({C}records_duplicate_total{{instance=~\"$instance\"}}[$__rate_interval]))", "{{instance}} duplicate"))],
        [Panel("What the cluster takes", "short", (f"sum by (instance) ({C}elasticsearch_concurrency{{instance=~\"$instance\"}})", "{{instance}} allowed"),
               (f"sum by (instance) ({C}elasticsearch_requests_in_flight{{instance=~\"$instance\"}})", "{{instance}} under way"), text="Bulk requests at the same time: the adaptive limit, and what is used of it."),
         Panel("Answers", "short", (f"sum by (result) (rate({C}elasticsearch_requests_total{{instance=~\"$instance\"}}[$__rate_interval]))", "{{result}}")),
         Panel("Time of a bulk request", "s",
               (f"histogram_quantile(0.5, sum by (le) (rate({C}elasticsearch_request_seconds_bucket{{instance=~\"$instance\"}}[$__rate_interval])))", "p50"),
               (f"histogram_quantile(0.99, sum by (le) (rate({C}elasticsearch_request_seconds_bucket{{instance=~\"$instance\"}}[$__rate_interval])))", "p99"))],
        [Panel("Nodes", "short", (f"sum by (breaker) ({C}elasticsearch_nodes{{instance=~\"$instance\"}})", "{{breaker}}"), text="By their circuit breaker, seen from each collector."),
         Panel("Dead letters and drops", "short", (f"sum by (reason) (increase({C}records_dead_lettered_total{{instance=~\"$instance\"}}[$__rate_interval]))", "dead letter: {{reason}}"),
               (f"sum by (reason) (increase({C}records_dropped_total{{instance=~\"$instance\"}}[$__rate_interval]))", "dropped: {{reason}}")),
         Panel("Rebalances and commits", "short", (f"sum(increase({C}rebalances_total{{instance=~\"$instance\"}}[$__rate_interval]))", "rebalances"),
               (f"sum(increase({C}commit_errors_total{{instance=~\"$instance\"}}[$__rate_interval]))", "commits that failed"),
               (f"sum(increase({C}late_answers_total{{instance=~\"$instance\"}}[$__rate_interval]))", "late answers"))],
        [Panel("Byte budget", "percentunit", (f"{C}held_bytes{{instance=~\"$instance\"}} / {C}budget_bytes{{instance=~\"$instance\"}}", "{{instance}}"), text="Full: partitions pause until answers come."),
         Panel("Memory", "bytes", ("process_resident_memory_bytes{job=\"sluice-collector\",instance=~\"$instance\"}", "{{instance}}")),
         Panel("CPU", "percentunit", ("rate(process_cpu_seconds_total{job=\"sluice-collector\",instance=~\"$instance\"}[$__rate_interval])", "{{instance}}"))],
    ])

SERVICE = dashboard(
    "sluice-service", "Sluice: what happened to this service's logs",
    "One service: its lines from the file to the index, and the logs themselves. Give a trace id to see one request through all services.",
    [variable("instance", "Shipper", "label_values(sluice_shipper_ready, instance)"), textbox("service", "Service", "*"),
     textbox("trace", "Trace id", "*")], [
        [Panel("Lines of its shipper", "short", (f"sum(rate({S}lines_read_total{{instance=~\"$instance\"}}[$__rate_interval]))", "read"),
               (f"sum(rate({S}lines_acked_total{{instance=~\"$instance\"}}[$__rate_interval]))", "acknowledged"),
               (f"sum by (reason) (rate({S}lines_dropped_total{{instance=~\"$instance\"}}[$__rate_interval]))", "dropped: {{reason}}")),
         Panel("Not shipped yet", "bytes", (f"sum({S}lag_bytes{{instance=~\"$instance\"}})", "bytes in files")),
         Panel("Lines by level", "short", ("service.name:$service AND trace.id:$trace", "log.level"), source=LOGS)],
        [Panel("Logs", "short", ("service.name:$service AND trace.id:$trace", ""), kind="logs", width=24, height=18, source=LOGS)],
    ])


def main():
    check = "--check" in sys.argv[1:]
    stale = []
    for made in (OVERVIEW, SHIPPER, COLLECTOR, SERVICE):
        path = HERE / f"{made['uid']}.json"
        text = json.dumps(made, indent=1) + "\n"
        if check and (not path.exists() or path.read_text() != text):
            stale.append(path.name)
        elif not check:
            path.write_text(text)
    if stale:
        print(f"not what dashboards.py writes: {', '.join(stale)}; run it", file=sys.stderr)
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
