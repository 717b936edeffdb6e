# SPDX-License-Identifier: Apache-2.0
"""Real clusters in trouble: a node of two killed under load, an index that takes no writes, a TLS proxy that wants a
client certificate and an API key."""
import pathlib
import re
import socket
import subprocess
import textwrap

from harness import ELASTICSEARCH, Case, Tally, address, free_port, run, stack


def trouble(collector):
    return collector.status()["trouble"] or ""


class Nodes(Case):
    """One node of two is killed and comes back under load; who asks for the list of nodes follows it meanwhile."""
    order = 91
    more_servers = ("pair1", "pair2")
    LINES, RATE = 20000, 4000
    ANY = "closed open half_open"

    def test(self):
        lines = self.LINES * (10 if self.options.long else 1)
        one, two = address("pair1"), address("pair2")
        topic, index = self.topic(), self.index(url=one)
        index.ask("PUT", index.name, {"settings": {"number_of_shards": 2, "number_of_replicas": 1, "refresh_interval": "5s"}})
        index.ask("GET", f"_cluster/health/{index.name}?wait_for_status=green&timeout=30s")
        collector = self.collector(topic, index, elasticsearch={"urls": [one, two], "index": index.name, "retry_max": "2 s",
                                                                "probe_timeout": "2 s"}).start()
        sniffing = self.collector(topic, index, "sniffing", "sniffing", elasticsearch={
            "urls": [one], "index": index.name, "sniff": True, "sniff_interval": "500 ms"}).start()
        self.wait_until("both nodes are found", lambda: self.nodes(sniffing, self.ANY) == 2, 60)
        self.shipper(topic).start()
        loggen = self.loggen("a", lines=lines, rate=self.RATE)
        self.wait_until("documents flow", lambda: collector.metric("records_indexed_total") > 1000, 60)
        stack("kill", "pair2")
        try:
            self.wait_until("the breaker of the dead node is open", lambda: self.nodes(collector, "open") == 1, 60)
            at = collector.metric("records_indexed_total")
            self.wait_until("documents flow with one node", lambda: collector.metric("records_indexed_total") > at + 500, 60)
            self.wait_until("the dead node is no node any more", lambda: self.nodes(sniffing, self.ANY) == 1, 60)
        finally:
            stack("up", "pair2")
        self.wait_until("the node is used again", lambda: self.nodes(collector, "closed") == 2, 60)
        self.wait_until("it is found again", lambda: self.nodes(sniffing, "closed") == 2, 60)
        loggen.end()
        self.wait_for_count(index, lines, 120)
        self.wait_for_idle(collector, sniffing)
        for program in (collector, sniffing):
            program.check_ledger()
        self.check(collector.metric("records_dead_lettered_total") == 0, "documents were given up")
        Tally(loggen.tags(), index.documents()).check(self)

    def nodes(self, collector, state):
        series = collector.metrics().series
        return sum(value for (name, labels), value in series.items()
                   if name == "sluice_collector_elasticsearch_nodes" and dict(labels)["breaker"] in state.split())


class Blocked(Case):
    """An index that takes no writes holds its own documents only, until it takes them again or they are parked."""
    order = 42
    LINES = 400

    def test(self):
        topic, full, free = self.topic(), self.index("full"), self.index("free")
        lines = self.loggen("a", lines=self.LINES)
        lines.end()
        self.shipper(topic).run_once()
        for index in (full, free):
            index.create({})
        self.block(full, True)
        routes = ({"when": "message ~ 'n=a-[0-9]*[02468](?![0-9])'", "index": free.name},)
        waiting = self.collector(topic, full, routes=routes).start()
        self.wait_until("the block is named", lambda: f"index {full.name}: 4" in trouble(waiting) and "cluster_block_exception" in
                        trouble(waiting), 60)
        self.wait_for_count(free, self.LINES // 2)
        self.check(waiting.in_flight() == self.LINES // 2, "documents of the blocked index went somewhere")

        parking = self.collector(topic, full, name="parking", group="parking", routes=routes,
                                 dlq={"dir": str(self.dir / "parked"), "park_after": "500 ms"}).start()
        self.wait_until("they are parked", lambda: self.parked(parking) == self.LINES // 2, 60)
        parking.check_ledger()
        parking.stop()

        self.block(full, False)
        self.wait_for_count(full, self.LINES // 2)
        self.wait_for_idle(waiting)
        waiting.check_ledger()
        odd = {tag for tag in lines.tags() if int(tag[2:]) % 2}
        Tally(odd, full.documents()).check(self)
        Tally(lines.tags() - odd, free.documents()).check(self)

    def block(self, index, on):
        """As the disk's flood stage sets it."""
        index.ask("PUT", f"{index.name}/_settings", {"index.blocks.read_only_allow_delete": True if on else None})

    def parked(self, collector):
        return collector.metrics().series["sluice_collector_records_dead_lettered_total", (("reason", "parked"),)]


class Proxy(Case):
    """nginx in front: TLS with an authority of its own, a client certificate, and an API key that is rotated."""
    order = 43
    LINES = 500
    KEY, OLD_KEY = "bmV3OnNlY3JldA==", "b2xkOnNlY3JldA=="

    def test(self):
        run("./dev", "deps", "proxy", timeout=600)
        topic, index = self.topic(), self.index()
        loggen = self.loggen("a", lines=self.LINES)
        loggen.end()
        self.shipper(topic).run_once()
        self.make_certificates()
        url = f"https://127.0.0.1:{self.start_nginx()}"
        secret = self.dir / "api-key"
        secret.write_text(self.OLD_KEY)
        security = {"ca_fingerprint": self.fingerprint(), "client_cert": str(self.dir / "client.pem"),
                    "client_key": str(self.dir / "client.key"), "api_key": f"file:{secret}"}
        settings = {"urls": [url], "index": index.name, "retry_max": "500 ms"}
        try:
            bare = self.collector(topic, index, name="bare", elasticsearch={**settings, "ca_file": str(self.dir / "ca.pem")})
            self.check_says(bare, 69, "FAIL  elasticsearch https://127.0.0.1")
            collector = self.collector(topic, index, elasticsearch={**settings, **security})
            self.check_says(collector, 77, "it does not take elasticsearch.api_key")
            collector.start()
            self.wait_until("the refusal is named", lambda: "answers 401" in trouble(collector), 60)
            self.check(index.count() == 0, "documents passed without the key")
            self.no_secret_in_a_core_file(collector)
            secret.write_text(self.KEY)
            self.wait_for_count(index, self.LINES)
            self.wait_for_idle(collector)
            collector.check_ledger()
            collector.stop()
            Tally(loggen.tags(), index.documents()).check(self)
            for secret_text in (self.KEY, self.OLD_KEY):
                self.check(secret_text not in collector.log.read_text(), "the key stands in the log")
        finally:
            self.nginx.terminate()
            self.nginx.wait(10)

    def no_secret_in_a_core_file(self, collector):
        proc = pathlib.Path(f"/proc/{collector.process.pid}")
        limit = re.search(r"Max core file size +(\d+) +(\d+)", (proc / "limits").read_text())
        self.check(limit.groups() == ("0", "0"), f"core files may have {limit[0]}")
        memory = (proc / "coredump_filter").read_text().strip()
        self.check(int(memory, 16) == 0, f"a core file has memory: {memory}")

    def openssl(self, *arguments):
        done = subprocess.run(["openssl", *arguments], cwd=self.dir, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, timeout=60)
        self.check(done.returncode == 0, f"openssl: {done.stdout}")
        return done.stdout

    def make_certificates(self):
        new = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
        self.openssl("req", "-x509", *new, "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=test authority", "-days", "2")
        for name, extension in (("server", "subjectAltName=IP:127.0.0.1"), ("client", "extendedKeyUsage=clientAuth")):
            self.openssl("req", *new, "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={name}")
            (self.dir / f"{name}.ext").write_text(extension + "\n")
            self.openssl("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2",
                         "-extfile", f"{name}.ext", "-out", f"{name}.pem")
        chain = (self.dir / "server.pem").read_text() + (self.dir / "ca.pem").read_text()
        (self.dir / "chain.pem").write_text(chain)

    def fingerprint(self):
        return self.openssl("x509", "-fingerprint", "-sha256", "-noout", "-in", "ca.pem").split("=")[1].strip()

    def start_nginx(self):
        port = free_port()
        (self.dir / "nginx.conf").write_text(textwrap.dedent(f"""\
            daemon off;
            master_process off;
            pid nginx.pid;
            error_log nginx.log;
            events {{}}
            http {{
              access_log off;
              client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi; scgi_temp_path scgi;
              client_max_body_size 64m;
              server {{
                listen 127.0.0.1:{port} ssl;
                ssl_certificate chain.pem;
                ssl_certificate_key server.key;
                ssl_client_certificate ca.pem;
                ssl_verify_client on;
                location / {{
                  if ($http_authorization != "ApiKey {self.KEY}") {{ return 401; }}
                  proxy_set_header Authorization "";
                  proxy_pass {ELASTICSEARCH};
                }}
              }}
            }}
            """))
        with open(self.dir / "nginx.out", "wb") as out:
            self.nginx = subprocess.Popen(["/usr/sbin/nginx", "-p", str(self.dir), "-c", str(self.dir / "nginx.conf")],
                                          stdin=subprocess.DEVNULL, stdout=out, stderr=out)
        self.wait_until("nginx listens", lambda: not self.connect(port), 20)
        return port

    def connect(self, port):
        with socket.create_connection(("127.0.0.1", port), timeout=1):
            return None
