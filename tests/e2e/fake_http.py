# SPDX-License-Identifier: Apache-2.0
"""HTTP servers that answer by a table, for the faults that a real Elasticsearch does not produce on demand."""
import http.server
import threading


class ByTable(http.server.BaseHTTPRequestHandler):
    """The first step of the address finds the answer, (status, content type, body), in gets or posts."""
    protocol_version = "HTTP/1.1"
    gets, posts, fields = {}, {}, {}                    # fields: header fields of every answer

    def do_GET(self):
        self.answer(self.gets)

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.answer(self.posts)

    def answer(self, table):
        status, kind, body = table[self.path.split("/")[1]]
        self.send_response(status)
        for name, value in {"Content-Type": kind, "Content-Length": len(body.encode()), **self.fields}.items():
            self.send_header(name, str(value))
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *arguments):
        pass


def serve(handler):
    """On a port of its own, until shutdown(): the server, and its address."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server, f"http://127.0.0.1:{server.server_port}"
