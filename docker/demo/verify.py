#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Do all lines arrive?  Writes $LINES (10000) numbered lines into the log folder of a service and counts them in Elasticsearch,
until each is there once or $SECONDS (120) are over.  Exit code 0: all of them, none twice.

    docker compose --profile test run --rm verify
"""
import json
import os
import pathlib
import re
import secrets
import sys
import time
import urllib.error
import urllib.request

ELASTICSEARCH = os.environ.get("ELASTICSEARCH_URL", "http://elasticsearch:9200")
INDEX = os.environ.get("INDEX", "logs-*-default")
LINES = int(os.environ.get("LINES", "10000"))
SECONDS = float(os.environ.get("SECONDS", "120"))
PAGE = 10000


def ask(path, body):
    request = urllib.request.Request(f"{ELASTICSEARCH}/{path}", data=b"" if body is None else json.dumps(body).encode(), headers={"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.loads(answer.read())
    except urllib.error.HTTPError as error:
        if error.code == 404:
            return None
        raise


def numbers(run):
    """Those that stand there, as often as they do."""
    ask(f"{INDEX}/_refresh", None)
    body = {"size": PAGE, "_source": ["message"], "query": {"match_phrase": {"message": run}}, "sort": ["_doc"]}
    answer = ask(f"{INDEX}/_search?scroll=1m", body)
    found = []
    while answer and answer["hits"]["hits"]:
        found += [int(n) for hit in answer["hits"]["hits"] for n in re.findall(rf"{run} number (\d+)", hit["_source"]["message"])]
        answer = ask("_search/scroll", {"scroll": "1m", "scroll_id": answer["_scroll_id"]})
    return found


def main():
    run = f"verify{secrets.token_hex(6)}"
    path = pathlib.Path(os.environ.get("LOG_DIR", "/logs")) / f"{run}.log"
    with open(path, "w", encoding="ascii") as log:
        log.writelines(f"{run} number {n} of {LINES}\n" for n in range(LINES))
    deadline, found, said = time.monotonic() + SECONDS, [], ""
    while len(found) < LINES and time.monotonic() < deadline:
        time.sleep(0.5)
        try:
            found = numbers(run)
        except OSError as error:
            if str(error) != said:
                said = str(error)
                print(f"verify: {error}", flush=True)
    path.unlink()
    missing, twice = LINES - len(set(found)), len(found) - len(set(found))
    print(f"verify: {LINES} lines written, {len(set(found))} arrived, {missing} missing, {twice} twice")
    return 1 if missing or twice else 0


if __name__ == "__main__":
    sys.exit(main())
