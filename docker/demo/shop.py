#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""One service of the demo shop: front calls cart, cart calls payment, and each writes its log in a form of its own.

    shop.py front|cart|payment          its log: $LOG (/logs/SERVICE.log); its port: $PORT (8080)

front also buys by itself, $RATE times a second.  Every request carries a traceparent (W3C) from service to service, and
every line has its ids.  POST /chaos?KIND=SECONDS makes trouble: storm, errors, poison, cut (chaos.py asks for it).
"""
import http.server
import json
import os
import pathlib
import random
import secrets
import socketserver
import sys
import threading
import time
import traceback
import urllib.error
import urllib.parse
import urllib.request

ROTATE_BYTES = 4 << 20
NEXT = {"front": os.environ.get("CART_URL", "http://cart:8080"), "cart": os.environ.get("PAYMENT_URL", "http://payment:8080")}
GOODS = ["teapot", "umbrella", "accordion", "compass", "kite", "lantern"]


class Log:
    """A file that is rotated by rename.  Writing to it is all that the service does for its logs."""

    def __init__(self, path):
        self.path, self.lock = pathlib.Path(path), threading.Lock()
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.file = open(self.path, "a", buffering=1, encoding="utf-8")

    def write(self, text):
        with self.lock:
            self.file.write(text + "\n")
            if self.file.tell() > ROTATE_BYTES:
                self.path.rename(self.path.with_suffix(".log.1"))
                self.file.close()
                self.file = open(self.path, "a", buffering=1, encoding="utf-8")

    def cut(self):
        with self.lock:
            os.truncate(self.path, 0)


class Shop:
    def __init__(self, name):
        self.name = name
        self.log = Log(os.environ.get("LOG", f"/logs/{name}.log"))
        self.until = {}         # kind of trouble -> when it ends

    def troubled(self, kind):
        return time.monotonic() < self.until.get(kind, 0)

    # --- lines, each service in its own form ---

    def say(self, level, message, trace, span, **fields):
        now = time.time()
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now)) + f".{int(now * 1000) % 1000:03d}Z"
        if self.name == "front":
            fields = {"poison": {"a": 1}} | fields if self.troubled("poison") else {"poison": "none"} | fields
            self.log.write(json.dumps({"timestamp": stamp, "level": level, "message": message, "trace_id": trace, "span_id": span, **fields}))
        elif self.name == "cart":
            extra = "".join(f" {key}={json.dumps(value)}" for key, value in fields.items())
            self.log.write(f'time={stamp} level={level} msg="{message}" trace_id={trace} span_id={span}{extra}')
        else:
            self.log.write(f"{stamp} {level.upper():5} [{trace},{span}] {message}" + "".join(f" {k}={v}" for k, v in fields.items()))

    # --- work ---

    def handle(self, trace, order):
        """True when the order went through, here and behind."""
        span = secrets.token_hex(8)
        begun = time.monotonic()
        try:
            if self.troubled("errors") and random.random() < 0.5:
                raise RuntimeError(f"order {order['id']}: card refused")
            if self.name in NEXT:
                call(NEXT[self.name] + "/order", trace, span, order)
            self.say("info", f"order {order['id']} of {order['goods']}", trace, span, ms=round((time.monotonic() - begun) * 1000, 2))
            return True
        except (RuntimeError, OSError) as error:
            text = f"order {order['id']} failed: {error}"
            if self.name == "payment":
                text += "\n" + traceback.format_exc().rstrip()
            self.say("error", text, trace, span)
            return False

    def buy_for_ever(self):
        number = 0
        while True:
            rate = float(os.environ.get("RATE", "5")) * (20 if self.troubled("storm") else 1)
            time.sleep(random.expovariate(rate))
            number += 1
            order = {"id": f"{int(time.time())}-{number}", "goods": random.choice(GOODS)}
            self.handle(secrets.token_hex(16), order)


def call(url, trace, span, order):
    request = urllib.request.Request(url, data=json.dumps(order).encode(), headers={"traceparent": f"00-{trace}-{span}-01"})
    with urllib.request.urlopen(request, timeout=5) as answer:
        answer.read()


class Handler(http.server.BaseHTTPRequestHandler):
    shop = None

    def do_GET(self):
        self.answer(200, "alive\n")

    def do_POST(self):
        where = urllib.parse.urlparse(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if where.path == "/chaos":
            for kind, seconds in urllib.parse.parse_qsl(where.query):
                self.shop.until[kind] = time.monotonic() + float(seconds)
                if kind == "cut":
                    self.shop.log.cut()
            self.answer(200, "as you wish\n")
            return
        parts = self.headers.get("traceparent", "").split("-")
        trace = parts[1] if len(parts) == 4 else secrets.token_hex(16)
        done = self.shop.handle(trace, json.loads(body))
        self.answer(200 if done else 502, "")

    def answer(self, status, text):
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_):
        pass


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True


def main():
    Handler.shop = Shop(sys.argv[1])
    server = Server(("", int(os.environ.get("PORT", "8080"))), Handler)
    if sys.argv[1] == "front":
        threading.Thread(target=Handler.shop.buy_for_ever, daemon=True).start()
    server.serve_forever()


if __name__ == "__main__":
    main()
