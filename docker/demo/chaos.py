#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Trouble on a schedule, so that the dashboards have something to show: a storm of orders, payments that fail, lines that
break the mapping, a log that is cut under its reader, an index that takes nothing.

    chaos.py            for ever, one trouble every $PERIOD seconds (60); $ROUNDS ends it after so many
"""
import itertools
import json
import os
import sys
import time
import urllib.error
import urllib.request

FRONT = os.environ.get("FRONT_URL", "http://front:8080")
PAYMENT = os.environ.get("PAYMENT_URL", "http://payment:8080")
ELASTICSEARCH = os.environ.get("ELASTICSEARCH_URL", "http://elasticsearch:9200")
INDEX = os.environ.get("INDEX", "logs-*-default")
PERIOD = float(os.environ.get("PERIOD", "60"))


def ask(method, url, body=None):
    request = urllib.request.Request(url, method=method, data=json.dumps(body).encode() if body is not None else b"")
    request.add_header("Content-Type", "application/json")
    with urllib.request.urlopen(request, timeout=10) as answer:
        return answer.read()


def block(on):
    ask("PUT", f"{ELASTICSEARCH}/{INDEX}/_settings?expand_wildcards=all&allow_no_indices=true", {"index.blocks.write": on})


def read_only(seconds):
    block(True)
    try:
        time.sleep(seconds)
    finally:
        block(False)


TROUBLES = [
    ("a storm: twenty times the orders", lambda s: ask("POST", f"{FRONT}/chaos?storm={s}")),
    ("payments fail, with stack traces", lambda s: ask("POST", f"{PAYMENT}/chaos?errors={s}")),
    ("lines that break the mapping: dead letters", lambda s: ask("POST", f"{FRONT}/chaos?poison={s}")),
    ("payment's log is cut under its reader", lambda s: ask("POST", f"{PAYMENT}/chaos?cut={s}")),
    ("the indices take nothing", read_only),
]


def main():
    rounds = int(os.environ.get("ROUNDS", "0"))
    for number, (what, make) in enumerate(itertools.cycle(TROUBLES), 1):
        print(f"chaos: {what}", flush=True)
        begun = time.monotonic()
        try:
            make(PERIOD / 3)
        except (OSError, urllib.error.URLError) as error:
            print(f"chaos: that did not work: {error}", flush=True)
        if number == rounds:
            return 0
        time.sleep(max(0.0, begun + PERIOD - time.monotonic()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
