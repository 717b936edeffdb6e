# SPDX-License-Identifier: Apache-2.0
"""What a person is told when something is wrong: by `check`, and by a start that cannot be."""
import subprocess

from fake_http import ByTable, serve
from harness import BIN, ELASTICSEARCH, KAFKA, ROOT, Case, free_port

SECRET = "s3cr3t-of-the-test"


class Answer(ByTable):
    """It says the same to everybody and every question."""
    gets = posts = {
        "401": (401, "application/json", '{"error":{"type":"security_exception"},"status":401}'),
        "html": (200, "text/html", "<html><body>Sign in to the network</body></html>"),
    }


class Messages(Case):
    order = 31

    def test(self):
        self.shipper_topic = self.topic()
        self.own_faults()
        self.held_state()
        self.remote_faults()
        self.nothing_is_made()
        self.all_is_well()
        self.versions()
        self.no_secret_is_shown()

    def tell(self, kind, *arguments):
        done = subprocess.run([BIN / f"sluice-{kind}", *map(str, arguments)], cwd=self.dir, text=True, timeout=60,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        return done.returncode, done.stdout

    def expect(self, what, code, texts, kind, *arguments):
        got, output = self.tell(kind, *arguments)
        self.check(got == code, f"{what}: exit {got} instead of {code}: {output}")
        for text in texts:
            self.check(text in output, f'{what}: "{text}" is not in: {output}')
        return output

    def config(self, text):
        path = self.dir / "bad.cfg"
        path.write_text(text)
        return path

    def own_faults(self):
        good = 'kafka = { brokers = "127.0.0.1:1"; topic = "t"; };\n'
        for what, text, expected in (
            ("syntax error", good + "inputs = ((\n", "bad.cfg:"),
            ("unknown key", good + 'servce = "shop";\n', 'service'),
            ("wrong unit", good + 'scan_interval = "5 parsecs";\n', "scan_interval"),
            ("bare number for a size", good + "memory = 20000000;\n", "memory"),
        ):
            for verb in ("run", "check"):
                self.expect(what, 78, [expected], "shipper", verb, "-c", self.config(text))
        self.expect("unreadable config", 66, ["nowhere.cfg"], "shipper", "check", "-c", self.dir / "nowhere.cfg")
        self.expect("no input", 78, ["nothing to tail"], "shipper", "check", "-c", self.config(good))
        # Root may read everything, so the file that cannot be read is a folder.
        self.expect("config is a folder", 66, ["Is a directory"], "shipper", "run", "-c", self.dir)
        self.expect("config is a folder", 66, ["Is a directory"], "collector", "check", "-c", self.dir)
        for secret, text in (("file:/nope", "file:/nope: No such file"), ("env:NOPE_NOT_SET", "NOPE_NOT_SET")):
            self.expect("secret is not there", 78, ["bad.cfg:2", "elasticsearch.password", text], "collector", "check",
                        "-c", self.config('kafka = { brokers = "b"; topics = [ "t" ]; };\n'
                                          f'elasticsearch = {{ username = "u"; password = "{secret}"; }};\n'))
        self.expect("nothing is said", 78, ["kafka.brokers and kafka.topic: must be set", "--brokers", "--topic"], "shipper")
        self.expect("nothing is said", 78, ["kafka.brokers: must be set", "kafka.topics: must be set"], "collector")
        self.expect("state cannot be made", 73, ["/proc/sluice"], "shipper", "run", "-c", self.config(good), "--state",
                    "/proc/sluice", "--http", "127.0.0.1:0", "x.log")
        (self.dir / "a-file").write_text("")
        self.expect("state is a file", 73, ["is not a directory"], "shipper", "run", "-c", self.config(good),
                    "--state", self.dir / "a-file", "--http", "127.0.0.1:0", "x.log")

    def flags(self, *more):
        (self.logs / "x.log").write_text("a line\n")
        return ("--state", self.dir / "check.state", *more, self.logs / "x.log")

    def held_state(self):
        holder = self.shipper(self.shipper_topic).start()
        self.wait_until("the shipper is up", lambda: holder.get("/healthz")[0] == 200, 20)
        state = self.dir / "shipper.state"
        where = ("--brokers", KAFKA, "--topic", self.shipper_topic, "--state", state, self.logs / "x.log")
        by = f"in use by process {holder.process.pid}"
        self.expect("state in use", 75, [by], "shipper", "run", "--http", "127.0.0.1:0", *where)
        self.logs.joinpath("x.log").write_text("a line\n")
        self.expect("check beside a shipper", 0, [by], "shipper", "check", *where)
        holder.stop()

    def remote_faults(self):
        self.expect("Kafka's port is closed", 69, ["FAIL", "cannot be reached: Connection refused"], "shipper", "check",
                    *self.flags("--brokers", f"127.0.0.1:{free_port()}", "--topic", "t"))
        self.expect("Kafka's name does not resolve", 69, ["resolve", "name service"], "shipper", "check",
                    *self.flags("--brokers", "nowhere.invalid:9092", "--topic", "t"))
        source = ("check", "--brokers", KAFKA, "--topic", self.shipper_topic)
        server, here = serve(Answer)
        for what, code, url, text in (
            ("401", 77, f"{here}/401", "answers 401: set elasticsearch.api_key or username and password"),
            ("HTML from a proxy", 69, f"{here}/html", "answers 200 with HTML, not as Elasticsearch does"),
            ("name does not resolve", 69, "http://nowhere.invalid:9200", "look at elasticsearch.urls and at the name"),
            ("port is closed", 69, f"http://127.0.0.1:{free_port()}", "nothing listens there"),
        ):
            self.expect(what, code, ["FAIL", text], "collector", *source, "--url", url)
        server.shutdown()

    def nothing_is_made(self):
        missing = f"{self.unique}-missing"
        self.expect("topic missing", 69, [f"FAIL  topic {missing}", "does not exist"], "shipper", "check",
                    *self.flags("--brokers", KAFKA, "--topic", missing))
        self.expect("topic missing", 69, [f"FAIL  topic {missing}"], "collector", "check", "--brokers", KAFKA,
                    "--topic", missing, "--url", ELASTICSEARCH)
        listed = subprocess.run([ROOT / "tests/stack/topic", "list"], stdout=subprocess.PIPE, text=True, check=True)
        self.check(missing not in listed.stdout, f"check has made the topic {missing}")
        self.check(not (self.dir / "check.state").exists(), "check has made a state directory")

    def all_is_well(self):
        output = self.expect("shipper", 0, ["8 partitions, records up to"], "shipper", "check",
                             *self.flags("--brokers", KAFKA, "--topic", self.shipper_topic))
        self.check("FAIL" not in output and "warn" not in output, f"all is well, and yet: {output}")
        self.expect("collector", 0, ["ok    group", "ok    elasticsearch"], "collector", "check", "--brokers", KAFKA,
                    "--topic", self.shipper_topic, "--url", ELASTICSEARCH)

    def versions(self):
        libraries = {"librdkafka", "libcurl", "yajl", "lz4", "libconfig", "libdeflate", "libmicrohttpd", "xxhash", "pcre2", "zlib",
                     "zstd"}
        for kind in ("shipper", "collector"):
            lines = self.expect("versions", 0, [], kind, "--version").splitlines()
            told = dict(line.split(" ", 1) for line in lines)
            optional = {"libsystemd"}
            self.check(set(told) - optional == {f"sluice-{kind}"} | libraries, f"--version of the {kind}: {told}")
            self.check(all(version[:1].isdigit() for version in told.values()), f"no versions: {told}")

    def no_secret_is_shown(self):
        path = self.config(f'kafka = {{ brokers = "{KAFKA}"; topics = [ "{self.shipper_topic}" ]; }};\n'
                           f'elasticsearch = {{ urls = [ "{ELASTICSEARCH}" ]; username = "u"; password = "{SECRET}"; }};\n')
        for arguments in (["--help-config"], ["check"], ["run", "--set", 'memory="1 kg"'],
                          ["check", "--set", f'elasticsearch.urls=["http://u:{SECRET}@127.0.0.1:1"]']):
            _, output = self.tell("collector", *arguments, "-c", path)
            self.check(output and SECRET not in output, f"{arguments}: shows the password: {output}")
        collector = self.collector(self.shipper_topic, self.index(), elasticsearch={
            "urls": [ELASTICSEARCH], "username": "u", "password": SECRET})
        collector.start()
        self.wait_until("the collector is up", lambda: collector.get("/healthz")[0] == 200, 20)
        for page in ("/status", "/metrics", "/readyz"):
            self.check(SECRET not in collector.get(page)[1], f"{page} shows the password")
        collector.stop()
        self.check(SECRET not in collector.log.read_text(), "the log shows the password")
